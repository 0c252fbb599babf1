"""The REST routes of jobs: how they stand, and the rows that an import could not take."""

from functools import partial
from pathlib import PurePath
from typing import Final
from uuid import UUID

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cache.http import PRIVATE
from db.import_rejects import find_reading
from db.jobs import find_job
from db.rows import JobRow
from db.transaction import Database
from domain.enums import Role
from domain.errors import NotFound
from domain.jobs import JobKind
from domain.viewer import MAKE_JOBS
from streaming.downloads import named_attachment
from streaming.identify import Identify
from streaming.import_reading import Reading
from streaming.job_json import job_to_json
from streaming.rejects import encoding_for, stream_rejects
from streaming.routing import API_ROOT, rest_routes
from streaming.sending import ChunkedAnswer

_PATIENCE_SECONDS: Final = 60.0
_WHO_ASKS: Final = "Authorization"


def job_routes(database: Database, *, identify: Identify) -> list[Route]:
    """`/jobs/{uuid}` and `/imports/{uuid}/rejects`: both by the id of a job."""
    routes = _JobRoutes(database, identify)
    return rest_routes(
        (f"{API_ROOT}/jobs/{{job_uuid}}", routes.job, ["GET"]),
        (f"{API_ROOT}/imports/{{job_uuid}}/rejects", routes.rejects, ["GET"]),
    )


class _JobRoutes:
    """What the routes answer."""

    def __init__(self, database: Database, identify: Identify) -> None:
        self._database = database
        self._identify = identify

    async def job(self, request: Request) -> Response:
        """How a job stands."""
        told = orjson.dumps(job_to_json(await self._owned(request)))
        headers = {"Cache-Control": PRIVATE, "Vary": _WHO_ASKS}
        return Response(told, headers=headers, media_type="application/json")

    async def rejects(self, request: Request) -> Response:
        """The rows of a file that have errors."""
        job = await self._owned(request)
        if job.kind != JobKind.IMPORT_RECORDS:
            raise _no_job()
        reading = await self._reading(job)
        dialect = None if reading is None else reading.dialect
        encoding = encoding_for(dialect, job["options"])
        headers = {
            "Content-Type": f"text/csv; charset={encoding.removesuffix('-sig')}",
            "Content-Disposition": named_attachment(
                f"{PurePath(job['filename']).stem}-rejects.csv"
            ),
            "Cache-Control": PRIVATE,
            "Vary": _WHO_ASKS,
            "X-Content-Type-Options": "nosniff",
        }
        return ChunkedAnswer(
            partial(stream_rejects, self._database, job.id, dialect, encoding),
            status_code=200,
            headers=headers,
            patience_seconds=_PATIENCE_SECONDS,
            facts={"job": str(job.uuid)},
        )

    async def _reading(self, job: JobRow) -> Reading | None:
        async with self._database.read() as session:
            stored = await find_reading(session, job.id)
        return None if stored is None else Reading.from_json(stored)

    async def _owned(self, request: Request) -> JobRow:
        """The job of the path.

        Raises:
            NotFound: There is none, or it is not for who asks: nobody can tell which.
        """
        viewer = await self._identify(request, *MAKE_JOBS)
        try:
            job_uuid = UUID(request.path_params["job_uuid"])
        except ValueError:
            raise _no_job() from None
        async with self._database.read() as session:
            job = await find_job(session, job_uuid)
        if job is None or not (viewer.role is Role.ADMIN or job.user_uuid == viewer.user_uuid):
            raise _no_job()
        return job


def _no_job() -> NotFound:
    return NotFound("You have no such job.")
