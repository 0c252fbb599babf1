"""What a new database gets: the tables, an admin, and on request the demo records."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from app.demo import load_demo
from app.resources import Resources
from db.companies import count_companies
from db.contacts import count_contacts
from db.migrate import upgrade
from db.rows import UserRow
from db.users import create_user, find_admin, find_user_by_email
from domain.accounts import NewUser
from domain.enums import Role
from domain.errors import Rejected

ADMIN_EMAIL = "admin@example.com"

_MAX_ADMINS: Final = 1000


@dataclass(frozen=True)
class Admin:
    """An admin of a database.

    Attributes:
        password: The one with which it was made right now; nobody can tell it later.
    """

    user: UserRow = field(repr=False)
    password: str | None = field(default=None, repr=False)


async def prepare(resources: Resources, *, demo: bool, progress: Callable[[str], None]) -> Admin:
    """Bring the database to where requests can be answered; the admin it has then."""
    await upgrade(resources.database.engine)
    admin = await ensure_admin(resources)
    if demo and await is_empty(resources):
        progress("Loading demo records: 2 000 companies and 10 000 contacts")
        await load_demo(resources.database)
    return admin


async def ensure_admin(resources: Resources) -> Admin:
    """An active admin, made with a password when there is none."""
    for email in _admin_emails():
        async with resources.database.read() as session:
            found = await find_admin(session)
        if found is not None:
            return Admin(found)
        try:
            created = await resources.accounts.create_user(NewUser(email=email, role=Role.ADMIN))
        except Rejected:
            # Another process was faster; or whoever has the address is no admin, and it is not for
            # a start of the server to make them one.
            continue
        return Admin(created.user, created.password)
    raise LookupError("There is no admin, and no address is left to make one with.")


def _admin_emails() -> Iterator[str]:
    """The addresses of first admins, the usual one first."""
    yield ADMIN_EMAIL
    name, _, domain = ADMIN_EMAIL.partition("@")
    for number in range(2, _MAX_ADMINS + 1):
        yield f"{name}{number}@{domain}"


async def ensure_user(resources: Resources, email: str, role: Role) -> UserRow:
    """The user with this address, made with the role and without a password when there is none."""
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
