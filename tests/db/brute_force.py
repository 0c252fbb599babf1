"""What a filter means, said in Python over plain rows: the other opinion on `db.filters`.

It follows the contract of the filter inputs alone: a comparison with a missing value is false,
`notEq`, `notIn` and `not` are its exact opposite, and a relation needs one row for which all holds.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from domain.absent import given
from domain.filters import (
    ActivityFilter,
    AnyFilter,
    CompanyFilter,
    ContactEmailFilter,
    ContactFilter,
    ContactMetadataFilter,
    ContactPhoneFilter,
    StringFilter,
)
from domain.node_ids import NodeKind, encode_node_id

Row = Mapping[str, Any]


@dataclass(frozen=True)
class World:
    """What stands in a database, as filters see it: live rows by id, and what belongs to contacts.

    Attributes:
        metadata: By the id of the contact.
        emails: Live addresses by the id of the contact; the same for phones and activities.
    """

    contacts: Mapping[int, Row]
    companies: Mapping[int, Row]
    metadata: Mapping[int, Row]
    emails: Mapping[int, Sequence[Row]]
    phones: Mapping[int, Sequence[Row]]
    activities: Mapping[int, Sequence[Row]]

    def rows(self, kind: type[AnyFilter]) -> list[Row]:
        """The rows that a filter of this kind is asked about."""
        by_id: dict[type[AnyFilter], Mapping[int, Row]] = {
            ContactFilter: self.contacts,
            CompanyFilter: self.companies,
            ContactMetadataFilter: self.metadata,
        }
        of_contact: dict[type[AnyFilter], Mapping[int, Sequence[Row]]] = {
            ContactEmailFilter: self.emails,
            ContactPhoneFilter: self.phones,
            ActivityFilter: self.activities,
        }
        if kind in by_id:
            return list(by_id[kind].values())
        return [row for rows in of_contact[kind].values() for row in rows]

    def contacts_of(self, company: Row) -> list[Row]:
        """The live contacts of a company."""
        return [row for row in self.contacts.values() if row["company_id"] == company["id"]]


NODES: Final[Mapping[tuple[type[AnyFilter], str], NodeKind]] = {
    (ContactFilter, "id"): NodeKind.CONTACT,
    (ContactFilter, "company_id"): NodeKind.COMPANY,
    (ContactFilter, "owner_id"): NodeKind.USER,
    (CompanyFilter, "id"): NodeKind.COMPANY,
    (CompanyFilter, "parent_id"): NodeKind.COMPANY,
    (CompanyFilter, "owner_id"): NodeKind.USER,
    (ActivityFilter, "actor_id"): NodeKind.USER,
}
_COLUMNS: Final[Mapping[tuple[type[AnyFilter], str], str]] = {(ContactFilter, "name"): "full_name"}
_SEARCHED: Final[Mapping[type[AnyFilter], tuple[str, ...]]] = {
    ContactFilter: ("full_name", "email", "title", "company_name"),
    CompanyFilter: ("name", "domain", "short_description"),
}
_NO_METADATA: Final[Row] = defaultdict(lambda: None)

OPERATORS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "eq": lambda value, operand: value == operand,
    "not_eq": lambda value, operand: value != operand,
    "in_": lambda value, operand: value in operand,
    "not_in": lambda value, operand: value not in operand,
    "contains": lambda value, operand: operand in value,
    "starts_with": lambda value, operand: value.startswith(operand),
    "ends_with": lambda value, operand: value.endswith(operand),
    "gt": lambda value, operand: value > operand,
    "gte": lambda value, operand: value >= operand,
    "lt": lambda value, operand: value < operand,
    "lte": lambda value, operand: value <= operand,
    "between": lambda value, operand: operand.from_ <= value <= operand.to,
    "any_of": lambda value, operand: bool(set(value) & set(operand)),
    "all_of": lambda value, operand: set(operand) <= set(value),
    "none_of": lambda value, operand: not set(value) & set(operand),
    "is_empty": lambda value, operand: (not value) is operand,
}
_TRUE_OF_NOTHING: Final = frozenset({"not_eq", "not_in"})

RELATED: Final[Mapping[tuple[type[AnyFilter], str], Callable[[Row, World], Sequence[Row]]]] = {
    (ContactFilter, "company"): lambda row, world: (
        [world.companies[row["company_id"]]] if row["company_id"] in world.companies else []
    ),
    (ContactFilter, "metadata"): lambda row, world: [world.metadata.get(row["id"], _NO_METADATA)],
    (ContactFilter, "emails"): lambda row, world: world.emails.get(row["id"], []),
    (ContactFilter, "phones"): lambda row, world: world.phones.get(row["id"], []),
    (ContactFilter, "activities"): lambda row, world: world.activities.get(row["id"], []),
    (CompanyFilter, "has_contacts_with"): lambda row, world: world.contacts_of(row),
}

FLAGS: Final[Mapping[str, Callable[[Row, World], bool]]] = {
    "has_email": lambda row, _world: row["email"] is not None,
    "has_phone": lambda row, world: bool(world.phones.get(row["id"])),
    "has_linked_in": lambda row, world: _linkedin(row, world) is not None,
    "is_duplicate": lambda row, world: any(
        _is_same_person(row, other, world)
        for other in world.contacts.values()
        if other["id"] != row["id"]
    ),
}


def matches(filter_: AnyFilter, row: Row, world: World) -> bool:
    """Whether a live row is one that the filter asks for."""
    return all(
        _part_holds(type(filter_), name, value, row, world) for name, value in given_fields(filter_)
    )


def given_fields(value: Any) -> Iterator[tuple[str, Any]]:
    """The fields of a filter that were not left out."""
    # All fields have values: to go through `fields` takes ten times as long, a million times.
    return ((name, operand) for name, operand in vars(value).items() if given(operand))


def filtered_value(kind: type[AnyFilter], name: str, row: Row, world: World) -> Any:
    """What a filter field compares of a row."""
    if name == "contact_count":
        return len(world.contacts_of(row))
    value = row[_COLUMNS.get((kind, name), name)]
    node = NODES.get((kind, name))
    return value if value is None or node is None else encode_node_id(node, value)


def searched_text(kind: type[AnyFilter], row: Row) -> str:
    """What a search looks through."""
    return " ".join(row[column] or "" for column in _SEARCHED[kind]).lower()


def _part_holds(kind: type[AnyFilter], name: str, value: Any, row: Row, world: World) -> bool:
    if name == "not_":
        return not matches(value, row, world)
    if name in {"and_", "or_"}:
        found = (matches(part, row, world) for part in value)
        return all(found) if name == "and_" else any(found)
    if related := RELATED.get((kind, name)):
        return any(matches(value, other, world) for other in related(row, world))
    if name in FLAGS:
        return FLAGS[name](row, world) is value
    if name == "search":
        return all(word in searched_text(kind, row) for word in value.lower().split())
    return _conditions_hold(kind, name, value, row, world)


def _conditions_hold(kind: type[AnyFilter], name: str, value: Any, row: Row, world: World) -> bool:
    compared = filtered_value(kind, name, row, world)
    caseless = isinstance(value, StringFilter) and not value.case_sensitive
    return all(
        _holds(operator, compared, operand, caseless=caseless)
        for operator, operand in given_fields(value)
        if operator != "case_sensitive"
    )


def _holds(operator: str, value: Any, operand: Any, *, caseless: bool) -> bool:
    if operator == "is_null":
        return (value is None) is operand
    if value is None:
        return operator in _TRUE_OF_NOTHING
    if caseless:
        value = value.lower()
        operand = operand.lower() if isinstance(operand, str) else [o.lower() for o in operand]
    return OPERATORS[operator](value, operand)


def _linkedin(row: Row, world: World) -> Any:
    return world.metadata.get(row["id"], _NO_METADATA)["linkedin_url"]


def _is_same_person(row: Row, other: Row, world: World) -> bool:
    """The same LinkedIn profile, or the same number under the same family name."""
    profile = _linkedin(row, world)
    if profile is not None and profile == _linkedin(other, world):
        return True
    if row["last_name"] is None or other["last_name"] is None:
        return False
    if row["last_name"].lower() != other["last_name"].lower():
        return False
    mine, theirs = (
        {phone["e164"] for phone in world.phones.get(contact["id"], [])} - {None}
        for contact in (row, other)
    )
    return bool(mine & theirs)
