"""What an import remembers of the records that it writes, so that it can be undone.

Of a record that it makes, the id is enough, in a list for each batch. Of one that is there already,
all of its rows are kept as they were before the import first changed them; and the version that the
import left, by which it is told whether anybody has changed the record since.
"""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Table

from db.import_tables import MADE_IDS
from db.rows import Row
from db.staging import Result, Target
from db.statements import Statement, sql
from db.tables import companies, contacts
from db.transaction import Transaction

_IMAGES: Final[Mapping[str, str]] = {
    "contacts": (
        "jsonb_build_object('contacts', to_jsonb(r),"
        " 'contact_metadata', (SELECT to_jsonb(m) FROM contact_metadata m"
        " WHERE m.contact_id = r.id),"
        " 'contact_emails', (SELECT jsonb_agg(to_jsonb(e)) FROM contact_emails e"
        " WHERE e.contact_id = r.id),"
        " 'contact_phones', (SELECT jsonb_agg(to_jsonb(p)) FROM contact_phones p"
        " WHERE p.contact_id = r.id))"
    ),
    "companies": "jsonb_build_object('companies', to_jsonb(r))",
}


def _batch_of(table: Table, record_id: str) -> str:
    """The records that were made by the batch of an import that could have made a record."""
    ids = MADE_IDS[table.name].name
    return (
        f"CAST((SELECT b.{ids} FROM import_batches b WHERE b.job_id = CAST(:job_id AS bigint)"
        f" AND b.{ids}[1] <= {record_id} ORDER BY b.{ids}[1] DESC LIMIT 1) AS bigint[])"
    )


def _made(table: Table) -> Statement[Row]:
    return sql(
        "SELECT wanted.id FROM unnest(CAST(:ids AS bigint[])) AS wanted(id)"
        f" WHERE wanted.id = ANY({_batch_of(table, 'wanted.id')})"
    )


def _keep(table: Table) -> Statement[Row]:
    """Remember records as they are; of one that is remembered, who came between.

    Who finds another version than the import left knows that somebody else has changed the record.
    """
    is_made = f"(r.id = ANY({_batch_of(table, 'r.id')}) OR r.id = ANY(CAST(:made_now AS bigint[])))"
    return sql(
        "INSERT INTO import_changes AS known (job_id, entity, record_id, version, before)"
        f" SELECT CAST(:job_id AS bigint), '{table.name}', r.id, r.version,"
        f" CASE WHEN {is_made} IS NOT TRUE THEN {_IMAGES[table.name]} END"
        f" FROM {table.name} r WHERE r.id = ANY(CAST(:ids AS bigint[]))"
        " ON CONFLICT (job_id, entity, record_id) DO UPDATE SET version ="
        " CASE WHEN known.version = excluded.version THEN known.version ELSE -1 END"
        " RETURNING record_id, xmax = 0 AS is_new"
    )


def _note(table: Table) -> Statement[Row]:
    """Remember the versions that the import has left."""
    return sql(
        "UPDATE import_changes x SET version = r.version"
        f" FROM {table.name} r WHERE r.id = x.record_id AND x.version >= 0"
        f" AND x.job_id = CAST(:job_id AS bigint) AND x.entity = '{table.name}'"
        " AND x.record_id = ANY(CAST(:ids AS bigint[]))"
    )


def _forget(table: Table) -> Statement[Row]:
    return sql(
        "DELETE FROM import_changes WHERE job_id = CAST(:job_id AS bigint)"
        f" AND entity = '{table.name}' AND record_id = ANY(CAST(:ids AS bigint[]))"
    )


@dataclass(frozen=True)
class _Statements:
    """What is remembered of the records of a table."""

    keep: Statement[Row]
    note: Statement[Row]
    forget: Statement[Row]


_STATEMENTS: Final = {
    table: _Statements(_keep(table), _note(table), _forget(table))
    for table in (contacts, companies)
}
_MADE: Final = {table: _made(table) for table in (contacts, companies)}
_WRITE_BATCH: Final = sql(
    "INSERT INTO import_batches (job_id, line, contact_ids, company_ids) VALUES"
    " (CAST(:job_id AS bigint), CAST(:line AS integer), CAST(:contacts AS bigint[]),"
    " CAST(:companies AS bigint[]))"
)


async def made_by(
    tx: Transaction, table: Table, job_id: int, record_ids: Collection[int | None]
) -> set[int]:
    """Those of some records that an import has made in the batches before."""
    rows = await tx.fetch(_MADE[table], {"job_id": job_id, "ids": list(record_ids)})
    return {row["id"] for row in rows}


class ImportJournal:
    """What one batch of an import writes; made anew for each attempt at the batch."""

    def __init__(self, job_id: int) -> None:
        self._job_id = job_id
        self._made: dict[Table, list[int]] = {contacts: [], companies: []}

    @asynccontextmanager
    async def noting(
        self, tx: Transaction, table: Table, targets: Sequence[Target]
    ) -> AsyncIterator[None]:
        """Surrounds the writing to stored records, which may turn out to change none of them."""
        statements = _STATEMENTS[table]
        ids = [target.record_id for target in targets]
        asked = {"job_id": self._job_id, "ids": ids, "made_now": self._made[table]}
        kept = await tx.fetch(statements.keep, asked)
        yield
        changed = {each.record_id for each in targets if each.result is Result.UPDATED}
        new = {row["record_id"] for row in kept if row["is_new"]}
        await self._write(tx, statements.note, changed)
        await self._write(tx, statements.forget, new - changed)

    def made(self, table: Table, targets: Sequence[Target]) -> None:
        """New records were written, and have their ids."""
        self._made[table] += [each.record_id for each in targets if each.record_id is not None]

    def mark(self) -> Mapping[Table, int]:
        """How much was made so far."""
        return {table: len(ids) for table, ids in self._made.items()}

    def rewind(self, mark: Mapping[Table, int]) -> None:
        """What was made since is rolled back."""
        for table, count in mark.items():
            del self._made[table][count:]

    async def write(self, tx: Transaction, line: int) -> None:
        """Remember what the batch has made.

        Args:
            line: The line of the file on which the batch begins.
        """
        if any(self._made.values()):
            lists = {table.name: sorted(ids) for table, ids in self._made.items()}
            await tx.fetch(_WRITE_BATCH, {"job_id": self._job_id, "line": line, **lists})

    async def _write(
        self, tx: Transaction, statement: Statement[Row], ids: set[int | None]
    ) -> None:
        if ids:
            await tx.fetch(statement, {"job_id": self._job_id, "ids": list(ids)})
