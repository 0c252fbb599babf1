"""Promises of `db.merging`: one contact stands where several stood, and nothing of them is lost."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest

from db.belongings import load_activities, load_emails, load_metadata, load_phones
from db.contacts import (
    count_contacts,
    count_contacts_of_companies,
    delete_contact,
    list_contacts,
    load_contacts,
    restore_contact,
    update_contact,
)
from db.merges import load_merges, load_survivors
from db.merging import preview_merge, recall_merge
from db.transaction import Database
from domain.changes import Change, ChangeKind, ContactChanged
from domain.enums import Seniority
from domain.errors import Problem, ProblemCode
from domain.merge_policies import ContactField, MergePolicy
from domain.merge_requests import clean_merge
from domain.paging import NEWEST_CONTACTS, PageRequest
from domain.records import ContactFields, NewEmail, NewLocation, NewPhone
from domain.validation import clean_contact
from tests.db.merged import LINKEDIN, addresses, everything, merge, node, refusals, undo
from tests.factories import make_company, make_contact
from tests.graph.ids import id_of
from tests.graph.rows import make_activity, read_rows
from tests.statements import Statements


def merged_away(survivor: int, *path: str) -> Problem:
    """The refusal of a tombstone."""
    return Problem(
        code=ProblemCode.NOT_ALLOWED_IN_STATE,
        message=f"This contact was merged into {node(survivor)}. Use that one, or undo the merge.",
        path=path,
        record_id=node(survivor),  # type: ignore[arg-type]  # a NodeId
    )


async def test_the_survivor_has_what_all_had(database: Database) -> None:
    """Values where it had none, addresses and numbers behind its own, activities, metadata."""
    company = await make_company(database, name="Acme")
    ada = await make_contact(
        database,
        first_name="Ada",
        emails=("ada@acme.com",),
        phones=[NewPhone(number="+49 30 901820")],
        tags=["vip"],
    )
    other = await make_contact(
        database,
        first_name="Augusta",
        last_name="King",
        emails=("king@acme.com", "ada@home.example"),
        phones=[NewPhone(number="0049 30 901820"), NewPhone(number="+49 30 123456")],
        tags=["new"],
        seniority=Seniority.VP,
        company_id=id_of(company),
        linkedin_url=LINKEDIN,
        location=NewLocation(city="Berlin", street="Allee 1"),
        custom_fields={"score": 1},
        do_not_contact=True,
    )
    call = await make_activity(database, other.id)
    merger = await merge(database, ada.id, other.id, primary_id=ada.id)
    row = merger.contact
    shown = ("first_name", "last_name", "tags", "seniority", "company_name", "city", "source")
    assert [row[name] for name in shown] == [
        *("Ada", "King", ["vip"], "VP", "Acme", "Berlin", "MERGE")
    ]
    assert (row.id, row.version, row["do_not_contact"]) == (ada.id, 2, True)
    assert (row.email, row.deleted_at) == ("ada@acme.com", None)
    async with database.read() as session:
        emails, none = await load_emails(session, [ada.id, other.id])
        (phones,) = await load_phones(session, [ada.id])
        (metadata,) = await load_metadata(session, [ada.id])
        ((activity,),) = await load_activities(session, [ada.id])
    assert [(email.address, email.is_primary, email["position"]) for email in emails] == [
        ("ada@acme.com", True, 0),
        ("king@acme.com", False, 1),
        ("ada@home.example", False, 2),
    ]
    assert none == []
    assert [phone["e164"] for phone in phones] == ["+4930901820", "+4930123456"]
    assert metadata is not None
    assert (metadata["linkedin_url"], metadata["street"]) == (LINKEDIN, "Allee 1")
    assert metadata["custom_fields"] == {"score": 1}
    assert activity.id == call.id


async def test_the_others_are_tombstones(database: Database) -> None:
    """They keep their own values, point to the survivor, and stand in no list and no count."""
    company = await make_company(database)
    ids = [
        (await make_contact(database, first_name=name, company_id=id_of(company))).id
        for name in ("Ada", "Adah", "Augusta")
    ]
    merger = await merge(database, *ids)
    assert merger.contact.id == ids[0]
    async with database.read() as session:
        rows = await load_contacts(session, ids)
        page = await list_contacts(session, PageRequest(order=NEWEST_CONTACTS))
        assert await count_contacts(session) == 1
        survivors = await load_survivors(session, ids)
        (stored,) = await load_merges(session, [merger.merge.id])
        assert await count_contacts_of_companies(session, [company.id]) == [1]
    assert [row.id for row in page.rows] == ids[:1]
    assert [row and row["merged_into_id"] for row in rows] == [None, ids[0], ids[0]]
    assert [row and row["first_name"] for row in rows] == ["Ada", "Adah", "Augusta"]
    assert [row and row.version for row in rows] == [2, 2, 2]
    assert [survivor and survivor.id for survivor in survivors] == [None, ids[0], ids[0]]
    assert stored is not None
    assert (stored.survivor_id, stored.loser_ids, stored.undone_at) == (ids[0], ids[1:], None)


@pytest.mark.parametrize(
    ("made", "survivor"),
    [
        ([{"first_name": "A"}, {"first_name": "A", "title": "CTO"}], 1),
        ([{"first_name": "A"}, {"first_name": "B"}], 0),
    ],
    ids=["most-complete", "oldest"],
)
async def test_the_best_contact_survives(
    database: Database, made: Sequence[dict[str, Any]], survivor: int
) -> None:
    """The most complete one, of equals the oldest; the order of the ids means nothing."""
    ids = [(await make_contact(database, **fields)).id for fields in made]
    assert (await merge(database, *reversed(ids))).contact.id == ids[survivor]


async def test_policies_decide(database: Database) -> None:
    """A field's own policy, else the default one where it suits."""
    ada = await make_contact(database, first_name="Ada", title="CTO", tags=["a"], stage="WARM")
    other = await make_contact(database, first_name="Augusta", title="CEO", tags=["b"])
    title, stage = ContactField("TITLE"), ContactField("STAGE")
    merger = await merge(
        database,
        ada.id,
        other.id,
        primary_id=ada.id,
        default_policy=MergePolicy.UNION,
        field_policies=[(title, MergePolicy.NEWEST), (stage, MergePolicy.KEEP_PRIMARY)],
    )
    row = merger.contact
    assert [row[name] for name in ("first_name", "title", "tags", "stage")] == [
        *("Ada", "CEO", ["a", "b"], "WARM")
    ]
    origins = {origin.field: (origin.contact_ids, origin.policy) for origin in merger.origins}
    assert origins == {
        ContactField("FIRST_NAME"): ((ada.id,), MergePolicy.FILL_EMPTY),
        title: ((other.id,), MergePolicy.NEWEST),
        stage: ((ada.id,), MergePolicy.KEEP_PRIMARY),
        ContactField("TAGS"): ((ada.id, other.id), MergePolicy.UNION),
    }


async def test_a_dry_run_tells_what_the_merge_stores_and_writes_nothing(
    database: Database, statements: Statements
) -> None:
    """Both give the same origins, and the stored contact holds their values."""
    contacts = [
        await make_contact(
            database,
            first_name="Ada",
            title=title,
            emails=(f"ada@{at}.org",),
            departments=[f"D{at}"],
            custom_fields={f"k{at}": at},
            location=NewLocation(city="Berlin"),
        )
        for at, title in enumerate((None, "CTO", "Chief"))
    ]
    ids = [contact.id for contact in contacts]
    request = clean_merge(ids, default_policy=MergePolicy.UNION)
    before = await everything(database)
    with statements.recorded() as recorded:
        async with database.read() as session:
            preview = await preview_merge(session, request)
    assert len(recorded) == 4
    assert all(sql.startswith("SELECT") and "FOR UPDATE" not in sql for sql in recorded)
    assert await everything(database) == before
    assert await read_rows(database, "SELECT * FROM contact_merges") == []
    merger = await merge(database, *ids, default_policy=MergePolicy.UNION)
    assert preview == merger.origins
    values = {str(origin.field): origin.value for origin in preview}
    assert values["EMAILS"] == [address for address, _ in await addresses(database, ids[1])]
    assert values["DEPARTMENTS"] == merger.contact["departments"] == ["D1", "D2", "D0"]
    assert values["CUSTOM_FIELDS"] == {"k0": 0, "k1": 1, "k2": 2}
    assert values["TITLE"] == merger.contact["title"]


async def test_a_contact_that_is_not_there_is_refused(database: Database) -> None:
    """Missing, deleted and merged ones, each with its place; the dry run says the same."""
    live, gone, lost = [await make_contact(database) for _ in range(3)]
    merger = await merge(database, live.id, lost.id)
    async with database.write() as tx:
        await delete_contact(tx, gone.id)
    before = await everything(database)
    missing = "There is no contact with this id."
    expected = [
        Problem(code=ProblemCode.NOT_FOUND, message=missing, path=("ids", "0")),
        merged_away(merger.contact.id, "ids", "2"),
        Problem(code=ProblemCode.NOT_FOUND, message=missing, path=("ids", "3")),
    ]
    ids = (10**9, live.id, lost.id, gone.id)
    assert await refusals(merge(database, *ids)) == expected
    async with database.read() as session:
        assert await refusals(preview_merge(session, clean_merge(ids))) == expected
    assert await everything(database) == before


async def test_a_contact_at_another_version_is_refused(database: Database) -> None:
    """Who looked at older contacts than those that stand there merges nothing."""
    first, second = await make_contact(database), await make_contact(database)
    versions = [(second.id, second.version + 1), (first.id, first.version)]
    assert await refusals(merge(database, first.id, second.id, expected_versions=versions)) == [
        Problem(
            code=ProblemCode.VERSION_CONFLICT,
            message="It is at version 1 now. Read it again before you change it.",
            path=("expectedVersions", "0", "version"),
            record_id=node(second.id),  # type: ignore[arg-type]  # a NodeId
        )
    ]
    versions = [(second.id, second.version), (first.id, first.version)]
    merger = await merge(database, first.id, second.id, expected_versions=versions)
    assert merger.contact.version == 2


async def test_more_than_a_contact_may_have_is_refused(database: Database) -> None:
    """Nothing is moved when not all of it fits."""
    ids = [
        (await make_contact(database, emails=tuple(f"{at}.{n}@x.org" for n in range(26)))).id
        for at in range(2)
    ]
    before = await everything(database)
    (problem,) = await refusals(merge(database, *ids))
    assert (problem.code, problem.path) == (ProblemCode.TOO_LONG, ("ids",))
    assert await everything(database) == before


async def test_a_tombstone_is_changed_by_nobody(database: Database) -> None:
    """Neither changed nor deleted nor restored: the refusal names the survivor."""
    survivor, lost = await make_contact(database), await make_contact(database)
    await merge(database, survivor.id, lost.id)
    before = await everything(database)
    expected = [merged_away(survivor.id, "id")]
    patch = clean_contact(ContactFields(title="CTO"))
    async with database.write() as tx:
        assert await refusals(update_contact(tx, lost.id, patch)) == expected
        assert await refusals(update_contact(tx, lost.id, patch, expected_version=9)) == expected
        assert await refusals(delete_contact(tx, lost.id)) == expected
        assert await refusals(restore_contact(tx, lost.id)) == expected
        assert tx.changes == []
    assert await everything(database) == before


async def test_a_survivor_that_is_merged_leads_on_to_the_last(database: Database) -> None:
    """However many merges follow each other, each tombstone leads to the contact that is left."""
    ids = [(await make_contact(database, first_name=f"n{at}")).id for at in range(4)]
    for loser, survivor in pairwise(ids):
        await merge(database, survivor, loser, primary_id=survivor)
    async with database.read() as session:
        survivors = await load_survivors(session, ids)
        assert [row and row.id for row in survivors] == [ids[3], ids[3], ids[3], None]
    async with database.write() as tx:
        await delete_contact(tx, ids[3])
    async with database.read() as session:
        assert await load_survivors(session, ids) == [None] * 4


async def test_a_merge_is_told_with_all_companies_it_touches(database: Database) -> None:
    """Each contact with the companies it was of and is of now."""
    told: list[Change] = []

    async def remember(changes: Sequence[Change]) -> None:
        told.extend(changes)

    listening = Database(database.engine, after_commit=[remember])
    first, second = [await make_company(database, name=name) for name in "AB"]
    ada = await make_contact(database, first_name="Ada")
    lost = await make_contact(database, first_name="B", company_id=id_of(first))
    also = await make_contact(database, first_name="C", company_id=id_of(second))
    merger = await merge(listening, ada.id, lost.id, also.id, primary_id=ada.id)
    merged, updated = ChangeKind.MERGED, ChangeKind.UPDATED
    of_first, of_second = frozenset({first.id}), frozenset({second.id})
    assert told == [
        ContactChanged(kind=merged, contact_id=lost.id, company_ids=of_first),
        ContactChanged(kind=merged, contact_id=also.id, company_ids=of_second),
        ContactChanged(kind=updated, contact_id=ada.id, company_ids=of_first),
    ]
    told.clear()
    await undo(listening, merger.merge.id)
    restored = ChangeKind.RESTORED
    assert sorted(told, key=lambda change: getattr(change, "contact_id", 0)) == [
        ContactChanged(kind=updated, contact_id=ada.id, company_ids=of_first),
        ContactChanged(kind=restored, contact_id=lost.id, company_ids=of_first),
        ContactChanged(kind=restored, contact_id=also.id, company_ids=of_second),
    ]


@pytest.mark.parametrize("count", [2, 20])
async def test_statements_do_not_grow_with_the_contacts(
    database: Database, statements: Statements, count: int
) -> None:
    """Fifty contacts are merged and taken apart by as many statements as two."""
    ids = [
        (
            await make_contact(
                database,
                emails=(f"{at}@x.org",),
                phones=[NewPhone(number=f"+49 30 {at:05}")],
                headline=f"Number {at}",
            )
        ).id
        for at in range(count)
    ]
    await make_activity(database, ids[-1])
    with statements.recorded() as recorded:
        merger = await merge(database, *ids)
    assert len(recorded) == 10
    with statements.recorded() as recorded:
        await undo(database, merger.merge.id)
    assert len(recorded) == 18


async def test_a_merge_that_is_recalled_shows_the_survivor_as_it_is(database: Database) -> None:
    """Who sends the same merge again sees what became of it since."""
    ada = await make_contact(database, first_name="Ada", emails=("ada@acme.com",))
    other = await make_contact(database, title="CTO", first_name="A")
    merger = await merge(database, ada.id, other.id, primary_id=ada.id)
    decided: Any = [[each.field, each.contact_ids, each.policy] for each in merger.origins]
    async with database.write() as tx:
        patch = ContactFields(title="CEO", emails=[NewEmail(address="new@acme.com")])
        await update_contact(tx, ada.id, clean_contact(patch))
        recalled = await recall_merge(tx, merger.merge.id, decided)
        assert await recall_merge(tx, 10**9, decided) is None
    assert recalled is not None
    assert (recalled.merge, recalled.contact["title"]) == (merger.merge, "CEO")
    assert [(each.field, each.contact_ids, each.policy) for each in recalled.origins] == [
        (each.field, each.contact_ids, each.policy) for each in merger.origins
    ]
    values = {str(each.field): each.value for each in recalled.origins}
    assert (values["TITLE"], values["EMAILS"]) == ("CEO", ["new@acme.com"])
