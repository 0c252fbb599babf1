"""`cancelJob`: who may stop which job, and what is answered when it cannot be."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import pytest

from db.transaction import Database
from domain.enums import Role
from tests.client import Client
from tests.graph.bulk import problems
from tests.graph.jobs import (
    ENDED,
    NOWHERE,
    ONE,
    cancel,
    job_id,
    job_of,
    set_job,
)
from tests.graph.rows import execute
from tests.jobs.working import entries


@pytest.fixture
async def admin(client_as: Callable[[Role], Awaitable[Client]]) -> Client:
    """A client that may see everything."""
    return await client_as(Role.ADMIN)


@pytest.fixture
async def viewer(client_as: Callable[[Role], Awaitable[Client]]) -> Client:
    """A client of another user, who may only read."""
    return await client_as(Role.VIEWER)


async def test_waiting_job_is_stopped_at_once(client: Client, resources_database: Database) -> None:
    """It has ended, and stands in no queue any more; what other jobs wait for stays."""
    kept = await job_of(resources_database, client)
    row = await job_of(resources_database, client)
    payload = await cancel(client, job_id(row.id), clientMutationId="m")
    job = payload["job"]
    assert (job["status"], job["canCancel"], payload["userErrors"]) == ("CANCELLED", False, [])
    assert (job["finishedAt"] is not None, job["startedAt"]) == (True, None)
    assert (job["owner"], payload["clientMutationId"]) == ({"email": "editor@example.com"}, "m")
    assert await entries(resources_database) == [(f"job-{kept.id}", "todo")]


async def test_running_job_is_told_to_stop(client: Client, resources_database: Database) -> None:
    """Its worker ends it; to ask twice is no mistake."""
    row = await job_of(resources_database, client)
    await set_job(resources_database, row.id, status="RUNNING")
    for _ in range(2):
        payload = await cancel(client, job_id(row.id))
        job = payload["job"]
        assert (job["status"], job["canCancel"]) == ("CANCELING", False)
        assert (job["finishedAt"], payload["userErrors"]) == (None, [])


@pytest.mark.parametrize("status", ENDED)
async def test_job_that_has_ended_stays_as_it_is(
    client: Client, resources_database: Database, status: str
) -> None:
    """There is nothing left to stop."""
    row = await job_of(resources_database, client)
    await set_job(resources_database, row.id, status=status, finished_at=datetime.now(UTC))
    payload = await cancel(client, job_id(row.id))
    assert (payload["job"], problems(payload)) == (None, [("NOT_ALLOWED_IN_STATE", "id")])
    message = "The job has ended already; nothing is left to cancel."
    assert payload["userErrors"][0]["message"] == message
    assert (await client.query(ONE, id=job_id(row.id)))["job"]["status"] == status


async def test_unknown_job_is_not_found(client: Client) -> None:
    """It may have been forgotten since."""
    payload = await cancel(client, NOWHERE)
    assert (payload["job"], problems(payload)) == (None, [("NOT_FOUND", "id")])
    assert payload["userErrors"][0]["message"] == "There is no job with this id."


async def test_own_job_is_stopped_without_the_right_to_write_and_any_by_an_admin(
    viewer: Client, admin: Client, resources_database: Database
) -> None:
    """Also one of the server's own."""
    mine = await job_of(resources_database, viewer)
    assert (await cancel(viewer, job_id(mine.id)))["job"]["status"] == "CANCELLED"
    for owner in (viewer, None):
        row = await job_of(resources_database, owner)
        assert (await cancel(admin, job_id(row.id)))["job"]["status"] == "CANCELLED"


async def test_cancels_at_the_same_moment_agree(
    client: Client, admin: Client, resources_database: Database
) -> None:
    """One of them stops the job; the others are told that it has ended."""
    row = await job_of(resources_database, client)
    payloads = await asyncio.gather(
        *(cancel(asking, job_id(row.id)) for asking in (client, admin) * 3)
    )
    stopped = [payload for payload in payloads if payload["job"] is not None]
    others = [problems(payload) for payload in payloads if payload["job"] is None]
    assert [payload["job"]["status"] for payload in stopped] == ["CANCELLED"]
    assert others == [[("NOT_ALLOWED_IN_STATE", "id")]] * 5


async def test_cancel_sent_again_under_its_key_answers_the_job(
    client: Client, resources_database: Database
) -> None:
    """Not that it has ended already; once the job is forgotten, that."""
    row = await job_of(resources_database, client)
    first = await cancel(client, job_id(row.id), idempotencyKey="k")
    again = await cancel(client, job_id(row.id), idempotencyKey="k")
    assert again == first
    assert first["job"]["status"] == "CANCELLED"
    await execute(resources_database, "DELETE FROM jobs")
    gone = await cancel(client, job_id(row.id), idempotencyKey="k")
    assert (gone["job"], problems(gone)) == (None, [("NOT_FOUND", "idempotencyKey")])
