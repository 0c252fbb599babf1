"""Promises of `graph.change_feed`: nothing is silently missing, and who left is forgotten."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import AsyncEngine
from structlog.testing import capture_logs

from db.announcing import CHANNEL, announce
from db.listening import Listener
from db.transaction import Database
from domain.changes import (
    Change,
    ChangeEventKind,
    ChangeKind,
    CompanyChanged,
    ContactChanged,
    ContactsLoaded,
)
from domain.errors import Unavailable
from domain.node_ids import NodeKind, encode_node_id
from domain.scalars import NodeId
from graph.change_feed import MAX_WAITING, Told
from graph.feeds import Feeds, open_feeds
from tests.graph.feeding import SOMEBODY, SOMEBODY_ELSE, process
from tests.graph.rows import execute
from tests.statements import Statements

READY, MISSED = Told(ChangeEventKind.READY), Told(ChangeEventKind.MISSED)
LOADED = Told(ChangeEventKind.LOADED, NodeKind.CONTACT)


@pytest.fixture
async def feeds(database_url: URL, database: Database) -> AsyncIterator[Feeds]:
    """The feeds of one process, with a hundred places."""
    async with process(database_url, database) as opened:
        yield opened


@pytest.fixture
def announcing(engine: AsyncEngine, statements: Statements) -> Database:
    """The database of another process, whose changes are told."""
    return Database(engine, observers=[statements.observe], before_commit=[announce])


def ids_of(*row_ids: int, kind: NodeKind = NodeKind.CONTACT) -> tuple[NodeId, ...]:
    """The ids of contacts as clients see them."""
    return tuple(encode_node_id(kind, row_id) for row_id in row_ids)


def updated(*row_ids: int) -> Told:
    """Contacts were updated."""
    return Told(ChangeEventKind.UPDATED, NodeKind.CONTACT, row_ids)


def watch(
    feeds: Feeds,
    of: NodeKind = NodeKind.CONTACT,
    row_ids: frozenset[int] | None = None,
    *,
    user: UUID = SOMEBODY,
) -> AsyncGenerator[Told, None]:
    """What happens to records of a kind."""
    return feeds.changes.watch(of, row_ids, user=user)


async def commit(database: Database, *changes: Change) -> None:
    """A transaction that records changes and does nothing."""
    async with database.write() as tx:
        for change in changes:
            tx.record(change)


async def update(database: Database, *row_ids: int) -> None:
    """Have contacts be told as updated."""
    every = (ContactChanged(kind=ChangeKind.UPDATED, contact_id=row_id) for row_id in row_ids)
    await commit(database, *every)


async def notify(database: Database, *payloads: str) -> None:
    """Tell payloads as they are, each as an event of its own."""
    await execute(
        database, "SELECT pg_notify($1, payload) FROM unnest($2::text[]) payload", CHANNEL, payloads
    )


async def next_of(stream: AsyncGenerator[Told, None]) -> Told:
    """What comes next."""
    async with asyncio.timeout(30):
        return await anext(stream)


async def end_listening(engine: AsyncEngine) -> None:
    """Terminate the connections that listen."""
    async with engine.connect() as connection:
        await connection.execute(
            text(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE"
                " application_name = 'appointment360-listener' AND datname = current_database()"
            )
        )


async def test_subscriber_is_told_what_another_process_changed(
    feeds: Feeds, announcing: Database
) -> None:
    """Of the kind it follows, each with the ids that clients see."""
    contacts = watch(feeds, NodeKind.CONTACT)
    companies = watch(feeds, NodeKind.COMPANY)
    assert await next_of(contacts) == READY
    assert await next_of(companies) == READY
    await commit(announcing, CompanyChanged(kind=ChangeKind.DELETED, company_id=5))
    await update(announcing, 7)
    assert await next_of(contacts) == updated(7)
    deleted = await next_of(companies)
    assert deleted == Told(ChangeEventKind.DELETED, NodeKind.COMPANY, (5,))
    assert deleted.ids == ids_of(5, kind=NodeKind.COMPANY)


async def test_two_processes_hear_the_same(
    database_url: URL, database: Database, announcing: Database
) -> None:
    """In the order of the commits."""
    async with (
        process(database_url, database) as one,
        process(database_url, database) as other,
    ):
        streams = [watch(each, NodeKind.CONTACT) for each in (one, other)]
        for stream in streams:
            assert await next_of(stream) == READY
        for row_id in range(1, 6):
            await update(announcing, row_id)
        for stream in streams:
            assert [await next_of(stream) for _ in range(5)] == [updated(n) for n in range(1, 6)]


async def test_ids_narrow_what_is_told(feeds: Feeds, announcing: Database) -> None:
    """To those of each event that were asked for; what is about all is told to everybody."""
    stream = watch(feeds, NodeKind.CONTACT, frozenset({2, 3}))
    assert await next_of(stream) == READY
    await update(announcing, 1)
    await update(announcing, 1, 2, 3, 4)
    await commit(announcing, ContactsLoaded(rows=5000))
    assert await next_of(stream) == updated(2, 3)
    assert await next_of(stream) == LOADED


async def test_every_id_of_a_large_change_is_told(feeds: Feeds, announcing: Database) -> None:
    """In a few events, however many records it is about."""
    stream = watch(feeds, NodeKind.CONTACT)
    assert await next_of(stream) == READY
    await update(announcing, *range(1, 1001))
    found: list[NodeId] = []
    while len(found) < 1000:
        found += (await next_of(stream)).ids
    assert tuple(found) == ids_of(*range(1, 1001))


async def test_lost_connection_ends_in_an_event(
    feeds: Feeds, announcing: Database, engine: AsyncEngine
) -> None:
    """What was committed meanwhile is lost, so the subscriber is told to read again."""
    contacts = watch(feeds, NodeKind.CONTACT)
    companies = watch(feeds, NodeKind.COMPANY)
    assert await next_of(contacts) == READY
    assert await next_of(companies) == READY
    await end_listening(engine)
    assert await next_of(contacts) == MISSED
    assert await next_of(companies) == MISSED
    await update(announcing, 7)
    assert await next_of(contacts) == updated(7)


async def test_slow_subscriber_is_told_that_it_missed_some(
    feeds: Feeds, announcing: Database
) -> None:
    """Instead of what waited; the quick one beside it gets all."""
    slow = watch(feeds, NodeKind.CONTACT)
    quick = watch(feeds, NodeKind.CONTACT)
    assert await next_of(slow) == READY
    assert await next_of(quick) == READY
    await notify(announcing, *(f'["UPDATED",1,[{n}]]' for n in range(1, MAX_WAITING + 1)))
    told = [await next_of(quick) for _ in range(MAX_WAITING)]
    assert told == [updated(n) for n in range(1, MAX_WAITING + 1)]
    await notify(announcing, '["UPDATED",1,[7]]', '["DELETED",1,[8]]')
    last = Told(ChangeEventKind.DELETED, NodeKind.CONTACT, (8,))
    assert [await next_of(quick), await next_of(quick)] == [updated(7), last]
    assert await next_of(slow) == MISSED
    assert await next_of(slow) == last


async def test_loads_are_told_once_while_nobody_reads(feeds: Feeds, announcing: Database) -> None:
    """A load of a million records is a thousand transactions, and one reason to read again."""
    slow = watch(feeds, NodeKind.CONTACT)
    quick = watch(feeds, NodeKind.CONTACT)
    assert await next_of(slow) == READY
    assert await next_of(quick) == READY
    for _ in range(3):
        await commit(announcing, ContactsLoaded(rows=1000))
    await update(announcing, 7)
    while await next_of(quick) != updated(7):
        pass
    assert await next_of(slow) == LOADED
    assert await next_of(slow) == updated(7)


@pytest.mark.parametrize("payload", ['["SPLIT",1,[1]]', '["UPDATED",1,[-1]]', '["READY",1,[]]'])
async def test_words_of_another_release_are_a_reason_to_read_again(
    feeds: Feeds, announcing: Database, payload: str
) -> None:
    """While releases change, two of them talk to each other."""
    stream = watch(feeds, NodeKind.COMPANY)
    assert await next_of(stream) == READY
    await notify(announcing, payload)
    assert await next_of(stream) == MISSED


class Unreadable(frozenset[int]):
    """Records among which none can be looked for."""

    def __and__(self, other: object) -> Any:
        raise LookupError


async def test_bug_in_telling_is_a_reason_to_read_again(feeds: Feeds, announcing: Database) -> None:
    """For everybody, for nobody knows who was told before it; and it is logged."""
    streams = [watch(feeds, NodeKind.CONTACT, wanted) for wanted in (Unreadable(), None)]
    for stream in streams:
        assert await next_of(stream) == READY
    with capture_logs() as logs:
        await update(announcing, 7)
        for stream in streams:
            assert await next_of(stream) == MISSED
    assert [line["event"] for line in logs] == ["hearer_failed"]


async def test_ready_is_told_before_anything_else(database: Database) -> None:
    """What comes over a connection before it hears everything is said by READY."""
    listener = Listener(database, probe_seconds=1, patience_seconds=1)
    async with open_feeds(listener, database) as feeds:
        streams = [watch(feeds), watch(feeds)]
        waiting = [asyncio.ensure_future(next_of(stream)) for stream in streams]
        # They must have begun to wait before anything is heard.
        await asyncio.sleep(0)
        for payload in ('["SPLIT",1,[1]]', '["UPDATED",1,[7]]'):
            listener._heard(None, 0, CHANNEL, payload)
        listener._begin()
        assert await asyncio.gather(*waiting) == [READY, READY]
        for stream in streams:
            await stream.aclose()


async def test_whoever_leaves_is_forgotten(feeds: Feeds) -> None:
    """Whether it closes, is cancelled while it waits, or never began; its place is free again."""
    closed = watch(feeds, NodeKind.CONTACT)
    await next_of(closed)
    cancelled = watch(feeds, NodeKind.CONTACT)
    await next_of(cancelled)
    waiting = asyncio.ensure_future(next_of(cancelled))
    never_begun = watch(feeds, NodeKind.CONTACT)
    assert feeds.seats.taken == 2
    await closed.aclose()
    assert feeds.seats.taken == 1
    # It must have begun to wait before it can be stopped there.
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await never_begun.aclose()
    assert feeds.seats.taken == 0


async def test_subscriber_without_a_place_is_refused(database_url: URL, database: Database) -> None:
    """Before it waits for anything, and only as long as the others stay."""
    async with process(database_url, database, seats=1) as feeds:
        first = watch(feeds, NodeKind.CONTACT)
        await next_of(first)
        for subscribe in (
            lambda: watch(feeds, NodeKind.COMPANY),
            lambda: feeds.jobs.follow(1, user=SOMEBODY),
        ):
            with pytest.raises(Unavailable, match="All 1 subscriptions that this server can hold"):
                subscribe()
        await first.aclose()
        second = watch(feeds, NodeKind.CONTACT)
        assert await next_of(second) == READY


async def test_one_user_takes_only_so_many_places(database_url: URL, database: Database) -> None:
    """However many are free, so that others find one; the message says whose limit it is."""
    async with process(database_url, database, of_one_user=1) as feeds:
        first = watch(feeds)
        await next_of(first)
        for subscribe in (lambda: watch(feeds), lambda: feeds.jobs.follow(1, user=SOMEBODY)):
            with pytest.raises(Unavailable, match="You have 1 subscriptions at this server"):
                subscribe()
        other = watch(feeds, user=SOMEBODY_ELSE)
        assert await next_of(other) == READY
        await first.aclose()
        assert await next_of(watch(feeds)) == READY
