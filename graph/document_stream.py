"""Answers a query with a list by a stream of its rows, a line each, to the end.

What is checked is checked before anything is read; from then on a stream is an export like any
other: written into a spool whether or not its client still reads, and taken up again by its tag.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from domain.exports import ExportFormat
from domain.viewer import Permission, Viewer
from graph.context import Context
from graph.document import Operation
from graph.documents import InvalidDocument
from graph.endpoint import Endpoint
from graph.stream_documents import PagedDocuments
from graph.stream_pages import Pages, PageSource
from streaming.downloads import Downloads
from streaming.exporting import Exporter
from streaming.manifests import About
from streaming.resuming import spool_to_resume
from streaming.spool import Source


class DocumentStreams:
    """Streams of GraphQL documents.

    Args:
        endpoint: Executes the pages.
        exporter: Says whether and how much is exported, and where to.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        exporter: Exporter,
        downloads: Downloads,
    ) -> None:
        self._endpoint = endpoint
        self._exporter = exporter
        self._downloads = downloads
        self._documents = PagedDocuments()

    async def answer(
        self,
        request: Request,
        operation: Operation,
        variables: Mapping[str, Any],
        context: Context,
    ) -> Response:
        """The answer with the rows of the list that an operation asks for.

        Raises:
            InvalidDocument: A variable has a wrong value, or a single row costs too much.
            AppError: It is no list that can be streamed, there are too many exports, or the first
                page cannot be had.
        """
        self._exporter.require_enabled()
        try:
            about, source = self._prepare(operation, variables, context)
        except InvalidDocument as invalid:
            raise self._endpoint.concealed(invalid) from None
        spools, viewer = self._exporter.spools, Viewer(about.owner, about.role)
        named = await spool_to_resume(request, spools, viewer=viewer, digest=about.request)
        response = await self._downloads.answer(
            request, named or spools.begin(about, source), takes_ranges=named is not None
        )
        response.headers.add_vary_header("Accept")
        return response

    def _prepare(
        self, operation: Operation, variables: Mapping[str, Any], context: Context
    ) -> tuple[About, Source]:
        viewer = context.require_viewer()
        viewer.require(Permission.EXPORT)
        paged = self._documents.get(operation)
        settings = self._exporter.settings
        walk = paged.walk(variables).at_most(settings.most_rows)
        about = About(
            owner=viewer.user_uuid,
            entity=paged.entity,
            format=ExportFormat.JSONL,
            request=paged.digest(variables, viewer.role),
            filter=walk.filter,
            role=viewer.role,
        )
        pages = Pages(self._endpoint, paged, variables, context)
        asking_for = partial(paged.page_variables, variables)
        rows = self._endpoint.rows_at_once(paged.operation, asking_for)
        return about, PageSource(pages, walk, batch_rows=min(settings.batch_rows, rows))
