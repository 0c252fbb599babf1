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

    __slots__ = ("seconds",)

    def __init__(self) -> None:
        self.seconds = 0.0


_of_request: Final[ContextVar[Statements | None]] = ContextVar("statements", default=None)


def count_into(statements: Statements) -> None:
    """Add up there what this task, and those that it begins, ask for from now on."""
    _of_request.set(statements)


def note_statement(run: StatementRun) -> None:
    """Add a statement to the request that asked for it; it is told every statement."""
    statements = _of_request.get()
    if statements is not None:
        statements.seconds += run.seconds


def server_timing(seconds: float, parts: Mapping[str, float], statements: Statements) -> bytes:
    """The value of the header.

    Args:
        seconds: All that has passed.
        parts: The milliseconds of what that was spent on, as far as it is known.
    """
    told = _form(tuple(parts)) % (seconds * 1e3, *parts.values())
    if not statements.seconds:
        return told
    # Not how many: what is somebody else's may take one more than what is not there.
    return b"%b, db;dur=%.2f" % (told, statements.seconds * 1e3)


@lru_cache(maxsize=64)
def _form(names: tuple[str, ...]) -> bytes:
    return ", ".join(f"{name};dur=%.2f" for name in ("total", *names)).encode()
