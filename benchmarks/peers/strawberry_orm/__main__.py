"""The server: Strawberry's own view with orjson, on the engine of SQLAlchemy."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import orjson
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.websockets import WebSocket
from strawberry.asgi import GraphQL

from benchmarks.peers.strawberry_orm.schema import Loaders, schema
from benchmarks.servers.listening import listen
from db.engine import normalize_database_url


class _View(GraphQL[Loaders, None]):
    async def get_context(
        self,
        request: Request | WebSocket,
        response: Response | WebSocket,  # noqa: ARG002  # Strawberry passes it by this name
    ) -> Loaders:
        return Loaders(request.app.state.sessions)

    def encode_json(self, data: object) -> bytes:
        return orjson.dumps(data)


@asynccontextmanager
async def _with_sessions(app: Starlette) -> AsyncIterator[None]:
    engine = create_async_engine(
        normalize_database_url(os.environ["DATABASE_URL"]),
        pool_size=int(os.environ["CONNECTIONS"]),
        max_overflow=0,
        connect_args={"server_settings": {"jit": "off", "timezone": "UTC"}},
    )
    app.state.sessions = async_sessionmaker(engine, expire_on_commit=False)
    yield
    await engine.dispose()


if __name__ == "__main__":
    listen([Route("/graphql", _View(schema))], lifespan=_with_sessions)
