"""What the runner has to know of a server, whoever wrote it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.operations import Operation, Request, graphql_request


@dataclass(frozen=True, kw_only=True)
class Place:
    """What a server is started with.

    Attributes:
        connections: How many connections to PostgreSQL it opens, neither more nor fewer.
        npm_folder: Where the servers under Node are installed.
    """

    port: int
    database_url: str
    connections: int
    npm_folder: Path


@dataclass(frozen=True, kw_only=True)
class Server:
    """One entry.

    Attributes:
        command: What is run; the process that this starts is measured with its descendants.
        environment: Variables beyond those of the runner.
        ask: The request for an operation; the number is the row of the contact that it may want.
        ready_path: Answers a GET with 200 when requests can be sent.
        reads_rows: Its answers are compared with those of the others; the floor has nothing to say.
        packages: From Python's index, to be named with their versions.
        npm: The same for npm; a server that has any runs under Node.
    """

    name: str
    command: Callable[[Place], list[str]]
    environment: Callable[[Place], Mapping[str, str]]
    ask: Callable[[Operation, int], Request]
    ready_path: str = "/health"
    reads_rows: bool = True
    packages: tuple[str, ...] = ()
    npm: tuple[str, ...] = ()


def plain_environment(place: Place) -> Mapping[str, str]:
    """What the hand-written servers read."""
    return {
        "PORT": str(place.port),
        "DATABASE_URL": place.database_url,
        "CONNECTIONS": str(place.connections),
    }


def ask_by_row_id(path: Callable[[Operation], str]) -> Callable[[Operation, int], Request]:
    """Asks for the contact by the number of its row."""

    def ask(operation: Operation, contact: int) -> Request:
        return graphql_request(path(operation), operation, contact_id=str(contact), headers={})

    return ask
