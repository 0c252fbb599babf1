"""What a new database gets: the tables, an admin, and on request the demo records."""

from collections.abc import Callable

from app.demo import load_demo
from app.resources import Resources
from db.companies import count_companies
from db.contacts import count_contacts
from db.migrate import upgrade
from db.rows import UserRow
from db.users import create_user, find_admin, find_user_by_email
from domain.enums import Role

ADMIN_EMAIL = "admin@example.com"


async def prepare(resources: Resources, *, demo: bool, progress: Callable[[str], None]) -> UserRow:
    """Bring the database to where requests can be answered; the admin it has then."""
    await upgrade(resources.database.engine)
    admin = await ensure_admin(resources)
    if demo and await is_empty(resources):
        progress("Loading demo records: 2 000 companies and 10 000 contacts")
        await load_demo(resources.database)
    return admin


async def ensure_admin(resources: Resources) -> UserRow:
    """An active admin, made when there is none."""
    async with resources.database.read() as session:
        admin = await find_admin(session)
    return admin or await ensure_user(resources, ADMIN_EMAIL, Role.ADMIN)


async def ensure_user(resources: Resources, email: str, role: Role) -> UserRow:
    """The user with this address, made with the role when there is none."""
    async with resources.database.write() as tx:
        user = await create_user(tx, email=email, role=role)
        user = user or await find_user_by_email(tx, email)
    if user is None:
        raise LookupError(f"The user {email} was deleted at this moment.")
    return user


async def is_empty(resources: Resources) -> bool:
    """Whether there is neither a contact nor a company."""
    async with resources.database.read() as session:
        return not await count_companies(session) and not await count_contacts(session)
