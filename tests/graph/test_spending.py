"""What a user may ask for: what an answer tells of it, and who is sent away."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial
from typing import Any
from uuid import UUID

import httpx
import orjson
import pytest
from sqlalchemy.engine import URL

from app.asgi import create_app
from cache.buckets import Buckets, MemoryBuckets
from domain.enums import Role
from domain.errors import RateLimited
from domain.viewer import Viewer
from graph.costs import CostLimits, Costs
from graph.document import Document
from graph.documents import InvalidDocument, read_document
from graph.errors import format_error
from graph.lengths import PageSizes
from graph.schema import core_schema
from graph.stream_documents import PagedDocument
from tests.apps import App, OpenSharedApp
from tests.cache.stores import Clock
from tests.cache.stores import until as until_true
from tests.client import Client
from tests.factories import make_company, make_contact
from tests.graph.answers import NEW_TYPE, as_body, the_error
from tests.graph.following import USER, busy, following, token
from tests.graph.ids import id_of
from tests.graph.sockets import opened, until

SIZES = PageSizes(default=100, maximum=1000)
ADA = Viewer(UUID(int=1), Role.VIEWER)
EVE = Viewer(UUID(int=2), Role.VIEWER)


def read(text: str) -> Document:
    """A document that fits the schema."""
    return read_document(core_schema(), text)


# Over HTTP.

LIMITS: dict[str, Any] = {"max_query_cost": 500, "default_page_size": 20, "max_page_size": 50}


@pytest.fixture(scope="module")
async def app(open_shared_app: OpenSharedApp) -> AsyncIterator[App]:
    """Two companies, one with three contacts; an operation may cost 500."""
    async with open_shared_app("costs", with_cache=True, **LIMITS) as app:
        database = app.resources.database
        company, _ = await make_company(database), await make_company(database, name="Base")
        for name in ("Ada", "Eve", "Bob"):
            await make_contact(database, first_name=name, company_id=id_of(company))
        yield app


async def cost_of(app: App, query: str, **variables: Any) -> dict[str, Any]:
    """What the client is told of the cost of an answer without errors."""
    response = await app.post(as_body(query, variables=variables))
    body = response.json()
    assert "errors" not in body, body
    cost: dict[str, Any] = body["extensions"]["cost"]
    return cost


PAGES = "{ companies { nodes { contacts(first: 10) { nodes { id company { id } } } } } }"


async def test_answer_tells_what_it_costs(app: App) -> None:
    """What was asked for, what there was, and what there may be; hit or miss, first or again."""
    for _ in range(3):
        assert await cost_of(app, PAGES) == {
            "requested": 1 + 20 * (1 + 1 + 10 * 2),
            "actual": 1 + 2 * (1 + 1) + 3 * 2,
            "maximum": 500,
        }


async def test_settings_of_pages_count(app: App) -> None:
    """The default size and the cap are those of the server."""
    assert (await cost_of(app, "{ contacts { nodes { id } } }"))["requested"] == 1 + 20
    assert (await cost_of(app, "{ contacts(first: 900) { nodes { id } } }"))["requested"] == 1 + 50


async def test_mutation_tells_what_it_costs(app: App) -> None:
    """As a query does."""
    body = as_body('mutation { createCompany(input: {name: ""}) { company { id } } }')
    headers = app.client(Role.EDITOR).headers
    response = await app.http.post("/graphql", content=body, headers=headers)
    assert response.json()["extensions"]["cost"] == {"requested": 2, "actual": 2, "maximum": 500}


async def test_what_is_not_executed_costs_nothing(app: App) -> None:
    """There is no cost beside errors without data."""
    for body in ("{ nothing }", "query ($n: Int!) { contacts(first: $n) { nodes { id } } }"):
        response = await app.post(as_body(body))
        assert set(response.json()) == {"errors"}


async def test_operation_that_costs_too_much_is_refused(app: App) -> None:
    """Before anything is read; the status is that of any document that cannot be executed."""
    query = "query ($n: Int) { companies { nodes { contacts(first: $n) { nodes { id } } } } }"
    assert (await cost_of(app, query, n=22))["requested"] == 481
    for accept, status in (("application/json", 200), (NEW_TYPE, 400)):
        response = await app.post(as_body(query, variables={"n": 23}), Accept=accept)
        error = the_error(response, status, "QUERY_TOO_COMPLEX")
        assert (error["extensions"]["limit"], error["extensions"]["actual"]) == (500, 501)
        assert error["message"].startswith("The operation costs 501; one may cost 500.")


async def test_cost_beyond_all_numbers_is_told() -> None:
    """Pages in pages in pages multiply to more than JSON can say."""
    inner = "id"
    for _ in range(6):
        inner = f"company {{ contacts(first: 1000) {{ nodes {{ {inner} }} }} }}"
    document = read(f"{{ contacts {{ nodes {{ {inner} }} }} }}")
    with pytest.raises(InvalidDocument) as refused:
        await Costs(CostLimits()).take(document.operations[0], {}, ADA)
    (told,) = refused.value.errors
    body = orjson.loads(orjson.dumps(format_error(told, "id")))
    assert body["extensions"]["actual"] == 2**53 - 1


async def test_stream_of_a_document_is_bounded_row_by_row(app: App) -> None:
    """It reads page after page, so all of it may cost more; one row may not, before it begins."""
    query = "{ companies { nodes { contacts(first: 50) { nodes { company { id } } } } } }"
    the_error(await app.post(as_body(query)), 200, "QUERY_TOO_COMPLEX")
    lines = await app.post(as_body(query), Accept="application/jsonl")
    assert (lines.status_code, len(lines.text.splitlines())) == (200, 2)
    row = "contacts { nodes { company { contacts(first: 50) { nodes { id } } } } }"
    query = f"{{ companies {{ nodes {{ {row} }} }} }}"
    refused = await app.post(as_body(query), Accept="application/jsonl")
    error = refused.json()["errors"][0]
    assert error["extensions"]["code"] == "QUERY_TOO_COMPLEX"
    assert error["message"].startswith("The operation costs 1063; one may cost 500.")


@pytest.mark.parametrize(("maximum", "rows"), [(103, 1), (204, 1), (205, 2), (20_000, 196)])
def test_page_of_a_stream_has_the_rows_that_one_operation_may_have(maximum: int, rows: int) -> None:
    """As many as cost no more together."""
    document = read("{ companies { nodes { contacts(first: 50) { nodes { company { id } } } } } }")
    paged = PagedDocument(document.operations[0])
    costs = Costs(CostLimits(maximum=maximum, page_sizes=SIZES))
    assert costs.rows_at_once(paged.operation, partial(paged.page_variables, {})) == rows


# What users have left.


class Spending:
    """Operations of users who have 60 a minute, one a second."""

    def __init__(self) -> None:
        self.clock = Clock(1000.0)
        limits = CostLimits(maximum=1000, per_minute=60, page_sizes=SIZES)
        self.costs = Costs(limits, MemoryBuckets(clock=self.clock))

    async def ask(self, objects: int, *, actual: int | None = None, of: Viewer = ADA) -> Any:
        """What is told of so many things, of which so many were there."""
        (operation,) = read("query ($ids: [ID!]!) { nodes(ids: $ids) { id } }").operations
        cost = await self.costs.take(operation, {"ids": ["a"] * objects}, of)
        await self.costs.settle(cost, of, actual=objects if actual is None else actual)
        return cost.told()


async def test_user_may_spend_so_much_a_minute() -> None:
    """Beyond it the next one is told when to come again, and is served then."""
    spending = Spending()
    told = await spending.ask(40)
    assert told["throttle"] == {"maximum": 60, "available": 20, "restoreRate": 1.0}
    with pytest.raises(RateLimited) as limited:
        await spending.ask(30)
    assert limited.value.details == {
        "retryAfter": 10,
        "cost": 30,
        "available": 20,
        "maximum": 60,
    }
    spending.clock.now += 10
    told = await spending.ask(30)
    assert told["throttle"]["available"] == 0


async def test_what_was_not_there_is_given_back() -> None:
    """Many things of which few are there cost few."""
    spending = Spending()
    for left in (58, 56, 54):
        told = await spending.ask(50, actual=2)
        assert (told["actual"], told["throttle"]["available"]) == (2, left)


async def test_what_was_there_beyond_what_was_asked_for_is_owed() -> None:
    """The answer is given; whoever asks next waits for it."""
    spending = Spending()
    told = await spending.ask(10, actual=70)
    assert (told["actual"], told["throttle"]["available"]) == (70, 0)
    with pytest.raises(RateLimited) as limited:
        await spending.ask(1)
    assert limited.value.details["retryAfter"] == 11


async def test_users_do_not_spend_each_others() -> None:
    """And who has no token spends nothing: nearly nothing is for them."""
    spending = Spending()
    await spending.ask(60)
    await spending.ask(60, of=EVE)
    with pytest.raises(RateLimited):
        await spending.ask(1)


async def test_operation_that_no_user_could_pay_is_too_complex() -> None:
    """Waiting would not help, so it is not told to wait."""
    with pytest.raises(InvalidDocument) as refused:
        await Spending().ask(61)
    assert str(refused.value.code) == "QUERY_TOO_COMPLEX"


COUNTS = "{ a: contactsCount { count } b: contactsCount { count } c: contactsCount { count } }"


@pytest.mark.one_executor("each of both would spend")
async def test_spent_user_is_answered_429(empty_app: App) -> None:
    """With Retry-After; other users are answered, and of a GET nothing tells what is left."""
    resources = empty_app.resources
    settings = resources.settings.model_copy(update={"rate_limit_cost_per_minute": 60})
    transport = httpx.ASGITransport(create_app(replace(resources, settings=settings)))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
        app = App(resources, http)
        cost = await cost_of(app, COUNTS)
        assert (cost["maximum"], cost["throttle"]) == (
            60,
            {"maximum": 60, "available": 30, "restoreRate": 1.0},
        )
        read = await app.get({"query": "{ contactsCount { count } }"})
        assert set(read.json()["extensions"]["cost"]) == {"requested", "actual", "maximum"}
        limited = await app.post(as_body(COUNTS))
        error = the_error(limited, 429, "RATE_LIMITED")
        assert limited.headers["retry-after"] == str(error["extensions"]["retryAfter"])
        assert 1 <= error["extensions"]["retryAfter"] <= 10
        other = Client(http, resources.tokens.issue(UUID(int=7), Role.VIEWER, ttl_seconds=60))
        assert "errors" not in await other.send(COUNTS)


async def test_operations_over_sockets_and_streams_cost_the_same(server_url: URL) -> None:
    """What is spent over one is spent over all; a subscription costs once, when it begins."""
    costs = CostLimits(per_minute=3)
    async with following(server_url, costs=costs) as server:
        headers = {"Authorization": token()}
        async with (
            opened(server.served.socket) as socket,
            httpx.AsyncClient(
                base_url=server.served.http, headers=headers, trust_env=False
            ) as http,
        ):
            await socket.init(token())
            await socket.subscribe("{ role }")
            assert (await socket.receive())["payload"]["extensions"]["cost"]["actual"] == 1
            await socket.completed()
            await socket.subscribe("subscription { numbers(upto: 2) { number } }")
            assert [await socket.next(), await socket.next()] == [
                {"data": {"numbers": {"number": number}}} for number in (0, 1)
            ]
            await socket.completed()
            streamed = await http.post(
                "/graphql", json={"query": "{ role }"}, headers={"Accept": "text/event-stream"}
            )
            assert '"available":0' in streamed.text
            await socket.subscribe("{ role }")
            error = await socket.error()
            assert error["extensions"]["code"] == "RATE_LIMITED"
            told = await http.post("/graphql", json={"query": "{ role }"})
            the_error(told, 429, "RATE_LIMITED")


async def test_operations_beyond_what_the_server_can_do_are_sent_away(server_url: URL) -> None:
    """At once, to come again, and as if they had not been asked; what waits has no end in time."""
    costs = CostLimits(per_minute=2)
    async with following(
        server_url, request_seconds=0.3, max_concurrent=1, max_queued=0, costs=costs
    ) as server:
        headers = {"Authorization": token()}
        async with httpx.AsyncClient(
            base_url=server.served.http, headers=headers, trust_env=False
        ) as http:
            slow = asyncio.create_task(http.post("/graphql", json={"query": "{ slow }"}))
            await until(lambda: "slow" in busy)
            refused = await http.post("/graphql", json={"query": "{ role }"})
            error = the_error(refused, 503, "SERVICE_UNAVAILABLE")
            assert (error["extensions"]["retryable"], refused.headers["retry-after"]) == (True, "1")
            the_error(await slow, 504, "TIMEOUT")
            answer = await http.post("/graphql", json={"query": "{ role }"})
            assert answer.json()["data"] == {"role": "viewer"}


STUCK = "{ a: stuck { number } b: stuck { number } c: stuck { number } }"


async def until_left(buckets: Buckets, cost: int) -> None:
    """Return when the one user, who has 20 a minute, has so much left."""
    key = f"cost:20:{USER.hex}"

    async def is_left() -> bool:
        taken = await buckets.draw(key, 0, capacity=20, per_second=20 / 60)
        return round(taken.available, 3) == cost

    await until_true(is_left)


async def test_what_is_cancelled_costs_as_much_as_it_began(server_url: URL) -> None:
    """Nothing while it waits for its place, and the least while it is executed."""
    buckets = MemoryBuckets(clock=Clock(1000.0))
    costs = CostLimits(per_minute=20)
    async with (
        following(
            server_url, max_concurrent=1, max_queued=2, costs=costs, buckets=buckets
        ) as server,
        opened(server.served.socket) as socket,
    ):
        await socket.init(token())
        await socket.subscribe(STUCK, id="executed")
        await until(lambda: "stuck" in busy)
        await socket.subscribe(STUCK, id="waiting")
        await until_left(buckets, 14)
        await socket.send(type="complete", id="waiting")
        await until_left(buckets, 17)
        await socket.send(type="complete", id="executed")
        await until_left(buckets, 19)


async def test_what_takes_too_long_costs_what_was_asked_for(server_url: URL) -> None:
    """It was read all the time."""
    buckets = MemoryBuckets(clock=Clock(1000.0))
    costs = CostLimits(per_minute=20)
    async with (
        following(server_url, request_seconds=0.2, costs=costs, buckets=buckets) as server,
        httpx.AsyncClient(
            base_url=server.served.http, headers={"Authorization": token()}, trust_env=False
        ) as http,
    ):
        the_error(await http.post("/graphql", json={"query": STUCK}), 504, "TIMEOUT")
        await until_left(buckets, 17)


async def test_subscription_that_fails_to_begin_costs_the_least(server_url: URL) -> None:
    """However much one event would cost."""
    buckets = MemoryBuckets(clock=Clock(1000.0))
    costs = CostLimits(per_minute=20)
    async with (
        following(server_url, costs=costs, buckets=buckets) as server,
        opened(server.served.socket) as socket,
    ):
        await socket.init(token())
        await socket.subscribe("subscription { refusedNumbers { next { next { number } } } }")
        assert (await socket.next())["errors"][0]["extensions"]["code"] == "FORBIDDEN"
        await until_left(buckets, 19)


async def test_subscription_holds_no_place_while_it_waits(server_url: URL) -> None:
    """Others are answered meanwhile."""
    async with (
        following(server_url, max_concurrent=1, max_queued=0) as server,
        opened(server.served.socket) as socket,
    ):
        await socket.init(token())
        await socket.subscribe("subscription { forever }", id="a")
        assert await socket.next("a") == {"data": {"forever": "forever"}}
        await socket.subscribe("{ role }", id="b")
        assert await socket.next("b") == {"data": {"role": "viewer"}}
