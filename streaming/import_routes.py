"""The REST routes of imports: a file that comes in one request, and is imported."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Final, cast
from uuid import UUID

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cache.http import PRIVATE
from db.imports import create_import
from db.jobs import load_jobs
from db.rows import JobRow, UploadRow
from db.transaction import Database
from domain.errors import (
    AppError,
    InvalidInput,
    InvalidUpload,
    Rejected,
    UnsupportedMediaType,
)
from domain.import_json import read_mapping, read_options
from domain.imports import ImportEntity, ImportOptions, ImportRequest
from domain.uploads import UploadKind
from domain.viewer import Permission, Viewer
from streaming.bodies import Body, media_type_of
from streaming.file_kinds import KINDS, problems_of_file, with_checked_head
from streaming.identify import Identify
from streaming.import_fields import field_names
from streaming.job_json import job_to_json
from streaming.multipart import FILE_FIELD, FORM, open_form
from streaming.routing import API_ROOT, Served, rest_routes
from streaming.strict_json import parse_json
from streaming.uploads import Uploads

_PARAMETERS: Final = frozenset({"mapping", "options", "force"})
_FILENAME: Final = "filename"
_YES_OR_NO: Final[Mapping[str, bool]] = {"true": True, "false": False}


def import_routes(database: Database, uploads: Uploads, *, identify: Identify) -> list[Route]:
    """Imports of contacts and of companies."""
    routes = _ImportRoutes(database, uploads, identify)
    served: list[Served] = [
        (f"{API_ROOT}/{entity.value}/import", partial(routes.receive, entity), ["POST"])
        for entity in ImportEntity
    ]
    return rest_routes(*served)


class _ImportRoutes:
    """What the routes answer."""

    def __init__(self, database: Database, uploads: Uploads, identify: Identify) -> None:
        self._database = database
        self._uploads = uploads
        self._identify = identify

    async def receive(self, entity: ImportEntity, request: Request) -> Response:
        """Take a file, as a form or as it is, and have it imported."""
        viewer = await self._identify(request, Permission.IMPORT)
        is_form = media_type_of(request) == FORM
        receive = self._receive_form if is_form else self._receive_plain
        upload, wanted = await receive(entity, request, viewer.user_uuid)
        async with self._unless_refused(upload):
            job, is_new = await self._database.finish(self._create(wanted, upload, viewer))
        if not is_new:
            await self._forget(upload)
        headers = {"Location": f"{API_ROOT}/jobs/{job.uuid.hex}", "Cache-Control": PRIVATE}
        told = job_to_json(job)
        body = orjson.dumps({"import": told.pop("import"), "job": told})
        return Response(body, 202 if is_new else 200, headers, "application/json")

    async def _receive_form(
        self, entity: ImportEntity, request: Request, owner: UUID
    ) -> tuple[UploadRow, ImportRequest]:
        most = self._uploads.settings.max_import_bytes
        async with open_form(request, fields=_PARAMETERS, max_file_bytes=most) as form:
            upload = await self._store(
                form.chunks(),
                entity,
                owner=owner,
                filename=form.filename,
                media_type=form.media_type,
                least=form.least_bytes,
            )
            # Some of the fields may have come behind the file.
            async with self._unless_refused(upload):
                return upload, _read_request(entity, form.fields)

    async def _receive_plain(
        self, entity: ImportEntity, request: Request, owner: UUID
    ) -> tuple[UploadRow, ImportRequest]:
        media_type = media_type_of(request)
        body = Body(request, max_bytes=self._uploads.settings.max_import_bytes)
        async with body.answered():
            _require_table(media_type)
            parameters = _parameters(request)
            filename = parameters.pop(_FILENAME, f"{entity.value}.csv")
            wanted = _read_request(entity, parameters)
            upload = await self._store(
                body.chunks(),
                entity,
                owner=owner,
                filename=filename,
                media_type=media_type,
                least=body.announced,
            )
        return upload, wanted

    async def _store(
        self,
        chunks: AsyncIterator[bytes],
        entity: ImportEntity,
        *,
        owner: UUID,
        filename: str,
        media_type: str,
        least: int,
    ) -> UploadRow:
        """Keep the file.

        Raises:
            InvalidUpload: It begins as no table does, or is said to be something else.
        """
        return await self._uploads.receive(
            with_checked_head(chunks, partial(_check, filename, media_type)),
            owner=owner,
            kind=UploadKind(entity.value),
            filename=filename,
            media_type=media_type,
            least=least,
        )

    async def _create(
        self, wanted: ImportRequest, upload: UploadRow, viewer: Viewer
    ) -> tuple[JobRow, bool]:
        async with self._database.write() as tx:
            created = await create_import(tx, wanted, upload, owner=viewer.user_uuid)
            (job,) = await load_jobs(tx, [created.job_id])
        return cast("JobRow", job), created.is_new

    @asynccontextmanager
    async def _unless_refused(self, upload: UploadRow) -> AsyncIterator[None]:
        """A file that is not imported does not stay.

        Raises:
            InvalidInput: What is wrong with what was asked for.
        """
        try:
            yield
        except Rejected as refused:
            await self._forget(upload)
            raise _as_error(refused) from refused
        except AppError:
            await self._forget(upload)
            raise

    async def _forget(self, upload: UploadRow) -> None:
        # It may be gone, or be needed after all: COMMIT may have got no answer.
        with suppress(AppError):
            await self._uploads.remove(upload)


def _require_table(media_type: str) -> None:
    table = KINDS[UploadKind.CONTACTS]
    if media_type not in table.media_types | table.declared:
        raise UnsupportedMediaType(
            f"Send the file as the field `{FILE_FIELD}` of {FORM}, or as text/csv."
        )


def _check(filename: str, media_type: str, head: bytes) -> None:
    allowed = KINDS[UploadKind.CONTACTS].media_types
    problems = problems_of_file(head, filename=filename, media_type=media_type, allowed=allowed)
    if problems:
        raise InvalidUpload(" ".join(problems), errors=problems)


def _parameters(request: Request) -> dict[str, str]:
    """The parameters of an address.

    Raises:
        InvalidInput: One of them is not known, or is given twice.
    """
    found: dict[str, str] = {}
    allowed = sorted({*_PARAMETERS, _FILENAME})
    for name, value in request.query_params.multi_items():
        if name not in allowed:
            message = f"There is no parameter {name[:50]!r}. There are {', '.join(allowed)}."
            raise InvalidInput(message, allowed=allowed)
        if name in found:
            raise InvalidInput(f"The parameter {name!r} is given twice. Give it once.")
        found[name] = value
    return found


def _read_request(entity: ImportEntity, parameters: Mapping[str, str]) -> ImportRequest:
    """What is to be imported, and how.

    Raises:
        InvalidInput: A parameter has a value that cannot be used.
    """
    mapping, options = parameters.get("mapping", ""), parameters.get("options", "")
    force = parameters.get("force", "false")
    if force not in _YES_OR_NO:
        raise InvalidInput("`force` is true or false.", path="force")
    return ImportRequest(
        entity=entity,
        mapping=read_mapping(parse_json("`mapping`", mapping), allowed=field_names(entity))
        if mapping
        else {},
        options=read_options(parse_json("`options`", options)) if options else ImportOptions(),
        force=_YES_OR_NO[force],
    )


def _as_error(refused: Rejected) -> InvalidInput:
    problems = [
        {"code": problem.code, "message": problem.message, "path": list(problem.path)}
        for problem in refused.problems
    ]
    return InvalidInput(str(refused), problems=problems)
