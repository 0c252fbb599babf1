"""Contacts and companies written many at once: each row finds its record by a key, or makes one.

The rows go through the staging room, as those of a file do.
"""

from collections.abc import Awaitable, Callable, Sequence, Set
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, TypeVar

from db.bulk import BULK_COMPANIES, BULK_CONTACTS, BulkKind
from db.entities import COMPANIES
from db.loading import load_rows
from db.problems import NAMELESS_COMPANY, NAMELESS_CONTACT, not_found
from db.rows import Row
from db.staging import (
    Finding,
    Placed,
    Result,
    StagedCompany,
    StagedContact,
    StagingCode,
    StagingRules,
)
from db.staging_companies import place_companies
from db.staging_contacts import place_contacts
from db.transaction import Transaction
from domain.bulk import (
    BulkOutcome,
    BulkStatus,
    ErrorPolicy,
    OnConflict,
    RowOutcome,
    refusal,
    under,
)
from domain.changes import ChangeKind
from domain.enums import ContactMatchKey, RecordSource
from domain.errors import Problem, ProblemCode, Rejected
from domain.names import spelled
from domain.node_ids import NodeKind, encode_node_id
from domain.validation import CleanCompany, CleanContact

R = TypeVar("R", bound=Row)
S = TypeVar("S", StagedContact, StagedCompany)

_NAMES: Final = ("first_name", "middle_name", "last_name")
_KEYS_OF_CONTACTS: Final = frozenset({"emails", "linkedinUrl"})
_TAKEN: Final = (
    "Another change took an e-mail address or domain of these rows at the same moment."
    " Send them again."
)
_KINDS: Final = {Result.CREATED: ChangeKind.CREATED, Result.UPDATED: ChangeKind.UPDATED}


@dataclass(frozen=True, slots=True)
class UpsertRules:
    """How rows find their record, and what they do to it.

    Attributes:
        match_on: The keys of a contact, in the order in which they are tried.
    """

    on_conflict: OnConflict
    error_policy: ErrorPolicy
    match_on: Sequence[ContactMatchKey] = ()

    @property
    def is_strict(self) -> bool:
        """Whether a row with a mistake is not written."""
        return self.error_policy is not ErrorPolicy.IGNORE_FAILED_FIELDS

    @property
    def staging(self) -> StagingRules:
        """The same in the words of the staging room."""
        return StagingRules(
            match_on=self.match_on,
            on_conflict=self.on_conflict,
            is_strict=self.is_strict,
            timeout_seconds=None,
        )


async def upsert_contacts(
    tx: Transaction, rows: Sequence[CleanContact], rules: UpsertRules
) -> BulkOutcome:
    """Write contacts, each to the one that it is about or as a new one.

    Raises:
        Rejected: A row failed and nothing is to be written then, or another change was in the way
            twice.
    """
    asked = [row.values["company_id"] for row in rows if row.values.get("company_id") is not None]
    known = {row.id for row in await load_rows(tx, COMPANIES, asked) if row} if asked else set()
    judged = [_judge_contact(index, row, known, rules) for index, row in enumerate(rows)]
    place = partial(place_contacts, tx, rules=rules.staging)
    outcome, written = await _write(judged, place, rules, NodeKind.CONTACT)
    _record(tx, BULK_CONTACTS, written)
    return outcome


async def upsert_companies(
    tx: Transaction, rows: Sequence[CleanCompany], rules: UpsertRules
) -> BulkOutcome:
    """Write companies, each to the one with its domain or name or as a new one.

    Raises:
        Rejected: As with `upsert_contacts`.
    """
    judged = [_judge_company(index, row, rules) for index, row in enumerate(rows)]
    place = partial(place_companies, tx, rules=rules.staging)
    outcome, written = await _write(judged, place, rules, NodeKind.COMPANY)
    _record(tx, BULK_COMPANIES, written)
    return outcome


@dataclass(frozen=True, slots=True)
class _Judged:
    """A row as it is to be written.

    Attributes:
        staged: None when it has failed.
        problems: Why, or what was left out.
        positions: Where in the row each e-mail address stands.
    """

    index: int
    staged: Any
    problems: Sequence[Problem] = ()
    positions: dict[str, int] = field(default_factory=dict)

    def failure(self) -> RowOutcome:
        """The outcome of a row that has failed."""
        return RowOutcome(self.index, BulkStatus.FAILED, None, tuple(self.problems))

    def outcome(self, placed: Placed, rules: UpsertRules, kind: NodeKind) -> RowOutcome:
        """The outcome of a row that was to be written."""
        outcome = placed.outcome
        # A name that differs is no mistake: it was filled in, or there was one already.
        findings = [each for each in outcome.findings if each.code != StagingCode.NAME_DIFFERS]
        problems = [*(self._problem(each, rules, kind) for each in findings), *self.problems]
        status = BulkStatus(outcome.result.value)
        return RowOutcome(self.index, status, placed.record_id, tuple(problems))

    def _problem(self, finding: Finding, rules: UpsertRules, kind: NodeKind) -> Problem:
        holder = finding.record_id
        path: tuple[str, ...] = (spelled(finding.field),) if finding.field else ()
        if finding.field == "email":
            path = ("emails", str(self.positions[finding.raw]), "address")
        return Problem(
            code=_code_of(finding),
            message=_message_of(finding, rules, kind),
            path=path,
            record_id=None if holder is None else encode_node_id(kind, holder),
        )


def _judge_contact(
    index: int, row: CleanContact, companies: Set[int], rules: UpsertRules
) -> _Judged:
    """The row in the form in which it is staged, or why it is not."""
    values, problems = {"source": RecordSource.API} | row.values, list(row.problems)
    if values.get("company_id") is not None and values["company_id"] not in companies:
        del values["company_id"]
        problems.append(not_found("company", path=("companyId",)))
    contact = CleanContact(values, _usable(row.emails, "address"), _usable(row.phones, "number"))
    if not _is_identified(contact, problems):
        return _Judged(index, None, problems or [NAMELESS_CONTACT])
    if problems and rules.is_strict:
        return _Judged(index, None, problems)
    positions = {email["address"]: email["position"] for email in contact.emails or ()}
    return _Judged(index, StagedContact(index + 1, contact), problems, positions)


def _judge_company(index: int, row: CleanCompany, rules: UpsertRules) -> _Judged:
    if not (row.values.get("name") or row.values.get("domain")):
        return _Judged(index, None, row.problems or [NAMELESS_COMPANY])
    if row.problems and rules.is_strict:
        return _Judged(index, None, row.problems)
    values = {"source": RecordSource.API} | row.values
    return _Judged(index, StagedCompany(index + 1, values), row.problems)


def _usable(belongings: list[dict[str, Any]] | None, name: str) -> list[dict[str, Any]] | None:
    """The e-mails or phones that can be stored, the primary one first."""
    if belongings is None:
        return None
    usable = [each for each in belongings if each.get(name)]
    return sorted(usable, key=lambda each: not each["is_primary"])


def _is_identified(contact: CleanContact, problems: Sequence[Problem]) -> bool:
    """Whether the row says who it is about, and can be found again by the keys it meant to give."""
    values = contact.values
    if contact.emails or values.get("linkedin_url"):
        return True
    if any(problem.path[0] in _KEYS_OF_CONTACTS for problem in problems):
        return False
    return bool(contact.phones) or any(values.get(name) for name in _NAMES)


async def _write(
    judged: Sequence[_Judged],
    place: Callable[[Sequence[S]], Awaitable[list[Placed]]],
    rules: UpsertRules,
    kind: NodeKind,
) -> tuple[BulkOutcome, list[Placed]]:
    """Write the rows that have not failed; what became of all, and which were written.

    It is tried once more when another transaction took a key of theirs meanwhile.
    """
    staged = [row.staged for row in judged if row.staged is not None]
    try:
        placed = await place(staged) if staged else []
    except Rejected:
        try:
            placed = await place(staged)
        except Rejected:
            raise refusal(_TAKEN, "rows", code=ProblemCode.ALREADY_EXISTS) from None
    left = iter(placed)
    rows = [
        row.failure() if row.staged is None else row.outcome(next(left), rules, kind)
        for row in judged
    ]
    if rules.error_policy is ErrorPolicy.REJECT_EVERYTHING:
        _refuse_failures(rows)
    return BulkOutcome.of_rows(rows), [each for each in placed if each.outcome.result in _KINDS]


def _record(tx: Transaction, kind: BulkKind[R], written: Sequence[Placed]) -> None:
    for each in written:
        if each.record_id is not None:
            change = _KINDS[each.outcome.result]
            kind.record(tx, change, {each.record_id: each.company_ids})


def _refuse_failures(rows: Sequence[RowOutcome]) -> None:
    problems = [
        under(problem, "rows", str(row.index))
        for row in rows
        if row.status is BulkStatus.FAILED
        for problem in row.problems
    ]
    if problems:
        raise Rejected(problems)


def _code_of(finding: Finding) -> ProblemCode:
    # Several records have the key, or one that is not this one: the row is about none of them.
    of_staging = finding.code in set(StagingCode)
    return ProblemCode.ALREADY_EXISTS if of_staging else ProblemCode(finding.code)


def _message_of(finding: Finding, rules: UpsertRules, kind: NodeKind) -> str:
    """The message without the lines, which only a file has."""
    if finding.code != StagingCode.DUPLICATE_IN_FILE:
        return finding.message
    if finding.field:
        return f"{finding.raw} is an address of another row and stays there."
    passed_over = rules.on_conflict is OnConflict.SKIP
    what = "was passed over" if passed_over else "only added what that one left open"
    return f"An earlier row is about the same {kind.name.lower()}; this one {what}."
