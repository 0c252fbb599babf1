"""One state of the records for as long as it takes to copy them out.

`Database.read()` shows what was committed before each of its statements; what is counted and copied
here are the same rows.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, Final, TypeVar

from sqlalchemy import text
from sqlalchemy.pool import PoolProxiedConnection

from db.errors import translated
from db.rows import Row
from db.statements import Statement
from db.transaction import Database, ReadSession

R = TypeVar("R", bound=Row)

Take = Callable[[bytes], Awaitable[None]]
"""Is given whole rows, some at a time; PostgreSQL waits while it is at them."""

_NOTHING: Final[Mapping[str, object]] = {}
_BEGIN: Final = Statement(
    text(
        "SELECT now(), set_config('statement_timeout', CAST(:timeout AS text), true),"
        " set_config('work_mem', '64MB', true)"
    ),
    Row,
)

# The driver is woken for every 8 KB that PostgreSQL writes, and being woken costs more than they
# do. After a short rest there are some dozens of them: 1.3 s of CPU instead of 4.3 for a million
# rows, in the same time (2026-11-23).
_REST_SECONDS: Final = 0.004
_WORTH_WAKING_BYTES: Final = 64 * 1024


class Snapshot(ReadSession):
    """A transaction that only reads, and reads one state.

    Attributes:
        at: When that was.
    """

    at: datetime

    def __init__(self, database: Database, held: PoolProxiedConnection, seconds: float) -> None:
        super().__init__(database, held)
        self._seconds = seconds

    async def begin(self) -> None:
        """Choose the state: that of now."""
        timeout = f"{round(self._seconds * 1000)}ms"
        (row,) = await self.fetch(_BEGIN, {"timeout": timeout})
        self.at = row[0]

    async def copy(
        self,
        statement: Statement[Row],
        values: Mapping[str, object],
        take: Take,
        **options: str,
    ) -> int:
        """How many rows COPY has given, all of which were taken.

        Args:
            options: Of COPY, by name.
        """
        arguments = statement.arguments(values)

        async def take_and_rest(data: bytes) -> None:
            await take(data)
            if len(data) < _WORTH_WAKING_BYTES:
                await asyncio.sleep(_REST_SECONDS)

        done: str = await self.driver.copy_from_query(
            statement.sql, *arguments, output=take_and_rest, timeout=self._seconds + 1, **options
        )
        return int(done.removeprefix("COPY "))

    async def _fetch(self, statement: Statement[R], arguments: list[object]) -> Any:
        # On another connection it would be another state.
        return await self.driver.fetch(
            statement.sql, *arguments, record_class=statement.row, timeout=self._seconds + 1
        )


@asynccontextmanager
async def open_snapshot(database: Database, *, seconds: float) -> AsyncIterator[Snapshot]:
    """The records as they are now.

    Args:
        seconds: How long each statement may take.

    Raises:
        DatabaseUnavailable: As with `Database.read`.
    """
    with translated():
        held = await database.acquire()
        try:
            snapshot = Snapshot(database, held, seconds)
            transaction = snapshot.driver.transaction(isolation="repeatable_read", readonly=True)
            await transaction.start()
            await snapshot.begin()
            yield snapshot
            await transaction.commit()
        finally:
            # One that is still in its transaction is closed: to roll back would be to wait for a
            # server that may not answer.
            await database.release(held)
