"""What HTTP and sockets do alike with an operation: who asks, what is meant, what comes of it."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from time import perf_counter
from typing import Any, Final, Protocol, TypeVar

import structlog
from graphql import ExecutionResult, GraphQLError

from cache.buckets import Buckets
from domain.errors import AppError, ErrorCode, OperationTimeout, Unauthenticated, Unavailable
from domain.viewer import Viewer
from graph.admission import Admission
from graph.context import Context
from graph.costs import CostLimits, Costs
from graph.deadlines import TimeLimit
from graph.document import Operation
from graph.documents import MAX_ERRORS, Documents, InvalidDocument
from graph.errors import format_error, without_suggestion
from graph.execution.subscribing import Results
from graph.observing import OperationObserver
from graph.persisted_documents import PersistedDocuments
from graph.prices import LEAST, Cost
from graph.request import GraphQLRequest
from graph.telling import Asked, codes_of, codes_of_refusal, run_of

Authenticate = Callable[[str | None], Awaitable[Viewer | None]]
"""Tells who sent a request, by its header Authorization; None when it carries no token at all."""


T = TypeVar("T")
R = TypeVar("R", bound=ExecutionResult | Results)

_TOO_LONG: Final = "The request took too long. Ask for less at once."
_TOO_LONG_TO_BEGIN: Final = "The subscription took too long to begin. Try again."

log = structlog.get_logger(__name__)


class Executor(Protocol):
    """Executes operations."""

    async def execute(
        self, operation: Operation, variables: Mapping[str, Any], context: Context
    ) -> ExecutionResult:
        """The answer to a query or mutation."""

    async def subscribe(
        self,
        operation: Operation,
        variables: Mapping[str, Any],
        context: Context,
        *,
        time: TimeLimit,
    ) -> ExecutionResult | Results:
        """The answers to a subscription, or why there are none."""


@dataclass(frozen=True, kw_only=True)
class EndpointSettings:
    """What the endpoint can be told.

    Attributes:
        request_timeout_seconds: For a query, a mutation, or one event of a subscription.
        open_introspection: The schema may be read without a token.
        persisted_queries: Documents are kept for clients that name them by their hashes.
        trusted_documents_only: Stored documents are answered, and no others.
        costs: What operations may cost.
        max_concurrent: How many are executed at the same time.
        max_queued: How many wait for that.
    """

    max_body_bytes: int
    request_timeout_seconds: float
    open_introspection: bool
    persisted_queries: bool = True
    trusted_documents_only: bool = False
    costs: CostLimits = CostLimits()
    max_concurrent: int = 100
    max_queued: int = 100


class Endpoint:
    """The steps from a request to its answer, whatever carries them.

    Args:
        authenticate: May raise an AppError, which becomes the answer.
        open_context: Makes the context of a request for its viewer.
        buckets: Where it is known how much users have left; of this process when left out.
        observe: Is told each operation, and each event of a subscription; without it nobody is.

    Attributes:
        admission: Who is executed, and who waits for that.
    """

    def __init__(
        self,
        executor: Executor,
        documents: Documents,
        *,
        settings: EndpointSettings,
        authenticate: Authenticate,
        open_context: Callable[[Viewer | None], Context],
        buckets: Buckets | None = None,
        observe: OperationObserver | None = None,
    ) -> None:
        self._executor = executor
        self._documents = PersistedDocuments(
            documents,
            keeps=settings.persisted_queries,
            trusted_only=settings.trusted_documents_only,
        )
        self._time = TimeLimit(settings.request_timeout_seconds)
        self._costs = Costs(settings.costs, buckets)
        self._observe = observe
        self.admission = Admission(most=settings.max_concurrent, most_waiting=settings.max_queued)
        self.settings = settings
        self.authenticate = authenticate
        self.open_context = open_context

    def find(self, wanted: GraphQLRequest, viewer: Viewer | None) -> Operation:
        """The operation that a request means, with variables that may be looked at.

        Raises:
            InvalidDocument: Its document cannot be parsed, does not fit the schema, or is not known
                here; or it has several operations, and the request does not say which.
            AppError: The document is named, and there is none of the name; or it may not be asked;
                or the variables are too large.
        """
        document = self._documents.find(wanted, of_stranger=viewer is None)
        operation = document.operation(wanted.operation_name)
        if operation is None:
            error = GraphQLError("Name one operation of the document in operationName.")
            raise InvalidDocument(ErrorCode.BAD_USER_INPUT, [error])
        operation.check_variables(wanted.variables)
        return operation

    async def execute(
        self, operation: Operation, variables: Mapping[str, Any], context: Context
    ) -> ExecutionResult:
        """The answer to a query or mutation of a user.

        Raises:
            InvalidDocument: It costs too much.
            RateLimited: It costs more than the user has left.
            Unavailable: Too many wait for their turn.
            OperationTimeout: It takes too long.
        """
        asked = Asked(operation, variables, context)
        return self._shown(await self._telling(asked, self._execute(asked)))

    async def run(
        self, operation: Operation, variables: Mapping[str, Any], context: Context
    ) -> ExecutionResult:
        """The answer to what somebody else has bounds for: it costs nothing and waits for nobody.

        Raises:
            OperationTimeout: It takes too long.
        """
        asked = Asked(operation, variables, context)
        return await self._telling(asked, self._run(asked))

    async def subscribe(
        self, operation: Operation, variables: Mapping[str, Any], context: Context
    ) -> ExecutionResult | Results:
        """The answers to a subscription, or why there are none.

        It costs what one event does, and has a place only until it waits for events.

        Raises:
            InvalidDocument: It costs too much.
            RateLimited: It costs more than the user has left.
            Unavailable: Too many wait for their turn.
            OperationTimeout: It takes too long to begin.
        """
        asked = Asked(operation, variables, context)
        results = await self._telling(asked, self._subscribe(asked))
        if isinstance(results, ExecutionResult):
            return self._shown(results)
        events = Asked(operation, variables, context)
        results.tell(
            lambda result, seconds: self._tell(
                events, seconds=seconds, codes=codes_of(result), is_event=True
            )
        )
        return results

    async def refusal_of(self, authorization: str | None, viewer: Viewer | None) -> AppError | None:
        """Why a token that goes on being used is not good for the same any more.

        Returns:
            None while it is, and as long as nobody can tell.
        """
        try:
            if await self.authenticate(authorization) != viewer:
                return token_changed()
        except Unavailable:
            log.debug("token_not_checked")
        except AppError as error:
            return error
        return None

    def rows_at_once(
        self, operation: Operation, variables_for: Callable[[int], Mapping[str, Any]]
    ) -> int:
        """How many rows of its one list an operation can ask for at once.

        Args:
            variables_for: Those that ask for so many.

        Raises:
            InvalidDocument: A single one costs too much.
        """
        return self._costs.rows_at_once(operation, variables_for)

    def concealed(self, invalid: InvalidDocument) -> InvalidDocument:
        """What is wrong with a document, as it may be told here."""
        return invalid if self.settings.open_introspection else invalid.without_suggestions()

    async def _run(self, asked: Asked) -> ExecutionResult:
        try:
            with self._time.start() as deadline:
                asked.context.deadline = deadline.when
                return await self._executor.execute(asked.operation, asked.variables, asked.context)
        except TimeoutError:
            raise OperationTimeout(_TOO_LONG) from None

    async def _execute(self, asked: Asked) -> ExecutionResult:
        operation, variables, context = asked.operation, asked.variables, asked.context
        cost = asked.cost = await self._costs.take(operation, variables, context.viewer)
        execute = partial(self._executor.execute, operation, variables, context)
        result = await self._in_turn(cost, context, execute, too_long=_TOO_LONG)
        if result.data is None:
            await self._costs.settle(cost, context.viewer, actual=LEAST)
        else:
            actual = context.bill.total(result.data)
            await self._costs.settle(cost, context.viewer, actual=actual)
            context.cost = cost
        return result

    async def _subscribe(self, asked: Asked) -> ExecutionResult | Results:
        operation, variables, context = asked.operation, asked.variables, asked.context
        cost = asked.cost = await self._costs.take(operation, variables, context.viewer)
        subscribe = partial(
            self._executor.subscribe, operation, variables, context, time=self._time
        )
        results = await self._in_turn(cost, context, subscribe, too_long=_TOO_LONG_TO_BEGIN)
        if isinstance(results, ExecutionResult):
            await self._costs.settle(cost, context.viewer, actual=LEAST)
        return results

    async def _telling(self, asked: Asked, work: Awaitable[R]) -> R:
        """What work gives; it is told what came of it, an answer or none."""
        started = perf_counter()
        try:
            result = await work
        except BaseException as error:
            self._tell(asked, seconds=perf_counter() - started, codes=codes_of_refusal(error))
            raise
        codes = codes_of(result) if isinstance(result, ExecutionResult) else ()
        self._tell(asked, seconds=perf_counter() - started, codes=codes)
        return result

    def _tell(
        self, asked: Asked, *, seconds: float, codes: Sequence[str], is_event: bool = False
    ) -> None:
        """Tell of an operation, or an event of one."""
        if self._observe is None:
            return
        run = run_of(asked, seconds=seconds, codes=codes, is_event=is_event)
        if asked.context.observe is not None:
            asked.context.observe(run)
        self._observe(run)

    async def _in_turn(
        self, cost: Cost, context: Context, work: Callable[[], Awaitable[T]], *, too_long: str
    ) -> T:
        """What work gives that has a place, and waits for one in its own time.

        Without an end of its own it costs nothing if it never began, all of it if it took too long,
        else the least.
        """
        has_begun = False
        try:
            with self._time.start() as deadline:
                context.deadline = deadline.when
                async with self.admission.place(context.asker):
                    has_begun = True
                    return await work()
        except TimeoutError:
            actual = cost.requested if has_begun else 0
            await self._costs.settle(cost, context.viewer, actual=actual)
            raise OperationTimeout(too_long) from None
        except BaseException:
            await self._costs.settle(cost, context.viewer, actual=LEAST if has_begun else 0)
            raise

    def _shown(self, result: ExecutionResult) -> ExecutionResult:
        """An answer as it may be told here; one that was never begun has few errors."""
        if not result.errors:
            return result
        errors = result.errors
        if result.data is None and not any(error.path for error in errors):
            errors = errors[:MAX_ERRORS]
        if not self.settings.open_introspection:
            errors = [without_suggestion(error) for error in errors]
        return ExecutionResult(result.data, errors, result.extensions)


def token_expired() -> Unauthenticated:
    """The error of a connection that has outlived its token."""
    return Unauthenticated("The token has expired. Get a new one and connect again.")


def token_changed() -> Unauthenticated:
    """The error of a connection whose token is not good for the same any more."""
    return Unauthenticated("What the token allows has changed. Connect again.")


def body_of(result: ExecutionResult, context: Context, request_id: str) -> dict[str, Any]:
    """A result as JSON. A request that could not be started has no `data`, not even null."""
    body: dict[str, Any] = {}
    if result.errors:
        body["errors"] = [format_error(error, request_id) for error in result.errors]
    if result.data is not None or any(error.path for error in result.errors or ()):
        body["data"] = result.data
    told: dict[str, object] = {"notices": context.notices, "hints": context.hints}
    if context.cost is not None:
        told["cost"] = context.cost.told()
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
