"""Random operations of the small schema: everything a resolver can do wrong, and mutations."""

from collections.abc import Sequence

import pytest
from graphql import OperationType

from graph.documents import InvalidDocument
from graph.request import GraphQLRequest
from tests.graph.execution.operations import Operation, make_operation
from tests.graph.execution.pair import Pair
from tests.graph.execution.reducing import reduced
from tests.graph.execution.seeds import part_seeds as pytest_generate_tests
from tests.graph.execution.small import SmallMaterials
from tests.sameness import is_same

__all__ = ["pytest_generate_tests"]

# graphql-core forgets what it was waiting for when something beside it fails at once.
pytestmark = [
    pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning"),
    pytest.mark.usefixtures("forgotten"),
]


async def difference(pair: Pair, operation: Operation) -> str | None:
    """What the executors answer and do, when it is not the same."""
    wanted = GraphQLRequest(operation.query, dict(operation.variables), operation.name)
    compiled, core = await pair.both(wanted)
    is_equal = compiled.did == core.did and is_same(compiled.body, core.body)
    return None if is_equal else f"compiled:     {compiled}\ngraphql-core: {core}"


async def assert_same(pair: Pair, operation: Operation) -> None:
    """They answer and do the same; else the smallest document that shows it is told."""

    async def is_shown(smaller: Operation) -> bool:
        try:
            pair.documents.get(smaller.query)
        except InvalidDocument:
            return False
        return await difference(pair, smaller) is not None

    if await difference(pair, operation) is not None:
        smallest = await reduced(operation, is_shown)
        told = await difference(pair, smallest)
        pytest.fail(f"{smallest}\n{told}\n\n{operation}", pytrace=False)


async def test_random_queries_are_answered_the_same(pair: Pair, seeds: Sequence[int]) -> None:
    """With the same errors in the same order."""
    for seed in seeds:
        operation = make_operation(seed, pair.schema, SmallMaterials(), pair.documents)
        await assert_same(pair, operation)


async def test_random_mutations_do_the_same(pair: Pair, seeds: Sequence[int]) -> None:
    """In the same order, each once, and stop at the same place."""
    for seed in seeds:
        operation = make_operation(
            seed, pair.schema, SmallMaterials(), pair.documents, kind=OperationType.MUTATION
        )
        await assert_same(pair, operation)
