"""Imports without a file and without a worker: rows of the test's own, batch by batch."""

import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from db.import_undoing import PARTS, take_back
from db.import_writing import write_rows
from db.imports import ImportPlan, create_import, load_plan
from db.rows import UploadRow
from db.staging import Finding, StagedCompany, StagedContact
from db.statements import sql
from db.transaction import Database
from db.uploads import finish_upload, insert_upload
from domain.imports import ImportEntity, ImportOptions, ImportRequest
from domain.uploads import NewUpload, UploadKind

OWNER = UUID("00000000-0000-4000-8000-000000000007")
TABLES = ("companies", "contacts", "contact_metadata", "contact_emails", "contact_phones")


@dataclass(frozen=True)
class FileLine:
    """A row of a file."""

    line: int
    staged: StagedContact | StagedCompany | None
    findings: tuple[Finding, ...] = ()
    cells: tuple[str, ...] = ()


def rows_of_file(*staged: StagedContact | StagedCompany) -> list[FileLine]:
    """Rows in which nothing is wrong."""
    return [FileLine(each.line, each, (), (f"cell {each.line}",)) for each in staged]


async def make_upload(
    database: Database,
    *,
    kind: UploadKind = UploadKind.CONTACTS,
    sha256: str | None = "ab" * 32,
    owner: UUID | None = OWNER,
) -> UploadRow:
    """An upload without a file."""
    new = NewUpload(
        uuid=uuid.uuid4(),
        owner=owner,
        kind=kind,
        filename="people.csv",
        media_type="text/csv",
        total_bytes=1000,
    )
    async with database.write() as tx:
        row = await insert_upload(tx, new, ttl_seconds=600)
        finished = sha256 and await finish_upload(tx, new.uuid, sha256, ttl_seconds=600)
    return finished or row


async def make_import(
    database: Database,
    *,
    entity: ImportEntity = ImportEntity.CONTACTS,
    owner: UUID | None = OWNER,
    **options: Any,
) -> ImportPlan:
    """An import of another upload than all others."""
    upload = await make_upload(
        database, kind=UploadKind(entity.value), sha256=uuid.uuid4().hex * 2, owner=owner
    )
    request = ImportRequest(entity=entity, options=ImportOptions(**options))
    async with database.write() as tx:
        created = await create_import(tx, request, upload, owner=owner)
        return await load_plan(tx, created.job_id)


async def write_batch(
    database: Database, plan: ImportPlan, rows: Sequence[FileLine], **how: Any
) -> Counter[str]:
    """What came of a batch of an import."""
    async with database.write() as tx:
        return await write_rows(tx, plan, rows, **{"is_trial": False, **how})


async def undo_all(database: Database, plan: ImportPlan, *, most: int = 2) -> Counter[str]:
    """What came of the records of an import that is taken back a few at a time."""
    counts: Counter[str] = Counter()
    for part in PARTS:
        while True:
            async with database.write() as tx:
                undone = await take_back(tx, plan.job_id, part, undo_job_id=plan.job_id, most=most)
            if undone is None:
                break
            counts.update(undone._asdict())
    return counts


async def contents(database: Database) -> dict[str, list[Any]]:
    """All that the tables of records hold, but for versions and the times of changes."""
    held = {}
    async with database.read() as session:
        for table in TABLES:
            rows = await session.fetch(
                sql(f"SELECT to_jsonb(t) - 'version' - 'updated_at' FROM {table} t ORDER BY 1")
            )
            held[table] = [row[0] for row in rows]
    return held


async def told_of(database: Database, job_id: int) -> list[tuple[Any, ...]]:
    """Line, code, severity of all that is told about the rows of an import."""
    asked = sql(
        "SELECT line, code, severity FROM import_errors WHERE job_id = CAST(:job_id AS bigint)"
        " ORDER BY line, id"
    )
    async with database.read() as session:
        return [tuple(row) for row in await session.fetch(asked, {"job_id": job_id})]


async def rejects_of(database: Database, job_id: int) -> list[tuple[int, list[str]]]:
    """Line and cells of the rows that should be corrected."""
    asked = sql(
        "SELECT line, cells FROM import_rejects WHERE job_id = CAST(:job_id AS bigint) ORDER BY 1"
    )
    async with database.read() as session:
        return [tuple(row) for row in await session.fetch(asked, {"job_id": job_id})]
