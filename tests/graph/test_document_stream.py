"""Streams of documents: every row that paging shows, once, in its order, with what is selected."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import orjson
import pytest
from graphql import GraphQLObjectType

from domain.enums import Role
from graph.schema import core_schema
from streaming.manifests import Manifest
from tests.apps import App
from tests.both_executors import without_compilation
from tests.db.datasets import seeded
from tests.graph.document_streams import Streaming, read_lines, streaming
from tests.graph.execution.materials import Rows, gather
from tests.graph.execution.values import InputValues

LISTS = 12
"""How many random lists are streamed."""

DOCUMENTS = {
    "rows of other tables": """{ contacts(%s orderBy: [{field: NAME}]) { nodes { id fullName
        company { name domain owner { email } parent { name } } owner { name } metadata
        { __typename } mergedInto { id } } } }""",
    "lists in rows": """{ contacts(%s orderBy: [{field: CITY}]) { nodes { emails { address type }
        phones { number } activities { type } tags customFields createdAt } } }""",
    "pages in rows": """{ companies(%s orderBy: [{field: NAME}]) { nodes { name contactCount
        contacts(first: 2, orderBy: [{field: NAME}]) { totalCount pageInfo { hasNextPage endCursor }
        nodes { fullName company { name } } edges { cursor } } } } }""",
    "aliases": """{ rows: contacts(%s orderBy: [{field: TITLE}]) { all: nodes { key: id
        employer: company { called: name } other: company { domain } } } }""",
    "fragments": """query Q { ...R ...S }
        fragment R on Query { companies(%s orderBy: [{field: DOMAIN}]) { ...C } }
        fragment S on Query { companies(%s orderBy: [{field: DOMAIN}]) { nodes { domain } } }
        fragment C on CompanyConnection { ... { nodes { ...N } } }
        fragment N on Company { id owner { ... on Node { id __typename } } }""",
    "places": """{ contacts(%s orderBy: [{field: UPDATED_AT}]) { edges { cursor node { id
        company { id } } } } }""",
    "places alone": "{ contacts(%s filter: {}) { edges { cursor } } }",
    "groups": """{ contactAggregate(%s groupBy: [STAGE, SENIORITY]) { nodes { count keys { stage
        seniority } max { createdAt } contacts(first: 2) { nodes { id } } } } }""",
    "one group": "{ companyAggregate(%s filter: {}) { nodes { count } } }",
    "duplicates": """{ contactDuplicates(%s matchOn: [PHONE_AND_LAST_NAME,
        NAME_AND_COMPANY_DOMAIN]) { nodes { value count contacts { id } } } }""",
    "jobs": "{ jobs(%s filter: {}) { nodes { id __typename kind progress error { code } } } }",
    "erased people": "{ suppressions(%s after: null) { nodes { id kind createdBy { id } } } }",
    "nobody": '{ contacts(%s filter: {firstName: {eq: "nobody at all"}}) { nodes { id } } }',
}
VARIABLES = """query ($is: Boolean!, $page_first: Int = 2, $f: ContactFilter, $n: Int) {
    contacts(first: $n, filter: $f, orderBy: [{field: NAME}]) { nodes { id
    fullName @include(if: $is) company @skip(if: $is) { name }
    ... on Contact @include(if: $is) { tags company { contacts(first: $page_first) { nodes { id }
    more: totalCount } } } } } }"""


@pytest.fixture(scope="session")
async def rows(full_app: App) -> Rows:
    """What arguments can be made of."""
    return await gather(full_app, full_app.client(Role.ADMIN))


@pytest.fixture(scope="module")
async def streams(full_app: App) -> AsyncIterator[Streaming]:
    """Streams with a few rows a page."""
    async with streaming(full_app.resources, batch_rows=7) as app:
        yield app


@pytest.fixture(scope="module")
async def interpreted(full_app: App) -> AsyncIterator[Streaming]:
    """The same where graphql-core executes."""
    async with streaming(without_compilation(full_app.resources), batch_rows=7) as app:
        yield app


async def proof(app: Streaming, response: Any) -> Manifest:
    """What proves a stream whole."""
    spool = await app.spools.find(UUID(response.headers["etag"].strip('"')[:32]))
    assert spool is not None
    return await spool.finished()


def items_of(answer: dict[str, Any]) -> list[Any]:
    """The rows of an answer with one page."""
    assert "errors" not in answer, answer
    ((_, page),) = answer["data"].items()
    found: list[Any] = next(iter(page.values()))
    return found


@pytest.mark.parametrize("query", DOCUMENTS.values(), ids=DOCUMENTS)
async def test_lines_are_the_rows_of_one_great_page(streams: Streaming, query: str) -> None:
    """Whatever is selected stands in the lines byte for byte as it stands in an answer."""
    await compare(streams, query)


@pytest.mark.parametrize("name", ["fragments", "pages in rows"])
async def test_lines_are_the_same_whoever_executes(interpreted: Streaming, name: str) -> None:
    """Documents that are not compiled are streamed, too."""
    await compare(interpreted, DOCUMENTS[name])


async def compare(app: Streaming, query: str) -> None:
    """Assert that a stream has the rows of one great page, and proves it."""
    whole = await app.ask(query.replace("%s", "first: 150,"), role=Role.ADMIN)
    response = await app.post(query.replace("%s", ""), headers=app.headers(Role.ADMIN))
    expected = [orjson.dumps(item) for item in items_of(whole)]
    assert response.status_code == 200
    assert response.content.splitlines() == expected
    manifest = await proof(app, response)
    assert (manifest.rows, manifest.truncated) == (len(expected), False)


@pytest.mark.parametrize("is_", [True, False])
async def test_variables_mean_what_they_mean_elsewhere(streams: Streaming, is_: bool) -> None:
    """Conditions, defaults, filters, and a variable with the name that ours would have."""
    given: dict[str, Any] = {"is": is_, "f": {"not": {"title": {"isNull": True}}}}
    whole = items_of(await streams.ask(VARIABLES, **given, n=1000))
    assert len(whole) > 7
    assert await streams.lines(VARIABLES, **given) == whole
    assert await streams.lines(VARIABLES, **given, n=8) == whole[:8]


def random_list(number: int, rows: Rows) -> tuple[str, str, dict[str, Any]]:
    """The head of a query, its list's arguments, and the values of its variables."""
    random = seeded(f"stream {number}")
    root = core_schema().query_type
    assert isinstance(root, GraphQLObjectType)
    name = random.choice(("contacts", "companies"))
    values = InputValues(random, rows)
    arguments = " ".join(
        f"{each}: {values.literal(root.fields[name].args[each].type, each, optional=True)}"
        for each in ("filter", "orderBy")
        if random.random() < 0.8
    )
    declared = " ".join(f"${each.name}: {each.declaration}" for each in values.variables.values())
    sent = {each.name: each.sent[0] for each in values.variables.values() if each.sent}
    return f"query ($end: String {declared}) {{ {name}(after: $end {arguments} ", name, sent


async def walked(app: Streaming, head: str, name: str, sent: dict[str, Any]) -> Any:
    """All nodes of a list, page by page; or the code of the error it has."""
    query = f"{head} first: 9) {{ nodes {{ id }} pageInfo {{ hasNextPage endCursor }} }} }}"
    found: list[Any] = []
    page: dict[str, Any] = {"hasNextPage": True, "endCursor": None}
    while page["hasNextPage"]:
        answer = await app.ask(query, **sent, end=page["endCursor"])
        if "errors" in answer:
            return answer["errors"][0]["extensions"]["code"]
        found += answer["data"][name]["nodes"]
        page = answer["data"][name]["pageInfo"]
    return found


@pytest.mark.parametrize("number", range(LISTS))
async def test_random_lists_are_streamed_as_they_are_walked(
    full_app: App, rows: Rows, number: int
) -> None:
    """Same rows, same order, same errors, whatever the filter, the order and the batch."""
    head, name, sent = random_list(number, rows)
    async with streaming(full_app.resources, batch_rows=2 + number % 6) as app:
        expected = await walked(app, head, name, sent)
        response = await app.post(f"{head}) {{ nodes {{ id }} }} }}", variables=sent)
    if response.status_code == 200:
        assert read_lines(response.content) == expected
        assert response.headers["x-result-truncated"] == "false"
    else:
        assert response.json()["code"] == expected


async def test_random_lists_are_mostly_of_rows(streams: Streaming, rows: Rows) -> None:
    """The test above compares more than errors and empty lists."""
    found = [await walked(streams, *random_list(number, rows)) for number in range(LISTS)]
    assert sum(isinstance(each, list) and len(each) > 7 for each in found) > LISTS // 3


async def test_walk_goes_on_behind_any_line(streams: Streaming) -> None:
    """A client that kept a cursor of an edge gets the rows behind it, and no other."""
    query = """query ($end: String) { contacts(after: $end, orderBy: [{field: FIRST_NAME}])
        { edges { cursor node { id } } } }"""
    whole = await streams.lines(query)
    for at in (0, 4, len(whole) - 1):
        assert await streams.lines(query, end=whole[at]["cursor"]) == whole[at + 1 :]


@pytest.mark.parametrize(
    ("first", "most_rows", "rows", "truncated", "told"),
    [
        (2, None, 2, True, ("2", "true")),
        (3, None, 3, True, ("3", "true")),
        (4, 2, 2, True, ("2", "true")),
        (8, None, 8, True, None),
        (None, 7, 7, True, None),
        (10, None, 10, True, None),
        (None, None, 11, False, None),
        (11, None, 11, False, None),
        (500, 400, 11, False, None),
    ],
)
async def test_rows_that_are_left_out_are_told_of(
    full_app: App,
    first: int | None,
    most_rows: int | None,
    rows: int,
    truncated: bool,
    told: tuple[str, str] | None,
) -> None:
    """A limit of the client or the server shows in the proof, and before the first byte if it can.

    That is when it falls into the first page.
    """
    query = "query ($n: Int) { companies(first: $n) { nodes { id } } }"
    async with streaming(full_app.resources, batch_rows=3, most_rows=most_rows) as app:
        response = await app.post(query, variables={"n": first})
        assert len(read_lines(response.content)) == rows
        manifest = await proof(app, response)
    assert (manifest.rows, manifest.truncated) == (rows, truncated)
    if told is not None:
        headers = response.headers
        assert (headers["x-total-count"], headers["x-result-truncated"]) == told
