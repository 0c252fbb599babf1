"""One deadline for all that a process still does once it is to stop."""

from app.stopping import StopClock


def test_process_that_is_not_to_stop_has_the_time_it_wants() -> None:
    """Nothing is cut short before a signal."""
    assert StopClock(28).at_most(30) == 30


def test_requests_that_are_taken_still_cost_time_of_the_end() -> None:
    """The clock runs from the signal on; what requests may take ends at the same moment for all."""
    times, told = [100.0], []
    clock = StopClock(28, now=lambda: times[-1])
    clock.on_begin(lambda: told.append("begun"))
    assert (clock.is_draining, clock.left_of(20)) == (False, 20)
    clock.begin()
    times.append(105.0)
    clock.begin()
    assert (clock.is_draining, clock.left_of(20), clock.at_most(30)) == (True, 15, 23)
    times.append(130.0)
    assert clock.left_of(20) == 0
    assert told == ["begun"]


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
