"""Whether the process lives, and whether it should be sent requests."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from app.operators import RequireOperator
from app.resources import Resources
from streaming.caching import cache_response


def health_routes(resources: Resources, _require_operator: RequireOperator) -> list[BaseRoute]:
    """`/health`, `/health/live` and `/health/ready`."""
    probe = resources.probe

    @cache_response(max_age=None)
    async def live(_request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    @cache_response(max_age=None)
    async def ready(_request: Request) -> Response:
        problem = await probe.problem()
        checks = {"database": problem or "ok"}
        if problem is None:
            return JSONResponse({"status": "ok", "checks": checks})
        return JSONResponse({"status": "unavailable", "checks": checks}, 503)

    return [
        Route(path + slash, answer, methods=["GET"])
        for path, answer in (("/health", ready), ("/health/live", live), ("/health/ready", ready))
        for slash in ("", "/")
    ]
