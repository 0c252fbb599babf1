"""What is known of a replica errs on the safe side."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from db.following import BEHIND, MAX_LAG_SECONDS, NOT_KNOWN, Following
from db.standing import Standing

STARTED = datetime(2026, 11, 22, tzinfo=UTC)


def primary(position: int, **facts: Any) -> Standing:
    """A primary that has acknowledged everything up to a position."""
    return replica(position, in_recovery=False, **facts)


def replica(position: int, **facts: Any) -> Standing:
    """A standby that has repeated everything up to a position."""
    known = {"in_recovery": True, "started_at": STARTED, "cluster": 7, "timeline": 1}
    return Standing(position=position, **{**known, **facts})


def following(position: int = 100, *, seconds_ago: float = 0.0) -> Following:
    """The primary was seen at the position."""
    seen = Following()
    seen.see_primary(primary(position), asked_at=time.monotonic() - seconds_ago)
    return seen


def test_replica_that_has_everything_is_read() -> None:
    """Its lag is at most the time since the primary was asked."""
    seen = following(100, seconds_ago=3)
    assert seen.see_replica(replica(100)) is None
    assert 3 <= seen.lag_seconds() < MAX_LAG_SECONDS
    assert seen.position == 100


def test_replica_whose_lag_is_not_known_is_not_read_yet() -> None:
    """The primary has been seen, but the replica has not had yet what the primary had then."""
    seen = following(100)
    assert seen.see_replica(replica(99)) == NOT_KNOWN
    assert seen.see_replica(replica(100)) is None


def test_replica_that_is_late_is_read_as_long_as_it_is_near() -> None:
    """The lag counts from the last moment at which the primary had no more than the replica."""
    seen = following(100, seconds_ago=MAX_LAG_SECONDS - 1)
    assert seen.see_replica(replica(100)) is None
    seen.see_primary(primary(200), asked_at=time.monotonic())
    assert seen.see_replica(replica(150)) is None
    assert MAX_LAG_SECONDS - 1 <= seen.lag_seconds() < MAX_LAG_SECONDS
    assert seen.see_replica(replica(200)) is None
    assert seen.lag_seconds() < 1


@pytest.mark.parametrize("position", [99, 150])
def test_replica_that_is_far_behind_is_not_read(position: int) -> None:
    """Whether it has stood still or has never had enough; once it has, it is read again."""
    seen = following(100, seconds_ago=MAX_LAG_SECONDS + 1)
    seen.see_replica(replica(position))
    seen.see_primary(primary(200), asked_at=time.monotonic())
    assert seen.see_replica(replica(position)) == BEHIND
    assert seen.see_replica(replica(200)) is None


def test_replica_is_not_read_before_the_primary_was_seen() -> None:
    """It may be a copy of anything."""
    problem = Following().see_replica(replica(100))
    assert problem == "The primary does not tell how far it has come."


def test_silence_of_the_primary_makes_the_replica_old() -> None:
    """Nobody knows what it would have to have by now."""
    seen = following(100, seconds_ago=MAX_LAG_SECONDS + 1)
    assert seen.see_replica(replica(100)) == BEHIND


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"in_recovery": False}, "not in recovery"),
        ({"cluster": 8}, "another primary"),
        ({"timeline": 2}, "another timeline"),
    ],
)
def test_other_servers_are_not_read(facts: dict[str, Any], words: str) -> None:
    """A server that does not repeat this primary is left out, however far it has come."""
    seen = following(100)
    problem = seen.see_replica(replica(1000, **facts))
    assert problem is not None
    assert words in problem
    assert seen.position == 0


def test_replica_is_not_read_before_what_it_has_shown() -> None:
    """After a crash it may stand further back; it waits until it is where it was."""
    seen = following(100)
    assert seen.see_replica(replica(150)) is None
    problem = seen.see_replica(replica(149))
    assert problem is not None
    assert "has shown before" in problem
    assert seen.see_replica(replica(150)) is None


def test_connection_is_taken_only_to_the_server_that_was_looked_at() -> None:
    """Not to one that was started anew, was promoted, or has less than the looks have seen."""
    seen = following(100)
    assert not seen.admits(replica(100))
    seen.see_replica(replica(100))
    assert seen.admits(replica(100))
    assert not seen.admits(replica(99))
    assert not seen.admits(replica(100, in_recovery=False))
    assert not seen.admits(replica(100, started_at=STARTED + timedelta(microseconds=1)))
