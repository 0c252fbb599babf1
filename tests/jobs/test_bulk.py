"""Bulk changes in the background: each record once, with progress and counts."""

from sqlalchemy.engine import URL

from db.transaction import Database
from domain.jobs import JobStatus
from jobs.bulk import BULK_HANDLERS
from tests.factories import make_contact
from tests.jobs.working import ended, entries, make_tagging, worker


async def test_job_tags_its_contacts(database: Database, database_url: URL) -> None:
    """Every contact of the job has the tag afterwards; the queue is empty."""
    ids = [(await make_contact(database)).id for _ in range(3)]
    job = await make_tagging(database, ids)
    async with worker(database, database_url, BULK_HANDLERS):
        row = await ended(database, job.id)
    assert (row.status, row.done, row.total, row.progress) == (JobStatus.COMPLETED, 3, 3, 1.0)
    assert row.counters == {"updated": 3}
    assert await entries(database) == []
