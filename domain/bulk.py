"""Writing many records at once: what a client chooses, and what it is told about each row."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass, replace
from typing import Any, Final, Self

from domain.absent import given
from domain.enums import ContactMatchKey, DescribedEnum
from domain.errors import Problem, ProblemCode, Rejected
from domain.filters import Filter

MAX_BULK_ROWS: Final = 1000

DECIDING_KEYS: Final = frozenset(
    {ContactMatchKey.EMAIL, ContactMatchKey.LINKEDIN_URL, ContactMatchKey.PHONE_AND_LAST_NAME}
)
"""The keys that are enough to take two contacts for one without asking anybody."""


class OnConflict(DescribedEnum):
    """What a row does to the record that it is about, when there is one already."""

    SKIP = "SKIP", "Nothing: the record stays as it is."
    OVERWRITE = (
        "OVERWRITE",
        "What the row gives takes the place of what is stored; null clears it.",
    )
    FILL_EMPTY = (
        "FILL_EMPTY",
        "Only what the record lacks is filled; e-mails and phones are added to those it has.",
    )


class ErrorPolicy(DescribedEnum):
    """What happens when some of many rows cannot be taken as they are."""

    REJECT_EVERYTHING = "REJECT_EVERYTHING", "Nothing is written, not even the good rows."
    REJECT_FAILED_ROWS = "REJECT_FAILED_ROWS", "Good rows are written, the others are not."
    IGNORE_FAILED_FIELDS = (
        "IGNORE_FAILED_FIELDS",
        "A row is written without the values that cannot be taken, as far as it still says enough.",
    )


class BulkStatus(DescribedEnum):
    """What became of one of many rows."""

    CREATED = "CREATED", "There is a new record."
    UPDATED = "UPDATED", "The record was changed."
    UNCHANGED = "UNCHANGED", "The record was so already; its version stays."
    DELETED = "DELETED", "The record was deleted."
    SKIPPED = "SKIPPED", "Passed over: another row or the record itself came first."
    FAILED = "FAILED", "Not written; `userErrors` says why."


@dataclass(frozen=True, slots=True)
class RowOutcome:
    """What became of one row.

    Attributes:
        index: Its place among the rows or ids of the input, from 0.
        record_id: The record it went to; None when it went nowhere.
        problems: Why it failed or was passed over; of any other row, what was left out.
    """

    index: int
    status: BulkStatus
    record_id: int | None = None
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class BulkOutcome:
    """What became of all rows.

    Attributes:
        rows: None when there are too many to tell one by one.
        problems: What was left out of every row.
    """

    counts: Mapping[BulkStatus, int]
    rows: Sequence[RowOutcome] | None = None
    problems: tuple[Problem, ...] = field(default=())

    @classmethod
    def of_rows(cls, rows: Sequence[RowOutcome]) -> Self:
        """The outcome that tells every row."""
        return cls(Counter(row.status for row in rows), rows)

    @property
    def record_ids(self) -> list[int]:
        """The records that rows went to, each once."""
        ids = (row.record_id for row in self.rows or ())
        return list(dict.fromkeys(id_ for id_ in ids if id_ is not None))

    def to_json(self) -> dict[str, Any]:
        """The outcome as something that JSON can say, with nothing in it that was given."""
        rows = [
            [row.index, row.status, row.record_id, list(map(_to_json, row.problems))]
            for row in self.rows or ()
        ]
        return {
            "counts": {status.value: count for status, count in self.counts.items()},
            "rows": None if self.rows is None else rows,
            "problems": list(map(_to_json, self.problems)),
        }

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Self:
        """The outcome that `to_json` told; the problems say what their codes mean."""
        rows = [
            RowOutcome(index, BulkStatus(status), record_id, tuple(map(_from_json, problems)))
            for index, status, record_id, problems in kept["rows"] or ()
        ]
        counts = {BulkStatus(status): count for status, count in kept["counts"].items()}
        told = None if kept["rows"] is None else rows
        return cls(counts, told, tuple(map(_from_json, kept["problems"])))


@dataclass(frozen=True, slots=True)
class Selection:
    """Which records a bulk write is about: those with these ids, or those that match a filter.

    Attributes:
        confirm_count: How many matches the client expects; more than `MAX_BULK_ROWS` need it.
    """

    ids: Sequence[int] | None = None
    filter_: Filter | None = None
    confirm_count: int | None = None

    @property
    def most(self) -> int:
        """How many matches of the filter are written at most."""
        return max(MAX_BULK_ROWS, self.confirm_count or 0)

    def takes(self, count: int) -> bool:
        """Whether so many matches are what the client means."""
        return count <= self.most and self.confirm_count in (None, count)


def select_records(
    *, ids: Sequence[int] | None, filter_: Filter | None, confirm_count: int | None = None
) -> Selection:
    """The records that a client has named.

    Raises:
        Rejected: By ids and by a filter at once, or by neither; too many ids, or a filter that
            asks for nothing.
    """
    if (ids is None) is (filter_ is None):
        raise refusal("Give either ids or a filter.", "ids")
    if ids is not None and len(ids) > MAX_BULK_ROWS:
        message = f"{len(ids)} ids; at most {MAX_BULK_ROWS} fit. Use a filter for more."
        raise refusal(message, "ids", code=ProblemCode.TOO_LONG)
    if filter_ is not None and not has_condition(filter_):
        raise refusal("The filter has no condition; it would match every record.", "filter")
    return Selection(ids, filter_, confirm_count)


def refusal(message: str, *path: str, code: ProblemCode = ProblemCode.INVALID_VALUE) -> Rejected:
    """Why nothing at all is written."""
    return Rejected([Problem(code=code, message=message, path=path)])


def unconfirmed(count: int, confirmed: int | None) -> Rejected:
    """Why nothing is written: another count was confirmed than match, or none of so many."""
    if confirmed is not None:
        return refusal(f"{count} match, not {confirmed}; nothing was changed.", "confirmCount")
    message = f"{count} match. To change so many, send confirmCount: {count}."
    return refusal(message, "confirmCount", code=ProblemCode.REQUIRED)


def under(problem: Problem, *path: str) -> Problem:
    """The problem of a part, as one of the whole that has it at this path."""
    return replace(problem, path=(*path, *problem.path))


def has_condition(filter_: Any) -> bool:
    """Whether a filter asks for anything, so that it can be meant for less than all records."""
    asked = ((item.name, getattr(filter_, item.name)) for item in fields(filter_))
    return any(_asks(name, value) for name, value in asked if given(value))


def _asks(name: str, value: Any) -> bool:
    if value is None:
        return True  # which the compiler of filters refuses, and says what to write instead
    if name in {"and_", "or_"}:
        return any(map(has_condition, value))
    if name == "search":
        return bool(value.strip())
    if name == "case_sensitive":
        return False
    return has_condition(value) if is_dataclass(value) else True


def _to_json(problem: Problem) -> list[Any]:
    # Without the message: it may quote what was given of a person who is erased by the time.
    return [problem.code, list(problem.path), problem.record_id]


def _from_json(kept: Sequence[Any]) -> Problem:
    code, path, record_id = kept
    told = ProblemCode(code)
    return Problem(code=told, message=told.doc, path=path, record_id=record_id)
