"""graphql-transport-ws: what a socket may ask, and how it ends when it does anything else."""

import asyncio
from typing import Any, NoReturn

import pytest
from sqlalchemy.engine import URL
from structlog.testing import capture_logs

from domain.enums import Role
from graph.socket_operations import MAX_OPERATIONS
from tests.graph.following import Following, busy, following, may_end, token
from tests.graph.sockets import PROTOCOL, Socket, opened, until, until_still
from tests.served import MAX_MESSAGE_BYTES

# Operations.


async def test_subscription_is_told_event_by_event_and_completed(viewer: Socket) -> None:
    """Each event is one result; after the last comes `complete`."""
    await viewer.subscribe(
        "subscription ($n: Int!) { numbers(upto: $n) { number } }", variables={"n": 2}
    )
    assert await viewer.next() == {"data": {"numbers": {"number": 0}}}
    assert await viewer.next() == {"data": {"numbers": {"number": 1}}}
    await viewer.completed()


async def test_queries_and_mutations_are_answered_over_the_socket(viewer: Socket) -> None:
    """One result each, then `complete`; the id may be used again."""
    await viewer.subscribe("{ role }")
    assert await viewer.next() == {"data": {"role": "viewer"}}
    await viewer.completed()
    await viewer.subscribe("mutation { double(number: 2) }")
    assert await viewer.next() == {"data": {"double": 4}}
    await viewer.completed()


async def test_operations_run_side_by_side(viewer: Socket) -> None:
    """One that waits keeps no other from being answered."""
    await viewer.subscribe("subscription { forever }", id="a")
    assert await viewer.next("a") == {"data": {"forever": "forever"}}
    await viewer.subscribe("{ role }", id="b")
    assert await viewer.next("b") == {"data": {"role": "viewer"}}
    await viewer.completed("b")


async def test_what_is_wrong_with_an_operation_is_an_error_of_it_alone(viewer: Socket) -> None:
    """Syntax, schema, name, variables and request: `error` for the id, and the socket goes on."""
    wrong: dict[str, dict[str, Any]] = {
        "GRAPHQL_PARSE_FAILED": {"query": "subscription {"},
        "GRAPHQL_VALIDATION_FAILED": {"query": "subscription { nothing }"},
        "PERSISTED_QUERY_NOT_FOUND": {"documentId": "nothing"},
    }
    for code, payload in wrong.items():
        await viewer.send("subscribe", id="1", payload=payload)
        assert (await viewer.error())["extensions"]["code"] == code
    variables = "subscription ($n: Int!) { numbers(upto: $n) { number } }"
    for query in ("query A { role } query B { role }", variables, ""):
        await viewer.subscribe(query)
        assert (await viewer.error())["extensions"]["code"] == "BAD_USER_INPUT"
    await viewer.subscribe("{ role }")
    assert await viewer.next() == {"data": {"role": "viewer"}}


@pytest.mark.parametrize("field", ["forbidden", "refused"])
async def test_role_that_does_not_suffice_is_one_result_and_the_end(
    viewer: Socket, field: str
) -> None:
    """The error has its code and place, whether it is raised before there is a source or in it."""
    await viewer.subscribe(f"subscription {{ {field} }}")
    result = await viewer.next()
    (error,) = result["errors"]
    assert (result["data"], error["path"]) == (None, [field])
    assert error["extensions"]["code"] == "FORBIDDEN"
    await viewer.completed()


async def test_bug_in_a_source_is_masked_and_logged_and_ends_the_operation(
    viewer: Socket,
) -> None:
    """The client is told the id by which the log has the rest."""
    with capture_logs() as logs:
        await viewer.subscribe("subscription { breaks }")
        assert await viewer.next() == {"data": {"breaks": "first"}}
        (error,) = (await viewer.next())["errors"]
        await viewer.completed()
    assert error["extensions"]["code"] == "INTERNAL_SERVER_ERROR"
    assert "secret" not in error["message"]
    assert [entry["event"] for entry in logs] == ["resolver_failed"]


def break_down(*_: object) -> NoReturn:
    """A bug."""
    raise LookupError("secret")


async def test_bug_before_execution_is_masked_and_logged_and_ends_the_operation(
    server_url: URL,
) -> None:
    """The socket goes on."""
    async with (
        following(server_url, open_context=break_down) as server,
        opened(server.served.socket) as socket,
    ):
        await socket.init(token())
        with capture_logs() as logs:
            await socket.subscribe("{ role }")
            error = await socket.error()
        assert error["extensions"]["code"] == "INTERNAL_SERVER_ERROR"
        assert "secret" not in error["message"]
        assert [entry["event"] for entry in logs] == ["operation_failed"]
        await socket.send("ping")
        assert await socket.receive() == {"type": "pong"}


async def test_bug_outside_of_operations_closes_the_socket(server_url: URL) -> None:
    """4500, logged, and nothing of it told."""
    async with (
        following(server_url, authenticate=break_down) as server,
        opened(server.served.socket) as socket,
    ):
        with capture_logs() as logs:
            await socket.send("connection_init")
            code, reason = await socket.closed()
        assert (code, "secret" in reason) == (4500, False)
        assert [entry["event"] for entry in logs] == ["socket_failed"]


async def test_request_id_of_the_upgrade_is_told_with_every_error(server: Following) -> None:
    """What goes wrong on a socket is found in the log by one id."""
    headers = {"X-Request-ID": "find-me"}
    async with opened(server.served.socket, additional_headers=headers) as socket:
        await socket.init(token())
        assert socket.connection.response is not None
        assert socket.connection.response.headers["X-Request-ID"] == "find-me"
        await socket.subscribe("{ nothing }")
        assert (await socket.error())["extensions"]["requestId"] == "find-me"


async def test_upgrade_without_a_request_id_is_given_one(socket: Socket) -> None:
    """Its client has something to tell us when there is a bug."""
    assert socket.connection.response is not None
    assert len(socket.connection.response.headers["X-Request-ID"]) == 16


async def test_operation_that_takes_too_long_is_an_error_of_it_alone(server_url: URL) -> None:
    """The time of a request holds over a socket too; waiting for an event has none."""
    async with (
        following(server_url, request_seconds=0.01) as server,
        opened(server.served.socket) as socket,
    ):
        await socket.init(token())
        await socket.subscribe("subscription { forever }", id="a")
        await socket.next("a")
        await socket.subscribe("{ slow }", id="b")
        assert (await socket.error("b"))["extensions"]["code"] == "TIMEOUT"
        assert busy == {"forever"}


async def test_subscription_that_does_not_come_to_a_source_is_an_error_of_it_alone(
    server_url: URL,
) -> None:
    """The time of a request holds for its beginning."""
    async with (
        following(server_url, request_seconds=0.01) as server,
        opened(server.served.socket) as socket,
    ):
        await socket.init(token())
        await socket.subscribe("subscription { lost }")
        assert (await socket.error())["extensions"]["code"] == "TIMEOUT"
        assert not busy


async def test_client_that_sends_without_a_pause_keeps_nobody_waiting(server: Following) -> None:
    """A query of another socket is answered before all of a flood is read."""
    async with opened(server.served.socket) as flooding, opened(server.served.socket) as other:
        await other.init(token())
        for _ in range(2000):
            await flooding.send("pong")
        await flooding.send("ping")
        await other.subscribe("{ role }")
        last = asyncio.create_task(flooding.receive())
        answer = asyncio.create_task(other.next())
        first, _ = await asyncio.wait((last, answer), return_when=asyncio.FIRST_COMPLETED)
        assert first == {answer}
        assert await last == {"type": "pong"}


async def test_too_many_operations_at_once_are_refused(viewer: Socket) -> None:
    """The one too many is told so; when another ends, there is room again."""
    for number in range(MAX_OPERATIONS):
        name = str(number)
        await viewer.subscribe(f'subscription {{ forever(name: "{name}") }}', id=name)
        await viewer.next(name)
    await viewer.subscribe("{ role }", id="more")
    error = await viewer.error("more")
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert error["message"].startswith(f"This socket has {MAX_OPERATIONS} operations under way.")
    await viewer.send("complete", id="0")
    await until(lambda: "0" not in busy)
    await viewer.subscribe("subscription { forever }", id="0")
    assert await viewer.next("0") == {"data": {"forever": "forever"}}


# The protocol.


@pytest.mark.parametrize("offered", [None, ["graphql-ws"], ["other"]])
async def test_other_subprotocols_are_refused(server: Following, offered: Any) -> None:
    """The legacy protocol and none are closed with 4406, which names the one that is spoken."""
    async with opened(server.served.socket, subprotocols=offered) as socket:
        told = (4406, "Open the socket with the subprotocol graphql-transport-ws.")
        assert await socket.closed() == told


async def test_subprotocol_is_chosen_among_several(server: Following) -> None:
    """Clients that speak both are answered in the one that is not outdated."""
    async with opened(server.served.socket, subprotocols=["graphql-ws", PROTOCOL]) as socket:
        assert socket.connection.subprotocol == PROTOCOL


@pytest.mark.parametrize(
    "content",
    [
        b'{"type": "ping"}',
        "",
        "{",
        "3",
        "[]",
        "{}",
        '{"type": "start"}',
        '{"type": 3}',
        '{"type": "next", "id": "1"}',
        '{"type": "connection_init", "payload": 3}',
        '{"type": "ping", "payload": "x"}',
        '{"type": "subscribe", "payload": {"query": "{ role }"}}',
        '{"type": "subscribe", "id": "", "payload": {"query": "{ role }"}}',
        '{"type": "subscribe", "id": 1, "payload": {"query": "{ role }"}}',
        '{"type": "subscribe", "id": "1"}',
        '{"type": "subscribe", "id": "1", "payload": []}',
        '{"type": "complete"}',
    ],
)
async def test_what_is_no_message_closes_the_socket(viewer: Socket, content: str | bytes) -> None:
    """4400, with what is wrong."""
    await viewer.send_raw(content)
    code, reason = await viewer.closed()
    assert code == 4400
    assert reason


async def test_message_that_is_too_large_closes_the_socket(viewer: Socket) -> None:
    """The limit of a body holds for a message too."""
    await viewer.send_raw("x" * (MAX_MESSAGE_BYTES + 1))
    assert (await viewer.closed())[0] == 1009


async def test_operation_before_the_acknowledgement_closes_the_socket(socket: Socket) -> None:
    """Nobody asks without having said who it is."""
    await socket.subscribe("{ role }")
    assert (await socket.closed())[0] == 4401


async def test_second_connection_init_closes_the_socket(viewer: Socket) -> None:
    """A socket belongs to one user."""
    await viewer.send("connection_init", payload={"Authorization": token(Role.ADMIN)})
    assert (await viewer.closed())[0] == 4429


async def test_socket_that_does_not_say_who_it_is_is_closed(server_url: URL) -> None:
    """It is not kept open for nothing."""
    async with (
        following(server_url, init_seconds=0.01) as server,
        opened(server.served.socket) as socket,
    ):
        assert (await socket.closed())[0] == 4408


async def test_id_that_is_under_way_closes_the_socket(viewer: Socket) -> None:
    """Two operations of one id could not be told apart."""
    await viewer.subscribe("subscription { forever }")
    await viewer.next()
    await viewer.subscribe("{ role }")
    assert (await viewer.closed())[0] == 4409


async def test_ping_is_answered_at_any_time(socket: Socket) -> None:
    """Before and after the acknowledgement; a pong that nobody asked for is no mistake."""
    await socket.send("ping")
    assert await socket.receive() == {"type": "pong"}
    await socket.init(token())
    await socket.send("pong", payload={"any": 1})
    await socket.send("complete", id="never begun")
    await socket.send("ping", payload={"any": 1})
    assert await socket.receive() == {"type": "pong"}


# Ends.


async def test_completed_operation_gives_back_what_it_holds(viewer: Socket) -> None:
    """Nothing more is sent for it, its source is closed, and the others go on."""
    for name in ("a", "b"):
        await viewer.subscribe(f'subscription {{ forever(name: "{name}") }}', id=name)
        await viewer.next(name)
    await viewer.send("complete", id="a")
    await until(lambda: busy == {"b"})
    await viewer.subscribe("{ slow }", id="a")
    await until(lambda: busy == {"b", "slow"})
    await viewer.send("complete", id="a")
    await until(lambda: busy == {"b"})


async def test_client_that_completes_and_leaves_at_once_leaves_nothing_behind(
    server: Following,
) -> None:
    """Its source may take a while to give back what it holds; the end waits for it."""
    may_end.clear()
    async with opened(server.served.socket) as socket:
        await socket.init(token())
        await socket.subscribe("subscription { lingers }", id="a")
        await socket.next("a")
        await socket.send("complete", id="a")
    await until(lambda: not server.served.connections)
    for _turn in range(10):
        await asyncio.sleep(0)
    may_end.set()
    await until(lambda: not busy and not server.tasks_left())


@pytest.mark.parametrize("how", ["closed", "broken"])
async def test_client_that_leaves_leaves_nothing_behind(server: Following, how: str) -> None:
    """No source, no task: whether it says goodbye or its connection breaks."""
    async with opened(server.served.socket) as socket:
        await socket.init(token())
        await socket.subscribe("subscription { forever }", id="a")
        await socket.next("a")
        await socket.subscribe("{ slow }", id="b")
        await until(lambda: busy == {"forever", "slow"})
        if how == "broken":
            socket.connection.transport.abort()
    await until(lambda: not busy and not server.tasks_left())


async def test_client_that_reads_nothing_is_waited_for(server: Following) -> None:
    """Results are not piled up in memory; when it leaves, nothing is left."""
    async with opened(server.served.socket, max_queue=1) as socket:
        await socket.init(token())
        await socket.subscribe("subscription { flood(characters: 100000) }")
        await socket.next()
        assert await until_still(server.executor.counts.total) < 1000
        socket.connection.transport.abort()
    await until(lambda: not busy and not server.tasks_left())


async def test_server_that_stops_closes_its_sockets(server: Following) -> None:
    """1012: the client connects again, to whoever takes over."""
    async with opened(server.served.socket) as socket:
        await socket.init(token())
        await socket.subscribe("subscription { forever }")
        await socket.next()
        await server.served.stop()
        assert (await socket.closed())[0] == 1012
    assert not busy


async def test_client_that_reads_nothing_does_not_outlive_its_token(server_url: URL) -> None:
    """Its connection is broken off: that it is closed cannot be told."""
    async with (
        following(server_url, patience_seconds=0.05) as server,
        opened(server.served.socket, max_queue=1) as socket,
    ):
        await socket.init(token(seconds=-8))
        await socket.subscribe("subscription { flood(characters: 100000) }")
        await until(lambda: not server.served.connections)
        assert not busy
        socket.connection.transport.abort()


async def test_client_that_reads_nothing_does_not_hold_up_a_server_that_stops(
    server_url: URL,
) -> None:
    """Its connection is broken off."""
    async with (
        following(server_url, patience_seconds=0.05) as server,
        opened(server.served.socket, max_queue=1) as socket,
    ):
        await socket.init(token())
        await socket.subscribe("subscription { flood(characters: 100000) }")
        await until_still(server.executor.counts.total)
        await server.served.stop()
        assert not server.served.connections
        socket.connection.transport.abort()
