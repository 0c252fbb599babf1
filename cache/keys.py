"""The policy of the cache on one page: what is kept, for how long, and what makes it out of date.

A class for each thing that is kept. Its fields are what makes one answer another than the next one;
`tags` are what it depends on. The tags of a key hold for every value it can ever have, because they
are read before the value is.

Every kind lives `QUERY_CACHE_TTL` unless its class says otherwise; none of them waits for that to
be right.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Protocol

from cache.tags import Entity, any_of, contacts_of, every, one


class Key(Protocol):
    """What a value is kept under.

    Attributes:
        kind: The part of the cache it lies in, as `contacts:list`; operators see it.
        ttl_seconds: How long it is kept at most; None for the usual time.
        digest: Tells it from all others of its kind.
    """

    @property
    def kind(self) -> str:
        """The part of the cache it lies in."""

    @property
    def ttl_seconds(self) -> float | None:
        """How long it is kept at most."""

    @property
    def digest(self) -> str:
        """Tells it from all others of its kind."""

    @property
    def tags(self) -> tuple[str, ...]:
        """What it depends on."""


@dataclass(frozen=True, kw_only=True)
class _Answer:
    """A field of the answer of a query.

    Attributes:
        digest: Of the field with its arguments and everything that is selected below it.
        shows: The kinds of records that it depends on in whatever number.
    """

    ttl_seconds: ClassVar[float | None] = None
    digest: str
    shows: frozenset[Entity]

    @cached_property
    def tags(self) -> tuple[str, ...]:
        """What it depends on; a key that is made with its plan works it out once."""
        return (*self._own_tags(), *(any_of(entity) for entity in sorted(self.shows)))

    def _own_tags(self) -> tuple[str, ...]:
        """What it depends on besides the kinds of records that it shows."""
        return ()


@dataclass(frozen=True, kw_only=True)
class ContactList(_Answer):
    """A page of contacts."""

    kind: ClassVar[str] = "contacts:list"


@dataclass(frozen=True, kw_only=True)
class CompanyList(_Answer):
    """A page of companies."""

    kind: ClassVar[str] = "companies:list"


@dataclass(frozen=True, kw_only=True)
class ContactCount(_Answer):
    """A number of contacts."""

    kind: ClassVar[str] = "contacts:count"


@dataclass(frozen=True, kw_only=True)
class CompanyCount(_Answer):
    """A number of companies."""

    kind: ClassVar[str] = "companies:count"


@dataclass(frozen=True, kw_only=True)
class Estimate(_Answer):
    """What the query planner takes a number to be; that changes while no record does."""

    kind: ClassVar[str] = "estimates:count"
    ttl_seconds: ClassVar[float | None] = 60.0


@dataclass(frozen=True, kw_only=True)
class ContactGroups(_Answer):
    """A page of groups of contacts."""

    kind: ClassVar[str] = "contacts:aggregate"


@dataclass(frozen=True, kw_only=True)
class CompanyGroups(_Answer):
    """A page of groups of companies."""

    kind: ClassVar[str] = "companies:aggregate"


@dataclass(frozen=True, kw_only=True)
class ContactDetail(_Answer):
    """One contact with what belongs to it."""

    kind: ClassVar[str] = "contacts:detail"
    contact_id: int

    def _own_tags(self) -> tuple[str, ...]:
        return (one(Entity.CONTACT, self.contact_id), every(Entity.CONTACT))


@dataclass(frozen=True, kw_only=True)
class CompanyDetail(_Answer):
    """One company.

    Attributes:
        with_contacts: Its own contacts are shown or counted.
    """

    kind: ClassVar[str] = "companies:detail"
    company_id: int
    with_contacts: bool

    def _own_tags(self) -> tuple[str, ...]:
        own = (one(Entity.COMPANY, self.company_id), every(Entity.COMPANY))
        if not self.with_contacts:
            return own
        return (*own, contacts_of(self.company_id), every(Entity.CONTACT))


@dataclass(frozen=True, kw_only=True)
class Named:
    """A value that code keeps by a name and arguments; nothing but time makes it out of date.

    Attributes:
        kind: Its name.
    """

    ttl_seconds: ClassVar[float | None] = None
    tags: ClassVar[tuple[str, ...]] = ()
    kind: str
    digest: str
