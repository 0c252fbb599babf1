"""docs/permissions.md against the routes: every path with every method, asked for by everybody."""

import re
from collections.abc import AsyncIterator, Iterator
from typing import Final
from uuid import UUID

import pytest
from sqlalchemy.engine import URL
from starlette.routing import Route

from tests.permissions import (
    ASKERS,
    NOBODY,
    OPERATOR,
    Needs,
    Walked,
    open_walked,
    read_needs,
    rows_under,
)

METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
AS_ITS_FIELDS: Final = "what its fields need"
SOMETHING: Final = UUID(int=1).hex
DOORS: Final = {401: "UNAUTHENTICATED", 403: "FORBIDDEN", 405: "405"}

Door = tuple[str, str]
"""A path as the paper has it, and a method."""


@pytest.fixture(scope="module")
async def walked(
    server_url: URL, template: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Walked]:
    """An application whose users try every route."""
    folder = tmp_path_factory.mktemp("routes_walked")
    async with open_walked(server_url, template, folder) as opened:
        yield opened


def told_needs() -> dict[Door, Needs]:
    """What the paper says that each route needs, but for those that answer GraphQL."""
    return {
        (path, method): read_needs(cell)
        for path, methods, cell in rows_under("Routes")
        if cell != AS_ITS_FIELDS
        for method in methods.split(", ")
    }


def paths_of(walked: Walked) -> Iterator[str]:
    """All that is answered beside `/graphql`, with the names of its parameters."""
    for route in walked.app.routes:
        assert isinstance(route, Route)
        yield route.path


def told_path(path: str) -> str:
    """A path as the paper has it: no version of assets, no slash at the end."""
    if path.endswith("/{name}"):
        return f"{path.rsplit('/', 2)[0]}/{{version}}/{{name}}"
    return path.rstrip("/") or "/"


async def door(walked: Walked, asker: str, path: str, method: str) -> str:
    """How a route is answered: what comes behind the door, an error too, is allowed."""
    headers = {"Tus-Resumable": "1.0.0", **walked.headers[asker]}
    address = re.sub(r"\{\w+\}", SOMETHING, path)
    response = await walked.http.request(method, address, headers=headers)
    assert response.status_code < 500, response.text
    return DOORS.get(response.status_code, "allowed")


@pytest.mark.parametrize("asker", [*ASKERS, OPERATOR])
async def test_every_route_is_answered_as_the_paper_says(walked: Walked, asker: str) -> None:
    """By a request to each with every method that the paper has for it."""
    expected = {each: walked.expected(asker, needs) for each, needs in told_needs().items()}
    found = {each: await door(walked, asker, *each) for each in expected}
    assert found == expected


async def test_no_route_takes_what_the_paper_does_not_have(walked: Walked) -> None:
    """With the slash at its end, by another method, or by another version: nothing more is open."""
    told = told_needs()
    graphql = {path for path, _, cell in rows_under("Routes") if cell == AS_ITS_FIELDS}
    for path in sorted({*paths_of(walked)}):
        known = told_path(path)
        if known not in graphql:
            expected = {
                method: walked.expected(NOBODY, told[known, method])
                if (known, method) in told
                else "405"
                for method in METHODS
            }
            found = {method: await door(walked, NOBODY, path, method) for method in METHODS}
            assert found == expected, path


def test_paper_has_every_route_and_no_other(walked: Walked) -> None:
    """Each path that is answered has its rows."""
    told = {path for path, _, _ in rows_under("Routes")}
    assert {told_path(path) for path in paths_of(walked)} | {"/graphql"} == told
