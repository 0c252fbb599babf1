"""Whether the process lives, whether it should be sent requests, and how its parts do."""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from app.health_cache import cache_health
from app.health_jobs import jobs_health
from app.health_pool import pool_health
from app.health_ready import readiness
from app.operators import RequireOperator
from app.resources import Resources
from streaming.caching import cache_response
from streaming.routing import Endpoint, rest_routes

Told = tuple[dict[str, object], int]
"""What is answered, and with which status."""


def health_routes(resources: Resources, require_operator: RequireOperator) -> list[Route]:
    """`/health` and all below it; what tells more than yes or no is for operators."""

    async def everybody(_request: Request) -> None:
        """Who asks whether the process can be asked needs no token."""

    routes = (
        ("/health", everybody, readiness(resources)),
        ("/health/live", everybody, _live),
        ("/health/ready", everybody, readiness(resources)),
        ("/health/db", require_operator, pool_health(resources)),
        ("/health/cache", require_operator, cache_health(resources)),
        ("/health/jobs", require_operator, jobs_health(resources)),
    )
    return rest_routes(*((path, _answer(let_in, tell), ["GET"]) for path, let_in, tell in routes))


def _answer(let_in: RequireOperator, tell: Callable[[], Awaitable[Told]]) -> Endpoint:
    @cache_response(max_age=None)
    async def answer(request: Request) -> Response:
        await let_in(request)
        told, status = await tell()
        return JSONResponse(told, status)

    return answer


async def _live() -> Told:
    return {"status": "ok"}, 200
