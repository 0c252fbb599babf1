"""What stored records are given by a batch: through a temporary table, by a few statements.

Rows fill what is empty, or overwrite what they name; lists may also be added to. A record that has
it all already is not touched, so its version stays.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product
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
    true,
    update,
)
from sqlalchemy import MetaData as TableGroup
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, insert
from sqlalchemy.schema import CreateTable

from db.rows import Row
from db.staging import Result, StagingRules, Target
from db.staging_writing import copy_columns
from db.statements import Statement, sql
from db.transaction import Transaction

_NEVER_FILLED: Final = frozenset(
    {"id", "uuid", "version", "source", "created_at", "updated_at", "deleted_at"}
    | {"contact_id", "company_name"}  # the one is a key, the other kept by a trigger
)
_EMPTY: Final[ColumnElement[Any]] = literal_column("'{}'")


class Updates:
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
        ways = [_Way(given, *which) for which in product((False, True), repeat=2)]
        self._statements = {way.key: list(way.statements(main, extra)) for way in ways}

    async def write(self, tx: Transaction, targets: Sequence[Target], rules: StagingRules) -> None:
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
        await copy_columns(tx, self._table.name, list(self._table.c), rows)
        statements = self._statements[rules.overwrites, rules.appends]
        changed = {row[0] for statement in statements for row in await tx.fetch(statement)}
        for target in targets:
            target.result = Result.UPDATED if target.record_id in changed else Result.UNCHANGED


@dataclass(frozen=True)
class _Way:
    """How what is given comes to what is stored.

    Attributes:
        given: The temporary table.
        overwrites: What is said takes the place of what is stored; else that is only filled.
        appends: Lists and JSON objects are added to, either way.
    """

    given: Table
    overwrites: bool
    appends: bool

    @property
    def key(self) -> tuple[bool, bool]:
        """What tells it from the others of its table."""
        return self.overwrites, self.appends

    def statements(self, main: Table, extra: Table | None) -> Iterable[Statement[Row]]:
        """What writes to both tables; each gives the records it has changed, or touched."""
        if extra is not None:
            yield from self._update_extra(extra) if self.overwrites else [self._fill_extra(extra)]
        yield self._update(main)

    def _update(self, table: Table) -> Statement[Row]:
        """Write to the rows for which there are news, and to those touched or deleted."""
        columns = _filled(table)
        news = (self._is_news(column, self.given.c[column.name]) for column in columns)
        changed = or_(self.given.c.touched, table.c.deleted_at.is_not(None), *news)
        values = {c.name: self._value(c, self.given.c[c.name]) for c in columns}
        statement = update(table).where(table.c.id == self.given.c.id, changed)
        return Statement(statement.values(deleted_at=None, **values).returning(table.c.id), Row)

    def _fill_extra(self, table: Table) -> Statement[Row]:
        """Fill the extra table; touches the staged rows for which something was written."""
        columns = _filled(table)
        statement = insert(table).from_select(*self._said(columns))
        values = {c.name: self._value(c, statement.excluded[c.name]) for c in columns}
        news = or_(*(self._is_news(c, statement.excluded[c.name]) for c in columns))
        written = statement.on_conflict_do_update(
            index_elements=["contact_id"], set_=values, where=news
        )
        return self._touching(written.returning(table.c.contact_id))

    def _update_extra(self, table: Table) -> list[Statement[Row]]:
        """Overwrite in the extra table, then add the rows that it lacks; both touch as well."""
        columns = _filled(table)
        news = or_(*(self._is_news(column, self.given.c[column.name]) for column in columns))
        values = {c.name: self._value(c, self.given.c[c.name]) for c in columns}
        changed = update(table).where(table.c.contact_id == self.given.c.id, news).values(**values)
        missing = insert(table).from_select(*self._said(columns)).on_conflict_do_nothing()
        written = (changed, missing)
        return [self._touching(statement.returning(table.c.contact_id)) for statement in written]

    def _said(self, columns: Sequence[Column[Any]]) -> tuple[list[str], Any]:
        """What is given to the extra table where that is anything: its columns, and the rows."""
        names = [column.name for column in columns]
        source = select(self.given.c.id, *(self.given.c[name] for name in names))
        says_something = or_(*(~_is_empty(self.given.c[name]) for name in names))
        return ["contact_id", *names], source.where(says_something)

    def _touching(self, written: Any) -> Statement[Row]:
        """A change of the extra table that touches the staged rows it changed something for."""
        changed = written.cte("written")
        touch = update(self.given).where(self.given.c.id == changed.c.contact_id)
        return Statement(touch.values(touched=true()).returning(self.given.c.id), Row)

    def _is_news(self, stored: Column[Any], given: ColumnElement[Any]) -> ColumnElement[bool]:
        if self._adds_to(stored):
            return ~stored.contains(given)
        if not self.overwrites:
            return and_(_is_empty(stored), ~_is_empty(given))
        return and_(self._is_said(stored), _sticky(stored, given).is_distinct_from(stored))

    def _value(self, stored: Column[Any], given: ColumnElement[Any]) -> ColumnElement[Any]:
        if self._adds_to(stored):
            return self._sum(stored, given)
        if not self.overwrites:
            return _filled_with(stored, given)
        return case((self._is_said(stored), _sticky(stored, given)), else_=stored)

    def _adds_to(self, stored: Column[Any]) -> bool:
        return self.appends and isinstance(stored.type, (ARRAY, JSONB))

    def _is_said(self, column: Column[Any]) -> ColumnElement[bool]:
        return literal_column(f"'{column.name}'", Text) == any_(self.given.c.said)

    def _sum(self, stored: Column[Any], given: ColumnElement[Any]) -> ColumnElement[Any]:
        if isinstance(stored.type, JSONB):
            first, second = (stored, given) if self.overwrites else (given, stored)
            return first.op("||")(second)
        # Behind what is there, in the order of the row.
        return literal_column(
            f"{stored} || ARRAY(SELECT item FROM unnest({given}) WITH ORDINALITY AS said(item, n)"
            f" WHERE item <> ALL({stored}) ORDER BY n)",
            stored.type,
        )


def _sticky(stored: Column[Any], given: ColumnElement[Any]) -> ColumnElement[Any]:
    # Who asked not to be contacted is not made to forget it by a row of a list.
    return or_(stored, given) if isinstance(stored.type, Boolean) else given


def _filled_with(stored: Column[Any], given: ColumnElement[Any]) -> ColumnElement[Any]:
    if isinstance(stored.type, (ARRAY, JSONB, Boolean)):
        return case((_is_empty(stored), given), else_=stored)
    return func.coalesce(stored, given)


def _is_empty(column: ColumnElement[Any]) -> ColumnElement[bool]:
    if isinstance(column.type, (ARRAY, JSONB)):
        return column == _EMPTY
    if isinstance(column.type, Boolean):
        return ~column
    return column.is_(None)


def _filled(table: Table) -> list[Column[Any]]:
    return [column for column in table.c if not (column.computed or column.name in _NEVER_FILLED)]
