"""Bulk mutations that are left to a job: what is chosen, what is refused at once, and replays."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from sqlalchemy.engine import URL

from db.transaction import Database
from domain.enums import Role
from domain.node_ids import NodeKind, encode_node_id
from jobs.bulk import BULK_HANDLERS
from tests.client import Client
from tests.factories import make_company, make_contact
from tests.graph.bulk import counts, problems, run_bulk
from tests.graph.ids import id_of
from tests.graph.jobs import BACKGROUND, ONE, in_background
from tests.graph.rows import execute, read_rows, snapshot
from tests.jobs.working import ended, entries, worker

NOBODY = encode_node_id(NodeKind.CONTACT, 10**9)
JOBS = "SELECT kind, payload, total FROM jobs ORDER BY id"
CHOSEN = "SELECT job_id, record_id FROM job_records ORDER BY 1, 2"
MANY = "INSERT INTO contacts (first_name, stage) SELECT 'Ada', 'cold' FROM generate_series(1, 1001)"


async def nothing_is_left(database: Database) -> None:
    """No job, nothing chosen for one, and no entry in the queue."""
    assert await read_rows(database, JOBS) == await read_rows(database, CHOSEN) == []
    assert await entries(database) == []


@pytest.mark.parametrize(
    ("name", "given", "kind", "asked"),
    [
        (
            "tagContacts",
            {"add": [" new "], "remove": ["old"]},
            "TAG_CONTACTS",
            {"added": ["new"], "removed": ["old"]},
        ),
        ("deleteContacts", {}, "DELETE_CONTACTS", {}),
        ("deleteCompanies", {}, "DELETE_COMPANIES", {}),
    ],
)
async def test_job_is_made_for_the_records_that_match_now(
    client: Client,
    resources_database: Database,
    name: str,
    given: dict[str, Any],
    kind: str,
    asked: dict[str, Any],
) -> None:
    """The answer is the job; nothing is changed yet, and what matches later is no part of it."""
    make: Any = make_company if name == "deleteCompanies" else make_contact
    field = "name" if name == "deleteCompanies" else "first_name"
    chosen = [await make(resources_database, **{field: "Ada"}, stage="cold") for _ in range(3)]
    await make(resources_database, **{field: "Bob"}, stage="warm")
    before = await snapshot(resources_database)
    matching = {"filter": {"stage": {"eq": "cold"}}, "confirmCount": 3}
    payload = await in_background(client, name, **matching, **given, clientMutationId="m")
    job = payload.pop("job")
    assert payload == {
        "results": None,
        "counts": counts(),
        "userErrors": [],
        "clientMutationId": "m",
    }
    assert (job["__typename"], job["kind"], job["status"]) == ("BulkJob", kind, "QUEUED")
    assert (job["done"], job["total"], job["counts"]) == ("0", "3", counts())
    assert job["owner"] == {"email": "editor@example.com"}
    assert (await client.query(ONE, id=job["id"]))["job"] == job
    assert await snapshot(resources_database) == before
    await make(resources_database, **{field: "Carl"}, stage="cold")
    assert await read_rows(resources_database, CHOSEN) == [(1, row.id) for row in chosen]
    assert await entries(resources_database) == [("job-1", "todo")]
    assert await read_rows(resources_database, JOBS) == [(kind, asked, 3)]


async def test_ids_are_chosen_once_each_found_or_not(
    client: Client, resources_database: Database
) -> None:
    """What is not there fails for itself, in the job, as it would now."""
    ada = await make_contact(resources_database)
    payload = await in_background(client, "deleteContacts", ids=[id_of(ada), NOBODY, id_of(ada)])
    assert payload["job"]["total"] == "2"
    assert await read_rows(resources_database, CHOSEN) == [(1, ada.id), (1, 10**9)]


@pytest.mark.parametrize("given", [{}, {"inBackground": False}, {"inBackground": None}])
async def test_without_it_the_work_is_done_now(
    client: Client, resources_database: Database, given: dict[str, Any]
) -> None:
    """There is no job then."""
    ada = await make_contact(resources_database)
    data = await client.query(BACKGROUND["deleteContacts"], input={"ids": [id_of(ada)], **given})
    payload = data["deleteContacts"]
    assert (payload["job"], payload["counts"]) == (None, counts(deleted=1))
    await nothing_is_left(resources_database)


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("tagContacts", {"ids": [NOBODY], "add": ["a", "b"], "remove": ["b"]}),
        ("tagContacts", {"ids": [NOBODY]}),
        ("tagContacts", {"ids": [NOBODY], "add": ["x" * 1001]}),
        ("tagContacts", {"ids": [NOBODY], "add": ["\0"]}),
        ("tagContacts", {"ids": [NOBODY], "remove": [str(n) for n in range(1001)]}),
        ("tagContacts", {"filter": {"tags": {}}, "add": ["a"]}),
        ("deleteContacts", {}),
        ("deleteContacts", {"ids": [], "filter": {"name": {"eq": "A"}}}),
        ("deleteContacts", {"ids": [NOBODY] * 1001}),
        ("deleteContacts", {"filter": {}}),
        ("deleteContacts", {"filter": {"stage": {"eq": "cold"}}}),
        ("deleteContacts", {"filter": {"stage": {"eq": "cold"}}, "confirmCount": 1000}),
        ("deleteContacts", {"filter": {"stage": {"eq": "cold"}}, "confirmCount": 1002}),
        ("deleteContacts", {"filter": {"stage": {"eq": "warm"}}, "confirmCount": 1}),
        ("deleteCompanies", {"filter": {"or": []}}),
    ],
)
async def test_what_cannot_be_done_is_refused_at_once_in_the_same_words(
    client: Client, resources_database: Database, name: str, given: dict[str, Any]
) -> None:
    """Whatever the mutation refuses as a whole, it does not leave to a job."""
    await execute(resources_database, MANY)
    now = await run_bulk(client, name, **given)
    later = await in_background(client, name, **given, idempotencyKey="k")
    assert now["userErrors"]
    assert later["userErrors"] == now["userErrors"]
    assert (later["job"], later["results"], later["counts"]) == (None, None, counts())
    await nothing_is_left(resources_database)


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ({"ids": []}, "ids"),
        ({"filter": {"name": {"eq": "A"}}}, "filter"),
        ({"filter": {"name": {"eq": "A"}}, "confirmCount": 0}, "filter"),
    ],
)
async def test_job_with_nothing_to_do_is_not_made(
    client: Client, resources_database: Database, given: dict[str, Any], path: str
) -> None:
    """The client is told, rather than left to follow a job that has no record."""
    payload = await in_background(client, "deleteContacts", **given)
    assert (payload["job"], problems(payload)) == (None, [("INVALID_VALUE", path)])
    assert payload["userErrors"][0]["message"] == "No record is chosen; nothing is to be done."
    await nothing_is_left(resources_database)


@pytest.mark.parametrize(
    ("name", "given"),
    [("tagContacts", {"add": ["a"]}), ("deleteContacts", {}), ("deleteCompanies", {})],
)
async def test_all_or_nothing_is_refused_in_the_background(
    client: Client, resources_database: Database, name: str, given: dict[str, Any]
) -> None:
    """A job has committed its first batches when a later record fails."""
    id_ = id_of(await (make_company if "Companies" in name else make_contact)(resources_database))
    strict = {"ids": [id_], "errorPolicy": "REJECT_EVERYTHING"}
    payload = await in_background(client, name, **strict, **given)
    assert (payload["job"], problems(payload)) == (None, [("INVALID_VALUE", "errorPolicy")])
    assert payload["userErrors"][0]["message"] == (
        "A job commits batch by batch, so it cannot take back what it has done when a later record"
        " fails. Choose another errorPolicy, or leave inBackground out."
    )
    await nothing_is_left(resources_database)


async def test_very_many_need_their_number(client: Client, resources_database: Database) -> None:
    """As many as were confirmed are chosen, all of them."""
    await execute(resources_database, MANY)
    cold = {"filter": {"stage": {"eq": "cold"}}, "confirmCount": 1001}
    payload = await in_background(client, "tagContacts", **cold, add=["a"])
    assert payload["job"]["total"] == "1001"
    chosen = "SELECT count(DISTINCT record_id) FROM job_records"
    assert await read_rows(resources_database, chosen) == [(1001,)]


async def test_same_key_gives_the_same_job(client: Client, resources_database: Database) -> None:
    """Sent again, the mutation makes no second job and answers the first as it is by then."""
    ada = await make_contact(resources_database)
    given = {"inBackground": True, "ids": [id_of(ada)], "idempotencyKey": "k"}
    first = await client.send(BACKGROUND["deleteContacts"], input=given)
    await execute(resources_database, "UPDATE jobs SET status = 'RUNNING', done = 1")
    again = await client.send(BACKGROUND["deleteContacts"], input=given)
    job = first["data"]["deleteContacts"]["job"]
    other = again["data"]["deleteContacts"]["job"]
    assert other == job | {"status": "RUNNING", "done": "1", "progress": 1.0}
    assert again["extensions"]["notices"][0]["code"] == "IDEMPOTENT_REPLAY"
    assert len(await read_rows(resources_database, JOBS)) == 1
    assert await entries(resources_database) == [("job-1", "todo")]


async def test_key_of_a_job_is_not_that_of_the_same_work_done_now(
    client: Client, resources_database: Database
) -> None:
    """They are two different wishes."""
    ada = await make_contact(resources_database)
    given = {"ids": [id_of(ada)], "idempotencyKey": "k"}
    await in_background(client, "deleteContacts", **given)
    failed = await client.fail(BACKGROUND["deleteContacts"], input=given)
    assert failed["extensions"]["code"] == "IDEMPOTENCY_KEY_REUSED"


async def test_job_needs_the_right_to_write(
    client_as: Callable[[Role], Awaitable[Client]], resources_database: Database
) -> None:
    """Who may not delete has it done by nobody."""
    viewer = await client_as(Role.VIEWER)
    given = {"inBackground": True, "ids": [NOBODY]}
    failed = await viewer.fail(BACKGROUND["deleteContacts"], input=given)
    assert failed["extensions"]["code"] == "FORBIDDEN"
    await nothing_is_left(resources_database)


async def test_job_does_what_the_mutation_would_have_done(
    client: Client, resources_database: Database, database_url: URL
) -> None:
    """Its counts say what became of the records, as those of the mutation do."""
    new = await make_contact(resources_database, first_name="A", tags=["old"])
    same = await make_contact(resources_database, first_name="B", tags=["new"])
    ids = [id_of(new), id_of(same), NOBODY]
    tags = {"ids": ids, "add": ["new"], "remove": ["old"]}
    shown: list[dict[str, Any]] = []
    async with worker(resources_database, database_url, BULK_HANDLERS):
        for name, given in (
            ("tagContacts", tags),
            ("deleteContacts", {"filter": {"lastName": {"isNull": True}}}),
        ):
            payload = await in_background(client, name, **given)
            await ended(resources_database, len(shown) + 1)
            shown.append((await client.query(ONE, id=payload["job"]["id"]))["job"])
    assert [(job["status"], job["progress"], job["canCancel"]) for job in shown] == [
        ("COMPLETED_WITH_ERRORS", 1.0, False),
        ("COMPLETED", 1.0, False),
    ]
    assert [(job["done"], job["total"]) for job in shown] == [("3", "3"), ("2", "2")]
    assert shown[0]["counts"] == counts(updated=1, unchanged=1, failed=1)
    assert shown[1]["counts"] == counts(deleted=2)
    stored = await read_rows(resources_database, "SELECT tags, deleted_at FROM contacts")
    assert [(tags, deleted_at is not None) for tags, deleted_at in stored] == [(["new"], True)] * 2
