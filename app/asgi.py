"""The web application: its routes and what surrounds them."""

from collections.abc import Callable

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import Route

from app.auth import bearer_authentication
from app.errors import answer_app_error, answer_http_exception
from app.health import health_routes
from app.middleware import RequestMiddleware
from app.pages import page_routes
from app.resources import Resources
from domain.errors import AppError
from graph.context import Context, PageLimits, Viewer
from graph.schema import core_schema
from graph.view import GraphQLView, ViewSettings


def create_app(resources: Resources) -> Starlette:
    """The application over open resources; it opens and closes nothing itself."""
    settings = resources.settings
    view = GraphQLView(
        core_schema(),
        settings=ViewSettings(
            max_body_bytes=settings.max_body_size,
            request_timeout_seconds=settings.request_timeout,
            open_introspection=not settings.is_production,
        ),
        authenticate=bearer_authentication(resources.tokens),
        open_context=context_opener(resources),
    )
    return Starlette(
        routes=[
            Route("/graphql", view.respond, methods=["GET", "POST"]),
            Route("/graphql/", view.respond, methods=["GET", "POST"]),
            *health_routes(resources.probe),
            *([] if settings.is_production else page_routes()),
        ],
        middleware=[Middleware(RequestMiddleware)],
        exception_handlers={
            AppError: answer_app_error,
            HTTPException: answer_http_exception,
        },
    )


def context_opener(resources: Resources) -> Callable[[Viewer | None], Context]:
    """Makes the context of a request from its viewer."""
    settings = resources.settings
    limits = PageLimits(default=settings.default_page_size, maximum=settings.max_page_size)

    def open_context(viewer: Viewer | None) -> Context:
        return Context(
            database=resources.database,
            cursors=resources.cursors,
            page_limits=limits,
            viewer=viewer,
            undo_seconds=settings.undo_window,
            replica=resources.replica,
        )

    return open_context
