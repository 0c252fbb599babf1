"""`make bench`: what a request costs, of our server and of those it is compared with.

All servers run at once and are loaded in turn, round after round, so that whatever else the machine
does falls on all of them. Progress goes to stderr, the table to stdout.
"""

import argparse
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from app.embedded.binaries import EmbeddedServerError
from benchmarks.chart import render_chart
from benchmarks.database import Scale, SeededDatabase, default_folder, open_database
from benchmarks.equality import check_servers
from benchmarks.measure import Measurement, open_load_generator
from benchmarks.operations import Operation, load_operation, operation_names
from benchmarks.peers.npm import CannotInstall, install
from benchmarks.progress import say
from benchmarks.report import render_header, render_table, summarize, write_rows
from benchmarks.servers.catalogue import SERVERS
from benchmarks.servers.entry import Server
from benchmarks.servers.process import RunningServer, ServerFailed, running
from benchmarks.versions import versions_of


def main(arguments: Sequence[str] | None = None) -> None:
    """The command."""
    wanted = _parser().parse_args(arguments)
    try:
        rounds = _run(wanted)
    except (EmbeddedServerError, ServerFailed) as error:
        raise SystemExit(str(error)) from None
    print(render_table(rounds))
    if wanted.out is not None:
        write_rows(rounds, wanted.out)
    if wanted.chart is not None:
        wanted.chart.write_text(render_chart(summarize(rounds)))


def _run(wanted: argparse.Namespace) -> list[list[Measurement]]:
    scale = Scale(contacts=wanted.contacts, companies=wanted.companies)
    npm_folder = wanted.data / "peers"
    servers = _startable([SERVERS[name] for name in wanted.servers], npm_folder)
    operations = [load_operation(name) for name in wanted.operations]
    with open_database(wanted.data, scale, progress=say) as database:
        header = render_header(
            scale,
            postgresql=database.version,
            connections=wanted.connections,
            versions=versions_of(servers, npm_folder),
        )
        print(header, flush=True)
        with running(
            servers,
            database_url=database.url,
            connections=wanted.connections,
            npm_folder=npm_folder,
        ) as started:
            check_servers(started, operations, database.contact_ids)
            return _measure(wanted, database, started, operations)


def _startable(servers: list[Server], npm_folder: Path) -> list[Server]:
    """The servers without those under Node where Node's packages cannot be had.

    Raises:
        ServerFailed: None is left.
    """
    under_node = [server.name for server in servers if server.npm]
    if not under_node:
        return servers
    try:
        install(npm_folder, progress=say)
    except CannotInstall as error:
        say(f"Without {', '.join(under_node)}: {error}")
        servers = [server for server in servers if not server.npm]
    if not servers:
        raise ServerFailed("No server is left to be measured.")
    return servers


def _measure(
    wanted: argparse.Namespace,
    database: SeededDatabase,
    servers: list[RunningServer],
    operations: list[Operation],
) -> list[list[Measurement]]:
    """The rounds; one before them is not counted, as V8 compiles what has run for a while."""
    rounds: list[list[Measurement]] = []
    with open_load_generator() as load:
        for number in range(wanted.rounds + 1):
            rounds.append([])
            for operation in operations:
                for server in servers:
                    say(f"Round {number} of {wanted.rounds}: {operation.name} {server.name}")
                    rounds[-1].append(
                        load.measure(
                            server,
                            operation,
                            database,
                            seconds=wanted.seconds,
                            connections=wanted.connections,
                        )
                    )
    return rounds[1:]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run", description=__doc__)
    add = parser.add_argument
    add("--rounds", type=_positive(int), default=5, help="how often each is measured (%(default)s)")
    add("--seconds", type=_positive(float), default=4.0, help="for how long (%(default)s)")
    add("--connections", type=_positive(int), default=16, help="in use at once (%(default)s)")
    add("--servers", type=_some_of(SERVERS), default=list(SERVERS), help=", ".join(SERVERS))
    names = operation_names()
    add("--operations", type=_some_of(names), default=names, help=", ".join(names))
    add("--out", type=Path, help="also write the medians to this file, as JSON")
    add("--chart", type=Path, help="also draw the medians into this file, as SVG")
    add(
        "--data",
        type=Path,
        default=default_folder(),
        help="keeps what is installed and filled (%(default)s)",
    )
    scale = Scale()
    add("--contacts", type=_positive(int), default=scale.contacts, help="rows (%(default)s)")
    add("--companies", type=_positive(int), default=scale.companies, help="rows (%(default)s)")
    return parser


def _positive(kind: type[int] | type[float]) -> Callable[[str], float]:
    def parse(text: str) -> float:
        value = kind(text)
        if value <= 0:
            raise argparse.ArgumentTypeError(f"{text} is not above 0")
        return value

    return parse


def _some_of(known: Collection[str]) -> Callable[[str], list[str]]:
    def parse(text: str) -> list[str]:
        names = text.split(",")
        if unknown := [name for name in names if name not in known]:
            raise argparse.ArgumentTypeError(
                f"there is no {', '.join(unknown)}; choose from {', '.join(known)}"
            )
        return names

    return parse


if __name__ == "__main__":
    main()
