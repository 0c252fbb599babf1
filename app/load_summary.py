"""What became of a file that was loaded: the numbers, the reasons, and the report file."""

import csv
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from db.staging import Finding, Outcome, Result
from domain.errors import InvalidInput
from streaming.decoders import CsvDialect
from streaming.mapping import Entity, HeaderMapping

MAX_EXAMPLES: Final = 3
REPORT_COLUMNS: Final = ("line", "outcome", "uuid", "code", "message")

_TAKEN: Final = frozenset({Result.CREATED, Result.UPDATED, Result.UNCHANGED})
_CALCULATED: Final = re.compile(r"[=+\-@\t\r]")


@dataclass(frozen=True, kw_only=True)
class LoadProgress:
    """How far a load has come; the other numbers add up to `rows`."""

    rows: int
    created: int
    updated: int
    unchanged: int
    skipped: int
    failed: int


@dataclass(kw_only=True)
class Reason:
    """Something that was told about rows.

    Attributes:
        message: What was told about the first of them.
        lines: Where the first few of them begin.
    """

    message: str
    count: int = 0
    lines: list[int] = field(default_factory=list)


@dataclass(kw_only=True)
class LoadSummary:
    """What became of a file.

    Attributes:
        results: How many rows came to each result.
        warnings: How often something was told about a row that was taken all the same.
        reasons: What was told about rows, by code.
        keyless: The contacts created that have neither e-mail nor LinkedIn address.
        companies_written: The companies created or filled.
    """

    path: Path
    entity: Entity
    dialect: CsvDialect
    mapping: HeaderMapping
    is_dry_run: bool = False
    results: Counter[Result] = field(default_factory=Counter)
    warnings: int = 0
    reasons: dict[str, Reason] = field(default_factory=dict)
    keyless: int = 0
    companies_written: int = 0
    seconds: float = 0.0

    def progress(self) -> LoadProgress:
        """The numbers as they are now."""
        counts = {result.lower(): self.results[result] for result in Result}
        return LoadProgress(rows=self.results.total(), **counts)

    def add(self, outcome: Outcome) -> None:
        """Count what became of a row."""
        self.results[outcome.result] += 1
        if outcome.result in _TAKEN:
            self.warnings += len(outcome.findings)
        for finding in outcome.findings:
            reason = self.reasons.setdefault(finding.code, Reason(message=_told(finding)))
            reason.count += 1
            if len(reason.lines) < MAX_EXAMPLES:
                reason.lines.append(outcome.line)


class ReportFile:
    """A CSV file with a line for every row: line, outcome, uuid of the record, codes, messages.

    Blocks; write it in a thread.

    Raises:
        InvalidInput: The file cannot be made.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._file = path.open("w", encoding="utf-8", newline="")
        except OSError as error:
            raise InvalidInput(f"{path} cannot be written: {error.strerror}.") from error
        self._writer = csv.writer(self._file)
        self._writer.writerow(REPORT_COLUMNS)

    def write(self, outcomes: Iterable[Outcome]) -> None:
        """Append a line for each row."""
        self._writer.writerows(
            (
                outcome.line,
                outcome.result,
                outcome.uuid or "",
                " ".join(dict.fromkeys(finding.code for finding in outcome.findings)),
                _guarded(" ".join(_told(finding) for finding in outcome.findings)),
            )
            for outcome in outcomes
        )

    def close(self) -> None:
        """Finish the file."""
        self._file.close()


def render_summary(summary: LoadSummary) -> str:
    """What became of a file, for people to read."""
    return "\n".join(
        [
            _render_title(summary),
            *(_render_count(result.lower(), summary.results[result]) for result in Result),
            _render_count("warnings", summary.warnings),
            *_render_columns(summary.mapping),
            *(_render_reason(code, reason) for code, reason in sorted(summary.reasons.items())),
            *_render_notes(summary),
        ]
    )


def _render_title(summary: LoadSummary) -> str:
    rows = summary.results.total()
    rate = rows / summary.seconds if summary.seconds else 0
    return (
        f"{summary.path.name}: {rows:,} {summary.entity} in {summary.seconds:.1f} s"
        f" ({rate:,.0f} rows/s), read as {summary.dialect.encoding}"
        f" with {summary.dialect.delimiter!r} between cells"
    )


def _render_count(name: str, count: int) -> str:
    return f"  {name:<10}{count:>12,}"


def _render_columns(mapping: HeaderMapping) -> list[str]:
    read = ", ".join(f"{column.header} → {column.field}" for column in mapping.columns)
    unread = ", ".join(mapping.unmapped)
    return [f"Columns read: {read}"] + ([f"Columns not read: {unread}"] if unread else [])


def _render_reason(code: str, reason: Reason) -> str:
    lines = ", ".join(map(str, reason.lines)) + (", …" if reason.count > len(reason.lines) else "")
    return f"{code} × {reason.count:,} (line {lines}): {reason.message}"


def _render_notes(summary: LoadSummary) -> list[str]:
    notes = []
    if summary.companies_written and summary.entity == "contacts":
        notes.append(f"{summary.companies_written:,} companies were created or filled.")
    if summary.keyless:
        notes.append(
            f"{summary.keyless:,} contacts have neither e-mail address nor LinkedIn profile: they"
            " cannot be found again, and loading the file again creates them again."
        )
    if summary.is_dry_run:
        notes.append("This was a dry run: nothing was written.")
    return notes


def _told(finding: Finding) -> str:
    return f"{finding.column}: {finding.message}" if finding.column else finding.message


def _guarded(text: str) -> str:
    """The text so that no spreadsheet takes it for a formula."""
    return f"'{text}" if _CALCULATED.match(text) else text
