"""Rows to stage, their loading, and what the tables hold afterwards."""

from collections.abc import Mapping, Sequence
from typing import Any

from db.staging import Outcome, Result, StagedCompany, StagedContact
from db.staging_companies import upsert_companies
from db.staging_contacts import upsert_contacts
from db.statements import sql
from db.transaction import Database
from domain.validation import CleanContact


def contact(
    line: int,
    *addresses: str,
    company: Mapping[str, Any] | None = None,
    phones: Sequence[str] = (),
    **values: Any,
) -> StagedContact:
    emails = [{"address": address} for address in addresses]
    numbers = [{"number": number, "e164": None, "extension": None} for number in phones]
    return StagedContact(line, CleanContact(values, emails, numbers), company)


def company(line: int, **values: Any) -> StagedCompany:
    return StagedCompany(line, values)


async def load(database: Database, *rows: StagedContact) -> list[Outcome]:
    async with database.write() as tx:
        return await upsert_contacts(tx, rows)


async def load_employers(database: Database, *rows: StagedCompany) -> list[Outcome]:
    async with database.write() as tx:
        return await upsert_companies(tx, rows)


async def rows_of(database: Database, query: str) -> list[tuple[Any, ...]]:
    async with database.read() as session:
        return [tuple(row) for row in await session.fetch(sql(query))]


async def execute(database: Database, statement: str) -> None:
    async with database.write() as tx:
        await tx.fetch(sql(statement))


def results(outcomes: Sequence[Outcome]) -> list[Result]:
    return [outcome.result for outcome in outcomes]


def codes(outcome: Outcome) -> list[str]:
    return [finding.code for finding in outcome.findings]
