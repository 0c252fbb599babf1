"""Promises of uploads under way: one writer at a time, and what came before a break stays."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from sqlalchemy.engine import URL
from starlette.applications import Starlette

from app.asgi import create_app
from app.errors import answer_app_error
from app.links import identified_by
from app.middleware import RequestMiddleware
from app.resources import Resources
from domain.enums import Role
from domain.errors import AppError
from streaming.tus_routes import tus_routes
from tests.apps import STRANGER, open_app
from tests.graph.sockets import until
from tests.served import serving
from tests.streaming.tus import (
    BINARY,
    BLOCK,
    BYTES,
    OTHER,
    Tus,
    digest,
    problem_of,
)


class Hanging:
    """A body that stops after some blocks, until it is told to go on."""

    def __init__(self) -> None:
        self.goes_on = asyncio.Event()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield BYTES[: 2 * BLOCK]
        await self.goes_on.wait()
        yield BYTES[2 * BLOCK :]


class Patch:
    """A PATCH under way, of which a block is written."""

    def __init__(self, tus: Tus, path: str) -> None:
        self._body = Hanging()
        self._task = asyncio.create_task(tus.patch(path, 0, aiter(self._body)))

    async def end(self) -> httpx.Response:
        """Its answer; the client reads none before it has sent all."""
        self._body.goes_on.set()
        return await self._task


@asynccontextmanager
async def patching(tus: Tus, path: str) -> AsyncIterator[Patch]:
    """A client that sends two blocks and waits."""
    patch = Patch(tus, path)
    await until(lambda: tus.file(path).stat().st_size >= BLOCK)
    yield patch
    await patch.end()


async def test_of_two_racing_writers_one_is_refused(tus: Tus) -> None:
    """The other one is not disturbed."""
    path = await tus.created()
    async with patching(tus, path) as first:
        assert problem_of(await tus.patch(path, 0, BYTES)) == (423, "UPLOAD_LOCKED")
        assert (await first.end()).status_code == 204
    assert tus.file(path).read_bytes() == BYTES


async def test_who_asks_how_far_it_is_takes_over(tus: Tus) -> None:
    """A connection that broke unseen must not keep its client from going on over a new one."""
    path = await tus.created()
    async with patching(tus, path) as first:
        offset = await tus.offset(path)
        assert BLOCK <= offset <= 2 * BLOCK
        assert (await tus.patch(path, offset, BYTES[offset:])).status_code == 204
        assert problem_of(await first.end()) == (423, "UPLOAD_LOCKED")
    assert tus.file(path).read_bytes() == BYTES


async def test_upload_that_is_ended_takes_no_more_bytes(tus: Tus) -> None:
    """Also when it is ended while they come."""
    path = await tus.created()
    async with patching(tus, path) as first:
        assert (await tus.send("DELETE", path)).status_code == 204
        assert problem_of(await first.end()) == (404, "NOT_FOUND")
    assert not tus.file(path).exists()


async def test_server_that_stops_keeps_what_it_has(tus: Tus) -> None:
    """It does not wait for the rest; its client is told to go on in a moment."""
    path = await tus.created()
    async with patching(tus, path) as first:
        create_app(tus.resources).end_streams()
        assert problem_of(await first.end()) == (503, "SERVICE_UNAVAILABLE")
    assert await tus.offset(path) >= BLOCK


@pytest.mark.parametrize("has_checksum", [False, True], ids=["plain", "checksum"])
async def test_connection_that_breaks_keeps_what_came(tus: Tus, has_checksum: bool) -> None:
    """Unless nobody can tell whether it is right: then the piece has to come again."""
    path = await tus.created()
    checksum = f"Upload-Checksum: {digest('sha1', BYTES)}\r\n" if has_checksum else ""
    token = tus.resources.tokens.issue(STRANGER, Role.EDITOR, ttl_seconds=600)
    head = (
        f"PATCH {path} HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer {token}\r\n"
        f"Tus-Resumable: 1.0.0\r\nContent-Type: {BINARY}\r\nUpload-Offset: 0\r\n"
        f"Content-Length: {len(BYTES)}\r\n{checksum}\r\n"
    )
    base = tus.http.base_url
    _, writer = await asyncio.open_connection(base.host, base.port)
    writer.write(head.encode() + BYTES[: 2 * BLOCK])
    await writer.drain()
    uploads = tus.resources.uploads
    await until(lambda: uploads.writing == 1)
    if not has_checksum:
        await until(lambda: tus.file(path).stat().st_size >= BLOCK)
    writer.close()
    await writer.wait_closed()
    await until(lambda: uploads.writing == 0)
    offset = await tus.offset(path)
    assert offset == 0 if has_checksum else BLOCK <= offset <= 2 * BLOCK


async def test_client_that_falls_silent_is_not_waited_for(tus: Tus) -> None:
    """What it sent stays; a slow one that goes on sending is waited for."""
    path = await tus.created()
    async with (
        serving(impatient(tus.resources)) as served,
        httpx.AsyncClient(base_url=served.http, timeout=30) as http,
        patching(replace(tus, http=http), path) as first,
    ):
        await until(lambda: tus.resources.uploads.writing == 0)
        assert problem_of(await first.end()) == (408, "REQUEST_TIMEOUT")
    assert await tus.offset(path) >= BLOCK


def impatient(resources: Resources) -> RequestMiddleware:
    """The routes alone, where nobody waits for long."""
    identify = identified_by(
        resources.authentication, resources.links, check=resources.authentication.check
    )
    routes = tus_routes(resources.uploads, identify=identify, silent_seconds=0.2)
    return RequestMiddleware(
        Starlette(routes=routes, exception_handlers={AppError: answer_app_error})
    )


async def test_one_user_does_not_fill_the_disk(database_url: URL, tmp_path: Path) -> None:
    """What is announced counts; ended uploads count no more, and those of others never."""
    async with open_app(database_url, tmp_path, upload_quota=1000) as app:
        tus = Tus(app.http, app.resources)
        path = await tus.created(600)
        refused = await tus.create(401)
        assert problem_of(refused) == (507, "INSUFFICIENT_STORAGE")
        assert refused.json()["left"] == 400
        assert (await replace(tus, user=OTHER).create(401)).status_code == 201
        await tus.send("DELETE", path)
        assert (await tus.create(401)).status_code == 201
        answers = await asyncio.gather(*(tus.create(200) for _ in range(6)))
        assert sorted(answer.status_code for answer in answers) == [201, 201, 507, 507, 507, 507]
