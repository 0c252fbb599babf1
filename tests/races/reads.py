"""What clients of a race read: the same few records by every way there is to them."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.races.history import STAGES, Person, Records
from tests.races.judging import Judge

_COMPANY = "domain name shortDescription"
_CONTACT = f"firstName title leadStatus stage tags company {{ {_COMPANY} }}"
_NODE = f"query ($id: ID!) {{ node(id: $id) {{ ... on Contact {{ {_CONTACT} }} }} }}"
_TWICE = f"""query ($id: ID!) {{
    contact(id: $id) {{ {_CONTACT} }} again: contact(id: $id) {{ {_CONTACT} }} }}"""
_LIST = f"{{ contacts(first: 50) {{ nodes {{ {_CONTACT} }} }} }}"
_FILTERED = f"""query ($stage: String) {{
    contacts(first: 50, filter: {{stage: {{eq: $stage}}}}) {{ nodes {{ {_CONTACT} }} }} }}"""
_COUNT = "query ($stage: String) { contactsCount(filter: {stage: {eq: $stage}}) { count } }"
_GROUPS = "{ contactAggregate(groupBy: [STAGE]) { nodes { keys { stage } count } } }"
_FIRM = f"""query ($id: ID!) {{ company(id: $id) {{ {_COMPANY} contactCount
    contacts(first: 50) {{ nodes {{ {_CONTACT} }} }} }} }}"""
_FIRMS = f"""query ($stage: String) {{
    companies(filter: {{hasContactsWith: {{stage: {{eq: $stage}}}}}}) {{
        nodes {{ {_COMPANY} }} }} }}"""


@dataclass(frozen=True)
class Read:
    """A query, and how its data are judged."""

    name: str
    query: str
    variables: dict[str, Any]
    judge: Callable[[Judge, Any], None]


def choose_read(records: Records, chance: random.Random) -> Read:
    """One of them; some records are asked for more than others."""
    return chance.choice(_WAYS)(records, chance)


def _node(records: Records, chance: random.Random) -> Read:
    name, id_ = _contact(records, chance)
    return Read(
        f"node({name})", _NODE, {"id": id_}, lambda judge, data: judge.contact(name, data["node"])
    )


def _twice(records: Records, chance: random.Random) -> Read:
    name, id_ = _contact(records, chance)

    def judge_both(judge: Judge, data: Any) -> None:
        judge.same(data["contact"], data["again"])
        judge.contact(name, data["contact"])

    return Read(f"contact({name}) twice", _TWICE, {"id": id_}, judge_both)


def _list(_records: Records, _chance: random.Random) -> Read:
    def judge_list(judge: Judge, data: Any) -> None:
        judge.contacts(data["contacts"]["nodes"], lambda _person: True, is_filtered=False)

    return Read("contacts", _LIST, {}, judge_list)


def _filtered(_records: Records, chance: random.Random) -> Read:
    stage, wanted = _stage(chance)

    def judge_list(judge: Judge, data: Any) -> None:
        judge.contacts(data["contacts"]["nodes"], wanted, is_filtered=True)

    return Read(f"contacts({stage})", _FILTERED, {"stage": stage}, judge_list)


def _count(_records: Records, chance: random.Random) -> Read:
    stage, wanted = _stage(chance)

    def judge_count(judge: Judge, data: Any) -> None:
        judge.count(data["contactsCount"]["count"], wanted)

    return Read(f"contactsCount({stage})", _COUNT, {"stage": stage}, judge_count)


def _groups(_records: Records, _chance: random.Random) -> Read:
    def judge_groups(judge: Judge, data: Any) -> None:
        nodes = data["contactAggregate"]["nodes"]
        shown = {node["keys"]["stage"]: node["count"] for node in nodes}
        for stage in STAGES:
            judge.count(shown.get(stage, 0), _in(stage))

    return Read("contactAggregate", _GROUPS, {}, judge_groups)


def _firm(records: Records, chance: random.Random) -> Read:
    firm = chance.choice(list(records.firms.values()))

    def judge_firm(judge: Judge, data: Any) -> None:
        row = data["company"]
        judge.company(row)
        judge.count(row["contactCount"], lambda person: person.firm == firm.name)
        judge.contacts(
            row["contacts"]["nodes"], lambda person: person.firm == firm.name, is_filtered=True
        )

    return Read(f"company({firm.name})", _FIRM, {"id": firm.id}, judge_firm)


def _firms(_records: Records, chance: random.Random) -> Read:
    stage, wanted = _stage(chance)

    def judge_firms(judge: Judge, data: Any) -> None:
        judge.companies_with(data["companies"]["nodes"], wanted)

    return Read(f"companies({stage})", _FIRMS, {"stage": stage}, judge_firms)


_WAYS = (_node, _node, _twice, _list, _filtered, _count, _groups, _firm, _firms)


def _contact(records: Records, chance: random.Random) -> tuple[str, str]:
    known = [(history.name, history.id) for history in records.people.values() if history.id]
    return chance.choice(known)


def _stage(chance: random.Random) -> tuple[str, Callable[[Person], bool]]:
    stage = chance.choice(STAGES)
    return stage, _in(stage)


def _in(stage: str) -> Callable[[Person], bool]:
    return lambda person: person.stage == stage
