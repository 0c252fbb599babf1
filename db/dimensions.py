"""What stands behind every dimension of groups: the key of a row, and which rows have a key."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from operator import attrgetter
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Date,
    DateTime,
    FromClause,
    Integer,
    Text,
    and_,
    any_,
    cast,
    false,
    func,
    literal,
    literal_column,
)
from sqlalchemy.dialects.postgresql import ARRAY, INTERVAL, array
from sqlalchemy.types import TypeEngine

from db.sources import Source
from domain.aggregates import CompanyGroupBy, ContactGroupBy
from domain.enums import EmailStatus, EmployeeRange, RecordSource, Seniority
from domain.paging import CursorValue


def _same(value: Any) -> Any:
    return value


@dataclass(frozen=True, kw_only=True)
class GroupKey:
    """One thing that groups can be ordered by.

    Attributes:
        label: The name of the value in a row.
        ranks: The values in their order, where it is not that of the values themselves.
        to_cursor: The value of a row as a cursor carries it; never called with None.
        from_cursor: The value of a cursor as the statement takes it; never called with None.
    """

    label: str
    type: TypeEngine[Any]
    ranks: Sequence[str] | None = None
    to_cursor: Callable[[Any], CursorValue] = _same
    from_cursor: Callable[[Any], object] = _same

    def compared(self, value: ColumnElement[Any]) -> ColumnElement[Any]:
        """What an order compares of a value."""
        if self.ranks is None:
            return value
        return func.array_position(literal(list(self.ranks), ARRAY(Text)), value)


_Holds = Callable[[Source, ColumnElement[Any]], ColumnElement[bool]]


@dataclass(frozen=True, kw_only=True)
class Dimension:
    """One thing that rows can be grouped by.

    Attributes:
        value: The key of a row; a list gives the row once for each of its items.
        holds: Whether a row has a key.
        found: The same in a form that an index is searched by.
        missing: Whether a row has no key.
    """

    key: GroupKey
    value: Callable[[Source], ColumnElement[Any]]
    holds: _Holds
    found: _Holds
    missing: Callable[[Source], ColumnElement[bool]]


_TEXT: Final = Text()
# Written out, since PostgreSQL would not see that two parameters always say the same.
_UTC: Final = literal_column("'UTC'", Text)

_Of = Callable[[Source], FromClause]

_ROWS: Final[_Of] = attrgetter("rows")
_COMPANY: Final[_Of] = attrgetter("company")


def _plain(
    label: str,
    column: str,
    kind: TypeEngine[Any] = _TEXT,
    *,
    of: _Of = _ROWS,
    ranks: Sequence[str] | None = None,
) -> Dimension:
    """A column that is indexed as it is."""

    def holds(source: Source, key: ColumnElement[Any]) -> ColumnElement[bool]:
        return of(source).c[column] == key

    return Dimension(
        key=GroupKey(label=f"key_{label}", type=kind, ranks=ranks),
        value=lambda source: of(source).c[column],
        holds=holds,
        found=holds,
        missing=lambda source: of(source).c[column].is_(None),
    )


def _text(label: str, *, of: _Of = _ROWS) -> Dimension:
    """A text that is indexed in lower case, while groups tell capitals apart."""

    def found(source: Source, key: ColumnElement[Any]) -> ColumnElement[bool]:
        text = of(source).c[label]
        return and_(func.lower(text) == func.lower(key), text == key)

    return replace(_plain(label, label, of=of), found=found)


def _items(label: str, column: str, *, of: _Of = _ROWS) -> Dimension:
    """Each item of a list."""
    return Dimension(
        key=GroupKey(label=f"key_{label}", type=_TEXT),
        value=lambda source: source.items(of(source).c[column]),
        holds=lambda source, key: key == any_(of(source).c[column]),
        found=lambda source, key: of(source).c[column].contains(array([key])),
        missing=lambda source: func.coalesce(func.cardinality(of(source).c[column]), 0) == 0,
    )


def _created(unit: str) -> Dimension:
    """The first day of the day, week, month or year of creation, in UTC."""
    name = literal_column(f"'{unit}'", Text)
    length = literal_column(f"INTERVAL '1 {unit}'", INTERVAL)

    def holds(source: Source, key: ColumnElement[Any]) -> ColumnElement[bool]:
        start = cast(key, DateTime)
        created_at = source.rows.c.created_at
        end = start + length
        return and_(created_at >= func.timezone(_UTC, start), created_at < func.timezone(_UTC, end))

    return Dimension(
        key=GroupKey(
            label=f"key_created_{unit}",
            type=Date(),
            to_cursor=date.toordinal,
            from_cursor=date.fromordinal,
        ),
        value=lambda source: cast(
            func.date_trunc(name, func.timezone(_UTC, source.rows.c.created_at)), Date
        ),
        holds=holds,
        found=holds,
        missing=lambda _source: false(),
    )


_CREATED: Final = {unit: _created(unit) for unit in ("day", "week", "month", "year")}

CONTACT_DIMENSIONS: Final[Mapping[str, Dimension]] = {
    ContactGroupBy.COMPANY: _plain("company", "id", BigInteger(), of=_COMPANY),
    ContactGroupBy.EMAIL_DOMAIN: _plain("email_domain", "email_domain"),
    ContactGroupBy.INDUSTRY: _text("industry", of=_COMPANY),
    ContactGroupBy.COUNTRY: _text("country"),
    ContactGroupBy.CITY: _text("city"),
    ContactGroupBy.SENIORITY: _plain("seniority", "seniority", ranks=list(Seniority)),
    ContactGroupBy.DEPARTMENT: _items("department", "departments"),
    ContactGroupBy.EMAIL_STATUS: _plain("email_status", "email_status", ranks=list(EmailStatus)),
    ContactGroupBy.STAGE: _text("stage"),
    ContactGroupBy.OWNER: _plain("owner", "owner_id", BigInteger()),
    ContactGroupBy.TAG: _items("tag", "tags"),
    ContactGroupBy.TECHNOLOGY: _items("technology", "technologies", of=_COMPANY),
    ContactGroupBy.SOURCE: _plain("source", "source", ranks=list(RecordSource)),
    ContactGroupBy.EMPLOYEE_RANGE: _plain(
        "employee_range", "employee_range", of=_COMPANY, ranks=list(EmployeeRange)
    ),
    ContactGroupBy.CREATED_DAY: _CREATED["day"],
    ContactGroupBy.CREATED_WEEK: _CREATED["week"],
    ContactGroupBy.CREATED_MONTH: _CREATED["month"],
    ContactGroupBy.CREATED_YEAR: _CREATED["year"],
}
COMPANY_DIMENSIONS: Final[Mapping[str, Dimension]] = {
    CompanyGroupBy.INDUSTRY: _text("industry"),
    CompanyGroupBy.COUNTRY: _text("country"),
    CompanyGroupBy.EMPLOYEE_RANGE: _plain(
        "employee_range", "employee_range", ranks=list(EmployeeRange)
    ),
    CompanyGroupBy.STAGE: _text("stage"),
    CompanyGroupBy.OWNER: _plain("owner", "owner_id", BigInteger()),
    CompanyGroupBy.TECHNOLOGY: _items("technology", "technologies"),
    CompanyGroupBy.KEYWORD: _items("keyword", "keywords"),
    CompanyGroupBy.SOURCE: _plain("source", "source", ranks=list(RecordSource)),
    CompanyGroupBy.FOUNDED_YEAR: _plain("founded_year", "founded_year", Integer()),
    CompanyGroupBy.CREATED_DAY: _CREATED["day"],
    CompanyGroupBy.CREATED_WEEK: _CREATED["week"],
    CompanyGroupBy.CREATED_MONTH: _CREATED["month"],
    CompanyGroupBy.CREATED_YEAR: _CREATED["year"],
}
