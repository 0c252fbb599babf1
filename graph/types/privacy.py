"""Who must not be stored."""

from datetime import datetime
from typing import Any

import strawberry

from db.rows import SuppressionRow
from domain.enums import SuppressedKey
from domain.node_ids import NodeKind
from graph.context import Info
from graph.declare import as_enum, column
from graph.types.parts import Node, User, node_id

as_enum(SuppressedKey)


async def _created_by(root: strawberry.Parent[Any], info: Info) -> Any:
    return await info.context.loaders.user_by_id.load(root.creator_id) if root.creator_id else None


@strawberry.type(
    description="Somebody who must not be stored. What is kept is a hash, which nobody can read."
)
class Suppression(Node):
    """A row of `suppressions`."""

    id: strawberry.ID = node_id(NodeKind.SUPPRESSION)
    kind: SuppressedKey = column("By what the person is recognised.")
    reason: str | None = column("Why, as it was given.")
    created_at: datetime = column("When the person was erased, or put on the list.")
    created_by: User | None = strawberry.field(
        resolver=_created_by, description="Who did it; null when that user is gone."
    )

    @classmethod
    def is_type_of(cls, row: object, _info: object) -> bool:
        """Whether a row is one of these."""
        return isinstance(row, SuppressionRow)
