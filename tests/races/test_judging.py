"""The judge of the races finds what is wrong, and nothing else."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.races.history import Firm, History, Look, Person, Records
from tests.races.judging import DOMAIN, Judge, Verdicts, Wrong


def person(number: int, **more: Any) -> Person:
    return Person(number=number, tag=more.pop("tag", 1), firm="f0", **more)


def row(state: Person, name: str = "ada", **more: Any) -> dict[str, Any]:
    """What an answer shows of a contact."""
    text = f"v{state.number}"
    told = {"firstName": name, "title": text, "leadStatus": text, "stage": state.stage}
    return {**told, "tags": [f"t{state.tag}"], "company": firm_row(), **more}


def firm_row(number: int = 1, **more: str) -> dict[str, Any]:
    text = f"w{number}"
    return {"domain": f"f0{DOMAIN}", "name": text, "shortDescription": text, **more}


@pytest.fixture
def records() -> Records:
    """A company, and a contact that was written and acknowledged three times."""
    ada = History("ada", person(1))
    for number in (2, 3):
        ada.ask(person(number))
        ada.acknowledge()
    return Records(people={"ada": ada}, firms={"f0": History("f0", Firm(number=1))})


def judged(look: Look, judge: Callable[[Judge], None]) -> dict[Wrong, int]:
    """What is found in one answer."""
    verdicts = Verdicts()
    judge(Judge("read", look, verdicts))
    return dict(verdicts.counts)


def counted(look: Look, count: int) -> dict[Wrong, int]:
    """What is found when so many contacts are told of the stage `s0`."""
    return judged(look, lambda judge: judge.count(count, of_stage("s0")))


def listed(look: Look, *rows: dict[str, Any]) -> dict[Wrong, int]:
    """What is found when these are all contacts there are."""
    return judged(look, lambda judge: judge.contacts(rows, lambda _: True, is_filtered=False))


def shown(look: Look, told: dict[str, Any] | None, name: str = "ada") -> dict[Wrong, int]:
    """What is found when this is told of a contact that was asked for by its id."""
    return judged(look, lambda judge: judge.contact(name, told))


def of_stage(stage: str) -> Callable[[Person], bool]:
    return lambda person: person.stage == stage


def test_acknowledged_state_and_those_asked_for_since_are_right(records: Records) -> None:
    """Until a write is acknowledged a read may show it or not."""
    look = Look(records)
    records.people["ada"].ask(person(4))
    for number in (3, 4):
        assert shown(look, row(person(number))) == {}


def test_state_before_the_acknowledged_one_is_stale(records: Records) -> None:
    """By an id, in a list, and as nothing where there was something."""
    old = row(person(2))
    assert shown(Look(records), old) == {Wrong.STALE: 1}
    assert listed(Look(records), old) == {Wrong.STALE: 1}
    gone = Look(records)
    records.forget("ada")
    assert shown(Look(records), row(person(3))) == {Wrong.STALE: 1}
    assert shown(gone, row(person(3))) == {}


def test_contact_that_came_and_went_meanwhile_may_be_shown(records: Records) -> None:
    """A read that takes long may show it as it was in between, and in no other way."""
    look = Look(records)
    history = records.people["eve"] = History("eve", person(0, is_there=False))
    history.ask(person(5))
    history.acknowledge()
    records.forget("eve")
    seen, other = row(person(5), name="eve"), row(person(6), name="eve")
    assert shown(look, seen, "eve") == {}
    assert shown(look, other, "eve") == {Wrong.TORN: 1}
    assert shown(Look(records), seen, "eve") == {Wrong.STALE: 1}


def test_state_before_one_that_was_shown_is_out_of_order(records: Records) -> None:
    """Nobody was told of the write, but another read has shown it and ended."""
    records.people["ada"].ask(person(4))
    assert shown(Look(records), row(person(4))) == {}
    assert shown(Look(records), row(person(3))) == {Wrong.OUT_OF_ORDER: 1}


@pytest.mark.parametrize(
    "told",
    [
        row(person(3), leadStatus="v2"),
        row(person(3), stage="s1"),
        row(person(3, tag=2)),
        row(person(9)),
        row(person(3), company=firm_row(shortDescription="w2")),
        row(person(3), name="eve"),
    ],
)
def test_record_that_never_was_like_that_is_torn(records: Records, told: dict[str, Any]) -> None:
    """Fields that do not go together, and what nobody has asked for."""
    assert shown(Look(records), told) == {Wrong.TORN: 1}


def test_answers_to_the_same_words_are_the_same(records: Records) -> None:
    """Two parts of one answer that differ are torn."""
    assert judged(Look(records), lambda judge: judge.same(1, 2)) == {Wrong.TORN: 1}


def test_contact_that_is_missing_is_found(records: Records) -> None:
    """By its id, and in the list of its stage; in that of another one it is not missed."""

    def found(stage: str) -> dict[Wrong, int]:
        wanted = of_stage(stage)
        return judged(Look(records), lambda judge: judge.contacts([], wanted, is_filtered=True))

    assert shown(Look(records), None) == {Wrong.TORN: 1}
    assert (found("s0"), found("s1")) == ({Wrong.WRONG_FILTER: 1}, {})


def test_contact_that_does_not_match_is_found(records: Records) -> None:
    """By what it shows itself."""
    rows = [row(person(3))]
    found = judged(
        Look(records), lambda judge: judge.contacts(rows, of_stage("s1"), is_filtered=True)
    )
    assert found == {Wrong.WRONG_FILTER: 1}


def test_contact_that_is_listed_twice_is_found(records: Records) -> None:
    """Even when both are right."""
    assert listed(Look(records), row(person(3)), row(person(3))) == {Wrong.TORN: 1}


def test_counts_lie_between_what_must_and_what_may_be(records: Records) -> None:
    """A contact that is being deleted is counted or not; one that is there always."""
    look = Look(records)
    assert counted(look, 0) == {Wrong.WRONG_COUNT: 1}
    assert counted(look, 2) == {Wrong.WRONG_COUNT: 1}
    ada = records.people["ada"]
    ada.ask(replace(ada.now, is_there=False))
    for count in (0, 1):
        assert counted(look, count) == {}


def test_contact_that_came_and_went_meanwhile_may_be_counted(records: Records) -> None:
    """It was asked for after the read had begun, and was gone before its answer came."""
    look = Look(records)
    eve = History("eve", person(3, is_there=False))
    eve.ask(person(3))
    records.people["eve"] = eve
    eve.ask(replace(eve.now, is_there=False))
    records.forget("eve")
    for count in (1, 2):
        assert counted(look, count) == {}
    assert counted(look, 3) == {Wrong.WRONG_COUNT: 1}
    later = Look(records)
    assert counted(later, 2) == {Wrong.WRONG_COUNT: 1}


def test_companies_are_listed_for_their_contacts(records: Records) -> None:
    """The one that has such a contact is there, and one that has none is not."""

    def found(stage: str, *rows: dict[str, Any]) -> dict[Wrong, int]:
        wanted = of_stage(stage)
        return judged(Look(records), lambda judge: judge.companies_with(rows, wanted))

    assert (found("s0", firm_row()), found("s1")) == ({}, {})
    assert found("s0") == found("s1", firm_row()) == {Wrong.WRONG_FILTER: 1}


def test_contact_that_came_meanwhile_may_be_there_or_not(records: Records) -> None:
    """Its creation was asked for after the read had begun."""
    look = Look(records)
    eve = History("eve", person(5, is_there=False))
    eve.ask(person(5))
    records.people["eve"] = eve
    assert listed(look, row(person(3))) == {}
    assert listed(look, row(person(3)), row(person(5), name="eve")) == {}
