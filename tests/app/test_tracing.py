"""Traces: one for what one request or job does, with nothing in it that is anybody's."""

import asyncio
import json
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from sqlalchemy.engine import URL
from structlog.testing import capture_logs

from app.asgi import create_app
from app.tracing.opening import TracingUnavailable, is_asked_for, open_tracing
from app.tracing.spans import Kind
from app.working import at_work, build_worker
from domain.enums import Role
from tests.apps import App, open_app
from tests.collector import Collector, Span, collecting
from tests.factories import make_contact
from tests.graph.sockets import opened
from tests.jobs.working import ended, make_tagging
from tests.processes import command
from tests.races.places import place_of
from tests.served import serving
from tests.valkey import valkey_server

pytestmark = pytest.mark.one_executor("a trace tells of one answer")

TRACE = "0af7651916cd43dd8448eb211c80319c"
CALLER = "b7ad6b7169203331"
LIST = "query People { contacts(first: 3) { nodes { firstName } } }"
NEW = """mutation New($input: CreateContactInput!) {
    createContact(input: $input) { userErrors { code } } }"""


@pytest.fixture
async def collector(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Collector]:
    """What takes the traces of this process."""
    async with collecting() as collector:
        for name, value in collector.environment.items():
            monkeypatch.setenv(name, value)
        yield collector


@pytest.fixture
async def app(collector: Collector, database_url: URL, tmp_path: Path) -> AsyncIterator[App]:
    """An application with traces and a cache in Redis."""
    with valkey_server() as valkey:
        async with open_app(
            database_url, tmp_path, with_cache=True, enable_redis_cache=True, redis_url=valkey.url
        ) as app:
            yield app


def traceparent(*, is_sampled: bool = True) -> str:
    """What a caller says that is traced itself."""
    return f"00-{TRACE}-{CALLER}-{'01' if is_sampled else '00'}"


async def answer(app: App, query: str, *, is_sampled: bool = True) -> httpx.Response:
    """The answer to a query within the trace of its caller."""
    content = json.dumps({"query": query})
    return await app.post(content, traceparent=traceparent(is_sampled=is_sampled))


def is_server(span: Span) -> bool:
    """Whether a span is of a request."""
    return span.kind == "SERVER"


async def test_request_is_one_trace_from_its_caller_to_sql_and_redis(
    app: App, collector: Collector
) -> None:
    """Each part is a part of what asked for it, and the first one of the request elsewhere."""
    response = await answer(app, LIST)
    request = await collector.first(is_server)
    assert (request.trace_id, request.parent_id, request.name) == (TRACE, CALLER, "POST /graphql")
    assert request.facts == {
        "http.request.method": "POST",
        "http.route": "/graphql",
        "http.response.status_code": 200,
        "url.scheme": "http",
        "appointment360.request_id": response.headers["x-request-id"],
    }
    (operation,) = collector.within(request)
    assert operation.name == "query People"
    parts = collector.within(operation)
    assert [part.name for part in parts] == ["redis look_up", "SELECT", "redis fill"]
    assert {part.trace_id for part in (request, operation, *parts)} == {TRACE}
    looked, read, kept = (part.facts for part in parts)
    assert looked["appointment360.cache.found"] == "miss"
    assert kept["appointment360.cache.kept"] is True
    assert (read["db.system.name"], read["db.response.returned_rows"]) == ("postgresql", 0)
    assert "FROM contacts" in read["db.query.text"]
    assert read["graphql.field.path"] == "contacts"
    assert all(0 < part.nanoseconds <= operation.nanoseconds for part in parts)


async def test_mutation_that_is_traced_tells_its_statements_and_what_became_out_of_date(
    app: App, collector: Collector
) -> None:
    """All of them stand within the operation, though it goes on in a task of its own."""
    await app.client(Role.EDITOR).query(NEW, input={"firstName": "Ada"})
    operation = await collector.first(lambda span: span.name == "mutation New")
    names = [part.name for part in collector.within(operation)]
    assert "INSERT" in names
    assert names.index("redis begin") < names.index("redis end")


async def test_operation_over_a_socket_is_a_trace_of_its_own(
    app: App, collector: Collector
) -> None:
    """The socket may last for days, and has no span."""
    async with (
        serving(create_app(app.resources)) as served,
        opened(served.socket) as client,
    ):
        await client.init(app.client().headers["Authorization"])
        await client.subscribe(LIST)
        await client.next()
        operation = await collector.first(lambda span: span.name == "query People")
    assert operation.parent_id == ""
    assert "SELECT" in [part.name for part in collector.within(operation)]


async def test_error_is_told_by_its_code_and_nothing_more(app: App, collector: Collector) -> None:
    """What an error says may quote what it is about."""
    await app.client().fail('{ contact(id: "Zaphod") { firstName } }')
    operation = await collector.first(lambda span: span.name == "query")
    assert operation.has_failed
    assert operation.facts["graphql.error.codes"] == ["BAD_USER_INPUT"]


async def test_no_span_holds_what_is_anybodys(app: App, collector: Collector) -> None:
    """Neither values, nor tokens, nor what stands behind a question mark, also when it fails."""
    client = app.client(Role.EDITOR)
    given = {"firstName": "Zaphod", "emails": [{"email": "zaphod@example.com"}]}
    for _ in range(2):
        await client.send(NEW, input=given)
    await client.send('{ contacts(filter: {firstName: {eq: "Zaphod"}}) { nodes { id } } }')
    await client.fail('{ contact(id: "Zaphod") { firstName } }')
    await app.get({"query": '{ contacts(search: "Zaphod") { nodes { id } } }'})
    secret = "abcdefghijklmnop"
    await app.http.get("/nowhere/Zaphod", params={"token": secret}, headers={"cookie": secret})
    await collector.first(lambda span: span.facts.get("http.response.status_code") == 404)
    sent = b"".join(collector.bodies).lower()
    assert len(collector.spans) > 10
    for own in (b"zaphod", secret.encode(), client.headers["Authorization"][7:].lower().encode()):
        assert own not in sent


async def test_attempt_at_a_job_is_a_trace(app: App, collector: Collector) -> None:
    """With the job's kind and number, and all that it reads and writes."""
    database = app.resources.database
    contact = await make_contact(database)
    job = await make_tagging(database, [contact.id])
    async with at_work(build_worker(app.resources), app.resources.stop_clock):
        await ended(database, job.id)
        attempt = await collector.first(lambda span: span.kind == "CONSUMER")
    assert (attempt.name, attempt.parent_id, attempt.has_failed) == ("job TAG_CONTACTS", "", False)
    assert attempt.facts["appointment360.job.id"] == job.id
    assert attempt.facts["appointment360.job.attempt"] == 1
    names = {part.name for part in collector.within(attempt)}
    assert {"UPDATE", "redis begin", "redis end"} <= names


async def test_caller_that_is_not_sampled_leaves_no_trace(app: App, collector: Collector) -> None:
    """What it decided holds here too; whoever else asks is traced."""
    await answer(app, LIST, is_sampled=False)
    await app.client().query("query Traced { contactsCount { count } }")
    await collector.first(is_server)
    assert {span.trace_id for span in collector.spans}.isdisjoint({TRACE})
    assert not [span for span in collector.spans if span.name == "query People"]


async def test_probes_leave_no_trace(app: App, collector: Collector) -> None:
    """They come every second, and nobody looks at them."""
    await app.http.get("/health/live")
    await app.http.get("/api/openapi.json")
    request = await collector.first(is_server)
    assert request.name == "GET /api/openapi.json"


@pytest.mark.parametrize(
    "variables",
    [
        {"OTEL_SDK_DISABLED": "true"},
        {"OTEL_TRACES_EXPORTER": "none"},
        {"OTEL_TRACES_SAMPLER": "always_off"},
    ],
    ids=lambda variables: next(iter(variables)),
)
async def test_traces_that_are_switched_off_are_not_sent(
    collector: Collector,
    database_url: URL,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    variables: dict[str, str],
) -> None:
    """By the variables that OpenTelemetry has for it."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    async with open_app(database_url, tmp_path) as app:
        await app.client().query(LIST)
        is_off = app.resources.tracer is None
    assert is_off is ("OTEL_TRACES_SAMPLER" not in variables)
    assert not collector.bodies


def test_traces_are_asked_for_by_the_usual_variables() -> None:
    """An endpoint or an exporter asks for them, and what is not ours is refused in words."""
    assert not is_asked_for({})
    assert not is_asked_for({"OTEL_EXPORTER_OTLP_ENDPOINT": ""})
    for name in ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"):
        assert is_asked_for({name: "http://collector:4318"})
    assert is_asked_for({"OTEL_TRACES_EXPORTER": "otlp"})
    with pytest.raises(TracingUnavailable, match="OTEL_TRACES_EXPORTER is zipkin"):
        is_asked_for({"OTEL_TRACES_EXPORTER": "zipkin"})
    with pytest.raises(TracingUnavailable, match="http/protobuf"):
        is_asked_for({"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"})


async def test_traces_without_their_extra_stop_the_start(tmp_path: Path) -> None:
    """The command tells what to install; without the variables nothing needs the extra."""
    hidden = (
        "import sys\n"
        "sys.modules['opentelemetry'] = None\n"
        "from app.cli import main\n"
        "sys.argv = ['appointment360', 'serve', '--port=0']\n"
        "main()\n"
    )
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", hidden),
        cwd=Path(__file__).parents[2],
        env={"DATA_DIR": str(tmp_path), "OTEL_TRACES_EXPORTER": "otlp"},
        stderr=asyncio.subprocess.PIPE,
    )
    _, told = await process.communicate()
    assert process.returncode == 1
    assert b"pip install 'appointment360[tracing]'" in told
    assert b"Traceback" not in told


async def test_process_logs_the_trace_and_sends_all_of_it_before_its_end(
    collector: Collector, database_url: URL, tmp_path: Path
) -> None:
    """Lines of the log name the trace and the request; what waits at the end is sent then."""
    settings = {"LOG_FORMAT": "json", "SLOW_QUERY_THRESHOLD": "0.000001", **collector.environment}
    settings["OTEL_BSP_SCHEDULE_DELAY"] = "3600000"
    async with command(
        "serve", "--port=0", "--no-jobs", database_url=database_url, folder=tmp_path, **settings
    ) as process:
        place = await place_of(process)
        headers = {"Authorization": f"Bearer {place.token}", "traceparent": traceparent()}
        async with httpx.AsyncClient(headers=headers) as http:
            url = f"http://127.0.0.1:{place.port}/graphql"
            response = await http.post(url, json={"query": LIST})
        line = json.loads(await process.says("People"))
        assert line["trace_id"] == TRACE
        assert line["request_id"] == response.headers["x-request-id"]
        answered = json.loads(await process.says('"event":"request"'))
        assert (answered["trace_id"], answered["operation"]) == (TRACE, "People")
        assert not collector.bodies
        process.signal(signal.SIGTERM)
        assert await process.ends() == 0
    assert {span.name for span in collector.spans} >= {"POST /graphql", "query People", "SELECT"}
    (sender,) = collector.resources
    assert sender["service.name"] == "appointment360"
    assert not [value for value in sender.values() if place.token in str(value)]


@pytest.mark.parametrize("is_there", [False, True], ids=["refuses", "is-silent"])
async def test_collector_that_is_away_costs_a_line_and_two_seconds(
    monkeypatch: pytest.MonkeyPatch, is_there: bool
) -> None:
    """However often it was tried to send them, and whether it is gone or frozen."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        if not is_there:
            listening.close()
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{port}")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "0.2")
        monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "10")
        with capture_logs() as told:
            async with open_tracing(stop_seconds=lambda seconds: seconds) as tracer:
                assert tracer is not None
                until = time.monotonic() + 1
                while time.monotonic() < until:
                    with tracer.root("waits", Kind.INTERNAL, {}):
                        await asyncio.sleep(0.01)
                ended_at = time.monotonic()
        assert time.monotonic() - ended_at < 5
    lines = [line["event"] for line in told]
    assert lines.count("traces_not_sent") == 1
    assert set(lines) <= {"traces_not_sent", "traces_lost"}


async def test_end_has_no_more_time_for_traces_than_is_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A process that has no time left loses what was not sent."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{port}")
        with capture_logs() as told:
            async with open_tracing(stop_seconds=lambda _seconds: 0.0) as tracer:
                assert tracer is not None
                with tracer.root("waits", Kind.INTERNAL, {}):
                    pass
    assert [line["event"] for line in told][-1:] == ["traces_lost"]
