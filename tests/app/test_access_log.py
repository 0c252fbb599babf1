"""The line of a request: what it tells, what it never does, and that none is lost."""

import asyncio
import json
import logging
import re
import signal
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from select import PIPE_BUF
from threading import Event, Thread, Timer
from typing import Any

import httpx
import pytest
import structlog
from pydantic import SecretStr
from sqlalchemy.engine import URL

from app.asgi import create_app
from app.log import configure_logging
from app.log_lines import STDERR, Lines
from app.resources import open_resources
from app.settings import Settings
from domain.enums import Role
from tests.app.terminal import logging_put_back
from tests.apps import STRANGER, open_app
from tests.graph.answers import as_body
from tests.graph.sockets import opened
from tests.processes import command
from tests.served import serving

SECRET = "hunter2"  # what is looked for in the log
FIND = """query FindThem($filter: ContactFilter) {
    contacts(filter: $filter, first: 3) { nodes { id } } }"""
FORGED = '\n2026-11-23 [info] forged\x1b[2J\x9b31m\u2028{"event": "forged"}'

pytestmark = pytest.mark.one_executor  # one line a request


@pytest.fixture(autouse=True)
def _logging_is_put_back() -> Iterator[None]:
    """Whatever a test configures ends with it."""
    with logging_put_back():
        yield
        STDERR.write()


def text_of(capsys: pytest.CaptureFixture[str]) -> str:
    """What was logged until now."""
    STDERR.write()
    return capsys.readouterr().err


def lines_of(capsys: pytest.CaptureFixture[str], event: str) -> list[dict[str, Any]]:
    """The lines of an event."""
    lines = [json.loads(line) for line in text_of(capsys).splitlines()]
    return [line for line in lines if line["event"] == event]


def logged(form: str = "json", level: str = "info", **more: Any) -> dict[str, Any]:
    """Settings of a server whose log is looked at, which is configured so."""
    chosen = {"log_format": form, "log_level": level, **more}
    configure_logging(Settings.model_validate(chosen))
    # The client of the tests would tell what it asks for.
    logging.getLogger("httpx").setLevel("WARNING")
    return chosen


async def test_line_tells_who_asked_what_and_what_became_of_it(
    database_url: URL, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One for each request, with its facts in one order."""
    async with open_app(database_url, tmp_path, with_cache=True, **logged()) as app:
        capsys.readouterr()
        response = await app.post(as_body(FIND), X_Request_ID="find-me")
        (line,) = lines_of(capsys, "request")
    assert list(line) == [
        *("timestamp", "level", "event", "request_id", "method", "route", "status", "ms", "bytes"),
        *("user", "operation", "kind", "hash", "cost", "rows", "cache"),
    ]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", line.pop("timestamp"))
    assert 0 < line.pop("ms") < 60_000
    assert re.fullmatch("[0-9a-f]{16}", line.pop("hash"))
    assert line == {
        "level": "info",
        "event": "request",
        "request_id": "find-me",
        "method": "POST",
        "route": "/graphql",
        "status": 200,
        "bytes": len(response.content),
        "user": str(STRANGER),
        "operation": "FindThem",
        "kind": "query",
        "cost": 4,
        "rows": 1,
        "cache": "MISS",
    }


async def test_line_of_what_is_refused_tells_why(
    database_url: URL, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By the codes that its client got, over GraphQL and beside it."""
    async with open_app(database_url, tmp_path, max_query_cost=10, **logged()) as app:
        capsys.readouterr()
        await app.post(as_body("query Much { contacts { nodes { id } } }"))
        await app.post("{")
        await app.http.get("/nothing")
        await app.http.get("/api/v1/contacts/stream/")
        lines = lines_of(capsys, "request")
    assert [(line["route"], line["status"], line["codes"]) for line in lines] == [
        ("/graphql", 200, ["QUERY_TOO_COMPLEX"]),
        ("/graphql", 400, ["BAD_USER_INPUT"]),
        ("", 404, ["NOT_FOUND"]),
        ("/api/v1/contacts/stream", 401, ["UNAUTHENTICATED"]),
    ]
    assert [line.get("operation") for line in lines] == ["Much", None, None, None]


@pytest.mark.parametrize("form", ["json", "console"])
async def test_nothing_of_a_user_is_logged(
    database_url: URL, tmp_path: Path, capsys: pytest.CaptureFixture[str], form: str
) -> None:
    """Neither values, nor tokens, nor addresses, nor what stands in a path or behind it."""
    async with open_app(database_url, tmp_path, **logged(form, "debug")) as app:
        token = app.client().headers["Authorization"].partition(" ")[2]
        capsys.readouterr()
        find = {"filter": {"email": {"eq": f"{SECRET}@example.com"}}}
        await app.post(as_body(FIND, variables=find))
        await app.post(
            as_body(f'{{ contacts(filter: {{title: {{eq: "{SECRET}"}}}}) {{ nodes {{ id }} }} }}')
        )
        await app.get({"query": FIND, "variables": json.dumps(find)})
        await app.post(as_body("{ __typename }"), User_Agent=SECRET, Referer=SECRET, Cookie=SECRET)
        await app.post(as_body(f"query {SECRET} {{ nothing }}"))
        await app.http.get(f"/{SECRET}?token={SECRET}")
        await app.http.get(f"/api/v1/exports/{SECRET}?token={SECRET}")
        await app.http.request(SECRET.upper(), "/graphql")
        await app.http.post("/graphql", content=SECRET, headers={"Authorization": SECRET})
        text = text_of(capsys)
    assert text.count("request_id") >= 9
    assert SECRET not in text.lower()
    assert token not in text


@pytest.mark.parametrize("form", ["json", "console"])
async def test_clients_cannot_write_lines_of_their_own(
    database_url: URL, tmp_path: Path, capsys: pytest.CaptureFixture[str], form: str
) -> None:
    """Whatever way a text of theirs finds into the log, it begins no line and obeys no terminal."""
    async with open_app(database_url, tmp_path, **logged(form)) as app:
        capsys.readouterr()
        await app.post(as_body("{ __typename }", operationName=FORGED))
        await app.post(as_body(FORGED))
        log = structlog.get_logger("ours")
        log.info(FORGED, client=FORGED, several=[FORGED], facts={"one": FORGED})
        logging.getLogger("theirs").warning("Invalid: %s", FORGED)
        try:
            json.loads("{}")[FORGED]
        except LookupError as error:
            error.add_note(FORGED)
            log.exception("failed")
        text = text_of(capsys)
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029]", _uncoloured(text))
    begins = re.compile(r"\{\"timestamp\"|\d{4}-\d\d-\d\d[T ][\d:.]+Z? +\[\w+ *\] (?!forged)|    ")
    for line in _uncoloured(text).splitlines():
        assert begins.match(line), line


def _uncoloured(text: str) -> str:
    """Without the colours that structlog itself writes."""
    return re.sub("\x1b\\[[0-9;]*m", "", text)


async def test_what_is_asked_all_the_time_is_told_when_debugging(
    database_url: URL, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Probes and scrapes would be most of the log."""
    polled = ("/health", "/health/live/", "/health/ready", "/metrics")
    for level, told in (("info", 0), ("debug", len(polled))):
        async with open_app(database_url, tmp_path, **logged(level=level)) as app:
            capsys.readouterr()
            for path in polled:
                await app.http.get(path)
            lines = lines_of(capsys, "request")
        assert [line["level"] for line in lines] == ["debug"] * told


@pytest.mark.parametrize("given", [{"enable_access_log": False}, {"level": "warning"}])
async def test_access_log_can_be_left_out(
    database_url: URL, tmp_path: Path, capsys: pytest.CaptureFixture[str], given: dict[str, Any]
) -> None:
    """By its own setting, or by the level."""
    async with open_app(database_url, tmp_path, **logged(**given)) as app:
        capsys.readouterr()
        await app.post(as_body("{ __typename }"))
        assert lines_of(capsys, "request") == []


async def test_operations_of_a_socket_have_lines_of_their_own(
    database_url: URL, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the request id of the socket; events of subscriptions only when debugging."""
    settings = Settings(
        database_url=SecretStr(database_url.render_as_string(hide_password=False)),
        data_dir=tmp_path,
        **logged(level="debug"),
    )
    async with open_resources(settings) as resources, serving(create_app(resources)) as served:
        token = f"Bearer {resources.tokens.issue(STRANGER, Role.VIEWER, ttl_seconds=600)}"
        capsys.readouterr()
        headers = {"X-Request-ID": "socket-1"}
        async with opened(served.socket, additional_headers=headers) as socket:
            await socket.init(token)
            await socket.subscribe("query Who { contacts(first: 1) { nodes { id } } }")
            await socket.next()
            await socket.completed()
            await socket.subscribe("subscription Follow { contactChanged { kind } }")
            await socket.next()
        lines = [json.loads(line) for line in text_of(capsys).splitlines()]
    told = [line for line in lines if line["event"] in ("operation", "event")]
    assert [(line["event"], line["level"], line["operation"]) for line in told] == [
        ("operation", "info", "Who"),
        ("operation", "info", "Follow"),
        ("event", "debug", "Follow"),
    ]
    assert {(line["request_id"], line["transport"], line["user"]) for line in told} == {
        ("socket-1", "websocket", str(STRANGER))
    }
    assert told[0]["cost"] == 2


async def test_line_at_a_terminal_is_short(
    database_url: URL, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line that can be read, without what only programs want."""
    async with open_app(database_url, tmp_path, **logged("console")) as app:
        capsys.readouterr()
        await app.post(as_body("query Who { __typename }"), X_Request_ID="r1")
        (line,) = [_uncoloured(each) for each in text_of(capsys).splitlines() if "Who" in each]
    assert re.match(
        r"\S+ \[info +\] request +request_id=r1 method=POST route=/graphql status=200 ms=[\d.]+ "
        r"bytes=\d+ user=\S+ operation=Who kind=query cost=1 rows=1$",
        line,
    ), line


async def test_last_line_is_there_when_the_server_has_stopped(
    database_url: URL, tmp_path: Path
) -> None:
    """A server that ends in order writes what it has gathered."""
    async with command(
        "serve", "--port=0", "--no-jobs", database_url=database_url, folder=tmp_path
    ) as server:
        (address,) = re.findall(r"http://[\d.:]+", await server.says("GraphQL"))
        async with httpx.AsyncClient(base_url=address, trust_env=False) as http:
            for number in range(20):
                await http.get("/nothing", headers={"X-Request-ID": f"r{number}"})
        server.signal(signal.SIGTERM)
        assert await server.ends() == 0
    told = [json.loads(line) for line in server.said if line.startswith('{"timestamp"')]
    ids = [line["request_id"] for line in told if line["event"] == "request"]
    assert ids == [f"r{number}" for number in range(20)]


# Lines.


def test_line_without_a_loop_is_written_at_once() -> None:
    """There is nobody who would come back to it."""
    stream = StringIO()
    Lines(lambda: stream).add(lambda: b"one\n")
    assert stream.getvalue() == "one\n"


async def test_lines_that_come_together_are_written_together() -> None:
    """After a moment, in their order; so many at most are kept until then."""
    stream, written = StringIO(), []
    lines = Lines(lambda: stream, every_seconds=0.01, most=3)
    for number in range(2):
        lines.add(lambda number=number: b"%d\n" % number)  # type: ignore[misc]  # bound now
        written.append(stream.getvalue())
    await asyncio.sleep(0.1)
    written.append(stream.getvalue())
    assert written == ["", "", "0\n1\n"]
    for _ in range(3):
        lines.add(lambda: b"x\n")
    assert stream.getvalue() == "0\n1\nx\nx\nx\n"


async def test_urgent_line_stands_behind_those_before_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What the rest of the server logs is written at once, and never out of order."""
    logged()
    STDERR.add(lambda: b'{"event":"first"}\n')
    structlog.get_logger("ours").warning("second")
    events = [json.loads(line)["event"] for line in capsys.readouterr().err.splitlines()]
    assert events == ["first", "second"]


async def test_closed_log_breaks_nothing() -> None:
    """A server whose log nobody takes any more goes on."""
    stream = StringIO()
    stream.close()
    lines = Lines(lambda: stream, most=1)
    lines.add(lambda: b"lost\n")
    lines.write()


class Pieces(StringIO):
    """Keeps what is written in one go; tells when that begins, and goes on when it may."""

    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[str] = []
        self.begun, self.may_go_on = Event(), Event()

    def write(self, text: str, /) -> int:
        self.begun.set()
        self.may_go_on.wait(10)
        self.pieces.append(text)
        return super().write(text)


class Finalizing(StringIO):
    """In the middle of the first line another one is told, as the finalizer of an object may do."""

    lines: Lines | None = None

    def write(self, text: str, /) -> int:
        lines, self.lines = self.lines, None
        if lines is not None:
            lines.add(lambda: b"second\n")
            lines.write()
        return super().write(text)


def test_line_that_is_told_while_lines_are_written_holds_up_nobody() -> None:
    """It is written behind them, by who writes them."""
    stream = Finalizing()
    stream.lines = lines = Lines(lambda: stream)
    telling = Thread(target=lines.add, args=(lambda: b"first\n",), daemon=True)
    telling.start()
    telling.join(10)
    assert stream.getvalue() == "first\nsecond\n"


def test_thread_that_writes_is_left_the_lines_of_others_and_waited_for_at_the_end() -> None:
    """Nobody stands in line for a slow log, and an orderly stop loses none of it."""
    stream = Pieces()
    lines = Lines(lambda: stream)
    writing = Thread(target=lines.add, args=(lambda: b"first\n",), daemon=True)
    writing.start()
    assert stream.begun.wait(10)
    lines.add(lambda: b"second\n")
    assert stream.getvalue() == ""
    Timer(0.1, stream.may_go_on.set).start()
    lines.end()
    assert stream.getvalue() == "first\nsecond\n"


async def test_lines_are_written_in_pieces_that_a_pipe_takes_whole() -> None:
    """Each ends with a line, so that processes with one stderr do not mix theirs."""
    stream = Pieces()
    stream.may_go_on.set()
    lines = Lines(lambda: stream, every_seconds=60)
    told = [f"{number:0{number % 200}d}\n" for number in range(100)]
    told[50] = "x" * PIPE_BUF + "\n"
    for line in told:
        lines.add(line.encode)
    lines.write()
    assert "".join(stream.pieces) == "".join(told)
    assert all(piece.endswith("\n") for piece in stream.pieces)
    long = [piece for piece in stream.pieces if len(piece) > PIPE_BUF]
    assert long == [told[50]]
    assert len(stream.pieces) < 10
