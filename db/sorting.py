"""What stands behind every order: the expression that is compared and its form in a cursor.

Each key has an index `(expression, id)` in `db/tables.py`; text is compared in lower case. Only
relevance has none: it is worked out for every match.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from sqlalchemy import BigInteger, ColumnElement, Date, DateTime, FromClause, Integer, Text, func
from sqlalchemy.types import TypeEngine

from db.relevance import company_distance, contact_distance
from domain.accounts import UserOrderField
from domain.import_errors import ImportErrorOrderField
from domain.jobs import JobOrderField
from domain.paging import CompanyOrderField, ContactOrderField, CursorValue
from domain.privacy import SuppressionOrderField

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def _microseconds(value: Any) -> CursorValue:
    return None if value is None else (value - _EPOCH) // _MICROSECOND


def _point_in_time(value: Any) -> object:
    return _EPOCH + value * _MICROSECOND


def _same(value: Any) -> Any:
    return value


@dataclass(frozen=True)
class SortKey:
    """One thing that rows can be ordered by.

    Attributes:
        label: The name of the value in a result row.
        build: Makes the expression for a table or its alias.
        to_cursor: The value of a row as a cursor carries it.
        from_cursor: The value of a cursor as the statement takes it; never called with None.
    """

    label: str
    build: Callable[[FromClause], ColumnElement[Any]]
    type: TypeEngine[Any]
    nullable: bool = True
    to_cursor: Callable[[Any], CursorValue] = _same
    from_cursor: Callable[[Any], object] = _same


def _text(column: str) -> SortKey:
    return SortKey(f"_{column}_key", lambda table: func.lower(table.c[column]), Text())


def _plain(column: str, kind: TypeEngine[Any], *, nullable: bool = True) -> SortKey:
    return SortKey(column, lambda table: table.c[column], kind, nullable)


def _time(column: str, *, nullable: bool) -> SortKey:
    return SortKey(
        column,
        lambda table: table.c[column],
        DateTime(timezone=True),
        nullable,
        _microseconds,
        _point_in_time,
    )


def _day(column: str) -> SortKey:
    return SortKey(
        column,
        lambda table: table.c[column],
        Date(),
        to_cursor=lambda day: None if day is None else day.toordinal(),
        from_cursor=date.fromordinal,
    )


def _relevance(distance: Callable[[FromClause], ColumnElement[int]]) -> SortKey:
    return SortKey("_relevance", distance, Integer(), nullable=False)


CONTACT_SORT_KEYS: Final[Mapping[str, SortKey]] = {
    ContactOrderField.NAME: _text("full_name"),
    ContactOrderField.FIRST_NAME: _text("first_name"),
    ContactOrderField.LAST_NAME: _text("last_name"),
    ContactOrderField.TITLE: _text("title"),
    ContactOrderField.COMPANY_NAME: _text("company_name"),
    ContactOrderField.EMPLOYEES_COUNT: _plain("company_employees_count", Integer()),
    ContactOrderField.ANNUAL_REVENUE: _plain("company_annual_revenue", BigInteger()),
    ContactOrderField.EMAIL: _plain("email_key", Text()),
    ContactOrderField.CITY: _text("city"),
    ContactOrderField.COUNTRY: _text("country"),
    ContactOrderField.CREATED_AT: _time("created_at", nullable=False),
    ContactOrderField.UPDATED_AT: _time("updated_at", nullable=False),
    ContactOrderField.LAST_CONTACTED_AT: _time("last_contacted_at", nullable=True),
    ContactOrderField.QUALITY_SCORE: _plain("quality_score", Integer(), nullable=False),
    ContactOrderField.RELEVANCE: _relevance(contact_distance),
}

COMPANY_SORT_KEYS: Final[Mapping[str, SortKey]] = {
    CompanyOrderField.NAME: _text("name"),
    CompanyOrderField.DOMAIN: _plain("domain", Text()),
    CompanyOrderField.INDUSTRY: _text("industry"),
    CompanyOrderField.COUNTRY: _text("country"),
    CompanyOrderField.EMPLOYEES_COUNT: _plain("employees_count", Integer()),
    CompanyOrderField.ANNUAL_REVENUE: _plain("annual_revenue", BigInteger()),
    CompanyOrderField.TOTAL_FUNDING: _plain("total_funding", BigInteger()),
    CompanyOrderField.LAST_RAISED_AT: _day("last_raised_at"),
    CompanyOrderField.FOUNDED_YEAR: _plain("founded_year", Integer()),
    CompanyOrderField.CREATED_AT: _time("created_at", nullable=False),
    CompanyOrderField.UPDATED_AT: _time("updated_at", nullable=False),
    CompanyOrderField.RELEVANCE: _relevance(company_distance),
}

SUPPRESSION_SORT_KEYS: Final[Mapping[str, SortKey]] = {
    SuppressionOrderField.CREATED_AT: _time("created_at", nullable=False),
}

IMPORT_ERROR_SORT_KEYS: Final[Mapping[str, SortKey]] = {
    ImportErrorOrderField.LINE: _plain("line", Integer(), nullable=False),
}

JOB_SORT_KEYS: Final[Mapping[str, SortKey]] = {
    JobOrderField.CREATED_AT: _time("created_at", nullable=False),
}

USER_SORT_KEYS: Final[Mapping[str, SortKey]] = {
    UserOrderField.CREATED_AT: _time("created_at", nullable=False),
}
