"""What a client would rather have: the names in its headers, each with a weight.

Source: RFC 9110, section 12.4.2.
"""

import re
from typing import Final

_WEIGHT: Final = re.compile(r"0(\.[0-9]{0,3})?|1(\.0{0,3})?")


def weighed(part: str) -> tuple[str, float]:
    """A name in small letters, and its weight: 1 where none is given, 0 where it is none.

    Args:
        part: What stands between two commas of a header, such as `text/csv;q=0.5`.
    """
    name, *parameters = (piece.strip() for piece in part.lower().split(";"))
    for parameter in parameters:
        key, _, value = parameter.partition("=")
        if key.strip() == "q":
            return name, _weight(value)
    return name, 1.0


def _weight(text: str) -> float:
    return float(text) if _WEIGHT.fullmatch(text.strip()) else 0.0
