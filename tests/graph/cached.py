"""A client who is told what the cache did, and counts the statements of an answer."""

import asyncio
import time
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson

from domain.enums import Role
from domain.node_ids import NodeKind, encode_node_id
from tests.apps import STRANGER, App
from tests.client import Client
from tests.statements import Statements

_PATIENCE_SECONDS = 1.0

HIT, MISS, BYPASS = "HIT", "MISS", "BYPASS"

CONTACT = encode_node_id(NodeKind.CONTACT, 1)
COMPANY = encode_node_id(NodeKind.COMPANY, 2)


@dataclass(frozen=True)
class Answered:
    """An answer.

    Attributes:
        status: What the cache did; None when nothing of the operation can be kept.
        statements: What was asked of PostgreSQL.
        told: Everything beside the data but for what an admin asks by `X-Debug`, and the cost.
        cost: What it cost; None when there was no answer.
    """

    data: Any
    status: str | None
    tags: tuple[str, ...]
    statements: tuple[str, ...]
    told: dict[str, Any]
    cost: dict[str, int] | None


class CachedApp:
    """An application with a cache, as an admin sees it."""

    def __init__(self, app: App, *, user: UUID = STRANGER) -> None:
        self.app = app
        self.statements = Statements()
        app.resources.database.observers.append(self.statements.observe)
        token = app.resources.tokens.issue(user, Role.ADMIN, ttl_seconds=600)
        self.client = Client(app.http, token)
        self.client.headers["X-Debug"] = "cache"

    async def ask(
        self, query: str, *, headers: dict[str, str] | None = None, **variables: Any
    ) -> Answered:
        """The answer to an operation, while the cache may be used if it ever may."""
        await self._usable()
        content = orjson.dumps({"query": query, "variables": variables})
        with self.statements.recorded() as statements:
            response = await self.client.http.post(
                "/graphql", content=content, headers=self.client.headers | (headers or {})
            )
        body = response.json()
        told = body.pop("extensions", {})
        cached = told.pop("cache", {})
        cost = told.pop("cost", None)
        told = {name: told[name] for name in ("notices", "hints") if name in told}
        return Answered(
            body.pop("data", None),
            cached.get("status"),
            tuple(cached.get("tags", ())),
            tuple(statements),
            body | told,
            cost,
        )

    async def _usable(self) -> None:
        """Wait for a lease that was lost because the machine is busy; not where it stays lost."""
        lease = self.app.resources.caching.lease
        ends = time.monotonic() + _PATIENCE_SECONDS
        while True:
            if lease is None or lease.era() is not None or time.monotonic() > ends:
                return
            await asyncio.sleep(0.01)

    async def status(self, query: str, **variables: Any) -> str | None:
        """What the cache did for an operation."""
        return (await self.ask(query, **variables)).status

    async def forget(self) -> None:
        """Let go of everything that is kept."""
        cache = self.app.resources.caching.cache
        assert cache is not None
        await cache.invalidate_pattern("*", reason="a test begins", metadata={})
