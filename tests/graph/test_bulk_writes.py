"""Changing, tagging and deleting many records by ids or a filter."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.engine import URL

from db.engine import open_engine
from db.rows import CompanyRow, ContactRow
from db.transaction import Database
from domain.changes import (
    ChangeKind,
    CompanyChanged,
    ContactChanged,
    ContactsLoaded,
)
from domain.node_ids import NodeKind, encode_node_id
from tests.client import Client
from tests.factories import make_company, make_contact
from tests.graph.bulk import BULK, counts, problems, run_bulk, statuses
from tests.graph.ids import id_of
from tests.graph.rows import execute, read_rows, snapshot
from tests.statements import Statements

NOBODY = encode_node_id(NodeKind.CONTACT, 999_999)
MANY = 1500

OF_CONTACTS: dict[str, dict[str, Any]] = {
    "updateContacts": {"set": {"title": "CTO"}},
    "tagContacts": {"add": ["new"]},
    "deleteContacts": {},
}
OF_COMPANIES: dict[str, dict[str, Any]] = {
    "updateCompanies": {"set": {"stage": "WARM"}},
    "deleteCompanies": {},
}


async def three(database: Database) -> list[ContactRow]:
    """Three contacts, the last one deleted."""
    made = [await make_contact(database, first_name=name, stage="COLD") for name in "ABC"]
    await execute(database, "UPDATE contacts SET deleted_at = now() WHERE id = $1", made[2].id)
    return made


async def three_companies(database: Database) -> list[CompanyRow]:
    """Three companies, the last one deleted."""
    made = [await make_company(database, name=name, currency="EUR") for name in "ABC"]
    await execute(database, "UPDATE companies SET deleted_at = now() WHERE id = $1", made[2].id)
    return made


async def make_many(database: Database) -> None:
    """More contacts than are changed unasked."""
    await execute(
        database,
        "INSERT INTO contacts (first_name, stage)"
        f" SELECT 'Ada', 'COLD' FROM generate_series(1, {MANY})",
    )


@pytest.mark.parametrize("name", OF_CONTACTS)
async def test_ids_are_answered_one_by_one(
    client: Client, resources_database: Database, name: str
) -> None:
    """In the order of the input; one that is deleted or was never there fails for itself."""
    first, second, deleted = await three(resources_database)
    ids = [id_of(second), NOBODY, id_of(first), id_of(deleted), id_of(second)]
    payload = await run_bulk(client, name, ids=ids, clientMutationId="m", **OF_CONTACTS[name])
    done = "DELETED" if name == "deleteContacts" else "UPDATED"
    assert statuses(payload) == [done, "FAILED", done, "FAILED", "SKIPPED"]
    assert payload["counts"] == counts(**{done.lower(): 2}, failed=2, skipped=1)
    results = payload["results"]
    assert [row["index"] for row in results] == [0, 1, 2, 3, 4]
    assert [row["contact"] and row["contact"]["id"] for row in results] == [
        id_of(second), None, id_of(first), None, id_of(second),
    ]  # fmt: skip
    assert [problems(row) for row in results] == [
        [], [("NOT_FOUND", "ids.1")], [], [("NOT_FOUND", "ids.3")], [],
    ]  # fmt: skip
    assert {row["contact"]["version"] for row in results if row["contact"]} == {2}
    assert (payload["userErrors"], payload["clientMutationId"]) == ([], "m")


@pytest.mark.parametrize("name", OF_COMPANIES)
async def test_ids_of_companies_are_answered_one_by_one(
    client: Client, resources_database: Database, name: str
) -> None:
    """Companies by the same rules as contacts."""
    first, second, deleted = await three_companies(resources_database)
    ids = [id_of(second), id_of(deleted), id_of(first)]
    payload = await run_bulk(client, name, ids=ids, **OF_COMPANIES[name])
    done = "DELETED" if name == "deleteCompanies" else "UPDATED"
    assert statuses(payload) == [done, "FAILED", done]
    assert payload["counts"] == counts(**{done.lower(): 2}, failed=1)
    assert problems(payload["results"][1]) == [("NOT_FOUND", "ids.1")]
    by_filter = await run_bulk(
        client, name, filter={"name": {"in": ["a", "b", "c"]}}, **OF_COMPANIES[name]
    )
    assert statuses(by_filter) == ([] if done == "DELETED" else ["UNCHANGED", "UNCHANGED"])


@pytest.mark.parametrize("name", OF_CONTACTS)
async def test_filter_is_answered_in_the_order_of_the_records(
    client: Client, resources_database: Database, name: str
) -> None:
    """All live records that match and no other."""
    first, second, _ = await three(resources_database)
    await make_contact(resources_database, first_name="D", stage="WARM")
    given = {"filter": {"stage": {"eq": "COLD"}}, **OF_CONTACTS[name]}
    payload = await run_bulk(client, name, **given)
    assert [row["contact"]["id"] for row in payload["results"]] == [id_of(first), id_of(second)]
    assert len(set(statuses(payload))) == 1
    assert payload["counts"]["deleted" if name == "deleteContacts" else "updated"] == 2


@pytest.mark.parametrize("name", OF_CONTACTS)
@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({}, ("INVALID_VALUE", "ids")),
        ({"ids": None, "filter": None}, ("INVALID_VALUE", "ids")),
        ({"ids": [NOBODY], "filter": {"stage": {"eq": "COLD"}}}, ("INVALID_VALUE", "ids")),
        ({"ids": [NOBODY] * 1001}, ("TOO_LONG", "ids")),
        ({"filter": {}}, ("INVALID_VALUE", "filter")),
        ({"filter": {"and": [{}], "title": {"caseSensitive": True}}}, ("INVALID_VALUE", "filter")),
        (
            {"filter": {"stage": {"eq": "COLD"}}, "confirmCount": 3},
            ("INVALID_VALUE", "confirmCount"),
        ),
        (
            {"filter": {"stage": {"eq": "COLD"}}, "confirmCount": 0},
            ("INVALID_VALUE", "confirmCount"),
        ),
    ],
)
async def test_selection_that_cannot_be_meant_is_refused(
    client: Client,
    resources_database: Database,
    name: str,
    given: dict[str, Any],
    problem: tuple[str, str],
) -> None:
    """Nothing is written, and the payload says why."""
    await three(resources_database)
    before = await snapshot(resources_database)
    payload = await run_bulk(client, name, **given, **OF_CONTACTS[name])
    assert (payload["results"], payload["counts"]) == (None, counts())
    assert problems(payload) == [problem]
    assert await snapshot(resources_database) == before


@pytest.mark.parametrize(
    "given",
    [
        {"ids": ["nonsense"]},
        {"filter": {"title": {"eq": None}}},
        {"filter": None, "ids": [encode_node_id(NodeKind.COMPANY, 1)]},
    ],
)
async def test_id_or_filter_that_is_none_is_an_error(client: Client, given: dict[str, Any]) -> None:
    """As everywhere else: the request is wrong, not a record."""
    error = await client.fail(BULK["deleteContacts"], input=given)
    assert error["extensions"]["code"] == "BAD_USER_INPUT"


@pytest.mark.parametrize("name", OF_CONTACTS)
async def test_more_than_a_thousand_need_their_count(
    client: Client, resources_database: Database, name: str
) -> None:
    """Without it, or with another one, nothing is written; with it only the counts are told."""
    await make_many(resources_database)
    given = {"filter": {"stage": {"eq": "COLD"}}, **OF_CONTACTS[name]}
    before = await snapshot(resources_database)
    unasked = await run_bulk(client, name, **given)
    assert problems(unasked) == [("REQUIRED", "confirmCount")]
    assert unasked["userErrors"][0]["message"] == (
        f"{MANY} match. To change so many, send confirmCount: {MANY}."
    )
    for wrong in (MANY - 1, MANY + 1):
        refused = await run_bulk(client, name, **given, confirmCount=wrong)
        assert problems(refused) == [("INVALID_VALUE", "confirmCount")]
        assert refused["userErrors"][0]["message"] == (
            f"{MANY} match, not {wrong}; nothing was changed."
        )
    assert await snapshot(resources_database) == before
    confirmed = await run_bulk(client, name, **given, confirmCount=MANY)
    assert confirmed["results"] is None
    done = "deleted" if name == "deleteContacts" else "updated"
    assert confirmed["counts"] == counts(**{done: MANY})
    again = await run_bulk(client, name, **given, confirmCount=MANY)
    expected = [("INVALID_VALUE", "confirmCount")] if name == "deleteContacts" else []
    assert problems(again) == expected
    assert again["counts"] == counts(**({} if expected else {"unchanged": MANY}))


async def test_one_missing_id_rejects_everything_when_asked(
    client: Client, resources_database: Database
) -> None:
    """Every mutation of many takes the policy."""
    first, _, deleted = await three(resources_database)
    before = await snapshot(resources_database)
    for name, given in OF_CONTACTS.items():
        payload = await run_bulk(
            client,
            name,
            ids=[id_of(first), id_of(deleted)],
            errorPolicy="REJECT_EVERYTHING",
            **given,
        )
        assert (payload["results"], problems(payload)) == (None, [("NOT_FOUND", "ids.1")])
    assert await snapshot(resources_database) == before


async def test_contact_that_was_merged_away_names_the_one_that_stayed(
    client: Client, resources_database: Database
) -> None:
    """Its id leads to the survivor, as everywhere."""
    survivor, loser = await make_contact(resources_database), await make_contact(resources_database)
    await execute(
        resources_database,
        "UPDATE contacts SET deleted_at = now(), merged_into_id = $1 WHERE id = $2",
        survivor.id,
        loser.id,
    )
    payload = await run_bulk(client, "deleteContacts", ids=[id_of(loser)])
    (told,) = payload["results"]
    assert problems(told) == [("NOT_ALLOWED_IN_STATE", "ids.0")]
    assert id_of(survivor) in told["userErrors"][0]["message"]


@pytest.mark.parametrize("name", OF_CONTACTS)
async def test_thousand_records_are_a_few_statements(
    client: Client, resources_database: Database, statements: Statements, name: str
) -> None:
    """By ids or by a filter: lock, check, write, read."""
    await make_many(resources_database)
    found = await read_rows(
        resources_database, "SELECT id FROM contacts ORDER BY id DESC LIMIT 1000"
    )
    ids = [encode_node_id(NodeKind.CONTACT, row_id) for (row_id,) in found]
    given = OF_CONTACTS[name]
    if name == "updateContacts":
        given = {"set": {"firstName": None, "lastName": "King", "notes": "x"}}
    with statements.recorded() as recorded:
        payload = await run_bulk(client, name, ids=ids, **given)
    assert len(payload["results"]) == 1000
    assert payload["counts"]["failed"] == 0
    assert len(recorded) <= 6
    with statements.recorded() as recorded:
        await run_bulk(client, name, filter={"firstName": {"eq": "Ada"}}, **given)
    assert len(recorded) <= 6


@pytest.mark.parametrize("name", OF_CONTACTS)
async def test_changes_are_told_one_by_one_or_as_a_number(
    client: Client, resources_database: Database, name: str
) -> None:
    """Each record that was written, as long as they are told one by one."""
    told: list[Any] = []

    async def listen(changes: Any) -> None:
        told.extend(changes)

    company = await make_company(resources_database)
    contact = await make_contact(resources_database, first_name="A", company_id=id_of(company))
    resources_database._after_commit = (listen,)
    await run_bulk(client, name, ids=[id_of(contact), NOBODY], **OF_CONTACTS[name])
    kind = ChangeKind.DELETED if name == "deleteContacts" else ChangeKind.UPDATED
    companies = frozenset({company.id})
    assert told == [ContactChanged(kind=kind, contact_id=contact.id, company_ids=companies)]
    told.clear()
    await make_many(resources_database)
    given = {"filter": {"stage": {"eq": "COLD"}}, "confirmCount": MANY}
    await run_bulk(client, name, **given, **OF_CONTACTS[name])
    assert told == [ContactsLoaded(rows=MANY)]


async def test_changes_of_companies_are_told(client: Client, resources_database: Database) -> None:
    """And who is as it should be is no news."""
    told: list[Any] = []

    async def listen(changes: Any) -> None:
        told.extend(changes)

    rows = [
        await make_company(resources_database, name="A", stage=stage) for stage in ("WARM", "COLD")
    ]
    resources_database._after_commit = (listen,)
    ids = [id_of(row) for row in rows]
    await run_bulk(client, "updateCompanies", ids=ids, set={"stage": "WARM"})
    await run_bulk(client, "deleteCompanies", ids=ids[:1])
    assert told == [
        CompanyChanged(kind=ChangeKind.UPDATED, company_id=rows[1].id),
        CompanyChanged(kind=ChangeKind.DELETED, company_id=rows[0].id),
    ]


async def test_bulk_writes_of_the_same_records_wait_for_each_other(
    client: Client, resources_database: Database
) -> None:
    """Ids in any order, filters and tags at once: no deadlock, and nothing is lost."""
    rows = [await make_contact(resources_database, first_name="A", stage="COLD") for _ in range(30)]
    ids = [id_of(row) for row in rows]
    answers = await asyncio.gather(
        run_bulk(client, "tagContacts", ids=ids, add=["a"]),
        run_bulk(client, "tagContacts", ids=ids[::-1], add=["b"]),
        run_bulk(client, "updateContacts", ids=ids[15:] + ids[:15], set={"title": "CTO"}),
        run_bulk(client, "tagContacts", filter={"stage": {"eq": "COLD"}}, add=["c"]),
    )
    assert [answer["counts"] for answer in answers] == [counts(updated=30)] * 4
    tags = await read_rows(resources_database, "SELECT DISTINCT cardinality(tags) FROM contacts")
    assert tags == [(3,)]


async def test_delete_sent_again_under_its_key_answers_the_same(
    client: Client, resources_database: Database
) -> None:
    """The records are deleted by then; the answer is that of the first time."""
    first, second, _ = await three(resources_database)
    given = {"ids": [id_of(first), NOBODY, id_of(second)], "idempotencyKey": "k"}
    once = await run_bulk(client, "deleteContacts", **given)
    again = await run_bulk(client, "deleteContacts", **given)
    assert statuses(once) == statuses(again) == ["DELETED", "FAILED", "DELETED"]
    assert [row["contact"] for row in again["results"]] == [
        row["contact"] for row in once["results"]
    ]


async def test_counts_are_kept_under_the_key_of_very_many(
    client: Client, resources_database: Database
) -> None:
    """What was told the first time is told again, without rows."""
    await make_many(resources_database)
    given = {"filter": {"stage": {"eq": "COLD"}}, "confirmCount": MANY, "idempotencyKey": "k"}
    once = await run_bulk(client, "deleteContacts", **given)
    assert await run_bulk(client, "deleteContacts", **given) == once


async def test_very_many_are_given_as_long_as_the_request_may_take(
    client: Client, resources_database: Database, database_url: URL
) -> None:
    """PostgreSQL's own limit for a statement is that of the request, for this transaction."""
    await make_many(resources_database)
    await execute(
        resources_database,
        "CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " NEW.notes := extract(epoch FROM current_setting('statement_timeout')::interval);"
        " RETURN NEW; END $$",
    )
    await execute(
        resources_database,
        "CREATE TRIGGER note BEFORE INSERT ON contact_metadata"
        " FOR EACH ROW EXECUTE FUNCTION note()",
    )
    given = {"filter": {"stage": {"eq": "COLD"}}, "set": {"headline": "x"}}
    await run_bulk(client, "updateContacts", **given, confirmCount=MANY)
    noted = await read_rows(resources_database, "SELECT DISTINCT notes FROM contact_metadata")
    ((limit,),) = noted
    assert float(limit) != 8
    assert 0 < float(limit) <= 10
    async with open_engine(database_url) as engine, engine.connect() as connection:
        assert await connection.scalar(text("SHOW statement_timeout")) == "8s"
