"""Both executors of one schema, asked the same."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
import strawberry
from graphql import ExecutionResult, GraphQLSchema

from graph.documents import Documents
from graph.execution.engine import Executor
from graph.limits import DocumentLimits
from graph.request import GraphQLRequest
from tests.graph.execution.small import Recorded

# What is executed is tried further than what is taken.
_WIDE = DocumentLimits(directives=500, aliases=500, fields=5000, depth=50)


@dataclass(frozen=True)
class Done:
    """What an executor answered, and what its resolvers did.

    Attributes:
        body: As it is sent.
    """

    body: bytes
    did: tuple[str, ...]


class Pair:
    """The compiled executor and graphql-core.

    Args:
        open_context: Makes the context of a request.
    """

    def __init__(self, schema: strawberry.Schema, open_context: Callable[[], Recorded]) -> None:
        self.schema: GraphQLSchema = schema._schema
        self.documents = Documents(self.schema, limits=_WIDE)
        self.compiled = Executor(schema)
        self._core = Executor(schema, compiled=False)
        self._open_context = open_context

    async def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        """The one answer of both."""
        return (await self.do(query, **variables))[0]

    async def do(self, query: str, **variables: Any) -> tuple[dict[str, Any], list[str]]:
        """The one answer of both, and what the resolvers of each did."""
        compiled, core = await self.both(GraphQLRequest(query, variables))
        assert compiled == core
        return orjson.loads(compiled.body), list(compiled.did)

    async def both(self, wanted: GraphQLRequest) -> tuple[Done, Done]:
        """What each answered and did."""
        return await self._done(self.compiled, wanted), await self._done(self._core, wanted)

    async def _done(self, executor: Executor, wanted: GraphQLRequest) -> Done:
        context = self._open_context()
        operation = self.documents.get(wanted.query).operation(wanted.operation_name)
        assert operation is not None
        result = await executor.execute(operation, wanted.variables, context)
        body = orjson.dumps(_body(result), option=orjson.OPT_UTC_Z)
        return Done(body, tuple(context.did))


def _body(result: ExecutionResult) -> Mapping[str, Any]:
    errors = {"errors": [error.formatted for error in result.errors]} if result.errors else {}
    return {**errors, "data": result.data}
