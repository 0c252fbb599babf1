"""Writing contacts and companies through the API: what is stored, and what is answered."""

from typing import Any

import pytest

from db.transaction import Database
from domain.node_ids import NodeKind, encode_node_id
from tests.client import Client
from tests.factories import make_company, make_contact
from tests.graph.documents import MUTATIONS
from tests.graph.ids import id_of
from tests.graph.rows import read_rows, snapshot

READ_CONTACT = """query ($id: ID!) { contact(id: $id) {
    firstName lastName title notes tags departments seniority companyName company { name }
    location { city street country } emails { address } email customFields doNotContact
    version } }"""


async def run(client: Client, name: str, /, **given: Any) -> dict[str, Any]:
    """The payload of one of the eight mutations."""
    payload: dict[str, Any] = (await client.query(MUTATIONS[name], input=given))[name]
    return payload


async def refused(client: Client, database: Database, name: str, /, **given: Any) -> Any:
    """The user errors of a mutation that changes nothing and answers no record."""
    before = await snapshot(database)
    payload = await run(client, name, **given)
    assert payload["contact" if "Contact" in name else "company"] is None
    assert await snapshot(database) == before
    return payload["userErrors"]


async def test_create_contact_answers_what_was_stored(
    client: Client, resources_database: Database
) -> None:
    """A new contact comes back with its id, version 1, relations and normalised values."""
    company = await make_company(resources_database, name="Acme")
    payload = await run(
        client,
        "createContact",
        clientMutationId="m-1",
        firstName="  Ada ",
        title="CTO",
        emails=[{"address": "Ada@ACME.com"}, {"address": "ada@home.example"}],
        companyId=id_of(company),
    )
    contact = payload["contact"]
    ((row_id,),) = await read_rows(resources_database, "SELECT id FROM contacts")
    assert contact == {
        "id": encode_node_id(NodeKind.CONTACT, row_id),
        "firstName": "Ada",
        "title": "CTO",
        "email": "Ada@acme.com",
        "version": 1,
        "deletedAt": None,
        "emails": [{"address": "Ada@acme.com"}, {"address": "ada@home.example"}],
        "company": {"name": "Acme"},
    }
    assert payload["userErrors"] == []
    assert payload["clientMutationId"] == "m-1"


async def test_update_contact_keeps_what_is_absent_and_clears_what_is_null(
    client: Client, resources_database: Database
) -> None:
    """A field left out stays, null clears it, an empty list empties it; the version goes up."""
    company = await make_company(resources_database, name="Acme")
    contact = await make_contact(
        resources_database,
        emails=("ada@acme.com",),
        first_name="Ada",
        last_name="Lovelace",
        title="CTO",
        notes="Met in Paris",
        tags=["a", "b"],
        departments=["Sales"],
        company_id=id_of(company),
        custom_fields={"k": 1},
    )
    payload = await run(
        client,
        "updateContact",
        id=id_of(contact),
        expectedVersion=1,
        title=None,
        notes=None,
        tags=[],
        departments=None,
        companyId=None,
        location={"city": "Berlin", "street": "Allee 1"},
        clientMutationId="m-2",
    )
    assert payload["userErrors"] == []
    assert payload["clientMutationId"] == "m-2"
    read = await client.query(READ_CONTACT, id=id_of(contact))
    assert read["contact"] == {
        "firstName": "Ada",
        "lastName": "Lovelace",
        "title": None,
        "notes": None,
        "tags": [],
        "departments": [],
        "seniority": None,
        "companyName": None,
        "company": None,
        "location": {"city": "Berlin", "street": "Allee 1", "country": None},
        "emails": [{"address": "ada@acme.com"}],
        "email": "ada@acme.com",
        "customFields": {"k": 1},
        "doNotContact": False,
        "version": 2,
    }
    await run(client, "updateContact", id=id_of(contact), location={"country": "Germany"})
    read = await client.query(READ_CONTACT, id=id_of(contact))
    assert read["contact"]["location"] == {
        "city": "Berlin",
        "street": "Allee 1",
        "country": "Germany",
    }


async def test_update_contact_replaces_its_addresses_and_frees_the_old_ones(
    client: Client, resources_database: Database
) -> None:
    """`emails` is the whole new list, in its order; what left it may belong to another contact."""
    contact = await make_contact(resources_database, emails=("a@acme.com", "b@acme.com"))
    payload = await run(
        client,
        "updateContact",
        id=id_of(contact),
        emails=[{"address": "c@acme.com"}, {"address": "b@acme.com", "isPrimary": True}],
    )
    assert payload["contact"]["emails"] == [{"address": "c@acme.com"}, {"address": "b@acme.com"}]
    assert payload["contact"]["email"] == "b@acme.com"
    other = await run(client, "createContact", emails=[{"address": "A@acme.com"}])
    assert other["userErrors"] == []


async def test_update_without_a_change_answers_the_record_as_it_is(
    client: Client, resources_database: Database
) -> None:
    """An update that names no field writes nothing, not even a version."""
    contact = await make_contact(resources_database)
    before = await snapshot(resources_database)
    payload = await run(client, "updateContact", id=id_of(contact))
    assert (payload["contact"]["version"], payload["userErrors"]) == (1, [])
    assert payload["clientMutationId"] is None
    assert await snapshot(resources_database) == before


@pytest.mark.parametrize("kind", ["Contact", "Company"])
async def test_delete_and_restore_take_a_record_out_and_back(
    client: Client, resources_database: Database, kind: str
) -> None:
    """A deleted record is in no list until it is restored; it comes back as it was."""
    make = make_contact if kind == "Contact" else make_company
    given: dict[str, Any] = {"emails": ("ada@acme.com",)} if kind == "Contact" else {}
    row = await make(resources_database, **given)
    plural, field = ("contacts" if kind == "Contact" else "companies"), kind.lower()
    listing = f"{{ {plural} {{ nodes {{ id }} }} }}"
    deleted = await run(client, f"delete{kind}", id=id_of(row), clientMutationId="d")
    assert deleted[field]["id"] == id_of(row)
    assert deleted[field]["deletedAt"] is not None
    assert (deleted["userErrors"], deleted["clientMutationId"]) == ([], "d")
    assert await client.query(listing) == {plural: {"nodes": []}}
    restored = await run(client, f"restore{kind}", id=id_of(row), clientMutationId="r")
    assert restored[field]["deletedAt"] is None
    assert restored[field]["version"] == 3
    assert (restored["userErrors"], restored["clientMutationId"]) == ([], "r")
    assert await client.query(listing) == {plural: {"nodes": [{"id": id_of(row)}]}}
    if kind == "Contact":
        assert restored["contact"]["emails"] == [{"address": "ada@acme.com"}]


async def test_create_and_update_company_answer_what_was_stored(
    client: Client, resources_database: Database
) -> None:
    """A company is written, changed and cleared by the same rules as a contact."""
    created = await run(client, "createCompany", name="Acme", domain="https://www.Acme.com/x")
    company = created["company"]
    assert company == {
        "id": company["id"],
        "name": "Acme",
        "domain": "acme.com",
        "version": 1,
        "deletedAt": None,
    }
    assert created["userErrors"] == []
    changed = await run(
        client, "updateCompany", id=company["id"], domain=None, annualRevenue="9007199254740993"
    )
    assert changed["company"] == company | {"domain": None, "version": 2}
    stored = await read_rows(resources_database, "SELECT name, annual_revenue FROM companies")
    assert stored == [("Acme", 9007199254740993)]


async def test_all_mistakes_of_an_input_are_told_at_once(
    client: Client, resources_database: Database
) -> None:
    """Each mistake is a ValidationError with its code and its path into the input."""
    errors = await refused(
        client,
        resources_database,
        "createContact",
        firstName="x" * 151,
        emails=[{"address": "ada@acme.com"}, {"address": "not an address"}],
        phones=[{"number": "call me"}],
        linkedinUrl="https://example.com/in/ada",
        websiteUrl="nonsense",
        location={"countryCode": "DEU"},
        tags=["x" * 151],
        customFields=[1],
        doNotContact=None,
    )
    assert {error["__typename"] for error in errors} == {"ValidationError"}
    assert sorted((error["code"], ".".join(error["path"])) for error in errors) == [
        ("INVALID_EMAIL", "emails.1.address"),
        ("INVALID_PHONE", "phones.0.number"),
        ("INVALID_URL", "linkedinUrl"),
        ("INVALID_URL", "websiteUrl"),
        ("INVALID_VALUE", "customFields"),
        ("INVALID_VALUE", "location.countryCode"),
        ("REQUIRED", "doNotContact"),
        ("TOO_LONG", "firstName"),
        ("TOO_LONG", "tags"),
    ]
    messages = {".".join(error["path"]): error["message"] for error in errors}
    assert messages["firstName"] == "151 characters; at most 150 fit."
    assert messages["doNotContact"] == "doNotContact cannot be null."


async def test_mistakes_of_a_company_are_told_at_once(
    client: Client, resources_database: Database
) -> None:
    """A company's mistakes have codes and paths too."""
    errors = await refused(
        client,
        resources_database,
        "createCompany",
        name="x" * 501,
        domain="not a domain",
        foundedYear=3000,
        annualRevenue="-1",
        currency="EURO",
    )
    assert sorted((error["code"], ".".join(error["path"])) for error in errors) == [
        ("INVALID_DOMAIN", "domain"),
        ("INVALID_VALUE", "annualRevenue"),
        ("INVALID_VALUE", "currency"),
        ("INVALID_VALUE", "foundedYear"),
        ("REQUIRED", "name"),
        ("TOO_LONG", "name"),
    ]


@pytest.mark.parametrize(
    ("name", "path", "message"),
    [
        (
            "createContact",
            "firstName",
            "A contact needs a name, an e-mail address, a LinkedIn profile or a phone number.",
        ),
        ("createCompany", "name", "A company needs a name or a domain."),
    ],
)
async def test_record_without_an_identity_is_refused(
    client: Client, resources_database: Database, name: str, path: str, message: str
) -> None:
    """Nothing is stored that nobody could find again, and an update cannot make it so either."""
    required = {
        "__typename": "ValidationError",
        "code": "REQUIRED",
        "message": message,
        "path": [path],
    }
    assert await refused(client, resources_database, name) == [required]
    made = await run(client, name, **{path: "A"})
    record = made["contact" if "Contact" in name else "company"]
    update = name.replace("create", "update")
    errors = await refused(client, resources_database, update, id=record["id"], **{path: None})
    assert errors == [required]


async def test_nul_byte_in_a_text_is_a_user_error(
    client: Client, resources_database: Database
) -> None:
    """What PostgreSQL cannot store in a text is told as a mistake of its field."""
    given = {"firstName": "A\0B", "notes": "\0", "lastName": "A"}
    errors = await refused(client, resources_database, "createContact", **given)
    assert [(error["code"], error["path"]) for error in errors] == [
        ("INVALID_VALUE", ["firstName"]),
        ("INVALID_VALUE", ["notes"]),
    ]


async def test_nul_byte_in_custom_fields_is_refused(
    client: Client, resources_database: Database
) -> None:
    """A NUL deep inside a JSON value, or as a key, is a mistake and no bug of ours."""
    before = await snapshot(resources_database)
    for custom in ({"a": ["\0"]}, {"\0": 1}):
        answer = await client.send(
            MUTATIONS["createContact"], input={"firstName": "A", "customFields": custom}
        )
        (error,) = answer.get("errors") or answer["data"]["createContact"]["userErrors"]
        code = error.get("code") or error["extensions"]["code"]
        assert code in {"BAD_USER_INPUT", "INVALID_VALUE"}
    assert await snapshot(resources_database) == before


async def test_address_listed_twice_is_refused(
    client: Client, resources_database: Database
) -> None:
    """One input may name an address once, whatever its case."""
    errors = await refused(
        client,
        resources_database,
        "createContact",
        emails=[{"address": "ada@acme.com"}, {"address": "ADA@acme.com"}],
    )
    assert errors == [
        {
            "__typename": "ValidationError",
            "code": "INVALID_VALUE",
            "message": "ada@acme.com is listed twice.",
            "path": ["emails", "1", "address"],
        }
    ]


@pytest.mark.parametrize("name", ["createContact", "updateContact"])
async def test_address_of_another_contact_is_a_duplicate_error(
    client: Client, resources_database: Database, name: str
) -> None:
    """A taken address names the contact that holds it, and nothing of the input is kept."""
    holder = await make_contact(resources_database, emails=("ada@acme.com",), first_name="Ada")
    mine = await make_contact(resources_database, emails=("bob@acme.com",), first_name="Bob")
    given = {"id": id_of(mine)} if name == "updateContact" else {}
    errors = await refused(
        client,
        resources_database,
        name,
        firstName="Changed",
        emails=[{"address": "new@acme.com"}, {"address": "ADA@acme.com"}],
        **given,
    )
    assert errors == [
        {
            "__typename": "DuplicateError",
            "code": "ALREADY_EXISTS",
            "message": "Another contact has the e-mail address ada@acme.com.",
            "path": ["emails", "1", "address"],
            "existing": {"id": id_of(holder), "__typename": "Contact", "fullName": "Ada"},
        }
    ]


async def test_domain_of_another_company_is_a_duplicate_error(
    client: Client, resources_database: Database
) -> None:
    """A taken domain names the company that holds it, on create, update and restore."""
    holder = await make_company(resources_database, name="Acme", domain="acme.com")
    other = await make_company(resources_database, name="Other", domain="other.com")
    duplicate = {
        "__typename": "DuplicateError",
        "code": "ALREADY_EXISTS",
        "message": "Another company has the domain acme.com.",
        "path": ["domain"],
        "existing": {"id": id_of(holder), "__typename": "Company"},
    }
    made = await refused(client, resources_database, "createCompany", domain="www.acme.com")
    assert made == [duplicate]
    changed = await refused(
        client, resources_database, "updateCompany", id=id_of(other), domain="acme.com"
    )
    assert changed == [duplicate]
    await run(client, "deleteCompany", id=id_of(holder))
    taken = await run(client, "updateCompany", id=id_of(other), domain="acme.com")
    assert taken["userErrors"] == []
    back = await refused(client, resources_database, "restoreCompany", id=id_of(holder))
    assert back == [
        duplicate | {"existing": {"id": id_of(other), "__typename": "Company"}},
    ]


async def test_restore_of_a_contact_whose_address_is_taken_is_refused(
    client: Client, resources_database: Database
) -> None:
    """An address that went to another contact keeps the deleted one where it is."""
    gone = await make_contact(resources_database, emails=("ada@acme.com",))
    await run(client, "deleteContact", id=id_of(gone))
    holder = await make_contact(resources_database, emails=("ada@acme.com",))
    (error,) = await refused(client, resources_database, "restoreContact", id=id_of(gone))
    assert error["__typename"] == "DuplicateError"
    assert error["existing"]["id"] == id_of(holder)
