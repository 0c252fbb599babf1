"""The chart shows what the table says."""

import re
from xml.parsers import expat

from benchmarks.chart import render_chart
from tests.benchmarks.measurements import measured


def _widths(chart: str) -> list[float]:
    return [float(width) for width in re.findall(r'<rect [^>]*width="([\d.]+)"', chart)]


def test_bars_are_as_long_as_the_times_are_within_an_operation() -> None:
    """Each operation has a scale of its own, from zero."""
    rows = [
        measured("limit_a", 1.0),
        measured("ours", 4.0),
        measured("limit_a", 0.5, operation="q2"),
        measured("ours", 0.25, operation="q2"),
    ]
    first, second, third, fourth = _widths(render_chart(rows))
    assert second == 4 * first
    assert third == 2 * fourth
    assert second == third


def test_every_server_is_named_with_its_time() -> None:
    """The figures can be read without measuring bars."""
    chart = render_chart([measured("limit_a", 1.0), measured("apollo", 12.345)])
    assert re.findall(r">([^<>]+)</text>", chart)[-4:] == ["limit_a", "1.00", "apollo", "12.35"]


def test_a_time_that_is_not_known_has_no_bar() -> None:
    """Elsewhere than on Linux there is nothing to draw, and nothing breaks."""
    chart = render_chart([measured("limit_a", None)])
    assert "limit_a" in chart
    assert _widths(chart) == []


def test_chart_is_well_formed_and_brings_nothing_along() -> None:
    """It is shown by pages that run no scripts and load nothing else."""
    chart = render_chart([measured("a<b>&", 1.0)])
    isfinal = True
    expat.ParserCreate().Parse(chart, isfinal)
    assert "a&lt;b&gt;&amp;" in chart
    assert not re.search(r"<script|href|url\(|@import|@font-face", chart)
    assert "prefers-color-scheme: dark" in chart
