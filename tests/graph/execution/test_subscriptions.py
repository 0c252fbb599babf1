"""Subscriptions: every event is answered as a query would be, by plan and by graphql-core."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest
from graphql import ExecutionResult
from sqlalchemy.engine import URL

from db.engine import open_engine
from db.transaction import Database
from domain.enums import Role
from domain.viewer import Viewer
from graph.context import Context
from graph.deadlines import TimeLimit
from graph.endpoint import body_of
from graph.execution.engine import Executor, Tier, Way
from graph.execution.subscribing import Results
from tests.graph.following import DOCUMENTS, SCHEMA, USER, busy, nothing_open


@pytest.fixture
async def context(server_url: URL) -> AsyncIterator[Context]:
    """The context of a subscription; nothing of the schema reads, so nothing connects."""
    async with open_engine(server_url) as engine:
        yield nothing_open(Database(engine), Viewer(USER, Role.VIEWER))


@pytest.fixture(params=[True, False], ids=["by plan", "by graphql-core"])
def executor(request: pytest.FixtureRequest) -> Executor:
    """Either executor: every promise holds for both."""
    return Executor(SCHEMA, compiled=request.param)


async def begin(
    executor: Executor, query: str, context: Context, *, seconds: float = 10, **variables: Any
) -> ExecutionResult | Results:
    """The answers to a subscription, or why there are none."""
    (operation,) = DOCUMENTS.get(query).operations
    return await executor.subscribe(operation, variables, context, time=TimeLimit(seconds))


async def follow(
    executor: Executor, query: str, context: Context, *, seconds: float = 10, **variables: Any
) -> list[Any]:
    """The answers to a subscription that ends, as they are sent."""
    results = await begin(executor, query, context, seconds=seconds, **variables)
    assert isinstance(results, Results)
    return [orjson.loads(orjson.dumps(body_of(each, context, "id"))) async for each in results]


OPERATIONS = {
    "fields": "subscription { numbers { number noticed oddFails } }",
    "alias": "subscription { all: numbers(upto: 2) { n: number __typename } }",
    "fragment": "subscription { ...F } fragment F on Subscription { numbers { ...N } }"
    " fragment N on Number { number }",
    "merged": "subscription { numbers { number } numbers { oddFails } }",
    "name": "subscription Named { numbers { number } }",
    "skipped": "subscription { numbers { number oddFails @skip(if: true) } }",
    "breaks": "subscription { breaks }",
    "forbidden": "subscription { forbidden }",
    "nothing": "subscription { numbers(upto: 0) { number } }",
}


@pytest.mark.parametrize("query", OPERATIONS.values(), ids=OPERATIONS)
async def test_plan_and_graphql_core_answer_the_same(context: Context, query: str) -> None:
    """The same results with the same errors, event by event."""
    compiled = Executor(SCHEMA)
    by_plan = await follow(compiled, query, context)
    by_core = await follow(Executor(SCHEMA, compiled=False), query, context)
    assert by_plan == by_core
    assert all(way.tier is Tier.GENERAL for way in compiled.counts)


async def test_event_is_the_value_of_the_root_field(executor: Executor, context: Context) -> None:
    """Its fields are resolved for each event; an error is told where it stands."""
    query = "subscription { all: numbers(upto: 2) { number oddFails } }"
    first, second = await follow(executor, query, context)
    assert first == {"data": {"all": {"number": 0, "oddFails": "even"}}}
    (error,) = second.pop("errors")
    assert second == {"data": {"all": {"number": 1, "oddFails": None}}}
    assert error["path"] == ["all", "oddFails"]
    assert error["locations"] == [{"line": 1, "column": 47}]
    assert error["extensions"]["code"] == "INTERNAL_SERVER_ERROR"


async def test_variables_are_coerced_once_for_all_events(
    executor: Executor, context: Context
) -> None:
    """A value that does not fit is an error of the request, before anything begins."""
    query = "subscription ($n: Int!) { numbers(upto: $n) { number } }"
    assert len(await follow(executor, query, context, n=4)) == 4
    refused = await begin(executor, query, context, n="four")
    assert isinstance(refused, ExecutionResult)
    assert refused.errors is not None
    assert [error.path for error in refused.errors] == [None]


async def test_source_that_cannot_be_had_is_one_result(
    executor: Executor, context: Context
) -> None:
    """With the place of the root field."""
    refused = await begin(executor, "subscription { refused }", context)
    assert isinstance(refused, ExecutionResult)
    (error,) = body_of(refused, context, "id")["errors"]
    assert (error["path"], error["extensions"]["code"]) == (["refused"], "FORBIDDEN")


async def test_notices_of_an_event_are_not_told_with_the_next(
    executor: Executor, context: Context
) -> None:
    """What the first one was noticed for is not true of the others."""
    query = "subscription { numbers { noticed } }"
    first, second, _ = await follow(executor, query, context)
    assert [notice["code"] for notice in first["extensions"]["notices"]] == ["ZERO"]
    assert [hint["code"] for hint in first["extensions"]["hints"]] == ["ONE"]
    assert set(second) == {"data"}


async def test_every_event_is_read_anew(executor: Executor, context: Context) -> None:
    """A loader of one event does not answer from what it read for another."""
    results = await begin(executor, "subscription { numbers { number } }", context)
    assert isinstance(results, Results)
    loaders = [context.loaders async for _ in results]
    assert len({id(each) for each in loaders}) == 3


async def test_event_that_takes_too_long_is_an_error_and_the_next_is_answered(
    executor: Executor, context: Context
) -> None:
    """The time of a request holds for each event; waiting for one has none."""
    query = "subscription { numbers { oddLasts } }"
    answers = await follow(executor, query, context, seconds=0.2)
    (error,) = answers[1].pop("errors")
    assert (error["path"], error["extensions"]["code"]) == (["numbers"], "TIMEOUT")
    even = {"data": {"numbers": {"oddLasts": "even"}}}
    assert answers == [even, {"data": None}, even]


async def test_closing_the_answers_closes_the_source(executor: Executor, context: Context) -> None:
    """Once, however often it is asked for; after that there are no more."""
    results = await begin(executor, "subscription { forever }", context)
    assert isinstance(results, Results)
    await anext(results)
    assert busy == {"forever"}
    await results.aclose()
    await results.aclose()
    assert not busy
    assert [each async for each in results] == []


async def test_cancelled_wait_for_an_event_closes_the_source(
    executor: Executor, context: Context
) -> None:
    """Whoever waits may be ended at any time."""
    results = await begin(executor, "subscription { forever }", context)
    assert isinstance(results, Results)
    await anext(results)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await anext(results)
    assert not busy


async def test_events_are_counted_by_the_way_they_are_executed(context: Context) -> None:
    """One by one, as queries are."""
    compiled, core = Executor(SCHEMA), Executor(SCHEMA, compiled=False)
    for executor in (compiled, core):
        await follow(executor, "subscription { numbers { number } }", context)
    assert compiled.counts == {Way(Tier.GENERAL): 3}
    assert core.counts == {Way(Tier.FALLBACK, "switched off"): 3}
