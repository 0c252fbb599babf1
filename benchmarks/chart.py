"""The chart of a run: what a request costs each server, as bars in a plain SVG.

It stands in a page by itself: no script, no font of its own, and colours for light and dark. Each
operation has a scale of its own, from zero.
"""

from collections.abc import Iterator, Sequence
from html import escape
from itertools import groupby
from typing import Final

from benchmarks.measure import Measurement

_OURS: Final = "appointment360"
_BOUNDS: Final = frozenset({"floor", "limit_a", "limit_b"})
_TITLES: Final = {
    "q1": "Q1 · the 100 newest contacts, each with its company",
    "q2": "Q2 · one contact with its company",
    "q3": "Q3 · 20 companies, each with 10 contacts",
}
_WIDTH: Final = 760
_NAMES: Final = 150
_BARS: Final = 530
_ROW: Final = 22
_HEAD: Final = 44
_STYLE: Final = """
    text { font: 13px system-ui, sans-serif; fill: #1f2328 }
    .head { font-weight: 600 }
    .note { fill: #59636e }
    .ours { fill: #0969da }
    .peer { fill: #8c959f }
    .bound { fill: #d1d9e0 }
    @media (prefers-color-scheme: dark) {
      text { fill: #e6edf3 }
      .note { fill: #9198a1 }
      .ours { fill: #4493f8 }
      .peer { fill: #656c76 }
      .bound { fill: #3d444d }
    }
"""


def render_chart(rows: Sequence[Measurement]) -> str:
    """The chart of the medians of a run, as `benchmarks.report.summarize` gives them.

    A server whose processor time is not known has a name and no bar.
    """
    parts: list[str] = []
    top = 52
    for operation, found in groupby(rows, lambda row: row.operation):
        measured = list(found)
        parts += _panel(_TITLES.get(operation, operation), measured, top)
        top += _HEAD + _ROW * len(measured)
    drawn = "\n".join(f"  {part}" for part in parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {top}" role="img">\n'
        "  <title>Processor time of a request, by server</title>\n"
        f"  <style>{_STYLE}  </style>\n"
        f"  {_text(0, 18, 'Processor time of the server for a request', 'head')}\n"
        f"  {_text(0, 36, 'Milliseconds, less is better; a scale for each operation', 'note')}\n"
        f"{drawn}\n"
        "</svg>\n"
    )


def _panel(title: str, rows: Sequence[Measurement], top: int) -> Iterator[str]:
    """The heading of an operation and a bar for each server."""
    yield _text(0, top + 26, title, "head")
    longest = max((row.cpu_ms or 0.0 for row in rows), default=0.0) or 1.0
    for at, row in enumerate(rows):
        yield from _bar(row, longest, top + _HEAD - 8 + at * _ROW)


def _bar(row: Measurement, longest: float, top: int) -> Iterator[str]:
    yield _text(0, top + 14, row.server, "name")
    if row.cpu_ms is None:
        return
    width = round(_BARS * row.cpu_ms / longest, 1)
    yield (
        f'<rect class="{_kind(row.server)}" x="{_NAMES}" y="{top + 2}" width="{width}"'
        f' height="{_ROW - 6}" rx="2"/>'
    )
    yield _text(_NAMES + width + 6, top + 14, f"{row.cpu_ms:.2f}", "note")


def _kind(server: str) -> str:
    if server.startswith(_OURS):
        return "ours"
    return "bound" if server in _BOUNDS else "peer"


def _text(x: float, y: int, said: str, kind: str) -> str:
    return f'<text class="{kind}" x="{x:g}" y="{y}">{escape(said)}</text>'
