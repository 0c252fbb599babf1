"""Taking back what an import has written, a part at a time, the newest first.

A record that it changed gets all the rows back that it had before; one that it made is removed.
What somebody has changed, deleted or merged since stays as it is, and is told. Versions and the
time of the last change go on: nobody's copy of a record is older than it thinks.
"""

from collections.abc import Iterator, Mapping, Sequence, Set
from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy import Table

from db.giving_back import ELECT, as_json
from db.import_tables import import_errors
from db.import_undo_statements import (
    DELETE,
    FOLLOW,
    INSERT,
    KEEP_SKIPPED,
    LOCK,
    PUT_BACK,
    RESTORE,
    SET_PRIMARY,
    SETTLE,
    TAKE_CHANGES,
    TAKE_HOLDERS,
    TAKE_MADE,
    UUIDS,
    VERSIONS,
    WITH_PEOPLE,
)
from db.rows import Row
from db.staging_writing import copy_rows
from db.suppressions import share_list, suppressed
from db.tables import companies, contact_emails, contact_metadata, contact_phones, contacts
from db.transaction import Transaction
from db.writing import delete_belongings, record_loaded
from domain.enums import SuppressedKey
from domain.imports import ImportErrorCode, Severity
from domain.privacy import PersonKey

Image = Mapping[str, Any]
"""The rows of a record as they were, by their tables."""

_KINDS: Final = {contacts: "contact", companies: "company"}


class Undone(NamedTuple):
    """What became of some records."""

    removed: int = 0
    restored: int = 0
    skipped: int = 0

    @property
    def total(self) -> int:
        """How many records it was about."""
        return sum(self)


class Part(NamedTuple):
    """What an import has done to records of one kind."""

    table: Table
    is_made: bool


PARTS: Final = (
    Part(contacts, is_made=True),
    Part(contacts, is_made=False),
    Part(companies, is_made=False),
    Part(companies, is_made=True),
)
"""In this order, so that addresses are free, and nothing refers to a company, when it comes."""


async def take_back(
    tx: Transaction, import_id: int, part: Part, *, undo_job_id: int, most: int
) -> Undone | None:
    """Take back a piece of a part of an import; None when nothing is left of it.

    Args:
        undo_job_id: Where what is told about records is kept.
        most: Of records that were changed; what was made goes by its batch.
    """
    await share_list(tx)
    undoing = _Undoing(tx, import_id, undo_job_id=undo_job_id)
    if part.is_made:
        return await undoing.remove_made(part.table)
    return await undoing.restore_changed(part.table, most=most)


async def settle_undo(tx: Transaction, import_id: int) -> bool:
    """All of the import is taken back; False when that was noted before."""
    return await tx.fetch_one(SETTLE, {"job_id": import_id}) is not None


class _Undoing:
    """Takes back what an import has written, in the transaction of one step."""

    def __init__(self, tx: Transaction, import_id: int, *, undo_job_id: int) -> None:
        self._tx = tx
        self._job = {"job_id": import_id}
        self._undo_job_id = undo_job_id

    async def remove_made(self, table: Table) -> Undone | None:
        """Remove the records that the last batch made; None when no batch is left."""
        batch = await self._tx.fetch_one(TAKE_MADE[table], self._job)
        if batch is None:
            return None
        asked = {**self._job, "ids": batch["ids"]}
        versions = {
            row["id"]: row["version"] for row in await self._tx.fetch(VERSIONS[table], asked)
        }
        untouched = await self._untouched(table, versions)
        gone = {row["id"] for row in await self._tx.fetch(DELETE[table], {"ids": list(untouched)})}
        kept = [uuid for id_, uuid in untouched.items() if id_ not in gone]
        await self._tell(table, kept, "Something else belongs to it by now, and so it stays.")
        if left := [id_ for id_ in batch["ids"] if id_ not in gone]:
            await self._tx.fetch(PUT_BACK[table], {**self._job, "line": batch["line"], "ids": left})
        record_loaded(self._tx, table, len(gone))
        return Undone(len(gone), 0, len(left))

    async def restore_changed(self, table: Table, *, most: int) -> Undone | None:
        """Give some records back what they had before; None when none is left."""
        taken = await self._tx.fetch(TAKE_CHANGES[table], {**self._job, "most": most})
        if not taken:
            return None
        if table is contacts:
            taken += await self._holders(taken)
        versions = {row["record_id"]: row["version"] for row in taken}
        untouched = await self._untouched(table, versions)
        images = [row["before"] for row in taken if row["record_id"] in untouched]
        if table is companies:
            images = await self._without_revived(images)
        await self._give_back(table, images)
        restored = {image[table.name]["id"] for image in images}
        skipped = [id_ for id_ in versions if id_ not in restored]
        asked = {**self._job, "entity": table.name, "ids": skipped}
        await self._tx.fetch(KEEP_SKIPPED, asked)
        record_loaded(self._tx, table, len(restored))
        return Undone(0, len(restored), len(skipped))

    async def _holders(self, taken: Sequence[Row]) -> list[Row]:
        """Those that the import gave addresses of these, and of each other."""
        found: list[Row] = []
        more = taken
        while keys := [row["email_key"] for each in more for row in _rows_of(each, contact_emails)]:
            more = await self._tx.fetch(TAKE_HOLDERS, {**self._job, "keys": keys})
            found += more
        return found

    async def _untouched(self, table: Table, versions: Mapping[int, int]) -> dict[int, UUID]:
        """The records that are as the import left them, locked; the others are told."""
        if not versions:
            return {}
        asked = {"ids": list(versions), "versions": list(versions.values())}
        rows = await self._tx.fetch(LOCK[table], asked)
        edited = [row["uuid"] for row in rows if not row["is_untouched"]]
        await self._tell(table, edited, "It was changed after the import, and so it stays.")
        return {row["id"]: row["uuid"] for row in rows if row["is_untouched"]}

    async def _without_revived(self, images: Sequence[Image]) -> list[Image]:
        """Without companies that had been deleted and that people belong to by now."""
        ids = [image["companies"]["id"] for image in images if image["companies"]["deleted_at"]]
        rows = await self._tx.fetch(WITH_PEOPLE, {"ids": ids}) if ids else []
        needed = {row["company_id"] for row in rows}
        kept = [image["companies"] for image in images if image["companies"]["id"] in needed]
        message = "It had been deleted, and people belong to it by now; so it stays."
        await self._tell(companies, [each["uuid"] for each in kept], message)
        return [image for image in images if image["companies"]["id"] not in needed]

    async def _give_back(self, table: Table, images: Sequence[Image]) -> None:
        """Restore records to their images."""
        if not images:
            return
        rows = [image[table.name] for image in images]
        await self._tx.fetch(RESTORE[table], {"rows": as_json(rows)})
        if table is contacts:
            await self._give_belongings_back(images)
        asked = {"ids": [row["id"] for row in rows], "versions": [row["version"] for row in rows]}
        await self._tx.fetch(FOLLOW[table], {**self._job, **asked})

    async def _give_belongings_back(self, images: Sequence[Image]) -> None:
        ids = [image["contacts"]["id"] for image in images]
        refused = await self._refused(images)
        lost: set[int] = set()
        for belonging, insert in INSERT.items():
            await delete_belongings(self._tx, belonging, ids)
            rows = [row for image in images for row in _allowed(image, belonging, refused)]
            if not rows:
                continue
            written = await self._tx.fetch(insert, {"rows": as_json(rows)})
            if belonging is contact_emails:
                there = {row["email_key"] for row in written}
                lost = {row["contact_id"] for row in rows if row["email_key"] not in there}
        await self._settle_addresses(lost)

    async def _settle_addresses(self, ids: set[int]) -> None:
        """Contacts that did not get all their addresses back have their next one as the first."""
        if not ids:
            return
        asked = {"ids": list(ids)}
        await self._tx.fetch(ELECT[contact_emails], asked)
        await self._tx.fetch(SET_PRIMARY, asked)
        uuids = [row["uuid"] for row in await self._tx.fetch(UUIDS, asked)]
        message = "An address that it had belongs to another contact by now, and stays there."
        await self._tell(contacts, uuids, message)

    async def _refused(self, images: Sequence[Image]) -> set[PersonKey]:
        """Addresses and profiles of people who were erased meanwhile."""
        keys = {key for image in images for key in _keys_of(image)}
        return await suppressed(self._tx, keys) if keys else set()

    async def _tell(self, table: Table, uuids: Sequence[object], message: str) -> None:
        """Keep why records stay as they are."""
        told = [
            {
                "job_id": self._undo_job_id,
                "line": 0,
                "code": ImportErrorCode.EDITED_SINCE.value,
                "severity": Severity.ERROR.value,
                "message": f"The {_KINDS[table]} {uuid}: {message}",
                "column": "",
                "field": "",
                "raw": str(uuid),
                "suggestion": "",
            }
            for uuid in uuids
        ]
        await copy_rows(self._tx, import_errors, told)


def _rows_of(taken: Row, belonging: Table) -> Sequence[Mapping[str, Any]]:
    """What belonged to a record by its image."""
    return taken["before"][belonging.name] or ()


def _keys_of(image: Image) -> Iterator[PersonKey]:
    for row in image["contact_emails"] or ():
        yield PersonKey(SuppressedKey.EMAIL, row["email_key"])
    metadata = image["contact_metadata"]
    if metadata and metadata["linkedin_url"]:
        yield PersonKey(SuppressedKey.LINKEDIN, metadata["linkedin_url"])


def _allowed(
    image: Image, belonging: Table, refused: Set[PersonKey]
) -> Sequence[Mapping[str, Any]]:
    """What belonged to a record, without what must not be stored any more."""
    rows: Any = image[belonging.name] or []
    if belonging is contact_metadata:
        return [_without_profile(rows, refused)] if rows else []
    if belonging is contact_phones:
        return list(rows)
    return [r for r in rows if PersonKey(SuppressedKey.EMAIL, r["email_key"]) not in refused]


def _without_profile(row: Mapping[str, Any], refused: Set[PersonKey]) -> Mapping[str, Any]:
    key = PersonKey(SuppressedKey.LINKEDIN, row["linkedin_url"] or "")
    return {**row, "linkedin_url": None} if key in refused else row
