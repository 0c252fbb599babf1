"""Stores of both kinds, each test's own."""

from collections.abc import AsyncIterator, Iterator

import pytest

from cache.redis_store import RedisStore, open_redis_store
from cache.store import Store
from tests.cache.stores import InMemory, InRedis, World
from tests.valkey import Valkey, valkey_server


@pytest.fixture(scope="session")
def shared_valkey() -> Iterator[Valkey]:
    """A server that no test breaks."""
    with valkey_server() as server:
        yield server


@pytest.fixture
def healthy_valkey(shared_valkey: Valkey) -> Valkey:
    """A server with nothing in it; it must not be broken."""
    shared_valkey.ask("FLUSHALL")
    return shared_valkey


@pytest.fixture
def valkey() -> Iterator[Valkey]:
    """A server with nothing in it, to be broken."""
    with valkey_server() as server:
        yield server


@pytest.fixture(params=["memory", "redis"])
def world(request: pytest.FixtureRequest) -> World:
    """What both kinds of stores keep their values in."""
    if request.param == "memory":
        return InMemory()
    return InRedis(request.getfixturevalue("healthy_valkey"))


@pytest.fixture
async def store(world: World) -> AsyncIterator[Store]:
    """A store of either kind."""
    if isinstance(world, InMemory):
        yield world.open()
        return
    async with open_redis_store(world.server.url, schema="schema") as opened:
        yield opened


@pytest.fixture
async def redis_store(valkey: Valkey) -> AsyncIterator[RedisStore]:
    """A store in the server that is to be broken."""
    async with open_redis_store(valkey.url, schema="schema") as opened:
        yield opened
