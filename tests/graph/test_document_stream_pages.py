"""The pages of a stream: each is a request of its own, and nothing of one is left for the next."""

import gc
import weakref
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from graphql import ExecutionResult
from sqlalchemy.engine import URL
from structlog.testing import capture_logs

from app.asgi import context_opener
from domain.enums import Role
from domain.errors import OperationTimeout
from domain.exports import Foreseen, Written
from domain.node_ids import NodeKind, encode_node_id
from domain.viewer import Viewer
from graph.context import Context
from graph.document import Operation
from graph.documents import Documents
from graph.endpoint import Endpoint, EndpointSettings
from graph.execution.engine import Executor
from graph.schema import build_schema, core_schema
from graph.stream_documents import PagedDocument, PagedDocuments
from graph.stream_pages import Pages, PageSource
from tests.apps import STRANGER, App, open_app
from tests.factories import make_company, make_contact
from tests.graph.document_streams import streaming
from tests.graph.rows import execute

TREE = """{ contacts(orderBy: [{field: NAME}]) { nodes { fullName company { name
    contacts(first: 2) { nodes { id owner { name } } } } emails { address } } } }"""


class Slow(Executor):
    """Takes too long for more than a few rows.

    Attributes:
        asked: How many rows each time.
    """

    def __init__(self, most: int) -> None:
        super().__init__(build_schema())
        self._most = most
        self.asked: list[int] = []

    async def execute(
        self, operation: Operation, variables: Mapping[str, Any], context: Context
    ) -> ExecutionResult:
        """As always, in time or not."""
        self.asked.append(variables["page_first"])
        if self.asked[-1] > self._most:
            raise OperationTimeout("The request took too long.")
        return await super().execute(operation, variables, context)


class Watching(Executor):
    """Looks at what is left of the pages before when one begins.

    Attributes:
        left: How many of their loaders, which hold the rows that they have read.
        deadlines: Of each page.
    """

    def __init__(self) -> None:
        super().__init__(build_schema())
        self._seen: list[weakref.ref[object]] = []
        self.left: list[int] = []
        self.deadlines: list[float] = []

    async def execute(
        self, operation: Operation, variables: Mapping[str, Any], context: Context
    ) -> ExecutionResult:
        """As always."""
        self.left.append(sum(seen() is not None for seen in self._seen))
        self.deadlines.append(context.deadline)
        assert (context.notices, context.hints) == ([], [])
        result = await super().execute(operation, variables, context)
        self._seen.append(weakref.ref(context.loaders))
        return result


@dataclass
class Kept:
    """A sink that keeps what it gets."""

    rows: list[int] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    foreseen: list[Foreseen] = field(default_factory=list)
    content: bytes = b""

    def foresee(self, foreseen: Foreseen) -> None:
        """Before the first byte."""
        assert not self.content
        self.foreseen.append(foreseen)

    async def write(self, data: bytes, *, rows: int = 0) -> None:
        """A page, or a piece of one."""
        self.content += data
        self.sizes.append(len(data))
        self.rows.append(rows)


@pytest.fixture
def counting() -> Iterator[None]:
    """Nothing goes but what nobody holds any more."""
    gc.disable()
    yield
    gc.enable()


def paged(query: str) -> PagedDocument:
    """The document of a text page by page."""
    return PagedDocuments().get(Documents(core_schema()).get(query).operations[0])


async def _nobody(_header: str | None) -> None:
    """Who asks is said otherwise."""


async def write(
    app: App, executor: Executor, query: str, viewer: Viewer, *, batch_rows: int = 3
) -> tuple[Kept, Written]:
    """What a stream writes for somebody."""
    open_context = context_opener(app.resources)
    endpoint = Endpoint(
        executor,
        Documents(core_schema()),
        settings=EndpointSettings(
            max_body_bytes=0, request_timeout_seconds=10, open_introspection=False
        ),
        authenticate=_nobody,
        open_context=open_context,
    )
    document, sink = paged(query), Kept()
    pages = Pages(endpoint, document, {}, open_context(viewer))
    # A moment lasts for ever: no page is slow because others are busy.
    source = PageSource(pages, document.walk({}), batch_rows=batch_rows, clock=lambda: 0.0)
    return sink, await source(sink)


@pytest.mark.usefixtures("counting")
async def test_nothing_of_a_page_is_left_for_the_next(database_url: URL, tmp_path: Path) -> None:
    """Neither rows nor notices gather, each page has its time, and an old token harms nothing."""
    async with open_app(database_url, tmp_path, request_timeout=5) as app:
        acme = await make_company(app.resources.database, name="Acme")
        employer = encode_node_id(NodeKind.COMPANY, acme.id)
        for number in range(10):
            await make_contact(app.resources.database, first_name=f"N{number}", company_id=employer)
        executor, expired = Watching(), Viewer(STRANGER, Role.VIEWER, expires_at=0)
        sink, written = await write(app, executor, TREE, expired)
    assert (written.rows, sink.rows) == (10, [3, 3, 3, 1])
    assert executor.left == [0] * 4
    assert executor.deadlines == sorted(set(executor.deadlines))
    # Whether a list below a later row is cut is not known yet.
    assert sink.foreseen == [Foreseen(truncated=None)]


async def test_order_that_ends_early_is_told(database_url: URL, tmp_path: Path) -> None:
    """The best thousand are not all: that they are not is known when the last one is written."""
    query = """{ companies(filter: {search: "acme"}, orderBy: [{field: RELEVANCE}])
        { nodes { id } } }"""
    async with open_app(database_url, tmp_path) as app:
        await make_company(app.resources.database, name="Acme")
        viewer = Viewer(STRANGER, Role.VIEWER)
        few, whole = await write(app, Executor(build_schema()), query, viewer)
        async with app.resources.database.write() as tx:
            await tx.driver.execute(
                "INSERT INTO companies (name) SELECT 'Acme ' || n FROM generate_series(1, 1001) n"
            )
        many, capped = await write(app, Executor(build_schema()), query, viewer, batch_rows=600)
    assert (whole.rows, whole.truncated) == (1, False)
    assert few.foreseen == [Foreseen(truncated=False, rows=1)]
    assert (capped.rows, capped.truncated) == (1000, True)
    assert many.foreseen == [Foreseen(truncated=None)]


async def test_stream_puts_nothing_into_the_cache(database_url: URL, tmp_path: Path) -> None:
    """Nor does it take anything from there: all other answers stay where they are."""
    query = "{ companies { nodes { name } } }"
    async with open_app(database_url, tmp_path, with_cache=True) as app:
        await make_company(app.resources.database, name="Acme")
        await app.client().query(query)
        cache = app.resources.caching.cache
        assert cache is not None
        before = await cache.get_cache_stats()
        async with streaming(app.resources) as streams:
            assert await streams.lines(query) == [{"name": "Acme"}]
        after = await cache.get_cache_stats()
    assert after == before


@pytest.fixture
async def many(database_url: URL, tmp_path: Path) -> AsyncIterator[App]:
    """An application with 400 companies, some with a short text and some with a long one."""
    async with open_app(database_url, tmp_path) as app:
        await execute(
            app.resources.database,
            "INSERT INTO companies (name, short_description)"
            " SELECT 'C' || n, repeat('x', 20 * n) FROM generate_series(1, 400) n",
        )
        yield app


async def test_pages_grow_while_they_are_small(many: App) -> None:
    """The first one is for rows of any weight; then there are as many as weigh enough."""
    viewer, executor = Viewer(STRANGER, Role.VIEWER), Slow(1000)
    await write(many, executor, "{ companies { nodes { id } } }", viewer, batch_rows=1000)
    assert executor.asked == [50, 200, 800]
    capped = Slow(1000)
    await write(many, capped, "{ companies { nodes { id } } }", viewer, batch_rows=150)
    assert capped.asked == [50, 150, 150, 150]


async def test_heavy_rows_come_in_small_pages_and_pieces(many: App) -> None:
    """Neither a page nor what is written at once has much more bytes than are wanted."""
    texts = " ".join(f"t{n}: shortDescription" for n in range(8))
    query = f"{{ companies(orderBy: [{{field: CREATED_AT}}]) {{ nodes {{ {texts} }} }} }}"
    viewer, executor = Viewer(STRANGER, Role.VIEWER), Slow(1000)
    sink, written = await write(many, executor, query, viewer, batch_rows=1000)
    assert written.rows == sum(sink.rows) == 400
    assert executor.asked[:3] == [50, 200, 50]
    assert max(executor.asked[3:]) < 30
    assert len(sink.rows) > 2 * len(executor.asked)
    assert max(sink.sizes) < 330_000


async def test_page_that_takes_too_long_is_asked_for_by_halves(many: App) -> None:
    """Down to a row; what comes in time is written once, and pages grow again."""
    viewer, executor = Viewer(STRANGER, Role.VIEWER), Slow(20)
    query = "{ companies(first: 60) { nodes { name } } }"
    _, written = await write(many, executor, query, viewer, batch_rows=1000)
    assert (written.rows, written.truncated) == (60, True)
    assert executor.asked == [50, 25, 12, 48, 24, 12, 36, 18, 18]
    stuck = Slow(0)
    with pytest.raises(OperationTimeout):
        await write(many, stuck, "{ companies(first: 5) { nodes { name } } }", viewer)
    assert stuck.asked == [3, 1]


async def test_list_that_is_cut_below_a_later_row_is_told(
    database_url: URL, tmp_path: Path
) -> None:
    """Once, and that it would be was not denied before the first byte."""
    query = """{ contacts(orderBy: [{field: FIRST_NAME}]) { nodes { firstName
        company { contacts(first: 1001) { nodes { id } } } } } }"""
    async with open_app(database_url, tmp_path) as app:
        database = app.resources.database
        acme = await make_company(database, name="Acme")
        employer = encode_node_id(NodeKind.COMPANY, acme.id)
        for name in "ABC":
            await make_contact(database, first_name=name)
        for name in "DEFG":
            await make_contact(database, first_name=name, company_id=employer)
        sink, written = await write(
            app, Executor(build_schema()), query, Viewer(STRANGER, Role.VIEWER)
        )
    assert sink.foreseen == [Foreseen(truncated=None)]
    assert (written.rows, written.truncated, len(written.notices)) == (7, True, 1)
    assert written.notices[0]["path"] == ["contacts", "nodes", "company", "contacts"]


async def test_log_tells_of_every_page(database_url: URL, tmp_path: Path) -> None:
    """With the rows written so far."""
    async with open_app(database_url, tmp_path) as app:
        for name in "ABCDE":
            await make_company(app.resources.database, name=name)
        with capture_logs() as logs:
            viewer = Viewer(STRANGER, Role.VIEWER)
            query = "{ companies { nodes { name } } }"
            await write(app, Executor(build_schema()), query, viewer)
    told = [
        (each["entity"], each["rows"]) for each in logs if each["event"] == "stream_page_written"
    ]
    assert told == [("companies", 3), ("companies", 5)]
