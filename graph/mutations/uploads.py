"""Announcing a file that is going to be sent."""

from dataclasses import dataclass
from typing import Any, Final, cast
from uuid import uuid4

import strawberry

from domain.errors import AppError, InvalidInput, PayloadTooLarge, Problem, ProblemCode
from domain.records import described
from domain.scalars import BigInt
from domain.uploads import NetworkCondition as Network
from domain.uploads import NewUpload, UploadKind
from domain.viewer import Permission
from graph.context import Info
from graph.declare import as_input, column
from graph.mutations.writing import Input
from graph.payloads import Payload
from graph.permissions import needs
from graph.types.uploads import NetworkCondition, Upload

_USUAL_MEDIA_TYPE: Final = "application/octet-stream"


@as_input
@dataclass(kw_only=True)
class CreateUploadInput:
    """Which file is going to be sent. Announced twice it does no harm, so it has no key."""

    kind: UploadKind = described("What it is for.", required=True)
    filename: str = described("What it is called; shown to people.", required=True)
    media_type: str | None = described("What it is taken for, such as `text/csv`.")
    total_bytes: BigInt = described("How long it is.", required=True)
    network_condition: NetworkCondition | None = described(
        "How the client is connected, for `chunkBytes` of the answer; NORMAL when left out."
    )
    client_mutation_id: str | None = described("Comes back in the answer; means nothing here.")


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
        is_own = input.kind is UploadKind.AVATAR
        viewer.require(Permission.ACCOUNT if is_own else Permission.IMPORT)
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
        answer: dict[str, Any] = {"upload": None, "user_errors": []}
        try:
            answer["upload"] = await context.finish(context.require_uploads().create(new))
        except (InvalidInput, PayloadTooLarge) as error:
            answer["user_errors"] = [_problem(error)]
        return CreateUploadPayload(**answer, client_mutation_id=input.client_mutation_id or None)


def _problem(error: AppError) -> Problem:
    is_too_long = isinstance(error, PayloadTooLarge)
    code = ProblemCode.TOO_LONG if is_too_long else ProblemCode.INVALID_VALUE
    place = str(error.details.get("path", ""))
    return Problem(code=code, message=error.message, path=place.split(".") if place else [])
