"""Limit A: each operation written by hand, as fast as Python gets while it makes the JSON itself.

One statement of just the wanted columns on the pool of asyncpg, dicts, orjson: no GraphQL, no
SQLAlchemy, no checks. The answers have the shape, the rows and the ids of the product's; only
cursors are of a simpler form.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import asyncpg
import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from benchmarks.servers.listening import listen, with_pool

Variables = dict[str, Any]

_NEWEST: Final = """
SELECT contact.id, full_name, title, email, email_status, contact.created_at,
    company.id AS company_id, name, industries
FROM (
    SELECT id, full_name, title, email, email_status, created_at, company_id
    FROM contacts WHERE deleted_at IS NULL ORDER BY created_at DESC, id DESC LIMIT $1
) AS contact
LEFT JOIN companies AS company ON company.id = contact.company_id AND company.deleted_at IS NULL
ORDER BY contact.created_at DESC, contact.id DESC
"""
_ONE: Final = """
SELECT contact.id, full_name, title, email, email_status, contact.created_at,
    company.id AS company_id, name, industries, domain, employees_count
FROM contacts AS contact
LEFT JOIN companies AS company ON company.id = contact.company_id AND company.deleted_at IS NULL
WHERE contact.id = $1 AND contact.deleted_at IS NULL
"""
_WITH_CONTACTS: Final = """
SELECT company.id AS company_id, name, contact.id, full_name, title, email
FROM (
    SELECT id, name, created_at FROM companies
    WHERE deleted_at IS NULL ORDER BY created_at DESC, id DESC LIMIT $1
) AS company
LEFT JOIN LATERAL (
    SELECT id, full_name, title, email, created_at FROM contacts
    WHERE company_id = company.id AND deleted_at IS NULL
    ORDER BY created_at DESC, id DESC LIMIT $2
) AS contact ON true
ORDER BY company.created_at DESC, company.id DESC, contact.created_at DESC, contact.id DESC
"""
_CONTACT: Final = b"\x01\x01"
_COMPANY: Final = b"\x01\x02"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def _id(kind: bytes, row_id: int) -> str:
    row = row_id.to_bytes((row_id.bit_length() + 7) // 8, "big")
    return urlsafe_b64encode(kind + row).rstrip(b"=").decode()


def _cursor(row: asyncpg.Record) -> str:
    microseconds = (row["created_at"] - _EPOCH) // _MICROSECOND
    return urlsafe_b64encode(b"%d:%d" % (microseconds, row["id"])).decode()


def _person(row: asyncpg.Record) -> dict[str, Any]:
    return {
        "id": _id(_CONTACT, row["id"]),
        "fullName": row["full_name"],
        "title": row["title"],
        "email": row["email"],
    }


def _contact(row: asyncpg.Record, company: dict[str, Any] | None) -> dict[str, Any]:
    return {
        "id": _id(_CONTACT, row["id"]),
        "fullName": row["full_name"],
        "title": row["title"],
        "email": row["email"],
        "emailStatus": row["email_status"],
        "createdAt": row["created_at"],
        "company": company,
    }


def _company(row: asyncpg.Record) -> dict[str, Any] | None:
    if row["company_id"] is None:
        return None
    return {
        "id": _id(_COMPANY, row["company_id"]),
        "name": row["name"],
        "industries": row["industries"],
    }


async def _newest_contacts(pool: asyncpg.Pool, variables: Variables) -> dict[str, Any]:
    first = variables["first"]
    rows = await pool.fetch(_NEWEST, first + 1)
    edges = [{"cursor": _cursor(row), "node": _contact(row, _company(row))} for row in rows[:first]]
    page = {
        "hasNextPage": len(rows) > first,
        "hasPreviousPage": False,
        "startCursor": edges[0]["cursor"] if edges else None,
        "endCursor": edges[-1]["cursor"] if edges else None,
    }
    return {"contacts": {"edges": edges, "pageInfo": page}}


async def _contact_with_company(pool: asyncpg.Pool, variables: Variables) -> dict[str, Any]:
    text = variables["id"]
    row_id = int.from_bytes(urlsafe_b64decode(text + "=" * (-len(text) % 4))[2:], "big")
    row = await pool.fetchrow(_ONE, row_id)
    if row is None:
        return {"contact": None}
    company = _company(row)
    if company is not None:
        company |= {"domain": row["domain"], "employeesCount": row["employees_count"]}
    return {"contact": _contact(row, company)}


async def _companies_with_contacts(pool: asyncpg.Pool, variables: Variables) -> dict[str, Any]:
    rows = await pool.fetch(_WITH_CONTACTS, variables["companies"], variables["contacts"])
    companies: list[dict[str, Any]] = []
    last = None
    for row in rows:
        if row["company_id"] != last:
            last = row["company_id"]
            contacts: list[dict[str, Any]] = []
            companies.append(
                {"id": _id(_COMPANY, last), "name": row["name"], "contacts": {"nodes": contacts}}
            )
        if row["id"] is not None:
            contacts.append(_person(row))
    return {"companies": {"nodes": companies}}


def _route(
    path: str, load: Callable[[asyncpg.Pool, Variables], Awaitable[dict[str, Any]]]
) -> Route:
    async def answer(request: Request) -> Response:
        variables = orjson.loads(await request.body())["variables"]
        found = await load(request.app.state.pool, variables)
        body = orjson.dumps({"data": found}, option=orjson.OPT_UTC_Z)
        return Response(body, media_type="application/json")

    return Route(path, answer, methods=["POST"])


if __name__ == "__main__":
    listen(
        [
            _route("/q1", _newest_contacts),
            _route("/q2", _contact_with_company),
            _route("/q3", _companies_with_contacts),
        ],
        lifespan=with_pool,
    )
