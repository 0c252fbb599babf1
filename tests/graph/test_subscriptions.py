"""The root fields of subscriptions: who may follow what, and what is told."""

import asyncio
import re
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from graphql import ExecutionResult, GraphQLError
from pydantic import SecretStr
from sqlalchemy.engine import URL

from app.asgi import context_opener
from app.resources import Resources
from db.contacts import delete_contact
from db.job_queue import enqueue
from db.rows import JobRow
from db.transaction import Database
from domain.changes import ChangeEventKind
from domain.enums import Role
from domain.errors import ErrorCode
from domain.node_ids import NodeKind, encode_node_id
from domain.tasks import DeleteContacts
from domain.viewer import Viewer
from graph.context import Context
from graph.deadlines import TimeLimit
from graph.documents import Documents
from graph.errors import format_error
from graph.execution.engine import Executor
from graph.execution.subscribing import Results
from graph.schema import build_schema, core_schema
from graph.subscriptions import MAX_WATCHED
from tests.apps import open_app
from tests.factories import make_company, make_contact
from tests.graph.ids import id_of
from tests.graph.rows import execute
from tests.replication import Servers, in_use, until

CONTACTS = "subscription ($ids: [ID!]) { contactChanged(ids: $ids) { kind ids } }"
COMPANIES = "subscription ($ids: [ID!]) { companyChanged(ids: $ids) { kind ids } }"
JOB = "subscription ($id: ID!) { jobProgress(id: $id) { id status progress done total } }"
READY = {"kind": "READY", "ids": []}
LARGEST_ID = 2**63 - 1


def context_of(resources: Resources, viewer: Viewer | None) -> Context:
    """The context of a request."""
    return context_opener(resources)(viewer)


@pytest.fixture
def context(resources: Resources) -> Context:
    """The context of somebody who may only read."""
    return context_of(resources, Viewer(uuid4(), Role.VIEWER))


async def begin(text: str, context: Context, **variables: Any) -> Results | ExecutionResult:
    """The answers to a subscription, or the one that refuses it."""
    (operation,) = Documents(core_schema()).get(text).operations
    executor = Executor(build_schema())
    return await executor.subscribe(operation, variables, context, time=TimeLimit(10))


async def events(text: str, context: Context, **variables: Any) -> AsyncGenerator[Any, None]:
    """The values of the root field, one after the other."""
    results = await begin(text, context, **variables)
    assert isinstance(results, Results)
    async with aclosing(results):
        async for result in results:
            assert result.errors is None
            assert result.data is not None
            (value,) = result.data.values()
            yield value


async def next_of(stream: AsyncGenerator[Any, None]) -> Any:
    """What comes next."""
    async with asyncio.timeout(30):
        return await anext(stream)


async def refusal(text: str, context: Context, **variables: Any) -> GraphQLError:
    """The error of a subscription that is not begun."""
    result = await begin(text, context, **variables)
    assert isinstance(result, ExecutionResult)
    assert result.errors is not None
    (error,) = result.errors
    return error


def code_of(error: GraphQLError) -> str:
    """What a program branches on."""
    return str(format_error(error, "request")["extensions"]["code"])


async def make_job(database: Database, owner: Viewer | None) -> JobRow:
    """A job that nobody runs."""
    async with database.write() as tx:
        owner_uuid = None if owner is None else owner.user_uuid
        return await enqueue(tx, DeleteContacts(), owner=owner_uuid, total=10)


def job_id(job: JobRow) -> str:
    """The id of a job as clients see it."""
    return encode_node_id(NodeKind.JOB, job.id)


async def test_contacts_and_companies_are_told(resources: Resources, context: Context) -> None:
    """After READY each change, with the ids that `node` takes."""
    contacts, companies = events(CONTACTS, context), events(COMPANIES, context)
    assert await next_of(contacts) == READY
    assert await next_of(companies) == READY
    contact = await make_contact(resources.database)
    company = await make_company(resources.database)
    assert await next_of(contacts) == {"kind": "CREATED", "ids": [id_of(contact)]}
    assert await next_of(companies) == {"kind": "CREATED", "ids": [id_of(company)]}
    await contacts.aclose()
    await companies.aclose()


async def test_ids_narrow_what_is_told(resources: Resources, context: Context) -> None:
    """A page that shows one record hears of that record alone."""
    contact = await make_contact(resources.database)
    stream = events(CONTACTS, context, ids=[id_of(contact)])
    assert await next_of(stream) == READY
    await make_contact(resources.database)
    async with resources.database.write() as tx:
        await delete_contact(tx, contact.id)
    assert await next_of(stream) == {"kind": "DELETED", "ids": [id_of(contact)]}
    await stream.aclose()


@pytest.mark.parametrize(
    ("text", "ids", "message"),
    [
        (CONTACTS, ["x"], "'x' is not an id of this server."),
        (CONTACTS, ["AQIB"], "'AQIB' is the id of a company, not of a contact."),
        (COMPANIES, ["AQEB"], "'AQEB' is the id of a contact, not of a company."),
        (
            CONTACTS,
            ["AQEB"] * (MAX_WATCHED + 1),
            "1001 ids were given; at most 1000 fit. Without any, all are told.",
        ),
    ],
    ids=["no id", "a company", "a contact", "too many"],
)
async def test_wrong_ids_are_refused_at_once(
    context: Context, text: str, ids: list[str], message: str
) -> None:
    """Not by the first event, and without a stream."""
    error = await refusal(text, context, ids=ids)
    assert (code_of(error), error.message) == ("BAD_USER_INPUT", message)


@pytest.mark.parametrize(
    ("text", "name"),
    [(CONTACTS, "ids"), (COMPANIES, "ids"), (JOB, "id")],
    ids=["contacts", "companies", "job"],
)
async def test_nobody_follows_without_a_token(resources: Resources, text: str, name: str) -> None:
    """As with queries."""
    given = {"id": encode_node_id(NodeKind.JOB, 1)} if name == "id" else {}
    error = await refusal(text, context_of(resources, None), **given)
    assert code_of(error) == ErrorCode.UNAUTHENTICATED


async def test_subscription_needs_feeds(resources: Resources, context: Context) -> None:
    """Where nothing listens, that is said instead of being silent."""
    context.feeds = None
    error = await refusal(CONTACTS, context)
    assert code_of(error) == ErrorCode.SERVICE_UNAVAILABLE


async def test_whoever_leaves_is_forgotten(resources: Resources, context: Context) -> None:
    """Closing the answers gives the place back at once; so does cancelling who waits for one."""
    seats = resources.feeds.seats
    streams = [events(CONTACTS, context) for _ in range(2)]
    for stream in streams:
        await next_of(stream)
    assert seats.taken == 2
    await streams[0].aclose()
    assert seats.taken == 1
    waiting = asyncio.ensure_future(next_of(streams[1]))
    # It must have begun to wait before it can be stopped there.
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert seats.taken == 0


@pytest.mark.parametrize("role", [Role.VIEWER, Role.ADMIN])
async def test_job_is_followed_to_its_end(resources: Resources, role: Role) -> None:
    """By its owner, and by an admin whoever owns it."""
    viewer = Viewer(uuid4(), role)
    job = await make_job(resources.database, viewer if role is Role.VIEWER else None)
    stream = events(JOB, context_of(resources, viewer), id=job_id(job))
    shown = {"id": job_id(job), "progress": 0, "done": "0", "total": "10"}
    assert await next_of(stream) == {**shown, "status": "QUEUED"}
    half_way = "UPDATE jobs SET status = 'RUNNING', done = 5 WHERE id = $1"
    await execute(resources.database, half_way, job.id)
    shown |= {"progress": 0.5, "done": "5"}
    assert await next_of(stream) == {**shown, "status": "RUNNING"}
    end = "UPDATE jobs SET status = 'CANCELLED', finished_at = now() WHERE id = $1"
    await execute(resources.database, end, job.id)
    assert await next_of(stream) == {**shown, "status": "CANCELLED"}
    assert await anext(stream, None) is None
    assert resources.feeds.seats.taken == 0


async def test_job_of_somebody_else_looks_like_none(resources: Resources, context: Context) -> None:
    """Nobody finds out by asking which jobs there are."""
    job = await make_job(resources.database, Viewer(uuid4(), Role.VIEWER))
    ids = [job_id(job), encode_node_id(NodeKind.JOB, LARGEST_ID)]
    errors = [await refusal(JOB, context, id=each) for each in ids]
    assert [code_of(error) for error in errors] == [ErrorCode.NOT_FOUND] * 2
    words = "There is no job with the id {}, or it is somebody else's."
    assert [error.message for error in errors] == [words.format(each) for each in ids]


async def test_who_reads_after_an_event_finds_what_it_told(
    replicated: URL, servers: Servers, tmp_path: Path
) -> None:
    """The replica may have less than the event tells of; its reader is served by the primary."""
    standby = servers.standby.url(replicated.database).render_as_string(hide_password=False)
    async with open_app(replicated, tmp_path, database_replica_url=SecretStr(standby)) as app:
        replica, viewer = app.resources.replica, Viewer(uuid4(), Role.VIEWER)
        assert replica is not None

        async def is_served() -> bool:
            return replica.serves(viewer.user_uuid)

        await in_use(replica)
        stream = events(CONTACTS, context_of(app.resources, viewer))
        await next_of(stream)
        await until(is_served)
        await servers.standby.pause()
        await make_contact(app.resources.database)
        await next_of(stream)
        assert not await is_served()
        await replica.look()
        assert not await is_served()
        await servers.standby.resume()
        await until(is_served)
        await stream.aclose()


def test_kinds_are_documented_as_they_are() -> None:
    """docs/changes.md has exactly the kinds of events, with their words."""
    paper = (Path(__file__).parents[2] / "docs" / "changes.md").read_text("utf-8")
    rows = re.findall(r"^\| `([A-Z]+)` \| (none|some) \| (.+) \|$", paper, re.MULTILINE)
    assert [(kind, words) for kind, _, words in rows] == [
        (kind.value, kind.doc) for kind in ChangeEventKind
    ]
