"""What is declared of cached fields: what a value depends on, and what a root field is kept as.

The one idea: nothing is kept that nobody declared. A root field is kept when it says as what; and
only when it is known of every field below it what its value depends on.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, NamedTuple, Protocol

from cache.keys import (
    CompanyCount,
    CompanyDetail,
    CompanyGroups,
    CompanyList,
    ContactCount,
    ContactDetail,
    ContactGroups,
    ContactList,
    Estimate,
    Key,
)
from cache.tags import Entity
from domain.node_ids import NodeKind, decode_node_id


class NotKept(Exception):
    """What a field depends on is not known, or changes without anybody being told."""


@dataclass(frozen=True)
class Depends:
    """What the value of a field depends on beyond the object that has the field.

    Attributes:
        records: Records of these kinds, whichever they are.
        own_contacts: The contacts of the company that has the field.
    """

    records: frozenset[Entity] = frozenset()
    own_contacts: bool = False


ON_NOTHING_ELSE: Final = Depends()
ON_USERS: Final = Depends()
"""No record: when a user is written in a way that shows, all that is kept is let go of."""
ON_CONTACTS: Final = Depends(frozenset({Entity.CONTACT}))
ON_COMPANIES: Final = Depends(frozenset({Entity.COMPANY}))
ON_AVATARS: Final = Depends(frozenset({Entity.USER}))
ON_OWN_CONTACTS: Final = Depends(own_contacts=True)

OWNERS: Final[Mapping[str, Entity | None]] = {
    "contacts": Entity.CONTACT,
    "contact_emails": Entity.CONTACT,
    "contact_phones": Entity.CONTACT,
    "contact_metadata": Entity.CONTACT,
    "activities": Entity.CONTACT,
    "companies": Entity.COMPANY,
    "users": None,
}
"""The record that changes with a row of a table, for each table that cached answers may read."""

_RECORDS: Final = frozenset({"contacts", "companies"})
WATCHED_OF_USERS: Final = frozenset({"id", "uuid", "email", "name", "role"})
"""The columns of users whose changes let go of all that is kept, and the one that never changes."""


def records_of(tables: Iterable[str]) -> frozenset[Entity]:
    """The kinds of other records that a row depends on which reads tables beside its own.

    What belongs to a record is read with it, and changes with it.

    Raises:
        NotKept: It reads a table of which nobody tells changes.
    """
    found = set()
    for table in tables:
        owner = owner_of(table)
        if owner is not None and table in _RECORDS:
            found.add(owner)
    return frozenset(found)


def owner_of(table: str) -> Entity | None:
    """The record that changes with a row of a table; None for users.

    Raises:
        NotKept: Nobody tells changes of the table.
    """
    if table not in OWNERS:
        raise NotKept(table)
    return OWNERS[table]


def check_told(table: str, column: str) -> None:
    """Refuse a column of which nobody tells changes.

    Raises:
        NotKept: It is one.
    """
    if table == "users" and column not in WATCHED_OF_USERS:
        raise NotKept(f"{table}.{column}")


class Shown(NamedTuple):
    """What one answer shows of a root field.

    Attributes:
        digest: Tells it from all other answers of its kind.
        records: The kinds of records that it depends on in whatever number.
        own_contacts: It depends on the contacts of the company that it is about.
    """

    digest: str
    records: frozenset[Entity]
    own_contacts: bool


class Subject(NamedTuple):
    """What a root field is about.

    Attributes:
        key: What an answer is kept under.
    """

    entity: Entity
    key: Callable[[Shown], Key]


class Cached(Protocol):
    """What a root field is kept as."""

    @property
    def entities(self) -> Sequence[Entity]:
        """What it can be about."""

    @property
    def is_one(self) -> bool:
        """Whether it shows one record, which its arguments name."""

    def subject(self, arguments: Mapping[str, Any]) -> Subject:
        """What it is about.

        Raises:
            AppError: The arguments name nothing.
            NotKept: It is not kept with such arguments.
        """


@dataclass(frozen=True)
class CachedRecord:
    """The record that the argument `id` names, of one of these kinds."""

    entities: tuple[Entity, ...]
    is_one: bool = True

    def subject(self, arguments: Mapping[str, Any]) -> Subject:
        """What it is about."""
        kind, row_id = decode_node_id(arguments["id"])
        entity = _OF_KIND.get(kind)
        if entity is None or entity not in self.entities:
            raise NotKept(kind.name)
        return Subject(entity, partial(_DETAILS[entity], row_id))


def _contact_detail(row_id: int, shown: Shown) -> Key:
    return ContactDetail(digest=shown.digest, shows=shown.records, contact_id=row_id)


def _company_detail(row_id: int, shown: Shown) -> Key:
    return CompanyDetail(
        digest=shown.digest,
        shows=shown.records,
        company_id=row_id,
        with_contacts=shown.own_contacts,
    )


_DETAILS: Final[Mapping[Entity, Callable[[int, Shown], Key]]] = {
    Entity.CONTACT: _contact_detail,
    Entity.COMPANY: _company_detail,
}
_OfMany = ContactList | CompanyList | ContactCount | CompanyCount | ContactGroups | CompanyGroups


@dataclass(frozen=True)
class CachedMany:
    """A list of records of a kind, their number, or groups of them.

    Attributes:
        kept_as: What the policy has for it.
    """

    entity: Entity
    kept_as: type[_OfMany]
    is_one: bool = False

    @property
    def entities(self) -> Sequence[Entity]:
        """What it can be about."""
        return (self.entity,)

    def subject(self, arguments: Mapping[str, Any]) -> Subject:
        """What it is about."""
        kept_as = Estimate if arguments.get("estimate") else self.kept_as
        return Subject(self.entity, lambda shown: kept_as(digest=shown.digest, shows=shown.records))


_OF_KIND: Final = {NodeKind.CONTACT: Entity.CONTACT, NodeKind.COMPANY: Entity.COMPANY}

CACHED_RECORD: Final = CachedRecord((Entity.CONTACT, Entity.COMPANY))
CACHED_CONTACT: Final = CachedRecord((Entity.CONTACT,))
CACHED_COMPANY: Final = CachedRecord((Entity.COMPANY,))
CACHED_CONTACTS: Final = CachedMany(Entity.CONTACT, ContactList)
CACHED_COMPANIES: Final = CachedMany(Entity.COMPANY, CompanyList)
CACHED_CONTACT_COUNT: Final = CachedMany(Entity.CONTACT, ContactCount)
CACHED_COMPANY_COUNT: Final = CachedMany(Entity.COMPANY, CompanyCount)
CACHED_CONTACT_GROUPS: Final = CachedMany(Entity.CONTACT, ContactGroups)
CACHED_COMPANY_GROUPS: Final = CachedMany(Entity.COMPANY, CompanyGroups)
