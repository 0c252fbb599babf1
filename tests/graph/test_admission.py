"""How many operations are executed at the same time: places, a queue, and who leaves it."""

import asyncio
from uuid import UUID, uuid4

import pytest

from domain.errors import RateLimited, Unavailable
from graph.admission import Admission

A, B, C = (UUID(int=number) for number in (1, 2, 3))


class Visitors:
    """Tasks that stay inside until they are told to leave."""

    def __init__(self, admission: Admission) -> None:
        self.admission = admission
        self.came: list[int] = []
        self._leave: dict[int, asyncio.Event] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}

    async def come(self, *numbers: int, user: UUID | None = None) -> None:
        """Come in, or wait, in this order; each is of another user unless one is given."""
        for number in numbers:
            self._leave[number] = asyncio.Event()
            self._tasks[number] = asyncio.create_task(self._visit(number, user or uuid4()))
            await _turns()

    async def leave(self, number: int) -> None:
        """Go out."""
        self._leave[number].set()
        await self._tasks[number]
        await _turns()

    async def give_up(self, number: int) -> None:
        """Go away, from wherever one is."""
        self._tasks[number].cancel()
        await asyncio.wait((self._tasks[number],))

    def cancel(self, number: int) -> None:
        """Have one go away in its next turn."""
        self._tasks[number].cancel()

    async def outcome(self, number: int) -> type[BaseException] | None:
        """What one ended with."""
        (ended,) = await asyncio.gather(self._tasks[number], return_exceptions=True)
        return None if ended is None else type(ended)

    async def _visit(self, number: int, user: UUID) -> None:
        async with self.admission.place(user):
            self.came.append(number)
            await self._leave[number].wait()


async def _turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def visitors(most: int, most_waiting: int) -> Visitors:
    """Nobody is inside yet."""
    return Visitors(Admission(most=most, most_waiting=most_waiting))


async def test_no_more_are_inside_than_may_be() -> None:
    """The others wait, and come in as places become free, in the order of their coming."""
    there = visitors(2, 10)
    await there.come(1, 2, 3, 4, 5)
    assert (there.came, there.admission.inside, there.admission.waiting) == ([1, 2], 2, 3)
    await there.leave(2)
    await there.leave(1)
    assert there.came == [1, 2, 3, 4]
    await there.leave(3)
    await there.leave(4)
    await there.leave(5)
    assert (there.admission.inside, there.admission.waiting) == (0, 0)


async def test_whoever_comes_to_a_full_queue_is_sent_away() -> None:
    """At once, and may come again; those who wait are not touched."""
    there = visitors(1, 1)
    await there.come(1, 2)
    with pytest.raises(Unavailable) as refused:
        async with there.admission.place(A):
            pass
    assert refused.value.details == {"retryable": True}
    await there.leave(1)
    assert there.came == [1, 2]
    await there.leave(2)
    assert there.admission.inside == 0


async def test_nobody_waits_where_there_is_no_queue() -> None:
    """MAX_QUEUED_OPERATIONS may be 0."""
    there = visitors(1, 0)
    await there.come(1)
    with pytest.raises(Unavailable):
        async with there.admission.place(A):
            pass
    await there.leave(1)
    async with there.admission.place(A):
        assert there.admission.inside == 1


async def test_whoever_gives_up_waiting_takes_no_place() -> None:
    """The next one comes in."""
    there = visitors(1, 5)
    await there.come(1, 2, 3)
    await there.give_up(2)
    await there.leave(1)
    assert there.came == [1, 3]
    await there.leave(3)
    assert (there.admission.inside, there.admission.waiting) == (0, 0)


async def test_whoever_gives_up_when_called_takes_no_place() -> None:
    """A place that was given, and not taken yet, goes to the next one."""
    there = visitors(1, 5)
    async with there.admission.place(A):
        await there.come(2, 3)
    await there.give_up(2)
    await _turns()
    assert there.came == [3]
    await there.leave(3)
    assert (there.admission.inside, there.admission.waiting) == (0, 0)


async def test_error_inside_gives_the_place_back() -> None:
    """And so does being cancelled there."""
    there = visitors(1, 5)
    with pytest.raises(LookupError):
        async with there.admission.place(A):
            raise LookupError
    await there.come(1)
    await there.give_up(1)
    assert there.admission.inside == 0


async def test_whoever_gives_up_while_a_place_becomes_free_takes_none() -> None:
    """In one turn of a loop that has much to do, in this order too."""
    there = visitors(1, 5)
    async with there.admission.place(A):
        await there.come(2)
        there.cancel(2)
    assert await there.outcome(2) is asyncio.CancelledError
    assert (there.admission.inside, there.admission.waiting) == (0, 0)


async def test_one_user_has_half_of_the_places() -> None:
    """Others come in past those who wait for the rest, which come in when their own leave."""
    there = visitors(4, 10)
    await there.come(1, 2, 3, 4, user=A)
    await there.come(5, 6, 7, user=B)
    await there.come(8, user=C)
    assert (there.came, there.admission.waiting) == ([1, 2, 5, 6], 4)
    await there.leave(1)
    assert there.came == [1, 2, 5, 6, 3]
    await there.leave(5)
    assert there.came == [1, 2, 5, 6, 3, 7]
    await there.leave(6)
    assert there.came == [1, 2, 5, 6, 3, 7, 8]
    for number in (2, 3, 7, 8, 4):
        await there.leave(number)
    assert (there.admission.inside, there.admission.waiting) == (0, 0)


async def test_one_user_has_half_of_the_queue() -> None:
    """The others find room in it."""
    there = visitors(2, 4)
    await there.come(1, 2, 3, user=A)
    with pytest.raises(RateLimited) as refused:
        async with there.admission.place(A):
            pass
    assert refused.value.details == {"retryAfter": 1}
    await there.come(4, user=B)
    await there.come(5, user=B)
    assert (there.came, there.admission.waiting) == ([1, 4], 3)
