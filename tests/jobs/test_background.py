"""Tasks beside the requests: what fails harms nobody."""

import asyncio

import pytest
from structlog.testing import capture_logs

from db.transaction import Database, Transaction
from db.users import create_user, find_user_by_email
from domain.background import TaskState
from domain.enums import Role
from jobs.background import (
    add_background_task_safe,
    add_background_task_with_retry,
    background_task_with_db_session,
    chain_background_tasks,
    get_task_statistics,
)
from tests.jobs.tasks import (
    Failing,
    Pauses,
    broken,
    known,
    make_tasks,
    nothing,
    settled,
    until,
)


async def test_task_runs_beside_its_caller() -> None:
    """Adding returns before the task begins; arguments reach it."""
    tasks, given = make_tasks(), []

    async def remember(*args: object) -> None:
        given.append(args)

    add_background_task_safe(tasks, remember, "a", 2)
    assert given == []
    await settled(tasks)
    assert given == [("a", 2)]


async def test_error_is_logged_once_and_harms_nobody() -> None:
    """One error line names function, error and duration; the next task runs as ever."""
    tasks = make_tasks()
    with capture_logs() as logs:
        failed = add_background_task_safe(tasks, broken, track_status=True)
        fine = add_background_task_safe(tasks, nothing, track_status=True)
        await settled(tasks)
    (line,) = (line for line in logs if line["log_level"] == "error")
    assert line["event"] == "background_task_failed"
    assert (line["function"], line["error_type"], line["attempt"]) == ("broken", "LookupError", 1)
    assert line["seconds"] >= 0
    assert isinstance(line["exc_info"], LookupError)
    assert (known(tasks, failed).state, known(tasks, failed).error_type) == (
        TaskState.FAILED,
        "LookupError",
    )
    assert known(tasks, fine).state is TaskState.COMPLETED


@pytest.mark.parametrize(
    "error", [SystemExit(1), StopIteration(), asyncio.CancelledError(), TimeoutError()], ids=repr
)
async def test_task_ends_nothing_but_itself(error: BaseException) -> None:
    """What would end a process, a loop or a wait elsewhere is the failure of one task."""
    tasks = make_tasks()

    def leave() -> None:
        raise error

    async def leave_soon() -> None:
        leave()

    functions = [leave] if isinstance(error, StopIteration) else [leave, leave_soon]
    with capture_logs():
        ids = [add_background_task_safe(tasks, f, track_status=True) for f in functions]
        await settled(tasks)
    assert {known(tasks, task).state for task in ids} == {TaskState.FAILED}


async def test_retry_succeeds_after_growing_pauses() -> None:
    """Two failures and a success are three calls, after pauses of one and two seconds."""
    pauses, failing = Pauses(), Failing(2)
    tasks = make_tasks(sleep=pauses)
    with capture_logs() as logs:
        task = add_background_task_with_retry(tasks, failing, track_status=True)
        await settled(tasks)
    assert (failing.calls, pauses.seconds) == (3, [1.0, 2.0])
    status = known(tasks, task)
    assert (status.state, status.attempts, status.error_type) == (TaskState.COMPLETED, 3, None)
    assert [(line["event"], line["attempt"]) for line in logs] == [
        ("background_task_retried", 1),
        ("background_task_retried", 2),
        ("background_task_completed", 3),
    ]


async def test_retries_come_to_an_end() -> None:
    """After the last retry the task has failed, and the error is logged in full once."""
    pauses, failing = Pauses(), Failing(99)
    tasks = make_tasks(sleep=pauses)
    with capture_logs() as logs:
        task = add_background_task_with_retry(
            tasks, failing, max_retries=3, retry_delay=0.5, track_status=True
        )
        await settled(tasks)
    assert (failing.calls, pauses.seconds) == (4, [0.5, 1.0, 2.0])
    assert known(tasks, task).state is TaskState.FAILED
    assert [line["event"] for line in logs if "exc_info" in line] == ["background_task_failed"]


async def test_pause_before_a_retry_takes_nobodys_turn() -> None:
    """While one task waits to be tried again, another one runs in its place."""
    let_go, calls = asyncio.Event(), []

    async def pause(_seconds: float) -> None:
        await let_go.wait()

    async def fail_once() -> None:
        calls.append("first")
        if calls == ["first"]:
            raise ConnectionError

    async def run() -> None:
        calls.append("other")

    tasks = make_tasks(max_concurrent=1, sleep=pause)
    with capture_logs():
        add_background_task_with_retry(tasks, fail_once)
        add_background_task_safe(tasks, run)
        await until(lambda: calls == ["first", "other"])
        assert get_task_statistics(tasks).queued_tasks == 1
        let_go.set()
        await settled(tasks)
    assert calls == ["first", "other", "first"]


async def test_chain_runs_its_steps_in_order() -> None:
    """Steps follow each other, with arguments by place and by name, plain functions too."""
    tasks, told = make_tasks(), []

    async def wait_and_tell(word: str) -> None:
        await asyncio.sleep(0)
        told.append(word)

    def tell(*, word: str) -> None:
        told.append(word)

    chain_background_tasks(
        tasks, (wait_and_tell, ["a"], {}), (tell, (), {"word": "b"}), (wait_and_tell, ["c"], {})
    )
    await settled(tasks)
    assert told == ["a", "b", "c"]
    assert list(get_task_statistics(tasks).by_function) == ["wait_and_tell > tell > wait_and_tell"]


async def test_step_that_fails_is_the_last_of_its_chain() -> None:
    """What comes behind it does not run, and the log says which step it was."""
    tasks, told = make_tasks(), []

    async def tell(word: str) -> None:
        told.append(word)

    with capture_logs() as logs:
        chain_background_tasks(tasks, (tell, ["a"], {}), (broken, [], {}), (tell, ["c"], {}))
        await settled(tasks)
    assert told == ["a"]
    (line,) = logs
    assert line["exc_info"].__notes__ == ["This was step 2 of 3: broken."]


def test_chain_without_steps_is_refused() -> None:
    """A chain of nothing is a mistake of who wrote it."""
    with pytest.raises(ValueError, match="at least one step"):
        chain_background_tasks(make_tasks())


async def add_user(tx: Transaction, email: str) -> None:
    """Write a user."""
    await create_user(tx, email=email, role=Role.VIEWER)


async def add_user_and_fail(tx: Transaction, email: str) -> None:
    """Write a user, and think better of it."""
    await add_user(tx, email)
    raise LookupError


async def is_stored(database: Database, email: str) -> bool:
    """Whether there is a user with this address."""
    async with database.read() as session:
        return await find_user_by_email(session, email) is not None


async def test_task_has_a_database_session_of_its_own(database: Database) -> None:
    """It writes although the session of who added it is closed, and its own is given back."""
    tasks = make_tasks()
    async with database.write():
        task = add_background_task_safe(
            tasks,
            background_task_with_db_session(database, add_user, "ada@example.com"),
            track_status=True,
        )
    await settled(tasks)
    assert known(tasks, task).function == "add_user"
    assert await is_stored(database, "ada@example.com")
    assert database.engine.pool.checkedout() == 0  # type: ignore[attr-defined]  # a QueuePool


async def test_task_that_fails_leaves_nothing_in_the_database(database: Database) -> None:
    """Its transaction is rolled back, and its connection given back."""
    tasks = make_tasks()
    with capture_logs():
        add_background_task_safe(
            tasks, background_task_with_db_session(database, add_user_and_fail, "a@example.com")
        )
        await settled(tasks)
    assert get_task_statistics(tasks).failed_tasks == 1
    assert not await is_stored(database, "a@example.com")
    assert database.engine.pool.checkedout() == 0  # type: ignore[attr-defined]  # a QueuePool


async def test_task_that_is_abandoned_leaves_nothing_in_the_database(database: Database) -> None:
    """Its transaction is rolled back before the process lets go of its connections."""
    tasks, has_written = make_tasks(), asyncio.Event()

    async def write_and_wait(tx: Transaction) -> None:
        await add_user(tx, "late@example.com")
        has_written.set()
        await asyncio.Event().wait()

    add_background_task_safe(tasks, background_task_with_db_session(database, write_and_wait))
    await has_written.wait()
    with capture_logs():
        await tasks.drain(0)
    assert database.engine.pool.checkedout() == 0  # type: ignore[attr-defined]  # a QueuePool
    assert not await is_stored(database, "late@example.com")
