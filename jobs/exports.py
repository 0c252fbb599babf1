"""Export jobs: one file is written, and the job's row tells how far it is and what proves it whole.

Every attempt writes a file of its own, and the row names only that of the attempt that still has
the job, in the transaction that ends it. An attempt that ends in any other way leaves no file.
"""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final

from db.exports import count_export
from db.job_runs import Step
from db.transaction import Transaction
from domain.asker import asked_by
from domain.bulk import refusal
from domain.errors import FeatureDisabled, InvalidInput, OperationTimeout, RateLimited, Unavailable
from domain.export_json import export_from_json
from domain.exports import Export
from domain.scalars import write_datetime
from domain.tasks import ExportRecords, UnknownPayload
from jobs.running import Handlers, Run, TryAgain
from streaming.exporting import Exporter
from streaming.manifests import Manifest
from streaming.spool import Spool

_TELL_SECONDS: Final = 1.0
_BUSY_SECONDS: Final = 10.0
_COUNT_SECONDS: Final = 5.0


def export_handlers(exporter: Exporter, *, tell_seconds: float = _TELL_SECONDS) -> Handlers:
    """What does export jobs.

    Args:
        tell_seconds: How often a job tells how far it is, and looks whether it is to stop.
    """
    return {ExportRecords: partial(_export_records, exporter, tell_seconds)}


async def _export_records(
    exporter: Exporter, tell_seconds: float, run: Run, task: ExportRecords
) -> None:
    with asked_by(run.owner, sees_all=task.sees_all):
        await _export(exporter, tell_seconds, run, task)


async def _export(exporter: Exporter, tell_seconds: float, run: Run, task: ExportRecords) -> None:
    export, spool = _begin(exporter, run, task)
    progress, grew_at = _Progress(run, spool), datetime.now(UTC)
    try:
        if not await _ends_within(spool, tell_seconds):
            grew_at = datetime.now(UTC)
            progress.total = await _foreseen(exporter, export, spool)
        while not await _ends_within(spool, tell_seconds):
            grew_at = datetime.now(UTC)
            await progress.tell()
        manifest = await spool.finished()
        await progress.complete(manifest, _result(exporter, spool, manifest, grew_at))
    except BaseException:
        await asyncio.shield(_leave_no_file(exporter, run, spool))
        raise


async def _leave_no_file(exporter: Exporter, run: Run, spool: Spool) -> None:
    """Give a file up, unless the job has ended with it and only the answer was lost."""
    # Where nobody can tell, it stays until its time is over.
    with suppress(Unavailable):
        if spool.manifest is None or not await run.has_ended():
            await exporter.spools.abandon(spool)


def _begin(exporter: Exporter, run: Run, task: ExportRecords) -> tuple[Export, Spool]:
    """What is wanted, and the file that begins to be written."""
    if run.owner is None:
        raise refusal("Only a user can have an export; this job belongs to nobody.")
    try:
        exporter.require_enabled()
        export = export_from_json(task.export)
        return export, exporter.begin(export, owner=run.owner, is_promised=True)
    except FeatureDisabled as error:
        raise refusal(error.message) from error
    except RateLimited as error:
        raise TryAgain(_BUSY_SECONDS) from error
    except InvalidInput as error:
        # It was checked when the job was made, by a release that knows it.
        raise UnknownPayload(error.message) from error


async def _ends_within(spool: Spool, seconds: float) -> bool:
    """Whether a file is finished in so many seconds.

    Raises:
        Exception: What it failed with.
    """
    try:
        async with asyncio.timeout(seconds) as limit:
            await spool.finished()
    except TimeoutError:
        if not limit.expired():
            raise
        return False
    return True


async def _foreseen(exporter: Exporter, export: Export, spool: Spool) -> int | None:
    """How many rows there will be, or roughly so; None when it takes long to say."""
    if spool.foreseen.rows is not None:
        return spool.foreseen.rows
    try:
        async with asyncio.timeout(_COUNT_SECONDS):
            return await count_export(exporter.database, exporter.capped(export))
    except (TimeoutError, OperationTimeout, Unavailable):
        return None


def _result(
    exporter: Exporter, spool: Spool, manifest: Manifest, grew_at: datetime
) -> Mapping[str, object]:
    at = manifest.snapshot_at
    # Its time began when it was whole, which was later: it stays a little longer than is told.
    expires_at = grew_at + timedelta(seconds=exporter.spools.settings.ttl_seconds)
    return {
        "spool": spool.id.hex,
        "rows": manifest.rows,
        "bytes": manifest.bytes,
        "sha256": manifest.sha256,
        "truncated": manifest.truncated,
        "snapshotAt": None if at is None else write_datetime(at),
        "expiresAt": write_datetime(expires_at),
    }


class _Progress:
    """What an attempt tells of its file in the row of its job.

    Attributes:
        total: How many rows there will be; None while that is not known.
    """

    def __init__(self, run: Run, spool: Spool) -> None:
        self._run = run
        self._spool = spool
        self._told = run.done
        self.total: int | None = None

    async def tell(self) -> None:
        """Write down how far the file is.

        Raises:
            Cancelled: The job is to stop.
            HandedBack: The worker is to stop.
            Fenced: Another worker has the job.
        """
        rows = self._spool.rows if self.total is None else min(self._spool.rows, self.total)
        await self._commit(Step(max(0, rows - self._told), total=self.total))

    async def complete(self, manifest: Manifest, result: Mapping[str, object]) -> None:
        """Write down that the file is whole, and its name: the end of the job. Raises as `tell`."""
        # An attempt before may have told of more rows than there are now.
        total = max(manifest.rows, self._told)
        await self._commit(Step(total - self._told, total=total, result=result, ends=True))

    async def _commit(self, step: Step) -> None:
        async def batch(_tx: Transaction) -> Step:
            return step

        await self._run.batch(batch)
        self._told += step.done
