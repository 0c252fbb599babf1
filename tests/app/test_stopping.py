"""One deadline for all that a process still does once it is to stop."""

from app.stopping import StopClock


def test_process_that_is_not_to_stop_has_the_time_it_wants() -> None:
    """Nothing is cut short before a signal."""
    assert StopClock(28).at_most(30) == 30


def test_what_is_left_is_shared() -> None:
    """Who comes later has what the others left; a second signal gives nothing more."""
    times = [100.0]
    clock = StopClock(28, now=lambda: times[-1])
    clock.begin()
    assert clock.at_most(30) == 28
    times.append(120.0)
    clock.begin()
    assert (clock.at_most(30), clock.at_most(2)) == (8, 2)
    times.append(200.0)
    assert clock.at_most(30) == 0
