"""Tokens of the API: named by their users, good for some things, known by their SHA-256 alone."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import BigInteger, Boolean, LargeBinary, Uuid, bindparam, func, or_, select, text
from sqlalchemy.dialects.postgresql import insert

from db.access_tables import api_tokens
from db.parameters import one_of
from db.rows import ApiTokenRow, Row
from db.statements import Statement
from db.tables import users
from db.transaction import ReadSession, Transaction
from domain.accounts import MAX_API_TOKENS

_USED_EVERY: Final = text("interval '5 minutes'")

_COLUMNS: Final = [column for column in api_tokens.c if column.name != "token_hash"]
_HASH: Final = bindparam("token_hash", type_=LargeBinary)
_USER: Final = bindparam("user_uuid", type_=Uuid)
_ID: Final = bindparam("token_id", type_=BigInteger)
_IS_GOOD: Final = api_tokens.c.revoked_at.is_(None) & or_(
    api_tokens.c.expires_at.is_(None), api_tokens.c.expires_at > func.now()
)

_BY_HASH: Final = Statement(
    select(
        *_COLUMNS,
        users.c.role,
        users.c.is_active,
        func.coalesce(api_tokens.c.last_used_at < func.now() - _USED_EVERY, True).label(
            "is_unseen"
        ),
    )
    .join(users, users.c.uuid == api_tokens.c.user_uuid)
    .where(api_tokens.c.token_hash == _HASH),
    ApiTokenRow,
)
_MARK_USED: Final = Statement(
    api_tokens.update().where(api_tokens.c.id == _ID).values(last_used_at=func.now()), Row
)
_BY_IDS: Final = Statement(select(*_COLUMNS).where(api_tokens.c.id == one_of("ids")), ApiTokenRow)
# Those that are good are never more; what is left of the page are the last that were.
_OF_USER: Final = Statement(
    select(*_COLUMNS)
    .where(api_tokens.c.user_uuid == _USER)
    .order_by((~_IS_GOOD), api_tokens.c.id.desc())
    .limit(MAX_API_TOKENS),
    ApiTokenRow,
)
_COUNT_GOOD: Final = Statement(
    select(func.count()).select_from(api_tokens).where(api_tokens.c.user_uuid == _USER, _IS_GOOD),
    Row,
)
_INSERT: Final = Statement(
    insert(api_tokens)
    .values(
        {
            name: bindparam(name, type_=api_tokens.c[name].type)
            for name in ("user_uuid", "token_hash", "prefix", "name", "scopes", "expires_at")
        }
    )
    .returning(*_COLUMNS),
    ApiTokenRow,
)
_REVOKE: Final = Statement(
    api_tokens.update()
    .where(
        api_tokens.c.id == _ID,
        or_(api_tokens.c.user_uuid == _USER, bindparam("of_anybody", type_=Boolean)),
    )
    .values(revoked_at=func.coalesce(api_tokens.c.revoked_at, func.now()))
    .returning(*_COLUMNS),
    ApiTokenRow,
)


async def find_api_token(session: ReadSession, token_hash: bytes) -> ApiTokenRow | None:
    """A token with `role` and `is_active` of its user.

    `is_unseen` says that it is to be marked as used.
    """
    return await session.fetch_one(_BY_HASH, {"token_hash": token_hash})


async def mark_used(tx: Transaction, token_id: int) -> None:
    """Note that a token is used now."""
    await tx.fetch(_MARK_USED, {"token_id": token_id})


async def load_api_tokens(
    session: ReadSession, token_ids: Sequence[int]
) -> list[ApiTokenRow | None]:
    """Tokens by id, in the order of the ids; None for missing ones."""
    return await session.fetch_by_id(_BY_IDS, token_ids)


async def list_api_tokens(session: ReadSession, user_uuid: UUID) -> list[ApiTokenRow]:
    """A user's tokens, `MAX_API_TOKENS` at most: those that are good first, then the newest."""
    return await session.fetch(_OF_USER, {"user_uuid": user_uuid})


async def count_good_tokens(session: ReadSession, user_uuid: UUID) -> int:
    """How many tokens of a user are good now."""
    return int(await session.fetch_value(_COUNT_GOOD, {"user_uuid": user_uuid}))


async def create_api_token(
    tx: Transaction,
    user_uuid: UUID,
    *,
    token_hash: bytes,
    prefix: str,
    name: str,
    scopes: Sequence[str],
    expires_at: datetime | None,
) -> ApiTokenRow:
    """A new token of a user."""
    values: dict[str, Any] = {"prefix": prefix, "name": name, "scopes": list(scopes)}
    values |= {"user_uuid": user_uuid, "token_hash": token_hash, "expires_at": expires_at}
    rows = await tx.fetch(_INSERT, values)
    return rows[0]


async def revoke_api_token(
    tx: Transaction, token_id: int, *, user_uuid: UUID, of_anybody: bool
) -> ApiTokenRow | None:
    """A token that is good no more, be it since now or since before.

    Args:
        user_uuid: Whose it has to be, unless it may be `of_anybody`.

    Returns:
        None when there is none.
    """
    values = {"token_id": token_id, "user_uuid": user_uuid, "of_anybody": of_anybody}
    return await tx.fetch_one(_REVOKE, values)
