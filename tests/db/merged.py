"""Merges contacts and takes that back, and reads all that is left of it."""

from typing import Any, Final
from uuid import UUID

from db.merging import Merger, merge_contacts
from db.transaction import Database
from db.unmerging import Unmerged, undo_merge
from domain.errors import Problem, Rejected
from domain.merge_requests import clean_merge
from domain.node_ids import NodeKind, encode_node_id
from tests.graph.rows import read_rows

SOMEBODY: Final = UUID(int=360)
WEEK: Final = 7 * 86_400.0

# Names that differ between two states in which a contact is the same.
_MOVING: Final = frozenset({"version", "updated_at"})
_TABLES: Final = (
    "contacts",
    "contact_metadata",
    "contact_emails",
    "contact_phones",
    "activities",
)

LINKEDIN = "https://www.linkedin.com/in/ada"


async def merge(database: Database, *contact_ids: int, **how: Any) -> Merger:
    """One contact of several."""
    async with database.write() as tx:
        request = clean_merge(contact_ids, **how)
        return await merge_contacts(tx, request, merged_by=SOMEBODY)


async def undo(database: Database, merge_id: int, *, within: float = WEEK) -> Unmerged:
    """The contacts apart again."""
    async with database.write() as tx:
        return await undo_merge(tx, merge_id, undo_seconds=within)


async def everything(database: Database) -> dict[str, list[dict[str, Any]]]:
    """All rows of contacts and of what belongs to them, but for what moves with every change."""
    async with database.read() as session:
        rows = {
            table: await session.driver.fetch(f"SELECT * FROM {table} ORDER BY 1")
            for table in _TABLES
        }
    return {
        table: [{k: v for k, v in row.items() if k not in _MOVING} for row in found]
        for table, found in rows.items()
    }


async def addresses(database: Database, contact_id: int) -> list[tuple[str, bool]]:
    """The live addresses of a contact in their order, and whether each is the primary one."""
    return [
        (address, is_primary)
        for address, is_primary in await read_rows(
            database,
            "SELECT address, is_primary FROM contact_emails"
            " WHERE contact_id = $1 AND deleted_at IS NULL ORDER BY position",
            contact_id,
        )
    ]


def node(contact_id: int) -> str:
    """The id of a contact as clients see it."""
    return encode_node_id(NodeKind.CONTACT, contact_id)


async def refusals(work: Any) -> list[Problem]:
    """Why something is refused."""
    try:
        await work
    except Rejected as rejected:
        return list(rejected.problems)
    raise AssertionError("It was not refused.")
