"""The statements that contacts, companies and what belongs to them are written with.

Every INSERT and UPDATE is compiled once for each set of columns and answers the whole row.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, TypeVar

from sqlalchemy import BigInteger, Table, bindparam, func, select
from sqlalchemy.dialects.postgresql import insert

from db.entities import Entity
from db.parameters import one_of
from db.problems import merged_away, moved_on, not_found
from db.rows import Row
from db.statements import Statement
from db.tables import companies, contact_metadata, contacts
from db.transaction import ReadSession, Transaction
from domain.changes import CompaniesLoaded, ContactsLoaded
from domain.errors import Rejected

R = TypeVar("R", bound=Row)

METADATA_COLUMNS: Final = frozenset(contact_metadata.c.keys()) - {"contact_id"}
"""What is written of a contact beside its own row."""

_ID: Final = bindparam("row_id", type_=BigInteger)
_LOADED: Final[Mapping[Table, type[ContactsLoaded | CompaniesLoaded]]] = {
    contacts: ContactsLoaded,
    companies: CompaniesLoaded,
}


async def insert_row(tx: Transaction, entity: Entity[R], values: Mapping[str, Any]) -> R:
    """A new row of an entity, as PostgreSQL stored it."""
    rows: list[R] = await tx.fetch(_insert(entity, tuple(values)), values)
    return rows[0]


async def update_row(
    tx: Transaction, entity: Entity[R], row_id: int, values: Mapping[str, Any]
) -> R:
    """The row after the change; `version` and `updated_at` move on even without values."""
    rows: list[R] = await tx.fetch(_update(entity, tuple(values)), {**values, "row_id": row_id})
    return rows[0]


async def lock_row(
    tx: Transaction,
    entity: Entity[R],
    row_id: int,
    *,
    expected_version: int | None,
    deleted: bool = False,
) -> R:
    """The row, locked until the transaction ends.

    Raises:
        Rejected: NOT_FOUND, NOT_ALLOWED_IN_STATE when it was merged into another, or
            VERSION_CONFLICT when it is no longer the version expected.
    """
    row: R | None = await tx.fetch_one(_lock(entity), {"row_id": row_id})
    if row is not None and row.get("merged_into_id") is not None:
        raise Rejected([merged_away(row["merged_into_id"])])
    if row is None or (row["deleted_at"] is not None) is not deleted:
        state = "deleted " if deleted else ""
        raise Rejected([not_found(f"{state}{entity.kind.name.lower()}")])
    if expected_version is not None and row["version"] != expected_version:
        raise Rejected([moved_on(entity.kind, row_id, row["version"])])
    return row


async def replace_children(
    tx: Transaction, table: Table, contact_id: int, rows: Sequence[Mapping[str, Any]]
) -> list[bool]:
    """A contact's rows in another table are these now; tells which ones could be stored.

    A row that a unique index refuses is the only one that cannot.
    """
    await delete_belongings(tx, table, [contact_id])
    stored = []
    for row in rows:
        values = {**row, "contact_id": contact_id}
        stored.append(bool(await tx.fetch(_insert_child(table, tuple(values)), values)))
    return stored


async def delete_belongings(tx: Transaction, table: Table, contact_ids: Sequence[int]) -> None:
    """The contacts have no rows in another table any more."""
    if contact_ids:
        await tx.fetch(_delete_belongings(table), {"ids": list(contact_ids)})


async def upsert_metadata(tx: Transaction, contact_id: int, values: Mapping[str, Any]) -> None:
    """The given columns of a contact's metadata."""
    written = {**values, "contact_id": contact_id}
    await tx.fetch(_upsert_metadata(tuple(written)), written)


def record_loaded(tx: Transaction, table: Table, rows: int) -> None:
    """Record how many contacts or companies were written at once, if any were."""
    if rows:
        tx.record(_LOADED[table](rows=rows))


async def find_rows(
    session: ReadSession, entity: Entity[R], row_ids: Sequence[int]
) -> dict[int, R]:
    """Rows by id, be they deleted or not."""
    rows = await session.fetch(_find(entity), {"row_ids": list(row_ids)})
    return {row["id"]: row for row in rows}


@lru_cache(maxsize=512)
def _insert(entity: Entity[R], names: tuple[str, ...]) -> Statement[R]:
    table = entity.table
    statement = insert(table).values(_bound(table, names)).returning(*_returned(entity))
    return Statement(statement, entity.row)


@lru_cache(maxsize=512)
def _update(entity: Entity[R], names: tuple[str, ...]) -> Statement[R]:
    table = entity.table
    written = _bound(table, names) or {"updated_at": func.now()}
    statement = table.update().where(table.c.id == _ID).values(written)
    return Statement(statement.returning(*_returned(entity)), entity.row)


@lru_cache(maxsize=16)
def _lock(entity: Entity[R]) -> Statement[R]:
    table = entity.table
    statement = select(*_returned(entity)).where(table.c.id == _ID).with_for_update()
    return Statement(statement, entity.row)


@lru_cache(maxsize=16)
def _find(entity: Entity[R]) -> Statement[R]:
    wanted = entity.table.c.id == one_of("row_ids")
    return Statement(select(*_returned(entity)).where(wanted), entity.row)


@lru_cache(maxsize=16)
def _delete_belongings(table: Table) -> Statement[Row]:
    return Statement(table.delete().where(table.c.contact_id == one_of("ids")), Row)


@lru_cache(maxsize=512)
def _insert_child(table: Table, names: tuple[str, ...]) -> Statement[Row]:
    statement = insert(table).values(_bound(table, names)).on_conflict_do_nothing()
    return Statement(statement.returning(table.c.id), Row)


@lru_cache(maxsize=512)
def _upsert_metadata(names: tuple[str, ...]) -> Statement[Row]:
    table = contact_metadata
    statement = insert(table).values(_bound(table, names))
    changed = {name: statement.excluded[name] for name in names}
    return Statement(
        statement.on_conflict_do_update(index_elements=[table.c.contact_id], set_=changed), Row
    )


def _bound(table: Table, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: bindparam(name, type_=table.c[name].type) for name in names}


def _returned(entity: Entity[R]) -> list[Any]:
    return [entity.table.c[name] for name in entity.columns]
