"""Promises of `db.retrying`."""

import pytest

from db.retrying import write_again
from db.statements import sql
from db.transaction import Database, Transaction
from domain.errors import WriteConflict
from tests.factories import make_company
from tests.graph.rows import read_rows

DEADLOCK = sql("DO $$ BEGIN RAISE EXCEPTION 'in the way' USING ERRCODE = '40P01'; END $$")
RENAME = sql("UPDATE companies SET name = name || '!'")


class Work:
    """Renames every company, and is in somebody's way a number of times."""

    def __init__(self, conflicts: int) -> None:
        self.left = conflicts
        self.begun = 0

    async def __call__(self, tx: Transaction) -> None:
        """Do it."""
        self.begun += 1
        await tx.fetch(RENAME)
        if self.left:
            self.left -= 1
            await tx.fetch(DEADLOCK)


async def test_what_stood_in_the_way_of_another_is_done_again(database: Database) -> None:
    """Several times if need be, and once in the end."""
    await make_company(database, name="Acme")
    work = Work(conflicts=4)
    await write_again(database, work, is_repeatable=False)

    assert work.begun == 5
    assert await read_rows(database, "SELECT name FROM companies") == [("Acme!",)]


async def test_what_is_always_in_the_way_is_given_up(database: Database) -> None:
    """Whoever waits is told that nothing was written, and may try again."""
    await make_company(database, name="Acme")
    work = Work(conflicts=100)
    with pytest.raises(WriteConflict, match="Try again"):
        await write_again(database, work, is_repeatable=True)

    assert work.begun > 4
    assert await read_rows(database, "SELECT name FROM companies") == [("Acme",)]
