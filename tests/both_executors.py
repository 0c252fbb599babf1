"""An application that answers every query twice: compiled, and as graphql-core executes it.

The whole suite talks to it, so every query of every test is a proof that both answer the same
bytes. Mutations are answered once: what they do, they do once.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Any, Final
from urllib.parse import parse_qs

import orjson
from graphql import GraphQLError, OperationType, get_operation_ast, parse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.asgi import create_app
from app.observing import Observers
from app.resources import Resources
from app.siblings import Siblings
from db.transaction import Database
from tests.sameness import is_same

_REQUEST_ID: Final = b"x-request-id"
_SERVER_TIMING: Final = b"server-timing"
_DEBUGGING: Final = frozenset({"replica", "execution", "cache"})
_DIFFERING: Final = (b'"execution":', b'"replica":', b'"throttle":')
# It holds the second in which it was signed.
_SIGNATURE: Final = re.compile(rb"([?&]token=)[\w.-]+")
_SHORT_CHARS: Final = 4096


@dataclass(frozen=True)
class Answer:
    """What was sent, but for headers that differ with every request."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes


class AnswersDiffer(AssertionError):
    """The compiled executor answers something else than graphql-core does."""

    def __init__(self, query: str, compiled: Answer, core: Answer) -> None:
        super().__init__(
            f"{query}\ncompiled:     {compiled.status} {compiled.body.decode()}"
            f"\ngraphql-core: {core.status} {core.body.decode()}"
        )


class Comparing:
    """Whether queries are answered twice; a test for which that is wrong says so by its marker.

    Attributes:
        compared: How many queries were.
        differences: What was answered differently; a test may not have noticed that it failed.
    """

    def __init__(self) -> None:
        self._is_on = False
        self.compared = 0
        self.differences: list[AnswersDiffer] = []

    def __bool__(self) -> bool:
        return self._is_on

    @contextmanager
    def switched(self, *, on: bool) -> Iterator[None]:
        """On or off inside the block."""
        before, self._is_on = self._is_on, on
        try:
            yield
        finally:
            self._is_on = before


COMPARING = Comparing()


def without_compilation(resources: Resources) -> Resources:
    """The same resources for an application that nobody observes."""
    settings = resources.settings.model_copy(update={"enable_compiled_execution": False})
    return replace(
        resources,
        settings=settings,
        database=Database(resources.database.engine),
        observers=Observers(),
        siblings=Siblings(),
    )


def both_executors(resources: Resources) -> ASGIApp:
    """The application of resources, beside one that leaves everything to graphql-core."""
    app = create_app(resources)
    if not resources.settings.enable_compiled_execution:
        return app
    return BothExecutors(app, lambda: create_app(without_compilation(resources)))


class BothExecutors:
    """Answers as one application does, and compares with what the other one answers.

    Args:
        make_core: Makes the other one, when there is something to compare.
    """

    def __init__(self, app: ASGIApp, make_core: Callable[[], ASGIApp]) -> None:
        self._app = app
        self._make_core = make_core

    @cached_property
    def _core(self) -> ASGIApp:
        return self._make_core()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with the compiled executor; fail when graphql-core answers something else."""
        if not COMPARING or scope.get("path") != "/graphql":
            await self._app(scope, receive, send)
            return
        messages = await _all_of(receive)
        query = _query_of(scope, b"".join(message.get("body", b"") for message in messages))
        if query is None:
            await self._app(scope, _replayed(messages, receive), send)
            return
        sent: list[Message] = []
        compiled = await _answer(self._app, scope, _replayed(messages, receive), sent)
        core = await _answer(
            self._core, _with_id(scope, compiled), _replayed(messages, receive), []
        )
        COMPARING.compared += 1
        if not _is_same(_compared(compiled), _compared(core)):
            difference = AnswersDiffer(query, compiled, core)
            COMPARING.differences.append(difference)
            raise difference
        for message in sent:
            await send(message)


async def _all_of(receive: Receive) -> list[Message]:
    messages = [await receive()]
    while messages[-1].get("more_body"):
        messages.append(await receive())
    return messages


def _replayed(messages: list[Message], receive: Receive) -> Receive:
    left = iter(messages)

    async def replay() -> Message:
        return next(left, None) or await receive()

    return replay


async def _answer(app: ASGIApp, scope: Scope, receive: Receive, sent: list[Message]) -> Answer:
    async def keep(message: Message) -> None:
        sent.append(message)

    # The application writes into the scope that it is given.
    await app({**scope, "state": {}}, receive, keep)
    body = b"".join(message.get("body", b"") for message in sent)
    headers = sorted(pair for pair in sent[0]["headers"] if pair[0] != _SERVER_TIMING)
    return Answer(sent[0]["status"], tuple(headers), body)


def _compared(answer: Answer) -> Answer:
    """The answer without what differs by itself.

    That are signatures, what the user has left, and what an admin asks by `X-Debug`: which server
    and executor it is from.
    """
    answer = replace(answer, body=_SIGNATURE.sub(rb"\1", answer.body))
    if not any(name in answer.body for name in _DIFFERING):
        return answer
    body = orjson.loads(answer.body)
    told = body.get("extensions", {})
    left = {name: value for name, value in told.items() if name not in _DEBUGGING}
    left.get("cost", {}).pop("throttle", None)
    shown = {**body, "extensions": left}
    others = tuple(header for header in answer.headers if header[0] != b"content-length")
    return replace(answer, headers=others, body=orjson.dumps(shown))


def _is_same(compiled: Answer, core: Answer) -> bool:
    if compiled == core:
        return True
    return compiled.status == core.status and is_same(compiled.body, core.body)


def _with_id(scope: Scope, answer: Answer) -> Scope:
    """The request with the id that its first answer has."""
    others = [header for header in scope["headers"] if header[0].lower() != _REQUEST_ID]
    (request_id,) = (value for key, value in answer.headers if key.lower() == _REQUEST_ID)
    return {**scope, "headers": [*others, (_REQUEST_ID, request_id)]}


def _query_of(scope: Scope, body: bytes) -> str | None:
    """The document and variables of a request that asks a query; None for any other."""
    try:
        wanted = _wanted(scope, body)
        kind = _kind_of(wanted["query"], wanted.get("operationName") or None)
    except (ValueError, TypeError, KeyError, GraphQLError, RecursionError):
        return None
    if kind is not OperationType.QUERY:
        return None
    return f"{wanted['query']}\nvariables: {wanted.get('variables')}"


def _kind_of(text: str, name: str | None) -> OperationType | None:
    return (_parsed_once if len(text) < _SHORT_CHARS else _parsed)(text, name)


def _parsed(text: str, name: str | None) -> OperationType | None:
    operation = get_operation_ast(parse(text), name)
    return None if operation is None else operation.operation


_parsed_once = lru_cache(maxsize=1000)(_parsed)


def _wanted(scope: Scope, body: bytes) -> dict[str, Any]:
    if scope["method"] == "POST":
        given: dict[str, Any] = orjson.loads(body)
        return given
    parameters = parse_qs(scope["query_string"].decode("latin-1"))
    return {name: values[0] for name, values in parameters.items()}
