"""Looks over the set-up: what is configured, what can be reached, what is missing."""

import asyncio
import platform
import shutil
from dataclasses import dataclass
from pathlib import Path

from app.embedded.binaries import EmbeddedServerError, binaries
from app.resources import Resources, data_folder, open_resources, replica_of
from app.settings import Settings, SettingsError, load_settings

_LOW_DISK_BYTES = 2**30
_REPLICA_SECONDS = 0.5


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    subject: str
    words: str
    ok: bool = True


def examine() -> list[Finding]:
    """Everything that was found, in the order it was looked at."""
    findings = [Finding("Python", platform.python_version())]
    try:
        settings = load_settings()
    except SettingsError as error:
        return [*findings, Finding("Settings", str(error), ok=False)]
    findings += [
        Finding("Environment", settings.environment),
        Finding("Secret", "SECRET_KEY" if settings.secret_key else "made and kept in DATA_DIR"),
        _disk(data_folder(settings)),
        _programs(settings),
    ]
    return [*findings, *asyncio.run(_database(settings))]


def _disk(folder: Path) -> Finding:
    existing = next(place for place in (folder, *folder.parents) if place.exists())
    free = shutil.disk_usage(existing).free
    words = f"{folder}, {free / 2**30:.1f} GiB free"
    return Finding("Data folder", words, ok=free > _LOW_DISK_BYTES)


def _programs(settings: Settings) -> Finding:
    if settings.database_url is not None:
        return Finding("PostgreSQL", "DATABASE_URL")
    try:
        return Finding("PostgreSQL", f"embedded, {binaries()}")
    except EmbeddedServerError as error:
        return Finding("PostgreSQL", str(error), ok=False)


async def _database(settings: Settings) -> list[Finding]:
    try:
        async with open_resources(settings) as resources:
            problem = await resources.probe.problem()
            if problem is not None:
                return [Finding("Database", problem, ok=False)]
            facts = await resources.probe.facts()
            replica = await _replica(resources)
    except (EmbeddedServerError, OSError) as error:
        return [Finding("Database", str(error), ok=False)]
    found = [Finding("Database", "reachable, migrated"), *(Finding(*fact) for fact in facts)]
    return [*found, *replica]


async def _replica(resources: Resources) -> list[Finding]:
    where = resources.settings, resources.database_url, resources.database
    async with replica_of(*where) as replica:
        if replica is None:
            return []
        await replica.look()
        # A replica that keeps up has by now what the primary had at the first look.
        await asyncio.sleep(_REPLICA_SECONDS)
        problem = await replica.look()
        near = f"in use, at most {replica.lag_seconds():.1f} s behind"
    return [Finding("Replica", problem or near, ok=problem is None)]
