"""Whatever is asked, both executors answer the same bytes: `make fuzz` asks more than the suite.

Every operation follows from its seed, which a failure shows with the smallest document that still
fails: `--seed N` tries operation N again.
"""

import re
from collections.abc import Sequence

import pytest

from cache.statistics import Status
from domain.enums import Role
from graph.documents import Documents, InvalidDocument
from graph.schema import core_schema
from tests.apps import App, open_app
from tests.both_executors import COMPARING, AnswersDiffer
from tests.client import Client
from tests.graph.execution.materials import Rows
from tests.graph.execution.operations import Operation, make_operation
from tests.graph.execution.reducing import reduced
from tests.graph.execution.seeds import part_seeds as pytest_generate_tests

__all__ = ["pytest_generate_tests"]

# graphql-core forgets what it was waiting for when something beside it fails at once.
pytestmark = [
    pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning"),
    pytest.mark.usefixtures("forgotten"),
]

_KEPT = 100
_OF_THE_MOMENT = re.compile("poolHealth")
_CHANGES_BY_ITSELF = re.compile("estimate|cacheStats|poolHealth")

DOCUMENTS = Documents(core_schema())


class Both:
    """Asks both executors."""

    def __init__(self, admin: Client, viewer: Client) -> None:
        self._admin = admin
        self._viewer = viewer

    async def difference(self, operation: Operation) -> str | None:
        """What they answer, when it is not the same or a bug of ours."""
        # Most are asked by somebody who may see everything and is in the database.
        client = self._viewer if operation.number % 10 == 0 else self._admin
        try:
            answer = await client.http.post("/graphql", json=operation.body, headers=client.headers)
        except AnswersDiffer as difference:
            COMPARING.differences.clear()
            return str(difference)
        return answer.text if "INTERNAL_SERVER_ERROR" in answer.text else None

    async def assert_same(self, operation: Operation) -> None:
        """They answer the same; else the smallest document that shows it is told."""

        async def is_shown(smaller: Operation) -> bool:
            try:
                DOCUMENTS.get(smaller.query)
            except InvalidDocument:
                return False
            return await self.difference(smaller) is not None

        if await self.difference(operation) is not None:
            smallest = await reduced(operation, is_shown)
            difference = await self.difference(smallest)
            pytest.fail(f"{difference}\n\n{operation}", pytrace=False)


async def test_random_operations_are_answered_the_same(
    full_app: App, admin: Client, rows: Rows, seeds: Sequence[int]
) -> None:
    """Bytes, status and headers, for operations of all kinds with all kinds of mistakes."""
    both, before = Both(admin, full_app.client(Role.VIEWER)), COMPARING.compared
    made = [make_operation(seed, core_schema(), rows, DOCUMENTS) for seed in seeds]
    asked = [operation for operation in made if not _OF_THE_MOMENT.search(operation.query)]
    for operation in asked:
        await both.assert_same(operation)
    assert COMPARING.compared - before == len(asked) > len(seeds) / 2


def _same_admin(app: App, admin: Client) -> Client:
    client = app.client(Role.ADMIN)
    client.headers = admin.headers
    return client


async def test_random_operations_are_answered_the_same_from_the_cache(
    full_app: App, admin: Client, rows: Rows, seeds: Sequence[int]
) -> None:
    """Asked again, whatever was kept is what graphql-core reads; so are notices and errors."""
    url, folder = full_app.resources.database_url, full_app.resources.data_folder
    async with open_app(url, folder, with_cache=True, enable_compiled_execution=True) as app:
        both = Both(_same_admin(app, admin), app.client(Role.VIEWER))
        for seed in seeds[:_KEPT]:
            operation = make_operation(seed, core_schema(), rows, DOCUMENTS)
            if not _CHANGES_BY_ITSELF.search(operation.query):
                await both.assert_same(operation)
                await both.assert_same(operation)
        assert app.resources.caching.cache is not None
        assert app.resources.caching.cache.counts.of(Status.HIT) > len(seeds[:_KEPT]) / 6
