"""The routes of uploads by tus 1.0.0."""

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Final
from uuid import UUID

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, request_response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cache.http import NO_STORE
from db.rows import UploadRow
from domain.errors import NotFound
from domain.uploads import UploadKind
from domain.viewer import Permission, Viewer
from streaming import tus
from streaming.bodies import Body
from streaming.identify import Identify
from streaming.routing import API_ROOT, rest_routes
from streaming.upload_limits import require_may_send
from streaming.uploads import Uploads

_ROOT: Final = f"{API_ROOT}/uploads"
_SILENT_SECONDS: Final = 30.0
_ID: Final = re.compile(r"[0-9a-f]{32}")
_RESUMABLE: Final = (b"tus-resumable", tus.VERSION.encode())
_VERSIONS: Final = (b"tus-version", tus.VERSION.encode())
_PRECONDITION_FAILED: Final = 412


def tus_routes(
    uploads: Uploads, *, identify: Identify, silent_seconds: float = _SILENT_SECONDS
) -> list[Route]:
    """`/api/v1/uploads` and `/api/v1/uploads/{upload_id}`.

    No time limit is on a request that brings bytes.

    Args:
        silent_seconds: How long a client may send nothing in the middle of one.
    """
    routes = _TusRoutes(uploads, identify, silent_seconds)
    # Of whatever method: it is the answers that know what is meant.
    return rest_routes(
        (_ROOT, _TusHeaders(request_response(routes.of_all)), None),
        (f"{_ROOT}/{{upload_id}}", _TusHeaders(request_response(routes.of_one)), None),
    )


class _TusHeaders:
    """Has every answer, also that of an error, say which version is spoken here."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_version(message: Message) -> None:
            if message["type"] == "http.response.start":
                added = [_RESUMABLE]
                if message["status"] == _PRECONDITION_FAILED:
                    added.append(_VERSIONS)
                message["headers"] = [*message["headers"], *added]
            await send(message)

        await self._app(scope, receive, send_with_version)


class _TusRoutes:
    """What the routes answer."""

    def __init__(self, uploads: Uploads, identify: Identify, silent_seconds: float) -> None:
        self._uploads = uploads
        self._identify = identify
        self._silent_seconds = silent_seconds
        self._methods: Mapping[str, Callable[[Request, UploadRow], Awaitable[Response]]] = {
            "HEAD": self._tell,
            "PATCH": self._append,
            "DELETE": self._remove,
        }

    async def of_all(self, request: Request) -> Response:
        """What is spoken here, or a new upload."""
        method = tus.read_method(request.method, request.headers)
        if method == "OPTIONS":
            return self._describe()
        if method != "POST":
            raise _not_allowed("OPTIONS", "POST")
        viewer = await self._admitted(request)
        new = tus.read_creation(request.headers, owner=viewer.user_uuid)
        require_may_send(viewer, new.kind)
        if tus.has_body(request.headers):
            tus.require_bytes(request.headers)
        row = await self._uploads.create(new)
        offset = await self._begin(request, row) if tus.has_body(request.headers) else 0
        headers = tus.tell_progress(offset, row.expires_at)
        headers["Location"] = f"{request.scope.get('root_path', '')}{_ROOT}/{row.uuid.hex}"
        return Response(status_code=201, headers=headers)

    async def of_one(self, request: Request) -> Response:
        """How far an upload is, the next bytes of it, or its end."""
        method = tus.read_method(request.method, request.headers)
        if method == "OPTIONS":
            return self._describe()
        answer = self._methods.get(method)
        if answer is None:
            raise _not_allowed("OPTIONS", *self._methods)
        viewer = await self._admitted(request)
        row = await self._uploads.find(_read_id(request), owner=viewer.user_uuid)
        require_may_send(viewer, UploadKind(row.kind))
        return await answer(request, row)

    def _describe(self) -> Response:
        most = max(map(self._uploads.settings.most_bytes, UploadKind))
        return Response(status_code=204, headers=tus.describe(most))

    async def _admitted(self, request: Request) -> Viewer:
        tus.require_version(request.headers)
        return await self._identify(request, Permission.IMPORT, Permission.ACCOUNT)

    async def _begin(self, request: Request, row: UploadRow) -> int:
        """Take the bytes that come with a creation; without them its client knows of no upload."""
        try:
            return await self._take(request, row, 0)
        except BaseException:
            await self._uploads.remove(row)
            raise

    async def _tell(self, _request: Request, row: UploadRow) -> Response:
        offset = await self._uploads.offset(row)
        said = tus.tell_upload(
            total_bytes=row.total_bytes,
            filename=row.filename,
            media_type=row.media_type,
            kind=row.kind,
            metadata=row.metadata,
        )
        headers = tus.tell_progress(offset, row.expires_at) | said
        return Response(headers=headers | {"Cache-Control": NO_STORE})

    async def _append(self, request: Request, row: UploadRow) -> Response:
        tus.require_bytes(request.headers)
        offset = await self._take(request, row, tus.read_offset(request.headers))
        # Its time may have changed.
        row = await self._uploads.find(row.uuid, owner=row.user_uuid)
        return Response(status_code=204, headers=tus.tell_progress(offset, row.expires_at))

    async def _take(self, request: Request, row: UploadRow, offset: int) -> int:
        checksum = tus.read_checksum(request.headers)
        body = Body(
            request,
            max_bytes=max(row.total_bytes - offset, 0),
            silent_seconds=self._silent_seconds,
        )
        return await self._uploads.append(row, offset, body.chunks(), checksum=checksum)

    async def _remove(self, _request: Request, row: UploadRow) -> Response:
        await self._uploads.remove(row)
        return Response(status_code=204)


def _not_allowed(*methods: str) -> HTTPException:
    return HTTPException(405, headers={"Allow": ", ".join(methods)})


def _read_id(request: Request) -> UUID:
    """The id in the path; what is none is never looked for, least of all as a path."""
    given = request.path_params["upload_id"]
    if not _ID.fullmatch(given):
        raise NotFound("This is not the id of an upload.")
    return UUID(given)
