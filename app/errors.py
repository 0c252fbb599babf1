"""Errors of the REST routes and of what no route answers: `application/problem+json`."""

from collections.abc import Mapping
from typing import Final

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from domain.errors import AppError, ErrorCode
from graph.observing import REFUSAL
from streaming.statuses import STATUS

PROBLEM: Final = "application/problem+json"

_ALWAYS: Final[Mapping[int, Mapping[str, str]]] = {
    401: {"WWW-Authenticate": "Bearer"},
    503: {"Retry-After": "1"},
}
# Of several codes with one status the first is the general one.
_CODES: Final = {status: code for code, status in reversed(tuple(STATUS.items()))}


def problem(code: ErrorCode, detail: str, *, request_id: str, **more: object) -> Response:
    """An error as a problem document.

    Source: RFC 9457.
    """
    status = STATUS.get(code, 400)
    title = code.replace("_", " ").capitalize()
    body = {
        "type": "about:blank",
        "title": title,
        "status": status,
        "detail": detail,
        "code": code,
        "requestId": request_id,
        **more,
    }
    return Response(orjson.dumps(body), status, _headers(status, more), PROBLEM)


def _headers(status: int, details: Mapping[str, object]) -> dict[str, str]:
    """What HTTP has headers for."""
    headers = dict(_ALWAYS.get(status, {}))
    if "retryAfter" in details:
        headers["Retry-After"] = str(details["retryAfter"])
    if status == 416 and "size" in details:
        headers["Content-Range"] = f"bytes */{details['size']}"
    if "offset" in details:
        headers["Upload-Offset"] = str(details["offset"])
    return headers


async def answer_app_error(request: Request, error: Exception) -> Response:
    """The answer to an error of the domain."""
    known = error if isinstance(error, AppError) else AppError(str(error))
    setattr(request.state, REFUSAL, known.code)
    return problem(known.code, known.message, request_id=request.state.request_id, **known.details)


async def answer_http_exception(request: Request, error: Exception) -> Response:
    """The answer to what Starlette refuses: an unknown path, a wrong method."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    code = _CODES.get(status, ErrorCode.BAD_USER_INPUT)
    setattr(request.state, REFUSAL, code)
    detail = f"{request.method} {request.url.path} is not served here."
    answer = problem(code, detail, request_id=request.state.request_id)
    if isinstance(error, HTTPException) and error.headers:
        answer.headers.update(error.headers)
    return answer


def answer_bug(request_id: str) -> Response:
    """The answer when something failed that should not; it tells nothing of what."""
    detail = "Something went wrong on our side. Tell us the requestId."
    return problem(ErrorCode.INTERNAL_SERVER_ERROR, detail, request_id=request_id)
