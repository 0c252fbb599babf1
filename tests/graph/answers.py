"""Bodies of requests, and the one form that all error answers have."""

import json
from typing import Any

import httpx

NEW_TYPE = "application/graphql-response+json"
JSON = "application/json"
TYPENAME = '{"query": "{ __typename }"}'


def as_body(query: object, **more: object) -> str:
    """The JSON of a request."""
    return json.dumps({"query": query, **more})


def the_error(response: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """The first error of a body that has the form of all errors and nothing else."""
    assert response.status_code == status, response.text
    assert set(response.json()) == {"errors"}
    is_post = response.request.method == "POST"
    assert response.headers["vary"] == ("Accept" if is_post else "Accept, Authorization")
    for error in response.json()["errors"]:
        assert error["extensions"]["code"] == code
        assert error["extensions"]["requestId"] == response.headers["x-request-id"]
        assert 0 < len(error["message"]) <= 500
    found: dict[str, Any] = response.json()["errors"][0]
    return found
