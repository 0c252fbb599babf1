"""The question that filters are for: one query, with rows on both sides of each of its conditions.

"Verified VPs in Berlin at software companies with 50 to 500 employees that have no phone."
"""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest

from db.contacts import create_contact
from db.transaction import Database
from domain.enums import EmailStatus, Seniority
from domain.records import ContactFields, NewEmail, NewLocation, NewPhone
from domain.validation import clean_contact
from tests.client import Client
from tests.factories import make_company
from tests.graph.ids import id_of

PAPER: Final = (Path(__file__).parents[2] / "docs" / "filters.md").read_text("utf-8")
QUERY: Final = re.findall(r"```graphql\n(.*?)```", PAPER, re.DOTALL)[0]
FILTER: Final = json.loads(re.findall(r"```json\n(.*?)```", PAPER, re.DOTALL)[0])

PHONE: Final = NewPhone(number="+49 30 123456")
COMPANIES: Final[dict[str, dict[str, Any]]] = {
    "At the least": {"industries": ["software", "Games"], "employees_count": 50},
    "At the most": {"industries": ["Software"], "employees_count": 500},
    "Too small": {"industries": ["Software"], "employees_count": 49},
    "Too large": {"industries": ["Software"], "employees_count": 501},
    "Of unknown size": {"industries": ["Software"]},
    "Of games first": {"industries": ["Games", "Software"], "employees_count": 100},
    "Of unknown industry": {"employees_count": 100},
}
VERIFIED_VP: Final[dict[str, Any]] = {
    "emails": [NewEmail(address="vp@acme.com", status=EmailStatus.VERIFIED)],
    "seniority": Seniority.VP,
    "location": NewLocation(city="Berlin"),
}
PEOPLE: Final[dict[str, dict[str, Any]]] = {
    "Wanted": {},
    "Small letters": {"location": NewLocation(city="berlin")},
    "Not verified": {"emails": [NewEmail(address="vp@acme.com", status=EmailStatus.LIKELY)]},
    "No address": {"emails": None},
    "No VP": {"seniority": Seniority.DIRECTOR},
    "Of unknown rank": {"seniority": None},
    "Elsewhere": {"location": NewLocation(city="Berlin Mitte")},
    "Nowhere": {"location": None},
    "With phone": {"phones": [PHONE]},
    "With phones": {"phones": [PHONE, NewPhone(number="+49 30 654321")]},
}


async def make_person(database: Database, name: str, **differences: Any) -> None:
    """A verified VP in Berlin, but for the differences."""
    given = VERIFIED_VP | differences
    if given["emails"]:
        address = f"{name}@{given.get('company_id', 'nobody')}.acme.com".replace(" ", ".")
        given["emails"] = [replace(given["emails"][0], address=address)]
    async with database.write() as tx:
        await create_contact(tx, clean_contact(ContactFields(last_name=name, **given)))


async def find(client: Client, query: str, **variables: Any) -> list[tuple[str, str]]:
    """The names of the contacts that a query lists, and of their companies."""
    answer = await client.query(query, **variables)
    listed = answer["contacts"]
    found = [(node["fullName"], node["company"]["name"]) for node in listed["nodes"]]
    assert listed["totalCount"] == len(found)
    return found


@pytest.fixture
async def people(resources_database: Database) -> None:
    """Everybody at every company, and those who are at none."""
    for company, fields in COMPANIES.items():
        row = await make_company(resources_database, name=company, **fields)
        for name, differences in PEOPLE.items():
            await make_person(resources_database, name, company_id=id_of(row), **differences)
    await make_person(resources_database, "At no company")


@pytest.mark.usefixtures("people")
async def test_sentence_finds_exactly_those_it_speaks_of(client: Client) -> None:
    """One row stands on either side of each condition; the right ones are found, in order."""
    assert await find(client, QUERY) == [
        (name, company)
        for company in ("At the least", "At the most")
        for name in ("Small letters", "Wanted")
    ]


@pytest.mark.usefixtures("people")
async def test_sentence_is_the_same_as_a_variable(client: Client) -> None:
    """The filter that the paper shows as JSON is the one of its query."""
    query = """query ($filter: ContactFilter) { contacts(filter: $filter) {
        totalCount nodes { fullName company { name } } } }"""
    assert set(await find(client, query, filter=FILTER)) == set(await find(client, QUERY))
