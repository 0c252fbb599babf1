"""Merging contacts through the API: what is answered, and what others see."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import pytest

from db.transaction import Database
from domain.enums import Role, Seniority
from domain.node_ids import NodeKind, encode_node_id
from domain.records import NewLocation, NewPhone
from tests.client import Client
from tests.factories import make_company, make_contact
from tests.graph.documents import MUTATIONS
from tests.graph.ids import id_of
from tests.graph.merges import MERGE, MERGED, TOMBSTONE, UNDO, merge, pair
from tests.graph.rows import make_activity, read_rows, snapshot
from tests.statements import Statements


async def test_merge_answers_the_survivor_the_merge_and_whence_its_values_come(
    client: Client, resources_database: Database
) -> None:
    """The contact with all that moved to it, the record with its time, and every field."""
    company = await make_company(resources_database, name="Acme")
    ada = await make_contact(
        resources_database, first_name="Ada", emails=("ada@acme.com",), tags=["a"]
    )
    other = await make_contact(
        resources_database,
        last_name="King",
        emails=("king@acme.com",),
        title="CTO",
        tags=["b"],
        seniority=Seniority.VP,
        company_id=id_of(company),
        phones=[NewPhone(number="+49 30 901820", extension="5")],
        location=NewLocation(city="Berlin", country_code="de"),
        last_contacted_at=datetime.fromisoformat("2026-01-31T09:30:00+01:00"),
        do_not_contact=True,
    )
    await make_activity(resources_database, other.id, body="Called")
    payload = await merge(
        client,
        other,
        ada,
        primaryId=id_of(ada),
        defaultPolicy="UNION",
        clientMutationId="m-1",
    )
    assert payload["contact"] == {
        "id": id_of(ada),
        "fullName": "Ada King",
        "title": "CTO",
        "tags": ["a", "b"],
        "email": "ada@acme.com",
        "version": 2,
        "source": "MERGE",
        "emails": [
            {"address": "ada@acme.com", "isPrimary": True},
            {"address": "king@acme.com", "isPrimary": False},
        ],
        "phones": [{"number": "+49 30 901820"}],
        "activities": [{"body": "Called"}],
        "company": {"name": "Acme", "contactCount": 1},
    }
    merged = payload["merge"]
    merged_at = datetime.fromisoformat(merged["mergedAt"])
    assert datetime.fromisoformat(merged["canUndoUntil"]) == merged_at + timedelta(days=7)
    assert (merged["undoneAt"], merged["mergedBy"]) == (None, {"email": "editor@example.com"})
    assert (merged["survivor"], merged["losers"]) == ({"id": id_of(ada)}, [{"id": id_of(other)}])
    assert (payload["userErrors"], payload["clientMutationId"]) == ([], "m-1")
    both, mine, theirs = [id_of(ada), id_of(other)], [id_of(ada)], [id_of(other)]
    addresses = ["ada@acme.com", "king@acme.com"]
    place = {"city": "Berlin", "countryCode": "DE"}
    assert sorted(tuple(origin.values()) for origin in payload["origins"]) == [
        ("COMPANY_ID", id_of(company), theirs, "FILL_EMPTY"),
        ("DO_NOT_CONTACT", True, theirs, None),
        ("EMAILS", addresses, both, "UNION"),
        ("FIRST_NAME", "Ada", mine, "FILL_EMPTY"),
        ("LAST_CONTACTED_AT", "2026-01-31T08:30:00Z", theirs, None),
        ("LAST_NAME", "King", theirs, "FILL_EMPTY"),
        ("LOCATION", place, theirs, "FILL_EMPTY"),
        ("PHONES", ["+4930901820 ext. 5"], theirs, "UNION"),
        ("SENIORITY", "VP", theirs, "FILL_EMPTY"),
        ("TAGS", ["a", "b"], both, "UNION"),
        ("TITLE", "CTO", theirs, "FILL_EMPTY"),
    ]


async def test_a_merged_contact_answers_its_own_id_and_leads_to_the_survivor(
    client: Client, resources_database: Database
) -> None:
    """By its id it is found as a tombstone; no list, count, filter or company has it."""
    company = await make_company(resources_database)
    ada, other, last = [
        await make_contact(
            resources_database,
            first_name=name,
            emails=(f"{name}@x.org",),
            company_id=id_of(company),
        )
        for name in ("Ada", "Adah", "Augusta")
    ]
    await merge(client, ada, other, primaryId=id_of(ada))
    await merge(client, last, ada, primaryId=id_of(last))
    survivor = {"id": id_of(last), "fullName": "Augusta", "mergedInto": None}
    for row, name, version in ((ada, "Ada", 3), (other, "Adah", 2)):
        found = (await client.query(TOMBSTONE, id=id_of(row)))["contact"]
        assert found.pop("deletedAt") is not None
        assert found == {
            "id": id_of(row),
            "firstName": name,
            "email": None,
            "version": version,
            "emails": [],
            "mergedInto": survivor,
        }
    document = """query ($ids: [ID!]!, $company: ID!) {
        nodes(ids: $ids) { id ... on Contact { mergedInto { id } } }
        contacts { totalCount nodes { id } }
        found: contacts(filter: {firstName: {startsWith: "Ada"}}) { totalCount }
        contactsCount { count }
        company(id: $company) { contactCount contacts { totalCount } } }"""
    ids = [id_of(other), id_of(last)]
    data = await client.query(document, ids=ids, company=id_of(company))
    assert data == {
        "nodes": [
            {"id": id_of(other), "mergedInto": {"id": id_of(last)}},
            {"id": id_of(last), "mergedInto": None},
        ],
        "contacts": {"totalCount": 1, "nodes": [{"id": id_of(last)}]},
        "found": {"totalCount": 0},
        "contactsCount": {"count": 1},
        "company": {"contactCount": 1, "contacts": {"totalCount": 1}},
    }


async def test_a_survivor_that_is_deleted_is_shown_to_nobody(
    client: Client, resources_database: Database
) -> None:
    """A tombstone does not tell of it, and neither does the merge."""
    ada, other = await pair(resources_database)
    merged = (await merge(client, ada, other, primaryId=id_of(ada)))["merge"]
    await client.query(MUTATIONS["deleteContact"], input={"id": id_of(ada)})
    found = await client.query(TOMBSTONE, id=id_of(other))
    assert found["contact"]["mergedInto"] is None
    node = f"query ($id: ID!) {{ node(id: $id) {{ ... on Merge {{ {MERGED} }} }} }}"
    shown = (await client.query(node, id=merged["id"]))["node"]
    assert shown == merged | {"survivor": None}


async def test_twenty_tombstones_find_their_survivors_in_one_statement(
    client: Client, resources_database: Database, statements: Statements
) -> None:
    """`mergedInto` is read for all at once, however long the way is."""
    rows = [await make_contact(resources_database, first_name=f"n{at}") for at in range(21)]
    await merge(client, *rows[:11], primaryId=id_of(rows[0]))
    await merge(client, *rows[10:11], *rows[11:], primaryId=id_of(rows[20]))
    ids = [id_of(row) for row in rows]
    document = "query ($ids: [ID!]!) { nodes(ids: $ids) { ... on Contact { mergedInto { id } } } }"
    with statements.recorded() as recorded:
        await client.query(document, ids=ids)
    assert len(recorded) == 2


@pytest.mark.parametrize("name", ["updateContact", "deleteContact", "restoreContact"])
async def test_a_tombstone_cannot_be_written(
    client: Client, resources_database: Database, name: str
) -> None:
    """The refusal names the contact to write instead."""
    ada, other = await pair(resources_database)
    await merge(client, ada, other, primaryId=id_of(ada))
    before = await snapshot(resources_database)
    payload = (await client.query(MUTATIONS[name], input={"id": id_of(other)}))[name]
    message = f"This contact was merged into {id_of(ada)}. Use that one, or undo the merge."
    error = {
        "__typename": "ValidationError",
        "code": "NOT_ALLOWED_IN_STATE",
        "message": message,
        "path": ["id"],
    }
    assert (payload["contact"], payload["userErrors"]) == (None, [error])
    assert await snapshot(resources_database) == before


async def test_dry_run_shows_the_result_and_writes_nothing(
    client: Client, resources_database: Database, statements: Statements
) -> None:
    """The same origins as the merge gives, no contact, no merge, and no memory of the key."""
    ada, other = await pair(resources_database)
    before = await snapshot(resources_database)
    given = {"primaryId": id_of(ada), "idempotencyKey": "k-1"}
    with statements.recorded() as recorded:
        preview = await merge(client, ada, other, dryRun=True, clientMutationId="m", **given)
    assert all(sql.startswith("SELECT") for sql in recorded)
    assert len(recorded) == 4
    assert await snapshot(resources_database) == before
    for table in ("contact_merges", "idempotency_keys"):
        assert await read_rows(resources_database, f"SELECT * FROM {table}") == []
    assert (preview["contact"], preview["merge"]) == (None, None)
    assert (preview["userErrors"], preview["clientMutationId"]) == ([], "m")
    payload = await merge(client, ada, other, **given)
    assert payload["origins"] == preview["origins"]
    assert payload["contact"]["title"] == "CTO"


async def test_mistakes_of_a_merge_are_told_at_once(
    client: Client, resources_database: Database
) -> None:
    """Each with its code and its place in the input, for a dry run too."""
    ada, other = await pair(resources_database)
    before = await snapshot(resources_database)
    for dry_run in (True, False):
        payload = await merge(
            client,
            ada,
            other,
            ada,
            primaryId=encode_node_id(NodeKind.CONTACT, 99),
            fieldPolicies=[{"field": "TITLE", "policy": "UNION"}],
            expectedVersions=[{"id": encode_node_id(NodeKind.CONTACT, 98), "version": 1}],
            dryRun=dry_run,
        )
        assert (payload["contact"], payload["merge"], payload["origins"]) == (None, None, [])
        assert [(error["code"], ".".join(error["path"])) for error in payload["userErrors"]] == [
            ("INVALID_VALUE", "ids.2"),
            ("INVALID_VALUE", "primaryId"),
            ("INVALID_VALUE", "expectedVersions.0"),
            ("INVALID_VALUE", "fieldPolicies.0.policy"),
        ]
    assert await snapshot(resources_database) == before


async def test_a_conflict_shows_the_contact_as_it_is(
    client: Client, resources_database: Database
) -> None:
    """Who expected another version gets the contact with the one it has."""
    ada, other = await pair(resources_database)
    versions = [{"id": id_of(other), "version": 7}]
    (error,) = (await merge(client, ada, other, expectedVersions=versions))["userErrors"]
    assert error == {
        "__typename": "ConflictError",
        "code": "VERSION_CONFLICT",
        "message": "It is at version 1 now. Read it again before you change it.",
        "path": ["expectedVersions", "0", "version"],
        "current": {"id": id_of(other), "version": 1},
    }


async def test_nulls_are_as_good_as_nothing(client: Client, resources_database: Database) -> None:
    """A client that sends every field of the input merges as one that sends the ids alone."""
    ada, other = await pair(resources_database)
    optional = ("primaryId", "defaultPolicy", "fieldPolicies", "expectedVersions", "dryRun")
    payload = await merge(client, ada, other, **dict.fromkeys(optional))
    assert payload["userErrors"] == []
    assert payload["contact"]["title"] == "CTO"


async def test_id_of_another_kind_is_bad_user_input(
    client: Client, resources_database: Database
) -> None:
    """Only contacts are merged, and only merges are undone."""
    company, ada = await make_company(resources_database), await make_contact(resources_database)
    wanted = {"ids": [id_of(ada), id_of(company)]}
    for document, given in ((MERGE, wanted), (MERGE, {**wanted, "dryRun": True})):
        error = await client.fail(document, input=given)
        assert error["extensions"]["code"] == "BAD_USER_INPUT"
    error = await client.fail(UNDO, input={"mergeId": id_of(ada)})
    assert error["message"] == f"'{id_of(ada)}' is the id of a contact, not of a merge."


async def test_readers_merge_nothing(
    client_as: Callable[[Role], Awaitable[Client]], resources_database: Database
) -> None:
    """Merging, looking what it would do, and undoing need the role editor."""
    reader = await client_as(Role.VIEWER)
    ada, other = await pair(resources_database)
    ids = [id_of(ada), id_of(other)]
    merge_id = encode_node_id(NodeKind.MERGE, 1)
    for document, given in (
        (MERGE, {"ids": ids}),
        (MERGE, {"ids": ids, "dryRun": True}),
        (UNDO, {"mergeId": merge_id}),
    ):
        error = await reader.fail(document, input=given)
        assert error["extensions"]["code"] == "FORBIDDEN"


async def test_merges_at_once_end_in_one_result_and_clear_conflicts(
    client: Client, resources_database: Database
) -> None:
    """Of many merges that share contacts no deadlock shows; all addresses are with who is left."""
    company = await make_company(resources_database)
    rows = [
        await make_contact(
            resources_database,
            first_name=f"n{at}",
            emails=(f"{at}@x.org",),
            company_id=id_of(company) if at % 3 == 0 else None,
        )
        for at in range(6)
    ]
    renames = [
        client.query(MUTATIONS["updateCompany"], input={"id": id_of(company), "name": name})
        for name in "ABC"
    ]
    merges = [
        merge(client, one, another) for at, one in enumerate(rows) for another in rows[at + 1 :]
    ]
    payloads = (await asyncio.gather(*merges, *renames))[: len(merges)]
    done = [payload for payload in payloads if payload["merge"]]
    codes = {error["code"] for payload in payloads for error in payload["userErrors"]}
    assert (len(done), codes) == (5, {"NOT_ALLOWED_IN_STATE"})
    document = "{ contacts { nodes { emails { address } } } }"
    (left,) = (await client.query(document))["contacts"]["nodes"]
    assert sorted(email["address"] for email in left["emails"]) == [
        f"{at}@x.org" for at in range(6)
    ]
