"""Looks over the set-up: what is configured, what can be reached, what is missing.

Nothing is changed, but that the embedded PostgreSQL is started where it does not run.
"""

import os
from collections.abc import AsyncIterator

from app.doctor_machine import look_at_machine, look_at_settings
from app.doctor_postgresql import look_at_postgresql
from app.doctor_redis import look_at_files, look_at_redis
from app.findings import Finding, failure
from app.resources import data_folder
from app.settings import Settings, SettingsError, load_settings


async def examine() -> list[Finding]:
    """Everything that was found, in the order it was looked at."""
    try:
        settings = load_settings()
    except SettingsError as error:
        advice = "Correct the environment or .env; docs/settings.md has all settings."
        return [failure("Settings", str(error), advice)]
    return [finding async for finding in look_over(settings)]


async def look_over(settings: Settings) -> AsyncIterator[Finding]:
    """What is found with these settings."""
    folder = data_folder(settings)
    for finding in look_at_settings(settings):
        yield finding
    for finding in look_at_machine(settings, folder, os.environ):
        yield finding
    for look in (look_at_postgresql(settings, folder), look_at_files(settings, folder)):
        async for finding in look:
            yield finding
    async for finding in look_at_redis(settings):
        yield finding
