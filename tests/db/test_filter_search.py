"""Promises of `db.filters` on parts of texts, and on words that may stand in any of several."""

from collections.abc import Iterator
from itertools import combinations
from typing import Any, Final

import pytest
from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncEngine

from db.tables import contacts
from db.transaction import Database
from domain.filters import CompanyFilter, ContactFilter, StringFilter
from domain.node_ids import NodeKind, encode_node_id
from tests.db.selections import listed
from tests.factories import make_company, make_contact


@pytest.mark.parametrize("told", [False, True], ids=["ignored", "told"])
@pytest.mark.parametrize("field", ["first_name", "last_name", "name", "title", "company_name"])
async def test_every_part_of_a_text_finds_it(
    database: Database, engine: AsyncEngine, field: str, told: bool
) -> None:
    """Whatever letters it has, also beside the blanks that joining names takes away."""
    texts = ("İstanbul ΑΣ", " ΑΣΒ'ς ", "ẞ ﬁ Ǆ", "IJ İI\u0307", "50%_\\", "K  Å")
    columns = dict.fromkeys(("first_name", "last_name", "title", "company_name_raw"))
    stored = "last_name" if field == "name" else field.replace("company_name", "company_name_raw")
    async with engine.begin() as connection:
        rows = [columns | {stored: text} for text in texts]
        await connection.execute(insert(contacts), rows)
        kept = list(await connection.execute(select(contacts.c.id, contacts.c[_column(field)])))
    for row_id, text in kept:
        filters_ = [_told(field, {operator: part}, told) for operator, part in _parts(text)]
        found = await listed(database, filters_)
        assert [
            filter_ for filter_, ids in zip(filters_, found, strict=True) if row_id not in ids
        ] == []


def _told(field: str, operand: dict[str, Any], told: bool) -> ContactFilter:
    given: dict[str, Any] = {field: StringFilter(**operand, case_sensitive=told)}
    return ContactFilter(**given)


def _column(field: str) -> str:
    return "full_name" if field == "name" else field


def _parts(text: str) -> Iterator[tuple[str, str]]:
    """Each operator with every part of the text for which it holds."""
    for start, end in combinations(range(len(text) + 1), 2):
        yield "contains", text[start:end]
    for at in range(len(text) + 1):
        yield "starts_with", text[:at]
        yield "ends_with", text[at:]


SEARCHES: Final = {
    "lovelace ADA": True,
    "  vice\tCharles ": True,
    "ada@engine analytical": True,
    "A\u0301da": False,
    "E\u0301va": True,
    " \u200b": True,
    "ada nobody": False,
    "ada_": False,
    "100%": True,
}


async def test_search_finds_every_word_somewhere(database: Database) -> None:
    """Each word stands in the names, the address, the title or the company, as part of a word."""
    company = await make_company(database, name="Analytical Éva 100%")
    contact = await make_contact(
        database,
        first_name="Ada",
        middle_name="Charles",
        last_name="Lovelace",
        title="Vice President",
        company_id=encode_node_id(NodeKind.COMPANY, company.id),
        emails=("ada@engine.com",),
    )
    found = await listed(database, [ContactFilter(search=words) for words in SEARCHES])
    assert dict(zip(SEARCHES, found, strict=True)) == {
        words: {contact.id} if is_found else set() for words, is_found in SEARCHES.items()
    }


async def test_search_of_companies_looks_into_name_domain_and_description(
    database: Database,
) -> None:
    """All three hold words, and each word may stand in another."""
    company = await make_company(
        database, name="Acme", domain="rockets.com", short_description="Makes anvils."
    )
    await make_company(database, name="Acme", domain="anvils.com")
    found = await listed(database, [CompanyFilter(search="acme ROCKETS anvil")])
    assert found == [{company.id}]
