"""Erases and suppresses people, and looks for what is left of them in the whole database."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any, Final
from uuid import UUID

from db.contacts import update_contact
from db.privacy import Erasure, erase_contacts
from db.rows import SuppressionRow
from db.suppressions import add_suppression
from db.transaction import Database, Transaction
from domain.enums import SuppressedKey
from domain.privacy import clean_suppression
from domain.records import ContactFields, NewEmail, NewLocation, NewPhone
from domain.validation import clean_contact
from tests.graph.rows import read_rows

NUMBERS: Final = {"ada": "7654321", "twin": "7654322", "other": "7654323"}
NOT_TEXT: Final = {
    *("seniority", "company_id", "do_not_contact", "source"),
    *("last_contacted_at", "last_verified_at"),
}

_PATIENCE_SECONDS: Final = 30

ADMIN: Final = UUID("00000000-0000-4000-8000-00000000000a")

_STORED_KEYS: Final = """
    SELECT 'EMAIL', email_key FROM contact_emails UNION
    SELECT 'EMAIL', email_key FROM contacts WHERE email_key IS NOT NULL UNION
    SELECT 'LINKEDIN', linkedin_url FROM contact_metadata WHERE linkedin_url IS NOT NULL
"""
PROFILE: Final = "https://www.linkedin.com/in/ada"


def everything_about(name: str) -> dict[str, Any]:
    """Every field of a contact that is text, each with a mark of its own."""
    texts: dict[str, Any] = {item.name: f"{name}-{item.name}" for item in fields(ContactFields)}
    urls = {each: f"https://x.example/{name}/{each}" for each in texts if each.endswith("_url")}
    place = {item.name: f"{name}-{item.name}" for item in fields(NewLocation)}
    lists = ("departments", "functions", "tags", "keywords")
    phone = NewPhone(
        number=f"+49 30 {NUMBERS[name]}",
        extension=f"{name}-extension",
        status=f"{name}-phone-status",
        source=f"{name}-phone-source",
    )
    first = NewEmail(address=f"{name}-first@example.com", source=f"{name}-email-source")
    given = texts | urls | {each: [f"{name}-{each}"] for each in lists}
    given |= {
        "linkedin_url": f"https://www.linkedin.com/in/{name}-profile",
        "emails": [first, NewEmail(address=f"{name}-Second@example.com")],
        "phones": [phone],
        "location": NewLocation(**place | {"country_code": "DE"}),
        "custom_fields": {f"{name}-key": [f"{name}-value"]},
    }
    return {each: value for each, value in given.items() if each not in NOT_TEXT}


def marks(name: str) -> set[str]:
    """What of a person can be found in the database as text, in lower case."""
    texts = [text for value in everything_about(name).values() for text in _texts(value)]
    return {NUMBERS[name], f"{name}-body"} | {text.lower() for text in texts if name in text}


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, Mapping):
        return [text for pair in value.items() for part in pair for text in _texts(part)]
    if isinstance(value, list):
        return [text for item in value for text in _texts(item)]
    return [each for each in vars(value).values() if isinstance(each, str)]


async def erase(database: Database, *contact_ids: int, reason: str | None = None) -> list[Erasure]:
    """What became of contacts that an admin erases."""
    async with database.write() as tx:
        return await erase_in(tx, *contact_ids, reason=reason)


async def erase_in(tx: Transaction, *contact_ids: int, reason: str | None = None) -> list[Erasure]:
    """The same within a transaction."""
    return await erase_contacts(tx, contact_ids, reason=reason, erased_by=ADMIN)


async def suppress(
    database: Database, *, email: str | None = None, linkedin_url: str | None = None
) -> list[SuppressionRow]:
    """The entries of somebody whom an admin puts on the list."""
    async with database.write() as tx:
        new = clean_suppression(email=email, linkedin_url=linkedin_url)
        return await add_suppression(tx, new, created_by=ADMIN)


async def listed_keys(database: Database, keys: Sequence[tuple[SuppressedKey, str]]) -> list[str]:
    """Which of the keys are on the list, by the hash that PostgreSQL makes of them."""
    found = []
    for kind, key in keys:
        query = "SELECT 1 FROM suppressions WHERE kind = $1 AND key_hash = suppression_hash($1, $2)"
        found += [key] if await read_rows(database, query, kind.value, key) else []
    return found


async def stored_and_suppressed(database: Database) -> list[tuple[str, str]]:
    """The keys that a contact has although they are on the list: always none."""
    query = (
        f"SELECT kind, key FROM ({_STORED_KEYS}) AS stored(kind, key)"
        " WHERE suppression_hash(kind, key) IN (SELECT key_hash FROM suppressions)"
    )
    return [(kind, key) for kind, key in await read_rows(database, query)]


async def dump(database: Database) -> str:
    """Every row of every table as text; bytes as the characters they spell."""
    tables = await read_rows(
        database,
        "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables"
        " WHERE schemaname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1",
    )
    lines = []
    async with database.write() as tx:
        await tx.driver.execute("SET LOCAL bytea_output = 'escape'")
        for (table,) in tables:
            rows = await tx.driver.fetch(f"SELECT CAST(t AS text) FROM {table} AS t")
            lines += [f"{table} {row[0]}" for row in rows]
    return "\n".join(lines)


async def wait_for_a_lock(database: Database) -> None:
    """Go on once a transaction waits for another."""
    waiting = (
        "SELECT 1 FROM pg_stat_activity WHERE datname = current_database()"
        " AND wait_event_type = 'Lock'"
    )
    async with asyncio.timeout(_PATIENCE_SECONDS):
        while not await read_rows(database, waiting):
            pass


async def update(database: Database, contact_id: int, **given: Any) -> None:
    async with database.write() as tx:
        await update_contact(tx, contact_id, clean_contact(ContactFields(**given)))


async def ids_left(database: Database) -> list[int]:
    """The contacts that are stored, deleted ones too."""
    return [row[0] for row in await read_rows(database, "SELECT id FROM contacts ORDER BY id")]
