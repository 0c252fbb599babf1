"""Groups and measures worked out in Python: the other opinion on `db.aggregates`."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, timedelta
from fractions import Fraction
from itertools import product
from typing import Any, Final

from domain.aggregates import (
    COMPANY_MEASURES,
    CONTACT_MEASURES,
    CompanyGroupBy,
    ContactGroupBy,
    GroupBy,
    GroupOrderField,
    GroupSort,
    Measure,
    Operation,
)
from domain.enums import EmailStatus, EmployeeRange, RecordSource, Seniority
from domain.filters import ContactFilter, Filter
from domain.paging import Direction, Nulls
from tests.db.brute_force import Row, World

Keys = tuple[Any, ...]
_Values = Callable[[Row, World], Any]

_NO_ROW: Final[Row] = defaultdict(lambda: None)


def _own(name: str) -> _Values:
    return lambda row, _world: row[name]


def _company(row: Row, world: World) -> Row:
    return world.companies.get(row["company_id"], _NO_ROW)


def _of_company(name: str) -> _Values:
    return lambda row, world: _company(row, world)[name]


def _start(days_back: Callable[[date], int]) -> _Values:
    def value(row: Row, _world: World) -> date:
        day: date = row["created_at"].astimezone(UTC).date()
        return day - timedelta(days=days_back(day))

    return value


_CREATED: Final[Mapping[str, _Values]] = {
    "CREATED_DAY": _start(lambda _day: 0),
    "CREATED_WEEK": _start(lambda day: day.weekday()),
    "CREATED_MONTH": _start(lambda day: day.day - 1),
    "CREATED_YEAR": _start(lambda day: day.timetuple().tm_yday - 1),
}
_CONTACT_KEYS: Final[Mapping[str, _Values]] = {
    **_CREATED,
    ContactGroupBy.COMPANY: _of_company("id"),
    ContactGroupBy.EMAIL_DOMAIN: _own("email_domain"),
    ContactGroupBy.INDUSTRY: _of_company("industry"),
    ContactGroupBy.COUNTRY: _own("country"),
    ContactGroupBy.CITY: _own("city"),
    ContactGroupBy.SENIORITY: _own("seniority"),
    ContactGroupBy.DEPARTMENT: _own("departments"),
    ContactGroupBy.EMAIL_STATUS: _own("email_status"),
    ContactGroupBy.STAGE: _own("stage"),
    ContactGroupBy.OWNER: _own("owner_id"),
    ContactGroupBy.TAG: _own("tags"),
    ContactGroupBy.TECHNOLOGY: _of_company("technologies"),
    ContactGroupBy.SOURCE: _own("source"),
    ContactGroupBy.EMPLOYEE_RANGE: _of_company("employee_range"),
}
_COMPANY_KEYS: Final[Mapping[str, _Values]] = {
    **_CREATED,
    CompanyGroupBy.INDUSTRY: _own("industry"),
    CompanyGroupBy.COUNTRY: _own("country"),
    CompanyGroupBy.EMPLOYEE_RANGE: _own("employee_range"),
    CompanyGroupBy.STAGE: _own("stage"),
    CompanyGroupBy.OWNER: _own("owner_id"),
    CompanyGroupBy.TECHNOLOGY: _own("technologies"),
    CompanyGroupBy.KEYWORD: _own("keywords"),
    CompanyGroupBy.SOURCE: _own("source"),
    CompanyGroupBy.FOUNDED_YEAR: _own("founded_year"),
}
_RANKED: Final[Mapping[str, Sequence[str]]] = {
    "SENIORITY": list(Seniority),
    "EMAIL_STATUS": list(EmailStatus),
    "SOURCE": list(RecordSource),
    "EMPLOYEE_RANGE": list(EmployeeRange),
}

_CONTACT_VALUES: Final[Mapping[str, _Values]] = {
    "email": lambda row, _world: row["email"] and row["email"].lower(),
    "linkedin_url": lambda row, world: world.metadata.get(row["id"], _NO_ROW)["linkedin_url"],
    "phones": lambda row, world: bool(world.phones.get(row["id"])),
    "company": _of_company("id"),
    "owner": _own("owner_id"),
}
_COMPANY_VALUES: Final[Mapping[str, _Values]] = {"owner": _own("owner_id")}


def group_rows(
    kind: type[Filter], rows: Sequence[Row], group_by: Sequence[GroupBy], world: World
) -> dict[Keys, list[Row]]:
    """The rows of each group by its keys; a row with lists stands in several."""
    if not group_by:
        return {(): list(rows)}
    values = _CONTACT_KEYS if kind is ContactFilter else _COMPANY_KEYS
    groups: defaultdict[Keys, list[Row]] = defaultdict(list)
    for row in rows:
        for keys in product(*(_items(values[name](row, world)) for name in group_by)):
            groups[keys].append(row)
    return dict(groups)


def _items(value: Any) -> list[Any]:
    if isinstance(value, list):
        return list(set(value)) or [None]
    return [value]


def in_order(
    groups: Mapping[Keys, Sequence[Row]], group_by: Sequence[GroupBy], order: Sequence[GroupSort]
) -> list[Keys]:
    """The keys of the groups as the order must show them."""
    keys = list(groups)
    for sort in reversed(order):
        value = _compared(groups, group_by, sort)
        known = [key for key in keys if value(key) is not None]
        missing = [key for key in keys if value(key) is None]
        known.sort(key=value, reverse=sort.direction is Direction.DESC)
        keys = [*missing, *known] if sort.nulls is Nulls.FIRST else [*known, *missing]
    return keys


def _compared(
    groups: Mapping[Keys, Sequence[Row]], group_by: Sequence[GroupBy], sort: GroupSort
) -> Callable[[Keys], Any]:
    if sort.field is GroupOrderField.COUNT:
        return lambda keys: len(groups[keys])
    at = [str(name) for name in group_by].index(sort.field)
    ranks = _RANKED.get(sort.field)
    if ranks is None:
        return lambda keys: keys[at]
    return lambda keys: None if keys[at] is None else ranks.index(keys[at])


def work_out(
    kind: type[Filter], operation: Operation, name: str, rows: Sequence[Row], world: World
) -> Any:
    """An operation over the rows of a group."""
    is_contact = kind is ContactFilter
    measure = (CONTACT_MEASURES if is_contact else COMPANY_MEASURES)[name]
    value = (_CONTACT_VALUES if is_contact else _COMPANY_VALUES).get(name, _own(name))
    values = [value(row, world) for row in rows]
    return _OPERATIONS[operation](len(values), _filled(values, measure))


def _filled(values: Sequence[Any], measure: Measure) -> list[Any]:
    if measure.type in {str, list, bool}:
        return [value for value in values if value]
    return [value for value in values if value is not None]


_OPERATIONS: Final[Mapping[Operation, Callable[[int, list[Any]], Any]]] = {
    Operation.COUNT_DISTINCT: lambda _count, filled: len(set(filled)),
    Operation.COUNT_EMPTY: lambda count, filled: count - len(filled),
    Operation.COUNT_NOT_EMPTY: lambda _count, filled: len(filled),
    Operation.PERCENT_EMPTY: lambda count, filled: (
        float(Fraction(100 * (count - len(filled)), count)) if count else None
    ),
    Operation.MIN: lambda _count, filled: min(filled, default=None),
    Operation.MAX: lambda _count, filled: max(filled, default=None),
    Operation.AVG: lambda _count, filled: (
        float(Fraction(sum(filled), len(filled))) if filled else None
    ),
    Operation.SUM: lambda _count, filled: sum(filled) if filled else None,
    Operation.DISTINCT_VALUES: lambda _count, filled: sorted(set(filled)),
}
