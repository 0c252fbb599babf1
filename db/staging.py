"""What a batch of rows holds, by which rules it is written, and what became of each row.

Which record a row belongs to is decided in `db.staging_companies` and `db.staging_matches`; how a
batch is written, in `db.staging_writing`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, ClassVar, Final, Generic, NamedTuple, TypeVar
from uuid import UUID

from domain.bulk import OnConflict
from domain.enums import ContactMatchKey
from domain.imports import ImportMode
from domain.validation import CleanContact

S = TypeVar("S", bound="StagedCompany | StagedContact")
T = TypeVar("T", bound="Target")


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
    RELATION_NOT_FOUND = "RELATION_NOT_FOUND"
    CREATE_ONLY_CONFLICT = "CREATE_ONLY_CONFLICT"
    UPDATE_ONLY_MISSING = "UPDATE_ONLY_MISSING"


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """Something to tell about a row.

    Attributes:
        code: A `StagingCode` or the code of what was wrong with a value.
        field: The field it is about, in snake_case; empty for the row as a whole.
        column: The header of the column, where a file was read.
        raw: The beginning of the value as the file has it.
        suggestion: What could be written instead; empty where nobody knows.
        record_id: The stored record that it is about.
    """

    code: str
    message: str
    field: str = ""
    column: str = ""
    raw: str = ""
    suggestion: str = ""
    record_id: int | None = None


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


def count_written(outcomes: Iterable[Outcome]) -> int:
    """How many records were made or changed: of the rows of one only the first tells it."""
    return sum(outcome.result in {Result.CREATED, Result.UPDATED} for outcome in outcomes)


BATCH_TIMEOUT_SECONDS: Final = 60


@dataclass(frozen=True, kw_only=True, slots=True)
class StagingRules:
    """How rows are matched and written; as they are here, a file is loaded.

    Attributes:
        match_on: The keys of a contact, in the order in which they are tried.
        mode: Which rows may be written; the others fail.
        appends: What rows say about lists, e-mails and phones is added to what a record has, also
            where it would otherwise take its place.
        makes_companies: An employer that is not there is made.
        is_strict: A row that gives an address of another contact fails, rather than be written
            without it.
        timeout_seconds: What each statement may take; None leaves it as it is.
    """

    match_on: Sequence[ContactMatchKey] = (ContactMatchKey.EMAIL, ContactMatchKey.LINKEDIN_URL)
    on_conflict: OnConflict = OnConflict.FILL_EMPTY
    mode: ImportMode = ImportMode.UPSERT
    appends: bool = False
    makes_companies: bool = True
    is_strict: bool = False
    timeout_seconds: float | None = BATCH_TIMEOUT_SECONDS

    @property
    def overwrites(self) -> bool:
        """Whether rows take the place of what is stored."""
        return self.on_conflict is OnConflict.OVERWRITE

    @property
    def skips(self) -> bool:
        """Whether rows leave alone what is stored."""
        return self.on_conflict is OnConflict.SKIP

    def refused(self, target: "Target | None", *, is_deleted: bool, kind: str) -> Finding | None:
        """Why a row must not be written, given the record that it is about.

        Args:
            target: None where there is none yet.
        """
        if target is None or is_deleted:
            if self.mode is not ImportMode.UPDATE_ONLY:
                return None
            message = f"There is no such {kind}, and only those that are there are updated."
            return Finding(code=StagingCode.UPDATE_ONLY_MISSING, message=message)
        if self.mode is ImportMode.CREATE_ONLY and not target.is_new:
            message = f"The {kind} is there already ({target.uuid}), and only new ones are made."
            code, record_id = StagingCode.CREATE_ONLY_CONFLICT, target.record_id
            return Finding(code=code, message=message, record_id=record_id)
        return None


@dataclass(frozen=True, slots=True)
class StagedCompany:
    """A company of a batch.

    Attributes:
        values: Column to value in stored form; None and empty lists say nothing, unless rows
            overwrite.
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
        kind: What it is, in a word.
        line: The first of these rows; 0 as long as there is none.
        record_id: None until a new record has its id; the same for `uuid`.
        values: What the rows say together; of two values the first counts.
        touched: Something that belongs to the record was added.
    """

    kind: ClassVar[str]

    line: int = 0
    record_id: int | None = None
    uuid: UUID | None = None
    is_new: bool = True
    values: dict[str, Any] = field(default_factory=dict)
    touched: bool = False
    result: Result = Result.UNCHANGED

    @property
    def company_ids(self) -> frozenset[int]:
        """The companies that it belonged to before, and may belong to now."""
        return frozenset()

    def take(self, line: int, values: Mapping[str, Any], *, with_nulls: bool = False) -> None:
        """Add what a row says to what the rows before it left open.

        Args:
            with_nulls: None says something: that there is to be no value.
        """
        self.line = self.line or line
        if not self.values:
            said = values.items()
            self.values = {k: v for k, v in said if v is not None or with_nulls}
            return
        for name, value in values.items():
            held = self.values.get(name)
            if value is not None and (held is None or held is False or held == []):
                self.values[name] = value

    def outcome(self, line: int, findings: Sequence[Finding]) -> Outcome:
        """What became of the row on a line, which is one of those that went here."""
        if line == self.line:
            return Outcome(line, self.result, self.uuid, tuple(findings))
        message = f"Line {self.line} is about the same {self.kind}; this one only added to it."
        repeated = Finding(code=StagingCode.DUPLICATE_IN_FILE, message=message)
        return Outcome(line, Result.SKIPPED, self.uuid, (repeated, *findings))

    def passed_over(self, line: int) -> Outcome:
        """What became of a row that left alone what is here already."""
        if self.is_new:
            message = f"Line {self.line} is about the same {self.kind}; this one was passed over."
            finding = Finding(code=StagingCode.DUPLICATE_IN_FILE, message=message)
        else:
            message = f"The {self.kind} is there already; nothing of it was changed."
            code, record_id = StagingCode.DUPLICATE_EXISTING, self.record_id
            finding = Finding(code=code, message=message, record_id=record_id)
        return Outcome(line, Result.SKIPPED, self.uuid, (finding,))


class Placed(NamedTuple):
    """Where a row of a batch went.

    Attributes:
        record_id: None where the row went nowhere.
        company_ids: As `Target` has them.
    """

    record_id: int | None
    company_ids: frozenset[int]
    outcome: Outcome


@dataclass(eq=False, slots=True)
class Match(Generic[S, T]):
    """A row with the record it is about, and what is to be told about it.

    Attributes:
        target: None where there is none, or the row must not be written to it.
        is_passed_over: The record is there already, and rows leave it alone.
    """

    row: S
    target: T | None
    findings: list[Finding]
    is_passed_over: bool = False

    def placed(self) -> Placed:
        """Where the row went, once its record is written."""
        line, target = self.row.line, self.target
        if target is None:
            outcome = Outcome(line, Result.FAILED, None, tuple(self.findings))
            return Placed(None, frozenset(), outcome)
        if self.is_passed_over:
            return Placed(target.record_id, target.company_ids, target.passed_over(line))
        return Placed(target.record_id, target.company_ids, target.outcome(line, self.findings))


def targets_of(matches: Iterable[Match[S, T]]) -> list[T]:
    """The records that rows are written to, each once."""
    taken = (match.target for match in matches if not match.is_passed_over)
    return [target for target in dict.fromkeys(taken) if target is not None]
