"""What a batch of rows holds and what became of each: the words of a load.

Which record a row belongs to is decided in `db.staging_companies` and `db.staging_contacts`; how a
batch is written, in `db.staging_writing`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from uuid import UUID

from domain.validation import CleanContact


class Result(StrEnum):
    """What became of a row."""

    CREATED = "CREATED"
    UPDATED = "UPDATED"
    UNCHANGED = "UNCHANGED"
    SKIPPED = "SKIPPED"
    FAILED = "FAILED"


class StagingCode(StrEnum):
    """What a batch can find wrong with a row that is valid by itself."""

    DUPLICATE_IN_FILE = "DUPLICATE_IN_FILE"
    DUPLICATE_EXISTING = "DUPLICATE_EXISTING"
    AMBIGUOUS_MATCH = "AMBIGUOUS_MATCH"
    RELATION_AMBIGUOUS = "RELATION_AMBIGUOUS"
    NAME_DIFFERS = "NAME_DIFFERS"
    MISSING_REQUIRED = "MISSING_REQUIRED"


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """Something to tell about a row.

    Attributes:
        code: A `StagingCode` or the code of what was wrong with a value.
        field: The field it is about, in snake_case; empty for the row as a whole.
        column: The header of the column, where a file was read.
        raw: The beginning of the value as the file has it.
    """

    code: str
    message: str
    field: str = ""
    column: str = ""
    raw: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a row.

    Attributes:
        line: The line of the file on which the row begins.
        uuid: The record it went to; None when it went nowhere.
        findings: Of a row that was skipped or failed, the reason comes first; of any other row,
            what was left out.
    """

    line: int
    result: Result
    uuid: UUID | None = None
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class StagedCompany:
    """A company of a batch.

    Attributes:
        values: Column to value in stored form; None and empty lists say nothing.
        may_create: False to fill the company where its domain is known, else to pass over it.
    """

    line: int
    values: Mapping[str, Any]
    may_create: bool = True


@dataclass(frozen=True, slots=True)
class StagedContact:
    """A contact of a batch, in stored form.

    Attributes:
        contact: Its e-mails and phones in the order in which they count, the primary one first.
        company: Columns of the employer; the company is found or made from them.
        activities: Columns of what happened; written with a new contact only.
    """

    line: int
    contact: CleanContact
    company: Mapping[str, Any] | None = None
    activities: Sequence[Mapping[str, Any]] = ()


@dataclass(eq=False, slots=True)
class Target:
    """The record that one or more rows of a batch go to.

    Attributes:
        line: The first of these rows; 0 as long as there is none.
        record_id: None until a new record has its id; the same for `uuid`.
        values: What the rows say together; of two values the first counts.
        touched: Something that belongs to the record was added.
    """

    line: int = 0
    record_id: int | None = None
    uuid: UUID | None = None
    is_new: bool = True
    values: dict[str, Any] = field(default_factory=dict)
    touched: bool = False
    result: Result = Result.UNCHANGED

    def take(self, line: int, values: Mapping[str, Any]) -> None:
        """Add what a row says to what the rows before it left open."""
        self.line = self.line or line
        if not self.values:
            self.values = {name: value for name, value in values.items() if value is not None}
            return
        for name, value in values.items():
            held = self.values.get(name)
            if value is not None and (held is None or held is False or held == []):
                self.values[name] = value

    def outcome(self, line: int, *, kind: str, findings: Sequence[Finding] = ()) -> Outcome:
        """What became of the row on a line, which is one of those that went here."""
        if line == self.line:
            return Outcome(line, self.result, self.uuid, tuple(findings))
        message = f"Line {self.line} is about the same {kind}; this one only added to it."
        repeated = Finding(code=StagingCode.DUPLICATE_IN_FILE, message=message)
        return Outcome(line, Result.SKIPPED, self.uuid, (repeated, *findings))
