"""What a filter can ask of one value: a class of operators for each kind of value.

All operators that are given must hold. One that was left out is `ABSENT`; null is no operand.
"""

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from uuid import UUID

from domain.absent import ABSENT
from domain.enums import (
    ActivityType,
    EmailStatus,
    EmailType,
    EmployeeRange,
    PhoneType,
    RecordSource,
    Seniority,
)
from domain.jobs import JobKind, JobStatus
from domain.scalars import BigInt, NodeId


def described(doc: str) -> Any:
    """A field that may be left out, with its words for readers of the schema."""
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

    eq: str | None = described(_EQ)
    not_eq: str | None = described(_NOT_EQ)
    in_: list[str] | None = described(_IN)
    not_in: list[str] | None = described(_NOT_IN)
    contains: str | None = described("Contains this text.")
    starts_with: str | None = described("Starts with this text.")
    ends_with: str | None = described("Ends with this text.")
    is_null: bool | None = described(_IS_NULL)
    case_sensitive: bool = field(
        default=False, metadata={"doc": "Tell upper from lower case in all the other conditions."}
    )


@dataclass(frozen=True, kw_only=True)
class StringListFilter:
    """Conditions on a list of texts; all that are given must hold. Case matters."""

    any_of: list[str] | None = described(
        "Holds at least one of these; an empty list matches nothing."
    )
    all_of: list[str] | None = described("Holds all of these; an empty list matches everything.")
    none_of: list[str] | None = described("Holds none of these; an empty list matches everything.")
    is_empty: bool | None = described("Whether the list is empty.")


@dataclass(frozen=True, kw_only=True)
class BooleanFilter:
    """Conditions on a yes or no."""

    eq: bool | None = described(_EQ)
    is_null: bool | None = described(_IS_NULL)


@dataclass(frozen=True, kw_only=True)
class IDFilter:
    """Conditions on an id."""

    eq: NodeId | None = described(_EQ)
    not_eq: NodeId | None = described(_NOT_EQ)
    in_: list[NodeId] | None = described(_IN)
    not_in: list[NodeId] | None = described(_NOT_IN)
    is_null: bool | None = described(_IS_NULL)


@dataclass(frozen=True, kw_only=True)
class UUIDFilter:
    """Conditions on a UUID."""

    eq: UUID | None = described(_EQ)
    not_eq: UUID | None = described(_NOT_EQ)
    in_: list[UUID] | None = described(_IN)
    not_in: list[UUID] | None = described(_NOT_IN)
    is_null: bool | None = described(_IS_NULL)


@dataclass(frozen=True, kw_only=True)
class SeniorityFilter:
    """Conditions on a seniority."""

    eq: Seniority | None = described(_EQ)
    not_eq: Seniority | None = described(_NOT_EQ)
    in_: list[Seniority] | None = described(_IN)
    not_in: list[Seniority] | None = described(_NOT_IN)
    is_null: bool | None = described(_IS_NULL)


@dataclass(frozen=True, kw_only=True)
class EmailStatusFilter:
    """Conditions on the status of an e-mail address."""

    eq: EmailStatus | None = described(_EQ)
    not_eq: EmailStatus | None = described(_NOT_EQ)
    in_: list[EmailStatus] | None = described(_IN)
    not_in: list[EmailStatus] | None = described(_NOT_IN)
    is_null: bool | None = described(_IS_NULL)


@dataclass(frozen=True, kw_only=True)
class EmailTypeFilter:
    """Conditions on the kind of an e-mail address."""

    eq: EmailType | None = described(_EQ)
    not_eq: EmailType | None = described(_NOT_EQ)
    in_: list[EmailType] | None = described(_IN)
    not_in: list[EmailType] | None = described(_NOT_IN)
    is_null: bool | None = described(_IS_NULL)


@dataclass(frozen=True, kw_only=True)
class PhoneTypeFilter:
    """Conditions on the kind of a phone number."""

    eq: PhoneType | None = described(_EQ)
    not_eq: PhoneType | None = described(_NOT_EQ)
    in_: list[PhoneType] | None = described(_IN)
    not_in: list[PhoneType] | None = described(_NOT_IN)
    is_null: bool | None = described(_IS_NULL)


@dataclass(frozen=True, kw_only=True)
class EmployeeRangeFilter:
    """Conditions on a size class."""

    eq: EmployeeRange | None = described(_EQ)
    not_eq: EmployeeRange | None = described(_NOT_EQ)
    in_: list[EmployeeRange] | None = described(_IN)
    not_in: list[EmployeeRange] | None = described(_NOT_IN)
    is_null: bool | None = described(_IS_NULL)


@dataclass(frozen=True, kw_only=True)
class RecordSourceFilter:
    """Conditions on how a record came to be."""

    eq: RecordSource | None = described(_EQ)
    not_eq: RecordSource | None = described(_NOT_EQ)
    in_: list[RecordSource] | None = described(_IN)
    not_in: list[RecordSource] | None = described(_NOT_IN)
    is_null: bool | None = described(_IS_NULL)


@dataclass(frozen=True, kw_only=True)
class ActivityTypeFilter:
    """Conditions on what happened."""

    eq: ActivityType | None = described(_EQ)
    not_eq: ActivityType | None = described(_NOT_EQ)
    in_: list[ActivityType] | None = described(_IN)
    not_in: list[ActivityType] | None = described(_NOT_IN)
    is_null: bool | None = described(_IS_NULL)


@dataclass(frozen=True, kw_only=True)
class JobKindFilter:
    """Conditions on what a job does."""

    eq: JobKind | None = described(_EQ)
    not_eq: JobKind | None = described(_NOT_EQ)
    in_: list[JobKind] | None = described(_IN)
    not_in: list[JobKind] | None = described(_NOT_IN)
    is_null: bool | None = described(_IS_NULL)


@dataclass(frozen=True, kw_only=True)
class JobStatusFilter:
    """Conditions on how a job stands."""

    eq: JobStatus | None = described(_EQ)
    not_eq: JobStatus | None = described(_NOT_EQ)
    in_: list[JobStatus] | None = described(_IN)
    not_in: list[JobStatus] | None = described(_NOT_IN)
    is_null: bool | None = described(_IS_NULL)


@dataclass(frozen=True, kw_only=True)
class IntRange:
    """Two numbers, both included."""

    from_: int = field(metadata={"doc": "The least."})
    to: int = field(metadata={"doc": "The greatest."})


@dataclass(frozen=True, kw_only=True)
class IntFilter:
    """Conditions on a whole number of 32 bits."""

    eq: int | None = described(_EQ)
    not_eq: int | None = described(_NOT_EQ)
    in_: list[int] | None = described(_IN)
    not_in: list[int] | None = described(_NOT_IN)
    gt: int | None = described(_GT)
    gte: int | None = described(_GTE)
    lt: int | None = described(_LT)
    lte: int | None = described(_LTE)
    between: IntRange | None = described(_BETWEEN)
    is_null: bool | None = described(_IS_NULL)


@dataclass(frozen=True, kw_only=True)
class BigIntRange:
    """Two numbers, both included."""

    from_: BigInt = field(metadata={"doc": "The least."})
    to: BigInt = field(metadata={"doc": "The greatest."})


@dataclass(frozen=True, kw_only=True)
class BigIntFilter:
    """Conditions on a whole number of 64 bits."""

    eq: BigInt | None = described(_EQ)
    not_eq: BigInt | None = described(_NOT_EQ)
    in_: list[BigInt] | None = described(_IN)
    not_in: list[BigInt] | None = described(_NOT_IN)
    gt: BigInt | None = described(_GT)
    gte: BigInt | None = described(_GTE)
    lt: BigInt | None = described(_LT)
    lte: BigInt | None = described(_LTE)
    between: BigIntRange | None = described(_BETWEEN)
    is_null: bool | None = described(_IS_NULL)


@dataclass(frozen=True, kw_only=True)
class FloatRange:
    """Two numbers, both included."""

    from_: float = field(metadata={"doc": "The least."})
    to: float = field(metadata={"doc": "The greatest."})


@dataclass(frozen=True, kw_only=True)
class FloatFilter:
    """Conditions on a number with a fraction."""

    eq: float | None = described(_EQ)
    not_eq: float | None = described(_NOT_EQ)
    in_: list[float] | None = described(_IN)
    not_in: list[float] | None = described(_NOT_IN)
    gt: float | None = described(_GT)
    gte: float | None = described(_GTE)
    lt: float | None = described(_LT)
    lte: float | None = described(_LTE)
    between: FloatRange | None = described(_BETWEEN)
    is_null: bool | None = described(_IS_NULL)


@dataclass(frozen=True, kw_only=True)
class DateRange:
    """Two days, both included."""

    from_: date = field(metadata={"doc": "The first day."})
    to: date = field(metadata={"doc": "The last day."})


@dataclass(frozen=True, kw_only=True)
class DateFilter:
    """Conditions on a day."""

    eq: date | None = described(_EQ)
    not_eq: date | None = described(_NOT_EQ)
    in_: list[date] | None = described(_IN)
    not_in: list[date] | None = described(_NOT_IN)
    gt: date | None = described(_GT)
    gte: date | None = described(_GTE)
    lt: date | None = described(_LT)
    lte: date | None = described(_LTE)
    between: DateRange | None = described(_BETWEEN)
    is_null: bool | None = described(_IS_NULL)


@dataclass(frozen=True, kw_only=True)
class DateTimeRange:
    """Two points in time, both included."""

    from_: datetime = field(metadata={"doc": "The earliest."})
    to: datetime = field(metadata={"doc": "The latest."})


@dataclass(frozen=True, kw_only=True)
class DateTimeFilter:
    """Conditions on a point in time."""

    eq: datetime | None = described(_EQ)
    not_eq: datetime | None = described(_NOT_EQ)
    in_: list[datetime] | None = described(_IN)
    not_in: list[datetime] | None = described(_NOT_IN)
    gt: datetime | None = described(_GT)
    gte: datetime | None = described(_GTE)
    lt: datetime | None = described(_LT)
    lte: datetime | None = described(_LTE)
    between: DateTimeRange | None = described(_BETWEEN)
    is_null: bool | None = described(_IS_NULL)
