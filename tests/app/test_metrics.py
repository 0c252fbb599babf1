"""Metrics as Prometheus reads them: of requests, operations and the server, and who may."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import prometheus_client
import pytest
from pydantic import SecretStr
from sqlalchemy.engine import URL
from structlog.testing import capture_logs

from app.asgi import create_app
from app.observing import RequestRun
from app.resources import open_resources
from app.settings import Settings
from app.siblings import Place
from app.working import at_work, build_worker
from domain.enums import Role
from jobs.running import JobRun
from tests.app.scraping import Scrape, scrape
from tests.apps import STRANGER, App, OpenSharedApp, open_app
from tests.factories import make_contact
from tests.graph.answers import as_body
from tests.graph.sockets import opened, until
from tests.graph.streams import streaming
from tests.jobs.working import QUICK, make_tagging
from tests.served import serving

TOKEN = "operators-know-this-and-nobody-else"
PEOPLE = (
    "query People { a: contacts(first: 2) { nodes { id } } b: contacts(first: 1) { totalCount } }"
)
ADD = """mutation Add { createContact(input: {firstName: "Kim"}) { contact { id } } }"""


@pytest.fixture(scope="module")
async def app(open_shared_app: OpenSharedApp) -> AsyncIterator[App]:
    """Three contacts; an operation may cost 500."""
    async with open_shared_app(
        "metrics", with_cache=True, ops_token=SecretStr(TOKEN), max_query_cost=500
    ) as app:
        for name in ("Ada", "Eve", "Bob"):
            await make_contact(app.resources.database, first_name=name)
        yield app


async def scraped(app: App) -> Scrape:
    """What Prometheus is told of an application."""
    return await scrape(app.http, Authorization=f"Bearer {TOKEN}")


async def test_scrape_is_what_prometheus_reads(app: App) -> None:
    """Each family in one place, and every sample with the process that it is of."""
    told = await scraped(app)
    told.assert_in_order()
    assert len(told.families) > 60
    of_all = {name for name in told.samples if name.startswith("appointment360_job")}
    for name, samples in told.samples.items():
        assert name in of_all or {labels["process"] for labels, _ in samples} == {"0"}
    assert not [
        family.name
        for family in prometheus_client.REGISTRY.collect()
        if family.name.startswith("appointment360")
    ]


async def test_requests_are_counted_by_their_routes(app: App) -> None:
    """By pattern, method and status; of what nobody serves, and of strange methods, only that."""
    before = await scraped(app)
    await app.post(as_body(PEOPLE))
    signed_in = app.client().headers
    for _ in range(2):
        await app.http.get("/api/v1/jobs/00000000-0000-4000-8000-000000000009/", headers=signed_in)
    await app.http.get("/secret/path?token=hunter2")
    await app.http.request("BREW", "/graphql")
    after = await scraped(app)

    def more(**labels: str) -> float:
        return after.total("requests_total", **labels) - before.total("requests_total", **labels)

    assert more(route="/graphql", method="POST", status="200") == 1
    assert more(route="/api/v1/jobs/{job_uuid}", method="GET", status="404") == 2
    assert more(route="", method="GET", status="404") == 1
    assert more(route="/graphql", method="OTHER", status="405") == 1
    assert more(route="/metrics", method="GET", status="200") == 1
    assert after.total("request_duration_seconds_count") == after.total("requests_total")
    assert after.total("errors_total", code="NOT_FOUND") >= 3
    assert after.total("response_bytes_total", route="/graphql") > 100
    assert "hunter2" not in after.text
    assert "secret" not in after.text


async def test_operations_are_counted_by_name_kind_and_outcome(app: App) -> None:
    """With their fields, what they cost, how they were executed and what the cache knew."""
    before = await scraped(app)
    await app.post(as_body(PEOPLE))
    await app.client(Role.EDITOR).query(ADD)
    await app.post(as_body("query Dear { contacts(first: 1000) { nodes { id } } }"))
    after = await scraped(app)

    def more(name: str, **labels: str) -> float:
        return after.total(name, **labels) - before.total(name, **labels)

    assert more("operations_total", operation="People", kind="query", outcome="ok") == 1
    assert more("operations_total", operation="Add", kind="mutation", outcome="ok") == 1
    assert more("operations_total", operation="Dear", kind="query", outcome="limited") == 1
    assert more("operation_duration_seconds_count", operation="People") == 1
    assert more("fields_total", field="Query.contacts") == 3
    assert more("fields_total", field="Mutation.createContact") == 1
    # A page of two: the page, its rows; a count and its page; what cost too much costs nothing.
    assert more("cost_requested_total", operation="People") == 14
    assert more("cost_actual_total", operation="People") == 14
    assert more("field_cost_total", field="Query.contacts") == 14
    assert more("cost_requested_total", operation="Dear") == 0
    assert more("errors_total", code="QUERY_TOO_COMPLEX") == 1
    assert more("executions_total") == 2
    assert more("cache_questions_total", kind="contacts:list") == 2
    assert more("cache_invalidations_total", cause="change") == 1
    assert more("statements_total", outcome="ok") >= 3
    assert more("statement_duration_seconds_count") == more("statements_total")
    assert after.total("cache_up") == 1


async def test_server_tells_how_it_is(app: App) -> None:
    """Pool, places, process and version are there; what there is none of has no samples."""
    told = await scraped(app)
    resources = app.resources
    pool = resources.database.pool_statistics.snapshot()
    assert told.total("pool_size") == pool.size == 5
    assert told.total("pool_most") == 25
    assert told.total("pool_events_total", event="checkout") >= 1
    assert told.total("pool_connections", state="in_use") == 0
    assert told.total("requests_under_way") == 1
    assert told.total("operations_inside") == 0
    assert told.total("draining") == 0
    assert told.total("build_info") == 1
    assert told.total("process_resident_memory_bytes") > 10**7
    assert told.total("process_cpu_seconds_total") > 0
    assert told.total("jobs_oldest_waiting_seconds") == 0
    assert "appointment360_replica_in_use" in told.families
    assert "appointment360_replica_in_use" not in told.samples


async def test_only_operators_may_scrape(app: App) -> None:
    """With and without a slash at the end; nobody else is told anything."""
    for path in ("/metrics", "/metrics/"):
        stranger = await app.http.get(path)
        assert (stranger.status_code, "process" in stranger.text) == (401, False)
        viewer = await app.http.get(path, headers=app.client().headers)
        assert (viewer.status_code, "process" in viewer.text) == (403, False)
        admin = await app.http.get(path, headers=app.client(Role.ADMIN).headers)
        assert (admin.status_code, "process" in admin.text) == (200, True)
        posted = await app.http.post(path, headers=app.client(Role.ADMIN).headers)
        assert posted.status_code == 405


@pytest.mark.one_executor  # what each costs is measured by itself
async def test_who_has_asked_for_too_much_is_counted(database_url: URL, tmp_path: Path) -> None:
    """As a number of its own, for an alert."""
    async with open_app(
        database_url, tmp_path, rate_limit_cost_per_minute=12, ops_token=SecretStr(TOKEN)
    ) as app:
        for _ in range(3):
            await app.post(as_body("query Much { contacts(first: 11) { nodes { id } } }"))
        told = await scraped(app)
    assert told.total("rate_limited_total") == 2
    assert told.total("operations_total", operation="Much", outcome="limited") == 2
    assert told.total("cost_actual_total", operation="Much") == 1


async def test_jobs_are_counted(database_url: URL, tmp_path: Path) -> None:
    """Those that wait, wherever they do; those that ran here, with what they have done."""
    async with open_app(database_url, tmp_path, ops_token=SecretStr(TOKEN)) as app:
        resources = app.resources
        contact = await make_contact(resources.database)
        await make_tagging(resources.database, [contact.id])
        waiting = await scraped(app)
        worker = build_worker(resources, QUICK)
        ended: list[JobRun] = []
        resources.observers.jobs.append(ended.append)
        with capture_logs():
            async with at_work(worker, resources.stop_clock):
                await until(lambda: ended)
        done = await scraped(app)
    assert waiting.total("jobs", kind="TAG_CONTACTS", status="queued") == 1
    assert waiting.total("jobs_oldest_waiting_seconds") > 0
    assert "process" not in waiting.samples["appointment360_jobs"][0][0]
    assert done.total("job_runs_total", kind="TAG_CONTACTS", outcome="completed") == 1
    assert done.total("job_duration_seconds_count", kind="TAG_CONTACTS") == 1
    assert done.total("job_records_total", kind="TAG_CONTACTS", counter="updated") == 1


async def test_several_processes_are_told_by_whichever_is_asked(
    database_url: URL, tmp_path: Path
) -> None:
    """Each with its own numbers; what they share is told once."""
    settings = _settings(database_url, tmp_path / "data")
    async with AsyncExitStack() as stack:
        clients = []
        for number in range(2):
            place = Place(number, tmp_path)
            resources = await stack.enter_async_context(open_resources(settings, place=place))
            transport = httpx.ASGITransport(create_app(resources))
            clients.append(httpx.AsyncClient(transport=transport, base_url="http://test"))
        await clients[0].get("/health/live")
        for _ in range(2):
            await clients[1].get("/health/live")
        told = [await scrape(http, Authorization=f"Bearer {TOKEN}") for http in clients]
    for each in told:
        each.assert_in_order()
        live = {"route": "/health/live", "method": "GET", "status": "200"}
        assert each.total("requests_total", process="0", **live) == 1
        assert each.total("requests_total", process="1", **live) == 2
        assert each.labels("pool_size", "process") == {"0", "1"}
        assert len(each.samples["appointment360_job_workers"]) == 1


async def test_streams_and_sockets_are_counted_while_they_are_open(
    database_url: URL, tmp_path: Path
) -> None:
    """A subscription is one however it is carried; at its end nothing of it is left."""
    follow = "subscription Follow { contactChanged { kind } }"
    async with (
        open_resources(_settings(database_url, tmp_path)) as resources,
        serving(create_app(resources)) as served,
        httpx.AsyncClient(base_url=served.http, trust_env=False) as http,
    ):
        token = f"Bearer {resources.tokens.issue(STRANGER, Role.VIEWER, ttl_seconds=600)}"
        http.headers["Authorization"] = token
        async with streaming(http, follow) as events, opened(served.socket) as socket:
            await socket.init(token)
            await socket.subscribe(follow)
            assert await events.next()
            assert await socket.next()
            during = await scrape(http, Authorization=f"Bearer {TOKEN}")
        await until(lambda: not resources.feeds.seats.taken)
        await until(lambda: not resources.observers.under_way.sockets)
        after = await scrape(http, Authorization=f"Bearer {TOKEN}")
    gauges = ("subscriptions_open", "event_streams_open", "websockets_open")
    assert [during.total(name) for name in gauges] == [2, 1, 1]
    assert [after.total(name) for name in gauges] == [0, 0, 0]
    assert after.total("operations_total", operation="Follow", kind="subscription") == 2
    assert after.total("operations_total", operation="Follow", kind="event", outcome="ok") == 2
    assert after.total("event_duration_seconds_count") == 2
    assert after.total("operation_duration_seconds_count", operation="Follow") == 2


def _settings(database_url: URL, folder: Path) -> Settings:
    return Settings(
        database_url=SecretStr(database_url.render_as_string(hide_password=False)),
        data_dir=folder,
        log_level="error",
        ops_token=SecretStr(TOKEN),
    )


async def test_scrape_does_not_hold_up_the_server(database_url: URL, tmp_path: Path) -> None:
    """However much there is to tell, others are answered while it is written down."""
    async with open_app(database_url, tmp_path, ops_token=SecretStr(TOKEN)) as app:
        for number in range(2_000):
            app.resources.observers.request(
                RequestRun(
                    id="", method="GET", route=f"/{number}", status=200, seconds=1, sent_bytes=1
                )
            )
        loop, pauses = asyncio.get_running_loop(), [0.0]
        headers = {"Authorization": f"Bearer {TOKEN}"}
        began = before = loop.time()
        scraping = asyncio.create_task(app.http.get("/metrics", headers=headers))
        while not scraping.done():
            await asyncio.sleep(0)
            now = loop.time()
            pauses.append(now - before)
            before = now
        whole = loop.time() - began
        assert "/1999" in (await scraping).text
    assert max(pauses) < whole / 3
