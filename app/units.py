"""Durations and sizes as people write them in settings: `15m`, `50MiB`."""

import re
from collections.abc import Mapping
from typing import Final

_SECONDS: Final = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86_400}
_BYTES: Final = {
    "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "kib": 2**10, "mib": 2**20, "gib": 2**30,
}  # fmt: skip
_QUANTITY: Final = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([a-zA-Z]*)\s*")


def parse_seconds(value: object) -> object:
    """Seconds from `90`, `90s`, `15m`, `1h`, `7d`; anything else is left for the caller to refuse.

    Raises:
        ValueError: A text with an unknown unit.
    """
    return _parse(value, _SECONDS, "s", "a number of seconds, or like 500ms, 15m, 1h, 7d")


def parse_bytes(value: object) -> object:
    """Bytes from `4096`, `50MiB`, `2GB`; anything else is left for the caller to refuse.

    Raises:
        ValueError: A text with an unknown unit.
    """
    quantity = _parse(value, _BYTES, "b", "a number of bytes, or like 512KiB, 50MiB, 2GB")
    return round(quantity) if isinstance(quantity, float) else quantity


def _parse(value: object, units: Mapping[str, float], default: str, allowed: str) -> object:
    if not isinstance(value, str):
        return value
    match = _QUANTITY.fullmatch(value)
    factor = match and units.get(match[2].lower() or default)
    if not match or not factor:
        raise ValueError(f"must be {allowed}")
    return float(match[1]) * factor
