"""Announcing a file that is going to be sent."""

from dataclasses import dataclass
from typing import Final, cast
from uuid import uuid4

import strawberry

from db.rows import UploadRow
from domain.errors import (
    AppError,
    InvalidInput,
    PayloadTooLarge,
    Problem,
    ProblemCode,
    Rejected,
)
from domain.records import described
from domain.scalars import BigInt
from domain.uploads import NetworkCondition as Network
from domain.uploads import NewUpload, UploadKind
from domain.viewer import Permission
from graph.context import Context, Info
from graph.declare import as_input, column
from graph.mutations.writing import Input, MutationInput, answer
from graph.payloads import Payload
from graph.permissions import needs
from graph.types.uploads import NetworkCondition, Upload
from streaming.upload_limits import require_may_send

_USUAL_MEDIA_TYPE: Final = "application/octet-stream"


@dataclass(kw_only=True)
class _NewFile:
    kind: UploadKind = described("What it is for.", required=True)
    filename: str = described("What it is called; shown to people.", required=True)
    media_type: str | None = described("What it is taken for, such as `text/csv`.")
    total_bytes: BigInt = described("How long it is.", required=True)
    network_condition: NetworkCondition | None = described(
        "How the client is connected, for `chunkBytes` of the answer; NORMAL when left out."
    )


@as_input
@dataclass(kw_only=True)
class CreateUploadInput(MutationInput, _NewFile):
    """Which file is going to be sent. Announced twice it does no harm, so it has no key."""


@strawberry.type(description="The file that is going to be sent.")
class CreateUploadPayload(Payload):
    """Answer of `createUpload`."""

    upload: Upload | None = column("Where to send it; null when it is not taken.")


@strawberry.type
class UploadMutations:
    """Files that users send."""

    @strawberry.mutation(
        description="Announce a file, whose bytes then go to its `url`. Needs the role EDITOR, but"
        " for an avatar.",
        metadata=needs(Permission.IMPORT, Permission.ACCOUNT),
    )
    async def create_upload(
        self, info: Info, input: Input[CreateUploadInput]
    ) -> CreateUploadPayload:
        """A file of which nothing is here yet."""
        context = info.context
        viewer = context.require_viewer()
        require_may_send(viewer, input.kind)
        new = NewUpload(
            uuid=uuid4(),
            owner=viewer.user_uuid,
            kind=input.kind,
            filename=input.filename,
            media_type=input.media_type or _USUAL_MEDIA_TYPE,
            total_bytes=input.total_bytes,
        )
        context.network = cast(
            "Network", (input.network_condition or NetworkCondition.NORMAL).value
        )
        return await answer(
            CreateUploadPayload,
            input,
            _create(context, new),
            shown=lambda upload: {"upload": upload},
            nothing={"upload": None},
        )


async def _create(context: Context, new: NewUpload) -> UploadRow:
    try:
        return await context.finish(context.require_uploads().create(new))
    except (InvalidInput, PayloadTooLarge) as error:
        raise Rejected([_problem(error)]) from error


def _problem(error: AppError) -> Problem:
    is_too_long = isinstance(error, PayloadTooLarge)
    code = ProblemCode.TOO_LONG if is_too_long else ProblemCode.INVALID_VALUE
    place = str(error.details.get("path", ""))
    return Problem(code=code, message=error.message, path=place.split(".") if place else [])
