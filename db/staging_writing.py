"""The bulk statements of a load: many new rows at once.

New rows are copied straight into their table under reserved ids: an upsert statement would make a
second contact of one whose address another load writes at the same time; here that step fails as a
whole and is done again. What stored records are given is the business of `db.staging_updates`.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, TypeVar

from sqlalchemy import Boolean, Column, Table
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from db.errors import translate
from db.staging import BATCH_TIMEOUT_SECONDS, Result, Target
from db.statements import sql
from db.transaction import Transaction
from domain.enums import RecordSource

R = TypeVar("R")
T = TypeVar("T")

_TURN_ROWS: Final = 100

_RESERVE: Final = sql(
    "WITH sequence AS MATERIALIZED"
    " (SELECT CAST(pg_get_serial_sequence(CAST(:name AS text), 'id') AS regclass) AS name)"
    " SELECT nextval(sequence.name) AS id, gen_random_uuid() AS uuid, now() AS now"
    " FROM sequence CROSS JOIN generate_series(1, CAST(:count AS integer))"
)
_ANALYZE: Final = sql(
    "ANALYZE companies, contacts, contact_metadata, contact_emails, contact_phones, activities"
)


@asynccontextmanager
async def bulk_write(tx: Transaction, timeout_seconds: float | None) -> AsyncIterator[None]:
    """A step of the transaction with time for many rows; when it fails, only it is undone.

    Args:
        timeout_seconds: What each statement may take; None leaves it as it is.

    Raises:
        AppError: The domain's word for what PostgreSQL refused.
        Rejected: Another transaction took a key meanwhile; the same step may succeed now.
    """
    try:
        async with tx.step(timeout_seconds):
            yield
    except Exception as error:
        if (told := translate(error)) is not None:
            raise told from error
        raise


async def in_turns(work: Callable[[R], T], rows: Sequence[R]) -> list[T]:
    """What `work` gives for each row; what else waits in this process has its turn in between."""
    done: list[T] = []
    for start in range(0, len(rows), _TURN_ROWS):
        done += map(work, rows[start : start + _TURN_ROWS])
        await asyncio.sleep(0)
    return done


async def insert_targets(tx: Transaction, table: Table, targets: Sequence[Target]) -> None:
    """Write new records in the order given; their ids are in the order of their lines."""
    by_line = sorted(targets, key=lambda target: target.line)
    reserved = await tx.fetch(_RESERVE, {"name": table.name, "count": len(by_line)})
    for target, row in zip(by_line, reserved, strict=True):
        target.record_id, target.uuid, target.result = row["id"], row["uuid"], Result.CREATED
        target.values = {
            "source": RecordSource.IMPORT,
            "created_at": row["now"],
            **target.values,
            "id": target.record_id,
            "uuid": target.uuid,
        }
    await copy_rows(tx, table, [target.values for target in targets])


async def copy_rows(tx: Transaction, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Append rows to a table; keys that are none of its columns are passed over.

    A column that no row names gets its default.
    """
    named = set().union(*rows)
    if rows:
        await copy_columns(
            tx, table.name, [column for column in table.c if column.name in named], rows
        )


async def refresh_statistics(tx: Transaction) -> None:
    """Let the planner know about the rows of a large load now rather than in a minute."""
    await tx.fetch(_ANALYZE)


async def copy_columns(
    tx: Transaction,
    table: str,
    columns: Sequence[Column[Any]],
    rows: Iterable[Mapping[str, Any]],
) -> None:
    """Append rows to some columns of a table, or of a temporary one."""
    names = [column.name for column in columns]
    empty = [_empty_value(column) for column in columns]
    records = (tuple(map(row.get, names, empty)) for row in rows)
    await tx.driver.copy_records_to_table(
        table, columns=names, records=records, timeout=BATCH_TIMEOUT_SECONDS
    )


def _empty_value(column: Column[Any]) -> Any:
    if isinstance(column.type, ARRAY):
        return []
    if isinstance(column.type, Boolean):
        return None if column.nullable else False
    return "{}" if isinstance(column.type, JSONB) else None
