"""`make bench-limits`: hostile documents, each alone, while light queries go on.

A server with an empty database of its own, and the usual limits. Rounds of quiet and of hostile
documents take turns, so that what else the machine does falls on both: a client asks for a page of
contacts every few milliseconds in all of them. The table has the ten documents that took longest,
by the median over the rounds; below it stand the light queries, and the memory of the server.
"""

import argparse
import http.client
import statistics
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from benchmarks.serving import Served, serving
from benchmarks.watching import Latencies, MemoryWatch, Pulse
from tests.graph.hostile import HOSTILE

_LIGHT: Final = b'{"query": "{ contacts(first: 10) { nodes { id fullName company { name } } } }"}'
_SLOWEST: Final = 10


class LightQueries(Pulse):
    """A client that asks for a page again and again, and takes the time."""

    def __init__(self, served: Served) -> None:
        super().__init__(served.port)
        self._headers = headers_of(served)

    def ask(self, connection: http.client.HTTPConnection) -> None:
        """Ask for the page."""
        connection.request("POST", "/graphql", _LIGHT, self._headers)
        connection.getresponse().read()


@dataclass
class Rounds:
    """What was measured.

    Attributes:
        seconds: What each document took, a number a round.
        quiet: Light queries while nothing else was asked, a round each.
        busy: Light queries beside hostile documents, likewise.
    """

    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    quiet: list[Latencies] = field(default_factory=list)
    busy: list[Latencies] = field(default_factory=list)


def main(arguments: Sequence[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.limits", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="how many (%(default)s)")
    wanted = parser.parse_args(arguments)
    rounds = Rounds()
    with TemporaryDirectory(prefix="a360-limits-") as folder:
        # PostgreSQL runs as another user where this one is root.
        Path(folder).chmod(0o755)
        with serving(DATA_DIR=f"{folder}/data") as served:
            _ask_all(served)
            with MemoryWatch(served.process.pid) as memory:
                for _ in range(wanted.rounds):
                    _measure(served, rounds)
    print(table(rounds))
    print(f"memory of the server: {memory.growth_mib:+.1f} MiB at most")


def headers_of(served: Served) -> dict[str, str]:
    """What every request has."""
    return {"Authorization": f"Bearer {served.token}", "Content-Type": "application/json"}


def _measure(served: Served, rounds: Rounds) -> None:
    """A round of each."""
    with LightQueries(served) as light:
        began = time.perf_counter()
        seconds = _ask_all(served)
        lasted = time.perf_counter() - began
    rounds.busy.append(light.latencies())
    for name, each in seconds.items():
        rounds.seconds[name].append(each)
    with LightQueries(served) as light:
        time.sleep(lasted)
    rounds.quiet.append(light.latencies())


def _ask_all(served: Served) -> dict[str, float]:
    """What each document took, from its first byte to the last of its answer."""
    headers, connection, seconds = headers_of(served), served.connect(), {}
    for name, hostile in HOSTILE.items():
        body = hostile.body
        began = time.perf_counter()
        connection.request("POST", "/graphql", body, headers)
        connection.getresponse().read()
        seconds[name] = time.perf_counter() - began
    connection.close()
    return seconds


def table(rounds: Rounds) -> str:
    """The table that a person reads."""
    medians = {name: statistics.median(each) for name, each in rounds.seconds.items()}
    slowest = sorted(medians, key=lambda name: -medians[name])[:_SLOWEST]
    lines = [f"{'document':<44}{'median ms':>10}{'most ms':>10}"]
    for name in slowest:
        most = max(rounds.seconds[name])
        lines.append(f"{name:<44}{1000 * medians[name]:>10.1f}{1000 * most:>10.1f}")
    all_ms = [1000 * each for every in rounds.seconds.values() for each in every]
    lines.append(
        f"{f'all {len(medians)}':<44}{statistics.median(all_ms):>10.1f}{max(all_ms):>10.1f}"
    )
    lines.append(f"\n{'light queries':<22}{'asked':>8}{'p50 ms':>10}{'p99 ms':>10}{'most ms':>10}")
    lines += [_latencies("beside them", rounds.busy), _latencies("alone", rounds.quiet)]
    return "\n".join(lines)


def _latencies(name: str, rounds: Sequence[Latencies]) -> str:
    p50 = statistics.median(each.p50_ms for each in rounds)
    p99 = statistics.median(each.p99_ms for each in rounds)
    most = max(each.most_ms for each in rounds)
    return f"{name:<22}{sum(e.requests for e in rounds):>8}{p50:>10.1f}{p99:>10.1f}{most:>10.1f}"


if __name__ == "__main__":
    main()
