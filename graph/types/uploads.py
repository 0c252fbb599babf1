"""Files that users send: what is known of one, and where its bytes go."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import strawberry

from db.rows import UploadRow
from domain.enums import DescribedEnum
from domain.node_ids import NodeKind
from domain.scalars import BigInt
from domain.uploads import UploadKind, UploadState
from graph.context import Info
from graph.declare import as_enum, batched, column, node_id, rows_of
from graph.loading import each
from graph.types.parts import Node
from streaming.chunk_sizes import calculate_optimal_chunk_size

UPLOADS_PATH: Final = "/api/v1/uploads/"


class NetworkCondition(DescribedEnum):
    """How a client is connected."""

    FAST = "fast", "Wide and steady, such as in an office."
    NORMAL = "normal", "As most are."
    SLOW = "slow", "Narrow, or often interrupted."


as_enum(NetworkCondition)


async def _received(rows: Sequence[Any], info: Info) -> list[Any]:
    uploads = info.context.require_uploads()
    return await each(uploads.received_bytes(row) for row in rows)


def _state(root: strawberry.Parent[Any]) -> UploadState:
    return UploadState.RECEIVING if root.sha256 is None else UploadState.COMPLETE


def _url(root: strawberry.Parent[Any]) -> str:
    return f"{UPLOADS_PATH}{root.uuid.hex}"


def _chunk_bytes(root: strawberry.Parent[Any], info: Info) -> int:
    return calculate_optimal_chunk_size(root.total_bytes, root.media_type, info.context.network)


@rows_of("uploads")
@strawberry.type(description="A file that a user sends; nobody else sees it.")
class Upload(Node):
    """A row of `uploads`."""

    id: strawberry.ID = node_id(NodeKind.UPLOAD)
    uuid: UUID = column("The id for clients outside GraphQL.")
    kind: UploadKind = column("What it is for.")
    filename: str = column("What the client calls it.")
    media_type: str = column("What the client takes it for.")
    total_bytes: BigInt = column("How long it is.")
    received_bytes: BigInt = batched(_received, "How many of its bytes are safely here.")
    sha256: str | None = column("SHA-256 of its bytes, in hexadecimal digits; null before the end.")
    state: UploadState = strawberry.field(resolver=_state, description="How far it is.")
    url: str = strawberry.field(
        resolver=_url,
        description="Where its bytes go, by the protocol tus 1.0; relative to this server.",
    )
    chunk_bytes: int = strawberry.field(
        resolver=_chunk_bytes, description="In pieces of how many bytes to send it."
    )
    created_at: datetime = column("When it was announced.")
    finished_at: datetime | None = column("When the last byte came.")
    expires_at: datetime = column("Until when it is kept, unless an import still reads it.")

    @classmethod
    def is_type_of(cls, row: object, _info: object) -> bool:
        """Whether a row is one of these."""
        return isinstance(row, UploadRow)
