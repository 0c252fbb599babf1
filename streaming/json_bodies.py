"""Bodies of REST requests that are JSON objects."""

import asyncio
from typing import Any, Final

from starlette.requests import Request

from domain.errors import InvalidInput, RequestTimeout, UnsupportedMediaType
from streaming.bodies import Body, media_type_of
from streaming.strict_json import parse_json

JSON: Final = "application/json"

_BODY_SECONDS: Final = 10.0


async def read_json_object(request: Request, *, max_bytes: int) -> dict[str, Any]:
    """The object that a request has for a body.

    Raises:
        UnsupportedMediaType: It is not sent as JSON, or compressed.
        PayloadTooLarge: It has more bytes than these.
        RequestTimeout: It did not arrive in time.
        InvalidInput: It is no JSON, has a name twice in an object, or is none itself.
    """
    if media_type_of(request) != JSON:
        raise UnsupportedMediaType(f"Send the body as {JSON}.")
    value = parse_json("The body", await _read(Body(request, max_bytes=max_bytes)))
    if not isinstance(value, dict):
        raise InvalidInput('The body is not a JSON object such as {"format": "csv"}.')
    return value


async def _read(body: Body) -> bytes:
    async with body.answered():
        try:
            async with asyncio.timeout(_BODY_SECONDS):
                return b"".join([piece async for piece in body.chunks()])
        except TimeoutError:
            raise RequestTimeout("The body did not arrive in time.") from None
