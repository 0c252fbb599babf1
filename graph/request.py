"""From the bytes of a request to what is to be executed: GraphQL over HTTP, read strictly."""

import asyncio
from dataclasses import dataclass, replace
from typing import Any, Final

import orjson
from starlette.requests import ClientDisconnect, Request

from domain.errors import (
    AppError,
    ErrorCode,
    InvalidInput,
    PayloadTooLarge,
    RequestTimeout,
)
from domain.idempotency import check_key

_JSON: Final = "application/json"
_MAX_NESTING: Final = 100
_BODY_TIMEOUT_SECONDS: Final = 10.0
_DISCARDED_BYTES: Final = 32 * 2**20


class UnsupportedMediaType(AppError):
    """The body is not JSON by its own word."""

    code = ErrorCode.UNSUPPORTED_MEDIA_TYPE


@dataclass(frozen=True)
class GraphQLRequest:
    """What a client wants executed.

    Attributes:
        idempotency_key: Of the header, for the one mutation that is wanted.
    """

    query: str
    variables: dict[str, Any] | None = None
    operation_name: str | None = None
    idempotency_key: str | None = None


async def read_request(request: Request, *, max_body_bytes: int) -> GraphQLRequest:
    """The operation of a GET or POST request.

    Raises:
        AppError: It is too large, too slow, not JSON, or not a GraphQL request.
    """
    if request.method != "POST":
        parameters = dict(request.query_params)
        for name in ("variables", "extensions"):
            if text := parameters.get(name):
                parameters[name] = _parse(text.encode(), what=f"The parameter {name}")
        return _checked(parameters)
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != _JSON:
        raise UnsupportedMediaType(f"Send the request as {_JSON}.")
    if request.headers.get("content-encoding", "identity") != "identity":
        raise UnsupportedMediaType("Send the body without a content encoding.")
    key = request.headers.get("idempotency-key")
    wanted = _checked(_parse(await _read_body(request, max_body_bytes), what="The body"))
    return wanted if key is None else replace(wanted, idempotency_key=check_key(key))


async def _read_body(request: Request, max_bytes: int) -> bytes:
    body, size = bytearray(), 0
    try:
        async with asyncio.timeout(_BODY_TIMEOUT_SECONDS):
            async for chunk in request.stream():
                size += len(chunk)
                if size > max_bytes + _DISCARDED_BYTES:
                    break
                if size <= max_bytes:
                    body += chunk
    except TimeoutError:
        raise RequestTimeout("The body did not arrive in time.") from None
    except ClientDisconnect:
        raise RequestTimeout("The connection ended before the body did.") from None
    # The rest was read and thrown away, or the client would not read the answer while it writes.
    if size > max_bytes:
        raise PayloadTooLarge(f"The body is larger than {max_bytes} bytes.", limit=max_bytes)
    return bytes(body)


def _parse(text: bytes, *, what: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise InvalidInput(f"{what} is not valid JSON: {error}.") from None


def _checked(wanted: Any) -> GraphQLRequest:
    if not isinstance(wanted, dict):
        raise InvalidInput('The body is not a JSON object such as {"query": "{ viewer { id } }"}.')
    query = wanted.get("query")
    if not isinstance(query, str) or not query.strip():
        raise InvalidInput("The request has no query; it must be a text.")
    variables = wanted.get("variables")
    if variables is not None and not isinstance(variables, dict):
        raise InvalidInput("The variables are not a JSON object.")
    if variables and _nesting(variables) > _MAX_NESTING:
        raise InvalidInput(f"The variables are nested more than {_MAX_NESTING} levels deep.")
    operation_name = wanted.get("operationName")
    if operation_name is not None and not isinstance(operation_name, str):
        raise InvalidInput("The operationName is not a text.")
    return GraphQLRequest(query, variables, operation_name or None)


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
