"""Merges that meet others at the same contacts: one result each, and a word to who came second.

The first transaction is held open until the second waits for it, so the order is certain.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from itertools import combinations
from typing import Any

import pytest

from db.companies import update_company
from db.contacts import delete_contact, load_contacts, update_contact
from db.merges import load_survivors
from db.merging import merge_contacts
from db.staging import Outcome
from db.transaction import Database, Transaction
from db.unmerging import undo_merge
from domain.errors import Problem, ProblemCode, Rejected, WriteConflict
from domain.merge_requests import clean_merge
from domain.records import CompanyFields, ContactFields
from domain.validation import clean_company, clean_contact
from tests.db.merged import SOMEBODY, WEEK, addresses, everything, merge, node, undo
from tests.db.staged import contact as staged
from tests.db.staged import load
from tests.factories import make_company, make_contact
from tests.graph.ids import id_of
from tests.graph.rows import read_rows

Work = Callable[[Transaction], Awaitable[Any]]

_WAITING = (
    "SELECT count(*) FROM pg_stat_activity"
    " WHERE datname = current_database() AND wait_event_type = 'Lock'"
)


async def race(database: Database, first: Work, second: Coroutine[Any, Any, Any]) -> Any:
    """What becomes of the second work, which begins before the first is committed."""
    async with database.write() as tx:
        await first(tx)
        waiting = asyncio.ensure_future(second)
        while not waiting.done() and await read_rows(database, _WAITING) == [(0,)]:
            pass
    try:
        return await waiting
    except Rejected as rejected:
        return list(rejected.problems)


def merging(*contact_ids: int, survivor: int | None = None) -> Work:
    """A merge of contacts."""

    async def work(tx: Transaction) -> None:
        request = clean_merge(contact_ids, primary_id=survivor)
        await merge_contacts(tx, request, merged_by=SOMEBODY)

    return work


def tombstone(survivor: int, *path: str) -> list[Problem]:
    """The refusal of a contact that was merged meanwhile."""
    message = f"This contact was merged into {node(survivor)}. Use that one, or undo the merge."
    record_id: Any = node(survivor)
    return [
        Problem(
            code=ProblemCode.NOT_ALLOWED_IN_STATE, message=message, path=path, record_id=record_id
        )
    ]


async def three(database: Database) -> list[int]:
    """Three contacts, each with an address."""
    made = [await make_contact(database, emails=(f"{name}@x.org",)) for name in "abc"]
    return [contact.id for contact in made]


async def test_of_two_merges_of_the_same_contacts_one_is_told_of_the_other(
    database: Database,
) -> None:
    """One merge stands; the other is refused with the contact that is gone."""
    a, b, _ = await three(database)
    second = merge(database, b, a, primary_id=b)
    assert await race(database, merging(a, b, survivor=a), second) == tombstone(a, "ids", "0")
    assert await read_rows(database, "SELECT survivor_id, loser_ids FROM contact_merges") == [
        (a, [b])
    ]
    assert await addresses(database, a) == [("a@x.org", True), ("b@x.org", False)]


@pytest.mark.parametrize("survivor", [0, 1], ids=["shared-one-goes", "shared-one-stays"])
async def test_merges_that_share_a_contact_follow_each_other(
    database: Database, survivor: int
) -> None:
    """A and B, then B and C: where B is gone that is told, where it is left it takes C as well."""
    a, b, c = ids = await three(database)
    outcome = await race(
        database, merging(a, b, survivor=ids[survivor]), merge(database, b, c, primary_id=b)
    )
    if survivor == 0:
        assert outcome == tombstone(a, "ids", "0")
        assert [len(await addresses(database, each)) for each in ids] == [2, 0, 1]
    else:
        assert outcome.merge.loser_ids == [c]
        assert [len(await addresses(database, each)) for each in ids] == [0, 3, 0]


async def test_update_of_a_contact_that_is_being_merged_is_told_of_the_survivor(
    database: Database,
) -> None:
    """The change is not lost in a tombstone."""
    a, b, _ = await three(database)

    async def update() -> None:
        async with database.write() as tx:
            await update_contact(tx, b, clean_contact(ContactFields(title="CTO")))

    assert await race(database, merging(a, b, survivor=a), update()) == tombstone(a, "id")


async def test_merge_of_a_contact_that_is_being_updated_takes_the_new_value(
    database: Database,
) -> None:
    """What is merged is what stands there once the other change is committed."""
    a, b, _ = await three(database)

    async def update(tx: Transaction) -> None:
        fields = ContactFields(title="CTO", headline="Hello")
        await update_contact(tx, b, clean_contact(fields))

    merger = await race(database, update, merge(database, a, b, primary_id=a))
    assert merger.contact["title"] == "CTO"
    assert await read_rows(
        database, "SELECT headline FROM contact_metadata WHERE contact_id = $1", a
    ) == [("Hello",)]


async def test_merge_with_an_expected_version_is_told_of_a_change_meanwhile(
    database: Database,
) -> None:
    """Who looked at the contacts before the change decides again."""
    a, b, _ = await three(database)

    async def update(tx: Transaction) -> None:
        await update_contact(tx, b, clean_contact(ContactFields(title="CTO")))

    (problem,) = await race(database, update, merge(database, a, b, expected_versions=[(b, 1)]))
    assert (problem.code, problem.record_id) == (ProblemCode.VERSION_CONFLICT, node(b))


async def test_of_a_merge_and_a_delete_of_a_contact_one_is_refused(database: Database) -> None:
    """In either order: a contact is not deleted and merged at once."""
    a, b, c = await three(database)

    async def delete(tx: Transaction, contact_id: int = c) -> None:
        await delete_contact(tx, contact_id)

    async def delete_alone() -> None:
        async with database.write() as tx:
            await delete(tx, b)

    assert await race(database, merging(a, b, survivor=a), delete_alone()) == tombstone(a, "id")
    (problem,) = await race(database, delete, merge(database, a, c))
    assert (problem.code, problem.path) == (ProblemCode.NOT_FOUND, ("ids", "1"))


async def test_a_row_whose_contact_is_being_merged_goes_to_the_survivor(
    database: Database,
) -> None:
    """A load that found the contact before the merge writes to what became of it."""
    a, b, _ = await three(database)
    rows = load(database, staged(2, "b@x.org", "b2@x.org", title="CTO"))
    (outcome,) = await race(database, merging(a, b, survivor=a), rows)
    assert isinstance(outcome, Outcome)
    async with database.read() as session:
        survivor, lost = await load_contacts(session, [a, b])
    assert survivor is not None
    assert lost is not None
    assert (outcome.uuid, survivor["title"]) == (survivor.uuid, "CTO")
    assert (lost["title"], lost.merged_into_id) == (None, a)
    assert [address for address, _ in await addresses(database, a)] == [
        *("a@x.org", "b@x.org", "b2@x.org")
    ]


async def test_of_two_undos_one_is_told_of_the_other(database: Database) -> None:
    """The contacts come back once."""
    a, b, _ = await three(database)
    before = await everything(database)
    merge_id = (await merge(database, a, b)).merge.id

    async def work(tx: Transaction) -> None:
        await undo_merge(tx, merge_id, undo_seconds=WEEK)

    (problem,) = await race(database, work, undo(database, merge_id))
    assert (problem.code, problem.message) == (
        ProblemCode.NOT_ALLOWED_IN_STATE,
        "This merge was undone already.",
    )
    assert await everything(database) == before


async def test_undo_of_a_survivor_that_is_being_merged_is_told_of_that_merge(
    database: Database,
) -> None:
    """The later merge is undone first."""
    a, b, c = await three(database)
    merge_id = (await merge(database, a, b, primary_id=a)).merge.id
    (problem,) = await race(database, merging(a, c, survivor=c), undo(database, merge_id))
    assert problem.message.startswith("The survivor was merged again. Undo that merge first:")


async def _again(work: Callable[[], Awaitable[Any]]) -> Any:
    """What work gives that is done again when a deadlock undid it, as the API does."""
    while True:
        try:
            return await work()
        except WriteConflict:
            continue
        except Rejected as rejected:
            return {problem.code for problem in rejected.problems}


async def test_many_merges_at_once_lose_nothing(database: Database) -> None:
    """All pairs of five contacts, their company changing meanwhile: one contact has everything."""
    company = await make_company(database, name="Acme")
    ids = [
        (
            await make_contact(
                database, emails=(f"{at}@x.org",), company_id=id_of(company) if at % 2 else None
            )
        ).id
        for at in range(5)
    ]

    async def rename(name: str) -> None:
        async with database.write() as tx:
            await update_company(tx, company.id, clean_company(CompanyFields(name=name)))

    pairs = [lambda pair=pair: merge(database, *pair) for pair in combinations(ids, 2)]
    names = [lambda name=name: rename(name) for name in "ABCDE"]
    ends = await asyncio.gather(*map(_again, [*pairs[::-1], *names]))
    refused = [end for end in ends if isinstance(end, set)]
    merged = [end for end in ends[: len(pairs)] if not isinstance(end, set)]
    assert all(codes == {ProblemCode.NOT_ALLOWED_IN_STATE} for codes in refused)
    assert len(merged) == 4
    async with database.read() as session:
        survivors = await load_survivors(session, ids)
        left = [row for row in await load_contacts(session, ids) if row and not row.deleted_at]
    assert len(left) == 1
    assert [row.id for row in survivors if row] == [left[0].id] * 4
    held = [address for address, _ in await addresses(database, left[0].id)]
    assert sorted(held) == [f"{at}@x.org" for at in range(5)]
