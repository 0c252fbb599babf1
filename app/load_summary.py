"""What became of a file that was loaded, for people to read: numbers, columns, reasons."""

from collections.abc import Iterator
from typing import Final

from app.load import Loaded
from db.import_reasons import Reason
from db.rows import JobRow
from domain.imports import ImportEntity
from domain.jobs import JobStatus
from streaming.import_reading import Reading

_COUNTS: Final = ("created", "updated", "unchanged", "skipped", "failed", "warnings")


def render_summary(loaded: Loaded) -> str:
    """What became of a file."""
    job = loaded.job
    return "\n".join(
        [
            _render_title(job, loaded.reading),
            *(f"  {name:<10}{job.counters.get(name, 0):>12,}" for name in _COUNTS),
            *(_render_columns(loaded.reading) if loaded.reading else ()),
            *map(_render_reason, loaded.reasons),
            *_render_notes(loaded),
        ]
    )


def failure_of(loaded: Loaded) -> str | None:
    """Why a file counts as not loaded; None when it was."""
    job = loaded.job
    if job.finished_at is None:
        return (
            "Stopped. Loading the same file again goes on from here; so does a server with the same"
            " DATA_DIR, by itself."
        )
    if job.status == JobStatus.CANCELLED:
        return "Stopped. What was written by then stays."
    if job.status == JobStatus.FAILED:
        return job.error or "The import has failed."
    rows = job.counters.get("rows", 0)
    return "No row could be taken." if 0 < rows == job.counters.get("failed", 0) else None


def _render_title(job: JobRow, reading: Reading | None) -> str:
    rows, seconds = job.counters.get("rows", 0), _seconds(job)
    rate = f"{rows / seconds:,.0f} rows/s" if seconds else "at once"
    told = f"{job.filename}: {rows:,} {job.entity} in {seconds:.1f} s ({rate})"
    if reading is None:
        return told
    dialect, vendor = reading.dialect, f", columns of {reading.vendor}" if reading.vendor else ""
    return f"{told}, read as {dialect.encoding} with {dialect.delimiter!r} between cells{vendor}"


def _seconds(job: JobRow) -> float:
    """From the first attempt to the end, or to the last sign."""
    if job.started_at is None:
        return 0.0
    return ((job.finished_at or job.updated_at) - job.started_at).total_seconds()


def _render_columns(reading: Reading) -> Iterator[str]:
    mapping = reading.mapping
    yield "Columns read: " + ", ".join(f"{each.header} → {each.field}" for each in mapping.columns)
    if mapping.unmapped:
        yield f"Columns not read: {', '.join(mapping.unmapped)}"


def _render_reason(reason: Reason) -> str:
    lines = ", ".join(map(str, reason.lines)) + (", …" if reason.times > len(reason.lines) else "")
    return f"{reason.code} × {reason.times:,} (line {lines}): {reason.message}"


def _render_notes(loaded: Loaded) -> Iterator[str]:
    job = loaded.job
    companies = job.counters.get("companies", 0)
    if companies and job.entity == ImportEntity.CONTACTS:
        yield f"{companies:,} companies were created or filled."
    if job.options.get("dry_run"):
        yield "This was a dry run: nothing was written."
    if loaded.is_old:
        yield (
            f"The same was loaded before, by {job.finished_at:%Y-%m-%d %H:%M} UTC, so nothing was"
            " done now. --force loads it again."
        )
