"""Writes and reads rows that the product itself does not write or read yet."""

from typing import Any

from db.belongings import load_activities
from db.rows import ActivityRow
from db.transaction import Database


async def make_activity(
    database: Database, contact_id: int, *, actor_id: int | None = None, body: str = "Called"
) -> ActivityRow:
    """A call with a contact; the newest one of it."""
    async with database.write() as tx:
        await tx.driver.execute(
            "INSERT INTO activities (contact_id, type, body, actor_id, occurred_at)"
            " VALUES ($1, 'CALL', $2, $3, clock_timestamp())",
            contact_id,
            body,
            actor_id,
        )
        return (await load_activities(tx, [contact_id]))[0][0]


async def execute(database: Database, sql: str, *values: Any) -> None:
    """Run a statement and commit it."""
    async with database.write() as tx:
        await tx.driver.execute(sql, *values)


async def read_rows(database: Database, sql: str, *values: Any) -> list[tuple[Any, ...]]:
    """What a statement answers."""
    async with database.read() as session:
        return [tuple(row) for row in await session.driver.fetch(sql, *values)]


async def snapshot(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table that mutations write."""
    tables = ("contacts", "contact_emails", "contact_phones", "contact_metadata", "companies")
    return {
        table: await read_rows(database, f"SELECT * FROM {table} ORDER BY 1") for table in tables
    }
