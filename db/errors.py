"""PostgreSQL's and the driver's errors in the words of the domain: one table.

A driver's text never leaves this package.
"""

from collections.abc import Callable
from typing import Final

import asyncpg
from sqlalchemy.dialects.postgresql.asyncpg import AsyncAdapt_asyncpg_dbapi
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from db.problems import domain_taken, email_taken, user_exists
from domain.errors import (
    AppError,
    ConnectionLost,
    DatabaseUnavailable,
    InvalidInput,
    OperationTimeout,
    OutcomeUnknown,
    Rejected,
    Unavailable,
    WriteConflict,
)

_BUSY: Final = "All database connections are in use. Try again in a moment."
_IN_THE_WAY: Final = "Another change was in the way. Try again in a moment."
_TOO_LONG: Final = "The statement took too long. Narrow the filter or ask for less."
_NOT_STORABLE: Final = "The database cannot store one of the values given."
_REFUSED: Final = (
    "The database refuses us. Check user, password and name of the database in DATABASE_URL."
)
_AWAY: Final = "The database does not answer. Try again in a moment."
_READ_ONLY: Final = "The database takes no changes at present. Try again in a moment."
_UNKNOWN: Final = (
    "The connection to the database was lost while the change was being saved; it may have been."
    " With an idempotency key send it again; without, read before you repeat it."
)

CONNECTION_LOST: Final = (
    OSError,
    asyncpg.InterfaceError,
    # What asyncpg now and then raises when a cut connection is used before it has noticed.
    asyncpg.InternalClientError,
    asyncpg.PostgresConnectionError,
    asyncpg.exceptions.AdminShutdownError,
    asyncpg.exceptions.CrashShutdownError,
    asyncpg.exceptions.CannotConnectNowError,
)
"""What a statement raises when its connection is gone rather than the statement wrong."""

TOOK_TOO_LONG: Final = (asyncpg.QueryCanceledError, TimeoutError)
"""What a statement raises when PostgreSQL or the driver ended it for its time."""


# Only connecting raises the adapter's bare error: the server is starting, stopping, or refuses us.
_NO_ANSWER: Final = (AsyncAdapt_asyncpg_dbapi.Error, TimeoutError)


def outcome_unknown() -> OutcomeUnknown:
    """COMMIT got no answer."""
    return OutcomeUnknown(_UNKNOWN, outcome="UNKNOWN")


def translate(error: BaseException) -> Exception | None:
    """The domain's word for a database error; None when it is a bug of ours."""
    if isinstance(error, PoolTimeoutError):
        return DatabaseUnavailable(_BUSY)
    if isinstance(error, DBAPIError) and error.orig is not None:
        return translate(error.orig.__cause__ or error.orig)
    if isinstance(error, CONNECTION_LOST) and not isinstance(error, TimeoutError):
        return ConnectionLost(_AWAY)
    if isinstance(error, asyncpg.PostgresError):
        return _of_answer(error)
    return DatabaseUnavailable(_AWAY) if isinstance(error, _NO_ANSWER) else None


def _of_answer(error: asyncpg.PostgresError) -> Exception | None:
    """What PostgreSQL has answered."""
    if isinstance(error, asyncpg.UniqueViolationError):
        return _of_unique_index(error.constraint_name)
    if isinstance(error, asyncpg.InvalidCachedStatementError):
        # A migration has changed a table; prepared anew, the statement fits it.
        return WriteConflict(_IN_THE_WAY)
    return _of_sqlstate(error.sqlstate or "")


def _of_unique_index(name: str | None) -> Rejected | None:
    """Two transactions wrote the same key at once; the one that came second is told here."""
    if name == "uq_contact_emails_email_key":
        return Rejected([email_taken("that was given")])
    if name == "uq_companies_domain":
        return Rejected([domain_taken("that was given")])
    if name == "uq_users_email_key":
        return Rejected([user_exists()])
    return None


# Source: PostgreSQL manual, appendix A, "Error Codes". The first line whose prefix fits counts.
_BY_SQLSTATE: Final[tuple[tuple[tuple[str, ...], Callable[[], AppError]], ...]] = (
    (("57014",), lambda: OperationTimeout(_TOO_LONG)),
    (("40001", "40P01"), lambda: WriteConflict(_IN_THE_WAY)),
    (("55P03",), lambda: Unavailable(_IN_THE_WAY)),
    (("28", "3D"), lambda: DatabaseUnavailable(_REFUSED, retryable=False)),
    # A standby, or a server whose disk is nearly full.
    (("25006",), lambda: DatabaseUnavailable(_READ_ONLY)),
    (("08", "53", "57P"), lambda: DatabaseUnavailable(_AWAY)),
    (("22",), lambda: InvalidInput(_NOT_STORABLE)),
)


def _of_sqlstate(code: str) -> AppError | None:
    told = (make for prefixes, make in _BY_SQLSTATE if code.startswith(prefixes))
    make = next(told, None)
    return None if make is None else make()


class translated:  # noqa: N801  # reads as a word at its with statements
    """Turns the errors of the driver that leave the block into the domain's."""

    def __enter__(self) -> None:
        """Nothing to prepare."""

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        """Tell an error of the driver in the domain's words."""
        if error is not None and (told := translate(error)) is not None:
            raise told from error
