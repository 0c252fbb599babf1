"""What is done around a restore: a look at what is there, its one transaction, and what follows.

The transaction is a script for psql, since what pg_restore writes can be read by nothing else. What
was there before is dropped in it, so whatever ends it early leaves that as it was.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from db.all_tables import ALL_TABLES
from db.job_queue import put_back_lost, queue_again
from db.names import literal, quoted
from db.statements import sql
from db.transaction import Database, ReadSession, Transaction

RESTORE_NAME: Final = "appointment360-restore"
RECORDS: Final = ("contacts", "companies", "users", "activities", "jobs", "uploads", "suppressions")
"""Tables that make a database worth keeping; all others only serve these."""

_MIGRATION_LOCK: Final = 0x360_0360
_OURS: Final = {*ALL_TABLES.tables, "alembic_version"}
_NOT_OF_EXTENSION: Final = (
    "NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = o.oid AND d.deptype = 'e')"
)

_TARGET: Final = sql(
    "SELECT current_schema(), current_setting('server_version'),"
    " to_regclass('alembic_version') IS NOT NULL"
)
_MIGRATION: Final = sql("SELECT version_num FROM alembic_version")
_TABLES: Final = sql(
    "SELECT o.relname FROM pg_class o WHERE o.relkind IN ('r', 'p', 'v', 'm', 'f')"
    " AND o.relnamespace = CAST(CAST(:schema AS text) AS regnamespace)"
    f" AND {_NOT_OF_EXTENSION} ORDER BY 1"
)
_NAMES: Final = (
    "SELECT DISTINCT application_name FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    f" AND application_name LIKE 'appointment360%' AND application_name <> '{RESTORE_NAME}'"
    " ORDER BY 1"
)
_CONNECTED: Final = sql(_NAMES)
_FORGET_WORKERS: Final = sql("DELETE FROM procrastinate_workers")
# The attempt that the backup came in between is none.
_LET_GO: Final = sql(
    "UPDATE jobs SET status = 'QUEUED', locked_by = NULL, attempts = greatest(0, attempts - 1)"
    " WHERE status = 'RUNNING' AND finished_at IS NULL RETURNING id"
)
_FORGET_FILES: Final = sql(
    "DELETE FROM uploads WHERE sha256 IS NULL OR uuid = ANY(CAST(:missing AS uuid[]))"
    " RETURNING uuid"
)

# By whole statements that are made before the first of them is executed: names that are read while
# things are dropped are those of things that are gone.
_DROPS: Final = (
    "SELECT format('DROP %s IF EXISTS %I.%I CASCADE', CASE o.relkind WHEN 'v' THEN 'VIEW'"
    " WHEN 'm' THEN 'MATERIALIZED VIEW' WHEN 'f' THEN 'FOREIGN TABLE' WHEN 'S' THEN 'SEQUENCE'"
    " ELSE 'TABLE' END, {schema}, o.relname) FROM pg_class o"
    " WHERE o.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')"
    " AND o.relnamespace = {space} AND {free} AND NOT (o.relkind = 'S' AND EXISTS"
    # It goes with the column that it is of.
    " (SELECT FROM pg_depend d WHERE d.objid = o.oid AND d.deptype IN ('a', 'i')))",
    "SELECT format('DROP ROUTINE IF EXISTS %s CASCADE', CAST(o.oid AS regprocedure))"
    " FROM pg_proc o WHERE o.pronamespace = {space} AND {free}",
    "SELECT format('DROP TYPE IF EXISTS %I.%I CASCADE', {schema}, o.typname) FROM pg_type o"
    " LEFT JOIN pg_class c ON c.oid = o.typrelid WHERE o.typnamespace = {space}"
    " AND (o.typtype IN ('e', 'd', 'r') OR c.relkind = 'c') AND {free}",
)
_PREPARE: Final = """\
BEGIN;
SET LOCAL statement_timeout = 0;
SET LOCAL idle_in_transaction_session_timeout = 0;
SET LOCAL lock_timeout = '{patience}';
SET LOCAL client_min_messages = warning;
SELECT pg_advisory_xact_lock({lock});
{checks}{drops}
"""
_DROP: Final = """\
DO $drop$ DECLARE statement text; BEGIN
FOREACH statement IN ARRAY array(
{statements}
) LOOP EXECUTE statement; END LOOP; END $drop$;
"""
# Nobody writes to a table from here on, so what is found stays so until the end.
_REFUSE_USE: Final = """\
DO $use$ DECLARE name text; names text; BEGIN
FOR name IN SELECT o.relname FROM pg_class o WHERE o.relkind IN ('r', 'p')
AND o.relnamespace = {space} AND {free} ORDER BY 1
LOOP EXECUTE format('LOCK TABLE %I.%I IN ACCESS EXCLUSIVE MODE', {schema}, name); END LOOP;
SELECT string_agg(application_name, ', ') INTO names FROM ({names}) connected;
IF names IS NOT NULL THEN RAISE EXCEPTION
'Servers, workers or commands are connected to the database: %. Stop all of them, then restore.',
names; END IF; END $use$;
"""
_REFUSE_RECORDS: Final = """\
DO $records$ DECLARE name text; has_records boolean; BEGIN
FOREACH name IN ARRAY array[{records}] LOOP
CONTINUE WHEN to_regclass(format('%I.%I', {schema}, name)) IS NULL;
EXECUTE format('SELECT EXISTS (SELECT FROM %I.%I)', {schema}, name) INTO has_records;
IF has_records THEN RAISE EXCEPTION
'The database has records by now, in %. Restore into an empty one, or say --replace.', name;
END IF; END LOOP; END $records$;
"""
_COUNT: Final = """\
DO $count$ BEGIN IF (SELECT count(*) FROM {table}) <> {rows} THEN
RAISE EXCEPTION 'The table % has not the {rows} rows that the backup tells of.', {name};
END IF; END $count$;
"""
_FINISH: Final = """\
{counts}
UPDATE {schema}.cache_state SET epoch = gen_random_uuid(), trusted = NULL, life = NULL,
off_since = NULL, off_renewed_at = NULL;
DELETE FROM {schema}.cache_changes;
"""
READY: Final = "\\echo ready\n"
"""Has psql say a word once all before it is done."""

COMMIT: Final = "COMMIT;\n"


@dataclass(frozen=True, kw_only=True)
class Target:
    """The database that is restored into, as it is.

    Attributes:
        schema: Where our tables are or will be; None when there is none to make them in.
        server: The version of PostgreSQL.
        migration: The newest it has; None without our tables.
        records: How many it has of those that are worth keeping, none left out.
        strangers: Its tables that are not ours.
        connected: By which names servers, workers and commands of ours are connected.
    """

    schema: str | None
    server: str
    migration: str | None
    records: Mapping[str, int]
    strangers: Sequence[str]
    connected: Sequence[str]


async def look_at(database: Database) -> Target:
    """The database as it is.

    Raises:
        DatabaseUnavailable: PostgreSQL does not answer.
    """
    async with database.read() as session:
        (found,) = await session.fetch(_TARGET)
        schema, server, is_ours = found
        tables = await _tables(session, schema) if schema else []
        return Target(
            schema=schema,
            server=server.partition(" ")[0],
            migration=await session.fetch_value(_MIGRATION) if is_ours else None,
            records=await _records(session, {*RECORDS} & {*tables}) if is_ours else {},
            strangers=[name for name in tables if not _is_ours(name)],
            connected=await _connected(session),
        )


async def find_connected(database: Database) -> list[str]:
    """By which names servers, workers and commands of ours are connected now.

    Raises:
        DatabaseUnavailable: PostgreSQL does not answer.
    """
    async with database.read() as session:
        return await _connected(session)


async def _connected(session: ReadSession) -> list[str]:
    return [row[0] for row in await session.fetch(_CONNECTED)]


async def _tables(session: ReadSession, schema: str) -> list[str]:
    return [row[0] for row in await session.fetch(_TABLES, {"schema": quoted(schema)})]


async def _records(session: ReadSession, tables: set[str]) -> dict[str, int]:
    found = {}
    for table in RECORDS:
        if table in tables:
            count = sql(f"SELECT count(*) FROM {quoted(table)}")
            found[table] = int(await session.fetch_value(count))
    return {table: rows for table, rows in found.items() if rows}


def _is_ours(table: str) -> bool:
    return table in _OURS or table.startswith("procrastinate_")


def script_before(schema: str, *, patience_seconds: float, replace: bool) -> str:
    """Begin the transaction, and drop all that is in the schema but what extensions have there.

    It fails when somebody has connected, or made records, since the database was looked at.

    Args:
        replace: The records that are there may go.
        patience_seconds: How long it waits for others to let go of a table.
    """
    place = literal(quoted(schema))
    named = {
        "schema": literal(schema),
        "space": f"CAST({place} AS regnamespace)",
        "free": _NOT_OF_EXTENSION,
    }
    drops = "".join(_DROP.format(statements=drop.format(**named)) for drop in _DROPS)
    checks = _REFUSE_USE.format(names=_NAMES, **named)
    if not replace:
        records = ", ".join(literal(table) for table in RECORDS)
        checks += _REFUSE_RECORDS.format(records=records, **named)
    return _PREPARE.format(
        patience=f"{round(patience_seconds * 1000)}ms",
        lock=_MIGRATION_LOCK,
        checks=checks,
        drops=drops,
    )


def script_after(schema: str, rows: Mapping[str, int]) -> str:
    """Fail unless the tables have so many rows; then have no cache use what it kept before."""
    counts = "".join(
        _COUNT.format(
            table=f"{quoted(schema)}.{quoted(table)}", rows=int(count), name=literal(table)
        )
        for table, count in rows.items()
    )
    return _FINISH.format(counts=counts, schema=quoted(schema))


@dataclass(frozen=True)
class Settled:
    """What became of what was under way when the backup was taken.

    Attributes:
        jobs: How many a worker was at; they wait again.
        files: How many uploads were not whole; they are forgotten.
    """

    jobs: int
    files: int


async def settle(tx: Transaction, *, missing: Sequence[UUID]) -> Settled:
    """Give back to the queue what a worker of then was at, and forget files that are not here.

    Args:
        missing: Uploads that were removed while the backup was being taken.
    """
    await tx.fetch(_FORGET_WORKERS)
    await put_back_lost(tx, quiet_seconds=0, unstarted_seconds=0)
    await queue_again(tx, quiet_seconds=0)
    let_go = await tx.fetch(_LET_GO)
    files = await tx.fetch(_FORGET_FILES, {"missing": list(missing)})
    return Settled(len(let_go), len(files))
