"""Promises of exports: every row that matches, each once, in order, of one state."""

import json
from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from db.export_columns import check_columns, column_names
from db.exports import copy_export, count_export
from db.rows import CompanyRow
from db.tables import companies, contact_emails, contact_phones, contacts
from db.transaction import Database
from domain.errors import InvalidFilter, InvalidInput
from domain.exports import DEFAULT_COLUMNS, ExportEntity, ExportFormat, Foreseen, UnknownColumn
from domain.filters import ContactFilter, StringFilter
from domain.node_ids import NodeKind, encode_node_id
from domain.paging import ContactOrder, ContactOrderField, PageRequest
from tests.db.datasets import insert_contacts, insert_world, seeded
from tests.db.exporting import asked, exported
from tests.db.paging_examples import Example, make_example
from tests.db.walks import CONTACT_LIST, fetcher, place
from tests.factories import make_company, make_contact

_SHARE_OF_EXAMPLES = 2


def lines_of(text: bytes) -> list[Any]:
    """The objects of JSON lines."""
    return [json.loads(line) for line in text.splitlines()]


def entity_of(example: Example) -> ExportEntity:
    """What an example lists."""
    return ExportEntity.CONTACTS if example.listing is CONTACT_LIST else ExportEntity.COMPANIES


def node_id(company: CompanyRow) -> str:
    """The id by which a contact is given to a company."""
    return encode_node_id(NodeKind.COMPANY, company.id)


async def uuids(database: Database, example: Example, **wanted: Any) -> list[str]:
    """The rows of an example's list as an export gives them."""
    export = asked(
        entity_of(example),
        filter_=example.filter,
        order=example.order,
        columns=("uuid",),
        **wanted,
    )
    taken = await exported(database, export)
    return [line["uuid"] for line in lines_of(taken.text)]


async def test_export_has_what_brute_force_finds_in_its_order(
    engine: AsyncEngine, database: Database, request: pytest.FixtureRequest
) -> None:
    """Whatever the filter and the order: all rows, those behind any of them, and the first few."""
    world = await insert_world(engine, seeded("exports"), contact_count=30, company_count=10)
    for number in range(request.config.getoption("examples") // _SHARE_OF_EXAMPLES):
        example = make_example(number, world)
        if example.by_relevance:
            continue
        rows: Sequence[Any] = example.matching(world)
        expected = [str(row["uuid"]) for row in rows]
        assert await uuids(database, example) == expected, example
        if rows:
            at = number % len(rows)
            listed = await fetcher(database, example.listing, example.filter)(
                PageRequest(order=example.order, size=len(rows))
            )
            after = place(example.listing.entity, example.order, listed.rows[at])
            assert await uuids(database, example, after=after) == expected[at + 1 :], example
            assert await uuids(database, example, most=at + 1) == expected[: at + 1], example


async def test_export_without_an_order_comes_in_the_order_of_making(
    engine: AsyncEngine, database: Database
) -> None:
    """Every live row, by its number; the deleted ones are not there."""
    await insert_world(engine, seeded("making"), contact_count=50, company_count=5)
    async with engine.connect() as connection:
        live = select(contacts.c.uuid).where(contacts.c.deleted_at.is_(None))
        rows = await connection.execute(live.order_by(contacts.c.id))
    taken = await exported(database, asked(columns=("uuid",)))
    assert [line["uuid"] for line in lines_of(taken.text)] == [str(row[0]) for row in rows]
    assert await count_export(database, asked()) == len(lines_of(taken.text))


@pytest.mark.parametrize(
    ("most", "rows", "truncated"), [(4, 4, True), (5, 5, False), (6, 5, False)]
)
async def test_cap_is_told_before_the_first_row(
    engine: AsyncEngine, database: Database, most: int, rows: int, truncated: bool
) -> None:
    """Whether it cuts something off is known at once, and how many rows there will be."""
    await insert_contacts(engine, seeded("five"), count=5, company_ids=[])
    async with engine.begin() as connection:
        await connection.execute(update(contacts).values(deleted_at=None))
    taken = await exported(database, asked(most=most))
    assert taken.foreseen == Foreseen(truncated=truncated, rows=rows)
    assert taken.written is not None
    assert (taken.written.rows, taken.written.truncated) == (rows, truncated)
    assert len(lines_of(taken.text)) == rows


async def test_export_is_of_one_state(engine: AsyncEngine, database: Database) -> None:
    """What is written while rows are being taken is not among them, and what is deleted is."""
    await insert_contacts(engine, seeded("state"), count=3000, company_ids=[])
    before = await count_export(database, asked())
    seen = 0

    async def take(lines: bytes) -> None:
        nonlocal seen
        if not seen:
            async with engine.begin() as connection:
                await connection.execute(update(contacts).values(title="changed", deleted_at=None))
        seen += lines.count(b"\n")
        assert b"changed" not in lines

    written = await copy_all(database, take)
    assert (seen, written) == (before, before)


async def copy_all(database: Database, take: Any) -> int:
    """How many rows an export of all contacts has given."""
    written = await copy_export(database, asked(), take, foresee=lambda _foreseen: None)
    return written.rows


async def test_every_column_has_its_value_in_both_forms(
    engine: AsyncEngine, database: Database
) -> None:
    """All columns can be asked for at once; CSV has as many cells, JSON all names."""
    await insert_world(engine, seeded("columns"), contact_count=5, company_count=3)
    for entity in ExportEntity:
        names = [name for name in column_names(entity) if "." not in name]
        nested = [name for name in column_names(entity) if "." in name]
        lists = {name.partition(".")[0] for name in nested} & set(names)
        columns = tuple(name for name in (*names, *nested) if name not in lists)
        for row in lines_of((await exported(database, asked(entity, columns=columns))).text):
            flat = {name for name in columns if "." not in name}
            assert row.keys() == flat | {name.partition(".")[0] for name in nested}
        csv = await exported(database, asked(entity, columns=columns, format=ExportFormat.CSV))
        assert csv.written is not None


async def test_relations_nest_in_json(engine: AsyncEngine, database: Database) -> None:
    """A company is an object, none is null; lists have their rows, or their main values."""
    company = await make_company(database, name="Acme", domain="acme.com")
    ada = await make_contact(database, first_name="Ada", company_id=node_id(company))
    await make_contact(database, first_name="Bob")
    async with engine.begin() as connection:
        for position, address in enumerate(("a@x.example", "b@x.example")):
            row = {"contact_id": ada.id, "position": position, "address": address}
            await connection.execute(insert(contact_emails).values(**row, is_primary=not position))
        for position, number in enumerate(("+491", "+492")):
            row = {"contact_id": ada.id, "position": position, "number": number}
            await connection.execute(insert(contact_phones).values(**row, is_primary=position == 1))
    columns = ("firstName", "company.name", "emails.address", "phone", "company.domain", "phones")
    first, second = lines_of((await exported(database, asked(columns=columns))).text)
    assert list(first) == ["firstName", "company", "emails", "phone", "phones"]
    assert first == {
        "firstName": "Ada",
        "company": {"name": "Acme", "domain": "acme.com"},
        "emails": [{"address": "a@x.example"}, {"address": "b@x.example"}],
        "phone": "+492",
        "phones": ["+491", "+492"],
    }
    empty: dict[str, object] = {"company": None, "emails": [], "phone": None, "phones": []}
    assert second == {"firstName": "Bob", **empty}
    few = await exported(database, asked(columns=columns, most=1))
    assert lines_of(few.text) == [first]


async def test_deleted_companies_and_addresses_are_not_shown(
    engine: AsyncEngine, database: Database
) -> None:
    """What lists do not show, exports do not show."""
    company = await make_company(database, name="Acme")
    await make_contact(database, company_id=node_id(company), emails=("a@acme.com",))
    async with engine.begin() as connection:
        await connection.execute(update(companies).values(deleted_at=companies.c.created_at))
        gone = update(contact_emails).values(deleted_at=contacts.c.created_at)
        await connection.execute(gone.where(contact_emails.c.contact_id == contacts.c.id))
    taken = await exported(database, asked(columns=("company.name", "emails")))
    assert lines_of(taken.text) == [{"company": None, "emails": []}]


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ([], "columns is empty"),
        (["uuid", "uuid"], "uuid twice"),
        (["emails", "emails.status"], "emails and emails.status"),
        (["uuid"] * 201, "at most 200"),
    ],
    ids=["none", "twice", "list and part", "too many"],
)
def test_columns_that_do_not_go_together_are_refused(columns: list[str], said: str) -> None:
    """The message says which."""
    with pytest.raises(InvalidInput, match=said):
        check_columns(ExportEntity.CONTACTS, columns)


@pytest.mark.parametrize(
    ("name", "near"),
    [("firstname", "firstName"), ("company", "company.uuid"), ("company.nmae", "company.name")],
)
def test_unknown_column_names_the_nearest(name: str, near: str) -> None:
    """And all there are, for programs."""
    with pytest.raises(UnknownColumn, match=near) as caught:
        check_columns(ExportEntity.CONTACTS, [name])
    assert caught.value.details["column"] == name
    assert caught.value.details["allowed"] == list(column_names(ExportEntity.CONTACTS))


def test_secrets_and_inner_numbers_are_no_columns() -> None:
    """No password, no row number, no search text."""
    for entity in ExportEntity:
        last = {name.rpartition(".")[2] for name in column_names(entity)}
        assert not last & {"id", "passwordHash", "searchText", "ownerId", "emailKey", "deletedAt"}
        check_columns(entity, DEFAULT_COLUMNS[entity])


async def test_order_that_ends_early_is_refused(database: Database) -> None:
    """RELEVANCE shows the best rows only, which would be an export that is not whole."""
    order = (ContactOrder(field=ContactOrderField.RELEVANCE),)
    with pytest.raises(InvalidInput, match="RELEVANCE"):
        await exported(database, asked(order=order, filter_=ContactFilter(search="ada")))


async def test_filter_without_meaning_is_refused_before_anything_is_read(
    database: Database,
) -> None:
    """The same words as in GraphQL."""
    with pytest.raises(InvalidFilter, match="isNull"):
        await exported(database, asked(filter_=ContactFilter(city=StringFilter(eq=None))))
