"""Loads a CSV file of contacts or companies and says what became of every row.

A batch is one transaction: whatever happens later, the batches before it stand, and the file can
simply be loaded again. Reading and checking run in a thread beside the writing; memory holds two
batches, however long the file is.
"""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    ExitStack,
    aclosing,
    asynccontextmanager,
    nullcontext,
    suppress,
)
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any, Final, TypeVar

from app.load_summary import LoadProgress, LoadSummary, ReportFile
from db.staging import Finding, Outcome, Result, StagedCompany, StagedContact
from db.staging_companies import upsert_companies
from db.staging_contacts import upsert_contacts
from db.staging_writing import refresh_statistics
from db.transaction import Database, Transaction
from domain.changes import CompaniesLoaded
from domain.errors import AppError, InvalidInput, ProblemCode, Rejected, Unavailable
from jobs.read_ahead import read_ahead
from streaming.decoders import open_csv
from streaming.import_fields import Entity
from streaming.mapping import map_headers
from streaming.rows import ReadRow, RowReader

_T = TypeVar("_T")
_F = TypeVar("_F", "_Source", ReportFile)
_Staged = StagedContact | StagedCompany
_Begin = Callable[[], AbstractAsyncContextManager[Transaction]]
_Upsert = Callable[[Transaction, Sequence[Any]], Awaitable[list[Outcome]]]

_RETRIES: Final = 3
_FIRST_PAUSE_SECONDS: Final = 0.1
_MIN_ROWS_FOR_STATISTICS: Final = 1_000


class LoadStopped(Exception):
    """The database failed on the way; what the summary counts is written.

    Args:
        summary: What became of the rows so far.
    """

    def __init__(self, message: str, summary: LoadSummary) -> None:
        super().__init__(message)
        self.summary = summary


async def load_file(
    database: Database,
    path: Path,
    *,
    entity: Entity,
    mapping: Mapping[str, str | None] | None = None,
    dry_run: bool = False,
    batch_rows: int = 1_000,
    report: Path | None = None,
    progress: Callable[[LoadProgress], None] = lambda _: None,
) -> LoadSummary:
    """Create the records of a file that are new, and fill what known ones lack.

    Args:
        mapping: Column name to field, or to None for a column to pass over; the others are found.
        dry_run: Do everything in one transaction and undo it; until then, what the file would
            change is locked.
        report: A CSV file to write, with a line for every row.
        progress: Told after every batch.

    Raises:
        InvalidInput: The file or the mapping cannot be used; nothing was written.
        LoadStopped: The database failed on the way; loading the file again goes on.
    """
    await asyncio.to_thread(_check_report, report, path)
    async with AsyncExitStack() as stack:
        source = await _open(stack, lambda: _Source(path, entity, mapping or {}))
        source.summary.is_dry_run = dry_run
        lines = await _open(stack, lambda: ReportFile(report)) if report else None
        begin = await stack.enter_async_context(_undone(database)) if dry_run else database.write
        batches = read_ahead(lambda: source.read(batch_rows))
        await stack.enter_async_context(aclosing(batches))
        load = _Load(begin, source.summary)
        async for batch in batches:
            outcomes = await load.write(batch)
            if lines:
                await asyncio.to_thread(lines.write, outcomes)
            progress(source.summary.progress())
    if source.summary.results[Result.CREATED] >= _MIN_ROWS_FOR_STATISTICS and not dry_run:
        async with database.write() as tx:
            await refresh_statistics(tx)
    return source.summary


async def _open(stack: AsyncExitStack, make: Callable[[], _F]) -> _F:
    """Open a file in a thread; the stack closes it."""
    opened = await asyncio.to_thread(make)
    stack.push_async_callback(asyncio.to_thread, opened.close)
    return opened


def _check_report(report: Path | None, path: Path) -> None:
    if report is not None and report.exists() and report.samefile(path):
        raise InvalidInput("The report would overwrite the file that is loaded. Name another.")


class _Source:
    """An open file. Blocks; used in a thread, by one caller at a time."""

    def __init__(self, path: Path, entity: Entity, overrides: Mapping[str, str | None]) -> None:
        with ExitStack() as stack:
            opened = stack.enter_context(open_csv(path))
            mapping = map_headers(entity, opened.dialect.header, overrides=overrides)
            self._rows = iter(opened)
            self._reader = RowReader(entity, mapping)
            self.summary = LoadSummary(
                path=path, entity=entity, dialect=opened.dialect, mapping=mapping
            )
            self._stack = stack.pop_all()

    def read(self, count: int) -> list[ReadRow]:
        """The next rows, at most as many as asked for; none at the end."""
        return [self._reader.read(row) for row in islice(self._rows, count)]

    def close(self) -> None:
        """Close the file."""
        self._stack.close()


class _Load:
    """The writing of one file.

    Args:
        begin: Opens the transaction of a batch.
    """

    def __init__(self, begin: _Begin, summary: LoadSummary) -> None:
        self._begin = begin
        self._summary = summary
        self._upsert: _Upsert = (
            upsert_contacts if summary.entity == "contacts" else upsert_companies
        )
        self._started = time.perf_counter()

    async def write(self, batch: Sequence[ReadRow]) -> list[Outcome]:
        """What became of each row of a batch, which is written."""
        staged = [row.staged for row in batch if row.staged is not None]
        try:
            written = iter(await self._write_rows(staged))
        except AppError as error:
            done = f"{self._summary.results.total():,} rows are done."
            raise LoadStopped(f"{error.message} {done}", self._summary) from error
        outcomes = [_outcome(row, None if row.staged is None else next(written)) for row in batch]
        if self._summary.is_dry_run:
            outcomes = [_without_new_record(outcome) for outcome in outcomes]
        for row, outcome in zip(batch, outcomes, strict=True):
            self._summary.add(outcome)
            self._summary.keyless += outcome.result is Result.CREATED and _is_keyless(row)
        self._summary.seconds = time.perf_counter() - self._started
        return outcomes

    async def _write_rows(self, staged: Sequence[_Staged]) -> list[Outcome]:
        """The same; of rows that hold something PostgreSQL refuses, only those fail."""
        if not staged:
            return []
        try:
            return await _attempt(lambda: self._write_once(staged))
        except (Rejected, InvalidInput) as error:
            if len(staged) == 1:
                refused = Finding(code=ProblemCode.INVALID_VALUE, message=str(error))
                return [Outcome(staged[0].line, Result.FAILED, None, (refused,))]
        middle = len(staged) // 2
        first = await self._write_rows(staged[:middle])
        return first + await self._write_rows(staged[middle:])

    async def _write_once(self, staged: Sequence[_Staged]) -> list[Outcome]:
        async with self._begin() as tx:
            known = len(tx.changes)
            outcomes = await self._upsert(tx, staged)
            changes = tx.changes[known:]
        self._summary.companies_written += sum(
            change.rows for change in changes if isinstance(change, CompaniesLoaded)
        )
        return outcomes


async def _attempt(work: Callable[[], Awaitable[_T]]) -> _T:
    """The result of the work, which is tried again when another change was in its way."""
    pause = _FIRST_PAUSE_SECONDS
    for _ in range(_RETRIES):
        try:
            return await work()
        except Unavailable:
            await asyncio.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311  # no secret
            pause *= 3
    return await work()


@asynccontextmanager
async def _undone(database: Database) -> AsyncIterator[_Begin]:
    """One transaction for all batches, which is rolled back at the end."""
    with suppress(_Undo):
        async with database.write() as tx:
            yield lambda: nullcontext(tx)
            raise _Undo


class _Undo(Exception):
    """Rolls a dry run back."""


def _outcome(row: ReadRow, written: Outcome | None) -> Outcome:
    """What became of a row, with what was found when it was read and when it was written."""
    if written is None:
        return Outcome(row.line, Result.FAILED, None, row.findings)
    return replace(written, findings=(*written.findings, *row.findings))


def _without_new_record(outcome: Outcome) -> Outcome:
    """The same after everything is undone: a record that was made is gone."""
    stays = outcome.result in {Result.UPDATED, Result.UNCHANGED}
    return outcome if stays else replace(outcome, uuid=None)


def _is_keyless(row: ReadRow) -> bool:
    """Whether a row has nothing by which its contact is found again."""
    staged = row.staged
    if not isinstance(staged, StagedContact):
        return False
    return not staged.contact.emails and not staged.contact.values.get("linkedin_url")
