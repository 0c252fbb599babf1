"""Stores for tests: both kinds, with a clock that goes as fast as it is told."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from redis import Redis

from cache.keys import ContactDetail, ContactList, Key
from cache.memory import MemoryStore
from cache.store import Miss, Store
from cache.tags import Entity
from tests.valkey import Valkey

ERA = "era1"
CONTACTS = "list:Contact"

_SPECIAL = re.compile(r"[*?\[\]\\]")


@dataclass
class Clock:
    """Seconds that pass when a test says so."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass
class InMemory:
    """Memory, and what a test does to it."""

    clock: Clock = field(default_factory=Clock)

    def open(self, schema: str = "schema", *, max_entries: int = 2000) -> MemoryStore:
        """A store with a memory of its own."""
        return MemoryStore(
            max_entries=max_entries, max_bytes=2**20, schema=schema, timer=self.clock
        )

    def let_pass(self, seconds: float) -> None:
        """Be that much later."""
        self.clock.now += seconds


@dataclass
class InRedis:
    """A Redis server, and what a test does to it."""

    server: Valkey

    def let_pass(self, seconds: float) -> None:
        """Bring every end that has been set that much nearer."""
        milliseconds = int(seconds * 1000)
        with Redis.from_url(self.server.url) as client:
            for name in client.scan_iter("a360:changes:*"):
                for change in client.zrange(name, 0, -1):
                    client.zincrby(name, -milliseconds, change)
            for name in client.scan_iter("query_cache:*"):
                client.pexpire(name, client.pttl(name) - milliseconds)


World = InMemory | InRedis


def listed(digest: str = "d1") -> ContactList:
    """A page of contacts, which any of them may change."""
    return ContactList(digest=digest, shows=frozenset({Entity.CONTACT}))


def shown(contact_id: int) -> ContactDetail:
    """A contact, shown with nothing that others may change."""
    return ContactDetail(digest=f"c{contact_id}", contact_id=contact_id, shows=frozenset())


async def missed(store: Store, key: Key, *, era: str = ERA) -> str:
    """The token of a lookup that has to miss."""
    found = await store.look_up(key, era=era)
    assert isinstance(found, Miss), found
    return found.token


async def keep(store: Store, key: Key, value: bytes, *, ttl_seconds: float = 100) -> str:
    """Keep a value that has to be kept; gives the token it was kept under."""
    token = await missed(store, key)
    assert await store.fill(key, value, era=ERA, token=token, ttl_seconds=ttl_seconds)
    return token


async def change(store: Store, *tags: str, name: str = "change") -> None:
    """A change from its beginning to its end."""
    await store.begin(tags, name)
    await store.end(tags, name)


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait for a condition, at most ten seconds."""
    async with asyncio.timeout(10):
        while True:
            if await condition():
                return
            await asyncio.sleep(0.005)


def escaped(text: str) -> str:
    """The pattern that is to match this text alone."""
    return _SPECIAL.sub(r"\\\g<0>", text)
