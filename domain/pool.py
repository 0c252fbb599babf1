"""How a pool of connections does, and what that means for who runs the server."""

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from typing import Final

from domain.enums import DescribedEnum

_DEGRADED_FROM: Final = 0.80
_CRITICAL_ABOVE: Final = 0.95
_DEGRADED_WAIT_SECONDS: Final = 0.1
_SLOW_SECONDS: Final = 1.0


class PoolStatus(DescribedEnum):
    """What is to be thought of a pool."""

    HEALTHY = "healthy", "There are connections for everybody at once."
    DEGRADED = "degraded", "Requests are answered; there is little room for more."
    CRITICAL = "critical", "Requests wait for connections, or are turned away."


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolSnapshot:
    """A pool at one moment.

    Attributes:
        size: How many connections it keeps.
        max_overflow: How many more it opens for a while.
        checked_out: How many are in use, or are being opened for somebody.
        idle: How many lie in it.
        overflow: How many are open beyond its size.
        waiting: How many wait for one now.
        checkouts: How many were taken since the process began.
        checkins: How many were given back.
        timeouts: How often somebody got none because all were in use.
        invalidated: How many were thrown away because they were broken, or might have been.
        leaked: How many were not given back by who had them, but found lost.
        waits: How often somebody waited in the last minute, for one to come back or to be opened.
        wait_average_seconds: How long they waited; 0 without any.
        wait_max_seconds: How long the last of them did.
        returned: How many were given back in the last minute.
        held_average_seconds: How long those were in use; 0 without any.
        longest_held_seconds: How long the oldest of those in use has been; 0 without any.
        overdue: How many have been in use for more than a minute, by what should be shorter.
        wanted: How many were in use or waited for at once, at most, in the last minute.
    """

    size: int
    max_overflow: int
    checked_out: int = 0
    idle: int = 0
    overflow: int = 0
    waiting: int = 0
    checkouts: int = 0
    checkins: int = 0
    timeouts: int = 0
    invalidated: int = 0
    leaked: int = 0
    waits: int = 0
    wait_average_seconds: float = 0.0
    wait_max_seconds: float = 0.0
    returned: int = 0
    held_average_seconds: float = 0.0
    longest_held_seconds: float = 0.0
    overdue: int = 0
    wanted: int = 0

    @property
    def most(self) -> int:
        """How many connections there can be."""
        return self.size + self.max_overflow

    @property
    def utilization(self) -> float:
        """Which part of these is in use, from 0 to 1."""
        return self.checked_out / self.most


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolAdvice:
    """What could be done about a pool.

    Attributes:
        size: How many connections what was measured asks for; None when nothing was.
        words: For who runs the server.
    """

    size: int | None
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolHealth:
    """A pool, and what is to be thought of it."""

    status: PoolStatus
    pool: PoolSnapshot
    advice: PoolAdvice


def assess(snapshot: PoolSnapshot, *, critical_wait_seconds: float) -> PoolHealth:
    """What is to be thought of a pool, and done about it."""
    status = judge(snapshot, critical_wait_seconds=critical_wait_seconds)
    return PoolHealth(status=status, pool=snapshot, advice=_advise(snapshot, status))


def worst(statuses: Iterable[PoolStatus]) -> PoolStatus:
    """That of the pool that does worst."""
    return max(statuses, key=list(PoolStatus).index)


def judge(snapshot: PoolSnapshot, *, critical_wait_seconds: float) -> PoolStatus:
    """What is to be thought of a pool, by how full it is and how long it lets wait."""
    used, wait = snapshot.utilization, snapshot.wait_average_seconds
    if used > _CRITICAL_ABOVE or wait > critical_wait_seconds:
        return PoolStatus.CRITICAL
    if used >= _DEGRADED_FROM or snapshot.overflow or wait >= _DEGRADED_WAIT_SECONDS:
        return PoolStatus.DEGRADED
    return PoolStatus.HEALTHY


def is_crowded(snapshot: PoolSnapshot) -> bool:
    """Whether more than 80 of 100 connections are in use."""
    return snapshot.utilization > _DEGRADED_FROM


def advised_size(users: int, average_seconds: float, target_seconds: float) -> int:
    """How many connections so many users need who ask at once.

    Args:
        average_seconds: How long each of them uses a connection.
        target_seconds: Until when the last of them is to have it done.
    """
    # Exactly: a hundred times 0.1 by 0.5 is 20, not a little more.
    exact = users * Fraction(str(average_seconds)) / Fraction(str(target_seconds))
    return max(1, ceil(exact))


def _advise(snapshot: PoolSnapshot, status: PoolStatus) -> PoolAdvice:
    if not snapshot.returned:
        return PoolAdvice(size=None, words="In the last minute no connection was given back.")
    held = snapshot.held_average_seconds
    size = advised_size(snapshot.wanted, held, held + _DEGRADED_WAIT_SECONDS)
    words = (
        f"In the last minute at most {snapshot.wanted} wanted a connection at once, and each had it"
        f" for {held * 1000:.3g} ms. With {size} nobody waits longer than"
        f" {_DEGRADED_WAIT_SECONDS * 1000:g} ms. {_conclude(snapshot, status, size)}"
    )
    return PoolAdvice(size=size, words=words)


def _conclude(snapshot: PoolSnapshot, status: PoolStatus, size: int) -> str:
    if snapshot.held_average_seconds > _SLOW_SECONDS:
        return (
            "Connections are in use for long: look for slow statements, or for what keeps"
            " PostgreSQL from answering, before you raise DATABASE_POOL_SIZE."
        )
    if size > snapshot.size:
        return (
            f"Raise DATABASE_POOL_SIZE from {snapshot.size} to {size}, as far as PostgreSQL's"
            " max_connections has room for all processes."
        )
    if status is not PoolStatus.HEALTHY:
        return "The pool has that many: look for what was slow just now, or came all at once."
    return "The pool is large enough."
