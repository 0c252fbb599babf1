"""The application with settings of the test's choice, and requests that stand outside GraphQL."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
from sqlalchemy.engine import URL

from app.resources import Resources, open_resources
from domain.enums import Role
from tests.both_executors import both_executors
from tests.chosen import settings_of
from tests.client import Client

STRANGER = UUID("00000000-0000-4000-8000-000000000001")
"""A user that is in no table: enough where only the role counts."""

PATIENT_LEASE_SECONDS = 30.0


@dataclass(frozen=True)
class App:
    """An application in this process and ways to talk to it."""

    resources: Resources
    http: httpx.AsyncClient

    def client(self, role: Role = Role.VIEWER) -> Client:
        """A GraphQL client with a token of this role."""
        return Client(self.http, self.resources.tokens.issue(STRANGER, role, ttl_seconds=600))

    async def post(self, content: bytes | str, **headers: str) -> httpx.Response:
        """The answer to a body sent with a token; `accept_language` is `Accept-Language`."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        sent = self.client().headers | given
        return await self.http.post("/graphql", content=content, headers=sent)

    async def get(self, parameters: dict[str, str], **headers: str) -> httpx.Response:
        """The answer to a GET of `/graphql` with a token."""
        sent = {"Authorization": self.client().headers["Authorization"]} | headers
        return await self.http.get("/graphql", params=parameters, headers=sent)


OpenSharedApp = Callable[..., AbstractAsyncContextManager[App]]
"""What opens an application for many tests: see the fixture `open_shared_app`."""


@asynccontextmanager
async def open_app(
    database_url: URL,
    folder: Path,
    *,
    with_cache: bool = False,
    lease_seconds: float = PATIENT_LEASE_SECONDS,
    **settings: Any,
) -> AsyncIterator[App]:
    """The application on a database, with these settings beyond those that tests need.

    Args:
        with_cache: As a server has it, and ready for use.
        lease_seconds: A machine that is busy with other tests lets none of this length lapse. A
            server's own is for tests where other processes write.
    """
    async with open_resources(
        settings_of(database_url, folder, **settings),
        with_replica=True,
        with_cache=with_cache,
        lease_seconds=lease_seconds,
    ) as resources:
        if resources.caching.lease is not None:
            await resources.caching.lease.usable()
        transport = httpx.ASGITransport(both_executors(resources))
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
            yield App(resources, http)
