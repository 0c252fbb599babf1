"""The bulk statements of a load: many new rows, and many stored ones that lack something.

New rows are copied straight into their table under reserved ids: an upsert statement would make a
second contact of one whose address another load writes at the same time; here that step fails as a
whole and is done again. Rows for stored records go through a temporary table; they fill what is
empty there, or overwrite what they name. A record that has it all already is not touched, so its
version stays.
"""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Table,
    Text,
    and_,
    any_,
    case,
    func,
    literal_column,
    or_,
    select,
    text,
    true,
    update,
)
from sqlalchemy import MetaData as TableGroup
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, insert
from sqlalchemy.schema import CreateTable

from db.errors import translate
from db.rows import Row
from db.staging import BATCH_TIMEOUT_SECONDS, Result, Target
from db.statements import Statement
from db.transaction import Transaction
from domain.bulk import OnConflict
from domain.enums import RecordSource

_NEVER_FILLED: Final = frozenset(
    {"id", "uuid", "version", "source", "created_at", "updated_at", "deleted_at"}
    | {"contact_id", "company_name"}  # the one is a key, the other kept by a trigger
)
_EMPTY: Final[ColumnElement[Any]] = literal_column("'{}'")


def sql(query: str) -> Statement[Row]:
    """A statement written as text, its values named as in `:keys`."""
    return Statement(text(query), Row)


_SET_TIMEOUT: Final = sql("SELECT set_config('statement_timeout', :timeout, true)")
_RESERVE: Final = sql(
    "SELECT nextval(pg_get_serial_sequence(CAST(:name AS text), 'id')) AS id,"
    " gen_random_uuid() AS uuid, now() AS now FROM generate_series(1, CAST(:count AS integer))"
)
_ANALYZE: Final = sql(
    "ANALYZE companies, contacts, contact_metadata, contact_emails, contact_phones, activities"
)


@asynccontextmanager
async def bulk_write(
    tx: Transaction, timeout_seconds: float | None = BATCH_TIMEOUT_SECONDS
) -> AsyncIterator[None]:
    """A step of the transaction with time for many rows; when it fails, only it is undone.

    Args:
        timeout_seconds: What each statement may take; None leaves it as it is.

    Raises:
        AppError: The domain's word for what PostgreSQL refused.
        Rejected: Another transaction took a key meanwhile; the same step may succeed now.
    """
    try:
        async with tx.driver.transaction():
            if timeout_seconds is not None:
                await tx.fetch(_SET_TIMEOUT, {"timeout": f"{timeout_seconds}s"})
            yield
    except Exception as error:
        if (told := translate(error)) is not None:
            raise told from error
        raise


async def insert_targets(tx: Transaction, table: Table, targets: Sequence[Target]) -> None:
    """Write new records in the order given; their ids are in the order of their lines."""
    by_line = sorted(targets, key=lambda target: target.line)
    reserved = await tx.fetch(_RESERVE, {"name": table.name, "count": len(by_line)})
    for target, row in zip(by_line, reserved, strict=True):
        target.record_id, target.uuid, target.result = row["id"], row["uuid"], Result.CREATED
        target.values |= {"id": row["id"], "uuid": row["uuid"]}
        target.values.setdefault("created_at", row["now"])
        target.values.setdefault("source", RecordSource.IMPORT)
    await copy_rows(tx, table, [target.values for target in targets])


async def copy_rows(tx: Transaction, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Append rows to a table; keys that are none of its columns are passed over.

    A column that no row names gets its default.
    """
    named = set().union(*rows)
    if rows:
        await _copy(tx, table.name, [column for column in table.c if column.name in named], rows)


async def refresh_statistics(tx: Transaction) -> None:
    """Let the planner know about the rows of a large load now rather than in a minute."""
    await tx.fetch(_ANALYZE)


class Staging:
    """A temporary table with what stored records are given, and the statements that give it.

    Args:
        main: The table whose rows have the version.
        extra: A table with at most one row for each of those, keyed by `contact_id`.
    """

    def __init__(self, main: Table, extra: Table | None = None) -> None:
        columns = [*_filled(main), *(() if extra is None else _filled(extra))]
        self._table = given = Table(
            f"staged_{main.name}",
            TableGroup(),
            Column("id", BigInteger),
            Column("touched", Boolean),
            Column("said", ARRAY(Text)),
            *(Column(c.name, c.type, nullable=c.nullable) for c in columns),
            prefixes=["TEMPORARY"],
            postgresql_on_commit="DROP",
        )
        create = CreateTable(self._table, if_not_exists=True)
        self._prepare = (
            sql(str(create.compile(dialect=postgresql.dialect()))),  # type: ignore[no-untyped-call]  # SQLAlchemy leaves it untyped
            sql(f"TRUNCATE {self._table.name}"),
        )
        self._fill = [_fill_rows(main, given)]
        self._overwrite = [_overwrite_rows(main, given)]
        if extra is not None:
            self._fill.insert(0, _fill_extra_rows(extra, given))
            self._overwrite[:0] = _overwrite_extra_rows(extra, given)

    async def write(
        self, tx: Transaction, targets: Sequence[Target], on_conflict: OnConflict
    ) -> None:
        """Fill what stored records lack, or overwrite them; those that change are UPDATED.

        A deleted one comes back.
        """
        if not targets:
            return
        for statement in self._prepare:
            await tx.fetch(statement)
        rows = [
            {"id": each.record_id, "touched": each.touched, "said": list(each.values)} | each.values
            for each in targets
        ]
        await _copy(tx, self._table.name, list(self._table.c), rows)
        statements = self._overwrite if on_conflict is OnConflict.OVERWRITE else self._fill
        changed = {row[0] for statement in statements for row in await tx.fetch(statement)}
        for target in targets:
            target.result = Result.UPDATED if target.record_id in changed else Result.UNCHANGED


def _fill_rows(table: Table, given: Table) -> Statement[Row]:
    """Fill the rows that lack something given, and those that are touched or deleted."""
    columns = _filled(table)
    lacking = [_lacks(column, given.c[column.name]) for column in columns]
    changed = or_(given.c.touched, table.c.deleted_at.is_not(None), *lacking)
    values = {column.name: _filled_with(column, given.c[column.name]) for column in columns}
    statement = update(table).where(table.c.id == given.c.id, changed)
    return Statement(statement.values(deleted_at=None, **values).returning(table.c.id), Row)


def _fill_extra_rows(table: Table, given: Table) -> Statement[Row]:
    """The same for the extra table; touches the staged rows for which something was written."""
    columns = _filled(table)
    names = [column.name for column in columns]
    source = select(given.c.id, *(given.c[name] for name in names))
    says_something = or_(*(~_is_empty(given.c[name]) for name in names))
    statement = insert(table).from_select(["contact_id", *names], source.where(says_something))
    values = {c.name: _filled_with(c, statement.excluded[c.name]) for c in columns}
    lacking = or_(*(_lacks(c, statement.excluded[c.name]) for c in columns))
    written = statement.on_conflict_do_update(
        index_elements=["contact_id"], set_=values, where=lacking
    )
    return _touching(written.returning(table.c.contact_id), given)


def _overwrite_rows(table: Table, given: Table) -> Statement[Row]:
    """Write what is said to the rows for which it is new, and to those touched or deleted."""
    columns = _filled(table)
    changed = or_(given.c.touched, table.c.deleted_at.is_not(None), *_news(columns, given))
    statement = update(table).where(table.c.id == given.c.id, changed)
    values = _overwritten(columns, given)
    return Statement(statement.values(deleted_at=None, **values).returning(table.c.id), Row)


def _overwrite_extra_rows(table: Table, given: Table) -> list[Statement[Row]]:
    """The same for the extra table, then the rows that it lacks; both touch the staged rows."""
    columns = _filled(table)
    changed = update(table).where(table.c.contact_id == given.c.id, or_(*_news(columns, given)))
    source = select(given.c.id, *(given.c[column.name] for column in columns))
    says_something = or_(*(~_is_empty(given.c[column.name]) for column in columns))
    missing = (
        insert(table)
        .from_select(
            ["contact_id", *(column.name for column in columns)], source.where(says_something)
        )
        .on_conflict_do_nothing()
    )
    written = (changed.values(**_overwritten(columns, given)), missing)
    return [_touching(statement.returning(table.c.contact_id), given) for statement in written]


def _news(columns: Iterable[Column[Any]], given: Table) -> list[ColumnElement[bool]]:
    return [
        and_(_is_said(column, given), _overwritten_with(column, given).is_distinct_from(column))
        for column in columns
    ]


def _overwritten(columns: Iterable[Column[Any]], given: Table) -> dict[str, ColumnElement[Any]]:
    return {
        column.name: case((_is_said(column, given), _overwritten_with(column, given)), else_=column)
        for column in columns
    }


def _is_said(column: Column[Any], given: Table) -> ColumnElement[bool]:
    return literal_column(f"'{column.name}'", Text) == any_(given.c.said)


def _overwritten_with(column: Column[Any], given: Table) -> ColumnElement[Any]:
    # Who asked not to be contacted is not made to forget it by a row of a list.
    staged = given.c[column.name]
    return or_(column, staged) if isinstance(column.type, Boolean) else staged


def _touching(written: Any, given: Table) -> Statement[Row]:
    """A change of the extra table that touches the staged rows it changed something for."""
    changed = written.cte("written")
    touch = update(given).where(given.c.id == changed.c.contact_id).values(touched=true())
    return Statement(touch.returning(given.c.id), Row)


def _is_empty(column: ColumnElement[Any]) -> ColumnElement[bool]:
    if isinstance(column.type, (ARRAY, JSONB)):
        return column == _EMPTY
    if isinstance(column.type, Boolean):
        return ~column
    return column.is_(None)


def _lacks(stored: ColumnElement[Any], given: ColumnElement[Any]) -> ColumnElement[bool]:
    return and_(_is_empty(stored), ~_is_empty(given))


def _filled_with(stored: ColumnElement[Any], given: ColumnElement[Any]) -> ColumnElement[Any]:
    if isinstance(stored.type, (ARRAY, JSONB, Boolean)):
        return case((_is_empty(stored), given), else_=stored)
    return func.coalesce(stored, given)


def _filled(table: Table) -> list[Column[Any]]:
    return [column for column in table.c if not (column.computed or column.name in _NEVER_FILLED)]


def _empty_value(column: Column[Any]) -> Any:
    if isinstance(column.type, ARRAY):
        return []
    if isinstance(column.type, Boolean):
        return None if column.nullable else False
    return "{}" if isinstance(column.type, JSONB) else None


async def _copy(
    tx: Transaction,
    table: str,
    columns: Sequence[Column[Any]],
    rows: Iterable[Mapping[str, Any]],
) -> None:
    names = [column.name for column in columns]
    empty = [_empty_value(column) for column in columns]
    records = (tuple(map(row.get, names, empty)) for row in rows)
    await tx.driver.copy_records_to_table(
        table, columns=names, records=records, timeout=BATCH_TIMEOUT_SECONDS
    )
