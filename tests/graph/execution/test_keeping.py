"""What is kept was read after the cache was asked, and from the primary."""

import asyncio
import gc
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import orjson
import pytest
from graphql import GraphQLError
from sqlalchemy.engine import URL

from app.asgi import context_opener
from cache.keys import ContactList, Key
from cache.memory import MemoryStore
from cache.query_cache import QueryCache
from cache.store import Found, Miss
from cache.tags import Entity, any_of, one
from db.rows import ContactRow
from db.transaction import StatementRun
from domain.enums import Role
from domain.viewer import Viewer
from graph.context import Context
from graph.documents import Documents
from graph.execution.engine import Executor
from graph.execution.keeping import Completed, Keeping
from graph.schema import build_schema, core_schema
from tests.apps import App, open_app
from tests.factories import make_contact
from tests.graph.cached import BYPASS, HIT, MISS, CachedApp
from tests.graph.documents import MUTATIONS
from tests.graph.ids import id_of
from tests.graph.rows import execute
from tests.graph.test_replica import app_at
from tests.replication import Servers, in_use
from tests.statements import Statements

pytestmark = pytest.mark.one_executor("the cache is not asked by graphql-core")

EXECUTOR = Executor(build_schema())
DOCUMENTS = Documents(core_schema())
DETAIL = "... on Contact { firstName }"


class DelayedStore(MemoryStore):
    """A store that is reached late, as one over a network may be.

    Attributes:
        delays: How long each further question is on its way; with "awaited", another process is
            about to fill what is missing.
    """

    def __init__(self) -> None:
        super().__init__(max_entries=100, max_bytes=10**6, schema="")
        self.delays: list[Callable[[], Awaitable[str | None]]] = []

    async def look_up(self, key: Key, *, era: str, will_fill: bool = True) -> Found:
        """As `Store` has it."""
        told = await self.delays.pop(0)() if self.delays else None
        found = await super().look_up(key, era=era, will_fill=will_fill)
        if told == "awaited" and isinstance(found, Miss):
            return replace(found, is_awaited=True)
        return found


class Asking:
    """Somebody who asks an application whose cache is a delayed store."""

    def __init__(self, app: App, statements: Statements) -> None:
        self.store = DelayedStore()
        self._cache = QueryCache(self.store, era=lambda: "now", ttl_seconds=60)
        self._open_context = context_opener(app.resources)
        self._app = app
        self._statements = statements
        self._has_read = asyncio.Event()
        app.resources.database.observers.append(self._note)

    async def ask(self, query: str) -> tuple[Any, str, list[str]]:
        """The data, what the cache did, and the statements."""
        context = self.context()
        self._has_read.clear()
        with self._statements.recorded() as sql:
            result = await EXECUTOR.execute(DOCUMENTS.get(query).operations[0], {}, context)
        assert result.errors is None
        summary = context.fetches.summary() or {}
        return orjson.loads(orjson.dumps(result.data)), str(summary.get("status")), sql

    async def change_when_read(self, row: ContactRow) -> None:
        """Let somebody change a contact as soon as it has been read."""
        await asyncio.wait_for(self._has_read.wait(), 10)
        tags = (any_of(Entity.CONTACT), one(Entity.CONTACT, row.id))
        await self.store.begin(tags, "change")
        await execute(
            self._app.resources.database,
            "UPDATE contacts SET first_name = 'New' WHERE id = $1",
            row.id,
        )
        await self.store.end(tags, "change")

    def _note(self, run: StatementRun) -> None:
        if run.sql.startswith("SELECT") and "FROM contacts" in run.sql.replace("\n", ""):
            self._has_read.set()

    def context(self) -> Context:
        """A request of theirs."""
        opened = self._open_context(Viewer(uuid4(), Role.VIEWER))
        return replace(opened, cache=self._cache)


@pytest.fixture
async def app(database_url: URL, tmp_path: Path) -> AsyncIterator[App]:
    """An application."""
    async with open_app(database_url, tmp_path) as opened:
        yield opened


@pytest.fixture
async def asking(app: App) -> Asking:
    """Somebody who asks it."""
    statements = Statements()
    app.resources.database.observers.append(statements.observe)
    return Asking(app, statements)


@pytest.mark.parametrize("read_before", ["nodes(ids: [{}])", "node(id: {})"])
async def test_rows_read_before_the_cache_was_asked_are_not_kept(
    app: App, asking: Asking, read_before: str
) -> None:
    """Another field has read the contact, then it changes, and then the cache is asked."""
    row = await make_contact(app.resources.database, first_name="Old")
    id_ = orjson.dumps(id_of(row)).decode()

    async def changed() -> None:
        await asking.change_when_read(row)

    async def at_once() -> None:
        return

    async def awaited() -> str:
        return "awaited"

    # `nodes` asks no cache; a field that waits for another process asks it a second time.
    asking.store.delays = [changed] if "ids" in read_before else [at_once, awaited, changed]
    early = f"early: {read_before.format(id_)} {{ ... on Contact {{ firstName title }} }}"
    late = f"late: node(id: {id_}) {{ {DETAIL} }}"
    data, _, _ = await asking.ask(f"{{ {early} {late} }}")
    assert "Old" in str(data["early"])
    assert data["late"] == {"firstName": "New"}
    kept, status, _ = await asking.ask(f"{{ {late} }}")
    assert (kept, status) == ({"late": {"firstName": "New"}}, HIT)


@pytest.mark.parametrize("turns", [(), (1, 9, 3, 6)], ids=["at once", "one by one"])
async def test_fields_that_miss_share_their_statements(
    app: App, asking: Asking, turns: tuple[int, ...]
) -> None:
    """Whenever the store answers each of them: nothing is read before it has answered all."""
    row = await make_contact(app.resources.database, first_name="Old")
    asking.store.delays = [partial(pass_turns, number) for number in turns]
    fields = [f'n{at}: node(id: "{id_of(row)}") {{ id {DETAIL} __typename }}' for at in range(3)]
    others = [f'm{at}: node(id: "{id_of(row)}") {{ x{at}: id }}' for at in range(3)]
    _, status, sql = await asking.ask(f"{{ {' '.join(fields + others)} }}")
    assert (status, len(sql)) == (MISS, 1)


async def pass_turns(number: int) -> None:
    """Let the event loop turn so often."""
    for _ in range(number):
        await asyncio.sleep(0)


async def test_what_may_not_be_kept_is_completed_side_by_side(asking: Asking) -> None:
    """Once the first of equal fields has failed, none of the others waits for another."""
    together = asyncio.Barrier(3)
    keeping = Keeping(asking.context(), QueryCache(asking.store, era=lambda: "now", ttl_seconds=60))
    failed = Completed(None, [GraphQLError("no")], is_nulled=False, is_unreadable=False)
    begun: list[Context] = []

    async def fail(context: Context) -> Completed:
        begun.append(context)
        if len(begun) > 1:
            await together.wait()
        return failed

    key = ContactList(digest="d", shows=frozenset({Entity.CONTACT}))
    async with asyncio.timeout(10):
        completed = await asyncio.gather(*(keeping.value(name, key, fail) for name in "abcd"))
    assert completed == [failed] * 4
    assert len(begun) == 4


async def test_what_the_replica_serves_is_read_past_the_cache(
    replicated: URL, servers: Servers, tmp_path: Path
) -> None:
    """An answer shows one server; what is kept is of the primary, and for those it serves."""
    replica = servers.standby.url(replicated.database)
    async with app_at(replicated, replica, tmp_path, with_cache=True) as app:
        assert app.resources.replica is not None
        await in_use(app.resources.replica)
        cached = CachedApp(app)
        query = "{ contacts { totalCount } }"
        assert [await cached.status(query) for _ in range(2)] == [BYPASS, BYPASS]
        await servers.standby.pause()
        await cached.ask(MUTATIONS["createContact"], input={"firstName": "Ada"})
        # Who wrote reads at the primary until the replica has it, and may keep what is read there.
        assert [await cached.status(query) for _ in range(2)] == [MISS, HIT]
        # Going on at the replica, somebody else would be shown less than by the hit before.
        other = CachedApp(app, user=uuid4())
        answered = await other.ask(query)
        assert (answered.status, answered.data) == (BYPASS, {"contacts": {"totalCount": 0}})
        await servers.standby.resume()


async def test_kept_field_leaves_nothing_to_the_garbage_collector(app: App, asking: Asking) -> None:
    """In a circle the rows of a request would stay in memory until the collector comes."""
    await make_contact(app.resources.database, first_name="Ada")
    query = "{ contacts { nodes { firstName emails { address } } } companies { totalCount } }"
    await asking.ask(query)
    left: dict[str | None, list[int]] = {HIT: [], MISS: []}
    gc.disable()
    try:
        # What else the process does meanwhile may leave something once, a request would each time.
        for expected in (HIT, MISS) * 5:
            gc.collect()
            _, status, _ = await asking.ask(query)
            left[status].append(gc.collect())
            if expected is HIT:
                await asking.store.delete("*")
    finally:
        gc.enable()
    assert 0 in left[HIT]
    assert 0 in left[MISS]
