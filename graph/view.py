"""The HTTP endpoint: read, find the document, execute, answer; a line a step in `_answered`.

It is an ASGI application of its own: what Starlette makes of a request and an answer on the way
costs as much as a small query.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from math import inf
from typing import Any, Final

import orjson
import structlog
from graphql import ExecutionResult, OperationType
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from cache.http import PRIVATE
from domain.enums import Role
from domain.errors import (
    AppError,
    ErrorCode,
    FeatureDisabled,
    InvalidInput,
    PersistedQueryNotSupported,
    Unauthenticated,
)
from domain.viewer import Viewer
from graph.accept import EVENT_STREAM, GRAPHQL_RESPONSE, JSON, LINES, negotiate, takes_events
from graph.context import Context, no_token
from graph.document import Operation
from graph.documents import InvalidDocument
from graph.endpoint import Endpoint, body_of, errors_of
from graph.errors import MASKED, format_app_error, retry_after
from graph.event_stream import EVENT_STREAM_HEADERS, EventStream, OpenStreams, as_events
from graph.http_caching import AnswerCaching, Reply
from graph.persisted_documents import PersistedQueryNotFound
from graph.request import GraphQLRequest, HTTPRequest, read_request
from graph.stages import Stages
from streaming.statuses import STATUS

_ONE_MUTATION: Final = (
    "The header Idempotency-Key is for one mutation; give each input an idempotencyKey of its own."
)

_AS_A_STREAM: Final = (
    "A subscription is answered by a stream. Send the header `Accept: text/event-stream`, or open "
    "a WebSocket with the subprotocol graphql-transport-ws."
)

_HEADERS: Final = {
    media_type: (
        (b"vary", b"Accept"),
        (b"cache-control", PRIVATE.encode()),
        (b"content-type", f"{media_type}; charset=utf-8".encode()),
    )
    for media_type in (JSON, GRAPHQL_RESPONSE)
} | {EVENT_STREAM: EVENT_STREAM_HEADERS}

_TRANSPORTS: Final = {EVENT_STREAM: "events", LINES: "lines"}

METHODS: Final = ("GET", "HEAD", "POST")

_STRANGERS_BODY_BYTES: Final = 64 * 2**10
_STRANGERS_CHARS: Final = 2000

_Admitted = tuple[GraphQLRequest, Operation]

AnswerByLines = Callable[[Request, Operation, Mapping[str, Any], Context], Awaitable[Response]]
"""Answers a query with a list by its rows, a line each; raises what is wrong before the first."""

log = structlog.get_logger(__name__)


class MethodNotAllowed(AppError):
    """A method that is none of ours, a mutation by GET, a subscription or stream by HEAD.

    Args:
        allow: The methods by which it may come, as the header Allow names them.
    """

    code = ErrorCode.METHOD_NOT_ALLOWED

    def __init__(self, message: str, *, allow: str) -> None:
        super().__init__(message)
        self.allow = allow


@dataclass(frozen=True)
class _Answer:
    """What is sent back.

    Attributes:
        error: Why there is no result.
    """

    body: Mapping[str, Any]
    status: int = 200
    error: AppError | None = None


@dataclass(frozen=True)
class _Lines:
    """An answer by lines."""

    request: Request
    response: Response

    async def send(self, receive: Receive, send: Send) -> None:
        """Send it to its end."""
        await self.response(self.request.scope, receive, send)


class GraphQLView:
    """Answers `/graphql`.

    Args:
        caching: What a GET is told about keeping its answer; None: no more than a POST.
        lines: Answers who takes lines of JSON; None where nobody does.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        streams: OpenStreams,
        *,
        caching: AnswerCaching | None = None,
        lines: AnswerByLines | None = None,
    ) -> None:
        self._endpoint = endpoint
        self._settings = endpoint.settings
        self._streams = streams
        self._caching = caching
        self._lines = lines

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; a bug of ours is logged and told in the form of all errors."""
        request = HTTPRequest(scope, receive)
        accepted = negotiate(request.list_header(b"accept"))
        try:
            answer = await self._answer(request, accepted)
            if isinstance(answer, _Answer):
                content = orjson.dumps(answer.body, option=orjson.OPT_UTC_Z)
        except Exception:
            log.exception("request_failed")
            request.note_refusal(ErrorCode.INTERNAL_SERVER_ERROR)
            answer = _Answer({"errors": [format_app_error(AppError(MASKED), request.id)]}, 500)
            content = orjson.dumps(answer.body)
        if not isinstance(answer, _Answer):
            await answer.send(receive, send)
            return
        if accepted is EVENT_STREAM:
            accepted, content = _streamed(answer, content)
        elif accepted is LINES:
            accepted = JSON
        status = answer.status
        headers = [*_HEADERS[accepted], (b"content-length", b"%d" % len(content))]
        if not request.is_post and self._caching is not None and accepted is not EVENT_STREAM:
            reply = _kept(self._caching, request, answer, content, accepted)
            status, headers, content = reply.status, reply.headers, reply.content
        if answer.status != 200 or "errors" in answer.body:
            headers += _more_headers(answer)
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": content})

    async def _answer(self, request: HTTPRequest, accepted: str) -> _Answer | EventStream | _Lines:
        """The answer, or why there is none."""
        try:
            return await self._answered(request, accepted)
        except AppError as error:
            request.note_refusal(error.code)
            body = {"errors": [format_app_error(error, request.id)]}
            return _Answer(body, STATUS.get(error.code, 400), error)
        except InvalidDocument as invalid:
            request.note_refusal(invalid.code)
            return _Answer(errors_of(invalid, request.id), _request_error(accepted))

    async def _answered(
        self, request: HTTPRequest, accepted: str
    ) -> _Answer | EventStream | _Lines:
        stages = Stages()
        request.note_stages(stages)
        if request.method not in METHODS:
            raise MethodNotAllowed("Send the request by POST or GET.", allow=", ".join(METHODS))
        viewer, refusal = await self._identify(request)
        stages.end("auth")
        if viewer is None and (refusal is not None or not self._settings.open_introspection):
            wanted, operation = await self._admit_stranger(request, refusal)
        else:
            wanted, operation = await self._admit(
                request, viewer, max_body_bytes=self._settings.max_body_bytes
            )
        operation.require_one_login()
        stages.end("find")
        variables = wanted.variables
        context = self._open_context(request, wanted, viewer, accepted)
        if accepted is LINES:
            return await self._answer_by_lines(request, operation, variables, context)
        if operation.kind is OperationType.SUBSCRIPTION:
            return await self._subscribe(request, operation, variables, context, accepted)
        result = await self._endpoint.execute(operation, variables, context)
        stages.end("execute")
        if not request.is_post and context.cost is not None:
            # What is left is another with every answer, and so would its tag be.
            context.cost.per_minute = None
        return _finished(result, context, request, accepted)

    def _open_context(
        self, request: HTTPRequest, wanted: GraphQLRequest, viewer: Viewer | None, accepted: str
    ) -> Context:
        context = self._endpoint.open_context(viewer)
        context.transport = _TRANSPORTS.get(accepted, "http")
        context.observe = request.note
        context.client = request.client
        context.idempotency_key = wanted.idempotency_key
        context.bypasses_cache = request.wants_fresh
        context.is_debugged = _is_debugged(request, viewer)
        return context

    async def _identify(self, request: HTTPRequest) -> tuple[Viewer | None, Unauthenticated | None]:
        """Who sends a request, or why that is nobody.

        Clients send the token they have on every request, the one that asks for another included.
        """
        try:
            viewer = await self._endpoint.authenticate(request.header(b"authorization"))
        except Unauthenticated as refusal:
            return None, refusal
        if viewer is not None:
            request.note_user(viewer.user_uuid)
        return viewer, None

    async def _admit_stranger(
        self, request: HTTPRequest, refusal: Unauthenticated | None
    ) -> _Admitted:
        """The operation of a request without a good token: a public one, and a short document.

        Whatever is wrong with another is not told: it would tell of the schema.
        """
        try:
            admitted = await self._admit(
                request,
                None,
                max_body_bytes=min(_STRANGERS_BODY_BYTES, self._settings.max_body_bytes),
                max_chars=_STRANGERS_CHARS,
            )
        except (PersistedQueryNotFound, PersistedQueryNotSupported):
            # A hash, and nothing else, has come: clients have to know that the text is wanted.
            raise
        except (AppError, InvalidDocument):
            raise refusal or no_token() from None
        _, operation = admitted
        if refusal is not None and not operation.is_public:
            raise refusal
        return admitted

    async def _admit(
        self,
        request: HTTPRequest,
        viewer: Viewer | None,
        *,
        max_body_bytes: int,
        max_chars: float = inf,
    ) -> _Admitted:
        wanted = await read_request(request, max_body_bytes=max_body_bytes)
        if len(wanted.query) > max_chars:
            raise no_token()
        operation = self._endpoint.find(wanted, viewer)
        self._check(request, operation, wanted, viewer)
        return wanted, operation

    def _check(
        self,
        request: HTTPRequest,
        operation: Operation,
        wanted: GraphQLRequest,
        viewer: Viewer | None,
    ) -> None:
        if not request.is_post and operation.kind is OperationType.MUTATION:
            raise MethodNotAllowed("A mutation is sent by POST.", allow="POST")
        if wanted.idempotency_key and operation.count_mutations() > 1:
            raise InvalidInput(_ONE_MUTATION)
        if viewer is not None:
            operation.require_permissions(wanted.variables, viewer)
        elif not (operation.is_public or self._is_open(operation)):
            raise no_token()

    def _is_open(self, operation: Operation) -> bool:
        return self._settings.open_introspection and operation.is_introspection

    async def _answer_by_lines(
        self,
        request: HTTPRequest,
        operation: Operation,
        variables: Mapping[str, Any],
        context: Context,
    ) -> _Lines:
        if self._lines is None:
            raise FeatureDisabled("Nothing is streamed here. Read page by page with first, after.")
        if request.is_head:
            raise MethodNotAllowed("A stream is sent by POST or GET.", allow="GET, POST")
        whole = request.for_starlette()
        return _Lines(whole, await self._lines(whole, operation, variables, context))

    async def _subscribe(
        self,
        request: HTTPRequest,
        operation: Operation,
        variables: Mapping[str, Any],
        context: Context,
        accepted: str,
    ) -> _Answer | EventStream:
        if not takes_events(request.list_header(b"accept")):
            raise InvalidInput(_AS_A_STREAM)
        if request.is_head:
            raise MethodNotAllowed("A subscription is sent by POST or GET.", allow="GET, POST")
        results = await self._endpoint.subscribe(operation, variables, context)
        if isinstance(results, ExecutionResult):
            return _finished(results, context, request, accepted)
        refusal_of = self._endpoint.refusal_of
        check = partial(refusal_of, request.header(b"authorization"), context.viewer)
        return EventStream(results, context, request.id, self._streams, check=check)


def _finished(
    result: ExecutionResult, context: Context, request: HTTPRequest, accepted: str
) -> _Answer:
    body = body_of(result, context, request.id)
    return _Answer(body, 200 if "data" in body else _request_error(accepted))


def _kept(
    caching: AnswerCaching, request: HTTPRequest, answer: _Answer, content: bytes, media_type: str
) -> Reply:
    """An answer to a GET with what it is told about keeping it."""
    if answer.status == 200 and "errors" not in answer.body:
        return caching.whole(request, content, media_type)
    return caching.failed(answer.status, content, media_type)


def _streamed(answer: _Answer, content: bytes) -> tuple[str, bytes]:
    """The form of an answer for a client that reads events alone: what is no result stays JSON."""
    if answer.status != 200:
        return JSON, content
    return EVENT_STREAM, as_events(content)


def _is_debugged(request: HTTPRequest, viewer: Viewer | None) -> bool:
    asked = request.header(b"x-debug") == "cache"
    return asked and viewer is not None and viewer.role is Role.ADMIN


def _request_error(accepted: str) -> int:
    """Source: GraphQL over HTTP, 6.4: under `application/json` no status says it."""
    return 200 if accepted == JSON else 400


def _more_headers(answer: _Answer) -> list[tuple[bytes, bytes]]:
    headers = []
    if answer.status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    if isinstance(answer.error, MethodNotAllowed):
        headers.append((b"allow", answer.error.allow.encode()))
    if (seconds := retry_after(answer.body.get("errors", ()))) is not None:
        headers.append((b"retry-after", str(seconds).encode()))
    details = {} if answer.error is None else answer.error.details
    if answer.status == 416 and "size" in details:
        headers.append((b"content-range", f"bytes */{details['size']}".encode()))
    return headers
