"""`make bench-cache`: what an answer from the cache costs, and what a miss costs more than none.

Servers are loaded in turn, round after round, and told against one of them within each round: hits
against the floor, misses against a server without a cache. A database takes one server with a
memory of its own at a time, so they run in parts; Redis is a Valkey that ends with this process.
"""

import argparse
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Final

from app.embedded.binaries import EmbeddedServerError
from benchmarks.database import Scale, SeededDatabase, open_database
from benchmarks.measure import Measurement, cost_of, open_load_generator
from benchmarks.operations import CONTACT, Operation, Request, graphql_request, load_operation
from benchmarks.options import add_load_options
from benchmarks.progress import say
from benchmarks.servers.catalogue import SERVERS
from benchmarks.servers.entry import Place, Server
from benchmarks.servers.process import ServerFailed, running
from tests.valkey import valkey_server

_PLAIN: Final = SERVERS["appointment360"]
_FLOOR: Final = SERVERS["floor"]
_SMALLEST_PAGE, _PAGES = 81, 39
# Answers are out of date long before their turn comes again.
_TTL_OF_MISSES: Final = "0.01"


@dataclass(frozen=True)
class Part:
    """Servers that run at the same time, and what they are told against.

    Attributes:
        cached: Those with a cache.
    """

    title: str
    against: Server
    cached: Sequence[Server]
    operations: Sequence[Operation]

    @property
    def servers(self) -> list[Server]:
        """All of them."""
        return [self.against, *self.cached]


def main(arguments: Sequence[str] | None = None) -> None:
    """The command."""
    wanted = _parser().parse_args(arguments)
    scale = Scale(contacts=wanted.contacts, companies=wanted.companies)
    try:
        with (
            valkey_server() as valkey,
            open_database(wanted.data, scale, progress=say) as database,
        ):
            for part in _parts(valkey.url):
                print(f"\n{part.title}, times {part.against.name}")
                _tell(part, _measure(wanted, database, part))
    except (EmbeddedServerError, ServerFailed) as error:
        raise SystemExit(str(error)) from None


def _parts(redis_url: str) -> list[Part]:
    hits = [load_operation(name) for name in ("q1", "q2", "q3")]
    misses = [_of_many_sizes(load_operation("q1")), load_operation("q2")]
    redis = {"ENABLE_REDIS_CACHE": "true", "REDIS_URL": redis_url}
    late = {"QUERY_CACHE_TTL": _TTL_OF_MISSES}
    return [
        Part("Hits in memory", _FLOOR, [_cached("memory")], hits),
        Part("Hits in Redis", _FLOOR, [_cached("redis", **redis)], hits),
        Part("Misses in memory", _PLAIN, [_cached("memory", **late)], misses),
        Part("Misses in Redis", _PLAIN, [_cached("redis", **redis, **late)], misses),
    ]


def _cached(name: str, **settings: str) -> Server:
    def environment(place: Place) -> Mapping[str, str]:
        return {**_PLAIN.environment(place), "ENABLE_QUERY_CACHING": "true", **settings}

    return replace(_PLAIN, name=f"appointment360-{name}", environment=environment)


def _of_many_sizes(operation: Operation) -> Operation:
    """The operation with another number of rows in each request, a hundred on average."""
    return replace(operation, variables={"first": CONTACT})


def _measure(
    wanted: argparse.Namespace, database: SeededDatabase, part: Part
) -> list[list[Measurement]]:
    """The rounds; one before them is not counted: it fills the cache."""
    rounds: list[list[Measurement]] = []
    with (
        running(
            [replace(server, ask=_asking(server)) for server in part.servers],
            database_url=database.url,
            connections=wanted.connections,
            npm_folder=wanted.data / "peers",
        ) as started,
        open_load_generator() as load,
    ):
        for number in range(wanted.rounds + 1):
            say(f"{part.title}: round {number} of {wanted.rounds}")
            rounds.append(
                [
                    load.measure(
                        server,
                        operation,
                        database,
                        seconds=wanted.seconds,
                        connections=wanted.connections,
                    )
                    for operation in part.operations
                    for server in started
                ]
            )
    return rounds[1:]


def _asking(server: Server) -> Callable[[Operation, int], Request]:
    """Asks as the server is always asked, but for operations of many sizes.

    Those come one after the other: requests at the same time would else share a read.
    """
    sizes = itertools.cycle(range(_SMALLEST_PAGE, _SMALLEST_PAGE + _PAGES))

    def ask(operation: Operation, contact: int) -> Request:
        if operation.variables.get("first") != CONTACT:
            return server.ask(operation, contact)
        usual = server.ask(operation, contact)
        return graphql_request(usual.path, operation, contact_id=next(sizes), headers=usual.headers)

    return ask


def _tell(part: Part, rounds: Sequence[Sequence[Measurement]]) -> None:
    for operation in part.operations:
        for server in part.servers:
            costs = [cost_of(measured, server.name, operation.name) for measured in rounds]
            others = [cost_of(measured, part.against.name, operation.name) for measured in rounds]
            ratios = [cost / other for cost, other in zip(costs, others, strict=True)]
            print(
                f"{operation.name}  {server.name:24} {median(costs):7.3f} ms CPU"
                f"  x {median(ratios):5.2f}"
            )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cache", description=__doc__)
    add = parser.add_argument
    add("--rounds", type=int, default=5, help="how often each is measured (%(default)s)")
    add("--seconds", type=float, default=3.0, help="for how long (%(default)s)")
    add_load_options(parser)
    return parser


if __name__ == "__main__":
    main()
