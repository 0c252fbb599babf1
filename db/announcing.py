"""Telling every process what a transaction changed, by NOTIFY inside of that transaction.

PostgreSQL tells it once the transaction is committed, in the order of commits, and never when it is
rolled back.
"""

from collections.abc import Iterator, Sequence
from typing import Final

import orjson
from sqlalchemy import Text, bindparam, column, func, select
from sqlalchemy.dialects.postgresql import ARRAY

from db.rows import Row
from db.statements import Statement
from db.transaction import Transaction
from domain.changes import (
    AvatarChanged,
    Change,
    ChangeEventKind,
    CompaniesLoaded,
    CompanyChanged,
    ContactChanged,
    ContactsLoaded,
    RecordsChanged,
    UserChanged,
)
from domain.node_ids import NodeKind

CHANNEL: Final = "appointment360_changes"
"""Where the changes of contacts and companies are told."""

# What happens to a subscription, not to records.
_OF_SUBSCRIPTIONS: Final = frozenset({ChangeEventKind.READY, ChangeEventKind.MISSED})

# A payload has less than 8000 bytes; an id has up to 19 digits and a comma.
_MAX_IDS: Final = 390

_PAYLOADS: Final = bindparam("payloads", type_=ARRAY(Text))
_ANNOUNCE: Final = Statement(
    select(func.pg_notify(CHANNEL, column("payload"))).select_from(
        func.unnest(_PAYLOADS).alias("payload")
    ),
    Row,
)


async def announce(tx: Transaction, changes: Sequence[Change]) -> None:
    """Have every process told what changed, once it is committed; for `before_commit`."""
    if payloads := [_write(told) for told in _gather(changes)]:
        await tx.fetch(_ANNOUNCE, {"payloads": payloads})


def read_announcement(payload: str) -> RecordsChanged | None:
    """What a payload tells; None when it comes from a release that tells more than this one."""
    try:
        kind, of, ids = orjson.loads(payload)
        told = RecordsChanged(kind=ChangeEventKind(kind), of=NodeKind(of), ids=_row_ids(ids))
    except (ValueError, TypeError):
        return None
    return None if told.kind in _OF_SUBSCRIPTIONS else told


def _row_ids(ids: object) -> tuple[int, ...]:
    if not isinstance(ids, list) or not all(type(each) is int and each > 0 for each in ids):
        raise ValueError("A list of ids of rows was expected.")
    return tuple(ids)


def _write(told: RecordsChanged) -> str:
    return orjson.dumps([told.kind, told.of, told.ids]).decode()


def _gather(changes: Sequence[Change]) -> Iterator[RecordsChanged]:
    """One for all records that the same happened to, as far as a payload has room."""
    found: dict[tuple[str, NodeKind], list[int]] = {}
    for change in changes:
        if isinstance(change, AvatarChanged | UserChanged):
            continue  # nobody follows users
        kind, of, ids = _facts(change)
        found.setdefault((kind, of), []).extend(ids)
    for (kind, of), every in found.items():
        for start in range(0, len(every) or 1, _MAX_IDS):
            ids = tuple(every[start : start + _MAX_IDS])
            yield RecordsChanged(kind=ChangeEventKind(kind), of=of, ids=ids)


def _facts(
    change: ContactChanged | CompanyChanged | ContactsLoaded | CompaniesLoaded,
) -> tuple[str, NodeKind, tuple[int, ...]]:
    match change:
        case ContactChanged():
            return change.kind, NodeKind.CONTACT, (change.contact_id,)
        case CompanyChanged():
            return change.kind, NodeKind.COMPANY, (change.company_id,)
        case ContactsLoaded():
            return ChangeEventKind.LOADED, NodeKind.CONTACT, ()
        case CompaniesLoaded():
            return ChangeEventKind.LOADED, NodeKind.COMPANY, ()
