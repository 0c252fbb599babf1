"""What the doctor sees of Redis, and of the store of files."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final
from uuid import uuid4

from app.findings import Finding, failure, note
from app.settings import Settings
from cache.redis_facts import RedisFacts, read_redis_facts
from cache.store import StoreUnavailable
from streaming.file_store import FileStoreError, open_file_store
from streaming.upload_files import UploadFiles

_GOOD_POLICIES: Final = frozenset({"allkeys-lru", "allkeys-lfu", "volatile-ttl", "volatile-lru"})
_PATIENCE_SECONDS: Final = 5.0


async def look_at_redis(settings: Settings) -> AsyncIterator[Finding]:
    """Whether processes can share it; nothing where none is asked for."""
    if (redis := settings.shared_redis) is None:
        return
    try:
        facts = await read_redis_facts(redis)
    except StoreUnavailable as error:
        yield failure(
            "Redis",
            f"does not answer: {error}",
            "Start it, or correct REDIS_URL; meanwhile everything is read from PostgreSQL.",
        )
        return
    yield _redis(facts)


async def look_at_files(settings: Settings, folder: Path) -> AsyncIterator[Finding]:
    """Whether the store of whole files can be read; nothing where they are in DATA_DIR."""
    if settings.file_store_url is None:
        return
    try:
        store = open_file_store(settings.file_store_url, UploadFiles(folder / "uploads"))
        async with asyncio.timeout(_PATIENCE_SECONDS), store.opened(uuid4()):
            pass
    except FileNotFoundError:
        yield Finding("Files", "FILE_STORE_URL can be read")
    except FileStoreError as error:
        yield failure("Files", error.message, "Correct FILE_STORE_URL.")
    except Exception as error:  # noqa: BLE001  # each store has errors of its own
        # What they say may quote the address: a secret.
        yield failure(
            "Files",
            f"FILE_STORE_URL cannot be read: {type(error).__name__}",
            "Look at its address, its credentials and what they allow: read, write, list, delete.",
        )


def _redis(facts: RedisFacts) -> Finding:
    if facts.mode != "standalone":
        advice = "Use one server: scripts of the cache touch several keys at once."
        return failure("Redis", f"{facts.version} is a {facts.mode}", advice)
    if facts.policy is None:
        advice = "See that maxmemory-policy is allkeys-lru."
        return note("Redis", f"{facts.version}, which does not tell its settings", advice)
    if not facts.max_bytes:
        advice = "Set maxmemory, and maxmemory-policy to allkeys-lru."
        return note("Redis", f"{facts.version}, without a bound for its memory", advice)
    words = f"{facts.version}, {facts.max_bytes / 2**20:.0f} MiB, {facts.policy}"
    if facts.policy not in _GOOD_POLICIES:
        advice = "Set maxmemory-policy to allkeys-lru: once it is full nothing more is kept."
        return note("Redis", words, advice)
    return Finding("Redis", words)
