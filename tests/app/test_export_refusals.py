"""What the REST routes of exports refuse, in which order, and before the first byte."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy.engine import URL

from tests.app.export_requests import COMPANIES, CONTACTS, Rest, path_of, problem_of
from tests.apps import App, open_app


@pytest.fixture
async def disabled(database_url: URL, tmp_path: Path) -> AsyncIterator[App]:
    """A server that exports nothing."""
    async with open_app(database_url, tmp_path, enable_streaming_queries=False) as app:
        yield app


async def test_refusals_have_an_order(reader: Rest, disabled: App) -> None:
    """Whether there are exports comes before who asks, and that before what is asked."""
    wrong = {"colour": "red"}
    for path in (CONTACTS, COMPANIES, "/api/v1/exports/x", "/api/v1/exports/x/manifest"):
        off = await disabled.http.get(path, params=wrong)
        nobody = await reader.http.get(path, params=wrong)
        assert problem_of(off)[:2] == (501, "FEATURE_DISABLED")
        assert problem_of(nobody)[:2] == (401, "UNAUTHENTICATED")
    status, code, detail = problem_of(await reader.send(CONTACTS, params=wrong))
    assert (status, code) == (400, "BAD_USER_INPUT")
    assert detail.startswith("There is no parameter 'colour'.")


@pytest.mark.parametrize(
    ("query", "status", "code", "detail"),
    [
        ("format=xml", 400, "BAD_USER_INPUT", "The format 'xml' is not known"),
        ("columns=emial", 400, "BAD_USER_INPUT", "Did you mean email"),
        ("filter={", 400, "BAD_USER_INPUT", "filter is not valid JSON"),
        ("filter={%22nmae%22:{}}", 400, "BAD_USER_INPUT", "filter.nmae is not known"),
        ("filter={%22title%22:{%22eq%22:null}}", 400, "BAD_USER_INPUT", "use isNull: true"),
        ("order_by=COLOUR", 400, "BAD_USER_INPUT", "'COLOUR' is not known"),
        ("max_results=-1", 400, "BAD_USER_INPUT", "Give a whole number of 1 or more"),
        ("name=a&name=b", 400, "BAD_USER_INPUT", "'name' is given twice"),
        ("bom=1", 400, "BAD_USER_INPUT", "goes with format=csv only"),
        ("after=abc", 400, "CURSOR_INVALID", "not a cursor of this server"),
    ],
)
async def test_mistakes_are_told_before_the_first_byte(
    reader: Rest, query: str, status: int, code: str, detail: str
) -> None:
    """Each comes as a problem document with a code, and nothing is written."""
    statistics = reader.resources.exporter.spools.statistics
    begun = statistics.begun
    told = problem_of(await reader.send(f"{CONTACTS}?{query}"))

    assert told[:2] == (status, code)
    assert detail in told[2]
    assert statistics.begun == begun


@pytest.mark.parametrize(
    ("content", "media_type", "status", "code"),
    [
        (b"{}", "text/plain", 415, "UNSUPPORTED_MEDIA_TYPE"),
        (b"{}", "", 415, "UNSUPPORTED_MEDIA_TYPE"),
        (b"{", "application/json", 400, "BAD_USER_INPUT"),
        (b"", "application/json", 400, "BAD_USER_INPUT"),
        (b"[]", "application/json", 400, "BAD_USER_INPUT"),
        (b'{"filter": {"titel": {}}}', "application/json", 400, "BAD_USER_INPUT"),
        (b'{"search": "%s"}' % (b"x" * 4 * 2**20), "application/json", 413, "PAYLOAD_TOO_LARGE"),
    ],
    ids=["text", "nothing", "broken", "empty", "list", "filter", "large"],
)
async def test_bodies_that_cannot_be_used_are_refused(
    reader: Rest, content: bytes, media_type: str, status: int, code: str
) -> None:
    """A body is a JSON object of limited size, and says so."""
    sent = {"Content-Type": media_type} if media_type else {}
    answer = await reader.send(CONTACTS, "POST", content=content, headers=sent)

    assert problem_of(answer)[:2] == (status, code)


async def test_a_compressed_body_is_refused(reader: Rest) -> None:
    """What a few bytes could become is never found out."""
    sent = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    answer = await reader.send(CONTACTS, "POST", content=b"{}", headers=sent)

    assert problem_of(answer)[:2] == (415, "UNSUPPORTED_MEDIA_TYPE")


async def test_a_range_behind_the_end_is_refused(reader: Rest) -> None:
    """The answer says how many bytes there are."""
    first = await reader.get(CONTACTS)
    answer = await reader.send(path_of(first), headers={"Range": "bytes=100000-"})

    assert problem_of(answer)[:2] == (416, "RANGE_NOT_SATISFIABLE")
    assert answer.headers["content-range"] == f"bytes */{len(first.content)}"


@pytest.mark.parametrize("path", [CONTACTS, "/api/v1/exports/x"])
async def test_other_methods_are_refused(reader: Rest, path: str) -> None:
    """Files are neither changed nor removed by their readers."""
    answer = await reader.send(path, "DELETE")

    assert problem_of(answer)[:2] == (405, "METHOD_NOT_ALLOWED")
    assert "GET" in answer.headers["allow"]
