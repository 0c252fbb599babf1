"""An application that streams documents, with batches of a few rows, and a client that reads it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import httpx
import orjson
from starlette.types import ASGIApp

from app.asgi import create_app
from app.resources import Resources
from domain.enums import Role
from streaming.exporting import Exporter, ExportSettings
from streaming.spools import Spools
from tests.apps import STRANGER

ROUTE = "/api/v1/stream/"
JSONL = "application/jsonl"


@dataclass(frozen=True)
class Streaming:
    """An application and ways to talk to it."""

    app: ASGIApp
    http: httpx.AsyncClient
    resources: Resources

    @property
    def spools(self) -> Spools:
        """Where its streams are written."""
        return self.resources.exporter.spools

    def headers(self, role: Role = Role.VIEWER, *, user: UUID = STRANGER) -> dict[str, str]:
        """What a client with a token of this role sends."""
        token = self.resources.tokens.issue(user, role, ttl_seconds=600)
        return {"Authorization": f"Bearer {token}"}

    async def post(
        self, query: str, path: str = ROUTE, *, headers: dict[str, str] | None = None, **more: Any
    ) -> httpx.Response:
        """The answer to a document; `more` stands beside it in the body."""
        sent = {"Accept": JSONL, **self.headers(), **(headers or {})}
        return await self.http.post(path, json={"query": query, **more}, headers=sent)

    async def lines(self, query: str, *, role: Role = Role.VIEWER, **variables: Any) -> list[Any]:
        """The rows of a stream."""
        response = await self.post(query, headers=self.headers(role), variables=variables)
        assert response.status_code == 200, response.text
        return read_lines(response.content)

    async def ask(
        self, query: str, *, role: Role = Role.VIEWER, **variables: Any
    ) -> dict[str, Any]:
        """The whole answer to a document that is asked without a stream."""
        response = await self.http.post(
            "/graphql", json={"query": query, "variables": variables}, headers=self.headers(role)
        )
        answer: dict[str, Any] = response.json()
        return answer


def read_lines(content: bytes) -> list[Any]:
    """The objects of lines, each of which ends."""
    assert not content or content.endswith(b"\n")
    return [orjson.loads(line) for line in content.splitlines()]


@asynccontextmanager
async def streaming(
    resources: Resources,
    *,
    batch_rows: int = 3,
    most_rows: int | None = None,
    is_enabled: bool = True,
) -> AsyncIterator[Streaming]:
    """An application over resources, whose streams it writes where they have all exports."""
    exporter = Exporter(
        resources.database,
        resources.exporter.spools,
        ExportSettings(is_enabled=is_enabled, most_rows=most_rows, batch_rows=batch_rows),
        resources.cursors,
    )
    app = create_app(replace(resources, exporter=exporter))
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
        yield Streaming(app, http, resources)
