"""Jobs of imports through GraphQL: followed, told of, taken back; and whose they are."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import urlsplit

import pytest
from sqlalchemy.engine import URL

from app.resources import Resources
from db.job_queue import enqueue
from domain.enums import Role
from domain.node_ids import NodeKind, encode_node_id
from domain.scalars import write_datetime
from domain.tasks import UndoImport
from domain.viewer import Viewer
from jobs.imports import import_handlers
from jobs.undoing import UNDO_HANDLERS
from tests.client import Client
from tests.graph.bulk import problems
from tests.graph.imports import (
    LIST,
    PEOPLE,
    TOLD,
    an_import,
    row_of,
    sent,
    shown,
    take_back,
    told,
)
from tests.graph.jobs import NOWHERE, cancel, ids_listed, set_job, uuid_of
from tests.graph.rows import execute, read_rows
from tests.graph.test_subscriptions import context_of, events
from tests.imported import tell
from tests.jobs.working import ended, worker
from tests.statements import Statements

LINK: Final = "query ($id: ID!) { job(id: $id) { ... on ImportJob { rejectFileUrl } } }"
NODE: Final = "query ($id: ID!) { node(id: $id) { __typename ... on ImportError { line code } } }"
FOLLOW: Final = """
subscription ($id: ID!) { jobProgress(id: $id) {
  __typename status ... on ImportJob { createdCount rowsPerSecond } } }
"""

ClientAs = Callable[[Role], Awaitable[Client]]


@pytest.fixture
async def upload_id(client: Client, resources: Resources) -> str:
    """A file of two people that an editor has sent."""
    return await sent(resources, client, PEOPLE)


@pytest.fixture
async def admin(client_as: ClientAs) -> Client:
    """An admin."""
    return await client_as(Role.ADMIN)


async def test_counts_and_pace_come_from_the_row(
    client: Client, upload_id: str, resources: Resources
) -> None:
    """As they were when the job was last heard of, not when somebody looks."""
    id_ = await an_import(client, upload_id)
    begun = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
    counters = {
        "rows": 300,
        "created": 100,
        "updated": 60,
        "unchanged": 50,
        "skipped": 40,
        "duplicates": 30,
        "failed": 50,
        "warnings": 7,
        "companies": 9,
    }
    database, row_id = resources.database, row_of(id_)
    half = len(PEOPLE) // 2
    await set_job(
        database, row_id, status="RUNNING", started_at=begun, counters=counters, done=half
    )
    job = await shown(client, id_)
    assert [job[name] for name in job if name.endswith(("Count", "Rows"))] == [
        None,
        300,
        100,
        60,
        50,
        40,
        30,
        50,
        7,
        9,
    ]
    (updated_at, progress) = (
        await read_rows(database, "SELECT updated_at, progress FROM jobs WHERE id = $1", row_id)
    )[0]
    elapsed = updated_at - begun
    assert job["rowsPerSecond"] == pytest.approx(300 / elapsed.total_seconds())
    assert job["estimatedCompletion"] == write_datetime(begun + elapsed / progress)
    end = begun + timedelta(seconds=60)
    reading = {"vendor": "apollo"}
    await execute(
        database,
        "UPDATE imports SET reading = $1::jsonb, undone_at = $2",
        '{"vendor": "apollo"}',
        end,
    )
    await set_job(database, row_id, status="COMPLETED", finished_at=end)
    job = await shown(client, id_)
    assert (job["totalRows"], job["rowsPerSecond"], job["estimatedCompletion"]) == (300, 5, None)
    assert (job["vendor"], job["undoneAt"]) == (reading["vendor"], write_datetime(end))


async def test_job_that_has_hardly_begun_estimates_nothing(
    client: Client, upload_id: str, resources: Resources
) -> None:
    """From so little it would be any day."""
    id_ = await an_import(client, upload_id)
    now = datetime.now(UTC)
    await set_job(resources.database, row_of(id_), status="RUNNING", started_at=now, done=0)
    job = await shown(client, id_)
    assert (job["estimatedCompletion"], job["rowsPerSecond"]) == (None, None)


async def test_words_of_a_newer_release_are_null(
    client: Client, upload_id: str, resources: Resources
) -> None:
    """They hide neither the job nor the others of the list."""
    id_ = await an_import(client, upload_id)
    await execute(
        resources.database,
        "UPDATE imports SET entity = 'deals', options = '{\"guess\": true}'",
    )
    (job,) = (await client.query(LIST))["jobs"]["nodes"]
    assert (job["id"], job["entity"], job["options"]) == (id_, None, None)


async def test_reject_file_is_for_its_owner_once_it_is_whole(
    client: Client, admin: Client, upload_id: str, resources: Resources
) -> None:
    """Null without rows that have errors, and for everybody else."""
    id_ = await an_import(client, upload_id)

    async def url(asker: Client) -> Any:
        return (await asker.query(LINK, id=id_))["job"]["rejectFileUrl"]

    database, row_id = resources.database, row_of(id_)
    reject = (
        "INSERT INTO import_rejects (job_id, line, cells, person_keys) VALUES ($1, 2, '{a}', '{}')"
    )
    await execute(database, reject, row_id)
    assert await url(client) is None
    await set_job(database, row_id, status="COMPLETED_WITH_ERRORS", finished_at=datetime.now(UTC))
    signed = await url(client)
    uuid = (await shown(client, id_))["uuid"].replace("-", "")
    assert urlsplit(signed).path == f"/api/v1/imports/{uuid}/rejects"
    assert resources.links.read(signed.partition("token=")[2], signed)
    assert await url(admin) is None
    await execute(database, "DELETE FROM import_rejects")
    assert await url(client) is None


async def test_import_of_another_user_is_nobodys_to_see(
    client: Client, client_as: ClientAs, admin: Client, upload_id: str, resources: Resources
) -> None:
    """But an admin's; nothing is told of it, and it cannot be taken back."""
    id_ = await an_import(client, upload_id)
    await tell(resources.database, row_of(id_), (2, "INVALID_EMAIL", "ERROR"))
    stranger = await client_as(Role.VIEWER)
    assert await shown(stranger, id_) is None
    assert await ids_listed(stranger) == []
    for nobody in (NOWHERE, id_):
        failed = await stranger.fail(TOLD, id=nobody)
        assert failed["extensions"]["code"] == "NOT_FOUND"
        assert failed["message"] == "There is no import with this id."
    (error,) = (await told(client, id_))["nodes"]
    assert await stranger.query(NODE, id=error["id"]) == {"node": None}
    assert (await admin.query(NODE, id=error["id"]))["node"]["line"] == 2
    assert (await told(admin, id_))["totalCount"] == 1
    assert (await shown(admin, id_))["id"] == id_
    theirs, absent = [await take_back(admin, each) for each in (id_, NOWHERE)]
    assert theirs == absent
    assert problems(theirs) == [("NOT_FOUND", "id")]


async def test_what_a_job_tells_is_a_connection(
    client: Client, upload_id: str, resources: Resources
) -> None:
    """In the order of the lines, walked both ways, chosen by codes and severity."""
    id_ = await an_import(client, upload_id)
    assert (await told(client, id_))["nodes"] == []
    await tell(
        resources.database,
        row_of(id_),
        (3, "INVALID_PHONE", "WARNING"),
        (2, "INVALID_EMAIL", "ERROR"),
        (3, "CODE_OF_A_NEWER_RELEASE", "ERROR"),
    )
    page = await told(client, id_, first=2)
    first = page["nodes"][0]
    assert first == {
        "__typename": "ImportError",
        "id": first["id"],
        "line": 2,
        "column": "E-mail",
        "field": "email",
        "code": "INVALID_EMAIL",
        "message": "Said.",
        "raw": "x@",
        "suggestion": "",
        "severity": "ERROR",
    }
    assert (page["totalCount"], page["pageInfo"]["hasNextPage"]) == (3, True)
    rest = await told(client, id_, after=page["pageInfo"]["endCursor"])
    assert [node["code"] for node in rest["nodes"]] == ["INTERNAL"]
    assert rest["pageInfo"]["hasPreviousPage"]
    back = await told(client, id_, last=1, before=rest["pageInfo"]["startCursor"])
    assert back["nodes"] == page["nodes"][1:]
    for arguments, lines in (
        ({"code": ["INVALID_EMAIL", "INVALID_PHONE"]}, [2, 3]),
        ({"code": []}, []),
        ({"severity": "WARNING"}, [3]),
        ({"code": ["INVALID_EMAIL"], "severity": "WARNING"}, []),
        ({"code": None, "severity": None}, [2, 3, 3]),
    ):
        chosen = await told(client, id_, **arguments)
        assert [node["line"] for node in chosen["nodes"]] == lines
        assert chosen["totalCount"] == len(lines)


async def test_undo_is_a_job_beside_the_import(
    client: Client, client_as: ClientAs, admin: Client, upload_id: str, resources: Resources
) -> None:
    """Each names the other; another undo, or one of an import that goes on, is refused."""
    id_ = await an_import(client, upload_id)
    assert problems(await take_back(client, id_)) == [("NOT_ALLOWED_IN_STATE", "id")]
    database, row_id = resources.database, row_of(id_)
    await set_job(database, row_id, status="COMPLETED", finished_at=datetime.now(UTC))
    given = {"idempotencyKey": "k", "clientMutationId": "m"}
    first, again = [await take_back(client, id_, **given) for _ in range(2)]
    assert first == again
    job = first["job"]
    assert job == {
        "__typename": "ImportUndoJob",
        "id": job["id"],
        "kind": "UNDO_IMPORT",
        "status": "QUEUED",
        "import": {"id": id_, "filename": "people.csv"},
        "removedCount": 0,
        "restoredCount": 0,
        "skippedCount": 0,
    }
    assert (await shown(client, id_))["undoJob"] == {"id": job["id"]}
    assert problems(await take_back(client, id_)) == [("NOT_ALLOWED_IN_STATE", "id")]
    counters = {"removed": 3, "restored": 2, "skipped": 1}
    await set_job(database, row_of(job["id"]), status="RUNNING", counters=counters)
    job = await shown(client, job["id"])
    assert (job["removedCount"], job["restoredCount"], job["skippedCount"]) == (3, 2, 1)
    stranger = await client_as(Role.VIEWER)
    assert await shown(stranger, job["id"]) is None
    assert (await shown(admin, job["id"]))["import"]["id"] == id_


async def test_undo_of_somebody_else_is_not_shown_beside_the_import(
    client: Client, upload_id: str, resources: Resources
) -> None:
    """Whoever made the job: what may not be seen is not there."""
    id_ = await an_import(client, upload_id)
    undo = encode_node_id(NodeKind.JOB, await servers_undo(resources, row_of(id_)))
    assert (await shown(client, id_))["undoJob"] is None
    assert await shown(client, undo) is None


async def servers_undo(resources: Resources, import_id: int) -> int:
    """A job of the server's own that takes an import back."""
    async with resources.database.write() as tx:
        job = await enqueue(tx, UndoImport(import_id=import_id), owner=None)
    await execute(resources.database, "UPDATE imports SET undo_job_id = $1", job.id)
    return job.id


async def test_list_of_imports_is_read_by_few_statements(
    client: Client, upload_id: str, resources: Resources, statements: Statements
) -> None:
    """However long it is: the jobs, and those that take them back."""
    for tag in ("a", "b", "c"):
        await an_import(client, upload_id, options={"tag": tag})
    with statements.recorded() as recorded:
        nodes = (await client.query(LIST))["jobs"]["nodes"]
    assert [node["options"]["tag"] for node in nodes] == ["c", "b", "a"]
    assert len(recorded) == 1


async def test_import_is_followed_to_its_end(
    client: Client, upload_id: str, resources: Resources
) -> None:
    """With its counters, as they come."""
    id_ = await an_import(client, upload_id)
    now = datetime.now(UTC)
    await set_job(
        resources.database,
        row_of(id_),
        status="COMPLETED",
        started_at=now - timedelta(seconds=2),
        finished_at=now,
        counters={"rows": 2, "created": 2},
    )
    context = context_of(resources, Viewer(await uuid_of(client), Role.EDITOR))
    seen = [job async for job in events(FOLLOW, context, id=id_)]
    assert seen == [
        {
            "__typename": "ImportJob",
            "status": "COMPLETED",
            "createdCount": 2,
            "rowsPerSecond": 1.0,
        }
    ]


async def test_import_that_waits_is_cancelled(client: Client, upload_id: str) -> None:
    """As any job."""
    id_ = await an_import(client, upload_id)
    payload = await cancel(client, id_)
    assert (payload["job"]["__typename"], payload["job"]["status"]) == ("ImportJob", "CANCELLED")


async def test_file_is_imported_told_of_and_taken_back(
    client: Client, upload_id: str, resources: Resources, database_url: URL
) -> None:
    """The whole way, as a client goes it: every number comes from the job's row."""
    handlers = {**import_handlers(resources.uploads), **UNDO_HANDLERS}
    async with worker(resources.database, database_url, handlers):
        id_ = await an_import(client, upload_id)
        await ended(resources.database, row_of(id_))
        job = await shown(client, id_)
        assert (job["status"], job["progress"]) == ("COMPLETED_WITH_ERRORS", 1.0)
        assert (job["totalRows"], job["createdCount"], job["failedCount"]) == (2, 1, 1)
        assert job["rowsPerSecond"] > 0
        told_ = (await told(client, id_, severity="ERROR"))["nodes"]
        assert (3, "INVALID_EMAIL", "bob@") in {
            (each["line"], each["code"], each["raw"]) for each in told_
        }
        rejects = (await client.query(LINK, id=id_))["job"]["rejectFileUrl"]
        assert "bob@;Bob;" in (await client.http.get(rejects)).text
        undo = (await take_back(client, id_))["job"]["id"]
        await ended(resources.database, row_of(undo))
    job = await shown(client, undo)
    assert (job["status"], job["removedCount"]) == ("COMPLETED", 1)
    assert (await shown(client, id_))["undoneAt"] is not None
    live = "SELECT FROM contacts WHERE deleted_at IS NULL"
    assert await read_rows(resources.database, live) == []
