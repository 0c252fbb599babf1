"""Which servers can be measured, and what the runner has to know about each.

A further one is one more entry of `SERVERS`: its name, the command of a process that listens at the
port it is given, how it is asked an operation, and the path that answers 200 once it is ready.
"""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final
from uuid import UUID

from app.auth import Tokens
from benchmarks.database import VIEWER_UUID
from benchmarks.operations import Operation, Request, graphql_request
from domain.enums import Role
from domain.node_ids import NodeKind, encode_node_id

LIMIT: Final = "limit_a"
"""The server that the ratios are told against."""

_SECRET: Final = "a secret of the benchmark, known to everybody"  # noqa: S105  # nothing to protect
_TOKEN_SECONDS: Final = 24 * 3600


@dataclass(frozen=True, kw_only=True)
class Place:
    """What a server is started with.

    Attributes:
        connections: How many connections to PostgreSQL it opens, neither more nor fewer.
    """

    port: int
    database_url: str
    connections: int


@dataclass(frozen=True, kw_only=True)
class Server:
    """One entry.

    Attributes:
        command: What is run; the process that this starts is measured with its descendants.
        environment: Variables beyond those of the runner.
        ask: The request for an operation; the number is the row of the contact that it may want.
        ready_path: Answers a GET with 200 when requests can be sent.
        reads_rows: Its answers are compared with those of the others; the floor has nothing to say.
    """

    name: str
    command: Callable[[Place], list[str]]
    environment: Callable[[Place], Mapping[str, str]]
    ask: Callable[[Operation, int], Request]
    ready_path: str = "/health"
    reads_rows: bool = True


def _environment(place: Place) -> Mapping[str, str]:
    """What the hand-written servers read."""
    return {
        "PORT": str(place.port),
        "DATABASE_URL": place.database_url,
        "CONNECTIONS": str(place.connections),
    }


def _settings(place: Place) -> Mapping[str, str]:
    return {
        "PORT": str(place.port),
        "DATABASE_URL": place.database_url,
        "DATABASE_POOL_SIZE": str(place.connections),
        "DATABASE_MAX_OVERFLOW": "0",
        "ENVIRONMENT": "production",
        "SECRET_KEY": _SECRET,
        "LOG_LEVEL": "warning",
    }


@lru_cache(maxsize=1)
def _authorization() -> Mapping[str, str]:
    tokens = Tokens(_SECRET.encode())
    token = tokens.issue(UUID(VIEWER_UUID), Role.ADMIN, ttl_seconds=_TOKEN_SECONDS)
    return {"Authorization": f"Bearer {token}"}


def _ask(path: Callable[[Operation], str]) -> Callable[[Operation, int], Request]:
    """Asks in the schema of Appointment360; all get the same bytes but for the path."""

    def ask(operation: Operation, contact: int) -> Request:
        contact_id = encode_node_id(NodeKind.CONTACT, contact)
        return graphql_request(
            path(operation), operation, contact_id=contact_id, headers=_authorization()
        )

    return ask


def _module(name: str) -> Callable[[Place], list[str]]:
    return lambda _place: [sys.executable, "-m", name]


_ALL: Final = (
    Server(
        name="floor",
        command=_module("benchmarks.servers.floor"),
        environment=_environment,
        ask=_ask(lambda operation: f"/{operation.name}"),
        reads_rows=False,
    ),
    Server(
        name=LIMIT,
        command=_module("benchmarks.servers.limit_a"),
        environment=_environment,
        ask=_ask(lambda operation: f"/{operation.name}"),
    ),
    Server(
        name="appointment360",
        command=lambda _place: [sys.executable, "-c", "from app.cli import main; main()", "serve"],
        environment=_settings,
        ask=_ask(lambda _operation: "/graphql"),
    ),
)
SERVERS: Final[Mapping[str, Server]] = {server.name: server for server in _ALL}
