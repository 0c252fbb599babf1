"""The connections of a process to PostgreSQL, and what is to be thought of them."""

import strawberry

from domain.pool import PoolStatus
from domain.scalars import BigInt
from graph.declare import as_enum, column

as_enum(PoolStatus)


@strawberry.type(description="The pool of connections at one moment, and in the minute before it.")
class PoolStatistics:
    """A `domain.pool.PoolSnapshot`."""

    size: int = column("How many connections it keeps.")
    max_overflow: int = column("How many more it opens for a while.")
    checked_out: int = column("How many are in use, or are being opened for somebody.")
    idle: int = column("How many lie in it.")
    overflow: int = column("How many are open beyond its size.")
    utilization: float = column("Which part of all that there can be is in use, from 0 to 1.")
    waiting: int = column("How many wait for one now.")
    checkouts: BigInt = column("How many were taken since the process began.")
    checkins: BigInt = column("How many were given back.")
    timeouts: BigInt = column("How often somebody got none because all were in use.")
    invalidated: BigInt = column("How many were thrown away: broken, or perhaps so.")
    leaked: BigInt = column("How many were lost by who had them.")
    waits: int = column("How often somebody waited for one in the last minute.")
    wait_average_seconds: float = column("How long they waited; 0 without any.")
    wait_max_seconds: float = column("The longest of these waits.")
    held_average_seconds: float = column("How long one was in use, in the last minute.")
    longest_held_seconds: float = column("How long the oldest of those in use has been.")
    overdue: int = column("How many have been in use for more than a minute, and should not.")
    wanted: int = column("How many were wanted at once, at most, in the last minute.")


@strawberry.type(description="What could be done about a pool.")
class PoolAdvice:
    """A `domain.pool.PoolAdvice`."""

    size: int | None = column(
        "How many connections what was measured asks for; null when nothing was."
    )
    words: str = column("For who runs the server.")


@strawberry.type(description="A pool of connections, and what is to be thought of it.")
class PoolHealth:
    """A `domain.pool.PoolHealth`."""

    status: PoolStatus = column("What is to be thought of it.")
    pool: PoolStatistics = column("Its numbers.")
    advice: PoolAdvice = column("What could be done.")
