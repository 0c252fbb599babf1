"""The HTTP endpoint: read, find the document, execute, answer; a line a step in `_answer`.

It is an ASGI application of its own: what Starlette makes of a request and an answer on the way
costs as much as a small query.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

import orjson
import structlog
from graphql import ExecutionResult, GraphQLError, OperationType
from starlette.types import Receive, Scope, Send

from domain.enums import Role
from domain.errors import (
    AppError,
    ErrorCode,
    InvalidInput,
    OperationTimeout,
    Unauthenticated,
)
from graph.accept import GRAPHQL_RESPONSE, JSON, negotiate
from graph.context import Context, Viewer
from graph.deadlines import TimeLimit
from graph.documents import Document, Documents, InvalidDocument, is_introspection
from graph.errors import MASKED, format_app_error, format_error
from graph.request import GraphQLRequest, HTTPRequest, read_request

_STATUS: Final[Mapping[ErrorCode, int]] = {
    ErrorCode.UNAUTHENTICATED: 401,
    ErrorCode.FORBIDDEN: 403,
    ErrorCode.METHOD_NOT_ALLOWED: 405,
    ErrorCode.REQUEST_TIMEOUT: 408,
    ErrorCode.IDEMPOTENCY_KEY_IN_USE: 409,
    ErrorCode.PAYLOAD_TOO_LARGE: 413,
    ErrorCode.UNSUPPORTED_MEDIA_TYPE: 415,
    ErrorCode.IDEMPOTENCY_KEY_REUSED: 422,
    ErrorCode.SERVICE_UNAVAILABLE: 503,
    ErrorCode.TIMEOUT: 504,
}

_ONE_MUTATION: Final = (
    "The header Idempotency-Key is for one mutation; give each input an idempotencyKey of its own."
)

_HEADERS: Final = {
    media_type: (
        (b"vary", b"Accept"),
        (b"cache-control", b"private, no-cache"),
        (b"content-type", f"{media_type}; charset=utf-8".encode()),
    )
    for media_type in (JSON, GRAPHQL_RESPONSE)
}

log = structlog.get_logger(__name__)


class MethodNotAllowed(AppError):
    """A mutation came by GET."""

    code = ErrorCode.METHOD_NOT_ALLOWED


@dataclass(frozen=True, kw_only=True)
class ViewSettings:
    """What the endpoint can be told.

    Attributes:
        open_introspection: The schema may be read without a token.
    """

    max_body_bytes: int
    request_timeout_seconds: float
    open_introspection: bool


class Executor(Protocol):
    """Executes one operation of a document."""

    async def execute(
        self, document: Document, wanted: GraphQLRequest, context: Context
    ) -> ExecutionResult:
        """The answer to the operation that is wanted."""


Authenticate = Callable[[str | None], Viewer | None]
"""Tells who sent a request, by its header Authorization; None when it carries no token at all."""


@dataclass(frozen=True)
class _Answer:
    """What is sent back.

    Attributes:
        error: Why there is no result.
    """

    body: Mapping[str, Any]
    status: int = 200
    error: AppError | None = None


class GraphQLView:
    """Answers `/graphql`.

    Args:
        authenticate: May raise an AppError, which becomes the answer.
        open_context: Makes the context of a request for its viewer.
    """

    def __init__(
        self,
        executor: Executor,
        documents: Documents,
        *,
        settings: ViewSettings,
        authenticate: Authenticate,
        open_context: Callable[[Viewer | None], Context],
    ) -> None:
        self._executor = executor
        self._documents = documents
        self._settings = settings
        self._time = TimeLimit(settings.request_timeout_seconds)
        self._authenticate = authenticate
        self._open_context = open_context

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; a bug of ours is logged and told in the form of all errors."""
        request = HTTPRequest(scope, receive)
        accepted = negotiate(request.header(b"accept"))
        try:
            answer = await self._answer(request, accepted)
            content = orjson.dumps(answer.body, option=orjson.OPT_UTC_Z)
        except Exception:
            log.exception("request_failed")
            answer = _Answer({"errors": [format_app_error(AppError(MASKED), request.id)]}, 500)
            content = orjson.dumps(answer.body)
        headers = [*_HEADERS[accepted], (b"content-length", b"%d" % len(content))]
        if answer.status != 200:
            headers += _more_headers(answer)
        start = {"type": "http.response.start", "status": answer.status, "headers": headers}
        await send(start)
        await send({"type": "http.response.body", "body": content})

    async def _answer(self, request: HTTPRequest, accepted: str) -> _Answer:
        try:
            viewer = self._authenticate(request.header(b"authorization"))
            if viewer is None and not self._settings.open_introspection:
                # Before the document is looked at: what is wrong with one tells of the schema.
                raise _no_token()
            wanted = await read_request(request, max_body_bytes=self._settings.max_body_bytes)
            document = self._find(wanted)
            self._check(request, document, wanted, viewer)
            context = self._open_context(viewer)
            context.idempotency_key = wanted.idempotency_key
            context.is_debugged = _is_debugged(request, viewer)
            result = await self._execute(document, wanted, context)
        except AppError as error:
            body = {"errors": [format_app_error(error, request.id)]}
            return _Answer(body, _STATUS.get(error.code, 400), error)
        except InvalidDocument as invalid:
            errors = [format_error(e, request.id, code=invalid.code) for e in invalid.errors]
            return _Answer({"errors": errors}, _request_error(accepted))
        body = _body(result, context, request.id)
        return _Answer(body, 200 if "data" in body else _request_error(accepted))

    def _find(self, wanted: GraphQLRequest) -> Document:
        if wanted.document_id is None:
            return self._documents.get(wanted.query)
        return self._documents.named(wanted.document_id)

    def _check(
        self,
        request: HTTPRequest,
        document: Document,
        wanted: GraphQLRequest,
        viewer: Viewer | None,
    ) -> None:
        operation = document.operation(wanted.operation_name)
        if operation is None:
            error = GraphQLError("Name one operation of the document in operationName.")
            raise InvalidDocument(ErrorCode.BAD_USER_INPUT, [error])
        if not request.is_post and operation.operation is not OperationType.QUERY:
            raise MethodNotAllowed("A mutation is sent by POST.")
        if wanted.idempotency_key and document.count_mutations(operation) > 1:
            raise InvalidInput(_ONE_MUTATION)
        if viewer is None and not is_introspection(operation):
            raise _no_token()

    async def _execute(
        self, document: Document, wanted: GraphQLRequest, context: Context
    ) -> ExecutionResult:
        try:
            with self._time.start() as deadline:
                context.deadline = deadline.when
                return await self._executor.execute(document, wanted, context)
        except TimeoutError:
            raise OperationTimeout("The request took too long. Ask for less at once.") from None


def _no_token() -> Unauthenticated:
    return Unauthenticated("Send a token in the header `Authorization: Bearer …`.")


def _body(result: ExecutionResult, context: Context, request_id: str) -> dict[str, Any]:
    """A result as JSON. A request that could not be started has no `data`, not even null."""
    body: dict[str, Any] = {}
    if result.errors:
        body["errors"] = [format_error(error, request_id) for error in result.errors]
    if result.data is not None or any(error.path for error in result.errors or ()):
        body["data"] = result.data
    told: dict[str, object] = {"notices": context.notices, "hints": context.hints}
    if context.is_debugged:
        told |= {"replica": context.reads.served(), "execution": context.execution}
    if extensions := {name: items for name, items in told.items() if items}:
        body["extensions"] = extensions
    return body


def _is_debugged(request: HTTPRequest, viewer: Viewer | None) -> bool:
    asked = request.header(b"x-debug") == "cache"
    return asked and viewer is not None and viewer.role is Role.ADMIN


def _request_error(accepted: str) -> int:
    """Source: GraphQL over HTTP, 6.4: only the media type of its own lets a status say it."""
    return 400 if accepted == GRAPHQL_RESPONSE else 200


def _more_headers(answer: _Answer) -> list[tuple[bytes, bytes]]:
    headers = []
    if answer.status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    if isinstance(answer.error, MethodNotAllowed):
        headers.append((b"allow", b"POST"))
    if answer.status == 503:
        headers.append((b"retry-after", b"1"))
    return headers
