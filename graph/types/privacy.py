"""Who must not be stored."""

from datetime import datetime

import strawberry

from db.rows import SuppressionRow
from domain.enums import SuppressedKey
from domain.node_ids import NodeKind
from graph.declare import as_enum, column, loaded, node_id, rows_of
from graph.types.parts import Node, User

as_enum(SuppressedKey)


@rows_of("suppressions")
@strawberry.type(
    description="Somebody who must not be stored. What is kept is a hash, which nobody can read."
)
class Suppression(Node):
    """A row of `suppressions`."""

    id: strawberry.ID = node_id(NodeKind.SUPPRESSION)
    kind: SuppressedKey = column("By what the person is recognised.")
    reason: str | None = column("Why, as it was given.")
    created_at: datetime = column("When the person was erased, or put on the list.")
    created_by: User | None = loaded(
        "user_by_id", "creator_id", "Who did it; null when that user is gone."
    )

    @classmethod
    def is_type_of(cls, row: object, _info: object) -> bool:
        """Whether a row is one of these."""
        return isinstance(row, SuppressionRow)
