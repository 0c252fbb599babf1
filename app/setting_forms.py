"""The forms in which settings are written: times, sizes, names with commas, addresses, secrets."""

from collections.abc import Callable
from functools import partial
from ipaddress import ip_network
from typing import Annotated, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr
from pydantic_settings import NoDecode
from sqlalchemy.exc import ArgumentError

from app.stopping import MAX_DRAIN_SECONDS
from app.units import parse_bytes, parse_seconds
from db.engine import normalize_database_url

MIN_SECRET_BYTES: Final = 32
MIN_OPS_TOKEN_BYTES: Final = 16

_ADDRESS: Final = "postgresql://user:password@host:5432/database"
_REDIS_ADDRESS: Final = "redis://user:password@host:6379/0"
_REDIS_SCHEMES: Final = frozenset({"redis", "rediss", "unix"})


def _parse_names(written: object) -> object:
    """Names with commas between them."""
    if not isinstance(written, str):
        return written
    return tuple(name for part in written.split(",") if (name := part.strip()))


def _is_network(text: str) -> bool:
    """Whether it is an IP address, or a network of them."""
    try:
        ip_network(text)
    except ValueError:
        return False
    return True


def _is_origin(text: str) -> bool:
    """Whether it is what browsers send as Origin: scheme, host and perhaps a port."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and text == f"{parts.scheme}://{parts.netloc}"


def _is_redis_address(url: str) -> bool:
    """Whether it says where a Redis server is."""
    try:
        parts = urlsplit(url)
        # The port is read where it is asked for.
        where = parts.path if parts.scheme == "unix" else (parts.hostname, parts.port)[0]
    except ValueError:
        return False
    return parts.scheme in _REDIS_SCHEMES and bool(where)


def _redis_address(url: SecretStr) -> SecretStr:
    if not _is_redis_address(url.get_secret_value()):
        raise ValueError(f"must look like {_REDIS_ADDRESS}, rediss://… or unix:///path")
    return url


def _database_address(url: SecretStr) -> SecretStr:
    try:
        normalize_database_url(url.get_secret_value())
    except (ValueError, ArgumentError):
        # What the parser says may quote a part of the address: the password.
        raise ValueError(f"must look like {_ADDRESS}") from None
    return url


def _long_enough(secret: SecretStr, *, least_bytes: int) -> SecretStr:
    if len(secret.get_secret_value().encode()) < least_bytes:
        raise ValueError(f"must have at least {least_bytes} bytes")
    return secret


def _each(
    names: tuple[str, ...], *, is_good: Callable[[str], bool], allowed: str
) -> tuple[str, ...]:
    """Names that are good each, or a star."""
    if not all(name == "*" or is_good(name) for name in names):
        raise ValueError(f"must be {allowed}, or *")
    return names


Seconds = Annotated[float, BeforeValidator(parse_seconds), Field(gt=0)]
SomeSeconds = Annotated[Annotated[float, Field(gt=0)] | None, BeforeValidator(parse_seconds)]
DrainSeconds = Annotated[
    Annotated[float, Field(ge=0, le=MAX_DRAIN_SECONDS)] | None, BeforeValidator(parse_seconds)
]
AgeSeconds = Annotated[int, BeforeValidator(parse_seconds), Field(ge=0)]
Bytes = Annotated[int, BeforeValidator(parse_bytes), Field(gt=0)]

Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_parse_names)]
Origins = Annotated[
    Names,
    AfterValidator(
        partial(_each, is_good=_is_origin, allowed="origins such as https://app.example.com")
    ),
]
Networks = Annotated[
    Names,
    AfterValidator(
        partial(_each, is_good=_is_network, allowed="IP addresses or networks such as 10.0.0.0/8")
    ),
]

DatabaseAddress = Annotated[SecretStr, AfterValidator(_database_address)]
RedisAddress = Annotated[SecretStr, AfterValidator(_redis_address)]
SecretKey = Annotated[
    SecretStr, AfterValidator(partial(_long_enough, least_bytes=MIN_SECRET_BYTES))
]
OpsToken = Annotated[
    SecretStr, AfterValidator(partial(_long_enough, least_bytes=MIN_OPS_TOKEN_BYTES))
]
