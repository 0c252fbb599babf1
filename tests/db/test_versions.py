"""Every change of one contact or company is a version further, and refused to who read another."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest
from sqlalchemy import Table
from sqlalchemy.ext.asyncio import AsyncEngine

from db.companies import delete_company, restore_company, update_company
from db.contacts import delete_contact, restore_contact, update_contact
from db.rows import CompanyRow, ContactRow
from db.tables import companies, contacts
from db.transaction import Database
from domain.changes import Change, ChangeKind, CompanyChanged, ContactChanged
from domain.errors import Problem, ProblemCode, Rejected
from domain.node_ids import NodeKind, encode_node_id
from domain.records import CompanyFields, ContactFields
from domain.validation import clean_company, clean_contact
from tests.db.datasets import stored_rows
from tests.db.refusals import problems_of
from tests.factories import make_company, make_contact

Made = Awaitable[Any]


@dataclass(frozen=True)
class Records:
    """Contacts or companies, and all that changes one of them.

    Attributes:
        given: A patch that changes something.
        nothing: A patch that changes nothing.
    """

    table: Table
    kind: NodeKind
    make: Callable[[Database], Made]
    update: Callable[..., Made]
    delete: Callable[..., Made]
    restore: Callable[..., Made]
    given: Any
    nothing: Any

    def told(self, kind: ChangeKind, row: ContactRow | CompanyRow) -> Change:
        """What listeners are told of a change."""
        if isinstance(row, ContactRow):
            return ContactChanged(kind=kind, contact_id=row.id)
        return CompanyChanged(kind=kind, company_id=row.id)


CONTACTS = Records(
    contacts,
    NodeKind.CONTACT,
    make_contact,
    update_contact,
    delete_contact,
    restore_contact,
    given=clean_contact(ContactFields(title="CTO")),
    nothing=clean_contact(ContactFields()),
)
COMPANIES = Records(
    companies,
    NodeKind.COMPANY,
    make_company,
    update_company,
    delete_company,
    restore_company,
    given=clean_company(CompanyFields(stage="WARM")),
    nothing=clean_company(CompanyFields()),
)

of_each_kind = pytest.mark.parametrize("records", [CONTACTS, COMPANIES], ids=["contact", "company"])
by_each_change = pytest.mark.parametrize(
    "kind", [ChangeKind.UPDATED, ChangeKind.DELETED, ChangeKind.RESTORED]
)


def change_of(records: Records, kind: ChangeKind) -> Callable[..., Made]:
    """What changes a record so, in a transaction."""
    if kind is ChangeKind.UPDATED:
        return lambda tx, row_id, **how: records.update(tx, row_id, records.given, **how)
    return records.delete if kind is ChangeKind.DELETED else records.restore


async def made(database: Database, records: Records, *, deleted: bool) -> Any:
    """A record."""
    row = await records.make(database)
    if deleted:
        async with database.write() as tx:
            row = await records.delete(tx, row.id)
    return row


@pytest.mark.parametrize("expected", [True, False], ids=["expected", "whatever"])
@by_each_change
@of_each_kind
async def test_change_moves_the_version_by_one(
    database: Database, records: Records, kind: ChangeKind, expected: bool
) -> None:
    """Each change is one version further, later, and told with its kind."""
    before = await made(database, records, deleted=kind is ChangeKind.RESTORED)
    change = change_of(records, kind)
    async with database.write() as tx:
        how = {"expected_version": before.version} if expected else {}
        after = await change(tx, before.id, **how)
        assert tx.changes == [records.told(kind, before)]
    assert after.version == before.version + 1
    assert after["updated_at"] > before["updated_at"]
    assert after["created_at"] == before["created_at"]


@by_each_change
@of_each_kind
async def test_change_of_another_version_is_refused(
    database: Database, engine: AsyncEngine, records: Records, kind: ChangeKind
) -> None:
    """Who read another version than what stands there changes nothing."""
    row = await made(database, records, deleted=kind is ChangeKind.RESTORED)
    before = await stored_rows(engine, records.table)
    change = change_of(records, kind)
    refusal = Problem(
        code=ProblemCode.VERSION_CONFLICT,
        message=f"It is at version {row.version} now. Read it again before you change it.",
        path=("expectedVersion",),
        record_id=encode_node_id(records.kind, row.id),
    )
    for version in (row.version - 1, row.version + 1):
        async with database.write() as tx:
            refused = await problems_of(change(tx, row.id, expected_version=version))
            assert (refused, tx.changes) == ([refusal], [])
    assert await stored_rows(engine, records.table) == before


@by_each_change
@of_each_kind
async def test_change_of_what_is_not_there_is_refused(
    database: Database, records: Records, kind: ChangeKind
) -> None:
    """A missing record, a deleted one, and for a restore a live one, are not found."""
    row = await made(database, records, deleted=kind is not ChangeKind.RESTORED)
    change = change_of(records, kind)
    for row_id in (row.id, 10**9):
        async with database.write() as tx:
            problems = await problems_of(change(tx, row_id))
        found = [(problem.code, problem.path) for problem in problems]
        assert found == [(ProblemCode.NOT_FOUND, ("id",))]


@of_each_kind
async def test_update_without_fields_leaves_the_record_as_it_is(
    database: Database, records: Records
) -> None:
    """Nothing given, nothing changed: no new version and no news."""
    row = await records.make(database)
    async with database.write() as tx:
        assert await records.update(tx, row.id, records.nothing, expected_version=1) == row
        assert tx.changes == []


@of_each_kind
async def test_two_updates_of_one_version_apply_once(database: Database, records: Records) -> None:
    """Of those that read the same version, all but one are told about the first."""
    row = await records.make(database)
    update = partial(change_of(records, ChangeKind.UPDATED), expected_version=row.version)

    async def attempt() -> Any:
        async with database.write() as tx:
            return await update(tx, row.id)

    ends = await asyncio.gather(*(attempt() for _ in range(8)), return_exceptions=True)
    won = [end for end in ends if not isinstance(end, BaseException)]
    codes = {end.problems[0].code for end in ends if isinstance(end, Rejected)}
    assert ([row.version for row in won], codes) == ([2], {ProblemCode.VERSION_CONFLICT})
