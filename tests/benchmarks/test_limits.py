"""The run asks a real server what would hurt it, and times who asks for little meanwhile."""

import sys

import pytest

from benchmarks.limits import Rounds, main, table
from benchmarks.watching import Latencies


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_run_tells_the_slowest_documents_and_the_light_queries(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """One round is enough for a line of each."""
    main(["--rounds", "1"])
    said = capsys.readouterr().out.splitlines()
    assert said[0].split() == ["document", "median", "ms", "most", "ms"]
    assert said[11].startswith("all ")
    assert said[14].startswith("beside them")
    assert said[15].startswith("alone")
    assert said[16].startswith("memory of the server: ")


def test_table_has_medians_over_the_rounds_and_the_slowest_first() -> None:
    """One odd round does not decide, but is told."""
    seconds = {"quick": [0.001, 0.9, 0.001], "slow": [0.2, 0.1, 0.3]}
    quiet, busy = Latencies(10, 1.0, 2.0, 3.0), Latencies(20, 4.0, 5.0, 6.0)
    told = table(Rounds(seconds, [quiet, quiet], [busy, busy])).splitlines()
    assert [line.split() for line in told[1:3]] == [
        ["slow", "200.0", "300.0"],
        ["quick", "1.0", "900.0"],
    ]
    assert told[-2].split() == ["beside", "them", "40", "4.0", "5.0", "6.0"]
    assert told[-1].split() == ["alone", "20", "1.0", "2.0", "3.0"]
