"""Errors as clients get them: a code each, nothing of ours that is not meant for them."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import structlog
from graphql import GraphQLError

from domain.errors import AppError, ErrorCode

MAX_MESSAGE_CHARS: Final = 500
_SUGGESTION: Final = re.compile(r" ?Did you mean .*", re.DOTALL)
_RETRY_SECONDS: Final = 1
MASKED: Final = "Something went wrong on our side. Tell us the requestId."

log = structlog.get_logger(__name__)


def format_error(
    error: GraphQLError, request_id: str, *, code: ErrorCode = ErrorCode.BAD_USER_INPUT
) -> dict[str, Any]:
    """An error of graphql-core as JSON; one that is a bug of ours is logged and masked.

    Args:
        code: What it is when it comes from graphql-core itself.
    """
    cause = error.original_error
    message: str = error.message
    extensions: dict[str, object] = {"code": code_of(error, usual=code)}
    if isinstance(cause, AppError):
        message = cause.message
        extensions |= cause.details
    elif cause is not None and not isinstance(cause, GraphQLError):
        log.error("resolver_failed", path=error.path, exc_info=cause)
        message = MASKED
    formatted: dict[str, Any] = {"message": message[:MAX_MESSAGE_CHARS]}
    if error.locations:
        formatted["locations"] = [
            {"line": location.line, "column": location.column} for location in error.locations
        ]
    if error.path:
        formatted["path"] = error.path
    formatted["extensions"] = {**extensions, "requestId": request_id}
    return formatted


def code_of(error: GraphQLError, *, usual: ErrorCode = ErrorCode.BAD_USER_INPUT) -> ErrorCode:
    """What kind of error it is.

    Args:
        usual: What it is when it comes from graphql-core itself.
    """
    cause = error.original_error
    if isinstance(cause, AppError):
        return cause.code
    is_bug = cause is not None and not isinstance(cause, GraphQLError)
    return ErrorCode.INTERNAL_SERVER_ERROR if is_bug else usual


def format_app_error(error: AppError, request_id: str) -> dict[str, Any]:
    """An error that concerns the whole request."""
    return format_error(GraphQLError(error.message, original_error=error), request_id)


def without_suggestion(error: GraphQLError) -> GraphQLError:
    """An error of graphql-core without the names of the schema that it guesses were meant."""
    message = _SUGGESTION.sub("", error.message)
    if message == error.message or isinstance(error.original_error, AppError):
        return error
    return GraphQLError(
        message,
        error.nodes,
        error.source,
        error.positions,
        error.path,
        error.original_error,
        error.extensions,
    )


def retry_after(errors: Sequence[Mapping[str, Any]]) -> Any:
    """After how many seconds another try may help against errors as clients get them, if any."""
    for error in errors:
        told = error["extensions"]
        if "retryAfter" in told:
            return told["retryAfter"]
        if told["code"] == ErrorCode.SERVICE_UNAVAILABLE:
            return _RETRY_SECONDS
    return None
