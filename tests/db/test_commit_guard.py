"""Promises of the guard around COMMIT: asked right before it, told how it ended right after."""

from collections.abc import Sequence

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from db.companies import create_company
from db.engine import open_engine
from db.rows import Row
from db.statements import Statement
from db.transaction import Database, EndOfCommit, Transaction
from domain.changes import Change, CommitOutcome
from domain.errors import OutcomeUnknown
from domain.records import CompanyFields
from domain.validation import clean_company
from tests.proxy import CommitProxy, Cut

ACME = clean_company(CompanyFields(name="Acme"))
COUNT = "SELECT count(*) FROM companies"


class Watch:
    """Notes what stands in the database whenever it is asked.

    Attributes:
        noted: When, and how many companies others saw.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self.noted: list[tuple[object, int]] = []

    async def begin(self, _tx: Transaction, changes: Sequence[Change]) -> EndOfCommit:
        await self.note(len(changes))
        return self.note

    async def shown(self) -> None:
        await self.note("shown")

    async def tell(self, _changes: Sequence[Change]) -> None:
        await self.note("told")

    async def note(self, when: object) -> None:
        async with self._engine.connect() as connection:
            self.noted.append((when, int(await connection.scalar(text(COUNT)) or 0)))


@pytest.fixture
def watch(engine: AsyncEngine) -> Watch:
    return Watch(engine)


async def test_guard_stands_on_both_sides_of_commit(engine: AsyncEngine, watch: Watch) -> None:
    """Before it nobody sees the change; after it everybody does, and nobody was told yet."""
    database = Database(engine, guard=watch, after_commit=[watch.tell])
    async with database.write() as tx:
        await create_company(tx, ACME)
    await database.shown()
    assert watch.noted == [(1, 0), (CommitOutcome.COMMITTED, 1), ("told", 1), ("shown", 1)]


async def test_transaction_that_changes_no_record_asks_nobody(
    engine: AsyncEngine, watch: Watch
) -> None:
    """Reading and housekeeping need no guard."""
    async with Database(engine, guard=watch).write() as tx:
        await tx.fetch(Statement(text("SELECT 1"), Row))
    assert watch.noted == []


async def test_guard_is_not_asked_about_what_is_undone_before(
    engine: AsyncEngine, watch: Watch
) -> None:
    """A rejected change makes nothing out of date."""

    async def change_and_fail() -> None:
        async with Database(engine, guard=watch).write() as tx:
            await create_company(tx, ACME)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await change_and_fail()
    assert watch.noted == []


async def test_guard_is_told_of_a_commit_that_was_refused(
    engine: AsyncEngine, watch: Watch
) -> None:
    """Deferred constraints are checked by COMMIT itself."""
    async with engine.begin() as connection:
        await connection.execute(
            text(
                "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS"
                " 'BEGIN RAISE EXCEPTION USING ERRCODE = ''40001''; END'"
            )
        )
        await connection.execute(
            text(
                "CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON companies DEFERRABLE"
                " INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse()"
            )
        )
    with pytest.raises(Exception, match="in the way"):
        async with Database(engine, guard=watch).write() as tx:
            await create_company(tx, ACME)
    assert watch.noted == [(1, 0), (CommitOutcome.UNDONE, 0)]


async def test_guard_is_told_when_nobody_knows_how_it_ended(
    engine: AsyncEngine, watch: Watch
) -> None:
    """COMMIT was sent and got no answer."""
    async with CommitProxy(engine.url).listening() as proxy:
        proxy.cut("acme-1", [Cut.AFTER_COMMIT])
        async with open_engine(proxy.url) as cut:
            with pytest.raises(OutcomeUnknown):
                async with Database(cut, guard=watch).write() as tx:
                    await create_company(tx, clean_company(CompanyFields(name="acme-1")))
    assert [when for when, _ in watch.noted] == [1, CommitOutcome.UNKNOWN]


async def test_guard_that_fails_undoes_the_transaction(engine: AsyncEngine, watch: Watch) -> None:
    """A change that cannot be made known is not made."""

    class Failing(Watch):
        async def begin(self, _tx: Transaction, _changes: Sequence[Change]) -> EndOfCommit:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        async with Database(engine, guard=Failing(engine)).write() as tx:
            await create_company(tx, ACME)
    await watch.note("after")
    assert watch.noted == [("after", 0)]
