"""Promises of `db.staging_companies`: a domain is one company, a name need not be."""

from db.staging import Result
from db.transaction import Database
from tests.db.staged import codes, company, execute, load_employers, results, rows_of


async def test_companies_are_the_same_by_domain(database: Database) -> None:
    """Another name at a known domain fills what is empty, renames nothing, and is told."""
    await load_employers(database, company(2, name="Acme", domain="acme.example"))
    outcome = (
        await load_employers(
            database, company(2, name="Acme Inc.", domain="acme.example", city="Bonn")
        )
    )[0]
    assert (outcome.result, codes(outcome)) == (Result.UPDATED, ["NAME_DIFFERS"])
    assert await rows_of(database, "SELECT name, city, version FROM companies") == [
        ("Acme", "Bonn", 2)
    ]


async def test_one_name_with_two_domains_is_two_companies(database: Database) -> None:
    """A name is only asked for where there is no domain."""
    await load_employers(
        database,
        company(2, name="Acme", domain="acme.example"),
        company(3, name="Acme", domain="a.test"),
    )
    assert await rows_of(database, "SELECT count(*) FROM companies") == [(2,)]


async def test_companies_without_domain_are_told_apart_by_their_place(database: Database) -> None:
    """One name in two cities is two companies, and each row finds its own again."""
    rows = [
        company(2, name="Acme", country="Germany", city="Bonn"),
        company(3, name="ACME", country="germany", city="Köln"),
        company(4, name="Acme", country="Germany", city="bonn"),
    ]
    assert results(await load_employers(database, *rows)) == [
        Result.CREATED,
        Result.CREATED,
        Result.SKIPPED,
    ]
    assert results(await load_employers(database, *rows)) == [
        Result.UNCHANGED,
        Result.UNCHANGED,
        Result.SKIPPED,
    ]
    vague = (await load_employers(database, company(5, name="Acme")))[0]
    assert (vague.result, codes(vague)) == (Result.FAILED, ["AMBIGUOUS_MATCH"])
    assert await rows_of(database, "SELECT count(*) FROM companies") == [(2,)]


async def test_a_company_without_name_and_domain_fails(database: Database) -> None:
    """Nothing would tell which company it is."""
    outcome = (await load_employers(database, company(2, city="Bonn")))[0]
    assert (outcome.result, codes(outcome)) == (Result.FAILED, ["MISSING_REQUIRED"])
    assert await rows_of(database, "SELECT count(*) FROM companies") == [(0,)]


async def test_a_deleted_company_comes_back_by_its_domain(database: Database) -> None:
    """A restored company is UPDATED even when the row brings nothing new."""
    row = company(2, name="Acme", domain="acme.example")
    await load_employers(database, row)
    await execute(database, "UPDATE companies SET deleted_at = now()")
    assert results(await load_employers(database, row)) == [Result.UPDATED]
    assert await rows_of(database, "SELECT name, deleted_at FROM companies") == [("Acme", None)]
