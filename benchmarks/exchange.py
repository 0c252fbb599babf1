"""Requests handed to the application as a server hands them, in this process and without a socket.

What is counted so is exact: every byte that was taken of a body and every byte of an answer. The
processor time of this process is that of the application, and a hundredth more.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from starlette.types import ASGIApp

_NOTHING: Final[Mapping[str, str]] = {}


@dataclass(frozen=True)
class Answer:
    """What came back.

    Attributes:
        taken_bytes: How much of the body was asked for.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    taken_bytes: int


async def exchange(
    app: ASGIApp,
    method: str,
    target: str,
    *,
    headers: Mapping[str, str] = _NOTHING,
    pieces: Iterable[bytes] = (),
) -> Answer:
    """One request, whose body is made a piece at a time as it is asked for."""
    waiting, taken, sent = iter(pieces), 0, list[Mapping[str, Any]]()

    async def receive() -> dict[str, object]:
        nonlocal taken
        piece = next(waiting, None)
        taken += len(piece or b"")
        return {"type": "http.request", "body": piece or b"", "more_body": piece is not None}

    async def send(message: Any) -> None:
        sent.append(message)

    await app(_scope(method, target, headers), receive, send)
    return _answer(sent, taken)


def _scope(method: str, target: str, headers: Mapping[str, str]) -> dict[str, Any]:
    path, _, query = target.partition("?")
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
        "state": {},
    }


def _answer(sent: Sequence[Mapping[str, Any]], taken: int) -> Answer:
    start = next(message for message in sent if message["type"] == "http.response.start")
    body = b"".join(message.get("body", b"") for message in sent)
    headers = {name.decode(): value.decode() for name, value in start["headers"]}
    return Answer(start["status"], headers, body, taken)
