"""Promises of `db.unmerging`: what was merged comes apart, and what was changed since stays."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from db.contacts import delete_contact, load_contacts, restore_contact, update_contact
from db.privacy import erase_contacts
from db.suppressions import add_suppression
from db.transaction import Database
from domain.enums import EmailStatus, RecordSource, Seniority
from domain.errors import Problem, ProblemCode
from domain.merge_policies import ContactField, MergePolicy
from domain.node_ids import NodeKind, encode_node_id
from domain.privacy import clean_suppression
from domain.records import ContactFields, NewEmail, NewLocation, NewPhone
from domain.validation import clean_contact
from tests.db.merged import SOMEBODY, addresses, everything, merge, node, refusals, undo
from tests.factories import make_company, make_contact
from tests.graph.ids import id_of
from tests.graph.rows import execute, make_activity, read_rows

ADA, KING = "ada@acme.com", "king@acme.com"


def refused(message: str, code: ProblemCode = ProblemCode.NOT_ALLOWED_IN_STATE) -> list[Problem]:
    """The only reason why a merge is not undone."""
    return [Problem(code=code, message=message, path=("mergeId",))]


async def change(database: Database, contact_id: int, **fields: Any) -> None:
    """Change a contact as everybody does."""
    async with database.write() as tx:
        await update_contact(tx, contact_id, clean_contact(ContactFields(**fields)))


async def pair(database: Database, **fields: Any) -> tuple[int, int]:
    """A contact with an address, and another with an address and these fields."""
    first = await make_contact(database, first_name="Ada", emails=(ADA,))
    return first.id, (await make_contact(database, emails=(KING,), **fields)).id


async def shown(database: Database, contact_id: int) -> Any:
    """A contact that is there."""
    async with database.read() as session:
        (row,) = await load_contacts(session, [contact_id])
    assert row is not None
    return row


_TEXTS = st.sampled_from([None, "a", "bb", "ccc"])
_ITEMS = st.lists(st.sampled_from("abcd"), max_size=3, unique=True)
_MOMENTS = st.sampled_from([None, *(datetime(2026, 1, day, tzinfo=UTC) for day in (1, 2))])
_CONTACTS = st.fixed_dictionaries(
    {
        "first_name": st.sampled_from(["Ada", "Augusta"]),
        "title": _TEXTS,
        "headline": _TEXTS,
        "notes": _TEXTS,
        "stage": _TEXTS,
        "seniority": st.sampled_from([None, Seniority.VP, Seniority.HEAD]),
        "tags": _ITEMS,
        "departments": _ITEMS,
        "location": st.builds(NewLocation, city=_TEXTS, street=_TEXTS, country=_TEXTS),
        "custom_fields": st.dictionaries(
            st.sampled_from("xyz"), st.sampled_from([0, 1.5, 1e-7, 1e30, None, ["é"]]), max_size=2
        ),
        "do_not_contact": st.booleans(),
        "source": st.sampled_from(RecordSource),
        "last_contacted_at": _MOMENTS,
        "last_verified_at": _MOMENTS,
        "linkedin_url": st.sampled_from([None, "linkedin.com/in/a", "linkedin.com/in/b"]),
        "phones": st.lists(
            st.sampled_from(["+49 30 901820", "+49 30 901821", "12345"]), max_size=3, unique=True
        ).map(lambda numbers: [NewPhone(number=number) for number in numbers]),
    }
)
_BARE = st.fixed_dictionaries({"first_name": st.just("Ada")})


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    st.lists(st.tuples(_CONTACTS | _BARE, st.integers(0, 2)), min_size=2, max_size=4),
    st.sampled_from(MergePolicy),
)
async def test_merge_then_undo_changes_no_row(
    database: Database, made: list[tuple[dict[str, Any], int]], policy: MergePolicy
) -> None:
    """Every row of every table is what it was, but for versions and times of change."""
    start = len(await read_rows(database, "SELECT id FROM contacts"))
    ids = []
    for at, (fields, count) in enumerate(made, start):
        emails = tuple(f"{at}.{n}@x.org" for n in range(count))
        ids.append((await make_contact(database, emails=emails, **fields)).id)
        if count == 1:
            await make_activity(database, ids[-1])
    before = await everything(database)
    versions = [(await shown(database, contact_id)).version for contact_id in ids]
    merger = await merge(database, *ids, default_policy=policy)
    unmerged = await undo(database, merger.merge.id)
    assert (unmerged.kept_fields, unmerged.kept_emails) == ([], [])
    assert await everything(database) == before
    assert [(await shown(database, each)).version for each in ids] == [v + 2 for v in versions]
    (undo_json,) = await read_rows(
        database, "SELECT undo::text FROM contact_merges WHERE id = $1", merger.merge.id
    )
    assert undo_json == ("{}",)


async def test_belongings_and_company_come_back(database: Database) -> None:
    """With the same ids, so that who kept one finds it where it was."""
    company = await make_company(database, name="Acme")
    first, second = await pair(database, company_id=id_of(company), phones=[NewPhone(number="123")])
    await make_activity(database, second)
    before = await everything(database)
    merger = await merge(database, first, second, primary_id=first)
    assert merger.contact["company_name"] == "Acme"
    unmerged = await undo(database, merger.merge.id)
    assert await everything(database) == before
    assert (unmerged.contact.id, unmerged.contact["company_name"]) == (first, None)
    assert unmerged.merge.id == merger.merge.id
    assert unmerged.merge.undone_at is not None


async def test_a_field_that_was_changed_since_stays_and_is_told(database: Database) -> None:
    """What somebody has written since the merge is not taken back."""
    first, second = await pair(
        database, title="CTO", last_name="King", notes="Old", do_not_contact=True
    )
    merger = await merge(database, first, second, primary_id=first)
    await change(database, first, title="CEO", notes="New", tags=["later"])
    unmerged = await undo(database, merger.merge.id)
    assert set(unmerged.kept_fields) == {
        ContactField(name) for name in ("TITLE", "NOTES", "DO_NOT_CONTACT")
    }
    row = unmerged.contact
    assert (row["title"], row["last_name"], row["tags"]) == ("CEO", None, ["later"])
    assert row["do_not_contact"] is True
    assert (await shown(database, second))["title"] == "CTO"


async def test_metadata_that_was_written_since_stays(database: Database) -> None:
    """The row that the merge made is kept when somebody has used it."""
    first, second = await pair(database, headline="Hello")
    merger = await merge(database, first, second, primary_id=first)
    await change(database, first, notes="Met in Paris")
    await undo(database, merger.merge.id)
    assert await read_rows(
        database, "SELECT headline, notes FROM contact_metadata WHERE contact_id = $1", first
    ) == [(None, "Met in Paris")]


async def test_an_address_that_was_changed_since_goes_back_as_it_is(database: Database) -> None:
    """What was found out about it meanwhile is kept; addresses given since stay."""
    first, second = await pair(database)
    merger = await merge(database, first, second, primary_id=first)
    emails = [
        NewEmail(address="new@acme.com"),
        NewEmail(address=KING, status=EmailStatus.VERIFIED, is_primary=True),
        NewEmail(address=ADA),
    ]
    await change(database, first, emails=emails)
    await undo(database, merger.merge.id)
    assert await addresses(database, first) == [("new@acme.com", True), (ADA, False)]
    assert await addresses(database, second) == [(KING, True)]
    rows = [await shown(database, contact_id) for contact_id in (first, second)]
    assert [(row.email, row["email_status"]) for row in rows] == [
        ("new@acme.com", "UNKNOWN"),
        (KING, "VERIFIED"),
    ]


async def test_an_address_that_was_deleted_since_comes_back(database: Database) -> None:
    """It was taken from the survivor, not from the contact that had it."""
    first = await make_contact(database, emails=(ADA,))
    second = await make_contact(
        database,
        emails=(KING, "home@king.example"),
        phones=[NewPhone(number="+49 30 901820", extension="5", source="Card")],
    )
    query = (
        "SELECT contact_id, position, address, status, is_primary FROM contact_emails"
        " ORDER BY contact_id, position",
        "SELECT contact_id, position, number, e164, extension, is_primary, source"
        " FROM contact_phones",
    )
    before = [await read_rows(database, each) for each in query]
    merger = await merge(database, first.id, second.id, primary_id=first.id)
    await change(database, first.id, emails=[NewEmail(address=ADA)], phones=[])
    unmerged = await undo(database, merger.merge.id)
    assert [await read_rows(database, each) for each in query] == before
    assert (unmerged.kept_fields, unmerged.kept_emails) == ([], [])


async def test_an_address_that_another_has_by_now_stays_there(database: Database) -> None:
    """The contact comes back without it, the next address becomes primary, and it is told."""
    first = await make_contact(database, emails=(ADA,))
    second = await make_contact(database, emails=(KING, "home@king.example"))
    merger = await merge(database, first.id, second.id, primary_id=first.id)
    await change(database, first.id, emails=[NewEmail(address=ADA)])
    third = await make_contact(database, emails=(KING,))
    unmerged = await undo(database, merger.merge.id)
    assert [(email.address, email.contact_id) for email in unmerged.kept_emails] == [
        (KING, third.id)
    ]
    assert await addresses(database, second.id) == [("home@king.example", True)]
    assert (await shown(database, second.id)).email == "home@king.example"
    assert await addresses(database, third.id) == [(KING, True)]


async def test_a_contact_that_nothing_would_identify_is_not_brought_back(
    database: Database,
) -> None:
    """When all that it had belongs to others by now, it stays a part of the survivor."""
    first = await make_contact(database, emails=(ADA,))
    second = await make_contact(database, emails=(KING,))
    merger = await merge(database, first.id, second.id, primary_id=first.id)
    await change(database, first.id, emails=[NewEmail(address=ADA)])
    await make_contact(database, emails=(KING,))
    before = await everything(database)
    assert await refusals(undo(database, merger.merge.id)) == refused(
        f"Nothing would identify {node(second.id)}:"
        " it would have no name, address, profile or phone number."
    )
    assert await everything(database) == before


async def test_a_merge_is_undone_once(database: Database) -> None:
    """The second time it is refused, and so is a merge that never was."""
    merger = await merge(database, *await pair(database))
    await undo(database, merger.merge.id)
    before = await everything(database)
    assert await refusals(undo(database, merger.merge.id)) == refused(
        "This merge was undone already."
    )
    missing = refused("There is no merge with this id.", ProblemCode.NOT_FOUND)
    assert await refusals(undo(database, 10**9)) == missing
    assert await everything(database) == before


async def test_a_merge_is_undone_within_its_time(database: Database) -> None:
    """A second before the end it can be, a second after it cannot."""
    merger = await merge(database, *await pair(database))
    hour_ago = datetime.now(UTC) - timedelta(hours=1)
    await execute(database, "UPDATE contact_merges SET created_at = $1", hour_ago)
    too_old = refused("This merge is too old to be undone.")
    assert await refusals(undo(database, merger.merge.id, within=3600)) == too_old
    assert (await undo(database, merger.merge.id, within=3660)).kept_fields == []


async def test_merges_of_one_contact_are_undone_the_newest_first(database: Database) -> None:
    """Each finds what it left; the refusal names the merge to begin with."""
    first, second, third, last = [
        (await make_contact(database, first_name=name, title=title)).id
        for name, title in (("Ada", None), ("B", "CTO"), ("C", "CEO"), ("D", None))
    ]
    before = await everything(database)
    merges = [
        (await merge(database, survivor, loser, primary_id=survivor)).merge.id
        for survivor, loser in ((first, second), (first, third), (last, first))
    ]
    names = [encode_node_id(NodeKind.MERGE, merge_id) for merge_id in merges]
    message = "The survivor was merged again. Undo that merge first: {}."
    for at in (0, 1):
        assert await refusals(undo(database, merges[at])) == refused(message.format(names[2]))
    await undo(database, merges[2])
    assert await refusals(undo(database, merges[0])) == refused(message.format(names[1]))
    await undo(database, merges[1])
    await undo(database, merges[0])
    assert await everything(database) == before


async def test_a_deleted_survivor_is_restored_first(database: Database) -> None:
    """Nobody comes back out of a contact that is deleted."""
    first, second = await pair(database)
    merger = await merge(database, first, second, primary_id=first)
    async with database.write() as tx:
        await delete_contact(tx, first)
    assert await refusals(undo(database, merger.merge.id)) == refused(
        "The survivor was deleted. Restore it first."
    )
    async with database.write() as tx:
        await restore_contact(tx, first)
    await undo(database, merger.merge.id)
    assert await addresses(database, second) == [(KING, True)]


async def test_an_erased_contact_takes_its_merges_along(database: Database) -> None:
    """Nothing is left from which an erased person could be brought back."""
    first, second = await pair(database)
    merger = await merge(database, first, second, primary_id=first)
    async with database.write() as tx:
        await erase_contacts(tx, [first], reason=None, erased_by=SOMEBODY)
    assert await refusals(undo(database, merger.merge.id)) == refused(
        "There is no merge with this id.", ProblemCode.NOT_FOUND
    )
    assert await read_rows(database, "SELECT id FROM contacts") == []


@pytest.mark.parametrize("key", ["email", "linkedin_url"])
async def test_what_must_not_be_stored_is_not_brought_back(database: Database, key: str) -> None:
    """A key that went on the suppression list meanwhile keeps the merge as it is."""
    first = await make_contact(database, emails=(ADA,), linkedin_url="linkedin.com/in/ada")
    second = await make_contact(database, emails=(KING,), linkedin_url="linkedin.com/in/king")
    policies = [(ContactField("LINKEDIN_URL"), MergePolicy.NEWEST)]
    merger = await merge(
        database, first.id, second.id, primary_id=first.id, field_policies=policies
    )
    await change(database, first.id, emails=[NewEmail(address=ADA)])
    person = {"email": None, "linkedin_url": None}
    person[key] = {"email": KING, "linkedin_url": "linkedin.com/in/ada"}[key]  # type: ignore[assignment]  # a text
    async with database.write() as tx:
        await add_suppression(tx, clean_suppression(**person), created_by=SOMEBODY)
    before = await everything(database)
    (problem,) = await refusals(undo(database, merger.merge.id))
    assert (problem.code, problem.path) == (ProblemCode.SUPPRESSED_CONTACT, ("mergeId",))
    assert await everything(database) == before
