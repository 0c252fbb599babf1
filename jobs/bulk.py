"""Bulk changes in the background: batches of the records that were chosen with the job."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

from db.bulk_companies import delete_companies
from db.bulk_contacts import delete_contacts, tag_contacts
from db.job_records import take_records
from db.job_runs import Step
from db.transaction import Transaction
from domain.bulk import BulkOutcome, ErrorPolicy, Selection
from domain.tasks import DeleteCompanies, DeleteContacts, TagContacts
from jobs.running import Handlers, Run

BATCH_ROWS: Final = 500

_POLICY: Final = ErrorPolicy.REJECT_FAILED_ROWS

Change = Callable[[Transaction, Selection], Awaitable[BulkOutcome]]


async def _change_all(run: Run, change: Change) -> None:
    """Change the job's records; each of them is changed by one batch and never again."""

    async def batch(tx: Transaction) -> Step | None:
        ids = await take_records(tx, run.job_id, most=BATCH_ROWS)
        if not ids:
            return None
        outcome = await change(tx, Selection(ids))
        counts = {status.name.lower(): count for status, count in outcome.counts.items()}
        return Step(len(ids), counts)

    while await run.batch(batch):
        pass


async def _tag_contacts(run: Run, task: TagContacts) -> None:
    tag = partial(tag_contacts, added=task.added, removed=task.removed, policy=_POLICY)
    await _change_all(run, tag)


async def _delete_contacts(run: Run, _task: DeleteContacts) -> None:
    await _change_all(run, partial(delete_contacts, policy=_POLICY))


async def _delete_companies(run: Run, _task: DeleteCompanies) -> None:
    await _change_all(run, partial(delete_companies, policy=_POLICY))


BULK_HANDLERS: Final[Handlers] = {
    TagContacts: _tag_contacts,
    DeleteContacts: _delete_contacts,
    DeleteCompanies: _delete_companies,
}
