"""The feeds of processes, without servers around them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final
from uuid import UUID

from sqlalchemy.engine import URL

from db.listening import open_listener
from db.transaction import Database
from graph.feeds import Feeds, open_feeds
from graph.seats import Seats

SOMEBODY: Final = UUID("00000000-0000-4000-8000-000000000001")
SOMEBODY_ELSE: Final = UUID("00000000-0000-4000-8000-000000000002")


@asynccontextmanager
async def process(
    url: URL, database: Database, *, seats: int = 100, of_one_user: int = 100
) -> AsyncIterator[Feeds]:
    """The feeds of one process."""
    async with (
        open_listener(url) as listener,
        open_feeds(listener, database, seats=Seats(seats, of_one_user=of_one_user)) as feeds,
    ):
        yield feeds
