"""Erasures beside writers: nobody is both stored and suppressed, and nobody waits for ever."""

import asyncio

import pytest

from db.contacts import create_contact, update_contact
from db.privacy import Erasure
from db.transaction import Database
from domain.errors import ProblemCode, Rejected, Unavailable
from domain.records import ContactFields, NewEmail
from domain.validation import clean_contact
from tests.db.people import (
    PROFILE,
    erase,
    erase_in,
    ids_left,
    stored_and_suppressed,
    suppress,
    update,
    wait_for_a_lock,
)
from tests.factories import make_contact


async def test_who_is_created_while_the_erasure_is_open_is_refused(database: Database) -> None:
    """The address is free once the erasure is committed, but then it is on the list."""
    ada = await make_contact(database, emails=("ada@x.example",), linkedin_url=PROFILE)
    async with database.write() as tx:
        await erase_in(tx, ada.id)
        again = asyncio.create_task(make_contact(database, emails=("ada@x.example",)))
        await wait_for_a_lock(database)
    with pytest.raises(Rejected) as refused:
        await again
    assert [problem.code for problem in refused.value.problems] == [ProblemCode.SUPPRESSED_CONTACT]
    assert await stored_and_suppressed(database) == []
    assert await ids_left(database) == []


async def test_erasure_sees_who_was_created_while_it_waited(database: Database) -> None:
    """Who came in with the same profile a moment before must be erased together with it."""
    ada = await make_contact(database, emails=("ada@x.example",), linkedin_url=PROFILE)
    same = ContactFields(first_name="Ada", linkedin_url=PROFILE)
    async with database.write() as tx:
        second = await create_contact(tx, clean_contact(same))
        erasing = asyncio.create_task(erase(database, ada.id))
        await wait_for_a_lock(database)
    assert await erasing == [Erasure(ada.id, also_erase=[second.id])]
    assert await stored_and_suppressed(database) == []


async def test_waiting_erasure_holds_no_row_that_a_writer_needs(database: Database) -> None:
    """A transaction that has stored an address can still change the contact to be erased."""
    ada = await make_contact(database, emails=("ada@x.example",))
    async with database.write() as tx:
        await create_contact(tx, clean_contact(ContactFields(linkedin_url=PROFILE)))
        erasing = asyncio.create_task(erase(database, ada.id))
        await wait_for_a_lock(database)
        await update_contact(tx, ada.id, clean_contact(ContactFields(title="CTO")))
    assert await erasing == [Erasure(ada.id, is_erased=True)]


async def impatiently_erase(database: Database, contact_id: int) -> None:
    async with database.write() as tx:
        await tx.driver.execute("SET LOCAL lock_timeout = '1ms'")
        await erase_in(tx, contact_id)


async def test_erasure_that_waited_too_long_can_be_sent_again(database: Database) -> None:
    """A long load that stores addresses is not waited for without end; nothing is erased then."""
    ada = await make_contact(database, first_name="Ada")
    async with database.write() as tx:
        await create_contact(tx, clean_contact(ContactFields(linkedin_url=PROFILE)))
        with pytest.raises(Unavailable) as told:
            await impatiently_erase(database, ada.id)
    assert told.value.details == {"retryable": True}
    assert ada.id in await ids_left(database)


async def test_nobody_is_both_stored_and_suppressed_after_a_race(database: Database) -> None:
    """Creating, changing, erasing and suppressing one person at once never ends in both."""
    for at in range(5):
        email, profile = f"p{at}@x.example", f"{PROFILE}-{at}"
        ada = await make_contact(database, emails=(email,), linkedin_url=profile)
        bob = await make_contact(database, first_name="Bob")

        work = [
            erase(database, ada.id),
            make_contact(database, first_name="Ada", linkedin_url=profile),
            update(database, bob.id, emails=[NewEmail(address=email)]),
            erase(database, bob.id, ada.id),
            suppress(database, linkedin_url=profile),
            update(database, bob.id, linkedin_url=profile),
            make_contact(database, emails=(email,)),
        ]
        ends = await asyncio.gather(*work, return_exceptions=True)
        broken = [end for end in ends if isinstance(end, Exception)]
        assert all(isinstance(end, Rejected) for end in broken), broken
        assert await stored_and_suppressed(database) == []
