"""What imports leave behind: the records that they have written, and what they have told."""

from collections.abc import Sequence
from uuid import UUID

from db.transaction import Database
from domain.imports import ImportEntity
from tests.db.importing import make_import
from tests.graph.rows import execute

_BATCH = "INSERT INTO import_batches (job_id, line, {}) VALUES ($1, $2, $3)"
_CHANGES = (
    "INSERT INTO import_changes (job_id, entity, record_id, version)"
    " SELECT $1, $2, id, 1 FROM unnest($3::bigint[]) AS id"
)
_ERROR = (
    'INSERT INTO import_errors (job_id, line, code, severity, message, "column", field, raw,'
    " suggestion) VALUES ($1, $2, $3, $4, 'Said.', 'E-mail', 'email', 'x@', '')"
)
_IDS = {ImportEntity.CONTACTS: "contact_ids", ImportEntity.COMPANIES: "company_ids"}


async def stored_import(
    database: Database,
    owner: UUID | None,
    *,
    entity: ImportEntity = ImportEntity.CONTACTS,
    made: Sequence[int] = (),
    changed: Sequence[int] = (),
) -> int:
    """The job of an import that has made these records in two batches, and changed those."""
    plan = await make_import(database, owner=owner, entity=entity)
    for line, ids in enumerate((made[:1], made[1:])):
        await execute(database, _BATCH.format(_IDS[entity]), plan.job_id, line, list(ids))
    await execute(database, _CHANGES, plan.job_id, entity.value, list(changed))
    return plan.job_id


async def tell(database: Database, job_id: int, *told: tuple[int, str, str]) -> None:
    """Have a job tell of rows: line, code and severity of each."""
    for line, code, severity in told:
        await execute(database, _ERROR, job_id, line, code, severity)
