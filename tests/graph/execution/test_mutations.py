"""Every mutation, compiled and by graphql-core, each on a database of its own that starts equal.

They answer the same, write the same statements in the same order, and leave the same rows.
"""

import re
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final

import pytest
from graphql import FieldNode, OperationDefinitionNode, parse
from sqlalchemy.engine import URL

from domain.enums import Role
from domain.node_ids import NodeKind, encode_node_id
from graph.schema import core_schema
from tests.apps import App, open_app
from tests.client import Client
from tests.databases import database_of_its_own
from tests.graph.accounts import DOCUMENTS as ACCOUNTS
from tests.graph.accounts import PASSWORD
from tests.graph.bulk import BULK
from tests.graph.documents import MUTATIONS
from tests.graph.execution.materials import fill
from tests.graph.exports import CREATE as EXPORT
from tests.graph.imports import CREATE as IMPORT
from tests.graph.imports import PREVIEW, TAKE_BACK
from tests.graph.jobs import BACKGROUND, CANCEL, job_id
from tests.graph.merges import MERGE, UNDO
from tests.graph.privacy import ADD, ERASE, LIFT
from tests.graph.rows import snapshot
from tests.graph.test_uploads import CREATE as UPLOAD
from tests.statements import Statements

# Made anew by each database.
_VOLATILE: Final = re.compile(
    r"[0-9a-f]{8}(?:-?[0-9a-f]{4}){3}-?[0-9a-f]{12}"
    r"|\d{4}-\d\d-\d\d[T ]\d\d:\d\d:[\d.]+(?:Z|\+00:00)"
)
_WRITES: Final = re.compile(r"\b(?:INSERT|UPDATE|DELETE|MERGE)\b")

SEVERAL: Final = """
mutation Several($first: CreateContactInput!, $second: CreateContactInput!, $no: Boolean = false) {
  second: createContact(input: $second) { ...Made }
  ... on Mutation { first: createContact(input: $first) { ...Made clientMutationId } }
  never: deleteContact(input: {id: "AQEB"}) @include(if: $no) { __typename }
  refused: createContact(input: $first) { ...Made userErrors { __typename code path } }
  tagContacts(input: {filter: {firstName: {eq: "Twin"}}, add: ["seen"]}) {
    counts { updated } results { contact { id tags company { name contactCount } } } }
}
fragment Made on CreateContactPayload {
  contact { ...Named emails { address } createdAt uuid } userErrors { message } }
fragment Named on Node { id ... on Contact { fullName } __typename }
"""
STOPPED: Final = """
mutation { a: createContact(input: {firstName: "Before"}) { contact { firstName } }
  b: deleteContact(input: {id: "broken"}) { contact { id } }
  c: createContact(input: {firstName: "After"}) { contact { firstName } } }
"""
CACHES: Final = """
mutation ($pattern: String!) {
  invalidateCache(input: {pattern: $pattern, reason: "test"}) { removed userErrors { message } }
  warmCache(input: {names: ["contacts:popular"]}) { userErrors { message } } }
"""


def _id(kind: NodeKind, row_id: int) -> str:
    return encode_node_id(kind, row_id)


def _contacts(*row_ids: int) -> list[str]:
    return [_id(NodeKind.CONTACT, row_id) for row_id in row_ids]


def _steps() -> Iterator[tuple[str, dict[str, Any]]]:
    """What is sent, in this order: successes, refusals and errors of the whole answer."""
    acme = {"name": "Acme", "domain": "acme-inc.com"}
    yield MUTATIONS["createCompany"], {"input": acme}
    yield MUTATIONS["createCompany"], {"input": acme}
    company = _id(NodeKind.COMPANY, 1)
    yield MUTATIONS["updateCompany"], {"input": {"id": company, "name": "B", "industries": ["x"]}}
    yield MUTATIONS["updateCompany"], {"input": {"id": company, "name": "C", "expectedVersion": 1}}
    yield MUTATIONS["deleteCompany"], {"input": {"id": company}}
    yield MUTATIONS["restoreCompany"], {"input": {"id": company}}
    ada = {"firstName": "Ada", "emails": [{"address": "ada@acme.example"}], "companyId": company}
    yield MUTATIONS["createContact"], {"input": {**ada, "idempotencyKey": "k"}}
    yield MUTATIONS["createContact"], {"input": {**ada, "idempotencyKey": "k"}}
    yield MUTATIONS["createContact"], {"input": {"emails": [{"address": "no address"}]}}
    one, two = _contacts(15, 11)
    yield MUTATIONS["updateContact"], {"input": {"id": one, "title": "CTO", "lastName": None}}
    yield MUTATIONS["updateContact"], {"input": {"id": company, "title": "CTO"}}
    yield MUTATIONS["deleteContact"], {"input": {"id": two}}
    yield MUTATIONS["restoreContact"], {"input": {"id": two, "clientMutationId": "m"}}
    rows = [{"firstName": "Twin"}, {"emails": [{"address": "ada@acme.example"}], "title": "CEO"}]
    yield BULK["upsertContacts"], {"input": {"rows": [*rows, {"emails": [{"address": "x"}]}]}}
    yield BULK["updateContacts"], {"input": {"ids": _contacts(12, 13), "set": {"stage": "won"}}}
    yield BULK["updateContacts"], {"input": {"ids": ["broken"], "set": {"stage": "won"}}}
    yield BULK["tagContacts"], {"input": {"ids": _contacts(12, 10**9), "add": ["a"], "remove": []}}
    yield BULK["deleteContacts"], {"input": {"ids": _contacts(14), "errorPolicy": None}}
    yield BULK["upsertCompanies"], {"input": {"rows": [acme | {"stage": "x"}, {"name": "New"}]}}
    yield BULK["updateCompanies"], {"input": {"ids": [company], "set": {"stage": "lost"}}}
    yield BULK["deleteCompanies"], {"input": {"filter": {"name": {"eq": "New"}}}}
    later = {"ids": _contacts(15, 16), "inBackground": True, "idempotencyKey": "later"}
    yield BACKGROUND["tagContacts"], {"input": {**later, "add": ["later"]}}
    yield BACKGROUND["tagContacts"], {"input": {**later, "add": ["later"]}}
    yield BACKGROUND["tagContacts"], {"input": {**later, "idempotencyKey": None}}
    yield BACKGROUND["deleteContacts"], {"input": {"filter": {"city": {}}, "inBackground": True}}
    yield BACKGROUND["deleteCompanies"], {"input": {"ids": [company], "inBackground": True}}
    yield CANCEL, {"input": {"id": job_id(8)}}
    yield CANCEL, {"input": {"id": job_id(8)}}
    yield CANCEL, {"input": {"id": job_id(10**9)}}
    yield CANCEL, {"input": {"id": company}}
    yield SEVERAL, {"first": {**ada, "emails": [{"address": "f@acme.example"}]}, "second": {}}
    yield SEVERAL, {"first": {"firstName": "Twin"}, "second": {"firstName": "Twin"}}
    yield STOPPED, {}
    yield MERGE, {"input": {"ids": _contacts(20, 21), "dryRun": True}}
    yield MERGE, {"input": {"ids": _contacts(20, 21)}}
    yield MERGE, {"input": {"ids": _contacts(20, 21)}}
    yield UNDO, {"input": {"mergeId": _id(NodeKind.MERGE, 3)}}
    yield UNDO, {"input": {"mergeId": _id(NodeKind.MERGE, 3)}}
    yield ADD, {"input": {"email": "nobody@acme.example", "reason": "asked"}}
    yield LIFT, {"input": {"id": _id(NodeKind.SUPPRESSION, 1)}}
    yield LIFT, {"input": {"id": _id(NodeKind.SUPPRESSION, 1)}}
    yield ERASE, {"input": {"ids": [one, "broken"]}}
    yield ERASE, {"input": {"ids": _contacts(41, 12)}}


def _exports() -> Iterator[tuple[str, dict[str, Any]]]:
    yield EXPORT, {"input": {"contacts": {}, "columns": ["uuid"], "idempotencyKey": "file"}}
    yield EXPORT, {"input": {"contacts": {}, "columns": ["uuid"], "idempotencyKey": "file"}}
    yield EXPORT, {"input": {"companies": {}, "columns": ["shoeSize"], "bom": True}}
    yield EXPORT, {"input": {"companies": {"filter": {"city": {"eq": None}}}}}


def _imports() -> Iterator[tuple[str, dict[str, Any]]]:
    file = {"kind": "CONTACTS", "filename": "b.csv", "totalBytes": 9}
    yield UPLOAD, {"input": {**file, "networkCondition": "SLOW"}}
    yield UPLOAD, {"input": {**file, "totalBytes": 0}}
    sent, partial = [{"uploadId": _id(NodeKind.UPLOAD, row_id)} for row_id in (1, 2)]
    yield PREVIEW, {"input": partial}
    yield PREVIEW, {"input": {**sent, "mapping": [{"column": "a", "field": "b"}]}}
    yield IMPORT, {"input": partial}
    yield IMPORT, {"input": {**sent, "options": {"tag": "fair"}}}
    yield IMPORT, {"input": {**sent, "options": {"tag": "fair"}, "idempotencyKey": "import"}}
    yield TAKE_BACK, {"input": {"id": job_id(6)}}
    yield TAKE_BACK, {"input": {"id": _id(NodeKind.CONTACT, 1)}}


def _accounts() -> Iterator[tuple[str, dict[str, Any]]]:
    """What makes no secret, which would be another one in each database."""
    user = {"email": "eve@acme.example", "role": "VIEWER", "password": PASSWORD}
    yield ACCOUNTS["createUser"], {"input": user}
    yield ACCOUNTS["createUser"], {"input": user}
    yield ACCOUNTS["createUser"], {"input": {**user, "email": "x", "password": "short"}}
    yield ACCOUNTS["updateUser"], {"input": {"id": _id(NodeKind.USER, 1), "name": "Eve"}}
    yield ACCOUNTS["updateUser"], {"input": {"id": _id(NodeKind.USER, 1), "role": None}}
    yield ACCOUNTS["resetPassword"], {"input": {"id": _id(NodeKind.USER, 1), "password": "short"}}
    yield ACCOUNTS["login"], {"input": {"email": "eve@acme.example", "password": "wrong"}}
    yield ACCOUNTS["refreshToken"], {"input": {"refreshToken": "wrong"}}
    yield ACCOUNTS["logout"], {"input": {"clientMutationId": "m"}}
    passwords = {"currentPassword": "wrong", "newPassword": PASSWORD}
    yield ACCOUNTS["changePassword"], {"input": passwords}
    yield ACCOUNTS["updateProfile"], {"input": {"email": None}}
    yield ACCOUNTS["createApiToken"], {"input": {"name": "", "scopes": ["ACCOUNT"]}}
    yield ACCOUNTS["revokeApiToken"], {"input": {"id": _id(NodeKind.API_TOKEN, 1)}}
    yield ACCOUNTS["revokeApiToken"], {"input": {"id": _id(NodeKind.API_TOKEN, 9)}}


def _steps_without_a_cache() -> Iterator[tuple[str, dict[str, Any]]]:
    yield CACHES, {"pattern": "query_cache:*"}
    yield CACHES, {"pattern": ""}


def _all_steps() -> Iterator[tuple[str, dict[str, Any]]]:
    yield from _steps()
    yield from _exports()
    yield from _imports()
    yield from _accounts()
    yield from _steps_without_a_cache()


@pytest.fixture
async def apart(server_url: URL, template: str, tmp_path: Path) -> AsyncIterator[list[App]]:
    """An application that compiles and one that does not, on two databases with equal rows."""
    async with AsyncExitStack() as stack:
        apps = []
        for compiled in (True, False):
            name = f"{template}_{'compiled' if compiled else 'core'}"
            url = await stack.enter_async_context(
                database_of_its_own(server_url, name=name, template=template)
            )
            app = await stack.enter_async_context(
                open_app(url, tmp_path / name, enable_compiled_execution=compiled)
            )
            await fill(app)
            apps.append(app)
        yield apps


async def _sent(app: App, admin: Client, document: str, variables: dict[str, Any]) -> Any:
    """The answer to a mutation and the statements by which it wrote, without what is volatile."""
    statements = Statements()
    app.resources.database.observers.append(statements.observe)
    with statements.recorded() as sql:
        answer = await admin.http.post(
            "/graphql",
            json={"query": document, "variables": variables},
            headers=admin.headers | {"X-Request-ID": "same"},
        )
    app.resources.database.observers.remove(statements.observe)
    writes = [text for text in sql if _WRITES.search(text)]
    return answer.status_code, _VOLATILE.sub("…", answer.text), writes


async def test_every_mutation_answers_and_writes_the_same(apart: list[App]) -> None:
    """One after the other, so that what one leaves the next one finds."""
    admins = [app.client(Role.ADMIN) for app in apart]
    wrote = 0
    for document, variables in _all_steps():
        compiled, core = [
            await _sent(app, admin, document, variables)
            for app, admin in zip(apart, admins, strict=True)
        ]
        assert compiled == core, f"{document}\n{variables}"
        wrote += bool(compiled[2])
    assert wrote > 20
    left = [str(await snapshot(app.resources.database)) for app in apart]
    assert _stable(left[0]) == _stable(left[1])


def _stable(rows: str) -> str:
    """Rows without the ids and times that each database made itself."""
    return re.sub(r"datetime\.datetime\([^)]*\)", "…", re.sub(r"UUID\('[^']*'\)", "…", rows))


def test_every_mutation_of_the_schema_is_tried() -> None:
    """A new one is added to the steps."""
    mutation = core_schema().mutation_type
    assert mutation is not None
    tried = {
        node.name.value
        for document, _ in _all_steps()
        for operation in parse(document).definitions
        if isinstance(operation, OperationDefinitionNode)
        for node in operation.selection_set.selections
        if isinstance(node, FieldNode)
    }
    assert set(mutation.fields) <= tried
