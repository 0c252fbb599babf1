"""Idempotency keys: what is sent twice under one key is done once.

A key is claimed by the first statement of the transaction that does the work, and the outcome is
kept by the last one: both are committed with the work, or neither. Who comes second waits for the
first for a moment, then is told to come again. A key counts for a day.
"""

from dataclasses import dataclass
from typing import Any, Final, NamedTuple
from uuid import UUID

import asyncpg
import orjson

from db.rows import Row
from db.statements import sql
from db.transaction import Transaction
from domain.errors import IdempotencyKeyInUse, IdempotencyKeyReused
from domain.idempotency import KEPT_SECONDS

_PATIENCE: Final = "1s"
_EXPIRED: Final = f"created_at < now() - interval '{KEPT_SECONDS} seconds'"

# The row is made from the result of set_config, so it waits only after that has run.
_CLAIM: Final = sql(
    "INSERT INTO idempotency_keys (user_uuid, key, request_hash, outcome)"
    " SELECT CAST(:user_uuid AS uuid), CAST(:key AS text), CAST(:request_hash AS bytea), 'null'"
    " FROM set_config('lock_timeout', CAST(:patience AS text), true)"
    " ON CONFLICT (user_uuid, key) DO NOTHING RETURNING key"
)
_USUAL_PATIENCE: Final = sql("SET LOCAL lock_timeout TO DEFAULT")
_OF_KEY: Final = "user_uuid = CAST(:user_uuid AS uuid) AND key = CAST(:key AS text)"
_READ: Final = sql(
    "SELECT request_hash, outcome,"
    " extract(epoch FROM clock_timestamp() - created_at)::double precision AS age"
    f" FROM idempotency_keys WHERE {_OF_KEY} AND NOT {_EXPIRED}"
)
_FORGET: Final = sql(f"DELETE FROM idempotency_keys WHERE {_OF_KEY} AND {_EXPIRED}")
_KEEP: Final = sql(f"UPDATE idempotency_keys SET outcome = CAST(:outcome AS jsonb) WHERE {_OF_KEY}")


@dataclass(frozen=True, slots=True)
class KeyedRequest:
    """A request that its user may send again.

    Attributes:
        request_hash: Tells it from others that come under the same key.
    """

    user_uuid: UUID
    key: str
    request_hash: bytes


class Kept(NamedTuple):
    """What became of a request that was done before, as it was kept.

    Attributes:
        age_seconds: How long ago it was begun.
    """

    outcome: Any
    age_seconds: float


async def claim_key(tx: Transaction, request: KeyedRequest) -> Kept | None:
    """Take the key for this transaction; if the request was done before, its outcome instead.

    Raises:
        IdempotencyKeyReused: Another request came under the key.
        IdempotencyKeyInUse: The request is being done by another transaction.
    """
    try:
        row = await _claim_or_read(tx, request)
    except asyncpg.LockNotAvailableError:
        raise IdempotencyKeyInUse(
            "The first request with this idempotency key is still at work. Send it again in a"
            " moment to get its answer.",
            retryable=True,
        ) from None
    if row is None:
        await tx.fetch(_USUAL_PATIENCE)
        return None
    if row["request_hash"] != request.request_hash:
        raise IdempotencyKeyReused(
            "This idempotency key came before with another mutation or input. Use a new key for"
            " each change, and the same one only to send that change again."
        )
    return Kept(row["outcome"], row["age"])


async def _claim_or_read(tx: Transaction, request: KeyedRequest) -> Row | None:
    """What stands under the key; None when it is this transaction's now."""
    named = {"user_uuid": request.user_uuid, "key": request.key}
    claim = {**named, "request_hash": request.request_hash, "patience": _PATIENCE}
    while not await tx.fetch(_CLAIM, claim):
        row = await tx.fetch_one(_READ, named)
        if row is not None:
            return row
        await tx.fetch(_FORGET, named)
    return None


async def keep_outcome(tx: Transaction, request: KeyedRequest, outcome: object) -> None:
    """Keep what became of the request whose key this transaction has.

    Args:
        outcome: Anything that JSON can say.
    """
    values = {"user_uuid": request.user_uuid, "key": request.key}
    await tx.fetch(_KEEP, {**values, "outcome": orjson.dumps(outcome).decode()})
