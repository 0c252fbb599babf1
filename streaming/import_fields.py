"""The fields that a column of a file can go to, and what becomes of its cells there."""

from collections.abc import Mapping
from dataclasses import fields
from enum import Enum, auto
from functools import cache
from typing import Final, Literal, NamedTuple

from domain.enums import PhoneType
from domain.imports import ImportEntity
from domain.records import LIST_FIELDS, CompanyFields, ContactFields, NewEmail, NewLocation

Entity = Literal["contacts", "companies"] | ImportEntity

PHONE_PREFIX: Final = "phone:"
EMAIL_FIELDS: Final = ("email", "email2", "email3")
PHONE_FIELDS: Final = ("phone", "phone2", "phone3", "phone4")
EMAILS: Final = "emails"
PHONES: Final = "phones"
EMPLOYER_PREFIX: Final = "company_"

_PLACE: Final = tuple(item.name for item in fields(NewLocation))
_OF_EMAILS: Final = tuple(item.name for item in fields(NewEmail) if item.name != "address")
_OF_PHONES: Final = ("type", "extension", "is_primary", "status", "source")
_EMPLOYER_SPELLINGS: Final = {"website_url": "website"}


class Group(Enum):
    """What a cell says something about."""

    RECORD = auto()
    EMPLOYER = auto()
    EMAIL = auto()
    PHONE = auto()


class Destination(NamedTuple):
    """Where the cells of a column go.

    Attributes:
        name: The column of the record, or what they say about an e-mail or a phone.
        point: Which e-mail or phone they are about: one of `EMAIL_FIELDS` or `PHONE_FIELDS`, a
            `phone:` and its type, or `emails` or `phones` for cells that list several.
    """

    group: Group
    name: str
    point: str = ""


def field_names(entity: Entity) -> tuple[str, ...]:
    """All the fields that a column can go to.

    For contacts `full_name` is still to be split, and `company_…` is the employer's. The parts of
    a place (`city`, `region` and so on) are those of `NewLocation` for both kinds. `phone` says no
    type, `phone:` and a `PhoneType` does; `emails` and `phones` and what belongs to them list
    several in a cell.
    """
    return tuple(destinations(entity))


def takes_several(field: str) -> bool:
    """Whether several columns can go to a field."""
    bare = field.removeprefix(EMPLOYER_PREFIX)
    return bare in LIST_FIELDS or field.startswith(PHONE_PREFIX) or field in {EMAILS, PHONES}


@cache
def destinations(entity: Entity) -> Mapping[str, Destination]:
    """Field to where its cells go."""
    if entity == "companies":
        names = (*_written(CompanyFields, without={"address", "source"}), *_PLACE)
        return {name: Destination(Group.RECORD, name) for name in names}
    unwritten = {"emails", "phones", "location", "source", "company_id"}
    own = (*_written(ContactFields, without=unwritten), *_PLACE, "full_name")
    return {
        **{name: Destination(Group.RECORD, name) for name in own},
        **_emails(),
        **_phones(),
        **_employer(),
    }


def _written(kind: type, *, without: set[str]) -> tuple[str, ...]:
    return tuple(item.name for item in fields(kind) if item.name not in without)


def _emails() -> dict[str, Destination]:
    found: dict[str, Destination] = {}
    for point in (*EMAIL_FIELDS, EMAILS):
        found[point] = Destination(Group.EMAIL, "address", point)
        for name in _OF_EMAILS:
            if point == EMAILS or name != "is_primary":
                found[f"{point}_{name}"] = Destination(Group.EMAIL, name, point)
    return found


def _phones() -> dict[str, Destination]:
    found = {
        f"{PHONE_PREFIX}{kind}": Destination(Group.PHONE, "number", f"{PHONE_PREFIX}{kind}")
        for kind in PhoneType
    }
    for point in (*PHONE_FIELDS, PHONES):
        found[point] = Destination(Group.PHONE, "number", point)
        for name in _OF_PHONES if point == PHONES else _OF_PHONES[:2]:
            found[f"{point}_{name}"] = Destination(Group.PHONE, name, point)
    return found


def _employer() -> dict[str, Destination]:
    return {
        f"{EMPLOYER_PREFIX}{_EMPLOYER_SPELLINGS.get(name, name)}": Destination(Group.EMPLOYER, name)
        for name in (*_written(CompanyFields, without={"address", "source"}), *_PLACE)
    }
