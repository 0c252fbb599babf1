"""Promises of `streaming.weights`."""

import pytest

from streaming.weights import weighed


@pytest.mark.parametrize(
    ("part", "name", "weight"),
    [
        ("gzip", "gzip", 1.0),
        (" Text/CSV; Q=0.5 ", "text/csv", 0.5),
        ("text/csv;charset=utf-8;q=0.25", "text/csv", 0.25),
        ("*;q = 0.75", "*", 0.75),
        ("gzip;q=0", "gzip", 0.0),
        ("", "", 1.0),
    ],
)
def test_weight_is_read(part: str, name: str, weight: float) -> None:
    """However it is spaced, and whatever stands beside it."""
    assert weighed(part) == (name, weight)


@pytest.mark.parametrize(
    "weight", ["", "much", "2", "-0.5", "nan", "inf", "0.5 0.5", ".5", "0.5555", "0_1"]
)
def test_what_is_no_weight_counts_as_none(weight: str) -> None:
    """Nobody wins by asking for more than all."""
    assert weighed(f"gzip;q={weight}") == ("gzip", 0.0)
