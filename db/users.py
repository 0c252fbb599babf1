"""Users: who may come in, and what they may do."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from sqlalchemy import Text, Uuid, bindparam, func, select
from sqlalchemy.dialects.postgresql import insert

from db.parameters import one_of
from db.rows import UserRow
from db.statements import Statement
from db.tables import users
from db.transaction import ReadSession, Transaction
from domain.enums import Role

_COLUMNS: Final = [column for column in users.c if column.name != "password_hash"]

_BY_UUID: Final = Statement(
    select(*_COLUMNS).where(users.c.uuid == bindparam("uuid", type_=Uuid)), UserRow
)
_BY_EMAIL: Final = Statement(
    select(*_COLUMNS).where(users.c.email_key == func.lower(bindparam("email", type_=Text))),
    UserRow,
)
_BY_IDS: Final = Statement(
    select(*_COLUMNS).where(users.c.id == one_of("ids")),
    UserRow,
)
_ANY_ADMIN: Final = Statement(
    select(*_COLUMNS).where(users.c.role == Role.ADMIN, users.c.is_active).limit(1), UserRow
)
_INSERT: Final = Statement(
    insert(users)
    .values(
        email=bindparam("email", type_=Text),
        name=bindparam("name", type_=Text),
        role=bindparam("role", type_=Text),
    )
    .on_conflict_do_nothing(index_elements=[users.c.email_key])
    .returning(*_COLUMNS),
    UserRow,
)


async def find_user(session: ReadSession, user_uuid: UUID) -> UserRow | None:
    """The user a token names."""
    return await session.fetch_one(_BY_UUID, {"uuid": user_uuid})


async def find_user_by_email(session: ReadSession, email: str) -> UserRow | None:
    """The user with an address, without regard to case."""
    return await session.fetch_one(_BY_EMAIL, {"email": email})


async def load_users(session: ReadSession, user_ids: Sequence[int]) -> list[UserRow | None]:
    """Users by id, in the order of the ids; None for missing ones."""
    rows = await session.fetch(_BY_IDS, {"ids": list(user_ids)})
    by_id = {row.id: row for row in rows}
    return [by_id.get(user_id) for user_id in user_ids]


async def find_admin(session: ReadSession) -> UserRow | None:
    """Any active admin."""
    return await session.fetch_one(_ANY_ADMIN)


async def create_user(
    tx: Transaction, *, email: str, role: Role, name: str | None = None
) -> UserRow | None:
    """The new user; None when somebody has the address already."""
    return await tx.fetch_one(_INSERT, {"email": email, "name": name, "role": role.value})
