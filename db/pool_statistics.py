"""What becomes of the connections of one pool, counted where they are taken and given back.

To take one that lies there costs a line in a dictionary and some sums; only who waits is timed.
"""

import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, cast

from sqlalchemy import event
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import PoolProxiedConnection, QueuePool

from domain.pool import PoolSnapshot

_WINDOW_SECONDS: Final = 60.0
_LONG_SECONDS: Final = 60.0


@dataclass(slots=True)
class _Span:
    """What happened within one second."""

    ends: float
    waits: int = 0
    waited: float = 0.0
    longest_wait: float = 0.0
    returned: int = 0
    held: float = 0.0
    wanted: int = 0


class PoolStatistics:
    """Is told of every connection that is taken and given back. Not for threads.

    Args:
        engine: Of the pool.
        clock: Tells the time in seconds.
    """

    def __init__(self, engine: AsyncEngine, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._engine = engine
        self._clock = clock
        self._held_since: dict[Any, float] = {}
        self._held_long: set[Any] = set()
        self._waiting = self._checkouts = 0
        self._timeouts = self._invalidated = self._leaked = 0
        self._span = _Span(clock() + 1)
        self._spans = deque([self._span])
        event.listen(engine.sync_engine, "close_detached", self._lost)

    def took(self, held: PoolProxiedConnection) -> None:
        """Somebody has a connection."""
        now = self._clock()
        self._checkouts += 1
        self._held_since[held.dbapi_connection] = now
        self._want(self._span if now < self._span.ends else self._next(now))

    def gave_back(self, held: PoolProxiedConnection) -> None:
        """A connection is about to be given back, or thrown away."""
        now = self._clock()
        span = self._span if now < self._span.ends else self._next(now)
        since = self._held_since.pop(held.dbapi_connection, None)
        if since is None:
            return
        span.returned += 1
        span.held += now - since
        if self._held_long:
            self._held_long.discard(held.dbapi_connection)

    def holds_long(self, held: PoolProxiedConnection) -> None:
        """A connection that was taken will be in use for longer than others, and that is right."""
        self._held_long.add(held.dbapi_connection)

    def threw_away(self) -> None:
        """A connection was broken, or might have been."""
        self._invalidated += 1

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Somebody waits while the block lasts, for a connection to come back or to be opened."""
        began = self._clock()
        self._waiting += 1
        self._want(self._next(began))
        try:
            yield
        except PoolTimeoutError:
            self._timeouts += 1
            raise
        finally:
            self._waiting -= 1
            self._waited(self._clock() - began)

    def snapshot(self) -> PoolSnapshot:
        """How the pool does now. It takes no connection and waits for nobody."""
        pool = cast("QueuePool", self._engine.sync_engine.pool)
        now = self._clock()
        self._next(now)
        waits = sum(span.waits for span in self._spans)
        returned = sum(span.returned for span in self._spans)
        return PoolSnapshot(
            size=pool.size(),
            max_overflow=pool._max_overflow,  # noqa: SLF001  # it has no other name for it
            checked_out=pool.checkedout(),
            idle=pool.checkedin(),
            overflow=max(0, pool.overflow()),
            waiting=self._waiting,
            checkouts=self._checkouts,
            checkins=self._checkouts - len(self._held_since) - self._leaked,
            timeouts=self._timeouts,
            invalidated=self._invalidated,
            leaked=self._leaked,
            waits=waits,
            wait_average_seconds=sum(span.waited for span in self._spans) / max(1, waits),
            wait_max_seconds=max(span.longest_wait for span in self._spans),
            returned=returned,
            held_average_seconds=sum(span.held for span in self._spans) / max(1, returned),
            longest_held_seconds=now - min(self._held_since.values(), default=now),
            overdue=self._overdue(now),
            wanted=max(span.wanted for span in self._spans),
        )

    def _overdue(self, now: float) -> int:
        return sum(
            now - since > _LONG_SECONDS and connection not in self._held_long
            for connection, since in self._held_since.items()
        )

    def _waited(self, seconds: float) -> None:
        span = self._next(self._clock())
        span.waits += 1
        span.waited += seconds
        span.longest_wait = max(span.longest_wait, seconds)

    def _want(self, span: _Span) -> None:
        span.wanted = max(span.wanted, len(self._held_since) + self._waiting)

    def _next(self, now: float) -> _Span:
        """The span that it is now; those of more than a minute ago are forgotten."""
        if now >= self._span.ends:
            self._span = _Span(now + 1)
            while self._spans and self._spans[0].ends <= now - _WINDOW_SECONDS:
                self._spans.popleft()
            self._spans.append(self._span)
            self._want(self._span)
        return self._span

    def _lost(self, connection: object) -> None:
        """The pool has found that nobody has a connection which nobody has given back."""
        if self._held_since.pop(connection, None) is not None:
            self._held_long.discard(connection)
            self._leaked += 1
