"""One state of the records for as long as it takes to copy them out.

`Database.read()` shows what was committed before each of its statements; what is counted and copied
here are the same rows.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, Final, TypeVar

from sqlalchemy.pool import PoolProxiedConnection

from db.errors import translated
from db.rows import Row
from db.statements import Statement, sql
from db.transaction import Database, ReadSession

R = TypeVar("R", bound=Row)

Take = Callable[[bytes], Awaitable[None]]
"""Is given whole rows, some at a time; PostgreSQL waits while it is at them."""

_NOTHING: Final[Mapping[str, object]] = {}
# In one message, so that the moment that `now()` tells is that of the snapshot.
_BEGIN: Final = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SELECT"
# What a database may be set to otherwise, and texts of COPY would follow.
_SETTINGS: Final = sql(
    "SELECT now(), set_config('statement_timeout', CAST(:timeout AS text), true),"
    " set_config('work_mem', '64MB', true), set_config('datestyle', 'ISO', true),"
    " set_config('extra_float_digits', '1', true),"
    " set_config('standard_conforming_strings', 'on', true)"
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
        with translated():
            await self.driver.execute(_BEGIN)
        timeout = f"{round(self._seconds * 1000)}ms"
        (row,) = await self.fetch(_SETTINGS, {"timeout": timeout})
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

        Raises:
            Exception: What `take` has raised, as it was.
        """
        handing_on = _HandingOn(take)
        try:
            with translated():
                done: str = await self.driver.copy_from_query(
                    self._sent(statement),
                    *statement.arguments(values),
                    output=handing_on,
                    timeout=self._seconds + 1,
                    **options,
                )
        except Exception:
            # A full disk is no database that does not answer.
            if handing_on.refusal is not None:
                raise handing_on.refusal from None
            raise
        return int(done.removeprefix("COPY "))

    async def end(self) -> None:
        """Be done with it."""
        with translated():
            await self.driver.execute("COMMIT")

    async def _fetch(self, statement: Statement[R], arguments: list[object]) -> Any:
        # On another connection it would be another state.
        with translated():
            return await self.driver.fetch(
                self._sent(statement),
                *arguments,
                record_class=statement.row,
                timeout=self._seconds + 1,
            )


class _HandingOn:
    """Hands rows on, and lets some gather before it is given the next ones.

    Attributes:
        refusal: Why they were not taken.
    """

    def __init__(self, take: Take) -> None:
        self._take = take
        self.refusal: Exception | None = None

    async def __call__(self, data: bytes) -> None:
        try:
            await self._take(data)
        except Exception as error:
            self.refusal = error
            raise
        if len(data) < _WORTH_WAKING_BYTES:
            await asyncio.sleep(_REST_SECONDS)


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
        database.pool_statistics.holds_long(held)
        snapshot = Snapshot(database, held, seconds)
        await snapshot.begin()
        yield snapshot
        await snapshot.end()
    finally:
        # One that is still in its transaction is closed: to roll back would be to wait for a server
        # that may not answer.
        await database.release(held)
