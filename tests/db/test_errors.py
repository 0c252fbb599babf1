"""Errors of the driver in the words of the domain: what was lost, and what only took too long."""

import asyncpg
import pytest
from sqlalchemy import text

from db.errors import outcome_unknown, translate
from db.rows import Row
from db.statements import Statement
from db.transaction import Database
from domain.errors import (
    AppError,
    ConnectionLost,
    DatabaseUnavailable,
    OutcomeUnknown,
    WriteConflict,
)


@pytest.mark.parametrize(
    "error",
    [
        ConnectionResetError(),
        asyncpg.InterfaceError("connection is closed"),
        asyncpg.ConnectionDoesNotExistError(),
        asyncpg.exceptions.AdminShutdownError(),
    ],
)
def test_lost_connection_may_be_replaced(error: Exception) -> None:
    """Whoever did the work may do it again on another connection."""
    told = translate(error)
    assert type(told) is ConnectionLost
    assert told.details == {"retryable": True}


@pytest.mark.parametrize(
    "error", [TimeoutError(), asyncpg.TooManyConnectionsError(), asyncpg.DiskFullError()]
)
def test_server_that_does_not_answer_in_time_is_not_asked_again(error: Exception) -> None:
    """The connection is not lost: asking once more would only take as long again."""
    assert type(translate(error)) is DatabaseUnavailable


async def test_database_that_takes_no_changes_can_be_asked_again(database: Database) -> None:
    """A standby, or a server whose operators have closed it for writing: reads go on."""
    writing = Statement(text("INSERT INTO contacts (first_name) VALUES ('Ada') RETURNING id"), Row)

    async def write() -> None:
        async with database.write() as tx:
            await tx.driver.execute("SET TRANSACTION READ ONLY")
            await tx.fetch(writing)

    with pytest.raises(DatabaseUnavailable, match="takes no changes at present") as told:
        await write()
    assert told.value.details == {"retryable": True}


async def test_statement_that_a_migration_outdated_can_be_sent_again(database: Database) -> None:
    """In a transaction it cannot be prepared anew; whoever begins another has nothing to fear."""
    every = Statement(text("SELECT * FROM users"), Row)

    async def read_around_a_migration() -> None:
        async with database.write() as tx:
            await tx.fetch(every)
            await tx.driver.execute("ALTER TABLE users ADD COLUMN added integer")
            await tx.fetch(every)

    with pytest.raises(WriteConflict):
        await read_around_a_migration()


def test_unknown_outcome_is_told_as_such() -> None:
    """A program can tell it from the cases in which nothing was written."""
    told: AppError = outcome_unknown()
    assert type(told) is OutcomeUnknown
    assert told.details == {"retryable": True, "outcome": "UNKNOWN"}
