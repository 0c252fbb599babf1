"""The types that stand inside a contact or a company, and users."""

from datetime import datetime
from typing import Any
from uuid import UUID

import strawberry

from db.rows import ActivityRow, CompanyRow, EmailRow, MetadataRow, PhoneRow, UserRow
from domain.enums import ActivityType, EmailStatus, EmailType, PhoneType, Role
from domain.node_ids import NodeKind, encode_node_id
from domain.scalars import Json
from graph.context import Info
from graph.declare import column


@strawberry.interface(description="Anything that has an id of its own.")
class Node:
    """The interface of the relay specification for things that can be fetched again."""

    id: strawberry.ID = strawberry.field(description="Opaque id; `node(id:)` finds it again.")


def node_id(kind: NodeKind) -> Any:
    """The id of a row of this kind."""

    def resolve(root: strawberry.Parent[Any]) -> strawberry.ID:
        return strawberry.ID(encode_node_id(kind, root.id))

    return strawberry.field(resolver=resolve, description="Opaque id; `node(id:)` finds it again.")


@strawberry.type(description="Somebody who may use this server.")
class User(Node):
    """A row of `users`."""

    id: strawberry.ID = node_id(NodeKind.USER)
    uuid: UUID = column("The id for clients outside GraphQL.")
    email: str = column("E-mail address.")
    name: str | None = column("Name.")
    role: Role = column("What the user may do.")
    last_active_at: datetime | None = column("When the user last sent a request.")
    created_at: datetime = column("When the user was created.")

    @classmethod
    def is_type_of(cls, row: object, _info: object) -> bool:
        """Whether a row is one of these."""
        return isinstance(row, UserRow)


@strawberry.type(description="An e-mail address of a contact.")
class ContactEmail(Node):
    """A row of `contact_emails`."""

    id: strawberry.ID = node_id(NodeKind.CONTACT_EMAIL)
    address: str = column("The address.")
    normalized: str = strawberry.field(
        description="The form that tells addresses apart; no two contacts share one.",
        resolver=lambda root: root.email_key,
    )
    type: EmailType | None = column("Whose mailbox it is.")
    is_primary: bool = column("The address to write to.")
    status: EmailStatus = column("What is known about whether mail arrives.")
    confidence: float | None = column("How sure the source is, from 0 to 1.")
    is_catch_all: bool | None = column("The domain takes mail for any address.")
    source: str | None = column("Where the address comes from.")
    verified_at: datetime | None = column("When it was last verified.")

    @classmethod
    def is_type_of(cls, row: object, _info: object) -> bool:
        """Whether a row is one of these."""
        return isinstance(row, EmailRow)


@strawberry.type(description="A phone number of a contact.")
class ContactPhone(Node):
    """A row of `contact_phones`."""

    id: strawberry.ID = node_id(NodeKind.CONTACT_PHONE)
    number: str = column("The number as it was given.")
    e164: str | None = column("The number in international form, where it has one.")
    type: PhoneType = column("What kind of line it is.")
    extension: str | None = column("The extension to dial after the number.")
    is_primary: bool = column("The number to call.")
    status: str | None = column("What the source says about the number.")
    source: str | None = column("Where the number comes from.")

    @classmethod
    def is_type_of(cls, row: object, _info: object) -> bool:
        """Whether a row is one of these."""
        return isinstance(row, PhoneRow)


@strawberry.type(description="Something that happened with a contact.")
class Activity(Node):
    """A row of `activities`."""

    id: strawberry.ID = node_id(NodeKind.ACTIVITY)
    uuid: UUID = column("The id for clients outside GraphQL.")
    type: ActivityType = column("What happened.")
    body: str | None = column("What was said or written.")
    occurred_at: datetime = column("When it happened.")

    @strawberry.field(description="Who did it.")
    async def actor(self, info: Info) -> User | None:
        """The user, loaded with those of the other activities."""
        actor_id: int | None = self.actor_id  # type: ignore[attr-defined]  # self is the row
        return await info.context.loaders.user_by_id.load(actor_id) if actor_id else None

    @classmethod
    def is_type_of(cls, row: object, _info: object) -> bool:
        """Whether a row is one of these."""
        return isinstance(row, ActivityRow)


@strawberry.type(description="What is known about a contact beyond what lists show.")
class ContactMetadata:
    """A row of `contact_metadata`."""

    headline: str | None = column("One line the person says about themselves.")
    linkedin_url: str | None = column("LinkedIn profile.")
    facebook_url: str | None = column("Facebook profile.")
    twitter_url: str | None = column("X (Twitter) profile.")
    website_url: str | None = column("Personal web site.")
    notes: str | None = column("Free text.")
    custom_fields: Json = column("The JSON object of your own.")


async def load_metadata(row: Any, info: Info) -> MetadataRow | None:
    """The metadata of a contact, loaded with those of the other contacts."""
    return await info.context.loaders.metadata_by_contact.load(row.id)


def metadata_column(name: str, description: str) -> Any:
    """A field of a contact that is a column of its metadata."""

    async def resolve(root: strawberry.Parent[Any], info: Info) -> Any:
        metadata = await load_metadata(root, info)
        return None if metadata is None else metadata[name]

    return strawberry.field(resolver=resolve, description=description)


def _address_column(name: str, description: str) -> Any:
    """A part of an address: companies have all in their row, contacts some in their metadata."""

    async def resolve(root: strawberry.Parent[Any], info: Info) -> Any:
        row = root if isinstance(root, CompanyRow) else await load_metadata(root, info)
        return None if row is None else row[name]

    return strawberry.field(resolver=resolve, description=description)


@strawberry.type(description="Where a person or a company is.")
class Location:
    """The address columns of a row of `contacts` or `companies`."""

    street: str | None = _address_column("street", "Street and house number.")
    street2: str | None = _address_column("street2", "Further address line.")
    city: str | None = column("City.")
    region: str | None = column("State, province or region.")
    postal_code: str | None = _address_column("postal_code", "Postal code.")
    country: str | None = column("Country as the source spells it.")
    country_code: str | None = column("ISO 3166-1 alpha-2 code.")
    timezone: str | None = _address_column("timezone", "IANA time zone.")
