"""A schema to follow: what it tells is up to the test, and so is what goes wrong."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import strawberry
from sqlalchemy.engine import URL
from strawberry.schema.config import StrawberryConfig

from access.tokens import Tokens
from app.asgi import Application
from app.middleware import RequestMiddleware
from app.observing import Observers
from app.warming import Warmers
from cache.buckets import Buckets
from db.engine import open_engine
from db.transaction import Database
from domain.enums import Role
from domain.paging import CursorCodec
from domain.viewer import Permission, Viewer
from graph.context import Context, Info
from graph.documents import Documents
from graph.endpoint import Authenticate, Endpoint, EndpointSettings
from graph.event_stream import OpenStreams
from graph.execution.engine import Executor
from graph.lengths import PageSizes
from graph.permissions import needs
from graph.view import GraphQLView
from graph.websocket import GraphQLSocket
from jobs.background import BackgroundTasks
from tests.served import Served, serving
from tests.tokens import by_token

USER = UUID("00000000-0000-4000-8000-000000000001")
TOKENS = Tokens(b"s" * 32)
BY_TOKEN = by_token(TOKENS)

busy: set[str] = set()
"""What is under way in resolvers."""

may_end = asyncio.Event()
"""Set when `lingers` may give back what it holds."""


@asynccontextmanager
async def under_way(name: str) -> AsyncIterator[None]:
    """Under this name, as long as the block lasts."""
    busy.add(name)
    try:
        yield
    finally:
        # What gives something back may have to wait for it.
        await asyncio.sleep(0)
        busy.discard(name)


@strawberry.type
class Query:
    """What can be asked."""

    @strawberry.field
    async def role(self, info: Info) -> str:
        """The role of who asks."""
        return info.context.require_viewer().role

    @strawberry.field
    async def slow(self) -> str:
        """Never comes."""
        async with under_way("slow"):
            await asyncio.Event().wait()
        return "slow"

    @strawberry.field
    async def stuck(self) -> "Number":
        """An object that never comes."""
        async with under_way("stuck"):
            await asyncio.Event().wait()
        return Number(number=0)

    @strawberry.field
    async def broken(self) -> str | None:
        """A bug."""
        raise LookupError("secret")


@strawberry.type
class Mutation:
    """What can be done."""

    @strawberry.mutation(metadata=needs(Permission.READ))  # type: ignore[untyped-decorator]  # Strawberry's
    async def double(self, number: int) -> int:
        """Twice the number."""
        return 2 * number


@strawberry.type
class Number:
    """An event."""

    number: int

    @strawberry.field
    async def next(self) -> "Number":
        """The one behind it."""
        return Number(number=self.number + 1)

    @strawberry.field
    async def odd_fails(self) -> str | None:
        """A bug in the odd ones."""
        if self.number % 2:
            raise LookupError("secret")
        return "even"

    @strawberry.field
    async def odd_lasts(self) -> str | None:
        """Never comes for the odd ones."""
        if self.number % 2:
            await asyncio.Event().wait()
        return "even"

    @strawberry.field
    async def noticed(self, info: Info) -> str | None:
        """Tells the client something about the first one."""
        if self.number == 0:
            info.context.tell("ZERO", ("numbers",))
            info.context.suggest("ONE", ("numbers",))
        return "noticed"


@strawberry.type
class Subscription:
    """What can be followed."""

    @strawberry.subscription
    async def numbers(self, upto: int = 3) -> AsyncGenerator[Number, None]:
        """Numbers from 0."""
        for number in range(upto):
            yield Number(number=number)

    @strawberry.subscription
    async def forever(self, name: str = "forever") -> AsyncGenerator[str, None]:
        """The name, and then nothing more."""
        async with under_way(name):
            yield name
            await asyncio.Event().wait()

    @strawberry.subscription
    async def lingers(self) -> AsyncGenerator[str, None]:
        """The name, and then nothing more; what it holds is given back once it may be."""
        busy.add("lingers")
        try:
            yield "lingers"
            await asyncio.Event().wait()
        finally:
            await may_end.wait()
            busy.discard("lingers")

    @strawberry.subscription
    async def flood(self, characters: int) -> AsyncGenerator[str, None]:
        """Texts of a length, without an end."""
        async with under_way("flood"):
            while True:
                yield "x" * characters

    @strawberry.subscription
    async def forbidden(self, info: Info) -> AsyncGenerator[str, None]:
        """Only for admins, which is found out before the first event."""
        info.context.require_viewer().require(Permission.ADMIN)
        yield "secret"

    @strawberry.subscription
    async def refused(self, info: Info) -> AsyncGenerator[str, None]:
        """Only for admins, which is found out before there is a source."""
        info.context.require_viewer().require(Permission.ADMIN)
        return _nothing()

    @strawberry.subscription
    async def refused_numbers(self, info: Info) -> AsyncGenerator[Number, None]:
        """As `refused`, of objects."""
        info.context.require_viewer().require(Permission.ADMIN)
        return _no_numbers()

    @strawberry.subscription
    async def lost(self) -> AsyncGenerator[str, None]:
        """Never comes to a source."""
        async with under_way("lost"):
            await asyncio.Event().wait()
        return _nothing()

    @strawberry.subscription
    async def breaks(self) -> AsyncGenerator[str, None]:
        """A bug after the first event."""
        yield "first"
        raise LookupError("secret")


async def _nothing() -> AsyncGenerator[str, None]:
    return
    yield


async def _no_numbers() -> AsyncGenerator[Number, None]:
    return
    yield


SCHEMA = strawberry.Schema(Query, Mutation, Subscription, config=StrawberryConfig(info_class=Info))
DOCUMENTS = Documents(SCHEMA._schema)


@dataclass(frozen=True, kw_only=True)
class Following:
    """A server of the schema.

    Attributes:
        tasks: What ran before the first client came.
    """

    served: Served
    executor: Executor
    streams: OpenStreams
    tasks: frozenset[asyncio.Task[object]] = field(repr=False)

    def tasks_left(self) -> set[asyncio.Task[object]]:
        """What runs now and did not then, but for the test."""
        return {
            task for task in asyncio.all_tasks() - self.tasks if task is not asyncio.current_task()
        }


def token(role: Role = Role.VIEWER, *, seconds: float = 600) -> str:
    """A header that this server takes."""
    return f"Bearer {TOKENS.issue(USER, role, ttl_seconds=seconds)}"


def nothing_open(database: Database, viewer: Viewer | None) -> Context:
    """A context that is not asked for rows."""
    return Context(
        database=database,
        cursors=CursorCodec(b"0" * 32),
        page_sizes=PageSizes(default=1, maximum=1),
        viewer=viewer,
        undo_seconds=0,
        background=BackgroundTasks(max_concurrent=1),
    )


@asynccontextmanager
async def following(
    server_url: URL,
    *,
    request_seconds: float = 10,
    init_seconds: float = 10,
    keep_alive_seconds: float = 10,
    patience_seconds: float = 5,
    checking_seconds: float = 30,
    max_connections: int | None = None,
    authenticate: Authenticate = BY_TOKEN,
    open_context: Callable[[Database, Viewer | None], Context] = nothing_open,
    buckets: Buckets | None = None,
    observers: Observers | None = None,
    **limits: Any,
) -> AsyncIterator[Following]:
    """The schema behind a port.

    Args:
        limits: As `EndpointSettings` names them.
    """
    # Nothing of it reads, so nothing connects.
    async with open_engine(server_url) as engine:
        database, executor = Database(engine), Executor(SCHEMA)
        endpoint = Endpoint(
            executor,
            DOCUMENTS,
            settings=EndpointSettings(
                max_body_bytes=10_000,
                request_timeout_seconds=request_seconds,
                open_introspection=True,
                **limits,
            ),
            authenticate=authenticate,
            open_context=lambda viewer: open_context(database, viewer),
            buckets=buckets,
            observe=None if observers is None else observers.operation,
        )
        streams = OpenStreams(
            keep_alive_seconds=keep_alive_seconds, closing_seconds=patience_seconds
        )
        view = GraphQLView(endpoint, streams)
        socket = GraphQLSocket(
            endpoint,
            init_seconds=init_seconds,
            closing_seconds=patience_seconds,
            checking_seconds=checking_seconds,
        )
        app = Application(
            RequestMiddleware(view, observers, route="/graphql"),
            RequestMiddleware(socket, observers, route="/graphql"),
            view,
            streams=streams,
            warmers=Warmers(endpoint, None),
        )
        async with serving(
            app,
            on_stop=app.end_streams,
            patience_seconds=patience_seconds,
            max_connections=max_connections,
        ) as served:
            tasks = frozenset(asyncio.all_tasks())
            yield Following(served=served, executor=executor, streams=streams, tasks=tasks)
