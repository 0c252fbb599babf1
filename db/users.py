"""Users: who may come in, and what they may do."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import Text, Uuid, bindparam, func, select, text
from sqlalchemy.dialects.postgresql import insert

from db.parameters import one_of
from db.rows import Row, UserRow
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
# Locked in the order of their ids, so that two processes do not wait for each other.
_MOVE_LAST_ACTIVE: Final = Statement(
    text(
        "WITH seen AS ("
        "SELECT users.id, given.at"
        " FROM unnest(CAST(:uuids AS uuid[]), CAST(:times AS timestamptz[])) AS given(uuid, at)"
        " JOIN users USING (uuid)"
        " ORDER BY users.id FOR NO KEY UPDATE OF users"
        ") UPDATE users SET last_active_at = seen.at FROM seen"
        " WHERE users.id = seen.id AND coalesce(users.last_active_at < seen.at, true)"
    ),
    Row,
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


async def move_last_active(tx: Transaction, seen: Mapping[UUID, datetime]) -> None:
    """Set when users were last active, by their uuid; never to an earlier time than is known."""
    await tx.fetch(_MOVE_LAST_ACTIVE, {"uuids": list(seen.keys()), "times": list(seen.values())})
