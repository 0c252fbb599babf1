"""Rows for walks and filters: few distinct values, so that ties and missing values abound.

They are written past the product's own writing, because lists must be right for whatever stands in
the tables. No text has a letter whose lower case Python and PostgreSQL see differently.
"""

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any

from sqlalchemy import Table, insert, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from db.tables import (
    activities,
    companies,
    contact_emails,
    contact_metadata,
    contact_phones,
    contacts,
    users,
)
from domain.enums import (
    ActivityType,
    DescribedEnum,
    EmailStatus,
    EmailType,
    PhoneType,
    RecordSource,
    Seniority,
)
from tests.db.brute_force import World

WORDS = ("ada", "Ada", "ADA", "Éva", "éva", "Zoë", "Ж", "ж", "50%", "5_0", "a\\b", "a/b", "", "𝔸")
LABELS = ("Sales", "sales", "R&D", "a,b", 'say "x"', "größe", "50%", "NULL")
_PROFILES = ("https://www.linkedin.com/in/ada", "https://www.linkedin.com/in/%C3%A9va", None)
_NUMBERS = ("+4930123456", "+4930123457", "+15550100", None)
_START = datetime(2024, 2, 29, 23, 59, 59, 999_999, tzinfo=UTC)


def seeded(seed: str) -> Random:
    """A source of rows that gives the same ones for the same seed."""
    return Random(seed)  # noqa: S311  # test rows are no secret


def _word(random: Random) -> str | None:
    return random.choice((None, None, None, *WORDS))


def _labels(random: Random) -> list[str]:
    return random.sample(LABELS, random.randrange(4))


def _instant(random: Random) -> datetime:
    return _START + timedelta(days=random.randrange(3), microseconds=random.randrange(6))


def _email(random: Random) -> str | None:
    local = random.choice(("ada", "Ada", "a_a", "a%a", "éva", None))
    return local and f"{local}@{random.choice(('acme.com', 'Acme.com', 'x.org'))}"


def _one_of(random: Random, enum: type[DescribedEnum]) -> DescribedEnum:
    return random.choice(list(enum)[:3])


def _contact(random: Random, company_ids: Sequence[int], user_ids: Sequence[int]) -> dict[str, Any]:
    return {
        "first_name": _word(random),
        "middle_name": _word(random),
        "last_name": _word(random),
        "title": _word(random),
        "seniority": random.choice((None, *list(Seniority)[:3])),
        "departments": _labels(random),
        "functions": _labels(random),
        "keywords": _labels(random),
        "tags": _labels(random),
        "email": _email(random),
        "email_status": random.choice((None, *list(EmailStatus)[:3])),
        "city": _word(random),
        "region": _word(random),
        "country": _word(random),
        "country_code": random.choice((None, "DE", "de", "GB")),
        "stage": _word(random),
        "lead_status": _word(random),
        "source": _one_of(random, RecordSource),
        "owner_id": random.choice((None, *user_ids)),
        "company_id": random.choice((None, *company_ids)),
        "company_name_raw": _word(random),
        "do_not_contact": random.random() < 0.5,
        "last_contacted_at": random.choice((None, _instant(random))),
        "last_verified_at": random.choice((None, _instant(random))),
        "created_at": _instant(random),
        "updated_at": _instant(random),
        "deleted_at": _instant(random) if random.random() < 0.1 else None,
    }


def _company(random: Random, domain: str | None, user_ids: Sequence[int]) -> dict[str, Any]:
    return {
        "name": _word(random),
        "domain": domain,
        "short_description": _word(random),
        "linkedin_url": random.choice(_PROFILES),
        "industries": _labels(random),
        "sub_industries": _labels(random),
        "technologies": _labels(random),
        "keywords": _labels(random),
        "employees_count": random.choice((None, 0, 1, 10, 10, 2**31 - 1)),
        "annual_revenue": random.choice((None, 0, 5, 5, 2**63 - 1)),
        "total_funding": random.choice((None, 0, 5, 2**40)),
        "latest_funding": _word(random),
        "latest_funding_amount": random.choice((None, 0, 5, 2**40)),
        "last_raised_at": random.choice((None, date(2020, 2, 29), date(2021, 1, 1))),
        "founded_year": random.choice((None, 1, 1999, 2000)),
        "city": _word(random),
        "region": _word(random),
        "country": _word(random),
        "country_code": random.choice((None, "DE", "de", "GB")),
        "stage": _word(random),
        "source": _one_of(random, RecordSource),
        "owner_id": random.choice((None, *user_ids)),
        "created_at": _instant(random),
        "updated_at": _instant(random),
        "deleted_at": _instant(random) if random.random() < 0.1 else None,
    }


def _metadata(random: Random, contact_id: int) -> dict[str, Any]:
    texts = ("headline", "facebook_url", "twitter_url", "website_url", "street", "postal_code")
    return {
        "contact_id": contact_id,
        "linkedin_url": random.choice(_PROFILES),
        "timezone": random.choice((None, "Europe/Berlin")),
        "notes": _word(random),
        **{name: _word(random) for name in texts},
    }


def _address(random: Random, contact_id: int, position: int, *, deleted: bool) -> dict[str, Any]:
    local = random.choice(("ada", "Ada", "a_a", "a%a", "éva"))
    return {
        "contact_id": contact_id,
        "position": position,
        "address": f"{local}{contact_id}.{position}@{random.choice(('acme.com', 'Acme.com'))}",
        "type": random.choice((None, *list(EmailType)[:2])),
        "status": _one_of(random, EmailStatus),
        "is_primary": position == 0,
        "confidence": random.choice((None, 0.0, 0.1, 0.5, 1.0)),
        "is_catch_all": random.choice((None, True, False)),
        "source": _word(random),
        "verified_at": random.choice((None, _instant(random))),
        "deleted_at": _START if deleted else None,
    }


def _phone(random: Random, contact_id: int, position: int) -> dict[str, Any]:
    return {
        "contact_id": contact_id,
        "position": position,
        "number": random.choice(("030 123456", "030 123457", "555-0100 x1")),
        "e164": random.choice(_NUMBERS),
        "type": _one_of(random, PhoneType),
        "extension": random.choice((None, "1", "23")),
        "is_primary": position == 0,
        "status": _word(random),
        "source": _word(random),
    }


def _activity(random: Random, contact_id: int, user_ids: Sequence[int]) -> dict[str, Any]:
    return {
        "contact_id": contact_id,
        "type": _one_of(random, ActivityType),
        "body": _word(random),
        "actor_id": random.choice((None, *user_ids)),
        "occurred_at": _instant(random),
    }


async def insert_contacts(
    engine: AsyncEngine,
    random: Random,
    *,
    count: int,
    company_ids: Sequence[int] = (),
    user_ids: Sequence[int] = (),
) -> None:
    """Contacts of the companies or of none; about one in ten is deleted."""
    rows = [_contact(random, company_ids, user_ids) for _ in range(count)]
    async with engine.begin() as connection:
        await connection.execute(insert(contacts), rows)


async def insert_companies(
    engine: AsyncEngine, random: Random, *, count: int, user_ids: Sequence[int] = ()
) -> list[int]:
    """The ids of new companies, the deleted ones included; a third has no domain."""
    domains = [f"d{number}.com" for number in random.sample(range(10**9), count)]
    rows = [_company(random, random.choice((None, domain, domain)), user_ids) for domain in domains]
    async with engine.begin() as connection:
        await connection.execute(insert(companies), rows)
        return list(await connection.scalars(select(companies.c.id).order_by(companies.c.id)))


async def insert_users(engine: AsyncEngine, *, count: int) -> list[int]:
    """The ids of new users."""
    rows = [{"email": f"user{number}@example.com"} for number in range(count)]
    async with engine.begin() as connection:
        return list(await connection.scalars(insert(users).returning(users.c.id), rows))


async def insert_belongings(
    engine: AsyncEngine, random: Random, *, user_ids: Sequence[int] = ()
) -> None:
    """Metadata of most contacts, and up to two addresses, phones and activities of each."""
    made: defaultdict[Table, list[dict[str, Any]]] = defaultdict(list)
    for row in await stored_rows(engine, contacts):
        contact_id, gone = row["id"], row["deleted_at"] is not None
        if random.random() < 0.7:
            made[contact_metadata].append(_metadata(random, contact_id))
        for at in range(random.randrange(3)):
            deleted = gone or random.random() < 0.1
            made[contact_emails].append(_address(random, contact_id, at, deleted=deleted))
        made[contact_phones] += [
            _phone(random, contact_id, at) for at in range(random.randrange(3))
        ]
        made[activities] += [
            _activity(random, contact_id, user_ids) for _ in range(random.randrange(3))
        ]
    async with engine.begin() as connection:
        for table, rows in made.items():
            await connection.execute(insert(table), rows)


async def insert_world(
    engine: AsyncEngine, random: Random, *, contact_count: int, company_count: int
) -> World:
    """Rows in all tables that filters read, and those of them that filters see."""
    user_ids = await insert_users(engine, count=3)
    company_ids = await insert_companies(engine, random, count=company_count, user_ids=user_ids)
    async with engine.begin() as connection:
        for child in random.sample(company_ids, len(company_ids) // 2):
            parent = companies.c.id == child
            await connection.execute(
                update(companies).where(parent).values(parent_id=random.choice(company_ids))
            )
    await insert_contacts(
        engine, random, count=contact_count, company_ids=company_ids, user_ids=user_ids
    )
    await insert_belongings(engine, random, user_ids=user_ids)
    return await stored_world(engine)


async def stored_world(engine: AsyncEngine) -> World:
    """What stands in the database, as filters see it."""
    return World(
        contacts=await _live(engine, contacts),
        companies=await _live(engine, companies),
        metadata={row["contact_id"]: row for row in await stored_rows(engine, contact_metadata)},
        emails=await _by_contact(engine, contact_emails),
        phones=await _by_contact(engine, contact_phones),
        activities=await _by_contact(engine, activities),
    )


async def _live(engine: AsyncEngine, table: Table) -> dict[int, dict[str, Any]]:
    rows = await stored_rows(engine, table)
    return {row["id"]: row for row in rows if row["deleted_at"] is None}


async def _by_contact(engine: AsyncEngine, table: Table) -> dict[int, list[dict[str, Any]]]:
    rows: defaultdict[int, list[dict[str, Any]]] = defaultdict(list)
    for row in await stored_rows(engine, table):
        if row.get("deleted_at") is None:
            rows[row["contact_id"]].append(row)
    return dict(rows)


async def stored_rows(engine: AsyncEngine, table: Table) -> list[dict[str, Any]]:
    """All rows of a table as they are stored, the deleted ones included."""
    async with engine.connect() as connection:
        result = await connection.execute(select(table).order_by(*table.primary_key))
        return [dict(row) for row in result.mappings()]


async def delete_rows_after(engine: AsyncEngine, table: Table, row_id: int) -> None:
    """Take out the rows that came after one."""
    async with engine.begin() as connection:
        await connection.execute(table.delete().where(table.c.id > row_id))


async def mark_deleted(
    engine: AsyncEngine, table: Table, row_ids: Collection[int], *, deleted: bool = True
) -> None:
    """Take rows out of every list, or bring them back."""
    at = _START if deleted else None
    async with engine.begin() as connection:
        await connection.execute(
            table.update().where(table.c.id.in_(row_ids)).values(deleted_at=at)
        )
