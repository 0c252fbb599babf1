"""What random operations on contacts and companies are made of: rows, ids and cursors that exist.

A database is filled with rows of all kinds once, and read for what clients could know of it.
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncEngine

from db.engine import open_engine
from db.transaction import Database
from domain.node_ids import NodeKind, encode_node_id
from tests.apps import STRANGER, App
from tests.client import Client
from tests.db.datasets import LABELS, WORDS, insert_world, seeded
from tests.db.merged import merge
from tests.db.people import suppress
from tests.graph.rows import execute, read_rows

CONTACTS: Final = 40
COMPANIES: Final = 12
NOBODY: Final = 10**9

_TABLES: Final = {
    NodeKind.CONTACT: "contacts",
    NodeKind.COMPANY: "companies",
    NodeKind.USER: "users",
    NodeKind.CONTACT_EMAIL: "contact_emails",
    NodeKind.CONTACT_PHONE: "contact_phones",
    NodeKind.ACTIVITY: "activities",
    NodeKind.MERGE: "contact_merges",
    NodeKind.SUPPRESSION: "suppressions",
    NodeKind.JOB: "jobs",
    NodeKind.UPLOAD: "uploads",
    NodeKind.IMPORT_ERROR: "import_errors",
    NodeKind.API_TOKEN: "api_tokens",
}
_JOBS: Final = """
    INSERT INTO jobs (kind, version, payload, queue, max_attempts, user_uuid, status, total, done,
        counters, error_code, error, started_at, finished_at)
    SELECT kind, 1, '{}', 'bulk', 5, (SELECT uuid FROM users WHERE id = n), status, n * 10, n,
        jsonb_build_object('updated', n), error_code, 'Why', ended, ended
    FROM (VALUES (1, 'TAG_CONTACTS', 'QUEUED', NULL, NULL), (2, 'DELETE_COMPANIES', 'RUNNING',
        'TIMED_OUT', NULL), (9, 'DELETE_CONTACTS', 'FAILED', 'NEWER', now()),
        (3, 'NEWER', 'COMPLETED', NULL, now())) AS made (n, kind, status, error_code, ended)
"""
_EXPORT: Final = """
    INSERT INTO jobs (kind, version, payload, queue, max_attempts, user_uuid, status, total, done,
        result, finished_at)
    SELECT 'EXPORT_RECORDS', 1, '{"export": {"entity": "CONTACTS", "format": "CSV", "order": [],
        "columns": ["uuid", "email"], "filter": {"city": {"in": ["Paris"]}}}}', 'exports', 5, uuid,
        'COMPLETED', 7, 7, '{"rows": 7, "bytes": 99, "sha256": "ab", "truncated": true,
        "spool": "0123", "snapshotAt": "2026-01-31T09:30:00.5Z",
        "expiresAt": "2999-01-31T09:30:00Z"}', now()
    FROM users WHERE id = 1
"""
_IMPORT: Final = """
    WITH made AS (
        INSERT INTO jobs (kind, version, payload, queue, max_attempts, user_uuid, status, total,
            done, counters, started_at)
        SELECT 'IMPORT_RECORDS', 1, '{}', 'imports', 5, uuid, 'RUNNING', 100, 50,
            '{"rows": 5, "created": 3, "failed": 2}', now() - interval '1 minute'
        FROM users WHERE id = 1 RETURNING id, user_uuid),
    undone AS (
        INSERT INTO jobs (kind, version, payload, queue, max_attempts, user_uuid, status)
        SELECT 'UNDO_IMPORT', 1, '{}', 'bulk', 5, user_uuid, 'QUEUED' FROM made RETURNING id),
    sent AS (
        INSERT INTO uploads (uuid, user_uuid, kind, filename, media_type, total_bytes, sha256,
            expires_at)
        VALUES (gen_random_uuid(), CAST($1 AS uuid), 'contacts', 'a.csv', 'text/csv', 100, 'ab',
            now() + interval '1 day') RETURNING uuid),
    described AS (
        INSERT INTO imports (job_id, user_uuid, upload_uuid, entity, filename, sha256,
            request_hash, is_standing, mapping, options, reading, undo_job_id)
        SELECT made.id, user_uuid, sent.uuid, 'contacts', 'a.csv', 'ab', '', true,
            '{"Mail": "email", "Note": null}', '{"tag": "fair"}', '{"vendor": "apollo"}', undone.id
        FROM made, undone, sent)
    INSERT INTO import_errors (job_id, line, code, severity, message, "column", field, raw,
        suggestion)
    SELECT id, line, code, 'ERROR', 'Why', 'Mail', 'email', 'x@', '' FROM made,
        (VALUES (2, 'INVALID_EMAIL'), (3, 'NEWER')) AS told (line, code)
"""
_API_TOKEN: Final = """
    INSERT INTO api_tokens (user_uuid, token_hash, prefix, name, scopes)
    SELECT uuid, 'hash', 'a360_abcd', 'Sync', '{READ}' FROM users WHERE id = 1
"""
_ORDER: Final = "orderBy"
_CONTACT_ORDERS: Final[Sequence[Mapping[str, str]]] = (
    {},
    {_ORDER: "[{field: NAME, direction: DESC, nulls: FIRST}]"},
    {_ORDER: "[{field: COMPANY_NAME}, {field: CREATED_AT, direction: DESC}]"},
    {_ORDER: "{field: EMPLOYEES_COUNT, nulls: FIRST}"},
    {_ORDER: "[{field: QUALITY_SCORE}]"},
    {_ORDER: "[{field: RELEVANCE}]", "filter": '{search: "a"}'},
)
_COMPANY_ORDERS: Final[Sequence[Mapping[str, str]]] = (
    {},
    {_ORDER: "[{field: NAME}]"},
    {_ORDER: "[{field: ANNUAL_REVENUE, direction: DESC}, {field: LAST_RAISED_AT, nulls: FIRST}]"},
)
_GROUPS: Final = "groupBy"
_LISTS: Final[Mapping[str, Sequence[Mapping[str, str]]]] = {
    "contacts": _CONTACT_ORDERS,
    "companies": _COMPANY_ORDERS,
    "contactAggregate": ({}, *({_GROUPS: by} for by in ("[STAGE]", "[SENIORITY, COMPANY]"))),
    "companyAggregate": ({}, *({_GROUPS: by} for by in ("INDUSTRY", "[OWNER, COUNTRY]"))),
    "contactDuplicates": ({}, {"matchOn": "[NAME_AND_COMPANY_DOMAIN, PHONE_AND_LAST_NAME]"}),
    "companyDuplicates": ({}, {"matchOn": "[NAME_AND_COUNTRY]"}),
    "suppressions": ({},),
    "jobs": ({}, {"filter": "{status: {in: [QUEUED, FAILED]}}"}),
    "users": ({},),
}
_BROKEN: Final = ("", "%%%", "AQE", "é", base64.urlsafe_b64encode(b"\x01\x63\x01").decode())
_FAVOURITES: Final = {
    ("Query", "contacts"): 4,
    ("Query", "companies"): 4,
    ("Query", "node"): 3,
    ("Query", "nodes"): 3,
    ("Query", "contact"): 2,
    ("Query", "company"): 2,
    ("Contact", "company"): 3,
    ("Company", "contacts"): 3,
    ("ContactConnection", "nodes"): 3,
    ("ContactConnection", "edges"): 2,
    ("ContactEdge", "node"): 2,
    ("CompanyConnection", "nodes"): 3,
    ("CompanyConnection", "edges"): 2,
    ("CompanyEdge", "node"): 2,
    ("CompanyAggregateConnection", "nodes"): 3,
    ("ContactAggregateConnection", "nodes"): 3,
}
_SIZES: Final = (1, 2, 2, 3, 3, 3, 4, 5, 5, 8, 20, 20, 1500, 0)
_NUMBERS: Final = (0, 1, 2, 3, 5, 10, -1, 1999, 2**31 - 1)
_DAYS: Final = ("2020-02-29", "2024-02-29", "1999-12-31")
_INSTANTS: Final = ("2024-02-29T23:59:59.999999Z", "2024-03-01T01:00:00+01:00", "2030-01-01 00:00")
_UUIDS: Final = ("00000000-0000-4000-8000-000000000001", "zz")


@dataclass(frozen=True)
class ListedPlaces:
    """A list in one order with the cursors of its first rows."""

    arguments: Mapping[str, str]
    cursors: Sequence[str]


@dataclass(frozen=True)
class Rows:
    """Materials from the rows of a database.

    Attributes:
        ids: Of every kind of thing, the deleted ones included.
        lists: By the name of the connection's type.
    """

    ids: Mapping[str, Sequence[str]]
    lists: Mapping[str, Sequence[ListedPlaces]]
    uuids: Sequence[str]
    emails: Sequence[str]

    def weight(self, parent: str, field: str) -> int:
        """Lists and rows more often than what is around them."""
        return _FAVOURITES.get((parent, field), 1)

    def scalar(self, random: Random, kind: str, used_as: str) -> Any:
        """A value that is in some row, or near one, or of no row at all."""
        if kind == "ID":
            return self._id(random, used_as)
        if kind == "String":
            return self._text(random, used_as)
        choices: Mapping[str, Sequence[Any]] = {
            "Int": _NUMBERS,
            "Float": (0.0, 0.1, 0.5, 1, -1.5),
            "Boolean": (True, False),
            "BigInt": (0, 5, "5", str(2**63 - 1), 2**31 - 1),
            "Date": _DAYS,
            "DateTime": _INSTANTS[:2],
            "UUID": (*self.uuids, _UUIDS[0]),
        }
        return random.choice(choices[kind])

    def arguments(self, random: Random, result: str) -> Mapping[str, str | None]:
        """The arguments of a page, mostly of one that can be."""
        if result not in self.lists or random.random() < 0.03:
            return {}
        places = random.choice(self.lists[result])
        given: dict[str, str | None] = dict.fromkeys(("first", "after", "last", "before", "offset"))
        if random.random() < 0.8:
            given |= places.arguments
        backward = random.random() < 0.3
        size, cursor = ("last", "before") if backward else ("first", "after")
        if random.random() < 0.85:
            given[size] = str(random.choice(_SIZES))
        if places.cursors and random.random() < 0.4:
            given[cursor] = f'"{random.choice((*places.cursors, *places.cursors, "broken"))}"'
        elif not backward and random.random() < 0.1:
            given["offset"] = str(random.choice((0, 1, 1, 3, 5000)))
        return given

    def _id(self, random: Random, used_as: str) -> str:
        if random.random() < 0.04:
            return random.choice(_BROKEN)
        if used_as in {"contact.id", "company.id", "job.id"} and random.random() < 0.9:
            kind = used_as.partition(".")[0].upper()
        else:
            kind = random.choice([*self.ids])
        return random.choice(self.ids[kind])

    def _text(self, random: Random, used_as: str) -> str:
        if used_as.endswith("email"):
            return random.choice(self.emails)
        if used_as.endswith((".after", ".before")):
            places = random.choice(random.choice([*self.lists.values()]))
            return random.choice((*places.cursors, "broken"))
        return random.choice((*WORDS, *LABELS, "a", "e"))


async def fill(app: App) -> None:
    """Rows of all kinds: ties, missing values, deleted ones, merged and erased people."""
    database = app.resources.database
    async with open_engine(app.resources.database_url) as engine:
        await _insert(engine)
    live = await read_rows(
        database, "SELECT id FROM contacts WHERE deleted_at IS NULL ORDER BY id LIMIT 5"
    )
    first, second, third, fourth, fifth = (row[0] for row in live)
    await merge(database, first, second)
    await merge(database, third, first)
    await merge(database, fourth, fifth)
    await suppress(database, email="gone@example.com")
    await suppress(database, linkedin_url="https://www.linkedin.com/in/gone")
    await execute(
        database,
        "UPDATE contact_metadata SET custom_fields = CAST($1 AS jsonb) WHERE contact_id % 3 = 0",
        '{"größe": [1, 2.5, null, 1e30], "nested": {"a": "b"}, "text": "say \\"x\\""}',
    )
    await execute(database, _JOBS)
    await execute(database, _EXPORT)
    await execute(database, _IMPORT, STRANGER)
    await execute(database, _API_TOKEN)
    # Estimates must not change while answers are compared.
    await execute(database, "ANALYZE")


async def _insert(engine: AsyncEngine) -> None:
    random = seeded("everything")
    world = await insert_world(engine, random, contact_count=CONTACTS, company_count=COMPANIES)
    assert world.contacts
    assert world.companies


async def gather(app: App, admin: Client) -> Rows:
    """What a client could know of the rows."""
    database = app.resources.database
    lists = {}
    for name, orders in _LISTS.items():
        places = [await _places(admin, name, arguments) for arguments in orders]
        lists[places[0][0]] = [found for _, found in places]
    emails = await read_rows(database, "SELECT address FROM contact_emails LIMIT 3")
    uuids = await read_rows(database, "SELECT uuid FROM contacts ORDER BY id LIMIT 5")
    return Rows(
        ids={kind.name: await _ids(database, kind) for kind in NodeKind},
        lists=lists,
        uuids=[str(row[0]) for row in uuids],
        emails=["gone@example.com", "no address", *(row[0] for row in emails)],
    )


async def _ids(database: Database, kind: NodeKind) -> list[str]:
    rows = await read_rows(database, f"SELECT id FROM {_TABLES[kind]} ORDER BY id")
    return [encode_node_id(kind, row_id) for row_id in (*(row[0] for row in rows), NOBODY)]


async def _places(
    client: Client, name: str, arguments: Mapping[str, str]
) -> tuple[str, ListedPlaces]:
    given = ", ".join(f"{each}: {text}" for each, text in {"first": "8", **arguments}.items())
    data = await client.query(f"{{ {name}({given}) {{ __typename edges {{ cursor }} }} }}")
    cursors = [edge["cursor"] for edge in data[name]["edges"]]
    return data[name]["__typename"], ListedPlaces(arguments, cursors)
