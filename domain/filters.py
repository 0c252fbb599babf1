"""The filter vocabulary of every door: GraphQL, exports, counts, command line.

Plain frozen classes. `db.filters` is their only compiler and knows the column behind every field;
`graph.inputs` shows them as GraphQL inputs. A field that was left out is `ABSENT`; an operand of
null is an error that names `isNull`.
"""

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from domain.absent import ABSENT
from domain.enums import EmailStatus, Seniority
from domain.scalars import BigInt, NodeId

MAX_FILTER_DEPTH: Final = 5
MAX_FILTER_PREDICATES: Final = 50
MAX_FILTER_LIST_ITEMS: Final = 1000


def _field(doc: str) -> Any:
    return field(default=ABSENT, metadata={"doc": doc})


_EQ = "Equal to this value."
_NOT_EQ = "Different from this value; rows without a value match."
_IN = "One of these values; an empty list matches nothing."
_NOT_IN = "None of these values; rows without a value match."
_GT = "Greater than this value."
_GTE = "This value or greater."
_LT = "Less than this value."
_LTE = "This value or less."
_BETWEEN = "From one value to another, both included."
_IS_NULL = "Whether there is no value."


@dataclass(frozen=True, kw_only=True)
class StringFilter:
    """Conditions on a text; all that are given must hold."""

    eq: str | None = _field(_EQ)
    not_eq: str | None = _field(_NOT_EQ)
    in_: list[str] | None = _field(_IN)
    not_in: list[str] | None = _field(_NOT_IN)
    contains: str | None = _field("Contains this text.")
    starts_with: str | None = _field("Starts with this text.")
    ends_with: str | None = _field("Ends with this text.")
    is_null: bool | None = _field(_IS_NULL)
    case_sensitive: bool = field(
        default=False, metadata={"doc": "Tell upper from lower case in all the other conditions."}
    )


@dataclass(frozen=True, kw_only=True)
class StringListFilter:
    """Conditions on a list of texts; all that are given must hold. Case matters."""

    any_of: list[str] | None = _field("Holds at least one of these; an empty list matches nothing.")
    all_of: list[str] | None = _field("Holds all of these; an empty list matches everything.")
    none_of: list[str] | None = _field("Holds none of these; an empty list matches everything.")
    is_empty: bool | None = _field("Whether the list is empty.")


@dataclass(frozen=True, kw_only=True)
class BooleanFilter:
    """Conditions on a yes or no."""

    eq: bool | None = _field(_EQ)
    is_null: bool | None = _field(_IS_NULL)


@dataclass(frozen=True, kw_only=True)
class IDFilter:
    """Conditions on an id."""

    eq: NodeId | None = _field(_EQ)
    not_eq: NodeId | None = _field(_NOT_EQ)
    in_: list[NodeId] | None = _field(_IN)
    not_in: list[NodeId] | None = _field(_NOT_IN)
    is_null: bool | None = _field(_IS_NULL)


@dataclass(frozen=True, kw_only=True)
class UUIDFilter:
    """Conditions on a UUID."""

    eq: UUID | None = _field(_EQ)
    not_eq: UUID | None = _field(_NOT_EQ)
    in_: list[UUID] | None = _field(_IN)
    not_in: list[UUID] | None = _field(_NOT_IN)
    is_null: bool | None = _field(_IS_NULL)


@dataclass(frozen=True, kw_only=True)
class SeniorityFilter:
    """Conditions on a seniority."""

    eq: Seniority | None = _field(_EQ)
    not_eq: Seniority | None = _field(_NOT_EQ)
    in_: list[Seniority] | None = _field(_IN)
    not_in: list[Seniority] | None = _field(_NOT_IN)
    is_null: bool | None = _field(_IS_NULL)


@dataclass(frozen=True, kw_only=True)
class EmailStatusFilter:
    """Conditions on the status of an e-mail address."""

    eq: EmailStatus | None = _field(_EQ)
    not_eq: EmailStatus | None = _field(_NOT_EQ)
    in_: list[EmailStatus] | None = _field(_IN)
    not_in: list[EmailStatus] | None = _field(_NOT_IN)
    is_null: bool | None = _field(_IS_NULL)


@dataclass(frozen=True, kw_only=True)
class IntRange:
    """Two numbers, both included."""

    from_: int = field(metadata={"doc": "The least."})
    to: int = field(metadata={"doc": "The greatest."})


@dataclass(frozen=True, kw_only=True)
class IntFilter:
    """Conditions on a whole number of 32 bits."""

    eq: int | None = _field(_EQ)
    not_eq: int | None = _field(_NOT_EQ)
    in_: list[int] | None = _field(_IN)
    not_in: list[int] | None = _field(_NOT_IN)
    gt: int | None = _field(_GT)
    gte: int | None = _field(_GTE)
    lt: int | None = _field(_LT)
    lte: int | None = _field(_LTE)
    between: IntRange | None = _field(_BETWEEN)
    is_null: bool | None = _field(_IS_NULL)


@dataclass(frozen=True, kw_only=True)
class BigIntRange:
    """Two numbers, both included."""

    from_: BigInt = field(metadata={"doc": "The least."})
    to: BigInt = field(metadata={"doc": "The greatest."})


@dataclass(frozen=True, kw_only=True)
class BigIntFilter:
    """Conditions on a whole number of 64 bits."""

    eq: BigInt | None = _field(_EQ)
    not_eq: BigInt | None = _field(_NOT_EQ)
    in_: list[BigInt] | None = _field(_IN)
    not_in: list[BigInt] | None = _field(_NOT_IN)
    gt: BigInt | None = _field(_GT)
    gte: BigInt | None = _field(_GTE)
    lt: BigInt | None = _field(_LT)
    lte: BigInt | None = _field(_LTE)
    between: BigIntRange | None = _field(_BETWEEN)
    is_null: bool | None = _field(_IS_NULL)


@dataclass(frozen=True, kw_only=True)
class DateRange:
    """Two days, both included."""

    from_: date = field(metadata={"doc": "The first day."})
    to: date = field(metadata={"doc": "The last day."})


@dataclass(frozen=True, kw_only=True)
class DateFilter:
    """Conditions on a day."""

    eq: date | None = _field(_EQ)
    not_eq: date | None = _field(_NOT_EQ)
    in_: list[date] | None = _field(_IN)
    not_in: list[date] | None = _field(_NOT_IN)
    gt: date | None = _field(_GT)
    gte: date | None = _field(_GTE)
    lt: date | None = _field(_LT)
    lte: date | None = _field(_LTE)
    between: DateRange | None = _field(_BETWEEN)
    is_null: bool | None = _field(_IS_NULL)


@dataclass(frozen=True, kw_only=True)
class DateTimeRange:
    """Two points in time, both included."""

    from_: datetime = field(metadata={"doc": "The earliest."})
    to: datetime = field(metadata={"doc": "The latest."})


@dataclass(frozen=True, kw_only=True)
class DateTimeFilter:
    """Conditions on a point in time."""

    eq: datetime | None = _field(_EQ)
    not_eq: datetime | None = _field(_NOT_EQ)
    in_: list[datetime] | None = _field(_IN)
    not_in: list[datetime] | None = _field(_NOT_IN)
    gt: datetime | None = _field(_GT)
    gte: datetime | None = _field(_GTE)
    lt: datetime | None = _field(_LT)
    lte: datetime | None = _field(_LTE)
    between: DateTimeRange | None = _field(_BETWEEN)
    is_null: bool | None = _field(_IS_NULL)


_AND = "All of these must hold; an empty list matches everything."
_OR = "At least one of these must hold; an empty list matches nothing."
_NOT = "This must not hold."


@dataclass(frozen=True, kw_only=True)
class CompanyFilter:
    """Which companies; all conditions must hold, no condition matches every company."""

    id: IDFilter | None = _field("Its id.")
    uuid: UUIDFilter | None = _field("Its UUID.")
    name: StringFilter | None = _field("Name.")
    domain: StringFilter | None = _field("Main host.")
    industry: StringFilter | None = _field("Main industry.")
    industries: StringListFilter | None = _field("Industries.")
    technologies: StringListFilter | None = _field("Technologies in use.")
    keywords: StringListFilter | None = _field("Keywords.")
    employees_count: IntFilter | None = _field("Number of employees.")
    annual_revenue: BigIntFilter | None = _field("Revenue of a year.")
    total_funding: BigIntFilter | None = _field("All funding.")
    last_raised_at: DateFilter | None = _field("Day of the latest funding round.")
    founded_year: IntFilter | None = _field("Year of foundation.")
    city: StringFilter | None = _field("City of the headquarters.")
    region: StringFilter | None = _field("State or region of the headquarters.")
    country: StringFilter | None = _field("Country of the headquarters.")
    stage: StringFilter | None = _field("Stage in the pipeline.")
    created_at: DateTimeFilter | None = _field("When the record was created.")
    updated_at: DateTimeFilter | None = _field("When the record was last changed.")
    and_: "list[CompanyFilter] | None" = _field(_AND)
    or_: "list[CompanyFilter] | None" = _field(_OR)
    not_: "CompanyFilter | None" = _field(_NOT)


@dataclass(frozen=True, kw_only=True)
class ContactFilter:
    """Which contacts; all conditions must hold, no condition matches every contact."""

    id: IDFilter | None = _field("Its id.")
    uuid: UUIDFilter | None = _field("Its UUID.")
    first_name: StringFilter | None = _field("Given name.")
    last_name: StringFilter | None = _field("Family name.")
    name: StringFilter | None = _field("Full name.")
    title: StringFilter | None = _field("Job title.")
    seniority: SeniorityFilter | None = _field("Place in the hierarchy.")
    departments: StringListFilter | None = _field("Departments.")
    email: StringFilter | None = _field("Primary e-mail address.")
    email_domain: StringFilter | None = _field("Domain of the primary e-mail address.")
    email_status: EmailStatusFilter | None = _field("Status of the primary e-mail address.")
    city: StringFilter | None = _field("City.")
    region: StringFilter | None = _field("State or region.")
    country: StringFilter | None = _field("Country.")
    stage: StringFilter | None = _field("Stage in the pipeline.")
    tags: StringListFilter | None = _field("Tags.")
    do_not_contact: BooleanFilter | None = _field("Has asked not to be contacted.")
    quality_score: IntFilter | None = _field("How complete the record is, 0 to 100.")
    company_id: IDFilter | None = _field("The company's id.")
    company_name: StringFilter | None = _field("The company's name.")
    company: CompanyFilter | None = _field(
        "Conditions on the company; a contact without one does not match."
    )
    last_contacted_at: DateTimeFilter | None = _field("When somebody last wrote or called.")
    created_at: DateTimeFilter | None = _field("When the record was created.")
    updated_at: DateTimeFilter | None = _field("When the record was last changed.")
    and_: "list[ContactFilter] | None" = _field(_AND)
    or_: "list[ContactFilter] | None" = _field(_OR)
    not_: "ContactFilter | None" = _field(_NOT)


Filter = ContactFilter | CompanyFilter
