"""When users were last active: written beside their requests, seldom, and never backwards."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import httpx
from sqlalchemy.engine import URL
from structlog.testing import capture_logs

from app.activity import Activity
from app.asgi import create_app
from app.resources import Resources
from db.rows import UserRow
from db.transaction import Database
from db.users import create_user, find_user, move_last_active
from domain.enums import Role
from jobs.background import BackgroundTasks
from tests.apps import STRANGER, open_app
from tests.client import Client
from tests.graph.sockets import opened
from tests.replication import until
from tests.served import serving
from tests.statements import Statements

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)

MakeClient = Callable[[Role], Awaitable[Client]]


async def make_user(database: Database, name: str = "ada") -> UserRow:
    """A user who was never active."""
    async with database.write() as tx:
        user = await create_user(tx, email=f"{name}@example.com", role=Role.EDITOR)
    assert user is not None
    return user


async def last_active(database: Database, user_uuid: UUID) -> datetime | None:
    """When a user was last active, as far as it is stored."""
    async with database.read() as session:
        user = await find_user(session, user_uuid)
    assert user is not None
    found: datetime | None = user.last_active_at
    return found


async def move(database: Database, seen: dict[UUID, datetime]) -> None:
    """Write when users were last active."""
    async with database.write() as tx:
        await move_last_active(tx, seen)


async def test_last_active_only_moves_forward(database: Database) -> None:
    """An earlier time, which a slower process writes later, changes nothing."""
    ada, bob = await make_user(database, "ada"), await make_user(database, "bob")
    await move(database, {ada.uuid: NOON, STRANGER: NOON})
    await move(database, {ada.uuid: NOON - MINUTE, bob.uuid: NOON - MINUTE})
    assert await last_active(database, ada.uuid) == NOON
    assert await last_active(database, bob.uuid) == NOON - MINUTE
    await move(database, {ada.uuid: NOON + MINUTE})
    assert await last_active(database, ada.uuid) == NOON + MINUTE


async def test_all_who_came_are_written_by_one_statement(
    database: Database, statements: Statements
) -> None:
    """However many they are, and however often they came."""
    users = [await make_user(database, name) for name in ("ada", "bob", "cyd")]
    tasks = BackgroundTasks(max_concurrent=1)
    activity = Activity(tasks, database)
    before = datetime.now(UTC)
    with statements.recorded() as sql:
        for user in users * 3:
            activity.note(user.uuid)
        activity.flush()
        await tasks.drain(10)
    assert len(sql) == 1
    for user in users:
        stored = await last_active(database, user.uuid)
        assert stored is not None
        assert before <= stored <= datetime.now(UTC)


async def test_user_is_written_once_in_five_minutes(database: Database) -> None:
    """Who comes again before that is not written again; afterwards they are."""
    user = await make_user(database)
    seldom, always = BackgroundTasks(max_concurrent=1), BackgroundTasks(max_concurrent=1)
    for tasks, seconds, writes in ((seldom, 300.0, 1), (always, 0.0, 3)):
        activity = Activity(tasks, database, every_seconds=seconds)
        for _ in range(3):
            activity.note(user.uuid)
            activity.flush()
        await tasks.drain(10)
        assert tasks.statistics().completed_tasks == writes


async def test_nobody_came_and_nothing_is_written(database: Database) -> None:
    """No task without a user."""
    tasks = BackgroundTasks(max_concurrent=1)
    Activity(tasks, database).flush()
    assert tasks.statistics().total_tasks == 0


async def test_who_comes_is_written_without_further_ado(database: Database) -> None:
    """After the time in which users are gathered it happens by itself."""
    user = await make_user(database)
    tasks = BackgroundTasks(max_concurrent=1)
    Activity(tasks, database, collect_seconds=0.01).note(user.uuid)
    await until(lambda: last_active(database, user.uuid))
    await tasks.drain(10)


async def test_only_users_who_were_let_in_are_noted(
    client: Client, http: httpx.AsyncClient, resources: Resources
) -> None:
    """A request without a token, or with a wrong one, is nobody's activity."""
    tasks, content = resources.background, {"query": "{ __schema { __typename } }"}
    for headers in ({}, {"Authorization": "Bearer nonsense"}):
        await http.post("/graphql", json=content, headers=headers)
    resources.activity.flush()
    assert tasks.statistics().total_tasks == 0
    await http.post("/graphql", json=content, headers=client.headers)
    resources.activity.flush()
    assert tasks.statistics().total_tasks == 1


async def test_each_operation_of_a_socket_is_activity(
    resources: Resources, database: Database
) -> None:
    """Not only its beginning: a socket is open all day."""
    user = await make_user(database)
    activity = Activity(resources.background, database, every_seconds=0.0)
    app = create_app(replace(resources, activity=activity))
    token = resources.tokens.issue(user.uuid, Role.EDITOR, ttl_seconds=600)
    async with serving(app) as served, opened(served.socket) as socket:
        await socket.init(f"Bearer {token}")
        for number in range(3):
            await socket.subscribe("{ __typename }", id=str(number))
            await socket.next(str(number))
            await socket.completed(str(number))
            activity.flush()
            assert resources.background.statistics().total_tasks == number + 1


async def test_request_is_activity_and_waits_for_none(
    client: Client, resources: Resources, statements: Statements
) -> None:
    """Its answer comes without a further statement; the time is there once it was written."""
    with statements.recorded() as sql:
        data = await client.query("{ viewer { uuid lastActiveAt } }")
    assert data["viewer"]["lastActiveAt"] is None
    assert not any("UPDATE" in text for text in sql)
    resources.activity.flush()
    await resources.background.drain(10)
    assert (await client.query("{ viewer { lastActiveAt } }"))["viewer"]["lastActiveAt"]


async def test_activity_is_written_before_the_process_ends(
    database_url: URL, database: Database, tmp_path: Path
) -> None:
    """What was noted and not yet written is written while the database is still open."""
    user = await make_user(database)
    async with open_app(database_url, tmp_path) as app:
        token = app.resources.tokens.issue(user.uuid, Role.EDITOR, ttl_seconds=60)
        await Client(app.http, token).query("{ __typename }")
        assert await last_active(database, user.uuid) is None
    assert await last_active(database, user.uuid) is not None


async def test_colleagues_see_only_their_own_activity(
    client_as: MakeClient, resources: Resources
) -> None:
    """Of others it is null, but for admins."""
    editor, admin = await client_as(Role.EDITOR), await client_as(Role.ADMIN)
    mine = (await editor.query("{ viewer { id uuid } }"))["viewer"]
    await move(resources.database, {UUID(mine["uuid"]): NOON})
    query = "query ($id: ID!) { node(id: $id) { ... on User { lastActiveAt } } }"
    noon = {"node": {"lastActiveAt": "2026-11-22T12:00:00Z"}}
    assert await editor.query(query, id=mine["id"]) == noon
    assert await admin.query(query, id=mine["id"]) == noon
    viewer = await client_as(Role.VIEWER)
    assert await viewer.query(query, id=mine["id"]) == {"node": {"lastActiveAt": None}}


async def test_write_that_fails_is_logged_and_tried_again(database: Database) -> None:
    """A database that is away for a moment costs nobody their request, and loses nothing."""
    user = await make_user(database)
    pauses: list[float] = []

    async def bring_back(seconds: float) -> None:
        pauses.append(seconds)
        async with database.write() as tx:
            await tx.driver.execute("ALTER TABLE away RENAME TO users")

    tasks = BackgroundTasks(max_concurrent=1, sleep=bring_back)
    async with database.write() as tx:
        await tx.driver.execute("ALTER TABLE users RENAME TO away")
    activity = Activity(tasks, database)
    activity.note(user.uuid)
    with capture_logs() as logs:
        activity.flush()
        await tasks.drain(10)
    assert [line["event"] for line in logs] == [
        "background_task_retried",
        "background_task_completed",
    ]
    assert pauses == [1.0]
    assert await last_active(database, user.uuid) is not None
