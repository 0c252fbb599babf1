"""Tasks beside the requests, as GraphQL adds them and tells about them."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
import strawberry
from structlog.testing import capture_logs

from app.asgi import context_opener
from app.resources import Resources
from domain.enums import Role
from graph.context import Info
from graph.documents import Documents
from graph.execution.engine import Executor
from tests.client import Client
from tests.replication import until

TASK = """query ($id: ID!) {
    backgroundTask(id: $id) { id function state attempts durationSeconds errorType }
}"""
COUNTS = "totalTasks queuedTasks activeTasks completedTasks failedTasks avgDurationSeconds"
STATISTICS = f"{{ taskStatistics {{ {COUNTS} byFunction {{ function {COUNTS} }} }} }}"

MakeClient = Callable[[Role], Awaitable[Client]]


async def wait() -> None:
    """A task that does not end by itself."""
    await asyncio.Event().wait()


async def broken() -> None:
    """A task that fails."""
    raise LookupError("no such thing")


@pytest.fixture
async def admin(client_as: MakeClient) -> Client:
    """A GraphQL client of an admin."""
    return await client_as(Role.ADMIN)


async def state_is(admin: Client, task: str, state: str) -> None:
    """Wait until a task is in a state."""

    async def is_so() -> bool:
        found = (await admin.query(TASK, id=task))["backgroundTask"]["state"]
        return bool(found == state)

    await until(is_so)


async def test_admin_follows_a_task(admin: Client, resources: Resources) -> None:
    """It waits, runs, and has failed with the name of its error and how long it ran."""
    may_fail = asyncio.Event()

    async def fail_later() -> None:
        await may_fail.wait()
        raise LookupError

    task = resources.background.add(fail_later, track_status=True)
    await state_is(admin, task, "RUNNING")
    data = await admin.query(TASK, id=task)
    assert data["backgroundTask"] == {
        "id": task,
        "function": "fail_later",
        "state": "RUNNING",
        "attempts": 1,
        "durationSeconds": None,
        "errorType": None,
    }
    with capture_logs():
        may_fail.set()
        await state_is(admin, task, "FAILED")
    ended = (await admin.query(TASK, id=task))["backgroundTask"]
    assert ended["errorType"] == "LookupError"
    assert ended["durationSeconds"] > 0


async def test_task_that_is_not_known_is_null(admin: Client) -> None:
    """Whatever the id looks like."""
    for unknown in ("", "nonsense", "0" * 32):
        assert await admin.query(TASK, id=unknown) == {"backgroundTask": None}


async def test_admin_sees_statistics(admin: Client, resources: Resources) -> None:
    """In total and by function, with the same keys."""
    with capture_logs():
        failed = resources.background.add(broken, track_status=True)
        await state_is(admin, failed, "FAILED")
    running = resources.background.add(wait, track_status=True)
    await state_is(admin, running, "RUNNING")
    statistics = (await admin.query(STATISTICS))["taskStatistics"]
    seconds = statistics.pop("avgDurationSeconds")
    functions = {counts["function"]: counts for counts in statistics.pop("byFunction")}
    assert statistics == {
        "totalTasks": 2,
        "queuedTasks": 0,
        "activeTasks": 1,
        "completedTasks": 0,
        "failedTasks": 1,
    }
    assert functions["broken"]["avgDurationSeconds"] == seconds > 0
    assert functions["wait"] == {
        "function": "wait",
        "totalTasks": 1,
        "queuedTasks": 0,
        "activeTasks": 1,
        "completedTasks": 0,
        "failedTasks": 0,
        "avgDurationSeconds": 0,
    }
    with capture_logs():
        await resources.background.drain(0)


@pytest.mark.parametrize("role", [Role.VIEWER, Role.EDITOR])
async def test_tasks_are_for_admins_alone(client_as: MakeClient, role: Role) -> None:
    """Others are told which role they need, whether or not the task exists."""
    client = await client_as(role)
    for error in (await client.fail(STATISTICS), await client.fail(TASK, id="any")):
        assert error["extensions"]["code"] == "FORBIDDEN"
        assert "needs the role admin" in error["message"]


@strawberry.type
class Query:
    """Nothing of interest."""

    nothing: int | None = None


@strawberry.type
class Mutation:
    """What adds tasks."""

    @strawberry.mutation
    async def save(self, info: Info) -> str:
        """Answer, and leave the rest to a task."""
        info.context.background.add(broken)
        return "saved"


async def test_task_of_a_mutation_that_fails_does_not_change_its_answer(
    resources: Resources,
) -> None:
    """The answer comes whole; the failure is one line of the log and one in the statistics."""
    schema = strawberry.Schema(Query, Mutation)
    (operation,) = Documents(schema._schema).get("mutation { save }").operations
    context = context_opener(resources)(None)
    with capture_logs() as logs:
        result = await Executor(schema).execute(operation, {}, context)
        await resources.background.drain(10)
    assert (result.data, result.errors) == ({"save": "saved"}, None)
    assert [line["event"] for line in logs if line["log_level"] == "error"] == [
        "background_task_failed"
    ]
    assert resources.background.statistics().failed_tasks == 1
