"""Streams of documents when something breaks: no gap, nothing twice, no end that looks whole."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.engine import URL
from structlog.testing import capture_logs

from tests.apps import open_app
from tests.db.datasets import insert_companies, seeded
from tests.graph.document_streams import ROUTE, Streaming, read_lines, streaming
from tests.graph.sockets import until
from tests.proxy import BytesProxy
from tests.served import serving

COMPANIES = 60
PLACES = """query ($end: String) { companies(after: $end, orderBy: [{field: COUNTRY}]) {
    edges { cursor node { id name contacts(first: 1) { nodes { id } } } } } }"""


@pytest.fixture
async def proxy(database_url: URL) -> AsyncIterator[BytesProxy]:
    """A proxy before the test's own database."""
    async with BytesProxy(database_url).listening() as listening:
        yield listening


@pytest.fixture
async def behind(engine: Any, proxy: BytesProxy, tmp_path: Path) -> AsyncIterator[Streaming]:
    """Streams of companies that are read through the proxy."""
    await insert_companies(engine, seeded("cut"), count=COMPANIES, user_ids=[])
    async with open_app(proxy.url, tmp_path) as app, streaming(app.resources, batch_rows=7) as it:
        yield it


@pytest.mark.parametrize("part", [0.0, 0.25, 0.5, 0.75])
async def test_broken_connection_leaves_no_gap_and_doubles_nothing(
    behind: Streaming, proxy: BytesProxy, part: float
) -> None:
    """A page that broke off is asked again; what was written stays, and nothing comes twice."""
    whole = await behind.lines(PLACES)
    proxy.cut_after(None)
    await behind.lines(PLACES)
    # Before the first line is written the whole stream begins anew.
    event = "stream_page_failed" if part else "export_retried"
    proxy.cut_after(int(part * proxy.sent))
    with capture_logs() as logs:
        reading = asyncio.create_task(behind.lines(PLACES))
        await until(lambda: event in [each["event"] for each in logs])
        proxy.cut_after(None)
        assert await reading == whole


async def received(http: httpx.AsyncClient, url: str, headers: dict[str, str]) -> bytes:
    """What comes of a stream until it breaks."""
    found = b""
    try:
        async with http.stream("POST", url, json={"query": PLACES}, headers=headers) as response:
            assert response.status_code == 200
            async for chunk in response.aiter_bytes():
                found += chunk
    except httpx.RemoteProtocolError:
        return found
    raise AssertionError("The stream ended as if it were whole.")


async def test_stream_that_cannot_go_on_breaks_and_is_taken_up_by_its_last_cursor(
    behind: Streaming, proxy: BytesProxy
) -> None:
    """The client sees that it broke, and gets what is missing behind the last line it has."""
    whole = await behind.lines(PLACES)
    proxy.cut_after(None)
    await behind.lines(PLACES)
    proxy.cut_after(proxy.sent // 2)
    async with serving(behind.app) as server, httpx.AsyncClient(trust_env=False) as http:
        found = await received(http, f"{server.http}{ROUTE}", behind.headers())
    proxy.cut_after(None)
    lines = read_lines(found)
    assert 0 < len(lines) < len(whole)
    assert lines + await behind.lines(PLACES, end=lines[-1]["cursor"]) == whole


async def test_database_that_stays_away_is_told_before_the_first_line(
    behind: Streaming, proxy: BytesProxy
) -> None:
    """It was tried a few times; then each door says that it can be tried again."""
    proxy.cut_after(0)
    doors = (behind.post(PLACES, path) for path in (ROUTE, "/graphql"))
    responses = await asyncio.gather(*doors)
    proxy.cut_after(None)
    for response in responses:
        assert response.status_code == 503
        assert "SERVICE_UNAVAILABLE" in response.text
        assert response.headers["retry-after"] == "1"


async def test_page_has_a_time_limit(engine: Any, database_url: URL, tmp_path: Path) -> None:
    """What takes too long is told as it is elsewhere."""
    async with (
        open_app(database_url, tmp_path, request_timeout=0.2) as app,
        streaming(app.resources) as streams,
        engine.begin() as blocking,
    ):
        await blocking.execute(text("LOCK TABLE companies IN ACCESS EXCLUSIVE MODE"))
        response = await streams.post(PLACES)
    assert (response.status_code, response.json()["code"]) == (504, "TIMEOUT")
