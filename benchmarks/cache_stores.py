"""`make bench-cache`, second part: invalidation by the size of what it makes old, and the bounds.

In this process, without HTTP: the steps of both stores, and the reads of PostgreSQL that a hundred
requests at once come to.
"""

import argparse
import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Final
from uuid import UUID

import httpx
from pydantic import SecretStr

from app.asgi import create_app
from app.resources import open_resources
from app.settings import Settings
from benchmarks.database import VIEWER_UUID, Scale, default_folder, open_database
from benchmarks.operations import graphql_request, load_operation
from cache.keys import ContactDetail, ContactList
from cache.memory import MemoryStore
from cache.redis_store import open_redis_store
from cache.store import Miss, Store
from cache.tags import Entity
from db.transaction import StatementRun
from domain.enums import Role
from tests.valkey import valkey_server

_ERA: Final = "benchmark"
_SECONDS: Final = 600.0
_CHANGES: Final = 200
_AT_ONCE: Final = 100
_ENTRIES: Final = 1000
_MEBIBYTE: Final = 2**20
_TAGS: Final = ("list:Contact", "contact:1")


def main(arguments: Sequence[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cache_stores", description=__doc__)
    add = parser.add_argument
    add("--sizes", type=int, nargs="+", default=[10, 100_000], help="entries (%(default)s)")
    add("--data", type=Path, default=default_folder(), help="keeps the database (%(default)s)")
    scale = Scale()
    add("--contacts", type=int, default=scale.contacts, help="rows (%(default)s)")
    add("--companies", type=int, default=scale.companies, help="rows (%(default)s)")
    wanted = parser.parse_args(arguments)
    asyncio.run(_invalidate(wanted.sizes))
    asyncio.run(_overfill())
    scale = Scale(contacts=wanted.contacts, companies=wanted.companies)
    with open_database(wanted.data, scale, progress=print) as database:
        asyncio.run(_ask_at_once(database.url))


async def _invalidate(sizes: Sequence[int]) -> None:
    """Tell what a change takes, from dirty to clean, of lists with so many entries."""
    for size in sizes:
        memory = MemoryStore(max_entries=size + 1, max_bytes=2**30, schema="benchmark")
        await _tell_change(memory, size)
        async with _redis() as redis:
            await _tell_change(redis, size)


@asynccontextmanager
async def _redis() -> AsyncIterator[Store]:
    with valkey_server() as server:
        async with open_redis_store(server.url, schema="benchmark") as store:
            yield store


async def _tell_change(store: Store, size: int) -> None:
    for number in range(size):
        await _keep_list(store, number)
    spent = []
    for number in range(_CHANGES):
        started = time.perf_counter()
        await store.begin(_TAGS, str(number))
        await store.end(_TAGS, str(number))
        spent.append((time.perf_counter() - started) * 1e6)
    print(f"a change of a list of {size:6} entries, {store.backend}: {median(spent):.0f} us")


async def _keep_list(store: Store, number: int) -> None:
    key = ContactList(digest=f"{number:032x}", shows=frozenset({Entity.CONTACT}))
    found = await store.look_up(key, era=_ERA)
    assert isinstance(found, Miss)
    is_kept = await store.fill(key, b"0" * 100, era=_ERA, token=found.token, ttl_seconds=_SECONDS)
    assert is_kept


async def _overfill() -> None:
    """Tell what is kept of ten times as many values as fit, small ones and those of a page."""
    for size in (1_000, 100_000):
        store = MemoryStore(max_entries=_ENTRIES, max_bytes=64 * _MEBIBYTE, schema="benchmark")
        for number in range(10 * _ENTRIES):
            key = ContactDetail(digest=f"{number:032x}", shows=frozenset(), contact_id=number)
            found = await store.look_up(key, era=_ERA)
            assert isinstance(found, Miss)
            value = bytes(size)
            await store.fill(key, value, era=_ERA, token=found.token, ttl_seconds=_SECONDS)
        kept = (await store.statistics())["total_entries"]
        print(
            f"{10 * _ENTRIES} values of {size} bytes: {kept} kept,"
            f" {store.kept_bytes / _MEBIBYTE:.1f} MiB"
        )


async def _ask_at_once(database_url: str) -> None:
    """Tell how many reads of contacts a hundred requests of one page at once come to."""
    operation, statements = load_operation("q1"), [0]

    def count(run: StatementRun) -> None:
        # When the viewer was active last is written beside.
        statements[0] += "contacts" in run.sql

    with TemporaryDirectory(prefix="a360-cache-") as folder:
        settings = Settings(
            database_url=SecretStr(database_url), data_dir=Path(folder), log_level="error"
        )
        async with open_resources(settings, with_cache=True) as resources:
            assert resources.caching.lease is not None
            await resources.caching.lease.usable()
            resources.database.observers.append(count)
            request = graphql_request("/graphql", operation, contact_id="", headers={})
            token = resources.tokens.issue(UUID(VIEWER_UUID), Role.VIEWER, ttl_seconds=600)
            transport = httpx.ASGITransport(create_app(resources))
            headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
            async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
                answers = await asyncio.gather(
                    *(
                        http.post("/graphql", content=request.body, headers=headers)
                        for _ in range(_AT_ONCE)
                    )
                )
            assert len({answer.content for answer in answers}) == 1
    print(f"{_AT_ONCE} requests of one page at once: read {statements[0]} times")


if __name__ == "__main__":
    main()
