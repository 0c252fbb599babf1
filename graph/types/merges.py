"""Merges of contacts: the record of one, and where the values of its survivor come from."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import orjson
import strawberry

from db.rows import MergeRow
from domain.merge_policies import ContactField, MergePolicy
from domain.names import spelled
from domain.node_ids import NodeKind, encode_node_id
from domain.scalars import Json
from graph.context import Info
from graph.declare import column, loaded, node_id, rows_of
from graph.types.parts import Node, User
from graph.types.records import Contact

_KIND_OF_ID: Final = {
    ContactField("COMPANY_ID"): NodeKind.COMPANY,
    ContactField("OWNER_ID"): NodeKind.USER,
}


async def _losers(root: strawberry.Parent[Any], info: Info) -> Any:
    found = await info.context.loaders.contact_by_id.load_many(root.loser_ids)
    return [contact for contact in found if contact is not None]


def _can_undo_until(root: strawberry.Parent[Any], info: Info) -> datetime | None:
    until: datetime = root.created_at + timedelta(seconds=info.context.undo_seconds)
    return None if root.undone_at else until


@rows_of("contact_merges")
@strawberry.type(description="Several contacts that were made one.")
class Merge(Node):
    """A row of `contact_merges`."""

    id: strawberry.ID = node_id(NodeKind.MERGE)
    uuid: UUID = column("The id for clients outside GraphQL.")
    survivor: Contact | None = loaded(
        "contact_by_id", "survivor_id", "The contact that stayed; null when it was deleted since."
    )
    losers: list[Contact] = strawberry.field(
        resolver=_losers, description="The contacts that became a part of it."
    )
    merged_at: datetime = strawberry.field(
        description="When that was.", resolver=lambda root: root.created_at
    )
    merged_by: User | None = loaded(
        "user_by_id", "merger_id", "Who did it; null when that user is gone."
    )
    can_undo_until: datetime | None = strawberry.field(
        resolver=_can_undo_until,
        description="Until when `undoMerge` takes it back; null once it was.",
    )
    undone_at: datetime | None = column("When it was undone.")

    @classmethod
    def is_type_of(cls, row: object, _info: object) -> bool:
        """Whether a row is one of these."""
        return isinstance(row, MergeRow)


def _contact_ids(root: strawberry.Parent[Any]) -> list[strawberry.ID]:
    ids = (encode_node_id(NodeKind.CONTACT, contact_id) for contact_id in root.contact_ids)
    return [strawberry.ID(node) for node in ids]


def _value(root: strawberry.Parent[Any]) -> Json:
    shown = _shown(root.field, root.value)
    # The scalar takes a text for JSON that is to be read.
    return Json(orjson.dumps(shown).decode() if isinstance(shown, str) else shown)


def _shown(each: ContactField, value: Any) -> Any:
    """The value as the fields of a contact show it."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if value is not None and (kind := _KIND_OF_ID.get(each)):
        return encode_node_id(kind, value)
    if each == "LOCATION":
        return {spelled(name): part for name, part in value.items()}
    return value


@strawberry.type(description="Where the value of a field of a merged contact comes from.")
class MergeOrigin:
    """A `domain.merging.Origin`."""

    field: ContactField = column("The field.")
    value: Json | None = strawberry.field(
        resolver=_value,
        description="What it holds: addresses and numbers as a list, a location as an object,"
        " other records as their ids.",
    )
    contact_ids: list[strawberry.ID] = strawberry.field(
        resolver=_contact_ids,
        description="The contacts that gave the value or a part of it, the survivor first.",
    )
    policy: MergePolicy | None = column("What decided; null where the field has a rule of its own.")
