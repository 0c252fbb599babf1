"""Imports as clients see them: documents, and files that have come."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

from app.resources import Resources
from domain.node_ids import NodeKind, decode_node_id, encode_node_id
from domain.uploads import NewUpload, UploadKind
from tests.client import Client
from tests.graph.jobs import uuid_of

PEOPLE = b"E-mail;First Name;Shoe size\nada@example.com;Ada;37\nbob@;Bob;\n"

_ERRORS = "userErrors { code message path } clientMutationId"
_PROBLEM = "line column field code message raw suggestion severity"

IMPORT = """
fragment Import on ImportJob {
  __typename id uuid kind status progress done total canCancel entity filename mapping options
  dryRun vendor totalRows processedRows createdCount updatedCount unchangedCount skippedCount
  duplicateCount failedCount warningCount companiesCount rowsPerSecond estimatedCompletion undoneAt
  undoJob { id } }
"""
UNDO = """
fragment Undo on ImportUndoJob {
  __typename id kind status import { id filename } removedCount restoredCount skippedCount }
"""
ONE = (
    "query ($id: ID!) { job(id: $id) { ...Import ...Undo } node(id: $id) { ...Import ...Undo } }"
    + IMPORT
    + UNDO
)
LIST = "{ jobs { nodes { __typename kind ...Import ...Undo } } }" + IMPORT + UNDO
PREVIEW = f"""
mutation ($input: PreviewImportInput!) {{ previewImport(input: $input) {{
  preview {{ entity encoding delimiter headerLine vendor rowsRead estimatedRows fields
    columns {{ index header field score reason samples }} sample {{ line cells values }}
    problems {{ {_PROBLEM} }} }} {_ERRORS} }} }}
"""
CREATE = (
    "mutation ($input: CreateImportInput!) { createImport(input: $input) {"
    f" job {{ ...Import }} alreadyImported {_ERRORS} }} }}" + IMPORT
)
TAKE_BACK = (
    "mutation ($input: UndoImportInput!) { undoImport(input: $input) {"
    f" job {{ ...Undo }} {_ERRORS} }} }}" + UNDO
)
TOLD = f"""
query ($id: ID!, $code: [ImportErrorCode!], $severity: Severity, $first: Int, $after: String,
  $last: Int, $before: String) {{
  importErrors(importId: $id, code: $code, severity: $severity, first: $first, after: $after,
    last: $last, before: $before) {{
    nodes {{ __typename id {_PROBLEM} }} edges {{ cursor node {{ line }} }} totalCount
    pageInfo {{ hasNextPage hasPreviousPage startCursor endCursor }} }} }}
"""


async def sent(
    resources: Resources,
    client: Client,
    content: bytes,
    *,
    kind: UploadKind = UploadKind.CONTACTS,
    filename: str = "people.csv",
    up_to: int | None = None,
) -> str:
    """The id of a file that a user has sent, or of which the beginning has come."""

    async def chunks() -> AsyncIterator[bytes]:
        yield content[:up_to]

    new = NewUpload(
        uuid=uuid4(),
        owner=await uuid_of(client),
        kind=kind,
        filename=filename,
        media_type="text/csv",
        total_bytes=len(content),
    )
    row = await resources.uploads.create(new)
    await resources.uploads.append(row, 0, chunks())
    return encode_node_id(NodeKind.UPLOAD, row.id)


async def preview(client: Client, upload_id: str, **given: Any) -> dict[str, Any]:
    """The payload of `previewImport`."""
    data = await client.query(PREVIEW, input={"uploadId": upload_id, **given})
    payload: dict[str, Any] = data["previewImport"]
    return payload


async def create(client: Client, upload_id: str, **given: Any) -> dict[str, Any]:
    """The payload of `createImport`."""
    data = await client.query(CREATE, input={"uploadId": upload_id, **given})
    payload: dict[str, Any] = data["createImport"]
    return payload


async def take_back(client: Client, id_: str, **given: Any) -> dict[str, Any]:
    """The payload of `undoImport`."""
    data = await client.query(TAKE_BACK, input={"id": id_, **given})
    payload: dict[str, Any] = data["undoImport"]
    return payload


async def shown(client: Client, id_: str) -> Any:
    """The job as it is, which `job` and `node` show alike."""
    data = await client.query(ONE, id=id_)
    assert data["job"] == data["node"]
    return data["job"]


async def told(client: Client, id_: str, **arguments: Any) -> dict[str, Any]:
    """A page of what a job has told."""
    page: dict[str, Any] = (await client.query(TOLD, id=id_, **arguments))["importErrors"]
    return page


async def an_import(client: Client, upload_id: str, **given: Any) -> str:
    """The id of the job of an import."""
    id_: str = (await create(client, upload_id, **given))["job"]["id"]
    return id_


def row_of(id_: str) -> int:
    """The row of a job."""
    return decode_node_id(id_, expected=NodeKind.JOB)[1]
