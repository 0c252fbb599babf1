"""The types that stand inside a contact or a company, and users."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import strawberry

from db.rows import ActivityRow, CompanyRow, EmailRow, PhoneRow, UserRow
from domain.enums import ActivityType, EmailStatus, EmailType, PhoneType, Role
from domain.node_ids import NodeKind
from domain.scalars import Json
from graph.caching import ON_AVATARS, ON_NOTHING_ELSE, ON_USERS
from graph.context import Info
from graph.declare import batched, column, depending, loaded, node_id, related_column, rows_of
from graph.loading import load_each
from streaming.avatar_routes import avatar_url


@strawberry.interface(description="Anything that has an id of its own.")
class Node:
    """The interface of the relay specification for things that can be fetched again."""

    id: strawberry.ID = strawberry.field(description="Opaque id; `node(id:)` finds it again.")


async def _avatar_url(rows: Sequence[Any], _info: Info) -> list[str | None]:
    """Its address has a part of the picture's tag, so that browsers ask again for another one."""
    return [row["avatar_etag"] and avatar_url(row["uuid"], row["avatar_etag"]) for row in rows]


async def _last_active(rows: Sequence[Any], info: Info) -> list[datetime | None]:
    """When colleagues are at work is for admins to know, and for everybody of themselves."""
    return [row["last_active_at"] if _is_told(row, info) else None for row in rows]


async def _is_active(rows: Sequence[Any], info: Info) -> list[bool | None]:
    return [row["is_active"] if _is_told(row, info) else None for row in rows]


def _is_told(row: Any, info: Info) -> bool:
    """Whether the viewer is told of a user what colleagues are not."""
    return info.context.shows_what_is_of(row["uuid"])


@rows_of("users")
@strawberry.type(description="Somebody who may use this server.")
class User(Node):
    """A row of `users`."""

    id: strawberry.ID = node_id(NodeKind.USER)
    uuid: UUID = column("The id for clients outside GraphQL.")
    email: str = column("E-mail address.")
    name: str | None = column("Name.")
    role: Role = column("What the user may do.")
    avatar_url: str | None = batched(
        _avatar_url,
        "Where the user's picture is, relative to this server; null without one.",
        needs=("uuid", "avatar_etag"),
        depends=ON_AVATARS,
    )
    last_active_at: datetime | None = batched(
        _last_active,
        "When the user last sent a request, to within five minutes; of others, admins see it.",
        needs=("uuid", "last_active_at"),
    )
    is_active: bool | None = batched(
        _is_active,
        "Whether the user may come in; null for those who are neither admin nor the user.",
        needs=("uuid", "is_active"),
    )
    created_at: datetime = column("When the user was created.")

    @classmethod
    def is_type_of(cls, row: object, _info: object) -> bool:
        """Whether a row is one of these."""
        return isinstance(row, UserRow)


@rows_of("contact_emails")
@strawberry.type(description="An e-mail address of a contact.")
class ContactEmail(Node):
    """A row of `contact_emails`."""

    id: strawberry.ID = node_id(NodeKind.CONTACT_EMAIL)
    address: str = column("The address.")
    normalized: str = strawberry.field(
        description="The form that tells addresses apart; no two contacts share one.",
        resolver=lambda root: root.email_key,
        metadata=depending(ON_NOTHING_ELSE),
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


@rows_of("contact_phones")
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


@rows_of("activities")
@strawberry.type(description="Something that happened with a contact.")
class Activity(Node):
    """A row of `activities`."""

    id: strawberry.ID = node_id(NodeKind.ACTIVITY)
    uuid: UUID = column("The id for clients outside GraphQL.")
    type: ActivityType = column("What happened.")
    body: str | None = column("What was said or written.")
    occurred_at: datetime = column("When it happened.")

    actor: User | None = loaded("user_by_id", "actor_id", "Who did it.", depends=ON_USERS)

    @classmethod
    def is_type_of(cls, row: object, _info: object) -> bool:
        """Whether a row is one of these."""
        return isinstance(row, ActivityRow)


@rows_of("contact_metadata")
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


async def load_metadata(rows: Sequence[Any], info: Info) -> list[Any]:
    """The metadata of contacts, loaded with those of all others."""
    return await load_each(info.context.loaders.metadata_by_contact, (row["id"] for row in rows))


def metadata_column(name: str, description: str, *, missing: Any = None) -> Any:
    """A field of a contact that is a column of its metadata."""
    return related_column(name, "metadata", load_metadata, description, missing=missing)


async def _address_rows(rows: Sequence[Any], info: Info) -> Sequence[Any]:
    """Companies have the whole address in their row, contacts a part of it in their metadata."""
    return rows if isinstance(rows[0], CompanyRow) else await load_metadata(rows, info)


def _address_column(name: str, description: str) -> Any:
    return related_column(name, "metadata", _address_rows, description)


@rows_of("")
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
