"""Imports: a look into the file, the job that reads it, and the job that takes that back."""

from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import strawberry

from db.imports import create_import, undo_import
from db.jobs import JOBS
from db.rows import JobRow, UploadRow
from db.transaction import ReadSession, Transaction
from db.uploads import load_uploads
from domain.bulk import refusal
from domain.enums import Role
from domain.errors import InvalidInput, ProblemCode, Rejected
from domain.imports import ImportEntity, ImportRequest
from domain.node_ids import NodeKind, decode_node_id
from domain.viewer import Permission
from graph.context import Context, Info
from graph.declare import column
from graph.jobs import job_row
from graph.mutations.import_inputs import (
    CreateImportInput,
    FileInput,
    PreviewImportInput,
    UndoImportInput,
    mapping_of,
    options_of,
)
from graph.mutations.writing import (
    Input,
    Memory,
    answer,
    row_memory,
    said,
    write,
    write_row,
)
from graph.payloads import Payload
from graph.permissions import needs
from graph.previews import look, place_to_look
from graph.types.imports import ImportJob, ImportPreview, ImportUndoJob
from graph.uploads import find_upload
from streaming.import_fields import field_names
from streaming.import_preview import Preview, preview_file

_NOT_COMPLETE: Final = "The file is not complete. Send the rest of it first."
_NO_FILE: Final = "You have no file with this id. Send it again; it may have expired."


@strawberry.type(description="What an import would make of a file.")
class PreviewImportPayload(Payload):
    """Answer of `previewImport`."""

    preview: ImportPreview | None = column("What was found; null when the file cannot be read.")


@strawberry.type(description="The job that imports a file.")
class CreateImportPayload(Payload):
    """Answer of `createImport`."""

    job: ImportJob | None = column("The job; null when refused.")
    already_imported: bool = column(
        "Whether the same file was imported in the same way before, and this is that job."
    )


@strawberry.type(description="The job that takes an import back.")
class UndoImportPayload(Payload):
    """Answer of `undoImport`."""

    job: ImportUndoJob | None = column("The job, which waits for a worker; null when refused.")


@dataclass(frozen=True)
class _Created:
    """The job of an import, and whether it is a new one."""

    job: JobRow
    is_new: bool


@strawberry.type
class ImportMutations:
    """Records that come from files."""

    @strawberry.mutation(
        description="See how a file would be read, where its columns would go, and what is wrong"
        " with its first rows. Writes nothing. Needs the role EDITOR.",
        metadata=needs(Permission.IMPORT),
    )
    async def preview_import(
        self, info: Info, input: Input[PreviewImportInput]
    ) -> PreviewImportPayload:
        """What the first rows of a file are."""
        return await answer(
            PreviewImportPayload,
            input,
            _preview(info.context, input),
            shown=lambda preview: {"preview": preview},
            nothing={"preview": None},
        )

    @strawberry.mutation(
        description="Have a job import a file of which all bytes are here. The same file in the"
        " same way gives the same job again. Needs the role EDITOR.",
        metadata=needs(Permission.IMPORT),
    )
    async def create_import(
        self, info: Info, input: Input[CreateImportInput]
    ) -> CreateImportPayload:
        """A job that waits for a worker, or the one that there is."""
        viewer = info.context.require_viewer()
        _, upload_id = decode_node_id(input.upload_id, expected=NodeKind.UPLOAD)

        async def work(tx: Transaction) -> _Created:
            (upload,) = await load_uploads(tx, [upload_id])
            if upload is None or upload.user_uuid != viewer.user_uuid:
                raise _no_file()
            request = _request(input, upload, force=bool(said(input.force)))
            job_id, is_new = await create_import(tx, request, upload, owner=viewer.user_uuid)
            return _Created(await job_row(tx, job_id), is_new)

        return await answer(
            CreateImportPayload,
            input,
            write(info, input, work, memory=_CREATED),
            shown=lambda created: {"job": created.job, "already_imported": not created.is_new},
            nothing={"job": None, "already_imported": False},
        )

    @strawberry.mutation(
        description="Have a job take back what an import of one's own has written, or what the"
        " command `load` has, as an admin. Records that were changed since stay as they are. Needs"
        " the role EDITOR.",
        metadata=needs(Permission.IMPORT),
    )
    async def undo_import(self, info: Info, input: Input[UndoImportInput]) -> UndoImportPayload:
        """A job that waits for a worker."""
        viewer = info.context.require_viewer()
        _, job_id = decode_node_id(input.id, expected=NodeKind.JOB)

        async def work(tx: Transaction) -> JobRow:
            undo_id = await undo_import(
                tx,
                job_id,
                owner=viewer.user_uuid,
                undo_seconds=info.context.undo_seconds,
                is_admin=info.context.has_role(Role.ADMIN),
            )
            return await job_row(tx, undo_id)

        return await write_row(info, input, UndoImportPayload, JOBS, work)


async def _preview(context: Context, given_input: PreviewImportInput) -> Preview:
    """What was found in the file.

    Raises:
        Rejected: There is no such file, it is not complete, or cannot be read in this way.
    """
    _, upload_id = decode_node_id(given_input.upload_id, expected=NodeKind.UPLOAD)
    upload = await find_upload(context, upload_id)
    if upload is None:
        raise _no_file()
    if upload.sha256 is None:
        raise refusal(_NOT_COMPLETE, "uploadId", code=ProblemCode.NOT_ALLOWED_IN_STATE)
    request = _request(given_input, upload)
    try:
        async with place_to_look(), context.require_uploads().opened(upload) as path:
            asked = (path, request.entity, request.mapping, request.options)
            return await look(partial(preview_file, *asked, placeholder=context.placeholder))
    except InvalidInput as error:
        # What does not say where it stands is about the file.
        place = str(error.details.get("path", "uploadId"))
        raise refusal(error.message, *place.split(".")) from error


def _keep(created: _Created) -> Any:
    return [created.job["id"], created.is_new]


async def _recall(session: ReadSession, kept: Any) -> _Created:
    job_id, is_new = kept
    return _Created(await row_memory(JOBS).recall(session, job_id), is_new)


_CREATED: Final = Memory[_Created](keep=_keep, recall=_recall)


def _request(given_input: FileInput, upload: UploadRow, *, force: bool = False) -> ImportRequest:
    """What is to be imported, and how.

    Raises:
        Rejected: The file was sent for something else, or the mapping has mistakes.
    """
    entity = _entity(given_input, upload)
    return ImportRequest(
        entity=entity,
        mapping=mapping_of(given_input.mapping, fields=field_names(entity)),
        options=options_of(given_input.options),
        force=force,
    )


def _entity(given_input: FileInput, upload: UploadRow) -> ImportEntity:
    """What the rows are: what was said, or what the file was sent as."""
    if (entity := said(given_input.entity)) is not None:
        return entity
    if upload.kind not in set(ImportEntity):
        raise refusal(
            "This file was not sent to be imported. Send it as one of contacts or companies.",
            "uploadId",
        )
    return ImportEntity(upload.kind)


def _no_file() -> Rejected:
    return refusal(_NO_FILE, "uploadId", code=ProblemCode.NOT_FOUND)
