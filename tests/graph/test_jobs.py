"""Durable jobs through the API: what they show, who sees them, and what is written about them."""

import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
import pytest
from graphql import parse, validate
from sqlalchemy.engine import URL

from db.transaction import Database
from domain.enums import DescribedEnum, Role
from domain.jobs import JobErrorCode, JobKind, JobStatus
from domain.node_ids import NodeKind, encode_node_id
from domain.tasks import DeleteCompanies
from graph.schema import core_schema
from tests.apps import App
from tests.client import Client
from tests.graph.bulk import counts
from tests.graph.jobs import (
    CANCEL,
    ENDED,
    LIST,
    NODES,
    NOWHERE,
    ONE,
    ids_listed,
    job_id,
    job_of,
    listed,
    set_job,
    uuid_of,
)
from tests.graph.rows import execute, read_rows
from tests.graph.test_replica import User, replicated_app
from tests.jobs.working import make_job
from tests.replication import Servers
from tests.statements import Statements

PAPER = (Path(__file__).parents[2] / "docs" / "jobs.md").read_text("utf-8")


@pytest.fixture
async def admin(client_as: Callable[[Role], Awaitable[Client]]) -> Client:
    """A client that may see everything."""
    return await client_as(Role.ADMIN)


@pytest.fixture
async def viewer(client_as: Callable[[Role], Awaitable[Client]]) -> Client:
    """A client of another user, who may only read."""
    return await client_as(Role.VIEWER)


async def test_job_shows_how_it_stands(client: Client, resources_database: Database) -> None:
    """A job that waits, and the same when it has failed in the middle."""
    row = await job_of(resources_database, client, total=4)
    shown = (await client.query(ONE, id=job_id(row.id)))["job"]
    assert shown == {
        "__typename": "BulkJob",
        "id": job_id(row.id),
        "uuid": str(row.uuid),
        "kind": "TAG_CONTACTS",
        "status": "QUEUED",
        "progress": 0.0,
        "done": "0",
        "total": "4",
        "attempts": 0,
        "maxAttempts": 5,
        "priority": 0,
        "canCancel": True,
        "error": None,
        "createdAt": shown["createdAt"],
        "startedAt": None,
        "finishedAt": None,
        "owner": {"email": "editor@example.com"},
        "counts": counts(),
    }
    now = datetime.now(UTC)
    await set_job(
        resources_database,
        row.id,
        status="FAILED",
        done=3,
        attempts=2,
        counters={"updated": 2, "failed": 1},
        error_code="TIMED_OUT",
        error="It took too long.",
        started_at=now,
        finished_at=now,
    )
    ended = (await client.query(NODES, id=job_id(row.id)))["node"]
    time = now.isoformat().replace("+00:00", "Z")
    assert ended == shown | {
        "status": "FAILED",
        "progress": 0.75,
        "done": "3",
        "attempts": 2,
        "canCancel": False,
        "error": {"code": "TIMED_OUT", "message": "It took too long."},
        "startedAt": time,
        "finishedAt": time,
        "counts": counts(updated=2, failed=1),
    }


async def test_job_of_a_newer_release_is_shown_as_far_as_it_is_known(
    client: Client, resources_database: Database
) -> None:
    """A kind, an error and a count that this release has no words for make no request fail."""
    row = await job_of(resources_database, client)
    other = await job_of(resources_database, client)
    changed = {"error_code": "NEWER", "error": None, "counters": {"newer": 1}}
    await set_job(resources_database, row.id, kind="NEWER", **changed)
    await set_job(resources_database, other.id, **changed)
    newer = (await client.query(ONE, id=job_id(row.id)))["job"]
    assert (newer["__typename"], newer["kind"], newer["status"]) == ("OtherJob", None, "QUEUED")
    assert newer["error"]["code"] == "ERROR"
    assert (await client.query(ONE, id=job_id(other.id)))["job"]["counts"] == counts()
    assert await ids_listed(client) == [job_id(other.id), job_id(row.id)]


async def test_what_was_asked_for_is_read_by_nobody(
    client: Client, resources_database: Database, statements: Statements
) -> None:
    """The payload and the worker's token stay in the database, but for what an export asks."""
    row = await job_of(resources_database, client)
    with statements.recorded() as recorded:
        await client.query(NODES, id=job_id(row.id))
        await client.query(LIST)
    assert [sql for sql in recorded if "FROM jobs" in sql]
    of_exports = "CASE WHEN jobs.kind = 'EXPORT_RECORDS' THEN jobs.payload -> 'export' END"
    others = [sql.replace(of_exports, "") for sql in recorded]
    assert not [sql for sql in others if "payload" in sql or "locked_by" in sql]


async def _bytes(client: Client, document: str, **variables: Any) -> bytes:
    """The whole answer, as it was sent under one request id."""
    body = orjson.dumps({"query": document, "variables": variables})
    headers = client.headers | {"X-Request-ID": "same"}
    return (await client.http.post("/graphql", content=body, headers=headers)).content


@pytest.mark.parametrize("status", ["QUEUED", "RUNNING", *ENDED])
async def test_job_of_somebody_else_is_as_if_it_were_not_there(
    client: Client, viewer: Client, resources_database: Database, status: str
) -> None:
    """To the byte, whatever is asked about it and however it stands; nothing happens to it."""
    theirs = await job_of(resources_database, client)
    of_nobody = await job_of(resources_database, None)
    finished_at = datetime.now(UTC) if status in ENDED else None
    for row in (theirs, of_nobody):
        await set_job(resources_database, row.id, status=status, finished_at=finished_at)
    for row in (theirs, of_nobody):
        for document in (ONE, NODES):
            answer = await _bytes(viewer, document, id=job_id(row.id))
            assert answer == await _bytes(viewer, document, id=NOWHERE)
            assert b"errors" not in answer
        answer = await _bytes(viewer, CANCEL, input={"id": job_id(row.id)})
        assert answer == await _bytes(viewer, CANCEL, input={"id": NOWHERE})
        assert b'"NOT_FOUND"' in answer
    same = await _bytes(viewer, LIST, filter={"id": {"eq": job_id(theirs.id)}})
    assert same == await _bytes(viewer, LIST, filter={"id": {"eq": NOWHERE}})
    stored = await read_rows(resources_database, "SELECT status FROM jobs")
    assert stored == [(status,)] * 2


async def test_list_has_the_own_jobs_and_all_for_an_admin(
    client: Client, viewer: Client, admin: Client, resources_database: Database
) -> None:
    """The newest first; the server's own belong to nobody but are shown to admins."""
    first = await job_of(resources_database, client)
    of_nobody = await job_of(resources_database, None, DeleteCompanies())
    of_viewer = await job_of(resources_database, viewer)
    last = await job_of(resources_database, client)
    mine = await listed(client)
    assert [node["id"] for node in mine["nodes"]] == [job_id(last.id), job_id(first.id)]
    assert mine["totalCount"] == 2
    assert await ids_listed(viewer) == [job_id(of_viewer.id)]
    every = [job_id(row.id) for row in (last, of_viewer, of_nobody, first)]
    assert await ids_listed(admin) == every
    assert (await admin.query(NODES, id=every[2]))["node"]["owner"] is None
    assert (await admin.query(ONE, id=every[0]))["job"]["owner"]["email"] == "editor@example.com"


async def test_owner_of_another_user_finds_nothing_by_any_filter(
    client: Client, viewer: Client, resources_database: Database
) -> None:
    """Being the owner is asked for beside whatever the filter says, `or` and `not` included."""
    row = await job_of(resources_database, client)
    owner = {"userUuid": {"eq": str(await uuid_of(client))}}
    for filter_ in (
        owner,
        {"or": [owner, {"userUuid": {"isNull": True}}]},
        {"not": {"userUuid": {"eq": str(await uuid_of(viewer))}}},
        {"and": [{"id": {"eq": job_id(row.id)}}]},
    ):
        page = await listed(viewer, filter=filter_)
        assert (page["nodes"], page["totalCount"]) == ([], 0)
    assert await ids_listed(client, filter=owner) == [job_id(row.id)]


async def test_list_is_walked_both_ways(client: Client, resources_database: Database) -> None:
    """Each page goes on where the last one ended, and no job comes twice."""
    made = [job_id((await job_of(resources_database, client)).id) for _ in range(5)][::-1]
    forward = [await listed(client, first=2)]
    while forward[-1]["pageInfo"]["hasNextPage"]:
        forward.append(await listed(client, first=2, after=forward[-1]["pageInfo"]["endCursor"]))
    pages = [[node["id"] for node in page["nodes"]] for page in forward]
    assert pages == [made[:2], made[2:4], made[4:]]
    assert [page["pageInfo"]["hasPreviousPage"] for page in forward] == [False, True, True]
    back = await listed(client, last=2, before=forward[2]["pageInfo"]["startCursor"])
    assert [node["id"] for node in back["nodes"]] == made[2:4]
    assert back["edges"] == forward[1]["edges"]
    assert back["pageInfo"]["hasNextPage"]
    assert [node["id"] for node in (await listed(client, last=2))["nodes"]] == made[3:]


async def test_cursor_of_another_list_is_refused(
    client: Client, resources_database: Database
) -> None:
    """A place among contacts is none among jobs."""
    await job_of(resources_database, client)
    cursor = (await client.query("{ jobs { pageInfo { endCursor } } }"))["jobs"]["pageInfo"]
    document = "query ($after: String) { contacts(after: $after) { totalCount } }"
    failed = await client.fail(document, after=cursor["endCursor"])
    assert failed["extensions"]["code"] == "CURSOR_INVALID"


async def test_filter_chooses_jobs(client: Client, resources_database: Database) -> None:
    """By each of its fields, and by what they are put together with."""
    low = await job_of(resources_database, client, priority=-10)
    other = await job_of(resources_database, client, DeleteCompanies())
    ended = await job_of(resources_database, client)
    now = datetime.now(UTC)
    at = {"started_at": now, "finished_at": now}
    await set_job(resources_database, ended.id, status="COMPLETED", **at)
    names: dict[str, str] = {
        job_id(low.id): "low",
        job_id(other.id): "other",
        job_id(ended.id): "ended",
    }
    soon = (now + timedelta(hours=1)).isoformat()
    for filter_, expected in (
        ({}, "ended other low"),
        ({"id": {"eq": job_id(other.id)}}, "other"),
        ({"uuid": {"in": [str(other.uuid), str(UUID(int=1))]}}, "other"),
        ({"kind": {"eq": "DELETE_COMPANIES"}}, "other"),
        ({"kind": {"notIn": ["DELETE_COMPANIES"]}}, "ended low"),
        ({"status": {"in": ["QUEUED", "RUNNING"]}}, "other low"),
        ({"priority": {"lt": 0}}, "low"),
        ({"createdAt": {"gt": soon}}, ""),
        ({"startedAt": {"isNull": False}}, "ended"),
        ({"finishedAt": {"lte": soon}}, "ended"),
        ({"and": [{"priority": {"gte": 0}}, {"status": {"eq": "QUEUED"}}]}, "other"),
        ({"or": [{"priority": {"lt": 0}}, {"status": {"eq": "COMPLETED"}}]}, "ended low"),
        ({"not": {"status": {"eq": "COMPLETED"}}}, "other low"),
    ):
        found = [names[id_] for id_ in await ids_listed(client, filter=filter_)]
        assert found == expected.split(), filter_


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"filter": {"and": None}}, "filter.and is null."),
        ({"filter": {"status": {"eq": None}}}, "filter.status.eq is null."),
        ({"filter": {"and": [{"kind": None}]}}, "filter.and[0].kind is null."),
        ({"filter": {"id": {"eq": encode_node_id(NodeKind.CONTACT, 1)}}}, "'AQEB' is the id of a"),
        ({"first": 1, "last": 1}, "Use first and after, or last and before; not both."),
        ({"first": 0}, "A page has at least 1 row"),
    ],
)
async def test_list_that_cannot_be_is_bad_user_input(
    empty_app: App, arguments: dict[str, Any], words: str
) -> None:
    """The mistake is named where the client wrote it, for owners and admins alike."""
    for role in (Role.VIEWER, Role.ADMIN):
        failed = await empty_app.client(role).fail(LIST, **arguments)
        assert failed["extensions"]["code"] == "BAD_USER_INPUT"
        assert failed["message"].startswith(words)


@pytest.mark.parametrize("id_", ["nonsense", encode_node_id(NodeKind.CONTACT, 1)])
async def test_id_of_something_else_is_bad_user_input(empty_app: App, id_: str) -> None:
    """A contact is no job."""
    client = empty_app.client()
    for failed in (await client.fail(ONE, id=id_), await client.fail(CANCEL, input={"id": id_})):
        assert failed["extensions"]["code"] == "BAD_USER_INPUT"


async def test_owners_are_read_by_one_statement(
    admin: Client, client: Client, resources_database: Database, statements: Statements
) -> None:
    """However long the page; when the user is gone, the job stays."""
    for _ in range(3):
        await job_of(resources_database, client)
    document = "{ jobs { nodes { owner { email } } } }"
    with statements.recorded() as recorded:
        data = await admin.query(document)
    assert data["jobs"]["nodes"] == [{"owner": {"email": "editor@example.com"}}] * 3
    assert len(recorded) == 2
    await execute(resources_database, "DELETE FROM users WHERE email = 'editor@example.com'")
    assert (await admin.query(document))["jobs"]["nodes"] == [{"owner": None}] * 3


@pytest.mark.one_executor("what is told of the replica differs by itself")
async def test_jobs_are_read_at_the_primary(
    replicated: URL, servers: Servers, tmp_path: Path
) -> None:
    """A job that was just made, or has got on, is never missing because a replica lags."""
    async with replicated_app(replicated, servers, tmp_path) as app:
        admin = User(app)
        assert await admin.count() == ("replica", 0)
        await servers.standby.pause()
        row = await make_job(app.resources.database)
        id_ = job_id(row.id)
        assert (await admin.ask("query ($id: ID!) { job(id: $id) { id } }", id=id_)) == (
            "primary",
            {"job": {"id": id_}},
        )
        assert (await admin.ask("query ($id: ID!) { node(id: $id) { id } }", id=id_)) == (
            "primary",
            {"node": {"id": id_}},
        )
        assert (await admin.ask("{ jobs { totalCount nodes { id } } }")) == (
            "primary",
            {"jobs": {"totalCount": 1, "nodes": [{"id": id_}]}},
        )
        assert await admin.count() == ("replica", 0)


@pytest.mark.parametrize(
    ("heading", "names"),
    [("Kind", JobKind), ("Status", JobStatus), ("`error.code`", JobErrorCode)],
)
def test_every_kind_status_and_error_is_documented(
    heading: str, names: type[DescribedEnum]
) -> None:
    """docs/jobs.md has a line for each of them, in their order."""
    _, _, table = PAPER.partition(f"| {heading} |")
    rows = table.partition("\n\n")[0].splitlines()[2:]
    assert [row.split("`")[1] for row in rows] == list(names)


@pytest.mark.parametrize("document", re.findall(r"```graphql\n(.*?)```", PAPER, re.DOTALL))
def test_example_of_the_paper_can_be_sent(document: str) -> None:
    """Every example of docs/jobs.md is valid."""
    assert validate(core_schema(), parse(document)) == []
