"""Uploads: what is known of the files that users send, and until when they are kept.

An upload whose time is over is not there any more, unless an import is still to read it.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Interval,
    Text,
    Uuid,
    bindparam,
    delete,
    exists,
    func,
    insert,
    not_,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY

from db.import_tables import imports
from db.job_tables import jobs
from db.parameters import one_of
from db.rows import Row, UploadRow
from db.statements import Statement, sql
from db.transaction import ReadSession, Transaction
from db.upload_tables import uploads
from domain.uploads import NewUpload

_END: Final = func.now() + bindparam("wait", type_=Interval)
_UUID: Final = uploads.c.uuid == bindparam("uuid", type_=Uuid)
_IS_OVER: Final = uploads.c.expires_at <= func.now()
_IS_TO_BE_READ: Final = exists(
    select(1).where(
        imports.c.upload_uuid == uploads.c.uuid,
        jobs.c.id == imports.c.job_id,
        jobs.c.finished_at.is_(None),
    )
)
_IS_KEPT: Final = or_(not_(_IS_OVER), _IS_TO_BE_READ)

_INSERT: Final = Statement(
    insert(uploads)
    .values(
        uuid=bindparam("uuid", type_=Uuid),
        user_uuid=bindparam("user_uuid", type_=Uuid),
        kind=bindparam("kind", type_=Text),
        filename=bindparam("filename", type_=Text),
        media_type=bindparam("media_type", type_=Text),
        metadata=bindparam("metadata", type_=Text),
        total_bytes=bindparam("total_bytes", type_=BigInteger),
        expires_at=_END,
    )
    .returning(*uploads.c),
    UploadRow,
)
_BY_UUID: Final = Statement(select(*uploads.c).where(_UUID, _IS_KEPT), UploadRow)
_BY_IDS: Final = Statement(
    select(*uploads.c).where(uploads.c.id == one_of("ids"), _IS_KEPT), UploadRow
)
_FINISH: Final = Statement(
    update(uploads)
    .where(_UUID)
    .values(
        sha256=bindparam("sha256", type_=Text),
        finished_at=func.coalesce(uploads.c.finished_at, func.now()),
        expires_at=_END,
    )
    .returning(*uploads.c),
    UploadRow,
)
_EXTEND: Final = Statement(
    update(uploads).where(_UUID).values(expires_at=_END).returning(*uploads.c), UploadRow
)
_DELETE: Final = Statement(
    delete(uploads).where(_UUID, not_(_IS_TO_BE_READ)).returning(uploads.c.uuid), Row
)
_HELD_BYTES: Final = Statement(
    select(func.coalesce(func.sum(uploads.c.total_bytes), 0)).where(
        uploads.c.user_uuid == bindparam("owner", type_=Uuid)
    ),
    Row,
)
_UNFINISHED: Final = Statement(
    select(func.count()).where(
        uploads.c.user_uuid == bindparam("owner", type_=Uuid),
        uploads.c.sha256.is_(None),
        not_(_IS_OVER),
    ),
    Row,
)
_EXPIRED: Final = Statement(
    select(*uploads.c)
    .where(_IS_OVER, not_(_IS_TO_BE_READ))
    .order_by(uploads.c.expires_at)
    .limit(bindparam("most", type_=BigInteger)),
    UploadRow,
)
_KNOWN: Final = Statement(
    select(uploads.c.uuid).where(uploads.c.uuid == func.any(bindparam("uuids", type_=ARRAY(Uuid)))),
    Row,
)
# Two numbers make a lock: the table, and a digest of the user.
_HOLD: Final = sql(
    "SELECT pg_advisory_xact_lock(CAST(CAST('uploads' AS regclass) AS integer),"
    " hashtext(CAST(CAST(:owner AS uuid) AS text)))"
)


async def insert_upload(tx: Transaction, new: NewUpload, *, ttl_seconds: float) -> UploadRow:
    """The row of a file that is going to be sent."""
    values = {
        "uuid": new.uuid,
        "user_uuid": new.owner,
        "kind": new.kind.value,
        "filename": new.filename,
        "media_type": new.media_type,
        "metadata": new.metadata,
        "total_bytes": new.total_bytes,
        "wait": timedelta(seconds=ttl_seconds),
    }
    (row,) = await tx.fetch(_INSERT, values)
    return row


async def find_upload(session: ReadSession, uuid: UUID) -> UploadRow | None:
    """An upload, whoever has sent it; None when there is none, or its time is over."""
    return await session.fetch_one(_BY_UUID, {"uuid": uuid})


async def load_uploads(session: ReadSession, ids: Sequence[int]) -> list[UploadRow | None]:
    """Uploads by id, in the order of the ids; None for missing ones."""
    return await session.fetch_by_id(_BY_IDS, ids)


async def finish_upload(
    tx: Transaction, uuid: UUID, sha256: str, *, ttl_seconds: float
) -> UploadRow | None:
    """Note that all bytes are here; None when the upload was removed meanwhile.

    Args:
        sha256: Of all of them, in hexadecimal digits.
        ttl_seconds: How long the file waits for its use, from now on.
    """
    values = {"uuid": uuid, "sha256": sha256, "wait": timedelta(seconds=ttl_seconds)}
    return await tx.fetch_one(_FINISH, values)


async def extend_upload(tx: Transaction, uuid: UUID, *, ttl_seconds: float) -> UploadRow | None:
    """Let an upload wait for its rest from now on; None when it was removed meanwhile."""
    return await tx.fetch_one(_EXTEND, {"uuid": uuid, "wait": timedelta(seconds=ttl_seconds)})


async def delete_upload(tx: Transaction, uuid: UUID) -> bool:
    """Forget an upload; False when an import is still to read it, or it is not there."""
    return bool(await tx.fetch(_DELETE, {"uuid": uuid}))


async def hold_uploads(tx: Transaction, owner: UUID) -> None:
    """Let nobody else count and add to the uploads of a user until the transaction ends."""
    await tx.fetch(_HOLD, {"owner": owner})


async def bytes_of_owner(session: ReadSession, owner: UUID) -> int:
    """How long all files of a user are together, those on their way too."""
    return int(await session.fetch_value(_HELD_BYTES, {"owner": owner}))


async def unfinished_of_owner(session: ReadSession, owner: UUID) -> int:
    """How many files of a user are on their way."""
    return int(await session.fetch_value(_UNFINISHED, {"owner": owner}))


async def expired_uploads(session: ReadSession, *, most: int) -> list[UploadRow]:
    """Uploads whose time is over, the oldest first."""
    return await session.fetch(_EXPIRED, {"most": most})


async def known_uploads(session: ReadSession, uuids: Sequence[UUID]) -> set[UUID]:
    """Those of some uploads that have a row."""
    return {row[0] for row in await session.fetch(_KNOWN, {"uuids": list(uuids)})}
