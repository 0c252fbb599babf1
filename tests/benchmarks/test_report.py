"""Ratios and medians are those of rounds, not of sums over a run."""

import re

import pytest

from benchmarks.report import ratio, render_table, summarize
from tests.benchmarks.measurements import measured


def test_ratio_is_the_median_of_the_ratios_within_rounds() -> None:
    """A round in which the whole machine was slow says as much as any other."""
    rounds = [
        [measured("limit_a", limit), measured("ours", ours)]
        for limit, ours in ((1.0, 2.0), (4.0, 12.0), (1.0, 4.0))
    ]
    row = summarize(rounds)[1]
    assert (row.server, row.cpu_ms) == ("ours", 4.0)
    assert ratio(rounds, row, lambda other: other.cpu_ms) == pytest.approx(3.0)


def test_ratio_is_unknown_without_limit_a() -> None:
    """Servers can be measured alone."""
    rounds = [[measured("ours", 2.0)]]
    assert ratio(rounds, rounds[0][0], lambda other: other.cpu_ms) is None


def test_table_has_a_dash_where_processor_time_is_not_counted() -> None:
    """Elsewhere than on Linux the other figures are still told."""
    rounds = [[measured("limit_a", None), measured("ours", None)]]
    line = render_table(rounds).splitlines()[2].split()
    assert line == ["q1", "ours", "–", "–", "–", "–", "–", "100", "1.00", "2.00", "10"]


def test_ratio_to_postgraphile_is_told_when_it_ran() -> None:
    """Without it there is no such column."""
    rounds = [[measured("limit_a", 1.0), measured("postgraphile", 4.0), measured("ours", 2.0)]]
    head, *lines = [re.split(" {2,}", line) for line in render_table(rounds).splitlines()[:4]]
    at = head.index("×PostGraphile")
    assert [line[at] for line in lines] == ["0.25", "1.00", "0.50"]
    assert "×PostGraphile" not in render_table([[measured("limit_a", 1.0)]])
