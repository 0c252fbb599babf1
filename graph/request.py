"""From the bytes of a request to what is to be executed: GraphQL over HTTP, read strictly."""

from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import parse_qsl

import orjson
from starlette.requests import Request
from starlette.types import Receive, Scope

from cache.http import wants_fresh
from domain.errors import (
    InvalidInput,
    PayloadTooLarge,
    RequestTimeout,
    UnsupportedMediaType,
)
from domain.idempotency import check_key
from graph.deadlines import TimeLimit

_JSON: Final = "application/json"
_MAX_NESTING: Final = 100
_DISCARDED_BYTES: Final = 32 * 2**20
_BODY_TIME: Final = TimeLimit(10.0)


class HTTPRequest:
    """A request as the server hands it on, with no more made of it than GraphQL asks for."""

    __slots__ = ("_headers", "_scope", "receive")

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self._scope = scope
        # Of a header that comes twice the first counts, unless it is a list.
        self._headers: dict[bytes, bytes] = dict(reversed(scope["headers"]))
        self.receive = receive

    @property
    def id(self) -> str:
        """By what its answer and its log lines are found again."""
        request_id: str = self._scope["state"]["request_id"]
        return request_id

    @property
    def is_post(self) -> bool:
        """Whether it may change something."""
        return bool(self._scope["method"] == "POST")

    @property
    def is_head(self) -> bool:
        """Whether the answer has no body."""
        return bool(self._scope["method"] == "HEAD")

    @property
    def wants_fresh(self) -> bool:
        """Whether the client takes nothing that was kept."""
        value = self.list_header(b"cache-control")
        return value is not None and wants_fresh(value)

    def for_starlette(self) -> Request:
        """The same for what Starlette answers."""
        return Request(self._scope, self.receive)

    def header(self, name: bytes) -> str | None:
        """The value of a header, by its name in lower case."""
        value = self._headers.get(name)
        return None if value is None else value.decode("latin-1")

    def list_header(self, name: bytes) -> str | None:
        """The values of a header that is a list; all of its lines are one.

        Source: RFC 9110, section 5.3.
        """
        if name not in self._headers:
            return None
        lines = [value for other, value in self._scope["headers"] if other == name]
        return b", ".join(lines).decode("latin-1")

    def parameters(self) -> dict[str, Any]:
        """What stands behind the question mark; of a name that comes twice the last counts."""
        return dict(
            parse_qsl(self._scope["query_string"].decode("latin-1"), keep_blank_values=True)
        )


@dataclass(frozen=True)
class GraphQLRequest:
    """What a client wants executed.

    Attributes:
        query: The document; empty when a stored one is named.
        document_id: The name or hash of a stored document.
        idempotency_key: Of the header, for the one mutation that is wanted.
    """

    query: str
    variables: dict[str, Any] | None = None
    operation_name: str | None = None
    document_id: str | None = None
    idempotency_key: str | None = None


async def read_request(request: HTTPRequest, *, max_body_bytes: int) -> GraphQLRequest:
    """The operation of a GET or POST request.

    Raises:
        AppError: It is too large, too slow, not JSON, or not a GraphQL request.
    """
    if not request.is_post:
        parameters = request.parameters()
        for name in ("variables", "extensions"):
            if text := parameters.get(name):
                parameters[name] = _parse(text.encode(), what=f"The parameter {name}")
        return checked_request(parameters)
    media_type = request.header(b"content-type") or ""
    if media_type != _JSON and media_type.partition(";")[0].strip().lower() != _JSON:
        raise UnsupportedMediaType(f"Send the request as {_JSON}.")
    if request.header(b"content-encoding") not in (None, "identity"):
        raise UnsupportedMediaType("Send the body without a content encoding.")
    wanted = checked_request(_parse(await _read_body(request, max_body_bytes), what="The body"))
    key = request.header(b"idempotency-key")
    return wanted if key is None else replace(wanted, idempotency_key=check_key(key))


async def _read_body(request: HTTPRequest, max_bytes: int) -> bytes:
    chunks: list[bytes] = []
    size, more = 0, True
    try:
        with _BODY_TIME.start():
            while more and size <= max_bytes + _DISCARDED_BYTES:
                message = await request.receive()
                if message["type"] == "http.disconnect":
                    raise RequestTimeout("The connection ended before the body did.")
                chunk, more = message.get("body", b""), message.get("more_body", False)
                size += len(chunk)
                if size <= max_bytes:
                    chunks.append(chunk)
    except TimeoutError:
        raise RequestTimeout("The body did not arrive in time.") from None
    # The rest was read and thrown away, or the client would not read the answer while it writes.
    if size > max_bytes:
        raise PayloadTooLarge(f"The body is larger than {max_bytes} bytes.", limit=max_bytes)
    return b"".join(chunks)


def _parse(text: bytes, *, what: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise InvalidInput(f"{what} is not valid JSON: {error}.") from None


def checked_request(wanted: Any) -> GraphQLRequest:
    """A request from its JSON.

    Raises:
        InvalidInput: It is none.
    """
    if not isinstance(wanted, dict):
        raise InvalidInput('The body is not a JSON object such as {"query": "{ viewer { id } }"}.')
    query, document_id = _document(wanted)
    variables = wanted.get("variables")
    if variables is not None and not isinstance(variables, dict):
        raise InvalidInput("The variables are not a JSON object.")
    if variables and _nesting(variables) > _MAX_NESTING:
        raise InvalidInput(f"The variables are nested more than {_MAX_NESTING} levels deep.")
    operation_name = wanted.get("operationName")
    if operation_name is not None and not isinstance(operation_name, str):
        raise InvalidInput("The operationName is not a text.")
    return GraphQLRequest(query, variables, operation_name or None, document_id)


def _document(wanted: dict[str, Any]) -> tuple[str, str | None]:
    """The text of a document, or nothing and the name of a stored one."""
    query, document_id = wanted.get("query"), wanted.get("documentId")
    if document_id is None:
        if not isinstance(query, str) or not query.strip():
            raise InvalidInput("The request has no query; it must be a text.")
        return query, None
    if query is not None:
        raise InvalidInput("The request has both a query and a documentId. Send one of them.")
    if not isinstance(document_id, str):
        raise InvalidInput("The documentId is not a text.")
    return "", document_id


def _nesting(value: dict[str, Any]) -> int:
    level: list[Any] = [value]
    depth = 0
    while level and depth <= _MAX_NESTING:
        depth += 1
        level = [
            item
            for container in level
            for item in (container.values() if isinstance(container, dict) else container)
            if isinstance(item, dict | list)
        ]
    return depth
