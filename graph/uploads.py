"""The root field that reads a file which is on its way, or has come."""

from typing import Annotated, cast

import strawberry

from db.rows import UploadRow
from domain.node_ids import NodeKind, decode_node_id
from domain.viewer import Permission
from graph.context import Context, Info
from graph.permissions import needs
from graph.types.uploads import Upload


@strawberry.type
class UploadQueries:
    """Files that the viewer sends."""

    @strawberry.field(
        description="A file of the viewer's own by its id; null when there is none, or its time is"
        " over.",
        metadata=needs(Permission.IMPORT, Permission.ACCOUNT),
    )
    async def upload(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="Its id.")],
    ) -> Upload | None:
        """One file."""
        _, row_id = decode_node_id(id, expected=NodeKind.UPLOAD)
        return cast("Upload | None", await find_upload(info.context, row_id))


async def find_upload(context: Context, row_id: int) -> UploadRow | None:
    """A file as far as it has come; None when there is none of the viewer's."""
    viewer = context.require_viewer()
    # A replica may be behind what was just sent.
    context.reads.use_primary()
    row: UploadRow | None = await context.loaders.upload_by_id.load(row_id)
    is_theirs = row is not None and row.user_uuid == viewer.user_uuid
    return row if is_theirs else None
