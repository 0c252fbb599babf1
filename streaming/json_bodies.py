"""Bodies of REST requests that are JSON objects."""

import asyncio
from typing import Any, Final

from starlette.requests import ClientDisconnect, Request

from domain.errors import (
    InvalidInput,
    PayloadTooLarge,
    RequestTimeout,
    UnsupportedMediaType,
)
from streaming.strict_json import parse_json

_JSON: Final = "application/json"
_DISCARDED_BYTES: Final = 32 * 2**20
_BODY_SECONDS: Final = 10.0


async def read_json_object(request: Request, *, max_bytes: int) -> dict[str, Any]:
    """The object that a request has for a body.

    Raises:
        UnsupportedMediaType: It is not sent as JSON, or compressed.
        PayloadTooLarge: It has more bytes than these.
        RequestTimeout: It did not arrive in time.
        InvalidInput: It is no JSON, has a name twice in an object, or is none itself.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != _JSON:
        raise UnsupportedMediaType(f"Send the body as {_JSON}.")
    if request.headers.get("content-encoding", "identity") != "identity":
        raise UnsupportedMediaType("Send the body without a content encoding.")
    value = parse_json("The body", await _read(request, max_bytes))
    if not isinstance(value, dict):
        raise InvalidInput('The body is not a JSON object such as {"format": "csv"}.')
    return value


async def _read(request: Request, max_bytes: int) -> bytes:
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            return await _read_all(request, max_bytes)
    except TimeoutError:
        raise RequestTimeout("The body did not arrive in time.") from None
    except ClientDisconnect:
        raise RequestTimeout("The connection ended before the body did.") from None


async def _read_all(request: Request, max_bytes: int) -> bytes:
    body, size = bytearray(), 0
    async for chunk in request.stream():
        size += len(chunk)
        if size <= max_bytes:
            body += chunk
        elif size > max_bytes + _DISCARDED_BYTES:
            break
    # The rest was read and thrown away, or the client would not read the answer while it writes.
    if size > max_bytes:
        raise PayloadTooLarge(f"The body is larger than {max_bytes} bytes.", limit=max_bytes)
    return bytes(body)
