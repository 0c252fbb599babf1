"""The proof itself: what is answered twice, what is not, and that a difference does not pass."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from sqlalchemy.engine import URL

from app.asgi import create_app
from domain.enums import Role
from tests.apps import App, open_app
from tests.both_executors import COMPARING, AnswersDiffer, BothExecutors, without_compilation
from tests.client import Client
from tests.databases import database_of_its_own
from tests.factories import make_contact
from tests.graph.documents import MUTATIONS
from tests.statements import Statements

QUERY = "{ contacts { nodes { firstName } } }"


@pytest.fixture
async def app(database_url: URL, tmp_path: Path, statements: Statements) -> AsyncIterator[App]:
    """An application that compiles, whatever the environment says."""
    async with open_app(database_url, tmp_path, enable_compiled_execution=True) as opened:
        opened.resources.database.observers.append(statements.observe)
        yield opened


@pytest.fixture
def client(app: App) -> Client:
    """A client that may write."""
    return app.client(Role.EDITOR)


@pytest.fixture
async def divided(app: App, empty_url: URL, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """An application whose queries graphql-core answers from another database."""
    async with open_app(empty_url, tmp_path / "other") as other:
        core = create_app(without_compilation(other.resources))
        both = BothExecutors(create_app(app.resources), lambda: core)
        transport = httpx.ASGITransport(both)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
            yield http


@pytest.fixture
async def empty_url(server_url: URL, template: str) -> AsyncIterator[URL]:
    """A second database."""
    name = f"{template}_second"
    async with database_of_its_own(server_url, name=name, template=template) as url:
        yield url


async def test_other_answer_fails_the_test(
    divided: httpx.AsyncClient, app: App, client: Client
) -> None:
    """It says what was asked and what each answered."""
    await make_contact(app.resources.database, first_name="Ada")
    with pytest.raises(AnswersDiffer) as difference:
        await divided.post("/graphql", json={"query": QUERY}, headers=client.headers)
    assert QUERY in str(difference.value)
    assert "Ada" in str(difference.value)
    # Even where nobody was there to see it raised.
    assert COMPARING.differences == [difference.value]
    COMPARING.differences.clear()


async def test_query_is_answered_twice_and_observed_once(
    client: Client, statements: Statements
) -> None:
    """Tests that count statements count those of one executor."""
    before = COMPARING.compared
    with statements.recorded() as sql:
        await client.query(QUERY)
    assert COMPARING.compared == before + 1
    assert len(sql) == 1


async def test_mutation_is_done_once(client: Client) -> None:
    """Nobody asks graphql-core to do it again."""
    before = COMPARING.compared
    await client.query(MUTATIONS["createContact"], input={"firstName": "Ada"})
    assert COMPARING.compared == before
    assert await client.query(QUERY) == {"contacts": {"nodes": [{"firstName": "Ada"}]}}


@pytest.mark.one_executor("it is about this marker")
async def test_test_may_ask_for_one_executor(client: Client) -> None:
    """Where it counts logs, or what it asks changes while it is asked."""
    before = COMPARING.compared
    await client.query(QUERY)
    assert COMPARING.compared == before


async def test_get_is_compared_too(client: Client) -> None:
    """As a POST is."""
    before = COMPARING.compared
    answer = await client.http.get("/graphql", params={"query": QUERY}, headers=client.headers)
    assert answer.json()["data"] == {"contacts": {"nodes": []}}
    assert COMPARING.compared == before + 1
