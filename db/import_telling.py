"""What is told about the rows of an import, and the cells of those that should be corrected."""

import asyncio
from collections.abc import Container, Iterator, Mapping, Sequence, Set
from dataclasses import asdict
from typing import Any, Final, NamedTuple, Protocol, TypeVar

from db.import_tables import import_errors, import_rejects
from db.staging import Finding, Outcome, Result, StagedCompany, StagedContact, StagingCode
from db.staging_writing import copy_rows
from db.suppressions import suppressed
from db.transaction import Transaction
from domain.imports import MAX_RAW_CHARS, ImportErrorCode, ImportProblem, Severity
from domain.person_keys import keys_in, person_key
from domain.privacy import keys_of

_WARNINGS: Final = frozenset({StagingCode.NAME_DIFFERS})
"""What is only told: all of the row is written nevertheless."""

T = TypeVar("T")

_CODES: Final = frozenset(ImportErrorCode)
# What the event loop makes ready for PostgreSQL in one go.
_ASKED_KEYS: Final = 10_000
_COPIED_ROWS: Final = 250
_NAMES_ERASED: Final = Finding(
    code=ImportErrorCode.SUPPRESSED_CONTACT, message=ImportErrorCode.SUPPRESSED_CONTACT.doc
)


class FileRow(Protocol):
    """A row of a file."""

    @property
    def line(self) -> int:
        """On which it begins, from 1."""

    @property
    def staged(self) -> StagedContact | StagedCompany | None:
        """What it says; None when nothing can be made of it."""

    @property
    def findings(self) -> Sequence[Finding]:
        """What is wrong with it."""

    @property
    def cells(self) -> Sequence[str]:
        """As the file has them."""


async def keep_problems(tx: Transaction, job_id: int, problems: Sequence[ImportProblem]) -> None:
    """Keep what is told about a file as a whole."""
    await copy_rows(
        tx,
        import_errors,
        [
            {
                **asdict(each),
                "job_id": job_id,
                "code": each.code.value,
                "severity": each.severity.value,
                "raw": each.raw[:MAX_RAW_CHARS],
            }
            for each in problems
        ],
    )


class _Told(NamedTuple):
    """Something that is told about a row."""

    row: FileRow
    finding: Finding
    severity: Severity


class _Reject(NamedTuple):
    """A row to correct: whom it names, and how it is kept."""

    line: int
    keys: Set[str]
    row: Mapping[str, Any]


def _told(rows: Sequence[FileRow], outcomes: Sequence[Outcome], least: Severity) -> list[_Told]:
    kept = {least, Severity.ERROR}
    return [
        _Told(row, finding, severity)
        for row, outcome in zip(rows, outcomes, strict=True)
        for finding in outcome.findings
        if (severity := _severity(outcome, finding)) in kept
    ]


async def keep_told(
    tx: Transaction,
    job_id: int,
    rows: Sequence[FileRow],
    outcomes: Sequence[Outcome],
    *,
    least: Severity,
) -> int:
    """Keep what is told about rows, and the cells of those to correct; how many those are.

    Of a row that names somebody who was erased, no value is kept.

    Args:
        outcomes: What became of each row, with all that was found.
        least: What is told is kept if it is as severe as this.
    """
    told = _told(rows, outcomes, least)
    if not told:
        return 0
    wrong = {each.row.line: each.row for each in told if each.severity is Severity.ERROR}
    # They can have megabytes of text, while others wait for the event loop.
    rejects = await asyncio.to_thread(lambda: [_reject(job_id, row) for row in wrong.values()])
    refused = await _refused(tx, rejects)
    known = {outcome.line for outcome in outcomes if _is_of_erased(outcome)}
    named = {each.line for each in rejects if not refused.isdisjoint(each.keys)} - known
    told += [_Told(wrong[line], _NAMES_ERASED, Severity.ERROR) for line in sorted(named)]
    secret = known | named
    await copy_rows(tx, import_errors, [_error(job_id, each, secret) for each in told])
    kept = [each for each in rejects if each.line not in secret]
    for part in _parts(kept, _COPIED_ROWS):
        await copy_rows(tx, import_rejects, [each.row for each in part])
    return len(kept)


async def _refused(tx: Transaction, rejects: Sequence[_Reject]) -> set[str]:
    """The keys among those of the rows that must not be stored."""
    keys = await asyncio.to_thread(lambda: list({key for each in rejects for key in each.keys}))
    refused: set[str] = set()
    for part in _parts(keys, _ASKED_KEYS):
        refused |= {key.value for key in await suppressed(tx, [*map(person_key, part)])}
    return refused


def _parts(items: Sequence[T], most: int) -> Iterator[Sequence[T]]:
    return (items[at : at + most] for at in range(0, len(items), most))


def _severity(outcome: Outcome, finding: Finding) -> Severity:
    if outcome.result is Result.FAILED:
        return Severity.ERROR
    is_reason = outcome.result is Result.SKIPPED and finding is outcome.findings[0]
    return Severity.WARNING if is_reason or finding.code in _WARNINGS else Severity.ERROR


def _is_of_erased(outcome: Outcome) -> bool:
    return any(each.code == ImportErrorCode.SUPPRESSED_CONTACT for each in outcome.findings)


def _error(job_id: int, told: _Told, secret: Container[int]) -> Mapping[str, Any]:
    """The row of `import_errors`.

    Args:
        secret: Lines of whose values nothing is told.
    """
    finding = told.finding
    known = finding.code if finding.code in _CODES else ImportErrorCode.INVALID_VALUE
    is_secret = told.row.line in secret
    return {
        "job_id": job_id,
        "line": told.row.line,
        "code": str(known),
        "severity": told.severity.value,
        "message": ImportErrorCode(known).doc if is_secret else finding.message,
        "column": finding.column,
        "field": finding.field,
        "raw": "" if is_secret else finding.raw[:MAX_RAW_CHARS],
        "suggestion": "" if is_secret else finding.suggestion,
    }


def _reject(job_id: int, row: FileRow) -> _Reject:
    cells = [_storable(cell) for cell in row.cells]
    keys = keys_in(cells)
    if isinstance(row.staged, StagedContact):
        keys.update(key.value for key in keys_of(row.staged.contact))
    kept = {
        "job_id": job_id,
        "line": row.line,
        "cells": cells,
        "person_keys": sorted(keys),
    }
    return _Reject(row.line, keys, kept)


def _storable(cell: str) -> str:
    """The cell without what PostgreSQL cannot store."""
    if cell.isascii() and "\0" not in cell:
        return cell
    return cell.replace("\0", "\ufffd").encode(errors="replace").decode()
