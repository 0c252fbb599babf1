"""How long the parts of a request took: `Server-Timing`, for those whose token is good.

Source: the W3C's Server Timing. Strangers are told nothing: how long a check takes tells something
about what was checked.
"""

from collections.abc import Mapping
from contextvars import ContextVar
from functools import lru_cache
from typing import Final

from db.transaction import StatementRun

SERVER_TIMING: Final = b"server-timing"


class Statements:
    """The statements of one request.

    Attributes:
        seconds: Of all of them together, also of those that ran side by side.
    """

    __slots__ = ("count", "seconds")

    def __init__(self) -> None:
        self.count = 0
        self.seconds = 0.0


_of_request: Final[ContextVar[Statements | None]] = ContextVar("statements", default=None)


def count_into(statements: Statements) -> None:
    """Count there what this task, and those that it begins, ask for from now on."""
    _of_request.set(statements)


def note_statement(run: StatementRun) -> None:
    """Count a statement for the request that asked for it; it is told every statement."""
    statements = _of_request.get()
    if statements is not None:
        statements.count += 1
        statements.seconds += run.seconds


def server_timing(seconds: float, parts: Mapping[str, float], statements: Statements) -> bytes:
    """The value of the header.

    Args:
        seconds: All that has passed.
        parts: The milliseconds of what that was spent on, as far as it is known.
    """
    told = _form(tuple(parts)) % (seconds * 1e3, *parts.values())
    if not statements.count:
        return told
    return b'%b, db;dur=%.2f;desc="%d"' % (told, statements.seconds * 1e3, statements.count)


@lru_cache(maxsize=64)
def _form(names: tuple[str, ...]) -> bytes:
    return ", ".join(f"{name};dur=%.2f" for name in ("total", *names)).encode()
