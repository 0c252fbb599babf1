"""The web application: its routes and what surrounds them."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Final, NamedTuple
from uuid import UUID

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from app.access_log import observe_access
from app.activity import noting
from app.cors import cross_origin
from app.errors import answer_app_error, answer_http_exception
from app.health import health_routes
from app.links import Links, identified_by
from app.metrics.routes import metrics_routes
from app.metrics.state import Engine
from app.middleware import RequestMiddleware
from app.openapi.routes import openapi_routes
from app.operators import operators_only
from app.pages import page_routes
from app.resources import Resources
from app.settings import Settings
from app.timing import note_statement
from app.tracing.operations import traced_executor
from app.tracing.requests import traced_app
from app.vitals_routes import vitals_routes
from app.warming import Warmers
from cache.http import Freshness
from cache.warming import Warming
from domain.errors import AppError
from domain.viewer import Viewer
from graph.context import Context
from graph.costs import CostLimits
from graph.document_stream import DocumentStreams
from graph.documents import Documents
from graph.endpoint import Authenticate, Endpoint, EndpointSettings
from graph.event_stream import OpenStreams
from graph.execution.engine import Executor
from graph.http_caching import AnswerCaching
from graph.lengths import PageSizes
from graph.limits import DocumentLimits
from graph.observing import OperationObserver
from graph.schema import build_schema, core_schema
from graph.stored_documents import read_stored_documents
from graph.stream_view import StreamView, stream_routes
from graph.view import GraphQLView
from graph.websocket import GraphQLSocket
from streaming.avatar_routes import avatar_routes
from streaming.downloads import Downloads
from streaming.export_routes import export_routes
from streaming.identify import Identify
from streaming.import_routes import import_routes
from streaming.job_routes import job_routes
from streaming.tus_routes import tus_routes

_GRAPHQL: Final = "/graphql"
_PATHS: Final = (_GRAPHQL, f"{_GRAPHQL}/")


def create_app(resources: Resources) -> "Application":
    """The application over open resources; it opens and closes nothing itself.

    Raises:
        StoredDocumentsError: DOCUMENTS_DIR has what is no document.
    """
    settings = resources.settings
    execution = _execution(resources)
    warmers = _warmers(resources, execution)
    endpoint = _endpoint(
        resources,
        execution,
        authenticate=resources.authentication,
        open_context=noting(context_opener(resources, warming=warmers), resources.activity),
        trusted_documents_only=settings.trusted_documents_only,
        observe=resources.observers.operation,
    )
    identify = identified_by(
        endpoint.authenticate, resources.links, check=resources.authentication.check
    )
    streams, downloads = OpenStreams(), _downloads(settings)
    lines = DocumentStreams(endpoint, resources.exporter, downloads)
    view = GraphQLView(endpoint, streams, caching=_answer_caching(settings), lines=lines.answer)
    around = cross_origin(settings.cors_allow_origins)
    require_operator = operators_only(settings, endpoint.authenticate)
    observed = partial(RequestMiddleware, observers=resources.observers)
    engine = Engine(executor=execution.executor, admission=endpoint.admission, streams=streams)
    observe_access(settings, resources.observers)
    resources.database.observers.append(note_statement)
    others = Starlette(
        routes=[
            *health_routes(resources, require_operator),
            *metrics_routes(
                resources,
                engine,
                require_operator,
                stored_names=execution.documents.stored_names(),
            ),
            *stream_routes(StreamView(endpoint, lines)),
            *_rest_routes(resources, downloads, identify=identify),
            *openapi_routes(settings),
            *vitals_routes(resources, require_operator),
            *page_routes(settings),
        ],
        exception_handlers={
            AppError: answer_app_error,
            HTTPException: answer_http_exception,
        },
        middleware=[Middleware(observed), Middleware(around)],
    )
    return Application(
        traced_app(observed(around(view), route=_GRAPHQL), resources.tracer),
        observed(GraphQLSocket(endpoint), route=_GRAPHQL),
        traced_app(others, resources.tracer),
        routes=others.routes,
        streams=streams,
        warmers=warmers,
        stop_uploads=resources.uploads.stop,
    )


def _rest_routes(
    resources: Resources, downloads: Downloads, *, identify: Identify
) -> Iterator[BaseRoute]:
    """What programs of users call beside GraphQL."""
    database, uploads = resources.database, resources.uploads
    most = resources.settings.max_body_size
    yield from export_routes(resources.exporter, downloads, identify=identify, max_body_bytes=most)
    yield from tus_routes(uploads, identify=identify)
    yield from import_routes(database, uploads, identify=identify)
    yield from job_routes(database, identify=identify)
    yield from avatar_routes(
        database, uploads, identify=identify, reencode=resources.pictures.reencode
    )


def graphql_view(resources: Resources, *, authenticate: Authenticate) -> GraphQLView:
    """The endpoint `/graphql`.

    Raises:
        StoredDocumentsError: DOCUMENTS_DIR has what is no document.
    """
    endpoint = _endpoint(
        resources,
        _execution(resources),
        authenticate=authenticate,
        open_context=context_opener(resources),
        trusted_documents_only=resources.settings.trusted_documents_only,
    )
    return GraphQLView(endpoint, OpenStreams())


class _Execution(NamedTuple):
    """What executes the documents of a process, and keeps them."""

    executor: Executor
    documents: Documents


def _execution(resources: Resources) -> _Execution:
    settings, schema = resources.settings, core_schema()
    folder = settings.documents_dir
    return _Execution(
        Executor(build_schema(), compiled=settings.enable_compiled_execution),
        Documents(
            schema,
            limits=_document_limits(settings),
            stored=read_stored_documents(folder, schema) if folder else {},
        ),
    )


def _endpoint(
    resources: Resources,
    execution: _Execution,
    *,
    authenticate: Authenticate,
    open_context: Callable[[Viewer | None], Context],
    trusted_documents_only: bool,
    observe: OperationObserver | None = None,
) -> Endpoint:
    settings = resources.settings
    return Endpoint(
        traced_executor(execution.executor, resources.tracer),
        execution.documents,
        settings=EndpointSettings(
            max_body_bytes=settings.max_body_size,
            request_timeout_seconds=settings.request_timeout,
            open_introspection=not settings.is_production,
            persisted_queries=settings.enable_persisted_queries,
            trusted_documents_only=trusted_documents_only,
            costs=_cost_limits(settings),
            max_concurrent=settings.max_concurrent_operations,
            max_queued=settings.max_queued_operations,
        ),
        authenticate=authenticate,
        open_context=open_context,
        buckets=resources.buckets,
        observe=observe,
    )


def _document_limits(settings: Settings) -> DocumentLimits:
    return DocumentLimits(
        tokens=settings.max_query_tokens,
        operations=settings.max_query_operations,
        directives=settings.max_query_directives,
        aliases=settings.max_query_aliases,
        fields=settings.max_query_fields,
        depth=settings.max_query_depth,
        introspection=not settings.is_production,
    )


def _cost_limits(settings: Settings) -> CostLimits:
    return CostLimits(
        maximum=settings.max_query_cost,
        per_minute=settings.rate_limit,
        page_sizes=PageSizes(settings.default_page_size, settings.max_page_size),
    )


def _warmers(resources: Resources, execution: _Execution) -> Warmers:
    """They ask as requests do, through the same executor, and are nobody who could be active."""
    endpoint = _endpoint(
        resources,
        execution,
        authenticate=_nobody,
        open_context=context_opener(resources),
        # What the server asks itself is stored nowhere.
        trusted_documents_only=False,
    )
    return Warmers(endpoint, resources.caching.cache)


async def _nobody(_header: str | None) -> None:
    """Who asks when the server asks itself."""


def _downloads(settings: Settings) -> Downloads:
    return Downloads(chunk_bytes=settings.streaming_chunk_size, manifest_path=_manifest_path)


def _manifest_path(spool_id: UUID) -> str:
    return f"/api/v1/exports/{spool_id.hex}/manifest"


def _answer_caching(settings: Settings) -> AnswerCaching | None:
    if not settings.enable_http_cache:
        return None
    return AnswerCaching(
        Freshness(
            max_age_seconds=settings.http_cache_max_age,
            is_public=settings.http_cache_public,
            must_revalidate=settings.http_cache_must_revalidate,
        )
    )


class Application:
    """Takes GraphQL past the router, which would take 10 µs to find its only busy route.

    Attributes:
        routes: What is answered beside GraphQL.
        warmers: Fill its cache.
    """

    def __init__(
        self,
        view: ASGIApp,
        socket: ASGIApp,
        others: ASGIApp,
        *,
        routes: Sequence[BaseRoute] = (),
        streams: OpenStreams,
        warmers: Warmers,
        stop_uploads: Callable[[], None] = lambda: None,
    ) -> None:
        self._view = view
        self._socket = socket
        self._others = others
        self._streams = streams
        self.routes = routes
        self.warmers = warmers
        self._stop_uploads = stop_uploads

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer by one of the three."""
        if scope["type"] == "http" and scope["path"] in _PATHS:
            await self._view(scope, receive, send)
        elif scope["type"] == "websocket" and scope["path"] in _PATHS:
            await self._socket(scope, receive, send)
        else:
            await self._others(scope, receive, send)

    def end_streams(self) -> None:
        """End what would otherwise go on until its clients leave: answers, and bodies."""
        self._streams.end()
        self._stop_uploads()


def context_opener(
    resources: Resources, *, warming: Warming | None = None
) -> Callable[[Viewer | None], Context]:
    """Makes the context of a request from its viewer."""
    settings = resources.settings
    sizes = PageSizes(settings.default_page_size, settings.max_page_size)

    def open_context(viewer: Viewer | None) -> Context:
        return Context(
            database=resources.database,
            cursors=resources.cursors,
            page_sizes=sizes,
            viewer=viewer,
            undo_seconds=settings.undo_window,
            background=resources.background,
            replica=resources.replica,
            feeds=resources.feeds,
            cache=resources.caching.cache,
            warming=warming,
            exports=resources.exporter.settings,
            uploads=resources.uploads,
            accounts=resources.accounts,
            placeholder=settings.placeholder_value,
            pool_critical_wait_seconds=settings.pool_critical_wait,
            signed_link=None if viewer is None else partial(_signed_link, resources.links, viewer),
        )

    return open_context


def _signed_link(links: Links, viewer: Viewer, target: str, ttl_seconds: float) -> str:
    return links.sign(target, viewer.user_uuid, ttl_seconds=ttl_seconds, sees_all=viewer.sees_all)
