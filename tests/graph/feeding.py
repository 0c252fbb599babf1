"""The feeds of processes, without servers around them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy.engine import URL

from db.listening import open_listener
from db.transaction import Database
from graph.feeds import Feeds, open_feeds
from graph.seats import Seats


@asynccontextmanager
async def process(url: URL, database: Database, *, seats: int = 100) -> AsyncIterator[Feeds]:
    """The feeds of one process."""
    async with (
        open_listener(url) as listener,
        open_feeds(listener, database, seats=Seats(seats)) as feeds,
    ):
        yield feeds
