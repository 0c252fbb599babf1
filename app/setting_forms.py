"""The forms in which settings are written: times, sizes, names with commas, addresses."""

from ipaddress import ip_network
from typing import Annotated, Final
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field
from pydantic_settings import NoDecode

from app.units import parse_bytes, parse_seconds

_REDIS_SCHEMES: Final = frozenset({"redis", "rediss", "unix"})

Seconds = Annotated[float, BeforeValidator(parse_seconds), Field(gt=0)]
SomeSeconds = Annotated[Annotated[float, Field(gt=0)] | None, BeforeValidator(parse_seconds)]
SomeDelay = Annotated[Annotated[float, Field(ge=0)] | None, BeforeValidator(parse_seconds)]
Bytes = Annotated[int, BeforeValidator(parse_bytes), Field(gt=0)]
AgeSeconds = Annotated[int, BeforeValidator(parse_seconds), Field(ge=0)]


def _parse_names(written: object) -> object:
    """Names with commas between them."""
    if not isinstance(written, str):
        return written
    return tuple(name for part in written.split(",") if (name := part.strip()))


Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_parse_names)]


def is_network(text: str) -> bool:
    """Whether it is an IP address, or a network of them."""
    try:
        ip_network(text)
    except ValueError:
        return False
    return True


def is_origin(text: str) -> bool:
    """Whether it is what browsers send as Origin: scheme, host and perhaps a port."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and text == f"{parts.scheme}://{parts.netloc}"


def is_redis_address(url: str) -> bool:
    """Whether it says where a Redis server is."""
    try:
        parts = urlsplit(url)
        # The port is read where it is asked for.
        where = parts.path if parts.scheme == "unix" else (parts.hostname, parts.port)[0]
    except ValueError:
        return False
    return parts.scheme in _REDIS_SCHEMES and bool(where)
