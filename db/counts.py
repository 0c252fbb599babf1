"""How many rows match: exactly, up to a limit, or as the planner expects."""

from functools import lru_cache
from typing import Any, TypeVar

from sqlalchemy import BigInteger, Select, bindparam, func, literal, select

from db.entities import Entity
from db.filter_shapes import Shape, split_filter
from db.filters import build_condition, name_values
from db.paging import count_rows
from db.rows import Row
from db.statements import Statement
from db.transaction import ReadSession
from domain.aggregates import Count, CountPrecision
from domain.filters import Filter

R = TypeVar("R", bound=Row)


async def count_exactly(session: ReadSession, entity: Entity[R], filter_: Filter | None) -> Count:
    """Every row counted."""
    return Count(await count_rows(session, entity, filter_), CountPrecision.EXACT)


async def count_up_to(
    session: ReadSession, entity: Entity[R], filter_: Filter | None, *, limit: int
) -> Count:
    """The count, or the limit when there are more rows; no row after those is read."""
    shape, values = split_filter(filter_)
    named = name_values(values) | {"most": limit + 1}
    count = int(await session.fetch_value(_count_up_to(entity, shape), named))
    if count > limit:
        return Count(limit, CountPrecision.AT_LEAST)
    return Count(count, CountPrecision.EXACT)


async def estimate_count(session: ReadSession, entity: Entity[R], filter_: Filter | None) -> Count:
    """What the planner expects from its statistics; no row is read."""
    shape, values = split_filter(filter_)
    (explained,) = await session.fetch_value(_estimate(entity, shape), name_values(values))
    return Count(int(explained["Plan"]["Plan Rows"]), CountPrecision.ESTIMATE)


@lru_cache(maxsize=512)
def _count_up_to(entity: Entity[R], shape: Shape) -> Statement[Row]:
    some = _matching(entity, shape).limit(bindparam("most", type_=BigInteger())).subquery("some")
    return Statement(select(func.count()).select_from(some), Row)


@lru_cache(maxsize=512)
def _estimate(entity: Entity[R], shape: Shape) -> Statement[Row]:
    statement = Statement(_matching(entity, shape), Row)
    statement.sql = f"EXPLAIN (FORMAT JSON) {statement.sql}"
    return statement


def _matching(entity: Entity[R], shape: Shape) -> Select[Any]:
    table = entity.table
    return (
        select(literal(1))
        .select_from(table)
        .where(table.c.deleted_at.is_(None), build_condition(shape, table))
    )
