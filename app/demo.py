"""Demo records: invented people and companies as real ones look, the same on every computer.

Everything follows from the seed and from fixed dates, never from the clock, so that two empty
databases get the same rows. No person or company is meant, and the hosts of all e-mail addresses
and web sites are reserved ones.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import aclosing
from itertools import islice
from typing import Final, TypeVar

from app.demo_companies import demo_companies
from app.demo_people import demo_contacts
from db.staging import Outcome
from db.staging_companies import upsert_companies
from db.staging_contacts import upsert_contacts
from db.staging_writing import refresh_statistics
from db.transaction import Database, Transaction
from jobs.read_ahead import read_ahead

T = TypeVar("T")

_BATCH_ROWS: Final = 2_000


async def load_demo(
    database: Database,
    *,
    companies: int = 2_000,
    contacts: int = 10_000,
    progress: Callable[[int], None] = lambda _: None,
) -> None:
    """Fill an empty database with demo records.

    Args:
        progress: Told after every batch how many records there are.
    """
    done = 0

    def count(rows: int) -> None:
        nonlocal done
        done += rows
        progress(done)

    employers = await asyncio.to_thread(list, demo_companies(companies))
    # One transaction: a start that is killed leaves an empty database, which the next one fills.
    async with database.write() as tx:
        await _write(tx, upsert_companies, rows=iter(employers), count=count)
        people = demo_contacts(contacts, employers)
        await _write(tx, upsert_contacts, rows=people, count=count)
        await refresh_statistics(tx)


async def _write(
    tx: Transaction,
    upsert: Callable[[Transaction, Sequence[T]], Awaitable[list[Outcome]]],
    *,
    rows: Iterator[T],
    count: Callable[[int], None],
) -> None:
    async with aclosing(read_ahead(lambda: list(islice(rows, _BATCH_ROWS)))) as batches:
        async for batch in batches:
            await upsert(tx, batch)
            count(len(batch))
