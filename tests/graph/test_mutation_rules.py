"""The rules that all mutations share: versions, ids, roles, order and how they may be sent."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from db.transaction import Database
from domain.enums import Role
from domain.node_ids import NodeKind, encode_node_id
from tests.client import Client
from tests.factories import make_company, make_contact
from tests.graph.documents import MUTATIONS
from tests.graph.ids import id_of
from tests.graph.rows import read_rows, snapshot

OF_RECORDS = [name for name in MUTATIONS if not name.startswith("create")]


def field_of(name: str) -> str:
    """The field of a payload that holds the record."""
    return "contact" if "Contact" in name else "company"


async def test_wrong_expected_version_is_a_conflict_error(
    client: Client, resources_database: Database
) -> None:
    """A record that has moved on comes back as it is now, and stays that way."""
    for name in OF_RECORDS:
        await assert_conflict(client, resources_database, name)


async def assert_conflict(client: Client, resources_database: Database, name: str) -> None:
    """The mutation of a new record refuses every version but the record's own."""
    make = make_contact if "Contact" in name else make_company
    record = id_of(await make(resources_database))
    kind = field_of(name).capitalize()
    if name.startswith("restore"):
        await client.query(MUTATIONS[f"delete{kind}"], input={"id": record})
        version = 2
    else:
        version = 1
    before = await snapshot(resources_database)
    given = {"id": record, "expectedVersion": version + 6, "clientMutationId": "m"}
    payload = (await client.query(MUTATIONS[name], input=given))[name]
    assert payload[field_of(name)] is None
    assert payload["clientMutationId"] == "m"
    current = None if name.startswith("restore") else {"id": record, "version": version}
    assert payload["userErrors"] == [
        {
            "__typename": "ConflictError",
            "code": "VERSION_CONFLICT",
            "message": f"It is at version {version} now. Read it again before you change it.",
            "path": ["expectedVersion"],
            "current": current,
        }
    ]
    assert await snapshot(resources_database) == before
    given["expectedVersion"] = version
    payload = (await client.query(MUTATIONS[name], input=given))[name]
    assert payload["userErrors"] == []


async def test_unknown_and_malformed_ids_are_refused(
    client: Client, resources_database: Database
) -> None:
    """An id of nothing is NOT_FOUND as data; one that is none, or of another kind, an error."""
    contact, company = (
        await make_contact(resources_database),
        await make_company(resources_database),
    )
    before = await snapshot(resources_database)
    for name in OF_RECORDS:
        is_contact = "Contact" in name
        unknown = encode_node_id(NodeKind.CONTACT if is_contact else NodeKind.COMPANY, 10**12)
        state = "deleted " if name.startswith("restore") else ""
        payload = (await client.query(MUTATIONS[name], input={"id": unknown}))[name]
        assert payload[field_of(name)] is None
        assert payload["userErrors"] == [
            {
                "__typename": "ValidationError",
                "code": "NOT_FOUND",
                "message": f"There is no {state}{field_of(name)} with this id.",
                "path": ["id"],
            }
        ]
        other = id_of(company if is_contact else contact)
        for wrong in ("nonsense", "", other):
            answer = await client.send(MUTATIONS[name], input={"id": wrong})
            assert answer["data"] is None
            (error,) = answer["errors"]
            assert error["extensions"]["code"] == "BAD_USER_INPUT"
            assert error["path"] == [name]
    assert await snapshot(resources_database) == before


async def test_deleted_record_can_neither_be_changed_nor_deleted_again(
    client: Client, resources_database: Database
) -> None:
    """Only `restore` finds a deleted record, and finds nothing else."""
    record = {"id": id_of(await make_contact(resources_database))}
    live = await client.query(MUTATIONS["restoreContact"], input=record)
    assert live["restoreContact"]["userErrors"][0]["code"] == "NOT_FOUND"
    await client.query(MUTATIONS["deleteContact"], input=record)
    before = await snapshot(resources_database)
    for name in ("updateContact", "deleteContact"):
        payload = (await client.query(MUTATIONS[name], input=record))[name]
        assert payload["userErrors"][0]["code"] == "NOT_FOUND"
    assert await snapshot(resources_database) == before


@pytest.mark.parametrize("name", ["createContact", "updateContact"])
async def test_company_id_of_no_company_is_not_found(
    client: Client, resources_database: Database, name: str
) -> None:
    """`companyId` must name a live company; the mistake is told at its path."""
    contact = await make_contact(resources_database)
    gone = await make_company(resources_database)
    await client.query(MUTATIONS["deleteCompany"], input={"id": id_of(gone)})
    before = await snapshot(resources_database)
    unknown = encode_node_id(NodeKind.COMPANY, 10**12)
    for company in (unknown, id_of(gone), "nonsense", id_of(contact)):
        given: dict[str, Any] = {"firstName": "Changed", "companyId": company}
        if name == "updateContact":
            given["id"] = id_of(contact)
        payload = (await client.query(MUTATIONS[name], input=given))[name]
        (error,) = payload["userErrors"]
        assert (error["code"], error["path"]) == ("NOT_FOUND", ["companyId"])
    assert await snapshot(resources_database) == before


async def test_viewer_may_not_write(
    client_as: Callable[[Role], Awaitable[Client]], resources_database: Database
) -> None:
    """Every mutation of a viewer is FORBIDDEN, and nothing is changed."""
    viewer = await client_as(Role.VIEWER)
    contact = id_of(await make_contact(resources_database))
    company = id_of(await make_company(resources_database))
    before = await snapshot(resources_database)
    for name, document in MUTATIONS.items():
        given: dict[str, Any] = {"id": contact if "Contact" in name else company}
        if name.startswith("create"):
            given = {"firstName": "A"} if "Contact" in name else {"name": "A"}
        answer = await viewer.send(document, input=given)
        assert "data" not in answer
        (error,) = answer["errors"]
        assert error["extensions"]["code"] == "FORBIDDEN"
        assert error["message"] == f"{name} needs the role editor; yours is viewer."
    assert await snapshot(resources_database) == before


async def test_admin_may_write(client_as: Callable[[Role], Awaitable[Client]]) -> None:
    """A higher role may all that a lower one may."""
    admin = await client_as(Role.ADMIN)
    payload = await admin.query(MUTATIONS["createCompany"], input={"name": "Acme"})
    assert payload["createCompany"]["company"]["name"] == "Acme"


async def test_mutations_of_one_document_run_in_order(
    client: Client, resources_database: Database
) -> None:
    """The second mutation sees what the first has done, and each answers its own moment."""
    contact = await make_contact(resources_database, emails=("old@acme.com",), first_name="Zero")
    data = await client.query(
        """mutation ($id: ID!) {
          one: updateContact(input: {id: $id, expectedVersion: 1, firstName: "One",
                                     emails: [{address: "one@acme.com"}]})
            { contact { firstName version emails { address } } userErrors { code } }
          two: updateContact(input: {id: $id, expectedVersion: 2, firstName: "Two",
                                     emails: [{address: "two@acme.com"}]})
            { contact { firstName version emails { address } } userErrors { code } }
          stale: updateContact(input: {id: $id, expectedVersion: 1, firstName: "Never"})
            { contact { id } userErrors { code ... on ConflictError {
                current { ... on Contact { firstName version } } } } }
          new: createContact(input: {emails: [{address: "old@acme.com"}]})
            { userErrors { code } } }""",
        id=id_of(contact),
    )
    assert data["one"] == {
        "contact": {"firstName": "One", "version": 2, "emails": [{"address": "one@acme.com"}]},
        "userErrors": [],
    }
    assert data["two"] == {
        "contact": {"firstName": "Two", "version": 3, "emails": [{"address": "two@acme.com"}]},
        "userErrors": [],
    }
    assert data["stale"] == {
        "contact": None,
        "userErrors": [{"code": "VERSION_CONFLICT", "current": {"firstName": "Two", "version": 3}}],
    }
    assert data["new"] == {"userErrors": []}


async def test_null_where_nothing_may_be_missing_is_refused_or_means_the_default(
    client: Client, resources_database: Database
) -> None:
    """Null for a column that is never null means its default, or is a mistake with a name."""
    record = await make_contact(
        resources_database, emails=("ada@acme.com",), custom_fields={"a": 1}
    )
    given: dict[str, Any] = {"id": id_of(record), "doNotContact": None, "source": None}
    payload = (await client.query(MUTATIONS["updateContact"], input=given))["updateContact"]
    assert [(error["code"], error["path"]) for error in payload["userErrors"]] == [
        ("REQUIRED", ["doNotContact"]),
        ("REQUIRED", ["source"]),
    ]
    given = {
        "id": id_of(record),
        "customFields": None,
        "tags": None,
        "emails": [{"address": "a@acme.com", "status": None, "type": None, "isPrimary": None}],
        "phones": [{"number": "+49 30 901820", "type": None, "extension": None}],
    }
    payload = (await client.query(MUTATIONS["updateContact"], input=given))["updateContact"]
    assert payload["userErrors"] == []
    data = await client.query(
        """query ($id: ID!) { contact(id: $id) { customFields tags emails { status type isPrimary }
             phones { type extension isPrimary } } }""",
        id=id_of(record),
    )
    assert data["contact"] == {
        "customFields": {},
        "tags": [],
        "emails": [{"status": "UNKNOWN", "type": None, "isPrimary": True}],
        "phones": [{"type": "OTHER", "extension": None, "isPrimary": True}],
    }


async def test_great_numbers_in_custom_fields_come_back(
    client: Client, resources_database: Database
) -> None:
    """A number that the database writes with more digits than 64 bits hold can still be read."""
    given = {"great": 1e30, "less": -1e25, "whole": 2**53 + 1, "text": "1" * 30, "most": 2**62}
    document = """mutation ($c: JSON) { createContact(input: {firstName: "A", customFields: $c}) {
        contact { customFields } } }"""
    data = await client.query(document, c=given)
    assert data == {"createContact": {"contact": {"customFields": given}}}
    listed = await client.query("{ contacts { nodes { customFields } } }")
    assert listed == {"contacts": {"nodes": [{"customFields": given}]}}


async def test_failed_mutation_does_not_stop_or_undo_the_others(
    client: Client, resources_database: Database
) -> None:
    """Each mutation is a transaction of its own."""
    data = await client.query(
        """mutation { a: createCompany(input: {name: "A"}) { company { name } }
                      b: createCompany(input: {}) { company { name } userErrors { code } }
                      c: createCompany(input: {name: "C"}) { company { name } } }"""
    )
    assert data == {
        "a": {"company": {"name": "A"}},
        "b": {"company": None, "userErrors": [{"code": "REQUIRED"}]},
        "c": {"company": {"name": "C"}},
    }
    stored = await read_rows(resources_database, "SELECT name FROM companies ORDER BY id")
    assert stored == [("A",), ("C",)]


async def test_payload_shows_the_relations_as_they_are_after_the_write(
    client: Client, resources_database: Database
) -> None:
    """What a payload selects beyond the record is read after COMMIT."""
    company = await make_company(resources_database, name="Acme")
    contact = await make_contact(resources_database, first_name="Ada")
    document = """mutation ($id: ID!, $company: ID!) {
      updateContact(input: {id: $id, companyId: $company}) {
        contact { company { contactCount contacts { totalCount nodes { firstName } } } } } }"""
    data = await client.query(document, id=id_of(contact), company=id_of(company))
    assert data["updateContact"]["contact"]["company"] == {
        "contactCount": 1,
        "contacts": {"totalCount": 1, "nodes": [{"firstName": "Ada"}]},
    }


async def test_mutation_by_get_is_not_allowed(
    http: httpx.AsyncClient, client: Client, resources_database: Database
) -> None:
    """A link never writes: 405 with the method that is allowed, and nothing is changed."""
    ids = {
        "contact": id_of(await make_contact(resources_database)),
        "company": id_of(await make_company(resources_database)),
    }
    before = await snapshot(resources_database)
    for name, document in MUTATIONS.items():
        given: dict[str, str] = {"id": ids[field_of(name)]}
        if name.startswith("create"):
            given = {"firstName": "A"} if "Contact" in name else {"name": "A"}
        response = await http.get(
            "/graphql",
            params={"query": document, "variables": json.dumps({"input": given})},
            headers={"Authorization": client.headers["Authorization"]},
        )
        assert response.status_code == 405
        assert response.headers["allow"] == "POST"
        (error,) = response.json()["errors"]
        assert error["extensions"]["code"] == "METHOD_NOT_ALLOWED"
    assert await snapshot(resources_database) == before


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z"])
async def test_moment_outside_the_calendar_is_refused(client: Client, moment: str) -> None:
    """A moment that PostgreSQL would keep as infinity is an error of its field, and not stored."""
    data = await client.query(
        """mutation ($at: DateTime) {
             createContact(input: {firstName: "Ada", lastContactedAt: $at}) {
               contact { id } userErrors { code path } } }""",
        at=moment,
    )
    assert data["createContact"] == {
        "contact": None,
        "userErrors": [{"code": "INVALID_VALUE", "path": ["lastContactedAt"]}],
    }
    listed = await client.query(
        "{ contacts(orderBy: [{field: LAST_CONTACTED_AT}]) { edges { cursor } } }"
    )
    assert listed["contacts"]["edges"] == []


async def test_endless_combining_marks_are_refused_at_once(client: Client) -> None:
    """A text that would keep the server busy for minutes is an error of its field."""
    data = await client.query(
        """mutation ($name: String) {
             createContact(input: {firstName: $name}) { userErrors { code path } } }""",
        name="a" + "\u0316\u0301" * 200_000,
    )
    assert data["createContact"]["userErrors"] == [{"code": "INVALID_VALUE", "path": ["firstName"]}]
