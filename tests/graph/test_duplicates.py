"""Duplicates through the API: groups, their records, and pages of them."""

from collections.abc import Sequence
from typing import Any

import pytest

from db.transaction import Database
from domain.records import NewLocation, NewPhone
from tests.apps import App
from tests.client import Client
from tests.factories import make_company, make_contact
from tests.graph.ids import id_of
from tests.graph.rows import execute
from tests.statements import Statements

CONTACTS = """query ($first: Int, $after: String, $last: Int, $before: String,
    $matchOn: [ContactMatchKey!]) {
  contactDuplicates(first: $first, after: $after, last: $last, before: $before,
      matchOn: $matchOn) {
    totalCount pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
    edges { cursor }
    nodes { matchKey value isSuggestion count contacts { id } } } }"""
COMPANIES = """query ($matchOn: [CompanyMatchKey!]) { companyDuplicates(matchOn: $matchOn) {
    totalCount nodes { matchKey value isSuggestion count companies { id } } } }"""
ADA = "https://www.linkedin.com/in/ada"


async def duplicates(client: Client, **arguments: Any) -> Any:
    """A page of groups of contacts."""
    return (await client.query(CONTACTS, **arguments))["contactDuplicates"]


async def twins(database: Database, name: str, **fields: Any) -> list[str]:
    """The ids of two contacts of a name."""
    rows = [await make_contact(database, first_name=name, last_name="King", **fields) for _ in "ab"]
    return [id_of(row) for row in rows]


async def test_groups_show_their_key_and_their_contacts(
    client: Client, resources_database: Database
) -> None:
    """By default the keys that decide; suggestions for those who ask."""
    company = id_of(await make_company(resources_database, domain="acme.com"))
    profile = await twins(resources_database, "A", linkedin_url=ADA)
    phone = await twins(resources_database, "B", phones=[NewPhone(number="+49 30 901820")])
    name = await twins(resources_database, "Ada", company_id=company)
    mailbox = [
        id_of(await make_contact(resources_database, emails=(address,)))
        for address in ("ada@acme.com", "ada+x@acme.com")
    ]

    def group(key: str, value: str, ids: Sequence[str], *, suggested: bool) -> dict[str, Any]:
        contacts = [{"id": node_id} for node_id in ids]
        told = {"matchKey": key, "value": value, "isSuggestion": suggested, "count": 2}
        return told | {"contacts": contacts}

    certain = [
        group("LINKEDIN_URL", ADA, profile, suggested=False),
        group("PHONE_AND_LAST_NAME", "+4930901820, king", phone, suggested=False),
    ]
    page = await duplicates(client)
    assert (page["totalCount"], page["nodes"]) == (2, certain)
    keys = ["NAME_AND_COMPANY_DOMAIN", "PHONE_AND_LAST_NAME", "LINKEDIN_URL", "EMAIL"]
    page = await duplicates(client, matchOn=keys)
    assert page["totalCount"] == 4
    assert page["nodes"] == [
        group("EMAIL", "ada@acme.com", mailbox, suggested=True),
        *certain,
        group("NAME_AND_COMPANY_DOMAIN", "ada king, acme.com", name, suggested=True),
    ]


async def test_groups_of_companies(client: Client, resources_database: Database) -> None:
    """A shared domain or page decides; a name in a country suggests."""
    berlin = NewLocation(country_code="DE")
    first = await make_company(resources_database, name="Acme", domain="acme.com", address=berlin)
    second = await make_company(
        resources_database, name="ACME GmbH", additional_domains=["www.acme.com"], address=berlin
    )
    companies = [{"id": id_of(first)}, {"id": id_of(second)}]
    domain = {
        "matchKey": "DOMAIN",
        "value": "acme.com",
        "isSuggestion": False,
        "count": 2,
        "companies": companies,
    }
    name = domain | {"matchKey": "NAME_AND_COUNTRY", "value": "acme, de", "isSuggestion": True}
    data = await client.query(COMPANIES)
    assert data["companyDuplicates"] == {"totalCount": 1, "nodes": [domain]}
    data = await client.query(COMPANIES, matchOn=["NAME_AND_COUNTRY", "DOMAIN"])
    assert data["companyDuplicates"] == {"totalCount": 2, "nodes": [domain, name]}


async def test_pages_go_forward_and_backward(client: Client, resources_database: Database) -> None:
    """Cursors lead from group to group, and page info tells what is around a page."""
    for at in range(5):
        await twins(resources_database, f"n{at}", linkedin_url=f"{ADA}{at}")
    everything = await duplicates(client)
    values = [group["value"] for group in everything["nodes"]]
    assert values == [f"{ADA}{at}" for at in range(5)]
    first = await duplicates(client, first=2)
    info = first["pageInfo"]
    assert [group["value"] for group in first["nodes"]] == values[:2]
    assert (info["hasNextPage"], info["hasPreviousPage"]) == (True, False)
    assert info["endCursor"] == first["edges"][1]["cursor"] == everything["edges"][1]["cursor"]
    second = await duplicates(client, first=3, after=info["endCursor"])
    info = second["pageInfo"]
    assert [group["value"] for group in second["nodes"]] == values[2:]
    assert (info["hasNextPage"], info["hasPreviousPage"]) == (False, True)
    back = await duplicates(client, last=1, before=info["startCursor"])
    info = back["pageInfo"]
    assert [group["value"] for group in back["nodes"]] == values[1:2]
    assert (info["hasNextPage"], info["hasPreviousPage"]) == (True, True)
    end = await duplicates(client, last=2)
    assert [group["value"] for group in end["nodes"]] == values[3:]


async def test_groups_and_their_contacts_are_two_statements(
    client: Client, resources_database: Database, statements: Statements
) -> None:
    """The contacts of all groups are loaded together; nothing is counted that nobody asks for."""
    for at in range(5):
        await twins(resources_database, f"n{at}", linkedin_url=f"{ADA}{at}")
    with statements.recorded() as recorded:
        await client.query("{ contactDuplicates { nodes { value contacts { firstName } } } }")
    assert len(recorded) == 2
    with statements.recorded() as recorded:
        await client.query("{ contactDuplicates { nodes { value count } } }")
    assert len(recorded) == 1


async def test_a_large_group_shows_a_hundred_and_counts_all(
    client: Client, resources_database: Database
) -> None:
    """The count is exact, however many are shown."""
    await execute(
        resources_database,
        "WITH made AS (INSERT INTO contacts (first_name) SELECT 'n' || n"
        " FROM generate_series(1, 150) AS n RETURNING id)"
        " INSERT INTO contact_metadata (contact_id, linkedin_url) SELECT id, $1 FROM made",
        ADA,
    )
    (group,) = (await duplicates(client))["nodes"]
    assert (group["count"], len(group["contacts"])) == (150, 100)


async def test_a_merge_leaves_no_duplicates(client: Client, resources_database: Database) -> None:
    """What was a group is one contact."""
    ids = await twins(resources_database, "A", linkedin_url=ADA)
    assert (await duplicates(client))["totalCount"] == 1
    document = "mutation ($ids: [ID!]!) { mergeContacts(input: {ids: $ids}) { contact { id } } }"
    await client.query(document, ids=ids)
    assert (await duplicates(client))["nodes"] == []


async def test_no_key_is_refused(empty_app: App) -> None:
    """An empty list of keys is a mistake, and says what to do."""
    error = await empty_app.client().fail(CONTACTS, matchOn=[])
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert error["message"] == "matchOn is empty. Leave it out, or name a key."


@pytest.mark.parametrize("field", ["contacts", "companyDuplicates"])
async def test_cursor_of_another_list_is_refused(
    client: Client, resources_database: Database, field: str
) -> None:
    """A place among groups of contacts is none among contacts or groups of companies."""
    await twins(resources_database, "A", linkedin_url=ADA)
    cursor = (await duplicates(client))["pageInfo"]["endCursor"]
    document = f"query ($after: String) {{ {field}(after: $after) {{ totalCount }} }}"
    error = await client.fail(document, after=cursor)
    assert error["extensions"]["code"] == "CURSOR_INVALID"
