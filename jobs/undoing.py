"""Jobs that take back what an import has written."""

from typing import Final

from db.import_undoing import Undone, settle_undo, undo_batch, undo_changes
from db.job_runs import Step
from db.transaction import Transaction
from domain.tasks import UndoImport
from jobs.running import Handlers, Run

_BATCH_ROWS: Final = 500


async def _undo_import(run: Run, task: UndoImport) -> None:
    async def give_back(tx: Transaction) -> Step | None:
        undone = await undo_changes(tx, task.import_id, undo_job_id=run.job_id, most=_BATCH_ROWS)
        return undone and _step(undone)

    async def remove(tx: Transaction) -> Step | None:
        undone = await undo_batch(tx, task.import_id, undo_job_id=run.job_id)
        return undone and _step(undone)

    async def settle(tx: Transaction) -> Step | None:
        return Step(0) if await settle_undo(tx, task.import_id) else None

    for part in (give_back, remove, settle):
        while await run.batch(part):
            pass


def _step(undone: Undone) -> Step:
    counts = {"removed": undone.removed, "restored": undone.restored, "skipped": undone.skipped}
    return Step(undone.total, counts)


UNDO_HANDLERS: Final[Handlers] = {UndoImport: _undo_import}
