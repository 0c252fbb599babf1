"""What a merge makes of the survivor, and that taking it back leaves no trace."""

from collections.abc import Mapping
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.errors import Problem, ProblemCode
from domain.merge_policies import ContactField, MergePolicy, Policies, choose_policies
from domain.merging import Mergeable, Merged, merge, phone_key, rank, undo, value_of
from domain.records import LIST_FIELDS, MAX_EMAILS, ContactFields, NewLocation

NOW = datetime(2026, 1, 1, tzinfo=UTC)
COLUMNS: dict[str, Any] = {
    **{item.name: None for kind in (ContactFields, NewLocation) for item in fields(kind)},
    **{item.name: [] for item in fields(ContactFields) if item.name in LIST_FIELDS},
    "custom_fields": {},
    "do_not_contact": False,
    "owner_id": None,
    "source": "API",
    "email": None,
    "email_status": None,
    "quality_score": 0,
    "created_at": NOW,
    "updated_at": NOW,
}
FILL_ALL, _ = choose_policies(MergePolicy.FILL_EMPTY, [])


def contact(
    contact_id: int, emails: tuple[str, ...] = (), phones: tuple[str, ...] = (), **columns: Any
) -> Mergeable:
    """A contact as it is stored; the first of its addresses and numbers is the primary one."""
    rows = [
        {**_row(contact_id, at), "address": address, "status": "UNKNOWN"}
        for at, address in enumerate(emails)
    ]
    numbers = [
        {**_row(contact_id, at), "number": number, "e164": None, "extension": None}
        for at, number in enumerate(phones)
    ]
    primary = {"email": emails[0], "email_status": "UNKNOWN"} if emails else {}
    return Mergeable(contact_id, {**COLUMNS, **primary, **columns}, rows, numbers)


def _row(contact_id: int, at: int) -> dict[str, Any]:
    row_id = contact_id * 100 + at
    return {"id": row_id, "contact_id": contact_id, "position": at, "is_primary": at == 0}


def places(merged: Merged) -> list[tuple[Any, ...]]:
    """Where the addresses that move go."""
    return [(row["address"], row["position"], row["is_primary"]) for row in merged.emails]


def test_the_survivor_is_the_most_complete_then_the_oldest_then_the_first() -> None:
    """The others follow in the same order; one that is named goes before all."""
    older = NOW - timedelta(days=1)
    contacts = [
        contact(4, quality_score=10),
        contact(3, quality_score=10),
        contact(2, quality_score=10, created_at=older),
        contact(1, quality_score=90),
    ]
    assert [each.id for each in rank(contacts)] == [1, 2, 3, 4]
    assert [each.id for each in rank(contacts, primary_id=4)] == [4, 1, 2, 3]


def test_values_are_those_that_change() -> None:
    """What the survivor has stays unwritten; the record says that it was made of several."""
    merged = merge(
        [
            contact(1, first_name="Ada", tags=["a"]),
            contact(2, first_name="Adah", last_name="King", city="Berlin", notes="Hello"),
        ],
        FILL_ALL,
    )
    assert merged.values == {
        "last_name": "King",
        "city": "Berlin",
        "notes": "Hello",
        "source": "MERGE",
    }
    origins = {str(origin.field): origin for origin in merged.origins}
    assert {name: origin.contact_ids for name, origin in origins.items()} == {
        "FIRST_NAME": (1,),
        "LAST_NAME": (2,),
        "LOCATION": (2,),
        "TAGS": (1,),
        "NOTES": (2,),
    }
    assert origins["LOCATION"].value == {"city": "Berlin"}
    assert origins["TAGS"].policy is MergePolicy.FILL_EMPTY
    assert merged.problems == []


def test_addresses_move_behind_those_of_the_survivor() -> None:
    """Its primary address stays primary; the others keep their order."""
    merged = merge(
        [contact(1, ("a@x.org", "b@x.org")), contact(2, ("c@x.org", "d@x.org")), contact(3)],
        FILL_ALL,
    )
    assert places(merged) == [("c@x.org", 2, False), ("d@x.org", 3, False)]
    assert "email" not in merged.values
    (emails,) = (origin for origin in merged.origins if origin.field == "EMAILS")
    assert emails.value == ["a@x.org", "b@x.org", "c@x.org", "d@x.org"]
    assert (emails.contact_ids, emails.policy) == ((1, 2), MergePolicy.UNION)


def test_a_survivor_without_addresses_gets_a_primary_one() -> None:
    """The first primary address of the others, and its copy with the contact."""
    late = contact(2, ("c@x.org", "d@x.org"))
    rows = [{**row, "is_primary": row["position"] == 1} for row in late.emails]
    merged = merge(
        [contact(1), Mergeable(2, late.columns, rows), contact(3, ("e@x.org",))], FILL_ALL
    )
    assert places(merged) == [("c@x.org", 0, False), ("d@x.org", 1, True), ("e@x.org", 2, False)]
    assert merged.values == {"email": "d@x.org", "email_status": "UNKNOWN", "source": "MERGE"}


def test_a_phone_number_moves_once() -> None:
    """However it is written; with another extension it is another."""
    phone = {"number": "030 1234", "e164": None, "extension": None}
    assert phone_key(phone) == phone_key(phone | {"number": "(030) 12-34"})
    assert phone_key(phone) != phone_key(phone | {"extension": "5"})
    assert phone_key(phone | {"e164": "+49301234"}) == ("+49301234", None)
    merged = merge(
        [
            contact(1, phones=("030 1234",)),
            contact(2, phones=("0301234", "040 1")),
            contact(3, phones=("040-1",)),
        ],
        FILL_ALL,
    )
    moved = [(row["number"], row["position"], row["is_primary"]) for row in merged.phones]
    assert moved == [("040 1", 1, False)]
    (phones,) = (origin for origin in merged.origins if origin.field == "PHONES")
    assert (phones.value, phones.contact_ids) == (["030 1234", "040 1"], (1, 2))


def test_more_than_a_contact_may_have_is_told() -> None:
    """What nobody could write by hand is not made by merging."""
    many = tuple(f"{at}@x.org" for at in range(MAX_EMAILS))
    assert merge([contact(1, many), contact(2)], FILL_ALL).problems == []
    merged = merge([contact(1, many), contact(2, ("late@x.org",))], FILL_ALL)
    assert merged.problems == [
        Problem(
            code=ProblemCode.TOO_LONG,
            message="Together they have 51 emails; at most 50 fit. Merge fewer at once.",
            path=("ids",),
        )
    ]


def test_a_field_that_was_changed_since_stays() -> None:
    """A value that is not the merge's any more is somebody's; a place is one value."""
    before = {"title": None, "last_name": None, "city": None, "country": None, "email": None}
    after = {"title": "CTO", "last_name": "King", "city": "Rome", "country": "Italy", "email": "a"}
    current = COLUMNS | after | {"title": "CEO", "country": "France"}
    undone = undo(current, before=before, after=after, is_untouched=False)
    assert undone.values == {"last_name": None}
    assert undone.kept == [ContactField("TITLE"), ContactField("LOCATION")]


@pytest.mark.parametrize("is_untouched", [True, False])
def test_a_refusal_is_only_taken_back_when_nobody_can_have_repeated_it(is_untouched: bool) -> None:
    """Who refuses once more leaves no trace in a contact that refuses already."""
    undone = undo(
        COLUMNS | {"do_not_contact": True},
        before={"do_not_contact": False},
        after={"do_not_contact": True},
        is_untouched=is_untouched,
    )
    assert undone.values == ({"do_not_contact": False} if is_untouched else {})
    assert undone.kept == ([] if is_untouched else [ContactField("DO_NOT_CONTACT")])


_WORDS = st.sampled_from([None, "a", "A", "bb", "ccc"])
_LISTS = st.lists(st.sampled_from(["a", "A", "b", "c"]), max_size=3, unique_by=str.casefold)
_OBJECTS = st.dictionaries(st.sampled_from("xyz"), st.integers() | st.none(), max_size=3)
_MOMENTS = st.integers(0, 3).map(lambda days: NOW + timedelta(days=days))
_TIMES = st.none() | _MOMENTS
_BY_NAME: Mapping[str, st.SearchStrategy[Any]] = {
    "custom_fields": _OBJECTS,
    "do_not_contact": st.booleans(),
    "owner_id": st.sampled_from([None, 1, 2]),
    "company_id": st.sampled_from([None, 1, 2]),
    "last_contacted_at": _TIMES,
    "last_verified_at": _TIMES,
    "source": st.sampled_from(["API", "MERGE", "IMPORT"]),
    "quality_score": st.integers(0, 3),
    "created_at": _MOMENTS,
    "updated_at": _MOMENTS,
    **dict.fromkeys(LIST_FIELDS & COLUMNS.keys(), _LISTS),
}


@st.composite
def _policies(draw: st.DrawFn) -> Policies:
    policies, _ = choose_policies(draw(st.sampled_from(MergePolicy)), [])
    return policies


@st.composite
def _contacts(draw: st.DrawFn) -> list[Mergeable]:
    """Two to five contacts, each with addresses of its own and numbers that others may have."""
    made = []
    for contact_id in range(1, draw(st.integers(2, 5)) + 1):
        columns = {
            name: draw(_BY_NAME.get(name, _WORDS))
            for name in COLUMNS.keys() - {"email", "email_status", "emails", "phones", "location"}
        }
        emails = tuple(f"{contact_id}{at}@x.org" for at in range(draw(st.integers(0, 3))))
        phones = tuple(draw(st.lists(st.sampled_from("1234"), max_size=3, unique=True)))
        made.append(contact(contact_id, emails, phones, **columns))
    return made


# Many small draws make an example, which takes its time on a busy machine.
_PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


@_PATIENT
@given(_contacts(), _policies())
def test_merge_then_undo_changes_nothing(contacts: list[Mergeable], policies: Policies) -> None:
    """Every column of the survivor is what it was, whatever was merged and how."""
    ordered = rank(contacts)
    survivor = ordered[0].columns
    merged = merge(ordered, policies)
    before = {name: survivor[name] for name in merged.values}
    current = survivor | merged.values  # type: ignore[operator]  # both are dicts here
    undone = undo(current, before=before, after=merged.values, is_untouched=True)
    restored = current | undone.values
    # The copy of the primary address follows the addresses, which go back by themselves.
    assert restored | {"email": None, "email_status": None} == {
        **survivor,
        "email": None,
        "email_status": None,
    }
    assert undone.kept == []


@_PATIENT
@given(_contacts(), _policies())
def test_nothing_is_made_up_and_nothing_is_lost(
    contacts: list[Mergeable], policies: Policies
) -> None:
    """Every value is one of a contact that its origin names; every address and number is kept."""
    ordered = rank(contacts)
    merged = merge(ordered, policies)
    by_id = {each.id: each for each in contacts}
    united = {"EMAILS", "PHONES", "LOCATION", "CUSTOM_FIELDS"}
    for origin in merged.origins:
        given_values = [value_of(by_id[each], origin.field) for each in origin.contact_ids]
        if origin.policy is MergePolicy.UNION or origin.field in united:
            assert all(given_values)
        else:
            assert given_values in ([origin.value], [True] * len(given_values))
    addresses = {row["address"] for each in contacts for row in each.emails}
    kept = [*ordered[0].emails, *merged.emails]
    assert sorted(row["address"] for row in kept) == sorted(addresses)
    assert [row["position"] for row in kept] == list(range(len(kept)))
    assert sum(row["is_primary"] for row in kept) == bool(kept)
    numbers = [row["number"] for row in (*ordered[0].phones, *merged.phones)]
    assert sorted(numbers) == sorted({row["number"] for each in contacts for row in each.phones})
