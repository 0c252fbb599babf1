"""What is to be thought of a pool: the table of thresholds, and the formula of its size."""

from typing import Any

import pytest

from domain.pool import PoolSnapshot, PoolStatus, advised_size, assess, is_crowded, judge, worst

HEALTHY, DEGRADED, CRITICAL = PoolStatus


def pool(**numbers: Any) -> PoolSnapshot:
    """A pool of 25 + 50, about which this is known."""
    return PoolSnapshot(**{"size": 25, "max_overflow": 50, **numbers})


def hundred(used: int, **numbers: Any) -> PoolSnapshot:
    """A pool of 100 with this many in use, none of them beyond its size."""
    return pool(size=100, max_overflow=0, checked_out=used, **numbers)


@pytest.mark.parametrize(
    ("snapshot", "status"),
    [
        (hundred(0), HEALTHY),
        (hundred(79), HEALTHY),
        (hundred(80), DEGRADED),
        (hundred(95), DEGRADED),
        (hundred(96), CRITICAL),
        (hundred(100), CRITICAL),
        (pool(checked_out=25), HEALTHY),
        (pool(checked_out=26, overflow=1), DEGRADED),
        (pool(checked_out=60, overflow=35), DEGRADED),
        (pool(checked_out=71, overflow=46), DEGRADED),
        (pool(checked_out=72, overflow=47), CRITICAL),
        (hundred(0, wait_average_seconds=0.099), HEALTHY),
        (hundred(0, wait_average_seconds=0.101), DEGRADED),
        (hundred(0, wait_average_seconds=1.0), DEGRADED),
        (hundred(0, wait_average_seconds=1.001), CRITICAL),
        (hundred(96, wait_average_seconds=0.0), CRITICAL),
        (hundred(0, wait_max_seconds=3.0, waits=100), HEALTHY),
    ],
)
def test_pool_is_judged_by_the_table(snapshot: PoolSnapshot, status: PoolStatus) -> None:
    """By the part in use of all there can be, by what is open beyond its size, and by waits."""
    assert judge(snapshot, critical_wait_seconds=1.0) is status


def test_operators_decide_which_wait_is_critical() -> None:
    """The same average is critical for some and not for others."""
    waiting = hundred(0, wait_average_seconds=0.5)
    assert judge(waiting, critical_wait_seconds=0.2) is CRITICAL
    assert judge(waiting, critical_wait_seconds=2.0) is DEGRADED


@pytest.mark.parametrize(
    ("size", "overflow", "used", "is_it"),
    [(25, 0, 20, False), (25, 0, 21, True), (25, 50, 60, False), (25, 50, 61, True)],
)
def test_pool_is_crowded_above_eighty_of_a_hundred(
    size: int, overflow: int, used: int, *, is_it: bool
) -> None:
    """At 21 of 25, and at 61 of 25 + 50."""
    assert is_crowded(pool(size=size, max_overflow=overflow, checked_out=used)) is is_it


def test_worst_pool_decides() -> None:
    """One process that lets wait is what its share of the users sees."""
    assert worst([HEALTHY]) is HEALTHY
    assert worst([DEGRADED, HEALTHY, DEGRADED]) is DEGRADED
    assert worst([HEALTHY, CRITICAL, DEGRADED]) is CRITICAL


def test_size_is_that_of_the_formula() -> None:
    """Users by the time each has a connection by the time in which all are to be done."""
    assert advised_size(100, 0.1, 0.5) == 20
    assert advised_size(100, 0.1, 0.49) == 21
    assert advised_size(0, 0.1, 0.5) == 1


def test_advice_is_of_what_was_measured() -> None:
    """Nothing, enough, too few, and a pool that is not what is slow."""

    def advice(**numbers: Any) -> tuple[int | None, str]:
        told = assess(pool(**numbers), critical_wait_seconds=1.0).advice
        return told.size, told.words

    assert advice() == (None, "In the last minute no connection was given back.")
    size, words = advice(returned=900, held_average_seconds=0.005, wanted=20)
    assert (size, words.rpartition(". ")[2]) == (1, "The pool is large enough.")
    assert "at most 20 wanted a connection at once, and each had it for 5 ms." in words
    size, words = advice(returned=900, held_average_seconds=0.1, wanted=90, checked_out=20)
    assert size == 45
    assert "Raise DATABASE_POOL_SIZE from 25 to 45" in words
    size, words = advice(returned=9, held_average_seconds=4.0, wanted=40)
    assert size == 40
    assert "look for slow statements" in words
    _, words = advice(returned=9, held_average_seconds=0.001, wanted=30, overflow=5)
    assert words.endswith("look for what was slow just now, or came all at once.")
