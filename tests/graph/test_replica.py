"""Queries at the replica, mutations at the primary, and all see what they wrote themselves."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from pydantic import SecretStr
from sqlalchemy.engine import URL
from structlog.testing import capture_logs

from app.asgi import context_opener
from db.contacts import count_contacts
from db.engine import open_engine
from db.transaction import Database, ReadSession
from db.users import create_user
from domain.enums import Role
from domain.viewer import Viewer
from graph.documents import Documents
from graph.execution.engine import Executor
from graph.reads import Reads
from graph.schema import build_schema, core_schema
from tests.apps import App, open_app
from tests.client import Client
from tests.factories import make_company, make_contact
from tests.graph.documents import MUTATIONS
from tests.graph.ids import id_of
from tests.replication import Servers, Standby, in_use, until

pytestmark = pytest.mark.one_executor("what is told of lag and execution differs by itself")

COUNT = "{ contacts { totalCount } }"
TITLE = "query ($id: ID!) { contact(id: $id) { title } }"
PRIMARY, REPLICA = "primary", "replica"


class User(Client):
    """Somebody who asks where each answer came from; an admin is told."""

    def __init__(self, app: App, *, uuid: UUID | None = None, role: Role = Role.ADMIN) -> None:
        token = app.resources.tokens.issue(uuid or uuid4(), role, ttl_seconds=600)
        super().__init__(app.http, token)
        self.headers["X-Debug"] = "cache"

    async def ask(self, query: str, **variables: Any) -> tuple[str, Any]:
        """Which server answered, and what."""
        answer = await self.send(query, **variables)
        assert "errors" not in answer, answer["errors"]
        return answer["extensions"]["replica"]["served"], answer["data"]

    async def count(self) -> tuple[str, int]:
        """Which server answered, and how many contacts it has."""
        server, data = await self.ask(COUNT)
        return server, data["contacts"]["totalCount"]

    async def write(self, name: str = "createContact", /, **given: Any) -> dict[str, Any]:
        """The payload of a mutation."""
        server, data = await self.ask(MUTATIONS[name], input=given or {"firstName": "Ada"})
        assert server == PRIMARY
        payload: dict[str, Any] = data[name]
        return payload

    async def is_served_by(self, server: str) -> bool:
        """Whether the server answers this user now."""
        answered, _data = await self.ask(COUNT)
        return answered == server


class Crowd:
    """Users who ask without pause; what went wrong, and who answered lately."""

    def __init__(self, app: App, size: int) -> None:
        self.errors: list[object] = []
        self.answers: Counter[str] = Counter()
        self._stopping = False
        self._asking = [asyncio.create_task(self._ask(User(app))) for _ in range(size)]

    async def all_served_by(self, server: str) -> None:
        """Return when fifty answers in a row came from the server."""

        async def are_served() -> bool:
            if self.answers.keys() - {server}:
                self.answers.clear()
            return self.answers[server] >= 50

        self.answers.clear()
        await until(are_served)

    async def stop(self) -> None:
        """Let the last ones be answered."""
        self._stopping = True
        await asyncio.gather(*self._asking)

    async def _ask(self, user: User) -> None:
        while not self._stopping:
            answer = await user.send(COUNT)
            self.errors += answer.get("errors", [])
            if "data" in answer:
                self.answers[answer["extensions"]["replica"]["served"]] += 1


@asynccontextmanager
async def app_at(database: URL, replica: URL, folder: Path, **settings: Any) -> AsyncIterator[App]:
    """The application with a replica, or what is said to be one."""
    address = SecretStr(replica.render_as_string(hide_password=False))
    async with open_app(database, folder, database_replica_url=address, **settings) as app:
        yield app


@asynccontextmanager
async def replicated_app(database: URL, servers: Servers, folder: Path) -> AsyncIterator[App]:
    """The application with a replica in use; an answer that takes five seconds is an error."""
    replica = servers.standby.url(database.database)
    async with app_at(database, replica, folder, request_timeout=5) as app:
        assert app.resources.replica is not None
        await in_use(app.resources.replica)
        yield app


@pytest.fixture
async def app(replicated: URL, servers: Servers, tmp_path: Path) -> AsyncIterator[App]:
    """The application with a replica in use."""
    async with replicated_app(replicated, servers, tmp_path) as opened:
        yield opened


@pytest.fixture
def database(app: App) -> Database:
    """The primary."""
    return app.resources.database


async def test_query_is_served_by_the_replica(
    app: App, database: Database, servers: Servers
) -> None:
    """Everything a query selects comes from there, and the answer says so with the lag."""
    company = await make_company(database, name="Acme")
    await make_contact(database, first_name="Ada", company_id=id_of(company))
    await servers.catch_up()
    answer = await User(app).send(
        "{ contacts { nodes { firstName company { name } emails { address } } totalCount } }"
    )
    assert answer["data"]["contacts"] == {
        "nodes": [{"firstName": "Ada", "company": {"name": "Acme"}, "emails": []}],
        "totalCount": 1,
    }
    told = answer["extensions"]["replica"]
    assert (told["served"], 0 <= told["lagSeconds"] < 10) == (REPLICA, True)


async def test_own_change_is_seen_while_the_replica_does_not_have_it(
    app: App, servers: Servers
) -> None:
    """The writer reads at the primary until the replica has caught up; others lag meanwhile."""
    ada, bob = User(app), User(app)
    assert await ada.count() == (REPLICA, 0)
    await servers.standby.pause()
    await ada.write()
    for _ in range(3):
        assert await ada.count() == (PRIMARY, 1)
        assert await bob.count() == (REPLICA, 0)
    await servers.standby.resume()
    await until(lambda: ada.is_served_by(REPLICA))
    assert await ada.count() == (REPLICA, 1)
    assert await bob.count() == (REPLICA, 1)


async def test_answer_of_a_mutation_comes_from_the_primary_whole(
    app: App, database: Database, servers: Servers
) -> None:
    """What a mutation reads beside its own row is as new as the row."""
    company = await make_company(database, name="Old")
    await servers.catch_up()
    await servers.standby.pause()
    ada, bob = User(app), User(app)
    await ada.write("updateCompany", id=id_of(company), name="New")
    payload = await bob.write("createContact", firstName="Bob", companyId=id_of(company))
    assert payload["contact"]["company"] == {"name": "New"}


@pytest.mark.parametrize(
    ("document", "server"),
    [(MUTATIONS["createContact"], PRIMARY), ("{ __typename }", REPLICA)],
    ids=["mutation", "query"],
)
async def test_request_of_a_mutation_reads_at_the_primary_from_the_start(
    app: App, document: str, server: str
) -> None:
    """Also when it has not written anything yet, or never does."""
    context = context_opener(app.resources)(Viewer(uuid4(), Role.EDITOR))
    (operation,) = Documents(core_schema()).get(document).operations
    await Executor(build_schema()).execute(operation, {"input": {}}, context)
    await context.reads.run(count_contacts)
    assert context.reads.served()["served"] == server


async def test_refused_mutation_shows_no_more_than_later_queries_do(
    app: App, database: Database, servers: Servers
) -> None:
    """Who was told that a record has moved on finds the record where it was said to be."""
    contact = await make_contact(database, first_name="Ada", title="old")
    await servers.catch_up()
    await servers.standby.pause()
    ada, bob = User(app), User(app)
    await ada.write("updateContact", id=id_of(contact), title="new")
    payload = await bob.write("updateContact", id=id_of(contact), title="x", expectedVersion=1)
    assert [error["code"] for error in payload["userErrors"]] == ["VERSION_CONFLICT"]
    assert await bob.ask(TITLE, id=id_of(contact)) == (PRIMARY, {"contact": {"title": "new"}})


async def test_mutation_that_is_sent_again_elsewhere_is_seen_there(
    app: App, replicated: URL, servers: Servers, tmp_path: Path
) -> None:
    """A process that has not written itself acknowledges the change, and then shows it."""
    uuid = uuid4()
    async with replicated_app(replicated, servers, tmp_path) as other:
        user = User(other, uuid=uuid)
        await servers.standby.pause()
        await User(app, uuid=uuid).write(firstName="Ada", idempotencyKey="k")
        assert await user.count() == (REPLICA, 0)
        await user.write(firstName="Ada", idempotencyKey="k")
        assert await user.count() == (PRIMARY, 1)


async def test_user_who_is_newer_than_the_replica_is_known(
    app: App, database: Database, servers: Servers
) -> None:
    """A token that was issued a moment ago is not answered as one of nobody."""
    await servers.standby.pause()
    async with database.write() as tx:
        user = await create_user(tx, email="ada@example.com", role=Role.ADMIN)
    assert user is not None
    answer = await User(app, uuid=user.uuid).ask("{ viewer { email } }")
    assert answer == (PRIMARY, {"viewer": {"email": "ada@example.com"}})


async def test_only_admins_who_ask_are_told_which_server_answered(app: App) -> None:
    """What is behind the API is nobody else's business."""
    for role in (Role.VIEWER, Role.EDITOR):
        assert "extensions" not in await User(app, role=role).send(COUNT)
    admin = User(app)
    admin.headers["X-Debug"] = "everything"
    assert "extensions" not in await admin.send(COUNT)


async def test_without_a_replica_the_primary_answers(empty_app: App) -> None:
    """The admin is told so, and no lag, because there is none."""
    answer = await User(empty_app).send(COUNT)
    assert answer["extensions"]["replica"] == {"served": PRIMARY}
    assert empty_app.resources.replica is None


async def test_server_that_is_no_replica_costs_one_warning_and_nothing_else(
    replicated: URL, tmp_path: Path
) -> None:
    """Started with a wrong DATABASE_REPLICA_URL, the server serves from the primary."""
    nowhere = URL.create("postgresql+asyncpg", host="127.0.0.1", port=1, database="none")
    with capture_logs() as logs:
        async with app_at(replicated, nowhere, tmp_path, log_level="warning") as app:
            ada = User(app)
            await ada.write()
            assert [await ada.count() for _ in range(20)] == [(PRIMARY, 1)] * 20
            assert app.resources.replica is not None
            await app.resources.replica.look()
    warned = [entry["event"] for entry in logs if entry["log_level"] == "warning"]
    assert warned == ["replica_left_out"]


async def test_read_that_breaks_at_the_replica_is_answered_by_the_primary(app: App) -> None:
    """And so is what the request reads after it."""
    assert app.resources.replica is not None
    reads = Reads(app.resources.database, replica=app.resources.replica)

    async def break_in_recovery(session: ReadSession) -> bool:
        in_recovery = bool(await session.driver.fetchval("SELECT pg_is_in_recovery()"))
        if in_recovery:
            await session.driver.fetch("SELECT pg_terminate_backend(pg_backend_pid()), pg_sleep(1)")
        return in_recovery

    assert await reads.run(break_in_recovery) is False
    assert reads.served() == {"served": PRIMARY}
    await in_use(app.resources.replica)
    assert await reads.run(break_in_recovery) is False


async def _kill(servers: Servers) -> None:
    await servers.kill_standby()


async def _restart(servers: Servers) -> None:
    await asyncio.to_thread(servers.standby.start)


async def _freeze(servers: Servers) -> None:
    servers.standby.freeze()


async def _thaw(servers: Servers) -> None:
    servers.standby.thaw()


@pytest.mark.parametrize(
    ("fall", "rise"), [(_kill, _restart), (_freeze, _thaw)], ids=["killed", "frozen"]
)
async def test_no_request_fails_when_the_replica_falls(
    app: App, servers: Servers, fall: Any, rise: Any
) -> None:
    """Those who wait and those who come are answered by the primary, until it is back."""
    crowd = Crowd(app, size=8)
    await crowd.all_served_by(REPLICA)
    await fall(servers)
    try:
        await crowd.all_served_by(PRIMARY)
    finally:
        await rise(servers)
    await crowd.all_served_by(REPLICA)
    await crowd.stop()
    assert crowd.errors == []


async def _write_and_read(user: User, rounds: int, chance: random.Random) -> Counter[str]:
    """Which servers answered a user who was never shown less than they wrote."""
    servers: Counter[str] = Counter()
    contact = (await user.write(firstName="Ada", title="0"))["contact"]["id"]
    for number in range(1, rounds + 1):
        await user.write("updateContact", id=contact, title=str(number))
        for _ in range(2):
            server, data = await user.ask(TITLE, id=contact)
            assert data == {"contact": {"title": str(number)}}, (server, number)
            servers[server] += 1
            await asyncio.sleep(chance.uniform(0, 0.1))
    return servers


async def _stumble(standby: Standby, chance: random.Random) -> None:
    async with open_engine(standby.url()) as engine, engine.connect() as connection:
        driver = (await connection.get_raw_connection()).driver_connection
        assert driver is not None
        while True:
            await driver.execute("SELECT pg_wal_replay_pause()")
            await asyncio.sleep(chance.uniform(0, 0.05))
            await driver.execute("SELECT pg_wal_replay_resume()")
            await asyncio.sleep(chance.uniform(0, 0.15))


async def test_nobody_is_shown_less_than_they_wrote(app: App, servers: Servers) -> None:
    """Hundreds of changes, each read back at random moments from a replica that stumbles."""
    chance = random.Random(20261122)  # noqa: S311  # how the replica stumbles is no secret
    stumbling = asyncio.create_task(_stumble(servers.standby, chance))
    users = (_write_and_read(User(app), 30, chance) for _ in range(8))
    answered = sum(await asyncio.gather(*users), Counter[str]())
    stumbling.cancel()
    with suppress(asyncio.CancelledError):
        await stumbling
    assert answered.total() == 8 * 30 * 2
    assert min(answered[PRIMARY], answered[REPLICA]) > 10
