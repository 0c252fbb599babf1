"""Export jobs and addresses of exports through GraphQL."""

from collections.abc import Awaitable, Callable
from typing import Any

from app.resources import Resources
from domain.enums import Role
from tests.client import Client
from tests.graph.rows import read_rows
from tests.jobs.working import ended

EXPORT_JOB = """
fragment Export on ExportJob {
  __typename id kind status progress done total owner { email } entity format columns filter
  rowCount byteSize sha256 truncated snapshotAt expiresAt }
"""
CREATE = (
    "mutation ($input: CreateExportInput!) { createExport(input: $input) {"
    " job { ...Export } userErrors { code message path } clientMutationId } }" + EXPORT_JOB
)
ONE = "query ($id: ID!) { job(id: $id) { ...Export } node(id: $id) { ...Export } }" + EXPORT_JOB
LINK = "query ($id: ID!) { job(id: $id) { ... on ExportJob { downloadUrl } } }"
CONTACTS_URL = """
query ($filter: ContactFilter, $orderBy: [ContactOrder!], $format: ExportFormat! = JSONL,
  $columns: [String!], $maxResults: Int, $bom: Boolean! = false, $raw: Boolean! = false) {
  exportContactsStreamUrl(filter: $filter, orderBy: $orderBy, format: $format, columns: $columns,
    maxResults: $maxResults, bom: $bom, raw: $raw) }
"""
COMPANIES_URL = CONTACTS_URL.replace("Contact", "Company").replace(
    "exportCompanysStreamUrl", "exportCompaniesStreamUrl"
)

ClientAs = Callable[[Role], Awaitable[Client]]


async def create(client: Client, **given: Any) -> dict[str, Any]:
    """The payload of `createExport`, of all contacts unless it is said otherwise."""
    wanted = given if "companies" in given else {"contacts": {}, **given}
    payload: dict[str, Any] = (await client.query(CREATE, input=wanted))["createExport"]
    return payload


async def exported(client: Client, resources: Resources, **given: Any) -> str:
    """The id of an export job that is completed."""
    id_: str = (await create(client, **given))["job"]["id"]
    (row_id,) = (await read_rows(resources.database, "SELECT max(id) FROM jobs"))[0]
    await ended(resources.database, row_id)
    return id_


async def shown(client: Client, id_: str) -> Any:
    """The job as it is, which `job` and `node` show alike."""
    data = await client.query(ONE, id=id_)
    assert data["job"] == data["node"]
    return data["job"]


async def link(client: Client, id_: str) -> Any:
    """The address of a job's file."""
    return (await client.query(LINK, id=id_))["job"]["downloadUrl"]
