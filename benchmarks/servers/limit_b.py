"""Limit B: PostgreSQL writes the whole body, and Python passes its bytes on.

What the server saves here PostgreSQL pays: see its column of the table. Ids are those of the rows.
"""

from typing import Final

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from benchmarks.servers.listening import listen, with_pool

_NEWEST: Final = """
SELECT convert_to(json_build_object('data', json_build_object('contacts', json_build_object(
    'edges', coalesce(json_agg(json_build_object(
        'cursor', cursor,
        'node', json_build_object(
            'id', contact.id, 'fullName', full_name, 'title', title, 'email', email,
            'emailStatus', email_status, 'createdAt', contact.created_at,
            'company', CASE WHEN company.id IS NOT NULL THEN json_build_object(
                'id', company.id, 'name', name, 'industries', industries
            ) END
        )
    ) ORDER BY place) FILTER (WHERE place <= $1), '[]'),
    'pageInfo', json_build_object(
        'hasNextPage', count(*) > $1,
        'hasPreviousPage', false,
        'startCursor', (array_agg(cursor ORDER BY place))[1],
        'endCursor', (array_agg(cursor ORDER BY place))[least($1, count(*))]
    )
)))::text, 'UTF8')
FROM (
    SELECT row_number() OVER (ORDER BY created_at DESC, id DESC) AS place,
        (extract(epoch FROM created_at) * 1000000)::bigint || ':' || id AS cursor,
        id, full_name, title, email, email_status, created_at, company_id
    FROM contacts WHERE deleted_at IS NULL ORDER BY created_at DESC, id DESC LIMIT $1 + 1
) AS contact
LEFT JOIN companies AS company ON company.id = contact.company_id AND company.deleted_at IS NULL
"""
_ONE: Final = """
SELECT convert_to(json_build_object('data', json_build_object('contact', (
    SELECT json_build_object(
        'id', contact.id, 'fullName', full_name, 'title', title, 'email', email,
        'emailStatus', email_status, 'createdAt', contact.created_at,
        'company', CASE WHEN company.id IS NOT NULL THEN json_build_object(
            'id', company.id, 'name', name, 'industries', industries,
            'domain', domain, 'employeesCount', employees_count
        ) END
    )
    FROM contacts AS contact
    LEFT JOIN companies AS company ON company.id = contact.company_id AND company.deleted_at IS NULL
    WHERE contact.id = $1 AND contact.deleted_at IS NULL
)))::text, 'UTF8')
"""
_WITH_CONTACTS: Final = """
SELECT convert_to(json_build_object('data', json_build_object('companies', json_build_object(
    'nodes', coalesce(json_agg(json_build_object(
        'id', company.id, 'name', name, 'contacts', json_build_object('nodes', contacts.nodes)
    ) ORDER BY company.created_at DESC, company.id DESC), '[]')
)))::text, 'UTF8')
FROM (
    SELECT id, name, created_at FROM companies
    WHERE deleted_at IS NULL ORDER BY created_at DESC, id DESC LIMIT $1
) AS company
CROSS JOIN LATERAL (
    SELECT coalesce(json_agg(json_build_object(
        'id', id, 'fullName', full_name, 'title', title, 'email', email
    )), '[]') AS nodes
    FROM (
        SELECT id, full_name, title, email FROM contacts
        WHERE company_id = company.id AND deleted_at IS NULL
        ORDER BY created_at DESC, id DESC LIMIT $2
    ) AS contact
) AS contacts
"""


def _route(path: str, statement: str, *names: str) -> Route:
    """Asks the statement with the variables of these names."""

    async def answer(request: Request) -> Response:
        variables = orjson.loads(await request.body())["variables"]
        values = (int(variables[name]) for name in names)
        body = await request.app.state.pool.fetchval(statement, *values)
        return Response(body, media_type="application/json")

    return Route(path, answer, methods=["POST"])


if __name__ == "__main__":
    listen(
        [
            _route("/q1", _NEWEST, "first"),
            _route("/q2", _ONE, "id"),
            _route("/q3", _WITH_CONTACTS, "companies", "contacts"),
        ],
        lifespan=with_pool,
    )
