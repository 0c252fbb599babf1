"""`/ops/vitals`: who is let in, what is told of one process and of several, and in bad times."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy.engine import URL
from structlog.testing import capture_logs

from app.asgi import create_app
from app.resources import Resources, open_resources
from app.settings import Settings
from app.siblings import Place
from domain.enums import Role
from tests.apps import App, open_app
from tests.factories import make_contact
from tests.graph.sockets import until
from tests.proxy import Proxy

TOKEN = "operators-know-this-and-nobody-else"
SECRET = "hunter2"  # what somebody looks for, and nobody else may read
FIND = """query FindThem($filter: ContactFilter) {
    contacts(filter: $filter) { totalCount nodes { id } } }"""


@asynccontextmanager
async def ops_app(database_url: URL, folder: Path, **settings: Any) -> AsyncIterator[App]:
    """An application that operators have a token for."""
    async with open_app(database_url, folder, ops_token=SecretStr(TOKEN), **settings) as app:
        yield app


async def vitals(http: httpx.AsyncClient, since: object = 0) -> dict[str, Any]:
    """What an operator is told."""
    answer = await http.get(
        "/ops/vitals", params={"since": str(since)}, headers={"Authorization": f"Bearer {TOKEN}"}
    )
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    told: dict[str, Any] = answer.json()
    return told


async def vitals_once(http: httpx.AsyncClient, status: str) -> dict[str, Any]:
    """What an operator is told once the server is so; no answer takes longer than a page waits."""
    while True:
        async with asyncio.timeout(4):
            told = await vitals(http)
        if told["health"]["status"] == status:
            return told
        await asyncio.sleep(0.2)


async def second(resources: Resources) -> None:
    """Wait until two more samples are there: the first may have begun before."""
    newest = [sample.at for sample in resources.vitals.latest()][-1:] or [0]
    await until(lambda: len(resources.vitals.latest(since=newest[0])) >= 2)


async def test_only_operators_are_told(database_url: URL, tmp_path: Path) -> None:
    """OPS_TOKEN and admins open the route; all others are told which of both is missing."""
    async with ops_app(database_url, tmp_path) as app:
        asked: dict[object, httpx.Response] = {
            role: await app.http.get("/ops/vitals", headers=app.client(role).headers)
            for role in Role
        }
        asked["nobody"] = await app.http.get("/ops/vitals")
        asked["wrong"] = await app.http.get(
            "/ops/vitals/", headers={"Authorization": "Bearer not-the-one"}
        )
        await vitals(app.http)
    assert {who: answer.status_code for who, answer in asked.items()} == {
        Role.VIEWER: 403,
        Role.EDITOR: 403,
        Role.ADMIN: 200,
        "nobody": 401,
        "wrong": 401,
    }
    assert asked["nobody"].json()["code"] == "UNAUTHENTICATED"
    assert asked[Role.EDITOR].json()["code"] == "FORBIDDEN"
    assert asked["nobody"].headers["www-authenticate"] == "Bearer"


async def test_requests_are_told_second_by_second(database_url: URL, tmp_path: Path) -> None:
    """With what became of them; who asks again is told what came since, and little of it."""
    async with ops_app(database_url, tmp_path, with_cache=True) as app:
        for _ in range(3):
            await app.client().query("{ contacts { nodes { id } } }")
        await app.post('{"query": "{ nothing }"}')
        await second(app.resources)
        told = await vitals(app.http)
        before = told["together"][-2]["at"]
        later = await vitals(app.http, before)
    (process,) = told["processes"]
    samples = process["samples"]
    assert samples == told["together"]
    assert sum(sample["requests"] for sample in samples) == 4
    assert sum(sample["refused"] for sample in samples) == 1
    assert sum(sample["failed"] for sample in samples) == 0
    assert sum(sample["hits"] + sample["misses"] for sample in samples) == 3
    assert max(sample["p50Ms"] or 0 for sample in samples) > 0
    assert {sample["poolSize"] for sample in samples} == {5}
    assert {sample["poolMost"] for sample in samples} == {25}
    assert process["startedAt"] <= samples[0]["at"] + 1 <= told["now"] + 1
    assert told["health"]["status"] == "ok"
    assert told["jobs"]["workers"] == 0
    assert later["together"]
    assert all(sample["at"] > before for sample in later["together"])


async def test_moment_that_is_none_is_refused(database_url: URL, tmp_path: Path) -> None:
    """The message says what `since` takes."""
    async with ops_app(database_url, tmp_path) as app:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        for since in ("yesterday", "nan", "inf", ""):
            answer = await app.http.get("/ops/vitals", params={"since": since}, headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (400, "BAD_USER_INPUT")
            assert "seconds since 1970" in answer.json()["detail"]


async def test_slow_statements_are_told_without_what_was_looked_for(
    database_url: URL, tmp_path: Path
) -> None:
    """Operation, field, times and the plan's warnings; neither the answer nor a log has a value."""
    wanted = {"firstName": {"contains": SECRET}, "title": {"notIn": [SECRET, f"{SECRET}s"]}}
    with capture_logs() as logs:
        async with ops_app(database_url, tmp_path, slow_query_threshold=1e-6) as app:
            await make_contact(app.resources.database, first_name=SECRET)
            started = time.time()
            await app.client().query(FIND, filter=wanted)
            slow = app.resources.slow_statements
            await until(lambda: all(each.is_explained for each in slow.latest()))
            told = await vitals(app.http)
            nothing = await vitals(app.http, time.time())
    of_query = [each for each in told["slowStatements"] if each["operation"] == "FindThem"]
    assert {each["path"] for each in of_query} == {"contacts", "contacts.totalCount"}
    for each in of_query:
        assert "lower(contacts.first_name) LIKE" in each["sql"]
        assert each["count"] >= 1
        assert each["maxSeconds"] >= each["lastSeconds"] > 0
        assert each["lastAt"] >= started
        assert [warning["code"] for warning in each["warnings"]] == ["LEADING_WILDCARD"]
        assert "startsWith" in each["warnings"][0]["message"]
    assert nothing["slowStatements"] == []
    assert SECRET not in json.dumps(told)
    assert SECRET not in repr(logs)


@asynccontextmanager
async def two_processes(database_url: URL, folder: Path) -> AsyncIterator[list[Resources]]:
    """What two server processes at one address hold."""
    settings = Settings(
        database_url=SecretStr(database_url.render_as_string(hide_password=False)),
        data_dir=folder,
        ops_token=SecretStr(TOKEN),
        log_level="error",
    )
    async with AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(
                open_resources(settings, with_cache=True, place=Place(number, folder))
            )
            for number in range(2)
        ]


async def test_each_process_tells_of_all(database_url: URL, tmp_path: Path) -> None:
    """Whichever is reached: samples of each and of both together, and who is leaving."""
    async with two_processes(database_url, tmp_path) as processes:
        apps = [create_app(resources) for resources in processes]
        clients = [
            httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test")
            for app in apps
        ]
        for count, client in enumerate(clients, start=1):
            for _ in range(count):
                await client.get("/health/live")
        processes[1].stop_clock.begin()
        await second(processes[1])
        told = [await vitals(client) for client in clients]
        recent = await vitals(clients[0], time.time() - 5)
    for each in (*told, recent):
        assert [process["number"] for process in each["processes"]] == [0, 1]
        assert [process["isDraining"] for process in each["processes"]] == [False, True]
        assert [
            sum(sample["requests"] for sample in process["samples"])
            for process in each["processes"]
        ] == [1, 2]
        assert sum(sample["requests"] for sample in each["together"]) == 3


class HoldingProxy(Proxy):
    """Keeps back what is sent to PostgreSQL while its gate is closed, as a frozen server would."""

    def __init__(self, upstream: URL) -> None:
        super().__init__(upstream)
        self.gate = asyncio.Event()
        self.gate.set()

    async def _allowed(self, chunk: bytes) -> bytes:
        await self.gate.wait()
        return chunk


async def test_server_without_its_database_goes_on_telling(
    database_url: URL, tmp_path: Path
) -> None:
    """PostgreSQL is frozen: samples come all the same, and soon; jobs are told when it is back."""
    async with (
        HoldingProxy(database_url).listening() as proxy,
        ops_app(proxy.url, tmp_path, with_cache=True) as app,
    ):
        assert (await vitals(app.http))["jobs"]["workers"] == 0
        proxy.gate.clear()
        try:
            frozen = await vitals_once(app.http, "unavailable")
        finally:
            proxy.gate.set()
        thawed = await vitals_once(app.http, "ok")
    assert frozen["jobs"] is None
    assert frozen["together"][-1]["at"] > frozen["now"] - 4
    assert thawed["jobs"]["workers"] == 0


@pytest.mark.parametrize("since", ["0", "1e12"])
async def test_answer_has_the_same_facts_whatever_is_new(
    database_url: URL, tmp_path: Path, since: str
) -> None:
    """Who has everything already is told that it is so."""
    async with ops_app(database_url, tmp_path, with_cache=True) as app:
        await second(app.resources)
        told = await vitals(app.http, since)
    assert set(told) == {"now", "health", "jobs", "processes", "together", "slowStatements"}
    assert bool(told["together"]) == (since == "0")
