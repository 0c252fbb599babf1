"""Promises of the demo records: the same everywhere, plausible, and whole in every size."""

import hashlib
from collections import Counter
from typing import Any

from app.demo import load_demo
from app.demo_companies import demo_companies
from app.demo_people import demo_contacts
from db.statements import sql
from db.transaction import Database

TABLES = (
    "companies",
    "contacts",
    "contact_metadata",
    "contact_emails",
    "contact_phones",
    "activities",
)


async def rows_of(database: Database, query: str) -> list[tuple[Any, ...]]:
    async with database.read() as session:
        return [tuple(row) for row in await session.fetch(sql(query))]


async def digest(database: Database) -> str:
    """Of all columns but those that PostgreSQL or the clock choose."""
    found = hashlib.sha256()
    for table in TABLES:
        query = (
            "SELECT (to_jsonb(t) - '{id,uuid,updated_at}'::text[])::text"
            f" FROM {table} t ORDER BY 1"
        )
        for row in await rows_of(database, query):
            found.update(row[0].encode())
    return found.hexdigest()


async def test_two_empty_databases_get_the_same_rows(database: Database) -> None:
    """Nothing depends on the clock or on what ran before."""
    await load_demo(database, companies=40, contacts=250)
    first = await digest(database)
    async with database.write() as tx:
        await tx.fetch(sql("TRUNCATE contacts, companies RESTART IDENTITY CASCADE"))
    await load_demo(database, companies=40, contacts=250)
    assert await digest(database) == first


async def test_all_records_are_written(database: Database) -> None:
    """No two of them are taken for one, and every employer is among the companies."""
    told: list[int] = []
    await load_demo(database, companies=300, contacts=2_500, progress=told.append)
    assert told == [300, 2_300, 2_800]
    assert await rows_of(
        database, "SELECT (SELECT count(*) FROM companies), (SELECT count(*) FROM contacts)"
    ) == [(300, 2_500)]


async def test_values_are_missing_as_in_real_data(database: Database) -> None:
    """Addresses, employers and titles lack at about the rates that files have."""
    await load_demo(database, companies=200, contacts=2_000)
    lacking = await rows_of(
        database,
        "SELECT round(100.0 * count(*) FILTER (WHERE email IS NULL) / count(*)),"
        " round(100.0 * count(*) FILTER (WHERE company_id IS NULL) / count(*)),"
        " round(100.0 * count(*) FILTER (WHERE title IS NULL) / count(*)) FROM contacts",
    )
    assert lacking == [(14, 10, 6)]


async def test_several_addresses_phones_and_activities_exist(database: Database) -> None:
    """Each kind of belonging is there, and the copy of the primary address is right."""
    await load_demo(database, companies=20, contacts=400)
    counts = (
        "SELECT (SELECT count(*) FROM contact_emails WHERE position = 1) > 30,"
        " (SELECT count(*) FROM contact_phones WHERE position > 0) > 30,"
        " (SELECT count(DISTINCT type) FROM contact_phones),"
        " (SELECT count(*) FROM activities) > 100,"
        " (SELECT count(*) FROM contact_metadata WHERE notes IS NOT NULL) > 30"
    )
    assert await rows_of(database, counts) == [(True, True, 4, True, True)]
    differing = (
        "SELECT c.id FROM contacts c LEFT JOIN contact_emails e ON e.contact_id = c.id"
        " AND e.is_primary WHERE (c.email, c.email_status) IS DISTINCT FROM (e.address, e.status)"
    )
    assert await rows_of(database, differing) == []


def test_another_seed_gives_other_records() -> None:
    """The seed is all that decides."""
    assert list(demo_companies(5)) == list(demo_companies(5))
    assert list(demo_companies(5)) != list(demo_companies(5, seed=1))


def test_companies_are_told_apart() -> None:
    """Names and domains are unique, also among many."""
    companies = list(demo_companies(8_000))
    names = Counter(company.values["name"] for company in companies)
    domains = Counter(company.values.get("domain") for company in companies)
    del domains[None]
    assert names.most_common(1)[0][1] == 1
    assert domains.most_common(1)[0][1] == 1


def test_titles_fit_seniority_and_department() -> None:
    """A vice president of sales is called one and works there."""
    contacts = demo_contacts(2_000, list(demo_companies(10)))
    vice_presidents = [
        values
        for values in (row.contact.values for row in contacts)
        if values.get("seniority") == "VP" and values.get("departments") == ["Sales"]
    ]
    assert {values["title"] for values in vice_presidents} == {"VP Sales"}


def test_no_address_is_anybodys() -> None:
    """Hosts are reserved ones."""
    contacts = demo_contacts(500, list(demo_companies(50)))
    hosts = {
        email["address"].rpartition("@")[2].split(".", 1)[1]
        for row in contacts
        for email in row.contact.emails or ()
    }
    assert hosts == {"example.com", "example.net", "example.org"}
