"""The HTTP endpoint: read, find the document, execute, answer; a line a step in `respond`."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import inf
from typing import Any, Final, Protocol

import orjson
import structlog
from graphql import (
    ExecutionResult,
    GraphQLError,
    GraphQLSchema,
    OperationType,
)
from starlette.requests import Request
from starlette.responses import Response

from domain.enums import Role
from domain.errors import (
    AppError,
    ErrorCode,
    InvalidInput,
    OperationTimeout,
    Unauthenticated,
)
from graph.accept import GRAPHQL_RESPONSE, negotiate
from graph.context import Context, Viewer
from graph.documents import Document, Documents, InvalidDocument, is_introspection
from graph.errors import MASKED, format_app_error, format_error
from graph.execution import execute_operation
from graph.request import GraphQLRequest, read_request

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


class Authenticate(Protocol):
    """Tells who sent a request; None when it carries no token at all."""

    def __call__(self, request: Request, /) -> Viewer | None:
        """The viewer of the request."""


class GraphQLView:
    """Answers `/graphql`.

    Args:
        open_context: Makes the context of a request for its viewer.
    """

    def __init__(
        self,
        schema: GraphQLSchema,
        *,
        settings: ViewSettings,
        authenticate: Authenticate,
        open_context: Callable[[Viewer | None], Context],
    ) -> None:
        self._schema = schema
        self._documents = Documents(schema)
        self._settings = settings
        self._authenticate = authenticate
        self._open_context = open_context

    async def respond(self, request: Request) -> Response:
        """The answer to one request; a bug of ours is logged and told in the form of all errors."""
        accepted = negotiate(request.headers.get("accept"))
        request_id: str = request.state.request_id
        try:
            return await self._answer(request, accepted, request_id)
        except Exception:
            log.exception("request_failed")
            body = {"errors": [format_app_error(AppError(MASKED), request_id)]}
            return _response(body, accepted, status=500)

    async def _answer(self, request: Request, accepted: str, request_id: str) -> Response:
        try:
            viewer = self._authenticate(request)
            if viewer is None and not self._settings.open_introspection:
                # Before the document is looked at: what is wrong with one tells of the schema.
                raise _no_token()
            wanted = await read_request(request, max_body_bytes=self._settings.max_body_bytes)
            document = self._documents.get(wanted.query)
            self._check(request, document, wanted, viewer)
            context = self._open_context(viewer)
            context.idempotency_key = wanted.idempotency_key
            context.is_debugged = _is_debugged(request, viewer)
            result = await self._execute(document, wanted, context)
        except AppError as error:
            body = {"errors": [format_app_error(error, request_id)]}
            return _response(body, accepted, status=_STATUS.get(error.code, 400), error=error)
        except InvalidDocument as invalid:
            errors = [format_error(e, request_id, code=invalid.code) for e in invalid.errors]
            return _response({"errors": errors}, accepted, status=_request_error(accepted))
        body, status = _body(result, context, request_id), 200
        if "data" not in body:
            status = _request_error(accepted)
        return _response(body, accepted, status=status)

    def _check(
        self, request: Request, document: Document, wanted: GraphQLRequest, viewer: Viewer | None
    ) -> None:
        operation = document.operation(wanted.operation_name)
        if operation is None:
            error = GraphQLError("Name one operation of the document in operationName.")
            raise InvalidDocument(ErrorCode.BAD_USER_INPUT, [error])
        if request.method != "POST" and operation.operation is not OperationType.QUERY:
            raise MethodNotAllowed("A mutation is sent by POST.")
        if wanted.idempotency_key and document.count_mutations(operation) > 1:
            raise InvalidInput(_ONE_MUTATION)
        if viewer is None and not is_introspection(operation):
            raise _no_token()

    async def _execute(
        self, document: Document, wanted: GraphQLRequest, context: Context
    ) -> ExecutionResult:
        try:
            async with asyncio.timeout(self._settings.request_timeout_seconds) as timeout:
                context.deadline = timeout.when() or inf
                return await execute_operation(self._schema, document, wanted, context)
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
        told["replica"] = context.reads.served()
    if extensions := {name: items for name, items in told.items() if items}:
        body["extensions"] = extensions
    return body


def _is_debugged(request: Request, viewer: Viewer | None) -> bool:
    asked = request.headers.get("x-debug") == "cache"
    return asked and viewer is not None and viewer.role is Role.ADMIN


def _request_error(accepted: str) -> int:
    """Source: GraphQL over HTTP, 6.4: only the media type of its own lets a status say it."""
    return 400 if accepted == GRAPHQL_RESPONSE else 200


def _response(
    body: Mapping[str, Any], accepted: str, *, status: int, error: AppError | None = None
) -> Response:
    headers = {"Vary": "Accept", "Cache-Control": "private, no-cache"}
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, MethodNotAllowed):
        headers["Allow"] = "POST"
    if status == 503:
        headers["Retry-After"] = "1"
    media_type = f"{accepted}; charset=utf-8"
    return Response(orjson.dumps(body), status, headers, media_type)
