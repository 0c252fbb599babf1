"""The records that a bulk job has still to do: chosen with the job, taken out as they are done."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final, TypeVar

from sqlalchemy import BigInteger, bindparam, cast, func, select
from sqlalchemy.dialects.postgresql import ARRAY, insert

from db.entities import Entity
from db.filter_shapes import Shape, split_filter
from db.filters import build_condition, name_values
from db.job_tables import job_records
from db.paging import count_rows
from db.rows import Row
from db.statements import Statement, sql
from db.transaction import Transaction
from domain.bulk import Selection, refusal, unconfirmed

R = TypeVar("R", bound=Row)

_JOB_ID: Final[Any] = cast(bindparam("job_id", type_=BigInteger), BigInteger)

_COUNT: Final = sql(
    "UPDATE jobs SET total = (SELECT count(*) FROM job_records r WHERE r.job_id = jobs.id)"
    " WHERE id = CAST(:job_id AS bigint) RETURNING total"
)
_TAKE: Final = sql(
    "DELETE FROM job_records WHERE job_id = CAST(:job_id AS bigint) AND record_id = ANY(ARRAY("
    "SELECT record_id FROM job_records WHERE job_id = CAST(:job_id AS bigint)"
    " ORDER BY record_id LIMIT CAST(:most AS bigint))) RETURNING record_id"
)


async def choose_records(
    tx: Transaction, job_id: int, entity: Entity[R], selection: Selection
) -> int:
    """Give a job the records of a selection as they match now; how many they are.

    Raises:
        Rejected: Not as many match as were confirmed, or none at all.
    """
    values: dict[str, object] = {"job_id": job_id}
    if selection.ids is not None:
        await tx.fetch(_insert_ids(), {**values, "ids": list(selection.ids)})
    else:
        shape, filtered = split_filter(selection.filter_)
        chosen = {**values, **name_values(filtered), "most": selection.most + 1}
        await tx.fetch(_insert_matching(entity, shape), chosen)
    total = int(await tx.fetch_value(_COUNT, values))
    if selection.filter_ is not None and not selection.takes(total):
        count = await count_rows(tx, entity, selection.filter_)
        raise unconfirmed(count, selection.confirm_count)
    if not total:
        name = "ids" if selection.filter_ is None else "filter"
        raise refusal("No record is chosen; nothing is to be done.", name)
    return total


async def take_records(tx: Transaction, job_id: int, *, most: int) -> Sequence[int]:
    """The next records of a job, in the order of their ids; they count as done with the commit."""
    rows = await tx.fetch(_TAKE, {"job_id": job_id, "most": most})
    return sorted(row[0] for row in rows)


@lru_cache(maxsize=1)
def _insert_ids() -> Statement[Row]:
    ids = bindparam("ids", type_=ARRAY(BigInteger))
    source = select(_JOB_ID, func.unnest(ids).label("record_id")).distinct()
    return Statement(insert(job_records).from_select(["job_id", "record_id"], source), Row)


@lru_cache(maxsize=128)
def _insert_matching(entity: Entity[R], shape: Shape) -> Statement[Row]:
    table = entity.table
    source = select(_JOB_ID, table.c.id).where(
        table.c.deleted_at.is_(None), build_condition(shape, table)
    )
    source = source.limit(bindparam("most", type_=BigInteger))
    return Statement(insert(job_records).from_select(["job_id", "record_id"], source), Row)
