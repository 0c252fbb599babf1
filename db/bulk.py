"""Changing many stored records at once: a few statements, however many records.

The records are locked in the order of their ids before anything is written, so two bulk writes wait
for each other instead of deadlocking. A record that is as it should be is not touched.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final, Generic, TypeVar

from sqlalchemy import BigInteger, Table, any_, bindparam, func, or_, select, update
from sqlalchemy.dialects.postgresql import ARRAY, insert

from db.entities import COMPANIES, CONTACTS, Entity
from db.filter_shapes import Shape, split_filter
from db.filters import build_condition, name_values
from db.paging import count_rows
from db.problems import merged_away, not_found
from db.rows import CompanyRow, ContactRow, Row
from db.statements import Statement
from db.tables import contact_metadata
from db.transaction import Transaction
from db.writing import record_loaded
from domain.bulk import (
    MAX_BULK_ROWS,
    BulkOutcome,
    BulkStatus,
    ErrorPolicy,
    RowOutcome,
    Selection,
    unconfirmed,
)
from domain.changes import (
    Change,
    ChangeKind,
    CompanyChanged,
    ContactChanged,
    companies_of,
)
from domain.errors import Problem, Rejected

R = TypeVar("R", bound=Row)

_IDS: Final[Any] = bindparam("ids", type_=ARRAY(BigInteger))
_TOUCHED: Final[Any] = bindparam("touched", type_=ARRAY(BigInteger))


@dataclass(frozen=True, eq=False)
class BulkKind(Generic[R]):
    """What a kind of record brings to a bulk write.

    Attributes:
        extra: A table with at most one row for each record, keyed by `contact_id`.
        changed: The fact about one record, with the companies that it concerns.
    """

    entity: Entity[R]
    extra: Table | None
    changed: Callable[[ChangeKind, int, frozenset[int]], Change]

    def record(
        self, tx: Transaction, kind: ChangeKind, company_ids: Mapping[int, frozenset[int]]
    ) -> None:
        """Record what happened to records; the companies stand under the id of each."""
        if len(company_ids) > MAX_BULK_ROWS:
            record_loaded(tx, self.entity.table, len(company_ids))
            return
        for row_id, companies in company_ids.items():
            tx.record(self.changed(kind, row_id, companies))


BULK_CONTACTS: Final[BulkKind[ContactRow]] = BulkKind(
    CONTACTS,
    contact_metadata,
    lambda kind, id_, company_ids: ContactChanged(
        kind=kind, contact_id=id_, company_ids=company_ids
    ),
)
BULK_COMPANIES: Final[BulkKind[CompanyRow]] = BulkKind(
    COMPANIES,
    None,
    lambda kind, id_, _: CompanyChanged(kind=kind, company_id=id_),
)


@dataclass(eq=False)
class Picked:
    """The records a bulk write is about, locked, and which of them it cannot take.

    Attributes:
        rows: What decides about each record, in the order of the ids.
        asked: The ids of the input; None when a filter chose.
        failed: Why records are not written.
    """

    rows: Mapping[int, Row]
    asked: Sequence[int] | None = None
    failed: dict[int, Problem] = field(default_factory=dict)

    @property
    def ids(self) -> list[int]:
        """The records that are to be written."""
        return [row_id for row_id in self.rows if row_id not in self.failed]

    def company_ids(self, changed: Sequence[int]) -> dict[int, frozenset[int]]:
        """The companies that changed records belonged to."""
        return {id_: companies_of(self.rows[id_].get("company_id")) for id_ in changed}

    def outcome(
        self, changed: Sequence[int], status: BulkStatus, policy: ErrorPolicy
    ) -> BulkOutcome:
        """What became of all records.

        Args:
            changed: The ids of the records that were written.
            status: What that makes of them.

        Raises:
            Rejected: Some failed, and then nothing is to be written.
        """
        if self.failed and policy is ErrorPolicy.REJECT_EVERYTHING:
            raise Rejected(list(self.failed.values())[:MAX_BULK_ROWS])
        of = dict.fromkeys(changed, status)
        if self.asked is None and len(self.rows) > MAX_BULK_ROWS:
            told = Counter({status: len(of), BulkStatus.FAILED: len(self.failed)})
            told[BulkStatus.UNCHANGED] = len(self.rows) - told.total()
            return BulkOutcome(told)
        rows: list[RowOutcome] = []
        seen: set[int] = set()
        for index, row_id in enumerate(self.rows if self.asked is None else self.asked):
            rows.append(self._row(index, row_id, of, is_repeated=row_id in seen))
            seen.add(row_id)
        return BulkOutcome.of_rows(rows)

    def _row(
        self, index: int, row_id: int, of: Mapping[int, BulkStatus], *, is_repeated: bool
    ) -> RowOutcome:
        known = row_id if row_id in self.rows else None
        if row_id in self.failed:
            return RowOutcome(index, BulkStatus.FAILED, known, (self.failed[row_id],))
        if is_repeated:
            return RowOutcome(index, BulkStatus.SKIPPED, known)
        return RowOutcome(index, of.get(row_id, BulkStatus.UNCHANGED), known)


async def pick_records(tx: Transaction, kind: BulkKind[R], selection: Selection) -> Picked:
    """Lock the records of a selection; those that are not there have failed.

    Raises:
        Rejected: More match the filter than are written unasked, or not as many as confirmed.
    """
    if selection.ids is not None:
        return await _pick_by_id(tx, kind.entity, selection.ids)
    return await _pick_by_filter(tx, kind.entity, selection)


async def _pick_by_id(tx: Transaction, entity: Entity[R], ids: Sequence[int]) -> Picked:
    found = await tx.fetch(_lock_by_id(entity), {"ids": list(ids)})
    picked = Picked({row["id"]: row for row in found if row["deleted_at"] is None}, ids)
    survivors = {row["id"]: row.get("merged_into_id") for row in found}
    for at, row_id in enumerate(ids):
        if row_id not in picked.rows and row_id not in picked.failed:
            picked.failed[row_id] = _missing(entity, survivors.get(row_id), ("ids", str(at)))
    return picked


def _missing(entity: Entity[R], survivor_id: int | None, path: tuple[str, ...]) -> Problem:
    if survivor_id is not None:
        return merged_away(survivor_id, path=path)
    return not_found(entity.kind.name.lower(), path=path)


async def _pick_by_filter(tx: Transaction, entity: Entity[R], selection: Selection) -> Picked:
    shape, values = split_filter(selection.filter_)
    asked = name_values(values) | {"most": selection.most + 1}
    rows = await tx.fetch(_lock_by_filter(entity, shape), asked)
    if not selection.takes(len(rows)):
        count = await count_rows(tx, entity, selection.filter_)
        raise unconfirmed(count, selection.confirm_count)
    return Picked({row["id"]: row for row in rows})


async def write_columns(
    tx: Transaction, kind: BulkKind[R], ids: Sequence[int], values: Mapping[str, Any]
) -> list[int]:
    """Give records these values; the ids of those for which that changes anything."""
    if not ids or not values:
        return []
    extra = {k: v for k, v in values.items() if k not in kind.entity.table.c}
    touched: list[int] = []
    if kind.extra is not None and extra:
        # What has no row in the extra table lacks all of its values already.
        says_something = any(value not in (None, "{}") for value in extra.values())
        write = _upsert_extra if says_something else _update_extra
        given = {**extra, "ids": list(ids)}
        touched = [row[0] for row in await tx.fetch(write(kind.extra, tuple(extra)), given)]
    own = {k: v for k, v in values.items() if k not in extra}
    given = {**own, "ids": list(ids), "touched": touched}
    return [row[0] for row in await tx.fetch(_update(kind.entity, tuple(own)), given)]


async def delete_records(
    tx: Transaction, kind: BulkKind[R], selection: Selection, policy: ErrorPolicy
) -> BulkOutcome:
    """Take records out of every list.

    Raises:
        Rejected: The selection is wrong, or a record failed and nothing is to be deleted then.
    """
    picked = await pick_records(tx, kind, selection)
    ids = picked.ids
    if ids:
        await tx.fetch(_delete(kind.entity), {"ids": ids})
    kind.record(tx, ChangeKind.DELETED, picked.company_ids(ids))
    return picked.outcome(ids, BulkStatus.DELETED, policy)


def _locked(entity: Entity[R]) -> list[Any]:
    names = ("id", "deleted_at", "company_id", "merged_into_id", "domain")
    return [entity.table.c[name] for name in names if name in entity.table.c]


@lru_cache(maxsize=8)
def _lock_by_id(entity: Entity[R]) -> Statement[Row]:
    table = entity.table
    wanted = select(*_locked(entity)).where(table.c.id == any_(_IDS))
    return Statement(wanted.order_by(table.c.id).with_for_update(key_share=True), Row)


@lru_cache(maxsize=512)
def _lock_by_filter(entity: Entity[R], shape: Shape) -> Statement[Row]:
    table = entity.table
    wanted = select(*_locked(entity)).where(
        table.c.deleted_at.is_(None), build_condition(shape, table)
    )
    # Not by the bare id: its index would be walked to the end for the few rows that match.
    some = wanted.order_by(table.c.id + 0).limit(bindparam("most", type_=BigInteger))
    return Statement(some.with_for_update(key_share=True, of=table), Row)


@lru_cache(maxsize=512)
def _update(entity: Entity[R], names: tuple[str, ...]) -> Statement[Row]:
    table = entity.table
    given: dict[str, Any] = {n: bindparam(n, type_=table.c[n].type) for n in names}
    differs = [table.c[name].is_distinct_from(value) for name, value in given.items()]
    statement = update(table).where(
        table.c.id == any_(_IDS), or_(table.c.id == any_(_TOUCHED), *differs)
    )
    written = given or {"updated_at": func.now()}
    return Statement(statement.values(**written).returning(table.c.id), Row)


@lru_cache(maxsize=512)
def _update_extra(table: Table, names: tuple[str, ...]) -> Statement[Row]:
    given = {name: bindparam(name, type_=table.c[name].type) for name in names}
    differs = [table.c[name].is_distinct_from(value) for name, value in given.items()]
    statement = update(table).where(table.c.contact_id == any_(_IDS), or_(*differs))
    return Statement(statement.values(**given).returning(table.c.contact_id), Row)


@lru_cache(maxsize=512)
def _upsert_extra(table: Table, names: tuple[str, ...]) -> Statement[Row]:
    given = [bindparam(name, type_=table.c[name].type) for name in names]
    source = select(func.unnest(_IDS), *given)
    statement = insert(table).from_select(["contact_id", *names], source)
    changed = {name: statement.excluded[name] for name in names}
    differs = or_(*(table.c[name].is_distinct_from(value) for name, value in changed.items()))
    upsert = statement.on_conflict_do_update(
        index_elements=["contact_id"], set_=changed, where=differs
    )
    return Statement(upsert.returning(table.c.contact_id), Row)


@lru_cache(maxsize=8)
def _delete(entity: Entity[R]) -> Statement[Row]:
    table = entity.table
    return Statement(
        update(table).where(table.c.id == any_(_IDS)).values(deleted_at=func.now()), Row
    )
