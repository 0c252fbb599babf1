"""What can be counted and worked out over lists: groups, measures, and how groups are ordered.

A measure is one line in `CONTACT_MEASURES` or `COMPANY_MEASURES`; the schema and the SQL follow
from it. Where it is no column of its table, `db.measures` says what it is.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as described
from datetime import date, datetime
from typing import Any, Final

from domain.enums import DescribedEnum, EmailStatus, EmployeeRange, RecordSource, Seniority
from domain.errors import InvalidInput
from domain.paging import Direction, Nulls
from domain.scalars import BigInt

MAX_GROUP_BY: Final = 3


class CountPrecision(DescribedEnum):
    """How far a count can be relied on."""

    EXACT = "EXACT", "Every row was counted."
    AT_LEAST = "AT_LEAST", "The count stopped at the limit; there are more rows."
    ESTIMATE = "ESTIMATE", "What the query planner expects from its statistics."


@dataclass(frozen=True)
class Count:
    """How many rows match, and how sure that is."""

    count: int
    precision: CountPrecision


class ContactGroupBy(DescribedEnum):
    """What contacts can be grouped by; texts as they are stored, capitals told apart."""

    COMPANY = "COMPANY", "The company; none when it was deleted."
    EMAIL_DOMAIN = "EMAIL_DOMAIN", "The domain of the primary e-mail address, in small letters."
    INDUSTRY = "INDUSTRY", "The company's main industry."
    COUNTRY = "COUNTRY", "The country of the contact."
    CITY = "CITY", "The city of the contact."
    SENIORITY = "SENIORITY", "The place in the hierarchy."
    DEPARTMENT = "DEPARTMENT", "Each department of the contact."
    EMAIL_STATUS = "EMAIL_STATUS", "The status of the primary e-mail address."
    STAGE = "STAGE", "The stage in the pipeline."
    OWNER = "OWNER", "The user who looks after it."
    TAG = "TAG", "Each tag of the contact."
    TECHNOLOGY = "TECHNOLOGY", "Each technology that the company uses."
    SOURCE = "SOURCE", "How the record came to be."
    EMPLOYEE_RANGE = "EMPLOYEE_RANGE", "The company's size class."
    CREATED_DAY = "CREATED_DAY", "The day on which the record was created, in UTC."
    CREATED_WEEK = "CREATED_WEEK", "The Monday of the week in which the record was created, in UTC."
    CREATED_MONTH = "CREATED_MONTH", "The first day of the month of creation, in UTC."
    CREATED_YEAR = "CREATED_YEAR", "The first day of the year of creation, in UTC."


class CompanyGroupBy(DescribedEnum):
    """What companies can be grouped by; texts as they are stored, capitals told apart."""

    INDUSTRY = "INDUSTRY", "The main industry."
    COUNTRY = "COUNTRY", "The country of the headquarters."
    EMPLOYEE_RANGE = "EMPLOYEE_RANGE", "The size class by number of employees."
    STAGE = "STAGE", "The stage in the pipeline."
    OWNER = "OWNER", "The user who looks after it."
    TECHNOLOGY = "TECHNOLOGY", "Each technology in use."
    KEYWORD = "KEYWORD", "Each keyword."
    SOURCE = "SOURCE", "How the record came to be."
    FOUNDED_YEAR = "FOUNDED_YEAR", "The year of foundation."
    CREATED_DAY = "CREATED_DAY", "The day on which the record was created, in UTC."
    CREATED_WEEK = "CREATED_WEEK", "The Monday of the week in which the record was created, in UTC."
    CREATED_MONTH = "CREATED_MONTH", "The first day of the month of creation, in UTC."
    CREATED_YEAR = "CREATED_YEAR", "The first day of the year of creation, in UTC."


GroupBy = ContactGroupBy | CompanyGroupBy


class GroupOrderField(DescribedEnum):
    """What groups can be ordered by."""

    COUNT = "COUNT", "How many rows the group has."
    KEY = "KEY", "The keys in the order of `groupBy`; companies and owners by age of the record."


@dataclass(frozen=True, kw_only=True)
class GroupOrder:
    """One key of the order of groups; the keys of the groups always follow."""

    field: GroupOrderField = described(metadata={"doc": "What to compare."})
    direction: Direction = described(default=Direction.ASC, metadata={"doc": "Which end first."})
    nulls: Nulls = described(
        default=Nulls.LAST, metadata={"doc": "Where groups without a key stand."}
    )


@dataclass(frozen=True, kw_only=True)
class GroupSort:
    """One key of the whole order of groups: the count or a single dimension."""

    field: GroupBy | GroupOrderField
    direction: Direction = Direction.ASC
    nulls: Nulls = Nulls.LAST


class ContactGroupSort(GroupSort):
    """Of groups of contacts: by its name a cursor knows what it belongs to."""


class CompanyGroupSort(GroupSort):
    """Of groups of companies: by its name a cursor knows what it belongs to."""


LARGEST_FIRST: Final = (GroupOrder(field=GroupOrderField.COUNT, direction=Direction.DESC),)


def check_group_by(group_by: Sequence[GroupBy]) -> None:
    """Refuse dimensions that make no groups.

    Raises:
        InvalidInput: Too many, or one twice.
    """
    if len(group_by) > MAX_GROUP_BY:
        raise InvalidInput(f"groupBy has {len(group_by)} dimensions; at most {MAX_GROUP_BY} fit.")
    if len(set(group_by)) < len(group_by):
        raise InvalidInput("groupBy names a dimension twice.")


def sort_groups(
    order_by: Sequence[GroupOrder], group_by: Sequence[GroupBy], sort: type[GroupSort]
) -> tuple[GroupSort, ...]:
    """The whole order of groups: no two of them share a place in it.

    Raises:
        InvalidInput: It has no key, or one twice.
    """
    if not order_by:
        raise InvalidInput("orderBy is empty. Leave it out, or name a field.")
    if len({key.field for key in order_by}) < len(order_by):
        raise InvalidInput("orderBy names a field twice.")
    if not group_by:
        return ()
    sorts: dict[GroupBy | GroupOrderField, GroupSort] = {}
    for key in (*order_by, GroupOrder(field=GroupOrderField.KEY)):
        fields = group_by if key.field is GroupOrderField.KEY else (key.field,)
        for field in fields:
            sorts.setdefault(field, sort(field=field, direction=key.direction, nulls=key.nulls))
    return tuple(sorts.values())


class Operation(DescribedEnum):
    """What is worked out over the values of a group."""

    COUNT_DISTINCT = "count_distinct", "How many different values there are, empty ones left out."
    COUNT_EMPTY = "count_empty", "How many rows have no value, an empty text or an empty list."
    COUNT_NOT_EMPTY = "count_not_empty", "How many rows have a value."
    PERCENT_EMPTY = "percent_empty", "The share of rows without a value, 0 to 100."
    MIN = "min", "The least values; of times the earliest."
    MAX = "max", "The greatest values; of times the latest."
    AVG = "avg", "The averages of the values there are."
    SUM = "sum", "The sums of the values there are; null when there is none."
    DISTINCT_VALUES = "distinct_values", "The different values there are, in alphabetical order."


@dataclass(frozen=True)
class Measure:
    """What operations can be worked out over.

    Attributes:
        type: The Python type of one value.
    """

    name: str
    type: Any
    doc: str
    operations: frozenset[Operation]


_FILLED: Final = frozenset(
    {Operation.COUNT_EMPTY, Operation.COUNT_NOT_EMPTY, Operation.PERCENT_EMPTY}
)
_COUNTED: Final = _FILLED | {Operation.COUNT_DISTINCT}
_RANGED: Final = _COUNTED | {Operation.MIN, Operation.MAX}


def _text(name: str, doc: str) -> Measure:
    return Measure(name, str, doc, _COUNTED)


def _list(name: str, doc: str) -> Measure:
    return Measure(name, list, doc, _FILLED)


def _presence(name: str, doc: str) -> Measure:
    return Measure(name, bool, doc, _FILLED)


def _record(name: str, doc: str) -> Measure:
    return Measure(name, int, doc, _COUNTED)


def _choice(name: str, kind: type[DescribedEnum], doc: str) -> Measure:
    return Measure(name, kind, doc, _COUNTED | {Operation.DISTINCT_VALUES})


def _moment(name: str, kind: type[date], doc: str) -> Measure:
    return Measure(name, kind, doc, _RANGED)


def _number(name: str, kind: Any, doc: str) -> Measure:
    return Measure(name, kind, doc, _RANGED | {Operation.AVG, Operation.SUM})


def _year(name: str, doc: str) -> Measure:
    return Measure(name, int, doc, _RANGED | {Operation.AVG})


def _by_name(measures: Iterable[Measure]) -> Mapping[str, Measure]:
    return {measure.name: measure for measure in measures}


CONTACT_MEASURES: Final = _by_name(
    (
        _text("first_name", "Given name."),
        _text("last_name", "Family name."),
        _text("full_name", "Full name."),
        _text("title", "Job title."),
        _text("email", "Primary e-mail address, without regard to case."),
        _text("email_domain", "Domain of the primary e-mail address."),
        _text("linkedin_url", "LinkedIn profile."),
        _text("city", "City."),
        _text("region", "State or region."),
        _text("country", "Country."),
        _text("company_name", "The employer's name, or how the source spells it."),
        _text("stage", "Stage in the pipeline."),
        _text("lead_status", "Status as a lead."),
        _list("departments", "Departments."),
        _list("functions", "Job functions."),
        _list("tags", "Tags."),
        _list("keywords", "Keywords."),
        _presence("phones", "Phone numbers."),
        _record("company", "The company; none when it was deleted."),
        _record("owner", "Who looks after it."),
        _choice("seniority", Seniority, "Place in the hierarchy."),
        _choice("email_status", EmailStatus, "Status of the primary e-mail address."),
        _choice("source", RecordSource, "How the record came to be."),
        _number("quality_score", int, "How complete the record is, 0 to 100."),
        _number("company_employees_count", int, "Number of the employer's employees."),
        _number("company_annual_revenue", BigInt, "The employer's revenue of a year."),
        _moment("last_contacted_at", datetime, "When somebody last wrote or called."),
        _moment("last_verified_at", datetime, "When the record was last checked."),
        _moment("created_at", datetime, "When the record was created."),
        _moment("updated_at", datetime, "When the record was last changed."),
    )
)

COMPANY_MEASURES: Final = _by_name(
    (
        _text("name", "Name."),
        _text("domain", "Main host."),
        _text("website_url", "Web site."),
        _text("linkedin_url", "LinkedIn page."),
        _text("industry", "Main industry."),
        _text("city", "City of the headquarters."),
        _text("region", "State or region of the headquarters."),
        _text("country", "Country of the headquarters."),
        _text("phone", "Phone number."),
        _text("short_description", "What the company does."),
        _text("latest_funding", "Kind of the latest funding round."),
        _text("stage", "Stage in the pipeline."),
        _list("industries", "Industries."),
        _list("technologies", "Technologies in use."),
        _list("keywords", "Keywords."),
        _record("owner", "Who looks after it."),
        _choice("source", RecordSource, "How the record came to be."),
        _choice("employee_range", EmployeeRange, "Size class by number of employees."),
        _number("employees_count", int, "Number of employees."),
        _number("annual_revenue", BigInt, "Revenue of a year, whatever the currency."),
        _number("total_funding", BigInt, "All funding, whatever the currency."),
        _number("latest_funding_amount", BigInt, "Amount of the latest funding round."),
        _number("retail_locations", int, "Number of shops."),
        _year("founded_year", "Year of foundation."),
        _moment("last_raised_at", date, "Day of the latest funding round."),
        _moment("created_at", datetime, "When the record was created."),
        _moment("updated_at", datetime, "When the record was last changed."),
    )
)
