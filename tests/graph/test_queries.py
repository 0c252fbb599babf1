"""Reading contacts and companies through the API."""

from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime
from uuid import UUID

import pytest

from db.belongings import load_emails, load_phones
from db.companies import delete_company
from db.contacts import delete_contact
from db.transaction import Database
from domain.enums import Role
from domain.node_ids import NodeKind, encode_node_id
from domain.records import NewLocation, NewPhone
from tests.apps import App
from tests.client import Client
from tests.factories import make_company, make_contact
from tests.graph.ids import id_of
from tests.graph.rows import execute, make_activity
from tests.statements import Statements

NODES = "query ($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }"
NODE = "query ($id: ID!) { node(id: $id) { id } }"
CONTACT = "query ($id: ID!) { contact(id: $id) { id company { id } } }"
COMPANY = "query ($id: ID!) { company(id: $id) { id } }"
MALFORMED_IDS = {
    "empty": "",
    "a number": "1",
    "readable": "Contact:1",
    "not ascii": "AQÆ",
    "no row": "AQE",
    "padded": "AQEB=",
    "another version": "AgEB",
    "unknown kind": "AX8B",
    "row zero": "AQEA",
    "row with a leading zero": "AQEAAQ",
    "row beyond 64 bits": "AQGAAAAAAAAAAA",
    "long": "A" * 5000,
}


async def test_contact_answers_its_fields_and_relations(
    client: Client, resources_database: Database
) -> None:
    """A contact shows what was written, from its own row and from the rows that belong to it."""
    company = await make_company(resources_database, name="Acme", domain="acme.com")
    contact = await make_contact(
        resources_database,
        emails=("ada@acme.com", "ada@home.example"),
        first_name="Ada",
        last_name="Løvelace",
        title="CTO",
        company_id=id_of(company),
        phones=[NewPhone(number="+49 30 901820")],
        linkedin_url="linkedin.com/in/ada",
        custom_fields={"score": [1, None]},
    )
    data = await client.query(
        """query ($id: ID!) { contact(id: $id) {
             id fullName title linkedinUrl customFields version
             emails { address isPrimary status } primaryEmail { normalized }
             phones { number e164 } company { name domain contactCount }
             location { city street } metadata { notes } activities { type } } }""",
        id=id_of(contact),
    )
    assert data["contact"] == {
        "id": id_of(contact),
        "fullName": "Ada Løvelace",
        "title": "CTO",
        "linkedinUrl": "https://www.linkedin.com/in/ada",
        "customFields": {"score": [1, None]},
        "version": 1,
        "emails": [
            {"address": "ada@acme.com", "isPrimary": True, "status": "UNKNOWN"},
            {"address": "ada@home.example", "isPrimary": False, "status": "UNKNOWN"},
        ],
        "primaryEmail": {"normalized": "ada@acme.com"},
        "phones": [{"number": "+49 30 901820", "e164": "+4930901820"}],
        "company": {"name": "Acme", "domain": "acme.com", "contactCount": 1},
        "location": {"city": None, "street": None},
        "metadata": {"notes": None},
        "activities": [],
    }


async def test_contact_without_belongings_answers_empty_lists_and_nulls(
    client: Client, resources_database: Database
) -> None:
    """What was never written is null, an empty list or an empty object, not an error."""
    contact = await make_contact(resources_database, first_name="Ada")
    data = await client.query(
        """query ($id: ID!) { contact(id: $id) {
             email emails { id } primaryEmail { id } phones { id } company { id } owner { id }
             tags departments notes customFields metadata { headline }
             location { street timezone } doNotContact source qualityScore deletedAt } }""",
        id=id_of(contact),
    )
    assert data["contact"] == {
        "email": None,
        "emails": [],
        "primaryEmail": None,
        "phones": [],
        "company": None,
        "owner": None,
        "tags": [],
        "departments": [],
        "notes": None,
        "customFields": {},
        "metadata": None,
        "location": {"street": None, "timezone": None},
        "doNotContact": False,
        "source": "API",
        "qualityScore": 10,
        "deletedAt": None,
    }


async def test_company_answers_its_fields_and_relations(
    client: Client, resources_database: Database
) -> None:
    """A company shows what was written, big numbers as texts, dates as RFC 3339 says."""
    parent = await make_company(resources_database, name="Holding")
    company = await make_company(
        resources_database,
        name="Acme",
        domain="https://www.acme.com/about",
        industries=["Software", "Retail"],
        employees_count=57,
        annual_revenue=2**53 + 1,
        total_funding=2**63 - 1,
        last_raised_at=date(2026, 1, 31),
        address=NewLocation(city="Berlin", country_code="de"),
    )
    created = datetime(2026, 3, 1, 12, 0, 0, 250_000, tzinfo=UTC)
    await execute(
        resources_database,
        "UPDATE companies SET parent_id = $1, created_at = $2 WHERE id = $3",
        parent.id,
        created,
        company.id,
    )
    data = await client.query(
        """query ($id: ID!) { company(id: $id) {
             uuid name domain industry industries employeesCount employeeRange annualRevenue
             totalFunding latestFundingAmount lastRaisedAt address { city countryCode }
             parent { name } contactCount createdAt version } }""",
        id=id_of(company),
    )
    assert data["company"] == {
        "uuid": str(company.uuid),
        "name": "Acme",
        "domain": "acme.com",
        "industry": "Software",
        "industries": ["Software", "Retail"],
        "employeesCount": 57,
        "employeeRange": "R51_100",
        "annualRevenue": "9007199254740993",
        "totalFunding": "9223372036854775807",
        "latestFundingAmount": None,
        "lastRaisedAt": "2026-01-31",
        "address": {"city": "Berlin", "countryCode": "DE"},
        "parent": {"name": "Holding"},
        "contactCount": 0,
        "createdAt": "2026-03-01T12:00:00.250000Z",
        "version": 2,
    }


async def test_employee_range_follows_the_number_of_employees(
    client: Client, resources_database: Database
) -> None:
    """The size class is worked out from the count, both ends included."""
    expected = {None: None, 0: None, 1: "R1_10", 10: "R1_10", 11: "R11_20", 10_001: "R10001_PLUS"}
    ids = []
    for employees in expected:
        company = await make_company(resources_database, name="Acme", employees_count=employees)
        ids.append(id_of(company))
    document = "query ($ids: [ID!]!) { nodes(ids: $ids) { ... on Company { employeeRange } } }"
    data = await client.query(document, ids=ids)
    assert [node["employeeRange"] for node in data["nodes"]] == list(expected.values())


async def test_big_int_is_taken_as_text_and_as_number(
    client: Client, resources_database: Database
) -> None:
    """A BigInt variable may be a JSON string or a JSON number; no digit is lost."""
    company = await make_company(resources_database, name="Acme", annual_revenue=2**53 + 1)
    await make_company(resources_database, name="Other", annual_revenue=2**53)
    document = """query ($n: BigInt!) { companies(filter: {annualRevenue: {eq: $n}}) {
        nodes { id annualRevenue } } }"""
    found = {"nodes": [{"id": id_of(company), "annualRevenue": "9007199254740993"}]}
    assert await client.query(document, n="9007199254740993") == {"companies": found}
    assert await client.query(document, n=9007199254740993) == {"companies": found}


async def test_nodes_answers_every_kind_in_the_order_of_the_ids(
    client: Client, resources_database: Database
) -> None:
    """Things of all kinds come back where their id stood, null where there is nothing."""
    contact = await make_contact(
        resources_database, emails=("ada@acme.com",), phones=[NewPhone(number="+49 30 901820")]
    )
    company = await make_company(resources_database)
    activity = await make_activity(resources_database, contact.id)
    async with resources_database.read() as session:
        ((email,),) = await load_emails(session, [contact.id])
        ((phone,),) = await load_phones(session, [contact.id])
    viewer = (await client.query("{ viewer { id } }"))["viewer"]["id"]
    kinds = {
        id_of(activity): "Activity",
        id_of(company): "Company",
        viewer: "User",
        id_of(phone): "ContactPhone",
        id_of(contact): "Contact",
        id_of(email): "ContactEmail",
    }
    unknown = [encode_node_id(kind, 10**12) for kind in NodeKind]
    ids = [unknown[0], *kinds, *unknown[1:], id_of(company)]
    expected = [{"__typename": kind, "id": node_id} for node_id, kind in kinds.items()]
    data = await client.query(NODES, ids=ids)
    company_node = {"__typename": "Company", "id": id_of(company)}
    missing = [None] * (len(NodeKind) - 1)
    assert data["nodes"] == [None, *expected, *missing, company_node]
    for node_id, kind in kinds.items():
        document = "query ($id: ID!) { node(id: $id) { __typename id } }"
        alone = await client.query(document, id=node_id)
        assert alone["node"] == {"__typename": kind, "id": node_id}


@pytest.mark.parametrize("kind", NodeKind, ids=lambda kind: kind.name)
async def test_node_without_a_row_is_null(empty_app: App, kind: NodeKind) -> None:
    """An id under which nothing stands is null, not an error."""
    data = await empty_app.client().query(NODE, id=encode_node_id(kind, 2**63 - 1))
    assert data == {"node": None}


async def test_nodes_takes_a_thousand_ids_in_one_statement(
    client: Client, resources_database: Database, statements: Statements
) -> None:
    """The largest list of ids still is one read."""
    contact = await make_contact(resources_database)
    ids = [encode_node_id(NodeKind.CONTACT, number) for number in range(1, 1001)]
    with statements.recorded() as recorded:
        data = await client.query(NODES, ids=ids)
    assert [node and node["id"] for node in data["nodes"]] == [
        node_id if node_id == id_of(contact) else None for node_id in ids
    ]
    assert len(recorded) == 1


async def test_more_than_a_thousand_ids_are_refused_and_nothing_is_read(
    client: Client, statements: Statements
) -> None:
    """A longer list of ids is an error that names the limit."""
    ids = [encode_node_id(NodeKind.CONTACT, number) for number in range(1, 1002)]
    with statements.recorded() as recorded:
        error = await client.fail(NODES, ids=ids)
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert error["message"] == "1001 ids were given; at most 1000 fit."
    assert recorded == []


@pytest.mark.parametrize("document", [NODE, CONTACT, COMPANY], ids=["node", "contact", "company"])
@pytest.mark.parametrize("given", MALFORMED_IDS.values(), ids=MALFORMED_IDS.keys())
async def test_malformed_id_is_bad_user_input(empty_app: App, document: str, given: str) -> None:
    """An id that this server never made is the client's mistake, echoed only in part."""
    error = await empty_app.client().fail(document, id=given)
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert error["message"] == f"{given[:100]!r} is not an id of this server."


async def test_one_malformed_id_fails_the_whole_list(
    client: Client, resources_database: Database
) -> None:
    """`nodes` says which id is wrong instead of answering null for it."""
    contact = await make_contact(resources_database)
    error = await client.fail(NODES, ids=[id_of(contact), "nonsense"])
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert error["message"] == "'nonsense' is not an id of this server."


async def test_id_of_another_kind_is_bad_user_input(
    client: Client, resources_database: Database
) -> None:
    """`contact` and `company` tell when they get the id of something else."""
    contact, company = (
        await make_contact(resources_database),
        await make_company(resources_database),
    )
    error = await client.fail(CONTACT, id=id_of(company))
    assert error["message"] == f"'{id_of(company)}' is the id of a company, not of a contact."
    error = await client.fail(COMPANY, id=id_of(contact))
    assert error["message"] == f"'{id_of(contact)}' is the id of a contact, not of a company."
    assert error["extensions"]["code"] == "BAD_USER_INPUT"


async def test_viewer_is_the_user_of_the_token(
    client_as: Callable[[Role], Awaitable[Client]],
) -> None:
    """`viewer` shows the row of the user whose token came."""
    client = await client_as(Role.VIEWER)
    data = await client.query("{ viewer { email name role lastActiveAt uuid } }")
    assert UUID(data["viewer"].pop("uuid"))
    assert data["viewer"] == {
        "email": "viewer@example.com",
        "name": None,
        "role": "VIEWER",
        "lastActiveAt": None,
    }


async def test_viewer_who_is_gone_is_unauthenticated(
    empty_app: App, client: Client, resources_database: Database
) -> None:
    """A token outlives its user, but says nothing about anybody then."""
    deleted = await empty_app.client().fail("{ viewer { id } }")
    assert deleted["extensions"]["code"] == "UNAUTHENTICATED"
    await execute(resources_database, "UPDATE users SET is_active = false")
    disabled = await client.fail("{ viewer { id } }")
    assert disabled["extensions"]["code"] == "UNAUTHENTICATED"


async def test_deleted_contact_is_gone_from_everywhere(
    client: Client, resources_database: Database
) -> None:
    """A deleted contact and what belongs to it are in no list, count or node."""
    company = await make_company(resources_database)
    kept = await make_contact(resources_database, first_name="Kept", company_id=id_of(company))
    gone = await make_contact(
        resources_database, emails=("gone@acme.com",), company_id=id_of(company)
    )
    async with resources_database.write() as tx:
        ((email,),) = await load_emails(tx, [gone.id])
        await delete_contact(tx, gone.id)
    data = await client.query(
        """query ($gone: ID!, $email: ID!, $company: ID!) {
             contact(id: $gone) { id } node(id: $gone) { id }
             nodes(ids: [$gone, $email]) { id }
             contacts { totalCount nodes { id } }
             company(id: $company) { contactCount contacts { totalCount nodes { id } } } }""",
        gone=id_of(gone),
        email=id_of(email),
        company=id_of(company),
    )
    page = {"totalCount": 1, "nodes": [{"id": id_of(kept)}]}
    assert data == {
        "contact": None,
        "node": None,
        "nodes": [None, None],
        "contacts": page,
        "company": {"contactCount": 1, "contacts": page},
    }


async def test_deleted_company_is_gone_and_its_contacts_stay(
    client: Client, resources_database: Database
) -> None:
    """A deleted company is in no list, node or contact; its contacts show no company."""
    company = await make_company(resources_database, name="Acme")
    contact = await make_contact(resources_database, first_name="Ada", company_id=id_of(company))
    async with resources_database.write() as tx:
        await delete_company(tx, company.id)
    data = await client.query(
        """query ($id: ID!) { company(id: $id) { id } node(id: $id) { id }
             companies { totalCount nodes { id } } contacts { nodes { id company { id } } } }""",
        id=id_of(company),
    )
    assert data == {
        "company": None,
        "node": None,
        "companies": {"totalCount": 0, "nodes": []},
        "contacts": {"nodes": [{"id": id_of(contact), "company": None}]},
    }
