"""The route that answers the description of the REST routes."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.openapi.document import openapi_bytes
from app.openapi.health import OPENAPI_PATH
from app.settings import Settings
from streaming.caching import create_cached_response
from streaming.routing import rest_routes


def openapi_routes(settings: Settings) -> list[Route]:
    """`/api/openapi.json`, which everybody may read and keep for a while."""
    max_age = settings.http_cache_api_max_age if settings.enable_http_cache else None

    async def describe(request: Request) -> Response:
        return create_cached_response(
            openapi_bytes(),
            request,
            max_age=max_age,
            public=settings.http_cache_public,
            must_revalidate=settings.http_cache_must_revalidate,
        )

    return rest_routes((OPENAPI_PATH, describe, ["GET"]))
