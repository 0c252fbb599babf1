"""What the engine does beyond a plan: asking graphql-core, counting, leaving nothing behind."""

import gc
from uuid import uuid4

import pytest
import strawberry

from app.asgi import context_opener
from app.resources import Resources
from db.transaction import Database
from domain.enums import Role
from domain.errors import DatabaseUnavailable
from domain.paging import CursorCodec
from domain.viewer import Viewer
from graph.context import Context, Info
from graph.documents import Documents
from graph.execution.engine import Executor, Tier, Way
from graph.lengths import PageSizes
from graph.schema import build_schema, core_schema
from jobs.background import BackgroundTasks
from tests.factories import make_company, make_contact
from tests.graph.ids import id_of

asked: list[str] = []


@strawberry.type
class Query:
    """Fields that must not be null and are not there."""

    @strawberry.field
    async def gone(self) -> str:
        """The database is gone."""
        asked.append("gone")
        raise DatabaseUnavailable("Try again.")

    @strawberry.field
    async def broken(self) -> str:
        """Something of ours is broken."""
        asked.append("broken")
        raise LookupError

    @strawberry.field
    async def fine(self) -> str:
        """Nothing is wrong."""
        asked.append("fine")
        return "fine"


SCHEMA = strawberry.Schema(Query)


@pytest.fixture(autouse=True)
def nothing_asked() -> None:
    """No field was asked yet."""
    asked.clear()


@pytest.fixture
async def context(database: Database) -> Context:
    """The context of a request."""
    sizes = PageSizes(default=1, maximum=1)
    return Context(
        database=database,
        cursors=CursorCodec(b"0" * 32),
        page_sizes=sizes,
        viewer=None,
        undo_seconds=0,
        background=BackgroundTasks(max_concurrent=1),
    )


async def execute(executor: Executor, text: str, context: Context) -> list[str]:
    """Execute an operation; gives the messages of its errors."""
    (operation,) = Documents(SCHEMA._schema).get(text).operations
    result = await executor.execute(operation, {}, context)
    return [error.message for error in result.errors or ()]


async def test_query_with_a_doubtful_answer_is_asked_again(context: Context) -> None:
    """When several nulls take everything along, graphql-core says which error is told."""
    executor = Executor(SCHEMA)
    assert len(await execute(executor, "{ a: broken b: broken }", context)) == 1
    assert len(asked) > 2
    assert executor.counts == {Way(Tier.FALLBACK, "doubtful"): 1}


async def test_database_that_cannot_follow_is_not_asked_again(context: Context) -> None:
    """A query that failed for want of it would only make that worse."""
    executor = Executor(SCHEMA)
    messages = await execute(executor, "{ a: gone b: gone }", context)
    assert messages == ["Try again.", "Try again."]
    assert asked == ["gone", "gone"]
    assert executor.counts == {Way(Tier.GENERAL): 1}


async def test_operations_are_counted_by_the_way_they_took(context: Context) -> None:
    """And by the reason, when it was graphql-core."""
    compiled, switched_off = Executor(SCHEMA), Executor(SCHEMA, compiled=False)
    await execute(compiled, "{ fine }", context)
    await execute(compiled, "{ again: fine }", context)
    await execute(compiled, "{ __schema { queryType { name } } }", context)
    await execute(switched_off, "{ fine }", context)
    assert compiled.counts == {
        Way(Tier.GENERAL): 2,
        Way(Tier.FALLBACK, "introspection"): 1,
    }
    assert switched_off.counts == {Way(Tier.FALLBACK, "switched off"): 1}
    assert context.execution == {"tier": "fallback", "reason": "switched off"}


async def test_request_leaves_nothing_to_the_garbage_collector(resources: Resources) -> None:
    """In a circle the rows of a request would stay in memory until the collector comes."""
    company = await make_company(resources.database, name="Lovelace Ltd")
    await make_contact(resources.database, first_name="Ada", company_id=id_of(company))
    text = """{ contacts { edges { cursor node { fullName company { name } emails { address } } } }
        companies { nodes { contacts { nodes { title } totalCount } } } }"""
    executor = Executor(build_schema())
    (operation,) = Documents(core_schema()).get(text).operations

    async def answer() -> None:
        context = context_opener(resources)(Viewer(uuid4(), Role.VIEWER))
        result = await executor.execute(operation, {}, context)
        assert not result.errors

    await answer()
    left = []
    gc.disable()
    try:
        # What else the process does meanwhile may leave something once, a request would each time.
        for _ in range(5):
            gc.collect()
            await answer()
            left.append(gc.collect())
    finally:
        gc.enable()
    assert 0 in left


def test_info_of_a_field_is_ours() -> None:
    """Resolvers find in it what is wanted of their rows."""
    assert issubclass(build_schema().config.info_class, Info)
