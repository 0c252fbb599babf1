"""Ratios and medians are those of rounds, not of sums over a run."""

import pytest

from benchmarks.measure import Measurement
from benchmarks.report import ratio, render_table, summarize


def _measured(server: str, cpu_ms: float | None) -> Measurement:
    return Measurement(
        server=server,
        operation="q1",
        cpu_ms=cpu_ms,
        pg_cpu_ms=cpu_ms,
        rps=100,
        p50_ms=1,
        p99_ms=2,
        bytes=10,
    )


def test_ratio_is_the_median_of_the_ratios_within_rounds() -> None:
    """A round in which the whole machine was slow says as much as any other."""
    rounds = [
        [_measured("limit_a", limit), _measured("ours", ours)]
        for limit, ours in ((1.0, 2.0), (4.0, 12.0), (1.0, 4.0))
    ]
    row = summarize(rounds)[1]
    assert (row.server, row.cpu_ms) == ("ours", 4.0)
    assert ratio(rounds, row, lambda other: other.cpu_ms) == pytest.approx(3.0)


def test_ratio_is_unknown_without_limit_a() -> None:
    """Servers can be measured alone."""
    rounds = [[_measured("ours", 2.0)]]
    assert ratio(rounds, rounds[0][0], lambda other: other.cpu_ms) is None


def test_table_has_a_dash_where_processor_time_is_not_counted() -> None:
    """Elsewhere than on Linux the other figures are still told."""
    rounds = [[_measured("limit_a", None), _measured("ours", None)]]
    line = render_table(rounds).splitlines()[2].split()
    assert line == ["q1", "ours", "–", "–", "–", "–", "–", "100", "1.00", "2.00", "10"]
