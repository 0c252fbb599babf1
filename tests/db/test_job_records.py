"""Promises of `db.job_records`: a job has the records that matched, each until it is done."""

import pytest

from db.entities import COMPANIES, CONTACTS
from db.job_queue import enqueue
from db.job_records import choose_records, take_records
from db.jobs import load_jobs
from db.transaction import Database
from domain.bulk import Selection
from domain.errors import Problem, Rejected
from domain.filters import CompanyFilter, ContactFilter, StringFilter
from domain.tasks import DeleteContacts
from tests.factories import make_company, make_contact
from tests.graph.rows import execute, read_rows

COLD = ContactFilter(stage=StringFilter(eq="cold"))
MANY = "INSERT INTO contacts (first_name, stage) SELECT 'Ada', 'cold' FROM generate_series(1, 1001)"


async def choose(database: Database, selection: Selection, *, of: str = "contacts") -> int:
    """The id of a new job that has the records of a selection."""
    entity = CONTACTS if of == "contacts" else COMPANIES
    async with database.write() as tx:
        job = await enqueue(tx, DeleteContacts(), owner=None)
        total = await choose_records(tx, job.id, entity, selection)
        (row,) = await load_jobs(tx, [job.id])
    assert row is not None
    assert (row.total, row.done) == (total, 0)
    return job.id


async def refused(database: Database, selection: Selection) -> Problem:
    """Why a selection is refused; nothing is left of the job."""
    with pytest.raises(Rejected) as rejected:
        await choose(database, selection)
    assert await read_rows(database, "SELECT FROM jobs") == []
    assert await read_rows(database, "SELECT FROM job_records") == []
    (problem,) = rejected.value.problems
    return problem


async def take(database: Database, job_id: int, most: int) -> list[int]:
    """The next records of a job, done."""
    async with database.write() as tx:
        return list(await take_records(tx, job_id, most=most))


async def test_records_of_a_filter_are_those_that_match_and_are_not_deleted(
    database: Database,
) -> None:
    """Of the kind that the job is about."""
    one = await make_contact(database, first_name="A", stage="cold")
    await make_contact(database, first_name="B", stage="warm")
    gone = await make_contact(database, first_name="C", stage="cold")
    await execute(database, "UPDATE contacts SET deleted_at = now() WHERE id = $1", gone.id)
    company = await make_company(database, name="D", stage="cold")
    contacts = await choose(database, Selection(filter_=COLD))
    filter_ = CompanyFilter(stage=StringFilter(eq="cold"))
    companies = await choose(database, Selection(filter_=filter_), of="companies")
    assert await take(database, contacts, 9) == [one.id]
    assert await take(database, companies, 9) == [company.id]


async def test_ids_are_taken_once_each_in_their_order(database: Database) -> None:
    """A few at a time, and none of them a second time."""
    job_id = await choose(database, Selection([30, 10, 20, 10, 40]))
    taken = [await take(database, job_id, 3) for _ in range(3)]
    assert taken == [[10, 20, 30], [40], []]


async def test_records_of_a_batch_that_is_undone_are_there_again(database: Database) -> None:
    """They are done with the commit, not before."""
    job_id = await choose(database, Selection([1, 2]))

    async def undone() -> None:
        async with database.write() as tx:
            assert await take_records(tx, job_id, most=2) == [1, 2]
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await undone()
    assert await take(database, job_id, 2) == [1, 2]


async def test_jobs_do_not_take_from_each_other(database: Database) -> None:
    """One record may be part of two jobs."""
    one, other = [await choose(database, Selection([1, 2])) for _ in range(2)]
    assert await take(database, one, 9) == [1, 2]
    assert await take(database, other, 9) == [1, 2]


async def test_records_are_forgotten_with_their_job(database: Database) -> None:
    """Nothing of a job that is removed stays."""
    await choose(database, Selection([1, 2]))
    await execute(database, "DELETE FROM jobs")
    assert await read_rows(database, "SELECT FROM job_records") == []


@pytest.mark.parametrize(
    ("confirmed", "words"),
    [
        (None, "1001 match. To change so many, send confirmCount: 1001."),
        (1000, "1001 match, not 1000; nothing was changed."),
        (1, "1001 match, not 1; nothing was changed."),
        (1002, "1001 match, not 1002; nothing was changed."),
        (-1, "1001 match, not -1; nothing was changed."),
    ],
)
async def test_another_number_than_was_confirmed_is_refused_with_the_right_one(
    database: Database, confirmed: int | None, words: str
) -> None:
    """However many more match, no more are written down than it takes to know that."""
    await execute(database, MANY)
    problem = await refused(database, Selection(filter_=COLD, confirm_count=confirmed))
    assert (problem.message, problem.path) == (words, ("confirmCount",))


@pytest.mark.parametrize(
    ("selection", "path"), [(Selection([]), "ids"), (Selection(filter_=COLD), "filter")]
)
async def test_job_without_records_is_refused(
    database: Database, selection: Selection, path: str
) -> None:
    """There is nothing to do."""
    assert (await refused(database, selection)).path == (path,)
