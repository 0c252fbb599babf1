"""Users: who may come in, and what they may do."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Boolean,
    DateTime,
    Text,
    Uuid,
    bindparam,
    func,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import insert

from db import paging
from db.entities import listed
from db.parameters import one_of
from db.problems import not_found, user_exists
from db.rows import CredentialsRow, Row, UserRow
from db.sorting import USER_SORT_KEYS
from db.statements import Statement, sql
from db.tables import users
from db.transaction import ReadSession, Transaction
from domain.changes import UserChanged
from domain.enums import Role
from domain.errors import Rejected, Unauthenticated
from domain.node_ids import NodeKind
from domain.paging import Page, PageRequest

_COLUMNS: Final = [column for column in users.c if column.name != "password_hash"]
_CREDENTIALS: Final = [
    users.c[name] for name in ("id", "uuid", "email", "is_active", "password_hash")
]

_UUID: Final = bindparam("uuid", type_=Uuid)
_ID: Final = bindparam("user_id", type_=BigInteger)
_EMAIL: Final = func.lower(bindparam("email", type_=Text))
_ACTIVE_ADMIN: Final = (users.c.role == Role.ADMIN) & users.c.is_active

_BY_UUID: Final = Statement(select(*_COLUMNS).where(users.c.uuid == _UUID), UserRow)
_BY_EMAIL: Final = Statement(select(*_COLUMNS).where(users.c.email_key == _EMAIL), UserRow)
_BY_IDS: Final = Statement(
    select(*_COLUMNS).where(users.c.id == one_of("ids")),
    UserRow,
)
_ALL: Final = Statement(select(*_COLUMNS).order_by(users.c.email_key), UserRow)
_ANY_ADMIN: Final = Statement(select(*_COLUMNS).where(_ACTIVE_ADMIN).limit(1), UserRow)
_CREDENTIALS_BY_EMAIL: Final = Statement(
    select(*_CREDENTIALS).where(users.c.email_key == _EMAIL), CredentialsRow
)
_CREDENTIALS_BY_UUID: Final = Statement(
    select(*_CREDENTIALS).where(users.c.uuid == _UUID), CredentialsRow
)
_LOCK_LET_IN: Final = Statement(
    select(*_COLUMNS)
    .where(
        users.c.uuid == _UUID,
        users.c.is_active,
        users.c.password_hash.is_not_distinct_from(bindparam("password_hash", type_=Text)),
    )
    .with_for_update(key_share=True),
    UserRow,
)
_LOCK_BY_UUID: Final = Statement(
    select(*_COLUMNS)
    .where(users.c.uuid == _UUID, users.c.is_active)
    .with_for_update(key_share=True),
    UserRow,
)
# By their ids, as `_MOVE_LAST_ACTIVE` does; of two admins who disable each other, one has to see
# what the other one did.
_LOCK_WITH_ADMINS: Final = Statement(
    select(*_COLUMNS)
    .where(or_(users.c.id == _ID, _ACTIVE_ADMIN))
    .order_by(users.c.id)
    .with_for_update(key_share=True),
    UserRow,
)
_INSERT: Final = Statement(
    insert(users)
    .values(
        email=bindparam("email", type_=Text),
        name=bindparam("name", type_=Text),
        role=bindparam("role", type_=Text),
        password_hash=bindparam("password_hash", type_=Text),
    )
    .on_conflict_do_nothing(index_elements=[users.c.email_key])
    .returning(*_COLUMNS),
    UserRow,
)
_UPDATE: Final = Statement(
    users.update()
    .where(users.c.id == _ID)
    .values(
        email=bindparam("email", type_=Text),
        name=bindparam("name", type_=Text),
        role=bindparam("role", type_=Text),
        is_active=bindparam("is_active", type_=Boolean),
    )
    .returning(*_COLUMNS),
    UserRow,
)
_SET_PASSWORD: Final = Statement(
    users.update()
    .where(users.c.id == _ID)
    .values(password_hash=bindparam("password_hash", type_=Text))
    .returning(*_COLUMNS),
    UserRow,
)
_REHASH: Final = Statement(
    users.update()
    .where(users.c.id == _ID, users.c.password_hash == bindparam("before", type_=Text))
    .values(password_hash=bindparam("after", type_=Text)),
    Row,
)
# `greatest` passes NULL by.
_END_TOKENS: Final = Statement(
    users.update()
    .where(users.c.id == _ID)
    .values(
        tokens_valid_from=func.greatest(
            users.c.tokens_valid_from, bindparam("since", type_=DateTime(timezone=True))
        )
    )
    .returning(*_COLUMNS),
    UserRow,
)
# Of users who were never sent away and may come in, nothing has to be remembered.
_REVOKED: Final = Statement(
    select(users.c.uuid, users.c.is_active, users.c.tokens_valid_from).where(
        or_(~users.c.is_active, users.c.tokens_valid_from.is_not(None))
    ),
    UserRow,
)
# Locked in the order of their ids, so that two processes do not wait for each other.
_MOVE_LAST_ACTIVE: Final = sql(
    "WITH seen AS ("
    "SELECT users.id, given.at"
    " FROM unnest(CAST(:uuids AS uuid[]), CAST(:times AS timestamptz[])) AS given(uuid, at)"
    " JOIN users USING (uuid)"
    " ORDER BY users.id FOR NO KEY UPDATE OF users"
    ") UPDATE users SET last_active_at = seen.at FROM seen"
    " WHERE users.id = seen.id AND coalesce(users.last_active_at < seen.at, true)"
)

USERS: Final = listed(NodeKind.USER, select(*_COLUMNS), UserRow, USER_SORT_KEYS)


async def find_user(session: ReadSession, user_uuid: UUID) -> UserRow | None:
    """The user a token names."""
    return await session.fetch_one(_BY_UUID, {"uuid": user_uuid})


async def find_user_by_email(session: ReadSession, email: str) -> UserRow | None:
    """The user with an address, without regard to case."""
    return await session.fetch_one(_BY_EMAIL, {"email": email})


async def load_users(session: ReadSession, user_ids: Sequence[int]) -> list[UserRow | None]:
    """Users by id, in the order of the ids; None for missing ones."""
    return await session.fetch_by_id(_BY_IDS, user_ids)


async def list_users(session: ReadSession, request: PageRequest) -> Page[UserRow]:
    """One page of all users, those too who may not come in."""
    return await paging.list_page(session, USERS, request, None)


async def users_behind(session: ReadSession, request: PageRequest) -> bool:
    """Whether there are users on the other side of the request's cursor, its own row included."""
    return await paging.rows_behind(session, USERS, request, None)


async def count_users(session: ReadSession) -> int:
    """How many users there are."""
    return await paging.count_rows(session, USERS, None)


async def all_users(session: ReadSession) -> list[UserRow]:
    """All users at once, by their addresses."""
    return await session.fetch(_ALL)


async def find_admin(session: ReadSession) -> UserRow | None:
    """Any active admin."""
    return await session.fetch_one(_ANY_ADMIN)


async def find_credentials(session: ReadSession, email: str) -> CredentialsRow | None:
    """What the user with an address is let in by."""
    return await session.fetch_one(_CREDENTIALS_BY_EMAIL, {"email": email})


async def find_own_credentials(session: ReadSession, user_uuid: UUID) -> CredentialsRow | None:
    """What the user of a token is let in by."""
    return await session.fetch_one(_CREDENTIALS_BY_UUID, {"uuid": user_uuid})


async def find_revoked(session: ReadSession) -> list[UserRow]:
    """Users of whom not every token is taken: `uuid`, `is_active` and `tokens_valid_from`."""
    return await session.fetch(_REVOKED)


async def create_user(
    tx: Transaction,
    *,
    email: str,
    role: Role,
    name: str | None = None,
    password_hash: str | None = None,
) -> UserRow | None:
    """The new user; None when somebody has the address already."""
    values = {"email": email, "name": name, "role": role.value, "password_hash": password_hash}
    return await tx.fetch_one(_INSERT, values)


async def lock_let_in(
    tx: Transaction, user_uuid: UUID, *, password_hash: str | None
) -> UserRow | None:
    """A user who may come in by a password, whom nobody else changes until the transaction ends.

    Args:
        password_hash: By which it was found right.

    Returns:
        None when the user is disabled, gone, or has another password by now.
    """
    return await tx.fetch_one(_LOCK_LET_IN, {"uuid": user_uuid, "password_hash": password_hash})


async def lock_viewer(tx: Transaction, user_uuid: UUID) -> UserRow:
    """The user of a token, whom nobody else changes until the transaction ends.

    Raises:
        Unauthenticated: There is none any more, or they may not come in.
    """
    user = await tx.fetch_one(_LOCK_BY_UUID, {"uuid": user_uuid})
    if user is None:
        raise Unauthenticated("The user of this token does not exist any more.")
    return user


async def lock_user(tx: Transaction, user_id: int) -> tuple[UserRow, bool]:
    """A user and whether there is another active admin; no admin changes until the end.

    Raises:
        Rejected: NOT_FOUND.
    """
    rows = await tx.fetch(_LOCK_WITH_ADMINS, {"user_id": user_id})
    user = next((row for row in rows if row.id == user_id), None)
    if user is None:
        raise Rejected([not_found("user")])
    return user, any(row.id != user_id for row in rows)


async def update_user(tx: Transaction, user: UserRow, changed: Mapping[str, Any]) -> UserRow:
    """A locked user after a change.

    Args:
        changed: `email`, `name`, `role` and `is_active`; what is left out stays.

    Raises:
        Rejected: ALREADY_EXISTS; somebody else has the address.
    """
    if email := changed.get("email"):
        holder = await find_user_by_email(tx, email)
        if holder is not None and holder.id != user.id:
            raise Rejected([user_exists(holder.id)])
    kept = {name: user[name] for name in ("email", "name", "role", "is_active")}
    tx.record(UserChanged(user_id=user.id))
    rows = await tx.fetch(_UPDATE, {**kept, **changed, "user_id": user.id})
    return rows[0]


async def set_password(tx: Transaction, user_id: int, password_hash: str) -> None:
    """Let a user in by this password from now on.

    Raises:
        Rejected: NOT_FOUND.
    """
    values = {"user_id": user_id, "password_hash": password_hash}
    if await tx.fetch_one(_SET_PASSWORD, values) is None:
        raise Rejected([not_found("user")])


async def rehash_password(tx: Transaction, user_id: int, *, before: str, after: str) -> None:
    """Keep the same password by another hash, unless it was changed in the meantime."""
    await tx.fetch(_REHASH, {"user_id": user_id, "before": before, "after": after})


async def end_tokens(tx: Transaction, user_id: int, *, since: datetime) -> None:
    """Take no token of a user that was made before a time; never takes back a later one."""
    await tx.fetch(_END_TOKENS, {"user_id": user_id, "since": since})


async def move_last_active(tx: Transaction, seen: Mapping[UUID, datetime]) -> None:
    """Set when users were last active, by their uuid; never to an earlier time than is known."""
    await tx.fetch(_MOVE_LAST_ACTIVE, {"uuids": list(seen.keys()), "times": list(seen.values())})
