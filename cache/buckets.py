"""How much somebody may still ask for: buckets that leak, one a name, here or shared in Redis.

The one idea: of a bucket one number is kept, the moment at which it will be empty again. What is
taken moves it away, time comes nearer by itself, and a bucket whose moment has passed is not there.

Losing a bucket forgives what was taken. Redis that is away makes each process count by itself.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from math import inf
from typing import Final, NamedTuple, Protocol

import structlog

from cache.redis_connections import Connections
from cache.redis_scripts import GIVE_BACK, TAKE, Script
from cache.store import StoreUnavailable

_MAX_BUCKETS: Final = 100_000
_MAX_HABITS: Final = 10_000
_SHARE: Final = 0.01
# More draws than this within a second are many.
_OFTEN: Final = 3
_OFTEN_SECONDS: Final = 1.0
_NAME: Final = "a360:bucket:"
# What floating-point numbers lose on the way; a millionth of a second of a bucket's time.
_TOLERANCE_SECONDS: Final = 1e-6

log = structlog.get_logger(__name__)


class Taken(NamedTuple):
    """What became of an attempt to take something.

    Attributes:
        wait_seconds: 0 when it was taken; else when it could be, if nobody else takes anything.
        available: What can be taken now.
    """

    wait_seconds: float
    available: float


class Buckets(Protocol):
    """Buckets by their names.

    All that is done with one name names the same `capacity`, which can be taken at once, and
    `per_second`, what comes back in a second.
    """

    async def take(self, key: str, cost: float, *, capacity: float, per_second: float) -> float:
        """Take something if there is enough; gives 0, or in how many seconds there could be.

        More than the capacity is never there: infinity.
        """

    async def draw(self, key: str, cost: float, *, capacity: float, per_second: float) -> Taken:
        """The same, and what is left."""

    async def give_back(
        self, key: str, cost: float, *, capacity: float, per_second: float
    ) -> float:
        """Give back what was taken and not used; gives what can be taken now.

        Less than 0 takes what was used beyond that: what is not there is owed. It is done though
        whoever waits for it is cancelled.
        """


class MemoryBuckets:
    """Buckets of this process. Not for threads.

    Args:
        clock: Tells the time in seconds.
        most: How many there can be; the oldest are forgotten first.
    """

    def __init__(
        self, *, clock: Callable[[], float] = time.monotonic, most: int = _MAX_BUCKETS
    ) -> None:
        self._clock = clock
        self._most = most
        self._empty_at: dict[str, float] = {}

    def __len__(self) -> int:
        return len(self._empty_at)

    async def take(self, key: str, cost: float, *, capacity: float, per_second: float) -> float:
        """As `Buckets` has it."""
        taken = await self.draw(key, cost, capacity=capacity, per_second=per_second)
        return taken.wait_seconds

    async def draw(self, key: str, cost: float, *, capacity: float, per_second: float) -> Taken:
        """As `Buckets` has it."""
        now = self._clock()
        begins = max(now, self._empty_at.get(key, now))
        ends = begins + cost / per_second
        latest = now + capacity / per_second
        if ends > latest + _TOLERANCE_SECONDS:
            return _refused(cost, ends - latest, (latest - begins) * per_second, capacity)
        self._keep(key, ends, now)
        return Taken(0.0, max(0.0, (latest - ends) * per_second))

    async def give_back(
        self, key: str, cost: float, *, capacity: float, per_second: float
    ) -> float:
        """As `Buckets` has it."""
        now = self._clock()
        ends = max(now, self._empty_at.get(key, now)) - cost / per_second
        if ends <= now:
            self._empty_at.pop(key, None)
            return capacity
        self._keep(key, ends, now)
        return max(0.0, capacity - (ends - now) * per_second)

    def _keep(self, key: str, ends: float, now: float) -> None:
        if key not in self._empty_at and len(self._empty_at) >= self._most:
            self._make_room(now)
        self._empty_at[key] = ends

    def _make_room(self, now: float) -> None:
        self._empty_at = {key: at for key, at in self._empty_at.items() if at > now}
        while len(self._empty_at) >= self._most:
            self._empty_at.pop(next(iter(self._empty_at)))


@dataclass
class _Purse:
    """What was taken beforehand for whoever asks often.

    Attributes:
        amount: What is left of it.
        beside: What was left in the bucket.
        per_second: Of the bucket.
        end: Gives back what is left.
    """

    amount: float
    beside: float
    per_second: float
    end: asyncio.TimerHandle


@dataclass
class _Habit:
    """How often a bucket was asked since a moment."""

    since: float
    times: int = 0


class RedisBuckets:
    """Buckets that all processes share, by the server's clock.

    Whoever takes little of much, several times in a second, is not asked for each time: a hundredth
    of the capacity is taken at once, spent here, and what is left of it given back. What is spent
    is never more than there is; near the end, one process may refuse what another one still holds.

    While the server does not answer, this process has buckets of its own.

    Args:
        pause_seconds: For how long a server that did not answer is not asked again.
        clock: Tells the time of this process in seconds.
    """

    def __init__(
        self, connections: Connections, *, pause_seconds: float, clock: Callable[[], float]
    ) -> None:
        self._connections = connections
        self._clock = clock
        self._pause_seconds = pause_seconds
        self._own = MemoryBuckets(clock=clock)
        self._purses: dict[str, _Purse] = {}
        self._habits: dict[str, _Habit] = {}
        self._returning: set[asyncio.Task[float]] = set()
        self._back_at = -inf

    async def take(self, key: str, cost: float, *, capacity: float, per_second: float) -> float:
        """As `Buckets` has it."""
        taken = await self.draw(key, cost, capacity=capacity, per_second=per_second)
        return taken.wait_seconds

    async def draw(self, key: str, cost: float, *, capacity: float, per_second: float) -> Taken:
        """As `Buckets` has it."""
        purse = self._purses.get(key)
        if purse is not None and purse.amount >= cost:
            purse.amount -= cost
            return Taken(0.0, purse.beside + purse.amount)
        try:
            share = capacity * _SHARE
            if cost < share and self._is_often(key):
                taken = await self._take(key, share, capacity, per_second)
                if not taken.wait_seconds:
                    self._fill(key, share - cost, taken.available, per_second, share / per_second)
                    return Taken(0.0, taken.available + share - cost)
            return await self._take(key, cost, capacity, per_second)
        except StoreUnavailable:
            return await self._own.draw(key, cost, capacity=capacity, per_second=per_second)

    async def give_back(
        self, key: str, cost: float, *, capacity: float, per_second: float
    ) -> float:
        """As `Buckets` has it."""
        purse = self._purses.get(key)
        # Much goes back to the bucket: others may want it.
        if purse is not None and -purse.amount <= cost <= capacity * _SHARE:
            purse.amount += cost
            return min(capacity, purse.beside + purse.amount)
        return await asyncio.shield(self._return(key, cost, capacity, per_second))

    async def close(self) -> None:
        """Give back what was taken beforehand."""
        for key in tuple(self._purses):
            self._end(key)
        while self._returning:
            await asyncio.gather(*self._returning)

    def _return(
        self, key: str, cost: float, capacity: float, per_second: float
    ) -> asyncio.Task[float]:
        task = asyncio.create_task(self._put_back(key, cost, capacity, per_second))
        self._returning.add(task)
        task.add_done_callback(self._returning.discard)
        return task

    async def _put_back(self, key: str, cost: float, capacity: float, per_second: float) -> float:
        try:
            (taken,) = await self._run(GIVE_BACK, key, cost / per_second)
        except StoreUnavailable:
            return await self._own.give_back(key, cost, capacity=capacity, per_second=per_second)
        return max(0.0, capacity - float(taken) * per_second)

    async def _take(self, key: str, cost: float, capacity: float, per_second: float) -> Taken:
        told = await self._run(TAKE, key, cost / per_second, capacity / per_second)
        over, left = (float(part) for part in told)
        if over > _TOLERANCE_SECONDS:
            return _refused(cost, over, left * per_second, capacity)
        return Taken(0.0, max(0.0, left * per_second))

    def _is_often(self, key: str) -> bool:
        """Whether a bucket was asked several times within a second, this time among them."""
        now = self._clock()
        habit = self._habits.get(key)
        if habit is None or now - habit.since > _OFTEN_SECONDS:
            if len(self._habits) >= _MAX_HABITS:
                self._habits.clear()
            habit = self._habits[key] = _Habit(now)
        habit.times += 1
        return habit.times > _OFTEN

    def _fill(
        self, key: str, amount: float, beside: float, per_second: float, seconds: float
    ) -> None:
        purse = self._purses.get(key)
        if purse is None:
            end = asyncio.get_running_loop().call_later(seconds, self._end, key)
            purse = self._purses[key] = _Purse(0.0, 0.0, per_second, end)
        purse.amount += amount
        purse.beside = beside

    def _end(self, key: str) -> None:
        """Give back what is left in a purse; whoever still asks often is given another."""
        purse = self._purses.pop(key)
        purse.end.cancel()
        if purse.amount > 0:
            # What the bucket has then is told to nobody.
            self._return(key, purse.amount, 0.0, purse.per_second)

    async def _run(self, script: Script, key: str, *seconds: float) -> list[bytes]:
        if self._clock() < self._back_at:
            raise StoreUnavailable("It did not answer a moment ago.")
        arguments = [repr(each) for each in seconds]
        try:
            told: list[bytes] = await self._connections.use(
                lambda session: session.run(script, 1, _NAME + key, *arguments)
            )
        except StoreUnavailable as error:
            self._back_at = self._clock() + self._pause_seconds
            log.warning("buckets_down", error=type(error.__cause__).__name__)
            raise
        return told


def _refused(cost: float, wait_seconds: float, available: float, capacity: float) -> Taken:
    is_never = cost > capacity
    return Taken(inf if is_never else wait_seconds, max(0.0, available))


@asynccontextmanager
async def open_buckets(
    redis_url: str | None,
    *,
    pause_seconds: float = 1.0,
    clock: Callable[[], float] = time.monotonic,
) -> AsyncIterator[Buckets]:
    """Buckets for as long as the block lasts. They connect when they are used first.

    Args:
        redis_url: As `redis://user:password@host:6379/0`; None for those of this process.
        pause_seconds: For how long a server that did not answer is not asked again.
        clock: Tells the time of this process in seconds.
    """
    if redis_url is None:
        yield MemoryBuckets(clock=clock)
        return
    connections = Connections(redis_url)
    buckets = RedisBuckets(connections, pause_seconds=pause_seconds, clock=clock)
    try:
        yield buckets
    finally:
        await buckets.close()
        await connections.close()
