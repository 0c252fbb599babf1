"""Promises of `graph.deadlines`: what takes too long ends, and nothing else does."""

import asyncio

import pytest

from graph.deadlines import TimeLimit


async def wait_for_ever(limit: TimeLimit) -> None:
    """Work that only its limit can end."""
    with limit.start():
        await asyncio.Event().wait()


async def test_work_that_takes_too_long_ends_by_a_timeout_error() -> None:
    """One after another and side by side, each by its own error."""
    limit = TimeLimit(0.01)
    for _ in range(2):
        with pytest.raises(TimeoutError):
            await wait_for_ever(limit)
    outcomes = await asyncio.gather(
        *(wait_for_ever(limit) for _ in range(5)), return_exceptions=True
    )
    assert [type(outcome) for outcome in outcomes] == [TimeoutError] * 5


async def test_task_goes_on_after_its_work_was_ended() -> None:
    """The cancellation is spent: what the task waits for next is not disturbed."""
    with pytest.raises(TimeoutError):
        await wait_for_ever(TimeLimit(0.01))
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


async def test_work_that_ended_in_time_is_left_alone() -> None:
    """The timer of work that is done rings for what began after it, at that work's own time."""
    limit = TimeLimit(0.05)
    with limit.start() as first:
        pass
    with pytest.raises(TimeoutError), limit.start() as second:
        await asyncio.Event().wait()
    assert second.when > first.when
    assert asyncio.get_running_loop().time() >= second.when


async def test_error_of_the_work_itself_stays_what_it_is() -> None:
    """Only what the limit ended is a timeout."""
    with pytest.raises(LookupError), TimeLimit(60).start():
        raise LookupError


async def test_cancellation_by_somebody_else_is_no_timeout() -> None:
    """A task that is cancelled ends as cancelled, whatever limit stands around its work."""
    begun = asyncio.Event()

    async def work() -> None:
        with TimeLimit(60).start():
            begun.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(work())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_inner_limit_ends_before_the_outer_one() -> None:
    """Each block turns into an error only what its own limit ended."""
    with TimeLimit(60).start(), pytest.raises(TimeoutError):
        await wait_for_ever(TimeLimit(0.01))
    with pytest.raises(TimeoutError), TimeLimit(0.01).start():
        await wait_for_ever(TimeLimit(60))


def test_limit_holds_in_a_loop_that_comes_after_another() -> None:
    """A timer of a loop that has ended is not waited for."""
    limit = TimeLimit(0.01)

    async def finish_in_time() -> None:
        with limit.start():
            pass

    asyncio.run(finish_in_time())
    with pytest.raises(TimeoutError):
        asyncio.run(asyncio.wait_for(wait_for_ever(limit), 30))
