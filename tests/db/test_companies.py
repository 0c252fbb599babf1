"""Promises of `db.companies`: what every change of a company leaves behind, and what it refuses."""

import asyncio
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from db.companies import delete_company, load_companies, restore_company, update_company
from db.contacts import load_contacts
from db.rows import CompanyRow
from db.tables import companies, contacts
from db.transaction import Database
from domain.errors import Problem, ProblemCode, Rejected
from domain.node_ids import NodeKind, encode_node_id
from domain.records import CompanyFields
from domain.validation import clean_company
from tests.db.datasets import stored_rows
from tests.db.refusals import problems_of
from tests.factories import make_company, make_contact

UNIDENTIFIED = Problem(
    code=ProblemCode.REQUIRED, message="A company needs a name or a domain.", path=("name",)
)


def taken(domain: str, holder: int | None) -> Problem:
    """The refusal of a domain that another company holds."""
    return Problem(
        code=ProblemCode.ALREADY_EXISTS,
        message=f"Another company has the domain {domain}.",
        path=("domain",),
        record_id=None if holder is None else encode_node_id(NodeKind.COMPANY, holder),
    )


async def update(database: Database, company_id: int, **fields: Any) -> CompanyRow:
    """The company after a change."""
    async with database.write() as tx:
        return await update_company(tx, company_id, clean_company(CompanyFields(**fields)))


async def delete(database: Database, company_id: int) -> CompanyRow:
    """The company after it was deleted."""
    async with database.write() as tx:
        return await delete_company(tx, company_id)


async def restore(database: Database, company_id: int) -> CompanyRow:
    """The company after it was restored."""
    async with database.write() as tx:
        return await restore_company(tx, company_id)


@pytest.mark.parametrize("domain", ["acme.com", "https://www.ACME.com/about"])
async def test_domain_of_another_company_is_refused(
    database: Database, engine: AsyncEngine, domain: str
) -> None:
    """One live company a domain, however it is written; the answer names the holder."""
    holder = await make_company(database, domain="acme.com")
    rival = await make_company(database, name="Rival")
    before = await stored_rows(engine, companies)
    problem = taken("acme.com", holder.id)
    assert await problems_of(make_company(database, domain=domain)) == [problem]
    assert await problems_of(update(database, rival.id, domain=domain)) == [problem]
    assert await stored_rows(engine, companies) == before
    assert (await update(database, holder.id, domain=domain)).version == 2


async def test_racing_creates_of_one_domain_leave_one_company(
    database: Database, engine: AsyncEngine
) -> None:
    """Exactly one wins; every other is told that the domain is taken."""
    for at in range(5):
        domain = f"race{at}.com"
        ends = await asyncio.gather(
            *(make_company(database, domain=domain) for _ in range(4)), return_exceptions=True
        )
        (winner,) = [end for end in ends if not isinstance(end, BaseException)]
        told = [problem for end in ends if isinstance(end, Rejected) for problem in end.problems]
        assert {problem.code for problem in told} == {ProblemCode.ALREADY_EXISTS}
        assert len(told) == 3
        holder = encode_node_id(NodeKind.COMPANY, winner.id)
        assert {problem.record_id for problem in told} <= {holder, None}
    assert len(await stored_rows(engine, companies)) == 5


async def test_deleted_company_frees_its_domain(database: Database) -> None:
    """The domain can be given away; who comes back for it is told who has it."""
    first = await make_company(database, domain="acme.com")
    await delete(database, first.id)
    second = await make_company(database, domain="acme.com")
    assert await problems_of(restore(database, first.id)) == [taken("acme.com", second.id)]
    async with database.read() as session:
        assert await load_companies(session, [first.id, second.id]) == [None, second]
    await update(database, second.id, name="Second", domain=None)
    assert (await restore(database, first.id)).domain == "acme.com"


@pytest.mark.parametrize(
    ("identity", "cleared"),
    [
        pytest.param({"name": "Acme"}, {"name": None}, id="name"),
        pytest.param({"domain": "acme.com"}, {"domain": None}, id="domain"),
        pytest.param({"name": "A", "domain": "a.com"}, {"name": "", "domain": None}, id="both"),
    ],
)
async def test_clearing_the_last_identifying_value_is_refused(
    database: Database, engine: AsyncEngine, identity: dict[str, Any], cleared: dict[str, Any]
) -> None:
    """A company keeps a name or a domain."""
    company = await make_company(database, **identity)
    before = await stored_rows(engine, companies)
    assert await problems_of(update(database, company.id, **cleared)) == [UNIDENTIFIED]
    assert await problems_of(make_company(database, stage="WARM")) == [UNIDENTIFIED]
    assert await stored_rows(engine, companies) == before


async def test_new_name_spreads_to_contacts_without_a_new_version(
    database: Database, engine: AsyncEngine
) -> None:
    """Contacts show, sort and search by the new name, and are not edited by it."""
    company = await make_company(database, name="Old")
    node = encode_node_id(NodeKind.COMPANY, company.id)
    contact = await make_contact(
        database, first_name="Ada", company_id=node, company_name_raw="As written"
    )
    other = await make_contact(database, first_name="Bob", company_name_raw="Old")
    await update(database, company.id, name="NEW")
    renamed, untouched = await stored_rows(engine, contacts)
    assert (renamed["company_name"], renamed["search_text"]) == ("NEW", "ada   new")
    assert (renamed["version"], renamed["updated_at"]) == (1, contact["updated_at"])
    assert (untouched["company_name"], untouched["version"]) == ("Old", other.version)
    await update(database, company.id, name=None, domain="acme.com")
    async with database.read() as session:
        (renamed_row,) = await load_contacts(session, [contact.id])
    assert renamed_row is not None
    assert (renamed_row["company_name"], renamed_row.version) == ("As written", 1)


async def test_generated_columns_follow_the_company(
    database: Database, engine: AsyncEngine
) -> None:
    """The main industry and the search text are derived again from each change."""
    company = await make_company(
        database, name="ÉLAN", domain="elan.com", industries=["Rail", "Sea"]
    )
    assert company["industry"] == "Rail"
    company = await update(database, company.id, industries=[], short_description="Makes TRAINS")
    (row,) = await stored_rows(engine, companies)
    assert (company["industry"], row["search_text"]) == (None, "élan elan.com makes trains")
