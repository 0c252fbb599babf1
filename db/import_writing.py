"""A batch of an import: its rows are written, and all that is told about them is kept beside.

Everything happens in the transaction of the batch, together with the progress of the job. What only
looks what would become of the rows is rolled back to a savepoint.
"""

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, nullcontext, suppress
from dataclasses import replace
from typing import Any, Final

from db.import_journal import ImportJournal, made_by
from db.import_telling import FileRow, keep_told
from db.imports import ImportPlan
from db.staging import (
    Finding,
    Outcome,
    Result,
    StagingCode,
    StagingRules,
    count_written,
)
from db.staging_companies import place_companies
from db.staging_contacts import place_contacts
from db.suppressions import share_list
from db.tables import companies, contacts
from db.transaction import Transaction
from db.writing import record_loaded
from domain.bulk import ErrorPolicy
from domain.changes import CompaniesLoaded
from domain.errors import InvalidInput, Rejected
from domain.imports import (
    ImportEntity,
    ImportErrorCode,
    ImportMode,
    ImportOptions,
    MultiValueMode,
    Severity,
)

_DUPLICATES: Final = frozenset({StagingCode.DUPLICATE_IN_FILE, StagingCode.DUPLICATE_EXISTING})
_TABLES: Final = {ImportEntity.CONTACTS: contacts, ImportEntity.COMPANIES: companies}


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
    await share_list(tx)
    async with _undone(tx) if is_trial else nullcontext():
        batch = _Batch(tx, plan, journal)
        staged = [row.staged for row in rows if row.staged is not None]
        written = iter(await batch.place(staged))
    outcomes = [_outcome(row, None if row.staged is None else next(written)) for row in rows]
    if plan.options.mode is ImportMode.CREATE_ONLY:
        outcomes = await _with_duplicates(tx, plan, outcomes)
    if journal and rows:
        await journal.write(tx, rows[0].line)
        record_loaded(tx, _TABLES[plan.entity], count_written(outcomes))
    rejects = await keep_told(tx, plan.job_id, rows, outcomes, least=least)
    return _counted(outcomes) + Counter(companies=batch.companies, rejects=rejects)


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
        try:
            return await self._place_counted(staged)
        except (Rejected, InvalidInput):
            if len(staged) == 1:
                return await self._place_last(staged)
        middle = len(staged) // 2
        return await self.place(staged[:middle]) + await self.place(staged[middle:])

    async def _place_last(self, staged: Sequence[Any]) -> list[Outcome]:
        """Try a row once more: who took its key meanwhile may be the one that it is about."""
        try:
            return await self._place_counted(staged)
        except (Rejected, InvalidInput) as error:
            refused = Finding(code=ImportErrorCode.INVALID_VALUE, message=str(error))
            return [Outcome(staged[0].line, Result.FAILED, None, (refused,))]

    async def _place_counted(self, staged: Sequence[Any]) -> list[Outcome]:
        """What became of rows; of those that are refused nothing is left."""
        mark = self._journal.mark() if self._journal else {}
        known = len(self._tx.changes)
        try:
            outcomes = await self._place_once(staged)
        except (Rejected, InvalidInput):
            if self._journal:
                self._journal.rewind(mark)
            del self._tx.changes[known:]
            raise
        changes = self._tx.changes[known:]
        self.companies += sum(each.rows for each in changes if isinstance(each, CompaniesLoaded))
        return outcomes

    async def _place_once(self, staged: Sequence[Any]) -> list[Outcome]:
        place = place_contacts if self._entity is ImportEntity.CONTACTS else place_companies
        placed = await place(self._tx, staged, self._rules, journal=self._journal)
        return [each.outcome for each in placed]


@asynccontextmanager
async def _undone(tx: Transaction) -> AsyncIterator[None]:
    """What the block writes is rolled back; nobody is told of it."""
    known = len(tx.changes)
    with suppress(_Undo):
        async with tx.step():
            yield
            raise _Undo
    del tx.changes[known:]


class _Undo(Exception):
    """Rolls a trial back."""


async def _with_duplicates(
    tx: Transaction, plan: ImportPlan, outcomes: Sequence[Outcome]
) -> list[Outcome]:
    """The same, where what is there already was made by an earlier row of the file."""
    there = {_record_in_conflict(outcome) for outcome in outcomes} - {None}
    if not there:
        return list(outcomes)
    made = await made_by(tx, _TABLES[plan.entity], plan.job_id, there)
    return [_as_duplicate(o) if _record_in_conflict(o) in made else o for o in outcomes]


def _record_in_conflict(outcome: Outcome) -> int | None:
    """The record that a row was to make, and that is there already."""
    reason = outcome.findings[0] if outcome.findings else None
    is_so = reason is not None and reason.code == StagingCode.CREATE_ONLY_CONFLICT
    return reason.record_id if reason is not None and is_so else None


def _as_duplicate(outcome: Outcome) -> Outcome:
    message = "An earlier row of the file is about the same record; this one was passed over."
    repeated = Finding(code=StagingCode.DUPLICATE_IN_FILE, message=message)
    findings = (repeated, *outcome.findings[1:])
    return replace(outcome, result=Result.SKIPPED, findings=findings)


def _outcome(row: FileRow, written: Outcome | None) -> Outcome:
    """What became of a row, with what was found when it was read and when it was written."""
    if written is None:
        return Outcome(row.line, Result.FAILED, None, tuple(row.findings))
    if not row.findings:
        return written
    return replace(written, findings=(*written.findings, *row.findings))


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
