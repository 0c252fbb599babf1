"""The route `/api/v1/stream/`: a GraphQL document over REST, answered line by line."""

from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from domain.errors import AppError
from graph.context import no_token
from graph.document_stream import DocumentStreams
from graph.documents import InvalidDocument
from graph.endpoint import Endpoint
from graph.errors import MAX_MESSAGE_CHARS
from graph.request import HTTPRequest, read_request

_PATHS: Final = ("/api/v1/stream/", "/api/v1/stream")


class UnusableDocument(AppError):
    """A document that cannot be executed, told as one error."""

    def __init__(self, invalid: InvalidDocument) -> None:
        first = invalid.errors[0]
        super().__init__(
            first.message[:MAX_MESSAGE_CHARS],
            locations=[place.formatted for place in first.locations or ()],
        )
        self.code = invalid.code


class StreamView:
    """Answers a document by its rows; what it takes is what `/graphql` takes by POST."""

    def __init__(self, endpoint: Endpoint, streams: DocumentStreams) -> None:
        self._endpoint = endpoint
        self._streams = streams

    async def answer(self, request: Request) -> Response:
        """The answer to one request.

        Raises:
            AppError: Why there is none.
        """
        endpoint = self._endpoint
        viewer = await endpoint.authenticate(request.headers.get("authorization"))
        if viewer is None:
            raise no_token()
        read = HTTPRequest(request.scope, request.receive)
        read.note_user(viewer.user_uuid)
        wanted = await read_request(read, max_body_bytes=endpoint.settings.max_body_bytes)
        try:
            operation = endpoint.find(wanted, viewer)
            operation.require_permissions(wanted.variables, viewer)
            context = endpoint.open_context(viewer)
            context.transport, context.observe = "lines", read.note
            return await self._streams.answer(request, operation, wanted.variables, context)
        except InvalidDocument as invalid:
            raise UnusableDocument(invalid) from invalid


def stream_routes(view: StreamView) -> list[Route]:
    """The route, with and without the slash at its end."""
    return [Route(path, view.answer, methods=["POST"]) for path in _PATHS]
