"""Which servers can be measured.

A further one is one more entry of `SERVERS`: its name, the command of a process that listens at the
port it is given, how it is asked an operation, and the path that answers 200 once it is ready.
Those of others stand in `benchmarks.peers`.
"""

import sys
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Final
from uuid import UUID

from access.tokens import Tokens
from benchmarks.database import VIEWER_UUID
from benchmarks.operations import Operation, Request, graphql_request
from benchmarks.peers.catalogue import PEERS
from benchmarks.servers.entry import Place, Server, ask_by_row_id, plain_environment
from domain.enums import Role
from domain.node_ids import NodeKind, encode_node_id

LIMIT: Final = "limit_a"
"""The server that the ratios are told against."""

_LISTENING: Final = ("uvicorn", "uvloop")
_PRODUCT: Final = ("strawberry-graphql", "graphql-core", *_LISTENING, "asyncpg")

_SECRET: Final = "a secret of the benchmark, known to everybody"  # noqa: S105  # nothing to protect
_TOKEN_SECONDS: Final = 24 * 3600


def _settings(place: Place) -> Mapping[str, str]:
    return {
        "PORT": str(place.port),
        "DATABASE_URL": place.database_url,
        "DATABASE_POOL_SIZE": str(place.connections),
        "DATABASE_MAX_OVERFLOW": "0",
        "ENVIRONMENT": "production",
        "SECRET_KEY": _SECRET,
        "LOG_LEVEL": "warning",
        # Every request executes its operation; what keeping answers spares is `make bench-cache`.
        "ENABLE_QUERY_CACHING": "false",
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
        environment=plain_environment,
        ask=_ask(lambda operation: f"/{operation.name}"),
        reads_rows=False,
        packages=_LISTENING,
    ),
    Server(
        name=LIMIT,
        command=_module("benchmarks.servers.limit_a"),
        environment=plain_environment,
        ask=_ask(lambda operation: f"/{operation.name}"),
        packages=(*_LISTENING, "asyncpg"),
    ),
    Server(
        name="limit_b",
        command=_module("benchmarks.servers.limit_b"),
        environment=plain_environment,
        ask=ask_by_row_id(lambda operation: f"/{operation.name}"),
        packages=(*_LISTENING, "asyncpg"),
    ),
    Server(
        name="appointment360",
        command=lambda _place: [sys.executable, "-c", "from app.cli import main; main()", "serve"],
        environment=_settings,
        ask=_ask(lambda _operation: "/graphql"),
        packages=_PRODUCT,
    ),
    Server(
        name="appointment360-bare",
        command=_module("benchmarks.servers.bare"),
        environment=_settings,
        ask=_ask(lambda _operation: "/graphql"),
        packages=_PRODUCT,
    ),
    *PEERS,
)
SERVERS: Final[Mapping[str, Server]] = {server.name: server for server in _ALL}
