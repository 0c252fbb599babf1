"""Every policy on every kind of field: which value is kept, and whose it is."""

from dataclasses import fields
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain.errors import Problem, ProblemCode
from domain.merge_policies import (
    Candidate,
    ContactField,
    MergePolicy,
    choose,
    choose_policies,
)
from domain.records import ContactFields

KEEP, FILL, NEWEST, LONGEST, UNION = MergePolicy
_START = datetime(2026, 1, 1, tzinfo=UTC)
SENIORITY = ("SENIOR", "VP")
EARLIER, LATER = _START, _START + timedelta(days=1)


def chosen(name: str, policy: MergePolicy | None, *values: Any, newest: int = 1) -> tuple[Any, Any]:
    """The value and the places of those who gave it, of contacts that have these values."""
    candidates = [
        Candidate(at, value, LATER if at == newest else EARLIER) for at, value in enumerate(values)
    ]
    choice = choose(ContactField(name), policy, candidates)
    return choice.value, choice.contact_ids


@pytest.mark.parametrize(
    ("policy", "values", "expected"),
    [
        (KEEP, ("CTO", "Chief", "Head of it"), ("CTO", (0,))),
        (KEEP, (None, "Chief", "Head of it"), (None, ())),
        (FILL, ("CTO", "Chief", "Head of it"), ("CTO", (0,))),
        (FILL, (None, None, "Head of it"), ("Head of it", (2,))),
        (NEWEST, ("CTO", "Chief", "Head of it"), ("Chief", (1,))),
        (NEWEST, ("CTO", None, "Head of it"), ("CTO", (0,))),
        (LONGEST, ("CTO", "Chief", "Head of it"), ("Head of it", (2,))),
        (LONGEST, ("CTO", "CEO", None), ("CTO", (0,))),
        (FILL, (None, None, None), (None, ())),
        (NEWEST, (None, None, None), (None, ())),
        (LONGEST, (None, None, None), (None, ())),
    ],
)
def test_text(policy: MergePolicy, values: tuple[Any, ...], expected: Any) -> None:
    """One of the texts as it stands; of equals the survivor's."""
    assert chosen("TITLE", policy, *values) == expected


@pytest.mark.parametrize(
    ("policy", "values", "expected"),
    [
        (KEEP, (["a"], ["b", "c"]), (["a"], (0,))),
        (KEEP, ([], ["b", "c"]), (None, ())),
        (FILL, (["a"], ["b", "c"]), (["a"], (0,))),
        (FILL, ([], ["b", "c"]), (["b", "c"], (1,))),
        (NEWEST, (["a"], ["b", "c"]), (["b", "c"], (1,))),
        (NEWEST, (["a"], []), (["a"], (0,))),
        (LONGEST, (["a", "b"], ["c", "d", "e"]), (["c", "d", "e"], (1,))),
        (UNION, (["a", "B"], ["b", "c"], ["C", "a"]), (["a", "B", "c"], (0, 1))),
        (UNION, ([], ["b", "B"], []), (["b"], (1,))),
        (UNION, ([], [], []), ([], ())),
    ],
)
@pytest.mark.parametrize("name", ["TAGS", "DEPARTMENTS", "FUNCTIONS", "KEYWORDS"])
def test_list(name: str, policy: MergePolicy, values: tuple[Any, ...], expected: Any) -> None:
    """One of the lists, or the items of all, the first of those that differ in capitals alone."""
    assert chosen(name, policy, *values) == expected


@pytest.mark.parametrize(
    ("policy", "values", "expected"),
    [
        (KEEP, SENIORITY, ("SENIOR", (0,))),
        (FILL, SENIORITY, ("SENIOR", (0,))),
        (FILL, (None, "VP"), ("VP", (1,))),
        (NEWEST, SENIORITY, ("VP", (1,))),
    ],
)
@pytest.mark.parametrize("name", ["SENIORITY", "COMPANY_ID", "OWNER_ID", "LAST_VERIFIED_AT"])
def test_single_value(
    name: str, policy: MergePolicy, values: tuple[Any, ...], expected: Any
) -> None:
    """Values that have no length are kept, filled or taken from the newest."""
    assert chosen(name, policy, *values) == expected


BERLIN = {"city": "Berlin", "country": "Germany"}
GERMANY = {"country": "germany", "country_code": "DE"}
AUSTIN = {"city": "Austin", "region": "TX"}


@pytest.mark.parametrize(
    ("policy", "values", "expected"),
    [
        (KEEP, ({}, BERLIN), (None, ())),
        (FILL, ({}, AUSTIN, BERLIN), (AUSTIN, (1,))),
        (FILL, (BERLIN, AUSTIN), (BERLIN, (0,))),
        (FILL, (BERLIN, AUSTIN, GERMANY), (BERLIN | {"country_code": "DE"}, (0, 2))),
        (NEWEST, (BERLIN, AUSTIN), (AUSTIN, (1,))),
        (NEWEST, (BERLIN, {}), (BERLIN, (0,))),
    ],
)
def test_place(policy: MergePolicy, values: tuple[Any, ...], expected: Any) -> None:
    """A place takes parts only from one that does not contradict it: no Berlin in Texas."""
    assert chosen("LOCATION", policy, *values) == expected


@pytest.mark.parametrize(
    ("policy", "values", "expected"),
    [
        (KEEP, ({"a": 1}, {"a": 2, "b": 2}), ({"a": 1}, (0,))),
        (KEEP, ({}, {"b": 2}), (None, ())),
        (FILL, ({"a": 1}, {"a": 2, "b": [2]}, {"b": 3}), ({"a": 1, "b": [2]}, (0, 1))),
        (FILL, ({"a": None}, {"a": 2}), ({"a": None}, (0,))),
        (NEWEST, ({"a": 1, "c": 1}, {"a": 2, "b": 2}), ({"a": 2, "b": 2, "c": 1}, (1, 0))),
        (FILL, ({}, {}), ({}, ())),
    ],
)
def test_custom_fields(policy: MergePolicy, values: tuple[Any, ...], expected: Any) -> None:
    """Key by key, and never deeper."""
    assert chosen("CUSTOM_FIELDS", policy, *values) == expected


def test_a_refusal_of_one_is_kept_by_all() -> None:
    """Whoever asked not to be contacted is not contacted, whatever the survivor says."""
    assert chosen("DO_NOT_CONTACT", None, *(False, True, True)) == (True, (1, 2))
    assert chosen("DO_NOT_CONTACT", None, *(False, False)) == (False, ())


def test_the_latest_contact_of_all_is_the_last() -> None:
    """Who was called yesterday under another name was called yesterday."""
    assert chosen("LAST_CONTACTED_AT", None, EARLIER, None, LATER) == (LATER, (2,))
    assert chosen("LAST_CONTACTED_AT", None, None, None) == (None, ())


def test_addresses_are_always_united() -> None:
    """Nobody's address is lost."""
    assert chosen("EMAILS", UNION, ["a@x.org"], ["b@x.org"]) == (["a@x.org", "b@x.org"], (0, 1))


def test_every_field_that_can_be_written_is_merged() -> None:
    """A new field of a contact has a policy from its first day, and words."""
    written = [item.name.upper() for item in fields(ContactFields)]
    assert [str(each) for each in ContactField] == [*written, "OWNER_ID"]
    assert all(each.doc.endswith(".") and ";" not in each.doc for each in ContactField)
    policies, problems = choose_policies(FILL, [])
    assert (list(policies), problems) == (list(ContactField), [])


SCALARS = {"SENIORITY", "COMPANY_ID", "LAST_VERIFIED_AT", "OWNER_ID", "LOCATION", "CUSTOM_FIELDS"}
LISTS = {"TAGS", "DEPARTMENTS", "FUNCTIONS", "KEYWORDS"}
OF_THEIR_OWN: dict[str, MergePolicy | None] = {
    "EMAILS": UNION,
    "PHONES": UNION,
    "DO_NOT_CONTACT": None,
    "LAST_CONTACTED_AT": None,
    "SOURCE": None,
}


NAMES = {str(each) for each in ContactField} - OF_THEIR_OWN.keys()


@pytest.mark.parametrize(
    ("default", "filled"),
    [(KEEP, set()), (FILL, NAMES), (NEWEST, set()), (LONGEST, SCALARS), (UNION, NAMES - LISTS)],
)
def test_a_default_that_does_not_suit_a_field_leaves_it_filled(
    default: MergePolicy, filled: set[str]
) -> None:
    """UNION is for lists, LONGEST for lists and texts; some fields have one rule only."""
    policies, problems = choose_policies(default, [])
    expected = {name: FILL if name in filled else default for name in NAMES}
    assert policies == expected | OF_THEIR_OWN
    assert problems == []


def _problem(message: str, *path: str) -> Problem:
    return Problem(code=ProblemCode.INVALID_VALUE, message=message, path=path)


def test_policies_that_do_not_suit_their_fields_are_told_with_those_that_do() -> None:
    """Every mistake at once, each with its place in the input."""
    title, tags, emails, refusal = map(ContactField, ("TITLE", "TAGS", "EMAILS", "DO_NOT_CONTACT"))
    _, problems = choose_policies(
        FILL,
        [(title, UNION), (tags, UNION), (emails, NEWEST), (refusal, KEEP), (tags, KEEP)],
    )
    assert problems == [
        _problem(
            "UNION does not suit TITLE; choose one of KEEP_PRIMARY, FILL_EMPTY, NEWEST, LONGEST.",
            "fieldPolicies",
            "0",
            "policy",
        ),
        _problem(
            "NEWEST does not suit EMAILS; choose one of UNION.", "fieldPolicies", "2", "policy"
        ),
        _problem(
            "DO_NOT_CONTACT has a rule of its own; leave it out.", "fieldPolicies", "3", "policy"
        ),
        _problem("TAGS is listed twice.", "fieldPolicies", "4", "field"),
    ]


def test_a_policy_of_a_field_goes_before_the_default() -> None:
    """Only the fields that are named differ."""
    title = ContactField("TITLE")
    policies, _ = choose_policies(KEEP, [(title, NEWEST)])
    usual, _ = choose_policies(KEEP, [])
    assert policies == {**usual, title: NEWEST}
