"""Import jobs: a file is read in a thread, and written batch by batch.

A batch is one transaction: its records, what is told about its rows, and how far the file is read.
So whatever happens, the next attempt goes on exactly behind the last batch that was committed.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from db.import_telling import keep_problems
from db.import_writing import write_rows
from db.imports import (
    ImportPlan,
    advance_import,
    counters_of,
    keep_reading,
    load_plan,
    mark_checked,
)
from db.job_runs import FAILED, Step
from db.staging_writing import refresh_statistics
from db.transaction import Transaction
from domain.bulk import ErrorPolicy, refusal
from domain.errors import InvalidInput, NotFound
from domain.imports import Severity
from domain.normalize import PLACEHOLDER_VALUE
from domain.tasks import ImportRecords, UnknownPayload
from jobs.read_ahead import read_ahead
from jobs.running import Handlers, Run
from jobs.undoing import take_all_back
from streaming.import_reading import Reading, RowBatch, open_reading, open_rows
from streaming.physical_lines import Position
from streaming.uploads import Uploads

BATCH_ROWS: Final = 1000
_MIN_ROWS_FOR_STATISTICS: Final = 1_000
_NOTHING_WRITTEN: Final = (
    "{failed:,} of {rows:,} rows cannot be taken as they are, so nothing was written. The errors"
    " say why; correct the rows, or choose another errorPolicy."
)


@dataclass(frozen=True, kw_only=True)
class ImportSettings:
    """How files are imported.

    Attributes:
        batch_rows: How many rows are written in a transaction.
        placeholder: What a cell says that has no value.
    """

    batch_rows: int = BATCH_ROWS
    placeholder: str = PLACEHOLDER_VALUE


_USUAL: Final = ImportSettings()


def import_handlers(uploads: Uploads, settings: ImportSettings = _USUAL) -> Handlers:
    """What does import jobs."""
    return {ImportRecords: partial(_import_records, uploads, settings)}


async def _import_records(
    uploads: Uploads, settings: ImportSettings, run: Run, _task: ImportRecords
) -> None:
    plan = await _begin(run)
    async with _opened(uploads, plan) as path:
        job = _Import(run, plan, settings, path, await _reading(run, plan, path))
        if plan.options.error_policy is ErrorPolicy.REJECT_EVERYTHING:
            await job.check()
        await job.write()


async def _begin(run: Run) -> ImportPlan:
    """What is to be done, as far as it is not done yet."""
    try:
        return await run.read(lambda tx: load_plan(tx, run.job_id))
    except ValueError as error:
        raise UnknownPayload(str(error)) from error


@asynccontextmanager
async def _opened(uploads: Uploads, plan: ImportPlan) -> AsyncIterator[Path]:
    async with AsyncExitStack() as stack:
        try:
            upload = await uploads.find(plan.upload_uuid, owner=plan.owner)
            path = await stack.enter_async_context(uploads.opened(upload))
        except NotFound as error:
            message = "The file is not there any more. Send it again, and import it then."
            raise refusal(message) from error
        yield path


async def _reading(run: Run, plan: ImportPlan, path: Path) -> Reading:
    """How the file is read; found once, so that every attempt reads it in the same way."""
    if plan.reading is not None:
        return Reading.from_json(plan.reading)
    try:
        found = await asyncio.to_thread(open_reading, path, plan.entity, plan.mapping, plan.options)
    except InvalidInput as error:
        raise refusal(error.message) from error

    async def batch(tx: Transaction) -> Step:
        await keep_reading(tx, run.job_id, found.to_json())
        await keep_problems(tx, run.job_id, found.problems)
        return Step(0)

    await run.batch(batch)
    return found


class _Import:
    """One attempt at an import whose file is open."""

    def __init__(
        self, run: Run, plan: ImportPlan, settings: ImportSettings, path: Path, reading: Reading
    ) -> None:
        self._run = run
        self._plan = plan
        self._path = path
        self._reading = reading
        self._settings = settings
        self._position = _position(plan)

    async def check(self) -> None:
        """Look at all rows before any is written.

        Raises:
            Rejected: Some of them cannot be taken.
        """
        if self._plan.is_checked:
            return
        async for rows in self._batches():
            await self._commit(rows, is_trial=True, is_check=True)
        found = await self._counters()
        if faults := found.get("faults"):
            await self._settle(_none_taken(found))
            raise refusal(_NOTHING_WRITTEN.format(failed=faults, rows=found["checked"]))
        await self._run.batch(self._mark_checked)
        self._position = None

    async def _mark_checked(self, tx: Transaction) -> Step:
        await mark_checked(tx, self._run.job_id)
        return Step(0)

    async def write(self) -> None:
        """Write all rows that no batch before has written.

        Raises:
            Rejected: One of them fails, and nothing is to be written then.
        """
        is_all_or_nothing = self._plan.options.error_policy is ErrorPolicy.REJECT_EVERYTHING
        if is_all_or_nothing:
            await self._keep_none_if_one_failed()
        created = 0
        async for rows in self._batches():
            counts = await self._commit(rows, is_trial=self._plan.options.dry_run, is_check=False)
            created += counts["created"]
            if is_all_or_nothing and counts[FAILED]:
                await self._keep_none_if_one_failed()
        if created >= _MIN_ROWS_FOR_STATISTICS:
            await self._run.batch(_with_statistics)

    async def _keep_none_if_one_failed(self) -> None:
        """Take all back when a row has failed though the first look found no fault.

        Another row of the file, or somebody else, has made what it is about, or has its address.

        Raises:
            Rejected: A row has failed.
        """
        found = await self._counters()
        if failed := found.get(FAILED):
            await take_all_back(self._run, self._run.job_id, tell=lambda _undone: Step(0))
            await self._settle(_none_kept(found))
            raise refusal(_NOTHING_WRITTEN.format(failed=failed, rows=found["checked"]))

    async def _counters(self) -> Mapping[str, int]:
        """What is counted by now, by this attempt and those before."""
        return await self._run.read(lambda tx: counters_of(tx, self._run.job_id))

    async def _settle(self, step: Step) -> None:
        """Have the counters say what has come of the rows in the end."""

        async def batch(_tx: Transaction) -> Step:
            return step

        await self._run.batch(batch)

    async def _batches(self) -> AsyncIterator[RowBatch]:
        """The rows that are left, a batch at a time; at most one is read in advance."""
        with open_rows(
            self._path,
            self._reading,
            self._plan.options,
            self._plan.entity,
            self._position,
            placeholder=self._settings.placeholder,
        ) as source:

            def read() -> list[RowBatch]:
                batch = source.read(self._settings.batch_rows)
                return [] if batch.ended and not batch.rows else [batch]

            async with aclosing(read_ahead(read)) as batches:
                async for (batch,) in batches:
                    yield batch

    async def _commit(self, rows: RowBatch, *, is_trial: bool, is_check: bool) -> Counter[str]:
        """How many rows of a batch came to which end, which is written."""
        start = self._position.byte if self._position else 0
        counts: Counter[str] = Counter()

        async def batch(tx: Transaction) -> Step:
            nonlocal counts
            least = Severity.ERROR if is_check else Severity.WARNING
            counts = await write_rows(tx, self._plan, rows.rows, is_trial=is_trial, least=least)
            await advance_import(
                tx, self._run.job_id, position=rows.position.byte, line=rows.position.line
            )
            return Step(rows.position.byte - start, _checked(counts) if is_check else counts)

        await self._run.batch(batch)
        self._position = rows.position
        return counts


def _position(plan: ImportPlan) -> Position | None:
    return Position(plan.position, plan.line) if plan.line else None


def _checked(counts: Mapping[str, int]) -> Mapping[str, int]:
    """What a first look counts: nothing else has come of the rows yet."""
    # Of an erased person no cells are kept, and of some rows only a part could not be taken.
    faults = max(counts["rejects"], counts[FAILED])
    return {"checked": counts["rows"], "faults": faults, "rejects": counts["rejects"]}


def _none_taken(found: Mapping[str, int]) -> Step:
    """All rows have come to their end: those that cannot be taken, and the others for them."""
    if found.get("rows"):
        return Step(0)
    rows, faults = found["checked"], found["faults"]
    return Step(0, {"rows": rows, FAILED: faults, "skipped": rows - faults})


def _none_kept(found: Mapping[str, int]) -> Step:
    """What was written is taken back: its rows are passed over for those that failed."""
    taken = {name: found.get(name, 0) for name in ("created", "updated", "unchanged")}
    return Step(0, {**{k: -n for k, n in taken.items()}, "skipped": sum(taken.values())})


async def _with_statistics(tx: Transaction) -> Step:
    await refresh_statistics(tx)
    return Step(0)
