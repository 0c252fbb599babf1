"""Rows of files about contacts that were merged go to the survivor."""

from typing import Any

from db.contacts import count_contacts, delete_contact, load_contacts
from db.transaction import Database
from domain.merge_policies import ContactField, MergePolicy
from tests.db.merged import LINKEDIN, merge
from tests.db.staged import contact as staged
from tests.db.staged import load
from tests.factories import make_contact


async def test_a_row_of_a_file_goes_to_the_survivor(database: Database) -> None:
    """By an address that moved and by the profile that the tombstone still has."""
    survivor = await make_contact(database, emails=("ada@acme.com",), first_name="Ada")
    lost = await make_contact(
        database, emails=("king@acme.com",), last_name="King", linkedin_url=LINKEDIN
    )
    policy = [(ContactField("LINKEDIN_URL"), MergePolicy.KEEP_PRIMARY)]
    await merge(database, survivor.id, lost.id, primary_id=survivor.id, field_policies=policy)
    before = await load_one(database, lost.id)
    outcomes = await load(
        database,
        staged(2, "king@acme.com", title="CTO"),
        staged(3, linkedin_url=LINKEDIN, stage="WARM"),
    )
    assert {outcome.uuid for outcome in outcomes} == {survivor.uuid}
    row = await load_one(database, survivor.id)
    assert (row["title"], row["stage"]) == ("CTO", "WARM")
    assert await load_one(database, lost.id) == before
    async with database.read() as session:
        assert await count_contacts(session) == 1


async def test_a_row_goes_to_who_has_the_profile_before_a_tombstone(database: Database) -> None:
    """What a tombstone still has counts as little as what a deleted contact has."""
    survivor = await make_contact(database, first_name="Ada")
    lost = await make_contact(database, linkedin_url=LINKEDIN)
    policy = [(ContactField("LINKEDIN_URL"), MergePolicy.KEEP_PRIMARY)]
    await merge(database, survivor.id, lost.id, primary_id=survivor.id, field_policies=policy)
    holder = await make_contact(database, first_name="Other", linkedin_url=LINKEDIN)
    (outcome,) = await load(database, staged(2, linkedin_url=LINKEDIN, title="CTO"))
    assert outcome.uuid == holder.uuid


async def test_a_row_brings_a_deleted_survivor_back_and_never_a_tombstone(
    database: Database,
) -> None:
    """A key that belongs to a tombstone restores the contact that it became a part of."""
    survivor = await make_contact(database, emails=("ada@acme.com",), first_name="Ada")
    lost = await make_contact(database, linkedin_url=LINKEDIN)
    await merge(database, survivor.id, lost.id, primary_id=survivor.id)
    async with database.write() as tx:
        await delete_contact(tx, survivor.id)
    (outcome,) = await load(database, staged(2, linkedin_url=LINKEDIN))
    assert outcome.uuid == survivor.uuid
    assert (await load_one(database, survivor.id)).deleted_at is None
    assert (await load_one(database, lost.id))["merged_into_id"] == survivor.id


async def load_one(database: Database, contact_id: int) -> Any:
    """A contact that is there."""
    async with database.read() as session:
        (row,) = await load_contacts(session, [contact_id])
    assert row is not None
    return row
