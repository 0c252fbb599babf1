"""Problem documents: what HTTP has headers for stands in them too."""

import pytest

from app.errors import problem
from domain.errors import ErrorCode, RateLimited


@pytest.mark.parametrize(
    ("code", "details", "header"),
    [
        (ErrorCode.RATE_LIMITED, {"retryAfter": 7}, ("retry-after", "7")),
        (ErrorCode.UNAUTHENTICATED, {}, ("www-authenticate", "Bearer")),
        (ErrorCode.SERVICE_UNAVAILABLE, {"retryable": True}, ("retry-after", "1")),
        (ErrorCode.RANGE_NOT_SATISFIABLE, {"size": 12}, ("content-range", "bytes */12")),
    ],
)
def test_details_that_have_a_header_stand_in_it(
    code: ErrorCode, details: dict[str, object], header: tuple[str, str]
) -> None:
    """Programs that know HTTP alone see when to come back, and how long the file is."""
    answer = problem(code, "No.", request_id="r1", **details)
    name, value = header
    assert answer.headers[name] == value


def test_limit_says_when_to_come_back() -> None:
    """The error's own detail is the one that the header is made from."""
    error = RateLimited("Too many.", retry_after_seconds=5)
    answer = problem(error.code, error.message, request_id="r1", **error.details)
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "5")


def test_problem_without_such_details_has_no_such_header() -> None:
    """A path that is not there says nothing about coming back."""
    for code in (ErrorCode.NOT_FOUND, ErrorCode.RATE_LIMITED, ErrorCode.RANGE_NOT_SATISFIABLE):
        answer = problem(code, "No.", request_id="r1")
        assert not {"retry-after", "content-range"} & set(answer.headers)
