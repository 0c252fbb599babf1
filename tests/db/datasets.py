"""Rows for walks and filters: few distinct values, so that ties and missing values abound.

They are written past the product's own writing, because lists must be right for whatever stands in
the tables. No text has a letter whose lower case Python and PostgreSQL see differently.
"""

from collections.abc import Collection, Sequence
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any

from sqlalchemy import Table, insert, select
from sqlalchemy.ext.asyncio import AsyncEngine

from db.tables import companies, contacts
from domain.enums import EmailStatus, Seniority

WORDS = ("ada", "Ada", "ADA", "Éva", "éva", "Zoë", "Ж", "ж", "50%", "5_0", "a\\b", "a/b", "", "𝔸")
LABELS = ("Sales", "sales", "R&D", "a,b", 'say "x"', "größe", "50%", "NULL")
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


def _contact(random: Random, company_ids: Sequence[int]) -> dict[str, Any]:
    return {
        "first_name": _word(random),
        "last_name": _word(random),
        "title": _word(random),
        "seniority": random.choice((None, *list(Seniority)[:3])),
        "departments": _labels(random),
        "tags": _labels(random),
        "email": _email(random),
        "email_status": random.choice((None, *list(EmailStatus)[:3])),
        "city": _word(random),
        "region": _word(random),
        "country": _word(random),
        "stage": _word(random),
        "company_id": random.choice((None, *company_ids)),
        "company_name_raw": _word(random),
        "do_not_contact": random.random() < 0.5,
        "last_contacted_at": random.choice((None, _instant(random))),
        "created_at": _instant(random),
        "updated_at": _instant(random),
        "deleted_at": _instant(random) if random.random() < 0.1 else None,
    }


def _company(random: Random, domain: str | None) -> dict[str, Any]:
    return {
        "name": _word(random),
        "domain": domain,
        "industries": _labels(random),
        "technologies": _labels(random),
        "keywords": _labels(random),
        "employees_count": random.choice((None, 0, 1, 10, 10, 2**31 - 1)),
        "annual_revenue": random.choice((None, 0, 5, 5, 2**63 - 1)),
        "total_funding": random.choice((None, 0, 5, 2**40)),
        "last_raised_at": random.choice((None, date(2020, 2, 29), date(2021, 1, 1))),
        "founded_year": random.choice((None, 1, 1999, 2000)),
        "city": _word(random),
        "region": _word(random),
        "country": _word(random),
        "stage": _word(random),
        "created_at": _instant(random),
        "updated_at": _instant(random),
        "deleted_at": _instant(random) if random.random() < 0.1 else None,
    }


async def insert_contacts(
    engine: AsyncEngine, random: Random, *, count: int, company_ids: Sequence[int] = ()
) -> None:
    """Contacts of the companies or of none; about one in ten is deleted."""
    rows = [_contact(random, company_ids) for _ in range(count)]
    async with engine.begin() as connection:
        await connection.execute(insert(contacts), rows)


async def insert_companies(engine: AsyncEngine, random: Random, *, count: int) -> list[int]:
    """The ids of new companies, the deleted ones included; a third has no domain."""
    domains = [f"d{number}.com" for number in random.sample(range(10**9), count)]
    rows = [_company(random, random.choice((None, domain, domain))) for domain in domains]
    async with engine.begin() as connection:
        await connection.execute(insert(companies), rows)
        return list(await connection.scalars(select(companies.c.id).order_by(companies.c.id)))


async def stored_rows(engine: AsyncEngine, table: Table) -> list[dict[str, Any]]:
    """All rows of a table as they are stored, the deleted ones included."""
    async with engine.connect() as connection:
        result = await connection.execute(select(table).order_by(table.c.id))
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
