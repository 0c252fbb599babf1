"""The suppression list: who must not be stored, known by hashes alone.

No stored contact, be it deleted or merged into another, has a key that is on the list. Who stores a
key asks for it first (`suppressed`) and holds a lock with others who store until the end of the
transaction; who adds to the list has the lock for itself (`hold_list`). Both take it before they
lock any row, so that neither waits for the other in a circle.
"""

from collections.abc import Collection, Sequence
from typing import Final
from uuid import UUID

from sqlalchemy import BigInteger, bindparam, delete, select, text

from db import paging
from db.change_tables import suppressions
from db.entities import listed
from db.parameters import one_of
from db.problems import not_found
from db.rows import Row, SuppressionRow
from db.sorting import SUPPRESSION_SORT_KEYS
from db.statements import Statement, sql
from db.tables import users
from db.transaction import ReadSession, Transaction
from domain.enums import SuppressedKey
from domain.errors import Problem, ProblemCode, Rejected
from domain.node_ids import NodeKind, encode_node_id
from domain.paging import Page, PageRequest
from domain.privacy import NewSuppression, PersonKey, keys_of
from domain.validation import CleanContact

SUPPRESSED: Final = "Who has this is on the suppression list and must not be stored."

_KEYS: Final = "unnest(CAST(:kinds AS text[]), CAST(:keys AS text[])) AS wanted(kind, key)"

_SUPPRESSED: Final = sql("SELECT suppressed_places(CAST(:kinds AS text[]), CAST(:keys AS text[]))")
_HOLD: Final = sql("SELECT pg_advisory_xact_lock(CAST(CAST('suppressions' AS regclass) AS bigint))")
_SHARE: Final = sql(
    "SELECT pg_advisory_xact_lock_shared(CAST(CAST('suppressions' AS regclass) AS bigint))"
)
# A live and a deleted address stand in indexes of their own.
_HOLDERS: Final = sql(
    f"WITH wanted AS (SELECT * FROM {_KEYS})"
    " SELECT w.kind, w.key, e.contact_id FROM wanted w JOIN contact_emails e"
    " ON e.email_key = w.key AND e.deleted_at IS NULL WHERE w.kind = 'EMAIL'"
    " UNION SELECT w.kind, w.key, e.contact_id FROM wanted w JOIN contact_emails e"
    " ON e.email_key = w.key AND e.deleted_at IS NOT NULL WHERE w.kind = 'EMAIL'"
    " UNION SELECT w.kind, w.key, m.contact_id FROM wanted w JOIN contact_metadata m"
    " ON m.linkedin_url = w.key WHERE w.kind = 'LINKEDIN'"
)
_INSERT: Final = sql(
    "INSERT INTO suppressions (kind, key_hash, reason, created_by)"
    " SELECT wanted.kind, keyed_hash(secret.key, wanted.kind, wanted.key),"
    " CAST(:reason AS text), CAST(:created_by AS uuid)"
    f" FROM suppression_key AS secret CROSS JOIN {_KEYS}"
    " ON CONFLICT (key_hash) DO NOTHING"
)
_HASHES: Final = text(f"SELECT suppression_hash(wanted.kind, wanted.key) FROM {_KEYS}")
_ROWS: Final = select(
    *(suppressions.c[name] for name in ("id", "kind", "reason", "created_at")),
    users.c.id.label("creator_id"),
).select_from(suppressions.outerjoin(users, users.c.uuid == suppressions.c.created_by))
_BY_KEYS: Final = Statement(
    _ROWS.where(suppressions.c.key_hash.in_(_HASHES.columns(suppressions.c.key_hash))).order_by(
        suppressions.c.id
    ),
    SuppressionRow,
)
_BY_IDS: Final = Statement(
    _ROWS.where(suppressions.c.id == one_of("ids")),
    SuppressionRow,
)
_DELETE: Final = Statement(
    delete(suppressions)
    .where(suppressions.c.id == bindparam("row_id", type_=BigInteger))
    .returning(suppressions.c.id),
    Row,
)


SUPPRESSIONS: Final = listed(NodeKind.SUPPRESSION, _ROWS, SuppressionRow, SUPPRESSION_SORT_KEYS)


async def suppressed(tx: Transaction, keys: Collection[PersonKey]) -> set[PersonKey]:
    """Which of the keys are on the list; nobody adds to it until the transaction ends.

    Call it before a row is locked.
    """
    if not keys:
        return set()
    asked = list(keys)
    return {asked[row[0] - 1] for row in await tx.fetch(_SUPPRESSED, _values(asked))}


async def suppression_problems(tx: Transaction, contact: CleanContact) -> list[Problem]:
    """The values of a contact's input that are on the list. Call it before a row is locked."""
    paths = keys_of(contact)
    refused = await suppressed(tx, paths)
    return [
        Problem(code=ProblemCode.SUPPRESSED_CONTACT, message=SUPPRESSED, path=path)
        for key, path in paths.items()
        if key in refused
    ]


async def share_list(tx: Transaction) -> None:
    """Have nobody add to the list until the transaction ends, whenever it asks for keys.

    Call it before a row is locked.
    """
    await tx.fetch(_SHARE)


async def hold_list(tx: Transaction) -> None:
    """Wait for those who are storing keys, and let nobody store one until the transaction ends."""
    await tx.fetch(_HOLD)


async def find_holders(tx: Transaction, keys: Collection[PersonKey]) -> list[tuple[PersonKey, int]]:
    """The contacts that have the keys, be they deleted or not."""
    rows = await tx.fetch(_HOLDERS, _values(keys)) if keys else []
    return [(PersonKey(SuppressedKey(kind), key), contact_id) for kind, key, contact_id in rows]


async def insert_suppressions(
    tx: Transaction, keys: Collection[PersonKey], *, reason: str | None, created_by: UUID
) -> None:
    """Put keys that no stored contact has on the list; one that is there stays as it is."""
    await tx.fetch(_INSERT, {**_values(keys), "reason": reason, "created_by": created_by})


async def add_suppression(
    tx: Transaction, new: NewSuppression, *, created_by: UUID
) -> list[SuppressionRow]:
    """The entries of a person who is not stored; those that are there already stay as they are.

    Raises:
        Rejected: ALREADY_EXISTS; contacts have the keys, and should be erased instead.
    """
    await hold_list(tx)
    if holders := await find_holders(tx, new.keys):
        raise Rejected([_stored(contact_id, new.keys[key]) for key, contact_id in holders])
    await insert_suppressions(tx, new.keys, reason=new.reason, created_by=created_by)
    return await find_suppressions(tx, new.keys)


async def lift_suppression(tx: Transaction, suppression_id: int) -> int:
    """The id of an entry that is no longer on the list.

    Raises:
        Rejected: NOT_FOUND.
    """
    if not await tx.fetch(_DELETE, {"row_id": suppression_id}):
        raise Rejected([not_found("suppression")])
    return suppression_id


async def list_suppressions(session: ReadSession, request: PageRequest) -> Page[SuppressionRow]:
    """One page of the list."""
    return await paging.list_page(session, SUPPRESSIONS, request, None)


async def suppressions_behind(session: ReadSession, request: PageRequest) -> bool:
    """Whether there are entries on the other side of the request's cursor, its own included."""
    return await paging.rows_behind(session, SUPPRESSIONS, request, None)


async def count_suppressions(session: ReadSession) -> int:
    """How many entries the list has."""
    return await paging.count_rows(session, SUPPRESSIONS, None)


async def find_suppressions(
    session: ReadSession, keys: Collection[PersonKey]
) -> list[SuppressionRow]:
    """The entries of keys, the oldest first."""
    return await session.fetch(_BY_KEYS, _values(keys))


async def load_suppressions(
    session: ReadSession, suppression_ids: Sequence[int]
) -> list[SuppressionRow | None]:
    """Entries by id, in the order of the ids; None for missing ones."""
    return await session.fetch_by_id(_BY_IDS, suppression_ids)


def _values(keys: Collection[PersonKey]) -> dict[str, object]:
    return {"kinds": [key.kind.value for key in keys], "keys": [key.value for key in keys]}


def _stored(contact_id: int, path: Sequence[str]) -> Problem:
    record_id = encode_node_id(NodeKind.CONTACT, contact_id)
    return Problem(
        code=ProblemCode.ALREADY_EXISTS,
        message=f"The contact {record_id} has it. Erase the contact instead (eraseContacts).",
        path=path,
        record_id=record_id,
    )
