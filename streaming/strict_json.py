"""JSON as clients send it: a name that stands twice in an object is a mistake, not a choice."""

import json
from typing import Final

import orjson

from domain.errors import InvalidInput

_MAX_SHOWN_CHARS: Final = 100


def parse_json(called: str, text: str | bytes) -> object:
    """The value of a text.

    Args:
        called: What the text is, for the words of errors.

    Raises:
        InvalidInput: It is no JSON, or an object in it has a name twice.
    """
    try:
        value: object = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise InvalidInput(f"{called} is not valid JSON: {error}.") from None
    _refuse_names_twice(called, text)
    return value


def _refuse_names_twice(called: str, text: str | bytes) -> None:
    # orjson takes the last of them, and tells nobody.
    def checked(members: list[tuple[str, object]]) -> None:
        seen: set[str] = set()
        for name, _ in members:
            if name in seen:
                raise InvalidInput(
                    f"{called} has {name[:_MAX_SHOWN_CHARS]!r} twice in one object. Give it once."
                )
            seen.add(name)

    try:
        json.loads(text, object_pairs_hook=checked)
    except RecursionError:
        raise InvalidInput(f"{called} is nested too deeply.") from None
