"""Jobs as clients see them: documents, and jobs of a user or of nobody."""

from typing import Any
from uuid import UUID

import orjson

from db.rows import JobRow
from db.transaction import Database
from domain.node_ids import NodeKind, encode_node_id
from domain.scalars import NodeId
from domain.tasks import Task
from tests.client import Client
from tests.graph.rows import execute
from tests.jobs.working import TAG, make_job

NOWHERE = encode_node_id(NodeKind.JOB, 10**9)
ENDED = ("COMPLETED", "COMPLETED_WITH_ERRORS", "FAILED", "CANCELLED")

_COUNTS = "counts { created updated unchanged deleted skipped failed }"
_ERRORS = "userErrors { __typename code message path } clientMutationId"

JOB = f"""
fragment Whole on Job {{
  __typename id uuid kind status progress done total attempts maxAttempts priority canCancel
  error {{ code message }} createdAt startedAt finishedAt owner {{ email }}
  ... on BulkJob {{ {_COUNTS} }} }}
"""
ONE = "query ($id: ID!) { job(id: $id) { ...Whole } }" + JOB
NODES = "query ($id: ID!) { node(id: $id) { ...Whole } nodes(ids: [$id]) { ...Whole } }" + JOB
LIST = """
query ($first: Int, $after: String, $last: Int, $before: String, $filter: JobFilter) {
  jobs(first: $first, after: $after, last: $last, before: $before, filter: $filter) {
    nodes { id status } edges { cursor node { id } } totalCount
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }
"""
CANCEL = f"""
mutation ($input: CancelJobInput!) {{ cancelJob(input: $input) {{
  job {{ ...Whole }} {_ERRORS} }} }}
{JOB}"""
BACKGROUND = {
    name: f"""mutation ($input: {name[0].upper()}{name[1:]}Input!) {{ {name}(input: $input) {{
        job {{ ...Whole }} results {{ index }} {_COUNTS} {_ERRORS} }} }} {JOB}"""
    for name in ("tagContacts", "deleteContacts", "deleteCompanies")
}


def job_id(row_id: int) -> NodeId:
    """The id of a job that clients see."""
    return encode_node_id(NodeKind.JOB, row_id)


async def uuid_of(client: Client) -> UUID:
    """The UUID of the user who a client is."""
    return UUID((await client.query("{ viewer { uuid } }"))["viewer"]["uuid"])


async def job_of(database: Database, client: Client | None, task: Task = TAG, **how: Any) -> JobRow:
    """A new job of a user; of the server without one."""
    owner = None if client is None else await uuid_of(client)
    return await make_job(database, task, owner=owner, **how)


async def set_job(database: Database, row_id: int, **values: object) -> None:
    """Change columns of a job, as a worker or another release might have."""
    settings = ", ".join(f"{name} = ${at}" for at, name in enumerate(values, start=2))
    written = [
        orjson.dumps(value).decode() if isinstance(value, dict) else value
        for value in values.values()
    ]
    await execute(database, f"UPDATE jobs SET {settings} WHERE id = $1", row_id, *written)


async def listed(client: Client, **arguments: Any) -> dict[str, Any]:
    """A page of jobs."""
    page: dict[str, Any] = (await client.query(LIST, **arguments))["jobs"]
    return page


async def ids_listed(client: Client, **arguments: Any) -> list[str]:
    """The ids of the jobs of a page."""
    return [node["id"] for node in (await listed(client, **arguments))["nodes"]]


async def cancel(client: Client, id_: str, **given: Any) -> dict[str, Any]:
    """The payload of `cancelJob`."""
    payload: dict[str, Any] = (await client.query(CANCEL, input={"id": id_, **given}))["cancelJob"]
    return payload


async def in_background(client: Client, name: str, /, **given: Any) -> dict[str, Any]:
    """The payload of a mutation of many records that is left to a job."""
    given = {"inBackground": True, **given}
    payload: dict[str, Any] = (await client.query(BACKGROUND[name], input=given))[name]
    return payload
