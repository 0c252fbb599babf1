"""A batch of an import: its rows are written, and all that is told about them is kept beside.

Everything happens in the transaction of the batch, together with the progress of the job. What only
looks what would become of the rows is rolled back to a savepoint.
"""

import re
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, nullcontext, suppress
from dataclasses import asdict, replace
from typing import Any, Final, NamedTuple, Protocol

from db.import_journal import ImportJournal
from db.import_tables import import_errors, import_rejects
from db.imports import ImportPlan
from db.staging import (
    Finding,
    Outcome,
    Result,
    StagedCompany,
    StagedContact,
    StagingCode,
    StagingRules,
)
from db.staging_companies import place_companies
from db.staging_contacts import place_contacts
from db.staging_writing import copy_rows
from db.transaction import Transaction
from domain.bulk import ErrorPolicy
from domain.changes import CompaniesLoaded, ContactsLoaded
from domain.contact_points import normalize_linkedin_url
from domain.errors import InvalidInput, InvalidValue, Rejected
from domain.imports import (
    MAX_RAW_CHARS,
    ImportEntity,
    ImportErrorCode,
    ImportOptions,
    ImportProblem,
    MultiValueMode,
    Severity,
)

_DUPLICATES: Final = frozenset({StagingCode.DUPLICATE_IN_FILE, StagingCode.DUPLICATE_EXISTING})
_WARNINGS: Final = frozenset({StagingCode.NAME_DIFFERS})
"""What is only told: all of the row is written nevertheless."""

_CODES: Final = frozenset(ImportErrorCode)
_WRITTEN: Final = {Result.CREATED, Result.UPDATED}
_ADDRESS: Final = re.compile(r"[^\s<>,;:\"']+@[^\s<>,;:\"']+")
_LONGEST_KEY: Final = 500


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


def rules_of(options: ImportOptions) -> StagingRules:
    """How rows are matched and written."""
    return StagingRules(
        match_on=options.match_on,
        on_conflict=options.on_conflict,
        mode=options.mode,
        appends=options.multi_value_mode is MultiValueMode.APPEND,
        makes_companies=options.create_missing_companies,
        is_strict=options.error_policy is not ErrorPolicy.IGNORE_FAILED_FIELDS,
    )


async def write_rows(
    tx: Transaction,
    plan: ImportPlan,
    rows: Sequence[FileRow],
    *,
    is_trial: bool,
    least: Severity = Severity.WARNING,
) -> Counter[str]:
    """Write rows, and keep what is told about them; how many came to which end.

    Args:
        is_trial: Records stay as they are.
        least: What is told is kept if it is as severe as this.
    """
    journal = None if is_trial else ImportJournal(plan.job_id)
    async with _undone(tx) if is_trial else nullcontext():
        batch = _Batch(tx, plan, journal)
        staged = [row.staged for row in rows if row.staged is not None]
        written = iter(await batch.place(staged))
    outcomes = [_outcome(row, None if row.staged is None else next(written)) for row in rows]
    if journal and rows:
        await journal.write(tx, rows[0].line)
        _record(tx, plan.entity, outcomes)
    told = _told(rows, outcomes, least)
    rejects = await _keep_told(tx, plan.job_id, told)
    return _counted(outcomes) + Counter(companies=batch.companies, rejects=rejects)


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


class _Batch:
    """The placing of the rows of one batch.

    Attributes:
        companies: How many employers were made or changed.
    """

    def __init__(self, tx: Transaction, plan: ImportPlan, journal: ImportJournal | None) -> None:
        self._tx = tx
        self._entity = plan.entity
        self._rules = rules_of(plan.options)
        self._journal = journal
        self.companies = 0

    async def place(self, staged: Sequence[Any]) -> list[Outcome]:
        """What became of each; of rows that hold what PostgreSQL refuses, only those fail."""
        if not staged:
            return []
        mark = self._journal.mark() if self._journal else {}
        known = len(self._tx.changes)
        try:
            outcomes = await self._place_once(staged)
        except (Rejected, InvalidInput) as error:
            if self._journal:
                self._journal.rewind(mark)
            del self._tx.changes[known:]
            if len(staged) == 1:
                refused = Finding(code=ImportErrorCode.INVALID_VALUE, message=str(error))
                return [Outcome(staged[0].line, Result.FAILED, None, (refused,))]
        else:
            self.companies += sum(
                change.rows
                for change in self._tx.changes[known:]
                if isinstance(change, CompaniesLoaded)
            )
            return outcomes
        middle = len(staged) // 2
        return await self.place(staged[:middle]) + await self.place(staged[middle:])

    async def _place_once(self, staged: Sequence[Any]) -> list[Outcome]:
        if self._entity is ImportEntity.CONTACTS:
            contacts = await place_contacts(self._tx, staged, self._rules, journal=self._journal)
            return [each.outcome for each in contacts]
        companies = await place_companies(self._tx, staged, self._rules, journal=self._journal)
        return [each.outcome for each in companies]


@asynccontextmanager
async def _undone(tx: Transaction) -> AsyncIterator[None]:
    """What the block writes is rolled back; nobody is told of it."""
    known = len(tx.changes)
    with suppress(_Undo):
        async with tx.driver.transaction():
            yield
            raise _Undo
    del tx.changes[known:]


class _Undo(Exception):
    """Rolls a trial back."""


def _outcome(row: FileRow, written: Outcome | None) -> Outcome:
    """What became of a row, with what was found when it was read and when it was written."""
    if written is None:
        return Outcome(row.line, Result.FAILED, None, tuple(row.findings))
    return replace(written, findings=(*written.findings, *row.findings))


def _record(tx: Transaction, entity: ImportEntity, outcomes: Iterable[Outcome]) -> None:
    written = sum(outcome.result in _WRITTEN for outcome in outcomes)
    if written:
        of_contacts = entity is ImportEntity.CONTACTS
        tx.record(ContactsLoaded(rows=written) if of_contacts else CompaniesLoaded(rows=written))


def _counted(outcomes: Sequence[Outcome]) -> Counter[str]:
    counts = Counter[str](outcome.result.lower() for outcome in outcomes)
    counts["rows"] = len(outcomes)
    counts["duplicates"] = sum(
        outcome.result is Result.SKIPPED and outcome.findings[0].code in _DUPLICATES
        for outcome in outcomes
    )
    counts["warnings"] = sum(
        outcome.result is not Result.FAILED and _tells_more(outcome) for outcome in outcomes
    )
    return counts


def _tells_more(outcome: Outcome) -> bool:
    """Whether there is more to tell of a row than why it was passed over."""
    return len(outcome.findings) > (outcome.result is Result.SKIPPED)


class _Told(NamedTuple):
    """Something that is told about a row."""

    row: FileRow
    finding: Finding
    severity: Severity


def _told(rows: Sequence[FileRow], outcomes: Sequence[Outcome], least: Severity) -> list[_Told]:
    kept = {least, Severity.ERROR}
    return [
        _Told(row, finding, severity)
        for row, outcome in zip(rows, outcomes, strict=True)
        for finding in outcome.findings
        if (severity := _severity(outcome, finding)) in kept
    ]


async def _keep_told(tx: Transaction, job_id: int, told: Sequence[_Told]) -> int:
    """Keep it, and the cells of the rows that should be corrected; how many those are."""
    if not told:
        return 0
    await copy_rows(tx, import_errors, [_error(job_id, each) for each in told])
    rejected = {each.row.line: each.row for each in told if each.severity is Severity.ERROR}
    await copy_rows(tx, import_rejects, [_reject(job_id, row) for row in rejected.values()])
    return len(rejected)


def _severity(outcome: Outcome, finding: Finding) -> Severity:
    if outcome.result is Result.FAILED:
        return Severity.ERROR
    is_reason = outcome.result is Result.SKIPPED and finding is outcome.findings[0]
    return Severity.WARNING if is_reason or finding.code in _WARNINGS else Severity.ERROR


def _error(job_id: int, told: _Told) -> Mapping[str, Any]:
    finding = told.finding
    known = finding.code if finding.code in _CODES else ImportErrorCode.INVALID_VALUE
    return {
        "job_id": job_id,
        "line": told.row.line,
        "code": str(known),
        "severity": told.severity.value,
        "message": finding.message,
        "column": finding.column,
        "field": finding.field,
        "raw": finding.raw[:MAX_RAW_CHARS],
        "suggestion": finding.suggestion,
    }


def _reject(job_id: int, row: FileRow) -> Mapping[str, Any]:
    return {
        "job_id": job_id,
        "line": row.line,
        "cells": [_storable(cell) for cell in row.cells],
        "person_keys": sorted({key for cell in row.cells for key in _person_keys(cell)}),
    }


def _storable(cell: str) -> str:
    """The cell without what PostgreSQL cannot store."""
    if cell.isascii() and "\0" not in cell:
        return cell
    return cell.replace("\0", "\ufffd").encode(errors="replace").decode()


def _person_keys(cell: str) -> Iterator[str]:
    """What an erased person is found by in a cell: addresses in lower case, and a profile."""
    if len(cell) > _LONGEST_KEY:
        return
    yield from (address.lower() for address in _ADDRESS.findall(_storable(cell)))
    if "linkedin" in cell.lower():
        with suppress(InvalidValue):
            yield normalize_linkedin_url(cell)
