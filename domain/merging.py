"""Several contacts made one: which survives, what it becomes, and the way back.

Pure functions over stored values. A merge and its dry run call the same ones, so what a dry run
shows is what a merge stores.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import chain
from typing import Any, Final

from domain.enums import RecordSource
from domain.errors import Problem, ProblemCode
from domain.merge_policies import Candidate, ContactField, MergePolicy, Policies, choose
from domain.records import (
    LIST_FIELDS,
    MAX_EMAILS,
    MAX_LIST_ITEMS,
    MAX_PHONES,
    NewLocation,
)

_EMAILS: Final = ContactField("EMAILS")
_PHONES: Final = ContactField("PHONES")
_LOCATION: Final = ContactField("LOCATION")
_DO_NOT_CONTACT: Final = ContactField("DO_NOT_CONTACT")
_MOST: Final = {_EMAILS: MAX_EMAILS, _PHONES: MAX_PHONES} | {
    ContactField(name.upper()): MAX_LIST_ITEMS
    for name in LIST_FIELDS
    if name.upper() in ContactField.__members__
}

Values = Mapping[str, Any]
"""Column to value, or a row."""


def _columns(each: ContactField) -> tuple[str, ...]:
    if each in {_EMAILS, _PHONES}:
        return ()
    if each is _LOCATION:
        return tuple(part.name for part in fields(NewLocation))
    return (each.lower(),)


_COLUMNS: Final = {each: _columns(each) for each in ContactField}


@dataclass(frozen=True)
class Mergeable:
    """A contact with all that a merge looks at, in stored form.

    Attributes:
        columns: Of the contact and its metadata; custom fields as a mapping.
        emails: Its addresses, with `contact_id`, in the order of their positions.
        phones: The same for its numbers.
    """

    id: int
    columns: Values
    emails: Sequence[Values] = ()
    phones: Sequence[Values] = ()


@dataclass(frozen=True)
class Origin:
    """Where the value of a field comes from.

    Attributes:
        contact_ids: Those who gave it or a part of it, the survivor first.
        policy: What decided; None where the field has a rule of its own.
    """

    field: ContactField
    value: Any
    contact_ids: tuple[int, ...]
    policy: MergePolicy | None


@dataclass(frozen=True)
class Merged:
    """What a merge makes of the survivor.

    Attributes:
        values: What changes in the columns of the survivor and its metadata.
        emails: The addresses that move to it, with their new places.
        phones: The same; a number that the survivor has already stays where it is.
        origins: One a field that has a value.
    """

    values: Values
    emails: Sequence[Values]
    phones: Sequence[Values]
    origins: Sequence[Origin]
    problems: Sequence[Problem] = ()


@dataclass(frozen=True)
class Undone:
    """What taking a merge back makes of the survivor.

    Attributes:
        values: The columns that go back to what they were.
        kept: The fields that were changed since the merge and stay.
    """

    values: Values
    kept: Sequence[ContactField]


def rank(contacts: Iterable[Mergeable], *, primary_id: int | None = None) -> list[Mergeable]:
    """The survivor, then the others by how much they count.

    The survivor is the one named, else the most complete, the oldest of these, the first of these.
    """

    def standing(contact: Mergeable) -> tuple[Any, ...]:
        completeness, created_at = contact.columns["quality_score"], contact.columns["created_at"]
        return contact.id != primary_id, -completeness, created_at, contact.id

    return sorted(contacts, key=standing)


def merge(contacts: Sequence[Mergeable], policies: Policies) -> Merged:
    """What becomes of contacts that are made one; the first of them survives."""
    survivor = contacts[0]
    emails = _united([contact.emails for contact in contacts], email_key)
    phones = _united([contact.phones for contact in contacts], phone_key)
    united = {_EMAILS: emails, _PHONES: phones}
    origins = [
        origin
        for each, policy in policies.items()
        if (origin := _origin(each, policy, contacts, united)).contact_ids
    ]
    values = {"source": RecordSource.MERGE.value, **_primary_address(emails)}
    for origin in origins:
        if origin.field not in united and origin.value != value_of(survivor, origin.field):
            values |= _stored(origin)
    return Merged(
        {name: value for name, value in values.items() if survivor.columns[name] != value},
        [row for row in emails if row["contact_id"] != survivor.id],
        [row for row in phones if row["contact_id"] != survivor.id],
        origins,
        _too_long(origins),
    )


def undo(current: Values, *, before: Values, after: Values, is_untouched: bool) -> Undone:
    """Take a merge back, but for the fields that were changed since.

    Args:
        before: The columns that the merge changed, as they were.
        after: The same columns as the merge left them.
        is_untouched: Nobody has changed the survivor since. If somebody has, a refusal to be
            contacted stays: repeated, it would have left no trace.
    """
    values: dict[str, Any] = {}
    kept = []
    for each, columns in _COLUMNS.items():
        changed = [name for name in columns if name in before]
        is_kept = any(current[name] != after[name] for name in changed)
        if is_kept or (changed and each is _DO_NOT_CONTACT and not is_untouched):
            kept.append(each)
        else:
            values |= {name: before[name] for name in changed}
    return Undone(values, kept)


def value_of(contact: Mergeable, each: ContactField) -> Any:
    """What a contact says in a field; a place is a mapping, and so are custom fields."""
    if each is _EMAILS:
        return [_shown(row) for row in contact.emails]
    if each is _PHONES:
        return [_shown(row) for row in contact.phones]
    if each is _LOCATION:
        parts = {name: contact.columns[name] for name in _COLUMNS[each]}
        return {name: value for name, value in parts.items() if value is not None}
    return contact.columns[each.lower()]


def phone_key(phone: Values) -> tuple[str, str | None]:
    """What tells phone numbers apart, however they are written."""
    number = phone["e164"] or "".join(filter(str.isdecimal, phone["number"]))
    return number, phone["extension"]


def email_key(email: Values) -> str:
    """What tells addresses apart."""
    return str(email["address"]).lower()


def _united(
    belongings: Sequence[Sequence[Values]], key_of: Callable[[Values], object]
) -> list[Values]:
    """All rows, each key once, those of the survivor in their places and the others behind them.

    The primary one of the survivor stays primary; without any, the first that is primary is.
    """
    of_survivor, *of_others = belongings
    held = {key_of(row) for row in of_survivor}
    moved: dict[object, Values] = {}
    for row in chain.from_iterable(of_others):
        if key_of(row) not in held:
            moved.setdefault(key_of(row), row)
    has_primary = any(row["is_primary"] for row in of_survivor)
    chosen = None if has_primary else _chosen(moved.values())
    first = max((row["position"] for row in of_survivor), default=-1) + 1
    return [
        *of_survivor,
        *(
            {**row, "position": position, "is_primary": row is chosen}
            for position, row in enumerate(moved.values(), first)
        ),
    ]


def _chosen(rows: Iterable[Values]) -> Values | None:
    """The row to be primary."""
    return min(rows, key=lambda row: not row["is_primary"], default=None)


def _primary_address(emails: Sequence[Values]) -> dict[str, Any]:
    """The copy of the primary address that stands with the contact."""
    primary = next((row for row in emails if row["is_primary"]), None)
    if primary is None:
        return {}
    return {"email": primary["address"], "email_status": primary["status"]}


def _origin(
    each: ContactField,
    policy: MergePolicy | None,
    contacts: Sequence[Mergeable],
    united: Mapping[ContactField, Sequence[Values]],
) -> Origin:
    candidates = [
        Candidate(
            contact.id,
            _given_by(contact, united[each]) if each in united else value_of(contact, each),
            contact.columns["updated_at"],
        )
        for contact in contacts
    ]
    choice = choose(each, policy, candidates)
    return Origin(each, choice.value, choice.contact_ids, policy)


def _given_by(contact: Mergeable, united: Iterable[Values]) -> list[str]:
    """The addresses or numbers that one contact gives to all."""
    return [_shown(row) for row in united if row["contact_id"] == contact.id]


def _shown(row: Values) -> str:
    if "address" in row:
        return str(row["address"])
    number, extension = row["e164"] or row["number"], row["extension"]
    return f"{number} ext. {extension}" if extension else str(number)


def _stored(origin: Origin) -> dict[str, Any]:
    """The value of a field as columns."""
    each, value = origin.field, origin.value
    if each is _LOCATION:
        return {name: value.get(name) for name in _COLUMNS[each]}
    return {each.lower(): value}


def _too_long(origins: Iterable[Origin]) -> list[Problem]:
    return [
        Problem(
            code=ProblemCode.TOO_LONG,
            message=f"Together they have {len(origin.value)} {origin.field.lower()};"
            f" at most {_MOST[origin.field]} fit. Merge fewer at once.",
            path=("ids",),
        )
        for origin in origins
        if origin.field in _MOST and len(origin.value) > _MOST[origin.field]
    ]
