"""Tags: what a cached answer depends on, and which of them a change touches.

A tag names something that can change. An answer is kept under the tags it depends on, and is out of
date as soon as one of them is touched, however many answers that is.
"""

from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import Final

from domain.changes import (
    AvatarChanged,
    Change,
    CompaniesLoaded,
    CompanyChanged,
    ContactChanged,
    ContactsLoaded,
    UserChanged,
)

MAX_TAGS: Final = 200
"""Changes that touch more are told as a change of every record of the kind."""


class Entity(StrEnum):
    """A kind of record that answers are made of."""

    CONTACT = "Contact"
    COMPANY = "Company"
    USER = "User"


def any_of(entity: Entity) -> str:
    """Touched by a change of any record of the kind, one that is new or gone included."""
    return f"list:{entity}"


def every(entity: Entity) -> str:
    """Touched when so many records changed that nobody tells which."""
    return f"every:{entity}"


def one(entity: Entity, row_id: int) -> str:
    """Touched by a change of one record."""
    return f"{entity.lower()}:{row_id}"


def contacts_of(company_id: int) -> str:
    """Touched when a contact of the company changes, comes or leaves."""
    return f"company:{company_id}:contacts"


def tags_of(changes: Iterable[Change]) -> frozenset[str]:
    """The tags that changes touch."""
    touched = {tag for change in changes for tag in _touched(change)}
    if len(touched) <= MAX_TAGS:
        return frozenset(touched)
    return frozenset(
        tag
        for entity in Entity
        if any_of(entity) in touched
        for tag in (any_of(entity), every(entity))
    )


def _touched(change: Change) -> Iterator[str]:
    match change:
        case ContactChanged():
            yield any_of(Entity.CONTACT)
            yield one(Entity.CONTACT, change.contact_id)
            yield from map(contacts_of, change.company_ids)
        case CompanyChanged():
            yield any_of(Entity.COMPANY)
            yield one(Entity.COMPANY, change.company_id)
        case ContactsLoaded():
            yield any_of(Entity.CONTACT)
            yield every(Entity.CONTACT)
        case CompaniesLoaded():
            yield any_of(Entity.COMPANY)
            yield every(Entity.COMPANY)
        case AvatarChanged():
            yield any_of(Entity.USER)
        case UserChanged():
            return  # a trigger makes everything out of date
