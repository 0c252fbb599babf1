"""JSON that clients send, bounded: how deep it is, and of how many lists and objects it is made.

The parser itself stops at 1 024 levels, before it runs out of stack; what comes after it recurses
too. Brackets in texts count as if they were lists: no request has as many by accident.
"""

from typing import Any, Final

import orjson

from domain.errors import InvalidInput

MAX_LEVELS: Final = 100
MAX_BRACKETS: Final = 100_000


def parse_json(text: bytes, *, what: str) -> Any:
    """The value of a text.

    Args:
        what: What the text is, for the words of errors.

    Raises:
        InvalidInput: It is no JSON, too deep, or made of too many pieces.
    """
    brackets = text.count(b"[") + text.count(b"{")
    if brackets > MAX_BRACKETS:
        raise InvalidInput(f"{what} has more than {MAX_BRACKETS} brackets. Send it in parts.")
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise InvalidInput(f"{what} is not valid JSON: {error}.") from None
    # Nearly no request has as many brackets as there may be levels, so nearly none is looked at.
    if brackets > MAX_LEVELS and _is_too_deep(value):
        raise InvalidInput(f"{what} is nested more than {MAX_LEVELS} levels deep.")
    return value


def _is_too_deep(value: Any) -> bool:
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(MAX_LEVELS):
        level = [
            item
            for container in level
            for item in (container.values() if isinstance(container, dict) else container)
            if isinstance(item, dict | list)
        ]
        if not level:
            return False
    return True
