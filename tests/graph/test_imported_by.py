"""Promises of `importedBy` at every door: what an import has written, for who may see it."""

from collections.abc import Awaitable, Callable
from typing import Any, Final

import pytest
from sqlalchemy.engine import URL

from app.resources import Resources
from domain.enums import Role
from domain.node_ids import NodeKind, encode_node_id
from domain.viewer import Permission
from jobs.exports import export_handlers
from tests.client import Client
from tests.factories import make_company, make_contact
from tests.graph.imports import (
    PEOPLE,
    an_import,
    row_of,
    sent,
)
from tests.graph.rows import execute
from tests.jobs.working import ended, worker

EXPORT: Final = (
    "mutation ($input: CreateExportInput!) { createExport(input: $input) { job { id } } }"
)
FILE: Final = "query ($id: ID!) { job(id: $id) { status ... on ExportJob { rowCount } } }"
STREAM: Final = """
query ($filter: ContactFilter) { exportContactsStreamUrl(filter: $filter, columns: ["firstName"],
  format: CSV) }
"""
OWN: Final = """
query ($filter: ContactFilter) { companies { nodes {
  contacts(filter: $filter) { nodes { firstName } } } } }
"""
CONTACTS: Final = """
query ($filter: ContactFilter) { contacts(filter: $filter) { nodes { firstName } totalCount }
  contactsCount(filter: $filter) { count } }
"""
ClientAs = Callable[[Role], Awaitable[Client]]


@pytest.fixture
async def upload_id(client: Client, resources: Resources) -> str:
    """A file of two people that an editor has sent."""
    return await sent(resources, client, PEOPLE)


@pytest.fixture
async def admin(client_as: ClientAs) -> Client:
    """An admin."""
    return await client_as(Role.ADMIN)


@pytest.fixture
async def imported(client: Client, upload_id: str, resources: Resources) -> dict[str, Any]:
    """A filter by an import of the client, which has made Ada of Acme, but not Bob."""
    id_ = await an_import(client, upload_id)
    acme = encode_node_id(NodeKind.COMPANY, (await make_company(resources.database)).id)
    ada = await make_contact(resources.database, first_name="Ada", company_id=acme)
    await make_contact(resources.database, first_name="Bob", company_id=acme)
    batch = "INSERT INTO import_batches (job_id, line, contact_ids) VALUES ($1, 1, $2)"
    await execute(resources.database, batch, row_of(id_), [ada.id])
    return {"importedBy": id_}


async def narrowed(admin: Client, resources: Resources) -> Client:
    """A program of an admin, with a token for reading and exporting."""
    viewer = resources.tokens.read(admin.headers["Authorization"].removeprefix("Bearer "))
    made = await resources.accounts.api_tokens.create(
        viewer, name="Reader", scopes=[Permission.READ, Permission.EXPORT], expires_at=None
    )
    return Client(admin.http, made.secret)


async def test_contacts_of_an_import_are_found_by_its_owner(
    client: Client,
    client_as: ClientAs,
    admin: Client,
    imported: dict[str, Any],
    resources: Resources,
) -> None:
    """In lists, counts and below companies, however deep; for strangers it matches nothing.

    An admin's token that is for reading alone is no more than a stranger's.
    """
    stranger, reader = await client_as(Role.VIEWER), await narrowed(admin, resources)
    for filter_ in (imported, {"and": [{"or": [imported]}]}):
        for asker, names in ((client, ["Ada"]), (admin, ["Ada"]), (stranger, []), (reader, [])):
            data = await asker.query(CONTACTS, filter=filter_)
            assert [node["firstName"] for node in data["contacts"]["nodes"]] == names
            assert data["contacts"]["totalCount"] == len(names)
            assert data["contactsCount"]["count"] == len(names)
            (acme,) = (await asker.query(OWN, filter=filter_))["companies"]["nodes"]
            assert [node["firstName"] for node in acme["contacts"]["nodes"]] == names


async def test_contacts_of_an_import_are_exported_for_its_owner(
    client: Client,
    client_as: ClientAs,
    admin: Client,
    imported: dict[str, Any],
    resources: Resources,
    database_url: URL,
) -> None:
    """By an address, which says itself who asks, and by a job, whose owner does."""
    viewer, reader = await client_as(Role.VIEWER), await narrowed(admin, resources)
    handlers = export_handlers(resources.exporter)
    async with worker(resources.database, database_url, handlers):
        for asker, rows in ((client, ["Ada"]), (admin, ["Ada"]), (viewer, []), (reader, [])):
            address = (await asker.query(STREAM, filter=imported))["exportContactsStreamUrl"]
            streamed = await asker.http.get(address)
            assert streamed.text.split() == ["firstName", *rows]
            data = await asker.query(EXPORT, input={"contacts": {"filter": imported}})
            id_ = data["createExport"]["job"]["id"]
            await ended(resources.database, row_of(id_))
            job = (await asker.query(FILE, id=id_))["job"]
            assert job == {"status": "COMPLETED", "rowCount": str(len(rows))}


async def test_contacts_of_an_import_are_changed_together(
    client: Client, imported: dict[str, Any]
) -> None:
    """What changes many takes the filter too."""
    document = """
    mutation ($input: TagContactsInput!) { tagContacts(input: $input) {
      counts { updated } userErrors { message } } }
    """
    data = await client.query(document, input={"filter": imported, "add": ["fair"]})
    assert data["tagContacts"] == {"counts": {"updated": 1}, "userErrors": []}
