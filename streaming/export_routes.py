"""The REST routes of exports: streams of records, and files that were streamed before.

A stream is fresh each time. Who names the file that it got, by If-Range or If-Match, is served from
that file; two states of the records are never spliced.
"""

from datetime import UTC, datetime
from functools import partial
from typing import Any, Final
from uuid import UUID

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cache.http import PRIVATE
from domain.asker import asked_by
from domain.errors import NotFound
from domain.export_json import export_digest
from domain.exports import Export, ExportEntity
from domain.viewer import Permission, Viewer
from streaming.downloads import Downloads, describing
from streaming.export_params import read_export, read_parameters
from streaming.exporting import Exporter
from streaming.identify import Identify
from streaming.json_bodies import read_json_object
from streaming.resuming import spool_to_resume
from streaming.routing import API_ROOT, Served, rest_routes
from streaming.spool import Spool

_WHO_ASKS: Final = "Authorization"


def export_routes(
    exporter: Exporter,
    downloads: Downloads,
    *,
    identify: Identify,
    max_body_bytes: int,
) -> list[Route]:
    """Streams of contacts and companies, and `/exports/{id}` with its manifest."""
    routes = _ExportRoutes(exporter, downloads, identify, max_body_bytes)
    streams: list[Served] = [
        (f"{API_ROOT}/{entity.lower()}/stream", partial(routes.stream, entity), ["GET", "POST"])
        for entity in ExportEntity
    ]
    return rest_routes(
        *streams,
        (f"{API_ROOT}/exports/{{export_id}}", routes.download, ["GET"]),
        (f"{API_ROOT}/exports/{{export_id}}/manifest", routes.manifest, ["GET"]),
    )


class _ExportRoutes:
    """What the routes answer."""

    def __init__(
        self,
        exporter: Exporter,
        downloads: Downloads,
        identify: Identify,
        max_body_bytes: int,
    ) -> None:
        self._exporter = exporter
        self._downloads = downloads
        self._identify = identify
        self._max_body_bytes = max_body_bytes

    async def stream(self, entity: ExportEntity, request: Request) -> Response:
        """All records that match, from a new state or from the file that the request names."""
        viewer = await self._admitted(request)
        with asked_by(viewer.user_uuid, sees_all=viewer.sees_all):
            return await self._stream(entity, request, viewer)

    async def _stream(self, entity: ExportEntity, request: Request, viewer: Viewer) -> Response:
        export = await self._asked_for(entity, request)
        spool = await spool_to_resume(
            request, self._exporter.spools, viewer=viewer, digest=export_digest(export)
        )
        if spool is None and request.method == "HEAD":
            return _announced(export)
        # A file that nobody could have named is sent whole.
        response = await self._downloads.answer(
            request,
            spool or self._exporter.begin(export, owner=viewer.user_uuid),
            takes_ranges=spool is not None,
        )
        response.headers.add_vary_header("Accept")
        return response

    async def download(self, request: Request) -> Response:
        """A file that was exported before."""
        spool = await self._owned(request)
        return await self._downloads.answer(request, spool, takes_ranges=True)

    async def manifest(self, request: Request) -> Response:
        """What proves a file whole, or how far it is."""
        spool = await self._owned(request)
        told = _so_far(spool) if spool.manifest is None else spool.manifest.to_json()
        headers = {"Cache-Control": PRIVATE, "Vary": _WHO_ASKS}
        return Response(orjson.dumps(told), headers=headers, media_type="application/json")

    async def _admitted(self, request: Request) -> Viewer:
        self._exporter.require_enabled()
        return await self._identify(request, Permission.EXPORT)

    async def _asked_for(self, entity: ExportEntity, request: Request) -> Export:
        sources: list[Any] = [request.query_params.multi_items()]
        if request.method == "POST":
            body = await read_json_object(request, max_bytes=self._max_body_bytes)
            sources.append(body.items())
        return read_export(
            entity,
            read_parameters(*sources),
            cursors=self._exporter.cursors,
            accept=", ".join(request.headers.getlist("accept")),
        )

    async def _owned(self, request: Request) -> Spool:
        """The file of the path.

        Raises:
            NotFound: There is none, or it is not for who asks: nobody can tell which.
        """
        viewer = await self._admitted(request)
        try:
            spool = await self._exporter.spools.find(UUID(request.path_params["export_id"]))
        except ValueError:
            spool = None
        if spool is None or not spool.about.is_for(viewer):
            raise NotFound("You have no such export. It may have expired: ask for it again.")
        return spool


def _announced(export: Export) -> Response:
    """What is known of a stream without any work."""
    headers = {
        **describing(export.entity.lower(), export.format, datetime.now(UTC)),
        "Cache-Control": PRIVATE,
        "Vary": f"Accept, Accept-Encoding, {_WHO_ASKS}",
    }
    response = Response(headers=headers)
    # The length that HEAD tells would be that of the file.
    del response.headers["Content-Length"]
    return response


def _so_far(spool: Spool) -> dict[str, Any]:
    """What is known of a file that grows."""
    return {
        "rows": spool.rows,
        "bytes": spool.bytes,
        "sha256": None,
        "truncated": spool.foreseen.truncated,
        "snapshotAt": None,
        "filter": spool.about.filter,
        "format": spool.about.format.value,
        "complete": False,
    }
