"""Tokens of the API, as their owners see them."""

from datetime import datetime

import strawberry

from db.rows import ApiTokenRow
from domain.node_ids import NodeKind
from domain.viewer import Permission
from graph.declare import column, node_id, rows_of
from graph.types.parts import Node


@rows_of("api_tokens")
@strawberry.type(description="A token for programs. Nobody but its owner sees it.")
class ApiToken(Node):
    """A row of `api_tokens`."""

    id: strawberry.ID = node_id(NodeKind.API_TOKEN)
    name: str = column("What its owner calls it.")
    prefix: str = column("How the token begins, to know it by; the rest is not stored.")
    scopes: list[Permission] = column("What it is good for, as far as the user's role goes.")
    created_at: datetime = column("When it was made.")
    expires_at: datetime | None = column("Until when it is good; null for ever.")
    last_used_at: datetime | None = column("When it was last used, to within some minutes.")
    revoked_at: datetime | None = column("Since when it is not good any more.")

    @classmethod
    def is_type_of(cls, row: object, _info: object) -> bool:
        """Whether a row is one of these."""
        return isinstance(row, ApiTokenRow)
