"""Who has to wait for the replica, and until when."""

from uuid import UUID, uuid4

from db.pins import Pins

ADA, BOB = uuid4(), uuid4()


def pinned(*users: UUID, limit: int = 10) -> Pins:
    """The users, the first pinned at 10, the second at 20 and so on."""
    pins = Pins(limit=limit)
    for number, user in enumerate(users, start=1):
        pins.pin(user, number * 10, held_at=0)
    return pins


def test_user_who_wrote_waits_until_the_replica_has_it() -> None:
    """The position itself is enough, and others do not wait."""
    pins = pinned(ADA)
    assert [pins.allow(ADA, position) for position in (9, 10, 11)] == [False, True, True]
    assert pins.allow(BOB, 0)
    assert pins.allow(None, 0)


def test_later_position_of_a_user_counts() -> None:
    """Two changes of one user end in either order; the later place in the log is waited for."""
    for positions in ((10, 20), (20, 10)):
        pins = Pins()
        for position in positions:
            pins.pin(ADA, position, held_at=0)
        assert [pins.allow(ADA, position) for position in (10, 19, 20)] == [False, False, True]
        assert len(pins) == 1


def test_pins_are_forgotten_only_when_they_are_passed() -> None:
    """What the replica has is let go, what it has not stays."""
    pins = pinned(ADA, BOB)
    pins.forget(10)
    assert len(pins) == 1
    assert pins.allow(ADA, 0)
    assert not pins.allow(BOB, 19)


def test_user_whose_position_is_not_known_waits_for_the_primary_to_tell_it() -> None:
    """Only a position that was asked for after the change can have it."""
    pins = Pins()
    pins.hold(ADA, at=5.0)
    pins.settle(100, asked_at=4.9)
    assert not pins.allow(ADA, 1000)
    pins.settle(200, asked_at=5.1)
    assert [pins.allow(ADA, position) for position in (199, 200)] == [False, True]


def test_position_of_an_earlier_change_does_not_end_the_wait_of_a_later_one() -> None:
    """Two changes at once: while one of them may be anywhere, the user waits."""
    pins = Pins()
    pins.hold(ADA, at=1.0)
    pins.hold(ADA, at=2.0)
    pins.pin(ADA, 10, held_at=1.0)
    assert not pins.allow(ADA, 1000)
    pins.pin(ADA, 20, held_at=2.0)
    assert [pins.allow(ADA, position) for position in (19, 20)] == [False, True]


def test_more_users_than_fit_make_everybody_wait_rather_than_one_read_too_early() -> None:
    """The one who waited longest is forgotten by name, and the position holds for all."""
    pins = pinned(ADA, BOB, uuid4(), limit=2)
    assert len(pins) == 2
    assert [pins.allow(None, position) for position in (9, 10)] == [False, True]
    assert [pins.allow(ADA, position) for position in (9, 10)] == [False, True]
    assert [pins.allow(BOB, position) for position in (19, 20)] == [False, True]
