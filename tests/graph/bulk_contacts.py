"""Short forms for upserts of contacts, and what the tables hold afterwards."""

from typing import Any

from db.transaction import Database
from tests.client import Client
from tests.graph.bulk import run_bulk
from tests.graph.rows import read_rows

ADDRESS = "ada@acme.com"


def at(*addresses: str) -> list[dict[str, str]]:
    """E-mails of an input."""
    return [{"address": address} for address in addresses]


async def upsert(client: Client, *rows: dict[str, Any], **given: Any) -> dict[str, Any]:
    """The payload of an upsert."""
    return await run_bulk(client, "upsertContacts", rows=list(rows), **given)


async def contacts(database: Database, columns: str) -> list[tuple[Any, ...]]:
    """Columns of all contacts with their metadata, in the order of their ids."""
    return await read_rows(
        database,
        f"SELECT {columns} FROM contacts c LEFT JOIN contact_metadata m ON m.contact_id = c.id"
        " ORDER BY c.id",
    )
