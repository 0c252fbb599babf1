"""`make bench-doors`: what stands between a request and its operation costs.

The server as `serve` runs it, with a limit to what a user may ask for, metrics and a line for each
request, beside the bare one, which lets everybody in, counts nothing and logs nothing. Both run at
once and are loaded in turn; who comes first changes with every round. What is told is their
difference within each round.
"""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import replace
from statistics import median
from typing import Final

from app.embedded.binaries import EmbeddedServerError
from benchmarks.database import Scale, SeededDatabase, open_database
from benchmarks.equality import check_servers
from benchmarks.measure import LoadGenerator, Measurement, cost_of, open_load_generator
from benchmarks.operations import Operation, load_operation
from benchmarks.options import add_load_options
from benchmarks.progress import say
from benchmarks.servers.catalogue import SERVERS
from benchmarks.servers.entry import Place, Server
from benchmarks.servers.process import RunningServer, ServerFailed, running

GOAL_MS: Final = 0.15
"""More than this is too much of a request's processor time."""

_SMALLEST: Final = Operation("smallest", "query Smallest { __typename }", {})
_BARE: Final = SERVERS["appointment360-bare"]
# Counted at every request, and never reached.
_COST_PER_MINUTE: Final = 10**12


def _environment(place: Place) -> Mapping[str, str]:
    limits = {"RATE_LIMIT_COST_PER_MINUTE": str(_COST_PER_MINUTE), "LOG_LEVEL": "info"}
    return {**SERVERS["appointment360"].environment(place), **limits}


_WHOLE: Final = replace(SERVERS["appointment360"], environment=_environment)
_SERVERS: Final[tuple[Server, Server]] = (_BARE, _WHOLE)


def main(arguments: Sequence[str] | None = None) -> None:
    """The command."""
    wanted = _parser().parse_args(arguments)
    scale = Scale(contacts=wanted.contacts, companies=wanted.companies)
    try:
        with open_database(wanted.data, scale, progress=say) as database:
            rounds = _measure(wanted, database)
    except (EmbeddedServerError, ServerFailed) as error:
        raise SystemExit(str(error)) from None
    print(render(rounds))


def _measure(wanted: argparse.Namespace, database: SeededDatabase) -> list[list[Measurement]]:
    """The rounds; one before them is not counted: documents are new to the servers."""
    page = load_operation("q1")
    rounds: list[list[Measurement]] = []
    with (
        running(
            list(_SERVERS),
            database_url=database.url,
            connections=wanted.connections,
            npm_folder=wanted.data / "peers",
        ) as started,
        open_load_generator() as load,
    ):
        check_servers(started, [page], database.contact_ids)
        for number in range(wanted.rounds + 1):
            say(f"Round {number} of {wanted.rounds}")
            rounds.append(
                [
                    measured
                    for operation in (_SMALLEST, page)
                    for measured in _in_turn(
                        wanted, load, database, operation, started[:: -1 if number % 2 else 1]
                    )
                ]
            )
    return rounds[1:]


def _in_turn(
    wanted: argparse.Namespace,
    load: LoadGenerator,
    database: SeededDatabase,
    operation: Operation,
    servers: Sequence[RunningServer],
) -> list[Measurement]:
    return [
        load.measure(
            server,
            operation,
            database,
            seconds=wanted.seconds,
            connections=wanted.connections,
        )
        for server in servers
    ]


def render(rounds: Sequence[Sequence[Measurement]]) -> str:
    """The medians of all rounds, in milliseconds of the server's processor time for a request."""
    names = list(dict.fromkeys(row.operation for row in rounds[0]))
    lines = [f"{'ms CPU a request':18}{'bare':>9}{'whole':>9}{'more':>9}"]
    for name in names:
        bare = [cost_of(measured, _BARE.name, name) for measured in rounds]
        whole = [cost_of(measured, _WHOLE.name, name) for measured in rounds]
        more = median(large - small for small, large in zip(bare, whole, strict=True))
        told = "" if more <= GOAL_MS else f"  more than {GOAL_MS}"
        lines.append(f"{name:18}{median(bare):9.3f}{median(whole):9.3f}{more:9.3f}{told}")
    return "\n".join(lines)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.doors", description=__doc__)
    add = parser.add_argument
    add("--rounds", type=int, default=20, help="how often each is measured (%(default)s)")
    add("--seconds", type=float, default=1.0, help="for how long (%(default)s)")
    add_load_options(parser)
    return parser


if __name__ == "__main__":
    main()
