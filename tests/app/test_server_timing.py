"""`Server-Timing`: what an answer was made of, for those whose token is good."""

import asyncio
import re
from collections.abc import AsyncIterator

import httpx
import pytest

from app.timing import Statements, server_timing
from tests.apps import App, OpenSharedApp
from tests.factories import make_contact
from tests.graph.answers import as_body

NONE = "{ __typename }"
ONE = "{ contacts(first: 2) { nodes { id } } }"
THREE = "{ " + " ".join(f"a{at}: contacts(first: 2) {{ nodes {{ id }} }}" for at in range(3)) + " }"


@pytest.fixture(scope="module")
async def app(open_shared_app: OpenSharedApp) -> AsyncIterator[App]:
    """A contact; what a web site of somebody else may ask."""
    async with open_shared_app("timing", cors_allow_origins="https://app.example.com") as app:
        await make_contact(app.resources.database)
        yield app


def parts(response: httpx.Response) -> dict[str, float]:
    """The milliseconds of each part, in their order."""
    told = response.headers["server-timing"].split(", ")
    found = [re.match(r"(\w+);dur=(\d+\.\d\d)", part) for part in told]
    return {part[1]: float(part[2]) for part in found if part is not None}


async def test_parts_of_an_answer_are_told(app: App) -> None:
    """In their order; together they are no more than the whole."""
    told = parts(await app.post(as_body(ONE)))
    assert list(told) == ["total", "auth", "find", "execute", "db"]
    rounding = 0.03
    assert told["auth"] + told["find"] + told["execute"] <= told["total"] + rounding
    assert 0 < told["db"] <= told["execute"] + rounding


async def test_statements_are_added_to_their_own_request(app: App) -> None:
    """Also while others are answered, and when they run side by side."""
    await app.post(as_body(ONE))
    asked = [ONE, NONE, THREE] * 5
    answers = await asyncio.gather(*(app.post(as_body(each)) for each in asked))
    assert ["db" in parts(answer) for answer in answers] == [True, False, True] * 5


async def test_strangers_are_told_nothing(app: App) -> None:
    """Whatever they send, and whatever is wrong with their token."""
    answers = [
        await app.http.post("/graphql", json={"query": "{ __typename }"}),
        await app.post(as_body(ONE), Authorization="Bearer x"),
        await app.http.get("/health"),
        await app.http.get("/api/v1/contacts/stream/"),
        await app.http.get("/nothing"),
    ]
    assert not any("server-timing" in answer.headers for answer in answers)


async def test_answers_that_fail_tell_as_far_as_they_came(app: App) -> None:
    """A document that is wrong was not executed."""
    assert list(parts(await app.post(as_body("{ nothing }")))) == ["total", "auth"]
    kept = await app.get({"query": "{ __typename }"})
    again = await app.get({"query": "{ __typename }"}, **{"If-None-Match": kept.headers["etag"]})
    assert again.status_code == 304
    assert list(parts(again)) == ["total", "auth", "find", "execute"]


async def test_rest_tells_the_whole_and_the_database(app: App) -> None:
    """The routes beside GraphQL have no parts; a script of another site may read it."""
    response = await app.http.get(
        "/api/v1/jobs/00000000-0000-4000-8000-000000000009",
        headers={**app.client().headers, "Origin": "https://app.example.com"},
    )
    assert response.status_code == 404
    assert list(parts(response)) == ["total", "db"]
    assert "Server-Timing" in response.headers["access-control-expose-headers"]


def test_header_has_the_form_that_browsers_read() -> None:
    """Milliseconds with two digits; the statements only where there are some."""
    none, two = Statements(), Statements()
    two.seconds = 0.0015
    assert server_timing(0.01, {}, none) == b"total;dur=10.00"
    assert (
        server_timing(0.01, {"auth": 0.125, "find": 1.0}, two)
        == b"total;dur=10.00, auth;dur=0.12, find;dur=1.00, db;dur=1.50"
    )
