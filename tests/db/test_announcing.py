"""Promises of `db.announcing`: what is committed is told to every process, and nothing else is."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import AsyncEngine

from app.resources import Resources
from db.announcing import CHANNEL, announce, read_announcement
from db.companies import create_company
from db.listening import Listener, open_listener
from db.transaction import Database
from domain.changes import (
    Change,
    ChangeEventKind,
    ChangeKind,
    CompaniesLoaded,
    CompanyChanged,
    ContactChanged,
    ContactsLoaded,
    RecordsChanged,
)
from domain.node_ids import NodeKind
from domain.records import CompanyFields
from domain.validation import clean_company
from tests.factories import make_company, make_contact
from tests.statements import Statements

LARGEST_ID = 2**63 - 1


class Audience:
    """Another process: what it is told, an end mark aside."""

    def __init__(self, listener: Listener) -> None:
        self._told: asyncio.Queue[str] = asyncio.Queue()
        self._has_begun = asyncio.Event()
        listener.hear(CHANNEL, self._told.put_nowait, on_begin=self._has_begun.set)
        listener.start()

    async def attends(self) -> None:
        """Return when it hears everything."""
        async with asyncio.timeout(30):
            await self._has_begun.wait()

    async def next(self) -> RecordsChanged | None:
        """What it was told first and was not asked for yet."""
        async with asyncio.timeout(30):
            return read_announcement(await self._told.get())


@pytest.fixture
async def audience(database_url: URL) -> AsyncIterator[Audience]:
    """Somebody who hears everything."""
    async with open_listener(database_url) as listener:
        audience = Audience(listener)
        await audience.attends()
        yield audience


@pytest.fixture
def announcing(engine: AsyncEngine, statements: Statements) -> Database:
    """A database whose changes are told."""
    return Database(engine, observers=[statements.observe], before_commit=[announce])


def contact(contact_id: int, kind: ChangeKind = ChangeKind.UPDATED) -> ContactChanged:
    """Something happened to a contact."""
    return ContactChanged(kind=kind, contact_id=contact_id)


def told(kind: str, of: NodeKind, *ids: int) -> RecordsChanged:
    """What is told of that."""
    return RecordsChanged(kind=ChangeEventKind(kind), of=of, ids=ids)


async def commit(database: Database, changes: Sequence[Change]) -> None:
    """A transaction that records changes and does nothing."""
    async with database.write() as tx:
        for change in changes:
            tx.record(change)


@pytest.mark.parametrize("kind", ChangeKind)
async def test_every_kind_of_change_is_told(
    announcing: Database, audience: Audience, kind: ChangeKind
) -> None:
    """Of contacts and of companies, with the record that it happened to."""
    await commit(announcing, [contact(7, kind), CompanyChanged(kind=kind, company_id=8)])
    assert await audience.next() == told(kind, NodeKind.CONTACT, 7)
    assert await audience.next() == told(kind, NodeKind.COMPANY, 8)


async def test_load_is_told_without_ids(announcing: Database, audience: Audience) -> None:
    """Very many records at once are one event."""
    await commit(announcing, [ContactsLoaded(rows=10**6), CompaniesLoaded(rows=10**6)])
    assert await audience.next() == told("LOADED", NodeKind.CONTACT)
    assert await audience.next() == told("LOADED", NodeKind.COMPANY)


async def test_whatever_is_rolled_back_is_not_told(
    announcing: Database, audience: Audience
) -> None:
    """Those who read after they were told find what they were told of."""

    async def fail() -> None:
        async with announcing.write() as tx:
            await create_company(tx, clean_company(CompanyFields(name="Acme")))
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await fail()
    await commit(announcing, [contact(1)])
    assert await audience.next() == told("UPDATED", NodeKind.CONTACT, 1)


async def test_all_ids_of_one_transaction_arrive(
    announcing: Database, audience: Audience, statements: Statements
) -> None:
    """As many as there are and as long as they get, told by one statement."""
    ids = range(LARGEST_ID - 999, LARGEST_ID + 1)
    with statements.recorded() as ran:
        await commit(announcing, [contact(each) for each in ids])
    assert len(ran) == 1
    found: list[int] = []
    while len(found) < len(ids):
        next_told = await audience.next()
        assert next_told is not None
        assert (next_told.kind, next_told.of) == (ChangeEventKind.UPDATED, NodeKind.CONTACT)
        found += next_told.ids
    assert found == list(ids)


async def test_transaction_that_changes_nothing_tells_nothing(
    announcing: Database, statements: Statements
) -> None:
    """And pays nothing for it."""
    with statements.recorded() as ran:
        await commit(announcing, [])
    assert ran == []


async def test_everything_that_opens_the_database_tells(
    resources: Resources, audience: Audience
) -> None:
    """Servers, commands and workers open it the same way."""
    made = await make_contact(resources.database)
    company = await make_company(resources.database)
    assert await audience.next() == told("CREATED", NodeKind.CONTACT, made.id)
    assert await audience.next() == told("CREATED", NodeKind.COMPANY, company.id)


@pytest.mark.parametrize(
    "payload",
    [
        "",
        "{}",
        "[]",
        '["SPLIT",1,[1]]',
        '["READY",1,[]]',
        '["MISSED",1,[]]',
        '["UPDATED",99,[1]]',
        '["UPDATED",1,["x"]]',
        '["UPDATED",1,"12"]',
        '["UPDATED",1,[0]]',
        '["UPDATED",1,[-1]]',
        '["UPDATED",1,[1.5]]',
        '["UPDATED",1,[true]]',
    ],
)
def test_words_of_another_release_are_not_guessed_at(payload: str) -> None:
    """Whoever is told them knows that something has happened, and not what."""
    assert read_announcement(payload) is None
