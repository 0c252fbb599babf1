"""Jobs that take back what an import has written."""

from collections.abc import Callable
from functools import partial
from typing import Final

from db.import_undoing import PARTS, Part, Undone, settle_undo, take_back
from db.job_runs import Step
from db.transaction import Transaction
from domain.tasks import UndoImport
from jobs.running import Handlers, Run

_BATCH_ROWS: Final = 500


async def take_all_back(run: Run, import_id: int, tell: Callable[[Undone], Step]) -> None:
    """Take back all that an import has written, as far as that is not done yet.

    Args:
        tell: What a piece of it is for the job.
    """

    async def step(part: Part, tx: Transaction) -> Step | None:
        undone = await take_back(tx, import_id, part, undo_job_id=run.job_id, most=_BATCH_ROWS)
        return undone and tell(undone)

    for part in PARTS:
        while await run.batch(partial(step, part)):
            pass


async def _undo_import(run: Run, task: UndoImport) -> None:
    async def settle(tx: Transaction) -> Step | None:
        return Step(0) if await settle_undo(tx, task.import_id) else None

    await take_all_back(run, task.import_id, _step)
    await run.batch(settle)


def _step(undone: Undone) -> Step:
    counts = {"removed": undone.removed, "restored": undone.restored, "skipped": undone.skipped}
    return Step(undone.total, counts)


UNDO_HANDLERS: Final[Handlers] = {UndoImport: _undo_import}
