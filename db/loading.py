"""Contacts and companies by id; one that is asked for alone has a statement of its own."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, TypeVar

from sqlalchemy import BigInteger, ColumnElement, bindparam, or_

from db.entities import Entity
from db.parameters import one_of
from db.rows import Row
from db.selection import row_class, select_rows
from db.statements import Statement
from db.transaction import ReadSession
from domain.selection import Selection

R = TypeVar("R", bound=Row)


async def load_rows(
    session: ReadSession,
    entity: Entity[R],
    row_ids: Sequence[int],
    *,
    selection: Selection | None = None,
) -> list[R | None]:
    """Rows by id, in the order of the ids; None for missing and deleted ones.

    One that was merged into another is found, though no list has it.
    """
    if len(row_ids) == 1:
        return [await session.fetch_one(_one(entity, selection), {"row_id": row_ids[0]})]
    return await session.fetch_by_id(_many(entity, selection), row_ids)


@lru_cache(maxsize=512)
def _one(entity: Entity[R], selection: Selection | None) -> Statement[R]:
    return _statement(entity, selection, bindparam("row_id", type_=BigInteger))


@lru_cache(maxsize=512)
def _many(entity: Entity[R], selection: Selection | None) -> Statement[R]:
    return _statement(entity, selection, one_of("ids"))


def _statement(
    entity: Entity[R], selection: Selection | None, wanted: ColumnElement[Any]
) -> Statement[R]:
    columns = entity.table.c
    is_found: ColumnElement[bool] = columns.deleted_at.is_(None)
    if "merged_into_id" in columns:
        is_found = or_(is_found, columns.merged_into_id.is_not(None))
    rows = select_rows(entity, selection).where(columns.id == wanted, is_found)
    return Statement(rows, row_class(entity, selection))
