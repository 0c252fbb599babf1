"""Contacts of a few companies and countries, to be grouped."""

from db.transaction import Database
from domain.records import NewLocation
from tests.factories import make_company, make_contact
from tests.graph.ids import id_of
from tests.graph.rows import execute, read_rows

BOTH_WAYS = "Use first and after, or last and before; not both."


async def populate(database: Database) -> None:
    """Write the rows of `populated`."""
    await execute(database, "INSERT INTO users (email) VALUES ('a@x.org'), ('b@x.org')")
    owners = [row[0] for row in await read_rows(database, "SELECT id FROM users ORDER BY id")]
    companies = [
        await make_company(
            database, name=name, annual_revenue=revenue, employees_count=20, founded_year=1999
        )
        for name, revenue in (("A", 2**63 - 1), ("B", 2**63 - 1), ("C", 5), ("D", None))
    ]
    for number, country in enumerate("ddddbbbaac"):
        await make_contact(
            database,
            first_name=f"n{number}",
            title="CEO" if number % 2 else None,
            seniority="VP" if number % 3 else "OWNER",
            location=NewLocation(country={"c": None}.get(country, country)),
            company_id=id_of(companies[number]) if number < 4 else None,
            tags=["x", "y"][: number % 3],
        )
    await execute(
        database,
        "UPDATE contacts SET owner_id = CASE WHEN id % 3 = 0 THEN $1 WHEN id % 3 = 1 THEN $2"
        " ELSE NULL::bigint END, created_at = '2026-01-31 23:30:00-01'",
        *owners,
    )
