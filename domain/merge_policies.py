"""How one value is chosen from those of several contacts: policies, and which field takes which.

A field's candidates stand in the order in which they count, the survivor's first.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import partial
from typing import Any, Final

from domain.enums import DescribedEnum
from domain.errors import Problem, ProblemCode
from domain.records import LIST_FIELDS, ContactFields


class MergePolicy(DescribedEnum):
    """Which of several values a merged field keeps."""

    KEEP_PRIMARY = "KEEP_PRIMARY", "The survivor's value, also when it has none."
    FILL_EMPTY = (
        "FILL_EMPTY",
        "The survivor's value; where it has none, that of the most complete contact that has one.",
    )
    NEWEST = "NEWEST", "The value of the contact that was changed last, of those that have one."
    LONGEST = "LONGEST", "The longest text, or the list with the most items."
    UNION = "UNION", "The items of all lists, each once."


def _members() -> Iterator[tuple[str, tuple[str, str]]]:
    """One a field that can be written, so that a new one is merged from its first day."""
    for item in fields(ContactFields):
        name, doc = item.name.upper(), item.metadata["doc"]
        # What follows a semicolon tells how it is written.
        yield name, (name, doc.partition(";")[0].rstrip(".") + ".")
    yield "OWNER_ID", ("OWNER_ID", "The user who looks after it.")


class ContactField(DescribedEnum):
    """What a contact has that a merge decides about."""

    vars().update(_members())


@dataclass(frozen=True)
class Candidate:
    """One contact's value of a field.

    Attributes:
        value: None, an empty list or an empty mapping says nothing.
        updated_at: When the contact was last changed.
    """

    contact_id: int
    value: Any
    updated_at: Any


@dataclass(frozen=True)
class Choice:
    """A value, and the contacts that gave it or a part of it."""

    value: Any
    contact_ids: tuple[int, ...] = ()


Chooser = Callable[[Sequence[Candidate]], Choice]
Policies = Mapping[ContactField, MergePolicy | None]
"""What decides about each field; None where the field has a rule of its own."""


def choose_policies(
    default: MergePolicy, chosen: Sequence[tuple[ContactField, MergePolicy]]
) -> tuple[Policies, list[Problem]]:
    """The policy of each field, and what is wrong with those that were chosen.

    A default that does not suit a field leaves it at FILL_EMPTY, or at the only one it has.
    """
    policies = {each: _suitable(choosers, default) for each, choosers in _CHOOSERS.items()}
    problems = []
    for at, (each, policy) in enumerate(chosen):
        where = ("fieldPolicies", str(at))
        if each in {earlier for earlier, _ in chosen[:at]}:
            problems.append(_invalid(f"{each} is listed twice.", (*where, "field")))
        elif policy not in _CHOOSERS[each]:
            problems.append(_invalid(_refusal(each, policy), (*where, "policy")))
        else:
            policies[each] = policy
    return policies, problems


def choose(
    each: ContactField, policy: MergePolicy | None, candidates: Sequence[Candidate]
) -> Choice:
    """The value a field keeps under a policy that suits it."""
    return _CHOOSERS[each][policy](candidates)


def _keep_primary(candidates: Sequence[Candidate]) -> Choice:
    return _first(candidates[:1])


def _first(candidates: Iterable[Candidate]) -> Choice:
    """The first candidate that says something."""
    for candidate in candidates:
        if _says_something(candidate):
            return Choice(candidate.value, (candidate.contact_id,))
    return Choice(None)


def _newest(candidates: Sequence[Candidate]) -> Choice:
    return _first(_newest_first(candidates))


def _longest(candidates: Sequence[Candidate]) -> Choice:
    return _first(sorted(candidates, key=lambda each: -len(each.value or ())))


def _latest(candidates: Sequence[Candidate]) -> Choice:
    """The greatest value."""
    said = filter(_says_something, candidates)
    return _first(sorted(said, key=lambda each: each.value, reverse=True))


def _true_if_any(candidates: Sequence[Candidate]) -> Choice:
    """What one has refused is refused for all."""
    ids = tuple(each.contact_id for each in candidates if each.value)
    return Choice(bool(ids), ids)


def _nobodys(_candidates: Sequence[Candidate]) -> Choice:
    """A value that comes from no contact."""
    return Choice(None)


def _united(candidates: Sequence[Candidate]) -> Choice:
    """All items in their order, the first of those that differ only in capitals."""
    items: dict[str, str] = {}
    givers = []
    for candidate in candidates:
        new = {item.casefold(): item for item in reversed(candidate.value)}
        if new.keys() - items.keys():
            givers.append(candidate.contact_id)
        for item in candidate.value:
            items.setdefault(item.casefold(), item)
    return Choice(list(items.values()), tuple(givers))


def _filled(candidates: Sequence[Candidate], *, only_same: bool = False) -> Choice:
    """The first value of each key.

    Args:
        only_same: Take nothing from texts that contradict what is already known.
    """
    value: dict[str, Any] = {}
    givers = []
    for candidate in candidates:
        given = candidate.value or {}
        if only_same and _contradict(value, given):
            continue
        if given.keys() - value.keys():
            givers.append(candidate.contact_id)
        value = given | value
    return Choice(value, tuple(givers))


def _contradict(known: Mapping[str, str], given: Mapping[str, str]) -> bool:
    return any(known[key].casefold() != given[key].casefold() for key in known.keys() & given)


def _filled_from_newest(candidates: Sequence[Candidate]) -> Choice:
    return _filled(_newest_first(candidates))


def _newest_first(candidates: Sequence[Candidate]) -> list[Candidate]:
    return sorted(candidates, key=lambda each: each.updated_at, reverse=True)


def _says_something(candidate: Candidate) -> bool:
    return candidate.value not in (None, [], {})


_Choosers = Mapping[MergePolicy | None, Chooser]

_OF_SCALAR: Final[_Choosers] = {
    MergePolicy.KEEP_PRIMARY: _keep_primary,
    MergePolicy.FILL_EMPTY: _first,
    MergePolicy.NEWEST: _newest,
}
_OF_TEXT: Final[_Choosers] = {**_OF_SCALAR, MergePolicy.LONGEST: _longest}
_OF_LIST: Final[_Choosers] = {**_OF_TEXT, MergePolicy.UNION: _united}
_OF_BELONGINGS: Final[_Choosers] = {MergePolicy.UNION: _united}
# A city of one contact and a country of another would be a place where nobody is.
_OF_PLACE: Final[_Choosers] = {
    **_OF_SCALAR,
    MergePolicy.FILL_EMPTY: partial(_filled, only_same=True),
}
_OF_OBJECT: Final[_Choosers] = {
    **_OF_SCALAR,
    MergePolicy.FILL_EMPTY: _filled,
    MergePolicy.NEWEST: _filled_from_newest,
}
_SPECIAL: Final[Mapping[str, _Choosers]] = {
    "emails": _OF_BELONGINGS,
    "phones": _OF_BELONGINGS,
    "location": _OF_PLACE,
    "custom_fields": _OF_OBJECT,
    "do_not_contact": {None: _true_if_any},
    "last_contacted_at": {None: _latest},
    "source": {None: _nobodys},
}
_TEXTS: Final = frozenset(
    item.name for item in fields(ContactFields) if item.metadata.get("max_chars") is not None
)


def _choosers(name: str) -> _Choosers:
    if name in LIST_FIELDS:
        return _OF_LIST
    return _SPECIAL.get(name) or (_OF_TEXT if name in _TEXTS else _OF_SCALAR)


_CHOOSERS: Final = {each: _choosers(each.lower()) for each in ContactField}


def _suitable(choosers: _Choosers, wanted: MergePolicy) -> MergePolicy | None:
    usual = (wanted, MergePolicy.FILL_EMPTY, *choosers)
    return next(policy for policy in usual if policy in choosers)


def _refusal(each: ContactField, policy: MergePolicy) -> str:
    named = [str(suitable) for suitable in _CHOOSERS[each] if suitable]
    if not named:
        return f"{each} has a rule of its own; leave it out."
    return f"{policy} does not suit {each}; choose one of {', '.join(named)}."


def _invalid(message: str, path: tuple[str, ...]) -> Problem:
    return Problem(code=ProblemCode.INVALID_VALUE, message=message, path=path)
