"""The operations of one socket: each in a task of its own, from `subscribe` to its last message."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing
from typing import Any, Final

import structlog
from graphql import ExecutionResult, OperationType

from domain.accounts import Client
from domain.errors import AppError, InvalidInput
from domain.viewer import Viewer
from graph.context import Context
from graph.documents import InvalidDocument
from graph.endpoint import Endpoint, body_of, errors_of
from graph.errors import MASKED, format_app_error
from graph.execution.subscribing import Results
from graph.request import checked_request
from graph.socket_messages import Closed, Gone, Received

MAX_OPERATIONS: Final = 100

_TOO_MANY: Final = (
    f"This socket has {MAX_OPERATIONS} operations under way. Complete one, or open another socket."
)

Send = Callable[[Mapping[str, Any]], Awaitable[None]]
"""Sends a message; raises Gone when there is nobody to send it to."""

log = structlog.get_logger(__name__)


class Operations:
    """The operations under way.

    Args:
        request_id: By what errors are found in the log.
        client: Tells from where the socket comes.
    """

    def __init__(
        self, endpoint: Endpoint, send: Send, request_id: str, client: Callable[[], Client]
    ) -> None:
        self._endpoint = endpoint
        self._send = send
        self._request_id = request_id
        self._client = client
        self._by_id: dict[str, asyncio.Task[None]] = {}
        # Those too that have no id any more, and have not ended yet.
        self._tasks: set[asyncio.Task[None]] = set()
        self._cancelled: set[asyncio.Task[None]] = set()

    async def start(self, message: Received, viewer: Viewer) -> None:
        """Begin an operation.

        Raises:
            Closed: One with the same id is under way.
        """
        if message.id in self._by_id:
            raise Closed(4409, "An operation with this id is under way.")
        if len(self._tasks) >= MAX_OPERATIONS:
            await self._fail(message.id, self._errors(InvalidInput(_TOO_MANY)))
            return
        task = asyncio.create_task(self._run(message, viewer))
        self._by_id[message.id] = task
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def stop(self, operation_id: str) -> None:
        """Have an operation send nothing more; one that is over is none to stop."""
        task = self._by_id.pop(operation_id, None)
        if task is not None:
            self._cancel(task)

    async def end(self) -> None:
        """Stop all operations, and wait until what they hold is given back."""
        tasks = tuple(self._tasks)
        for task in tasks:
            self._cancel(task)
        await asyncio.gather(*tasks, return_exceptions=True)

    def _cancel(self, task: asyncio.Task[None]) -> None:
        """Once only: a second time would break off what gives back what the task holds."""
        if task not in self._cancelled:
            self._cancelled.add(task)
            task.add_done_callback(self._cancelled.discard)
            task.cancel()

    async def _run(self, message: Received, viewer: Viewer) -> None:
        try:
            errors = await self._answer(message, viewer)
            # From here on the client may use the id again.
            self._by_id.pop(message.id, None)
            if errors is None:
                await self._send({"id": message.id, "type": "complete"})
            else:
                await self._fail(message.id, errors)
        except Gone:
            # Whoever reads from the client finds that out as well, and ends everything.
            return

    async def _answer(self, message: Received, viewer: Viewer) -> Any:
        """Send all results; gives the errors when it never came to one."""
        try:
            return await self._execute(message, viewer)
        except AppError as error:
            return self._errors(error)
        except InvalidDocument as invalid:
            return errors_of(invalid, self._request_id)["errors"]
        except Gone:
            raise
        except Exception:
            log.exception("operation_failed")
            return self._errors(AppError(MASKED))

    async def _execute(self, message: Received, viewer: Viewer) -> Any:
        endpoint, wanted = self._endpoint, checked_request(message.payload)
        operation = endpoint.find(wanted, viewer)
        operation.require_permissions(wanted.variables, viewer)
        operation.require_one_login()
        context = endpoint.open_context(viewer)
        context.client, context.transport = self._client, "websocket"
        is_subscription = operation.kind is OperationType.SUBSCRIPTION
        run = endpoint.subscribe if is_subscription else endpoint.execute
        results = await run(operation, wanted.variables, context)
        if not isinstance(results, ExecutionResult):
            return await self._tell_all(message.id, results, context)
        body = body_of(results, context, self._request_id)
        if "data" not in body:
            return body["errors"]
        return await self._next(message.id, body)

    async def _tell_all(self, operation_id: str, results: Results, context: Context) -> None:
        async with aclosing(results):
            async for result in results:
                await self._next(operation_id, body_of(result, context, self._request_id))

    async def _next(self, operation_id: str, body: Mapping[str, Any]) -> None:
        await self._send({"id": operation_id, "type": "next", "payload": body})

    async def _fail(self, operation_id: str, errors: Any) -> None:
        await self._send({"id": operation_id, "type": "error", "payload": errors})

    def _errors(self, error: AppError) -> list[dict[str, Any]]:
        return [format_app_error(error, self._request_id)]
