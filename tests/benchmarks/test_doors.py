"""The benchmark of the doors times two servers that both answer, and tells their difference."""

import sys
from pathlib import Path

import pytest

from benchmarks.doors import main, render
from benchmarks.measure import Measurement
from tests.benchmarks.measurements import measured

BARE, WHOLE = "appointment360-bare", "appointment360"


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="processor time is read from /proc")
def test_run_tells_the_difference_for_each_operation(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Both servers answer under load, with everything on and with nothing."""
    scale = ["--contacts", "200", "--companies", "20", "--connections", "2"]
    main([*scale, "--rounds", "1", "--seconds", "0.3", "--data", str(folder / "data")])
    told = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in told[-2:]] == ["smallest", "q1"]


def told(rounds: list[tuple[float, float]]) -> list[str]:
    """The words of the only operation, by what it cost bare and whole in each round."""
    both: list[list[Measurement]] = [
        [measured(BARE, bare), measured(WHOLE, whole)] for bare, whole in rounds
    ]
    return render(both).splitlines()[1].split()


def test_difference_is_told_within_rounds() -> None:
    """A round in which the machine was slow is slow for both."""
    assert told([(1.0, 1.1), (2.0, 2.1), (1.2, 1.3)]) == ["q1", "1.200", "1.300", "0.100"]


def test_more_than_the_goal_is_said() -> None:
    """Nobody has to know the goal to see that it is missed."""
    assert told([(1.0, 1.2)])[4:] == ["more", "than", "0.15"]
