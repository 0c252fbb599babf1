"""What the doctor sees of the settings and of the machine, without asking any other server."""

import os
import platform
import resource
import shutil
import stat
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from app.findings import Finding, failure, note
from app.secret import KEY, weakness
from app.settings import Settings
from app.tracing.opening import TracingUnavailable, is_asked_for

_LOW_DISK_BYTES: Final = 2**30
_SMALL_DISK_BYTES: Final = 5 * 2**30
_LOCAL_HOSTS: Final = frozenset({"127.0.0.1", "::1", "localhost"})
# Libraries, logs, files of exports and uploads.
_OTHER_FILES: Final = 200
_EXPORTER: Final = "opentelemetry.exporter.otlp.proto.http"


def look_at_settings(settings: Settings) -> Iterator[Finding]:
    """What the settings say by themselves."""
    yield Finding("Python", platform.python_version())
    yield _environment(settings)
    yield _operators(settings)
    if settings.workers > 1 and settings.enable_query_caching and not settings.enable_redis_cache:
        yield note(
            "Cache",
            f"{settings.workers} processes without Redis keep no answers",
            "Set ENABLE_REDIS_CACHE and REDIS_URL.",
        )


def look_at_machine(
    settings: Settings, folder: Path, environment: Mapping[str, str]
) -> Iterator[Finding]:
    """What it has, and whether that is enough.

    Args:
        folder: DATA_DIR.
    """
    yield _folder(folder)
    yield _secret(settings, folder)
    yield _cores(settings)
    yield _open_files(settings)
    yield from _tracing(environment)


def _environment(settings: Settings) -> Finding:
    if settings.is_production or settings.host in _LOCAL_HOSTS:
        return Finding("Environment", settings.environment)
    return note(
        "Environment",
        f"development, and {settings.host} can be reached from elsewhere",
        "Set ENVIRONMENT=production: development shows the schema and prints a token.",
    )


def _operators(settings: Settings) -> Finding:
    token = settings.ops_token
    if token is not None and (reason := weakness(token.get_secret_value())):
        return failure("OPS_TOKEN", f"can be guessed, for it {reason}", "Make another one.")
    if token is None and settings.is_production:
        return note(
            "OPS_TOKEN",
            "not set: health and metrics are for admins alone",
            "Set one, so that monitoring needs no user.",
        )
    return Finding("OPS_TOKEN", "not set" if token is None else "set")


def _folder(folder: Path) -> Finding:
    existing = next(place for place in (folder, *folder.parents) if place.exists())
    free = shutil.disk_usage(existing).free
    words = f"{folder}, {free / 2**30:.1f} GiB free"
    if existing != folder:
        words += ", made at the first start"
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        advice = f"Let this user write to {existing}, or set DATA_DIR to another folder."
        return failure("Data folder", f"{folder} cannot be written", advice)
    if free < _LOW_DISK_BYTES:
        return failure("Data folder", words, "Free some space: exports and uploads will fail.")
    if free < _SMALL_DISK_BYTES:
        return note("Data folder", words, "Exports and uploads may need more.")
    return Finding("Data folder", words)


def _secret(settings: Settings, folder: Path) -> Finding:
    if settings.secret_key is not None:
        reason = weakness(settings.secret_key.get_secret_value())
        if reason is None:
            return Finding("Secret", "SECRET_KEY")
        tell = failure if settings.is_production else note
        return tell("Secret", f"SECRET_KEY can be guessed, for it {reason}", "Make another one.")
    path = folder / KEY
    if not path.exists():
        return Finding("Secret", "made and kept in DATA_DIR at the first start")
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        return failure("Secret", f"{path} can be read by others", f"Say: chmod 600 {path}")
    return Finding("Secret", "made and kept in DATA_DIR")


def _cores(settings: Settings) -> Finding:
    cores = os.cpu_count() or 1
    words = f"{cores} cores, WORKERS is {settings.workers}"
    if settings.workers > cores:
        return note("Processes", words, f"Set WORKERS to {cores} at most: more share the cores.")
    if settings.is_production and settings.workers == 1 and cores > 2:
        return note("Processes", words, "Set WORKERS: one process uses one core.")
    return Finding("Processes", words)


def _open_files(settings: Settings) -> Finding:
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = settings.max_connections + settings.pool.most + _OTHER_FILES
    if limit in {resource.RLIM_INFINITY, -1} or limit >= needed:
        return Finding("Open files", f"enough for MAX_CONNECTIONS, {settings.max_connections}")
    return note(
        "Open files",
        f"a process may open {limit}, and MAX_CONNECTIONS is {settings.max_connections}",
        f"Raise the limit to {needed} (LimitNOFILE of systemd, ulimit -n), or lower"
        " MAX_CONNECTIONS.",
    )


def _tracing(environment: Mapping[str, str]) -> Iterator[Finding]:
    try:
        if not is_asked_for(environment):
            return
        if not _is_installed(_EXPORTER):
            advice = "Say: pip install 'appointment360[tracing]'; or OTEL_SDK_DISABLED=true."
            yield failure("Traces", "asked for, and the extra is not installed", advice)
            return
    except TracingUnavailable as error:
        yield failure("Traces", str(error), "Change the OTEL_… variables.")
        return
    yield Finding("Traces", "are sent")


def _is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False
