"""The size of pages: as many rows as were told soon lately, within bounds."""

import pytest

from graph.stream_sizes import PageSize


@pytest.mark.parametrize(
    ("size_bytes", "seconds", "rows"),
    [
        (0, 0.0, 200),
        (250_000, 0.05, 200),
        (500_000, 0.01, 100),
        (100_000, 0.1, 100),
        (1_000_000, 0.2, 50),
        (2_000_000, 0.1, 25),
        (500_000, 0.4, 25),
        (10**9, 0.1, 12),
        (10, 1000.0, 12),
    ],
)
def test_next_page_takes_what_is_wanted(size_bytes: int, seconds: float, rows: int) -> None:
    """What took too much is less then, what took little is more; not many times at once."""
    size = PageSize(1000)
    size.learn(rows=50, size_bytes=size_bytes, seconds=seconds)
    assert size.rows == rows


def test_page_has_a_row_and_no_more_than_are_allowed() -> None:
    """Whatever is learned, and however few are left."""
    size = PageSize(120)
    size.learn(rows=50, size_bytes=1, seconds=0)
    assert size.rows == 120
    size.limit(70)
    assert size.rows == 70
    size.learn(rows=1, size_bytes=10**9, seconds=100)
    assert size.rows == 1
    size.learn(rows=70, size_bytes=1, seconds=0)
    assert size.rows == 70
    assert PageSize(3).rows == 3


def test_half_of_a_row_is_none() -> None:
    """Then it cannot be had at all."""
    size = PageSize(5)
    assert [(size.halve(), size.rows) for _ in range(3)] == [(True, 2), (True, 1), (False, 1)]
