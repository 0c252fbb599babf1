"""From the bytes of a request to what is to be executed: GraphQL over HTTP, read strictly."""

import re
from dataclasses import dataclass, field, replace
from typing import Any, Final
from urllib.parse import parse_qsl
from uuid import UUID

from starlette.requests import Request
from starlette.types import Receive, Scope

from cache.http import wants_fresh
from domain.accounts import MAX_CLIENT_CHARS, Client
from domain.errors import (
    InvalidInput,
    PayloadTooLarge,
    RequestTimeout,
    UnsupportedMediaType,
)
from domain.idempotency import check_key
from graph.bounded_json import parse_json
from graph.deadlines import TimeLimit
from graph.observing import REFUSAL, STAGES, STATE, USER, OperationRun
from graph.stages import Stages

_JSON: Final = "application/json"
_UTF_8: Final = frozenset({"utf-8", "utf8"})
_SHA_256: Final = re.compile(r"[0-9a-f]{64}")
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

    def note(self, run: OperationRun) -> None:
        """Have whoever surrounds the request know what it was answered for."""
        if not run.is_event:
            self._scope["state"][STATE] = run

    def note_refusal(self, code: str) -> None:
        """The same of why it was refused before it came to an operation."""
        self._scope["state"][REFUSAL] = code

    def note_user(self, user: UUID) -> None:
        """The same of who sent it."""
        self._scope["state"][USER] = user

    def note_stages(self, stages: Stages) -> None:
        """The same of how long each part of the answer took."""
        self._scope["state"][STAGES] = stages.parts

    @property
    def method(self) -> str:
        """By which method it came."""
        method: str = self._scope["method"]
        return method

    @property
    def is_post(self) -> bool:
        """Whether it may change something."""
        return self.method == "POST"

    @property
    def is_head(self) -> bool:
        """Whether the answer has no body."""
        return self.method == "HEAD"

    @property
    def wants_fresh(self) -> bool:
        """Whether the client takes nothing that was kept."""
        value = self.list_header(b"cache-control")
        return value is not None and wants_fresh(value)

    def for_starlette(self) -> Request:
        """The same for what Starlette answers."""
        return Request(self._scope, self.receive)

    def client(self) -> Client:
        """From where it comes."""
        peer, name = self._scope.get("client"), self.header(b"user-agent")
        return Client(peer[0] if peer else None, None if name is None else name[:MAX_CLIENT_CHARS])

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
        """What stands behind the question mark.

        Raises:
            InvalidInput: A name stands there twice, or it is not UTF-8.
        """
        try:
            text = self._scope["query_string"].decode()
            pairs = parse_qsl(text, keep_blank_values=True, errors="strict")
        except UnicodeDecodeError:
            raise InvalidInput("The parameters are not a text in UTF-8.") from None
        parameters: dict[str, Any] = dict(pairs)
        if len(parameters) < len(pairs):
            raise InvalidInput("A parameter is there twice. Give it once.")
        return parameters


@dataclass(frozen=True)
class GraphQLRequest:
    """What a client wants executed.

    Attributes:
        query: The document; empty when it is named, or known by its hash.
        document_id: The name or hash of a stored document.
        sha256: The hash of the document in hexadecimal, by `extensions.persistedQuery`; with a
            query it may be wrong.
        idempotency_key: Of the header, for the one mutation that is wanted.
    """

    query: str
    variables: dict[str, Any] = field(default_factory=dict)
    operation_name: str | None = None
    document_id: str | None = None
    sha256: str | None = None
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
                parameters[name] = parse_json(text.encode(), what=f"The parameter {name}")
        return checked_request(parameters)
    _require_json(request)
    body = await _read_body(request, max_body_bytes)
    wanted = checked_request(parse_json(body, what="The body"))
    key = request.header(b"idempotency-key")
    return wanted if key is None else replace(wanted, idempotency_key=check_key(key))


def _require_json(request: HTTPRequest) -> None:
    media_type = request.list_header(b"content-type") or ""
    if media_type != _JSON and not _is_json(media_type):
        raise UnsupportedMediaType(f"Send the request as {_JSON}.")
    coding = request.list_header(b"content-encoding")
    if coding is not None and coding.lower() != "identity":
        raise UnsupportedMediaType("Send the body without a content encoding.")


def _is_json(media_type: str) -> bool:
    """Whether a media type with parameters is that of JSON, which is UTF-8 whatever else is said.

    Source: RFC 8259, 8.1.
    """
    name, *parameters = (part.strip().lower() for part in media_type.split(";"))
    charsets = {
        value.strip().strip('"')
        for key, _, value in (parameter.partition("=") for parameter in parameters)
        if key.strip() == "charset"
    }
    return name == _JSON and charsets <= _UTF_8


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


def checked_request(wanted: Any) -> GraphQLRequest:
    """A request from its JSON.

    Raises:
        InvalidInput: It is none.
    """
    if not isinstance(wanted, dict):
        raise InvalidInput('The body is not a JSON object such as {"query": "{ viewer { id } }"}.')
    query, document_id, sha256 = _document(wanted)
    variables = wanted.get("variables")
    if variables is not None and not isinstance(variables, dict):
        raise InvalidInput("The variables are not a JSON object.")
    operation_name = wanted.get("operationName")
    if operation_name is not None and not isinstance(operation_name, str):
        raise InvalidInput("The operationName is not a text.")
    return GraphQLRequest(query, variables or {}, operation_name or None, document_id, sha256)


def _document(wanted: dict[str, Any]) -> tuple[str, str | None, str | None]:
    """The text of a document, or nothing; the name of a stored one; the hash of any."""
    query, document_id = wanted.get("query"), wanted.get("documentId")
    sha256 = _persisted(wanted.get("extensions"))
    if document_id is not None:
        if query is not None or sha256 is not None:
            other = "persistedQuery" if query is None else "query"
            raise InvalidInput(
                f"The request has both a {other} and a documentId. Send one of them."
            )
        if not isinstance(document_id, str):
            raise InvalidInput("The documentId is not a text.")
        return "", document_id, None
    if query is None and sha256 is not None:
        return "", None, sha256
    if not isinstance(query, str) or not query.strip():
        raise InvalidInput("The request has no query; it must be a text.")
    return query, None, sha256


def _persisted(extensions: Any) -> str | None:
    """The hash that a client names its document by."""
    if extensions is None:
        return None
    if not isinstance(extensions, dict):
        raise InvalidInput("The extensions are not a JSON object.")
    persisted = extensions.get("persistedQuery")
    if persisted is None:
        return None
    if not isinstance(persisted, dict):
        raise InvalidInput("The persistedQuery is not a JSON object.")
    version, sha256 = persisted.get("version"), persisted.get("sha256Hash")
    if type(version) is not int or version != 1:
        raise InvalidInput("The persistedQuery has not the version 1, the only one there is.")
    if not isinstance(sha256, str) or not _SHA_256.fullmatch(sha256):
        raise InvalidInput("The sha256Hash is not a SHA-256 in lower-case hexadecimal.")
    return sha256
