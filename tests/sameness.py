"""When two answers are the same: to the byte, but for what is lost by chance.

Null that goes up takes errors along that nobody can place any more. Which of them were found before
the first one ended everything depends on what PostgreSQL answered first: graphql-core asked twice
tells different ones.
"""

from typing import Any

import orjson


def is_same(mine: bytes, theirs: bytes) -> bool:
    """Whether two bodies are equal, or differ in what is lost alone."""
    return mine == theirs or _is_same_but_for_what_is_lost(orjson.loads(mine), orjson.loads(theirs))


def _is_same_but_for_what_is_lost(mine: dict[str, Any], theirs: dict[str, Any]) -> bool:
    if "data" not in mine or "data" not in theirs:
        return False
    left, lost = _parted(mine)
    return bool(lost) and left == _parted(theirs)[0] and bool(_parted(theirs)[1])


def _parted(body: dict[str, Any]) -> tuple[bytes, list[Any]]:
    """What can be placed, as it is sent, and the errors that cannot."""
    data, errors = body["data"], body.get("errors", [])
    lost = [error for error in errors if not _is_there(error.get("path", ()), data)]
    placed = [error for error in errors if error not in lost]
    # Without notices and hints: what is told from below such a null is told by chance as well.
    return orjson.dumps({"data": data, "errors": placed}), lost


def _is_there(path: list[Any], data: Any) -> bool:
    for key in path:
        if data is None:
            return False
        data = data[key]
    return True
