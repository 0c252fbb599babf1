"""What groups read: their contacts, their measures, and how many statements that takes."""

from typing import Any

import pytest

from tests.apps import App
from tests.client import Client
from tests.graph.grouped import BOTH_WAYS
from tests.statements import Statements


@pytest.fixture
def client(grouped: tuple[App, Statements]) -> Client:
    """A client of the application with the rows of `grouped`."""
    return grouped[0].client()


@pytest.fixture
def statements(grouped: tuple[App, Statements]) -> Statements:
    """The SQL that ran there."""
    return grouped[1]


async def test_contacts_of_a_group_are_a_connection(client: Client) -> None:
    """The rows of each group are paged and ordered like any list; their number is the count."""
    document = """query ($after: String) {
      contactAggregate(groupBy: COUNTRY, filter: {title: {isNull: true}}) { nodes {
        keys { country } count
        contacts(first: 1, after: $after, orderBy: {field: NAME}) { totalCount nodes { firstName }
          edges { cursor } pageInfo { hasNextPage hasPreviousPage } } } } }"""

    async def page(after: str | None) -> dict[str, Any]:
        nodes = (await client.query(document, after=after))["contactAggregate"]["nodes"]
        assert all(node["count"] == node["contacts"]["totalCount"] for node in nodes)
        return {node["keys"]["country"]: node["contacts"] for node in nodes}

    def names(contacts: dict[str, Any]) -> list[str]:
        return [node["firstName"] for node in contacts["nodes"]]

    first = await page(None)
    assert {country: names(found) for country, found in first.items()} == {
        "d": ["n0"],
        "b": ["n4"],
        "a": ["n8"],
    }
    assert [found["pageInfo"]["hasNextPage"] for found in first.values()] == [True, True, False]
    second = await page(first["b"]["edges"][0]["cursor"])
    assert {country: names(found) for country, found in second.items()} == {
        "d": [],
        "b": ["n6"],
        "a": ["n8"],
    }
    assert [found["pageInfo"]["hasPreviousPage"] for found in second.values()] == [
        True,
        True,
        False,
    ]


async def test_contacts_of_a_group_come_by_relevance(client: Client) -> None:
    """What the groups were searched for orders their rows too, page by page."""
    document = """query ($filter: ContactFilter, $after: String) {
      contactAggregate(groupBy: SENIORITY, filter: $filter, orderBy: {field: KEY}) { nodes {
        contacts(first: 2, after: $after, orderBy: {field: RELEVANCE}) {
          nodes { firstName } pageInfo { hasNextPage endCursor } } } } }"""
    searched = {"search": "n", "title": {"eq": "ceo"}}
    owners, others = await nodes_of(client, document, filter=searched)
    assert sorted(node["firstName"] for node in owners["contacts"]["nodes"]) == ["n3", "n9"]
    assert others["contacts"]["pageInfo"]["hasNextPage"]
    after = others["contacts"]["pageInfo"]["endCursor"]
    _, last = await nodes_of(client, document, filter=searched, after=after)
    met = [node["firstName"] for part in (others, last) for node in part["contacts"]["nodes"]]
    assert sorted(met) == ["n1", "n5", "n7"]
    error = await client.fail(document, filter={})
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert error["message"].startswith("RELEVANCE orders by how well search matches.")


async def nodes_of(client: Client, document: str, **variables: object) -> list[dict[str, Any]]:
    """The groups of a page."""
    data = await client.query(document, **variables)
    found: list[dict[str, Any]] = data["contactAggregate"]["nodes"]
    return found


async def test_rows_of_a_group_refuse_wrong_arguments(client: Client) -> None:
    """A nested page names its place when its arguments contradict each other."""
    error = await client.fail(
        "{ contactAggregate { nodes { contacts(first: 1, last: 1) { totalCount } } } }"
    )
    assert (error["extensions"]["code"], error["message"]) == ("BAD_USER_INPUT", BOTH_WAYS)
    assert error["path"] == ["contactAggregate", "nodes", 0, "contacts"]


COSTS: dict[str, tuple[str, int]] = {
    "keys and measures": (
        "nodes { count keys { country } sum { qualityScore } max { createdAt } }",
        1,
    ),
    "edges beside nodes": ("edges { cursor node { count } } nodes { min { createdAt } }", 1),
    "nothing of the groups": ("pageInfo { hasNextPage hasPreviousPage }", 1),
    "the number of groups": ("nodes { count } totalCount", 2),
    "companies and owners": ("nodes { keys { company { name } owner { email } } }", 3),
    "their rows": ("nodes { contacts(first: 2) { totalCount nodes { firstName } } }", 5),
}
"""What is selected of groups by company and owner, and the statements it takes; groups have both
keys, one of them, the other, or none."""


@pytest.mark.parametrize(("selection", "cost"), COSTS.values(), ids=COSTS.keys())
async def test_groups_cost_their_number_of_statements(
    client: Client, statements: Statements, selection: str, cost: int
) -> None:
    """A page is one statement, whatever is worked out; relations are read for all groups."""
    document = f"{{ contactAggregate(groupBy: [COMPANY, OWNER]) {{ {selection} }} }}"
    with statements.recorded() as recorded:
        await client.query(document)
    assert len(recorded) == cost


async def test_only_selected_measures_are_worked_out(
    client: Client, statements: Statements
) -> None:
    """Aliases, fragments and directives decide what stands in the statement."""
    with statements.recorded() as recorded:
        data = await client.query(
            """query ($yes: Boolean!, $no: Boolean!) {
              groups: contactAggregate {
                nodes { ...Scores least: min { when: createdAt @skip(if: $yes) } }
                edges { node { avg { qualityScore @include(if: $no) __typename } __typename } }
                ... on ContactAggregateConnection { nodes { best: max { score: qualityScore } } }
              } }
            fragment Scores on ContactAggregate { a: min { ...One } b: min { qualityScore } }
            fragment One on ContactMinima { low: qualityScore }""",
            yes=True,
            no=False,
        )
    (node,) = data["groups"]["nodes"]
    low = node["b"]["qualityScore"]
    assert node == {
        "a": {"low": low},
        "b": {"qualityScore": low},
        "least": {},
        "best": {"score": 50},
    }
    (sql,) = recorded
    worked_out = ("min(contacts.quality_score)", "max(contacts.quality_score)")
    assert [sql.count(text) for text in worked_out] == [1, 1]
    assert [sql.count(f"{name}(") for name in ("min", "max", "avg", "sum")] == [1, 1, 0, 0]


async def test_fragments_that_spread_each_other_twice_are_read_once(
    client: Client, statements: Statements
) -> None:
    """A document that would unfold into many fields costs as much as its text is long."""
    depth = 4
    fragments = [
        f"fragment F{n} on ContactMinima {{ ...F{n + 1} ...F{n + 1} }}" for n in range(depth)
    ]
    last = f"fragment F{depth} on ContactMinima {{ qualityScore }}"
    query = "{ contactAggregate { nodes { min { ...F0 } } } }"
    with statements.recorded() as recorded:
        data = await client.query(" ".join([query, *fragments, last]))
    assert data["contactAggregate"]["nodes"] == [{"min": {"qualityScore": 20}}]
    assert len(recorded) == 1
