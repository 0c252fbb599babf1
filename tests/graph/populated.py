"""Twenty contacts of twenty companies, each with one of everything there is."""

from db.transaction import Database
from domain.enums import Role
from domain.records import NewPhone
from tests.factories import make_company, make_contact
from tests.graph.ids import id_of
from tests.graph.rows import execute, make_activity, read_rows

PARENTS = 20


async def populate(database: Database) -> None:
    """Write the rows of `populated`."""
    await execute(
        database,
        "INSERT INTO users (email, role) SELECT 'u' || n || '@example.com', $1"
        " FROM generate_series(1, 20) AS n",
        Role.VIEWER.value,
    )
    users = [row[0] for row in await read_rows(database, "SELECT id FROM users ORDER BY id")]
    for at in range(PARENTS):
        parent = await make_company(database, name=f"Holding {at}")
        company = await make_company(database, name=f"Company {at}")
        contact = await make_contact(
            database,
            first_name=f"n{at}",
            emails=(f"n{at}@example.com",),
            phones=[NewPhone(number="+49 30 901820")],
            headline="Hello",
            company_id=id_of(company),
        )
        await make_activity(database, contact.id, actor_id=users[at])
        owned = "UPDATE {} SET owner_id = $1 WHERE id = $2"
        await execute(database, owned.format("contacts"), users[at], contact.id)
        await execute(database, owned.format("companies"), users[at], company.id)
        of_parent = "UPDATE companies SET parent_id = $1 WHERE id = $2"
        await execute(database, of_parent, parent.id, company.id)
    await execute(database, "UPDATE companies SET deleted_at = NULL")
