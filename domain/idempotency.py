"""Under which key a mutation may be sent again, and when two of them are the same."""

import hashlib
import json
import re
from dataclasses import fields, is_dataclass
from typing import Any, Final

from domain.absent import given
from domain.errors import InvalidInput

MAX_KEY_CHARS: Final = 255

KEPT_SECONDS: Final = 24 * 3600
"""How long a key counts."""

_KEY: Final = re.compile(rf"[\x21-\x7e]{{1,{MAX_KEY_CHARS}}}")

# What names an attempt rather than what is wanted.
_NO_PART_OF_IT: Final = frozenset({"client_mutation_id", "idempotency_key"})


def check_key(key: str) -> str:
    """The key, if it is one.

    Raises:
        InvalidInput: It is empty, too long, or has blanks or characters beyond ASCII.
    """
    if _KEY.fullmatch(key) is None:
        raise InvalidInput(
            f"An idempotency key is 1 to {MAX_KEY_CHARS} visible ASCII characters, such as a UUID."
        )
    return key


def request_hash(mutation: str, given_input: object) -> bytes:
    """What two requests have in common exactly when they ask for the same: 32 bytes.

    Args:
        mutation: The name of the mutation.
        given_input: Its input, as the schema has read it.
    """
    text = json.dumps([mutation, _plain(given_input)], sort_keys=True, default=str)
    return hashlib.sha256(text.encode("ascii")).digest()


def _plain(value: Any) -> Any:
    """Inputs as objects of what was given; everything else as it is."""
    if is_dataclass(value):
        named = ((item.name, getattr(value, item.name)) for item in fields(value))
        return {k: _plain(v) for k, v in named if given(v) and k not in _NO_PART_OF_IT}
    return [_plain(item) for item in value] if isinstance(value, list) else value
