"""What HTTP and sockets do alike with an operation: who asks, what is meant, what comes of it."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from graphql import ExecutionResult, GraphQLError, OperationDefinitionNode

from domain.errors import ErrorCode, OperationTimeout, Unauthenticated
from domain.viewer import Viewer
from graph.context import Context
from graph.deadlines import TimeLimit
from graph.documents import Document, Documents, InvalidDocument
from graph.errors import format_error
from graph.execution.subscribing import Results
from graph.request import GraphQLRequest

Authenticate = Callable[[str | None], Awaitable[Viewer | None]]
"""Tells who sent a request, by its header Authorization; None when it carries no token at all."""


class Executor(Protocol):
    """Executes one operation of a document."""

    async def execute(
        self, document: Document, wanted: GraphQLRequest, context: Context
    ) -> ExecutionResult:
        """The answer to the query or mutation that is wanted."""

    async def subscribe(
        self, document: Document, wanted: GraphQLRequest, context: Context, *, time: TimeLimit
    ) -> ExecutionResult | Results:
        """The answers to the subscription that is wanted, or why there are none."""


@dataclass(frozen=True, kw_only=True)
class EndpointSettings:
    """What the endpoint can be told.

    Attributes:
        request_timeout_seconds: For a query, a mutation, or one event of a subscription.
        open_introspection: The schema may be read without a token.
    """

    max_body_bytes: int
    request_timeout_seconds: float
    open_introspection: bool


class Endpoint:
    """The steps from a request to its answer, whatever carries them.

    Args:
        authenticate: May raise an AppError, which becomes the answer.
        open_context: Makes the context of a request for its viewer.
    """

    def __init__(
        self,
        executor: Executor,
        documents: Documents,
        *,
        settings: EndpointSettings,
        authenticate: Authenticate,
        open_context: Callable[[Viewer | None], Context],
    ) -> None:
        self._executor = executor
        self._documents = documents
        self._time = TimeLimit(settings.request_timeout_seconds)
        self.settings = settings
        self.authenticate = authenticate
        self.open_context = open_context

    def find(self, wanted: GraphQLRequest) -> Document:
        """The document of a request.

        Raises:
            InvalidDocument: It cannot be parsed, or does not fit the schema.
            AppError: It is named, and there is none of the name.
        """
        if wanted.document_id is None:
            return self._documents.get(wanted.query)
        return self._documents.named(wanted.document_id)

    async def execute(
        self, document: Document, wanted: GraphQLRequest, context: Context
    ) -> ExecutionResult:
        """The answer to a query or mutation.

        Raises:
            OperationTimeout: It takes too long.
        """
        try:
            with self._time.start() as deadline:
                context.deadline = deadline.when
                return await self._executor.execute(document, wanted, context)
        except TimeoutError:
            raise OperationTimeout("The request took too long. Ask for less at once.") from None

    async def subscribe(
        self, document: Document, wanted: GraphQLRequest, context: Context
    ) -> ExecutionResult | Results:
        """The answers to a subscription, or why there are none.

        Raises:
            OperationTimeout: It takes too long to begin.
        """
        try:
            with self._time.start() as deadline:
                context.deadline = deadline.when
                return await self._executor.subscribe(document, wanted, context, time=self._time)
        except TimeoutError:
            raise OperationTimeout("The subscription took too long to begin. Try again.") from None


def operation_of(document: Document, wanted: GraphQLRequest) -> OperationDefinitionNode:
    """The operation that a request means.

    Raises:
        InvalidDocument: There are several, and it does not say which.
    """
    operation = document.operation(wanted.operation_name)
    if operation is None:
        error = GraphQLError("Name one operation of the document in operationName.")
        raise InvalidDocument(ErrorCode.BAD_USER_INPUT, [error])
    return operation


def no_token() -> Unauthenticated:
    """The error of a request that has to say who sends it."""
    return Unauthenticated("Send a token in the header `Authorization: Bearer …`.")


def token_expired() -> Unauthenticated:
    """The error of a connection that has outlived its token."""
    return Unauthenticated("The token has expired. Get a new one and connect again.")


def body_of(result: ExecutionResult, context: Context, request_id: str) -> dict[str, Any]:
    """A result as JSON. A request that could not be started has no `data`, not even null."""
    body: dict[str, Any] = {}
    if result.errors:
        body["errors"] = [format_error(error, request_id) for error in result.errors]
    if result.data is not None or any(error.path for error in result.errors or ()):
        body["data"] = result.data
    told: dict[str, object] = {"notices": context.notices, "hints": context.hints}
    if context.is_debugged:
        told |= {
            "replica": context.reads.served(),
            "execution": context.execution,
            "cache": context.fetches.summary(),
        }
    if extensions := {name: items for name, items in told.items() if items}:
        body["extensions"] = extensions
    return body


def errors_of(invalid: InvalidDocument, request_id: str) -> Mapping[str, Any]:
    """What is wrong with a document as JSON."""
    return {"errors": [format_error(e, request_id, code=invalid.code) for e in invalid.errors]}
