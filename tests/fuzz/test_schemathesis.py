"""schemathesis sends what descriptions allow, and what they do not: no answer is a bug of ours."""

import asyncio
from collections.abc import Callable
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import APIOperation, BaseSchema, Case, GenerationMode, graphql, openapi
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from app.openapi.document import openapi_document
from domain.errors import ErrorCode
from domain.node_ids import NodeKind, encode_node_id
from graph.schema import schema_text
from streaming import tus
from tests.fuzz.conftest import Target

pytestmark = pytest.mark.slow

CHECKS: Final = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
Operation = APIOperation[Any, Any, Any, Any]

SECONDS: Final = 30
NO_HTTP: Final = "Invalid HTTP request received."
"""What uvicorn answers to headers that are none; nothing of ours is asked then."""

IDS: Final = [encode_node_id(kind, number) for kind in NodeKind for number in (1, 2, 3)]
"""Of rows that are there, were there, and may come."""

openapi.media_type(tus.CONTENT_TYPE, st.binary(max_size=100))
graphql.scalar("ID", (st.sampled_from(IDS) | st.text(max_size=20)).map(graphql.nodes.String))


@pytest.fixture
def examples(request: pytest.FixtureRequest) -> int:
    """How many requests each test sends."""
    count: int = request.config.getoption("--examples")
    return count


async def tries(
    count: int, operation: Operation, send: Callable[[Case[Any]], None], mode: GenerationMode
) -> None:
    """Send so many requests of an operation from a thread; the smallest that fails is told."""
    trying = settings(
        max_examples=count,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    await asyncio.to_thread(trying(given(operation.as_strategy(mode))(send)))


def operations(schema: BaseSchema) -> list[Operation]:
    """All operations of a schema, which has none that cannot be read."""
    read = list(schema.get_all_operations())
    return [each.ok() for each in read if isinstance(each, Ok) or pytest.fail(str(each.err()))]


@pytest.mark.parametrize("mode", GenerationMode)
async def test_rest_answers_as_described(
    target: Target, examples: int, mode: GenerationMode
) -> None:
    """Right requests and wrong ones: 0 × 5xx, each answer described, nothing of the inside."""

    def send(case: Case[Any]) -> None:
        response = case.call(base_url=target.http, headers=target.headers(), timeout=SECONDS)
        if response.text == NO_HTTP:
            return
        case.validate_response(response, checks=CHECKS)
        assert target.internals_in(response.text) == []

    all_of_them = operations(openapi.from_dict(openapi_document()))
    for operation in all_of_them:
        await tries(examples // len(all_of_them) or 1, operation, send, mode)


async def test_graphql_answers_every_operation(target: Target, examples: int) -> None:
    """Whatever is asked is answered or refused with a code, and never by a bug of ours."""
    schema = graphql.from_file(schema_text())

    def send(case: Case[Any]) -> None:
        response = case.call(
            base_url=f"{target.http}/graphql", headers=target.headers(), timeout=SECONDS
        )
        assert response.status_code < 500, response.text
        for error in response.json().get("errors", ()):
            assert error["extensions"]["code"] != ErrorCode.INTERNAL_SERVER_ERROR, error
        assert target.internals_in(response.text) == []

    all_of_them = operations(schema)
    for operation in all_of_them:
        await tries(examples // len(all_of_them) or 1, operation, send, GenerationMode.POSITIVE)
