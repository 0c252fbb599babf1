"""What operations cost: as they are asked for, and as they are answered."""

import re
from pathlib import Path
from typing import Any

import pytest

from graph.document import Document
from graph.documents import read_document
from graph.lengths import PageSizes
from graph.schema import core_schema

SIZES = PageSizes(default=100, maximum=1000)


def read(text: str) -> Document:
    """A document that fits the schema."""
    return read_document(core_schema(), text)


def asked(text: str, **variables: Any) -> int:
    """What the one operation of a document costs as it is asked for."""
    document = read(text)
    return document.operations[0].prices(variables).asked(variables, SIZES)


def answered(text: str, data: dict[str, Any], **variables: Any) -> int:
    """What an answer costs."""
    document = read(text)
    prices = document.operations[0].prices(variables)
    return prices.bill(variables, SIZES).total(data)


ASKED: dict[str, tuple[str, int]] = {
    "nothing": ("{ __typename }", 1),
    "the schema": ("{ __schema { types { name fields { name } } } }", 1),
    "an object": ("{ viewer { id } }", 1),
    "objects side by side": (
        "{ a: viewer { id } b: viewer { id } contactsCount { count } }",
        1 + 1 + 10,
    ),
    "one object asked for twice": ("{ viewer { id } viewer { name } }", 1),
    "an object in an object": ("{ contact(id: 1) { company { owner { id } } } }", 3),
    "a part of a row": ("{ contact(id: 1) { location { city } company { address { city } } } }", 2),
    "a page": ("{ contacts(first: 7) { nodes { id } } }", 1 + 7),
    "a page backwards": ("{ contacts(last: 7) { nodes { id } } }", 1 + 7),
    "a page without a size": ("{ contacts { nodes { id } } }", 1 + 100),
    "a page with a null size": ("{ contacts(first: null) { nodes { id } } }", 1 + 100),
    "a page before a cursor": ('{ contacts(before: "c") { nodes { id } } }', 1 + 100),
    "a capped page": ("{ contacts(first: 1000000000) { nodes { id } } }", 1 + 1000),
    "a negative page": ("{ contacts(first: -5) { nodes { id } } }", 1),
    "an empty page": ("{ contacts(first: 0) { nodes { company { id } } } }", 1),
    "a number alone": ("{ contacts { totalCount } }", 1 + 10),
    "numbers of a page": ("{ companies(first: 7) { nodes { contactCount } } }", 1 + 7 * (1 + 10)),
    "numbers that stand in a row": ("{ companies(first: 7) { nodes { employeesCount } } }", 1 + 7),
    "what is around a page": ("{ contacts(first: 7) { pageInfo { endCursor } } }", 1 + 7),
    "a page with what is around it": (
        "{ contacts(first: 7) { totalCount nodes { id } pageInfo { endCursor } } }",
        1 + 10 + 7,
    ),
    "edges": ("{ contacts(first: 7) { edges { cursor node { id } } } }", 1 + 7),
    "cursors alone": ("{ contacts(first: 7) { edges { cursor } } }", 1 + 7),
    "a node twice": (
        "{ contacts(first: 7) { edges { a: node { id } b: node { id } } } }",
        1 + 7 * 2,
    ),
    "nodes and edges": ("{ contacts(first: 7) { nodes { id } edges { node { id } } } }", 1 + 7 + 7),
    "objects of a page": (
        "{ contacts(first: 7) { nodes { company { id } owner { id } } } }",
        1 + 7 * 3,
    ),
    "a page of pages": (
        "{ companies(first: 10) { nodes { contacts(first: 5) { nodes { id } } } } }",
        1 + 10 * (1 + 1 + 5),
    ),
    "a page of pages of objects": (
        "{ companies(first: 10) { nodes { owner { id }"
        " contacts(first: 5) { edges { node { company { id } } } } } } }",
        1 + 10 * (1 + 1 + 1 + 5 * 2),
    ),
    "pages in all pages": (
        "{ companies { nodes { contacts { nodes { company { contacts { nodes { id } } } } } } } }",
        1 + 100 * (1 + 1 + 100 * (1 + 1 + 1 + 100)),
    ),
    "lists that belong to a row": (
        "{ contacts(first: 7) { nodes { emails { address } phones { number } } } }",
        1 + 7,
    ),
    "objects in such a list": ("{ contact(id: 1) { activities { actor { id } } } }", 1 + 1),
    "pages in pages of groups": (
        "{ contactDuplicates(first: 3) { nodes {"
        " contacts { company { contacts(first: 4) { nodes { id } } } } } } }",
        10 + 3 * (1 + 10 * (1 + 1 + 1 + 4)),
    ),
    "pages in such a list": (
        "mutation { mergeContacts(input: {ids: []}) { merge { losers {"
        " company { contacts(first: 4) { nodes { id } } } } } } }",
        1 + 1 + 10 * (1 + 1 + 4),
    ),
    "groups of records": (
        "{ companyDuplicates(first: 3) { totalCount nodes { value companies { name } } } }",
        10 + 10 + 3 * (1 + 10),
    ),
    "groups": ("{ contactAggregate(groupBy: [OWNER]) { nodes { count } } }", 10 + 100),
    "groups with all of theirs": (
        "{ contactAggregate(groupBy: [OWNER], first: 10) { nodes { count max { qualityScore }"
        " keys { owner { name } } contacts(first: 5) { nodes { id } } } } }",
        10 + 10 * (1 + 1 + 1 + 5),
    ),
    "ids": ('{ nodes(ids: ["a", "b", "c"]) { id } }', 3),
    "one id": ('{ nodes(ids: "a") { id } }', 1),
    "no ids": ("{ nodes(ids: []) { id } }", 1),
    "the dearest of several types": (
        '{ node(id: "a") { ... on Contact { company { id } owner { id } }'
        " ... on Company { contacts(first: 9) { nodes { id } } } } }",
        1 + 1 + 9,
    ),
    "things by their ids": (
        '{ nodes(ids: ["a", "b"]) { id ... on Contact { company { id } } } }',
        2 * 2,
    ),
    "a mutation": (
        "mutation { createContact(input: {}) { contact { id company { id } }"
        " userErrors { message } } }",
        3,
    ),
    "a subscription": (
        "subscription { jobProgress(id: 1) { owner { id } } }",
        2,
    ),
    "fragments": (
        "{ ...A } fragment A on Query { contacts(first: 3) { ...B } }"
        " fragment B on ContactConnection { nodes { ...C } }"
        " fragment C on Contact { company { id } ... on Contact { owner { id } } }",
        1 + 9,
    ),
    "a fragment twice": (
        "{ contacts(first: 3) { nodes { ...A ...A } } } fragment A on Contact { company { id } }",
        1 + 6,
    ),
    "fields that merge": (
        "{ contacts(first: 3) { nodes { company { id } } }"
        " contacts(first: 3) { nodes { company { name } owner { id } } } }",
        1 + 9,
    ),
}


@pytest.mark.parametrize(("text", "cost"), ASKED.values(), ids=ASKED)
def test_cost_of_what_is_asked_for(text: str, cost: int) -> None:
    """Objects, pages and rows 1, what is counted or grouped 10; parts are free, lists multiply."""
    assert asked(text) == cost


PAGE = "query ($n: Int) { contacts(first: $n) { nodes { id } } }"
PAGE_OF_5 = "query ($n: Int = 5) { contacts(first: $n) { nodes { id } } }"
EITHER = "query ($a: Int, $b: Int) { contacts(first: $a, last: $b) { nodes { id } } }"
IDS = "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }"
ID = 'query ($a: ID!) { nodes(ids: [$a, "b"]) { id } }'

VARIABLES: dict[str, tuple[str, dict[str, Any], int]] = {
    "a size": (PAGE, {"n": 8}, 1 + 8),
    "no size": (PAGE, {}, 1 + 100),
    "null": (PAGE, {"n": None}, 1 + 100),
    "too large a size": (PAGE, {"n": 10**9}, 1 + 1000),
    "more than an Int": (PAGE, {"n": 10**30}, 1 + 1000),
    "a negative size": (PAGE, {"n": -3}, 1),
    "a whole float": (PAGE, {"n": 8.0}, 1 + 8),
    "an endless float": (PAGE, {"n": 1e308}, 1 + 1000),
    "what is no number": (PAGE, {"n": {"n": 8}}, 1 + 100),
    "the default of the variable": (PAGE_OF_5, {}, 1 + 5),
    "null instead of the default": (PAGE_OF_5, {"n": None}, 1 + 100),
    "a size instead of the default": (PAGE_OF_5, {"n": 6}, 1 + 6),
    "forwards": (EITHER, {"a": 3, "b": None}, 1 + 3),
    "backwards": (EITHER, {"b": 4}, 1 + 4),
    "ids": (IDS, {"ids": ["a"] * 12}, 12),
    "one id": (IDS, {"ids": "a"}, 1),
    "null for ids": (IDS, {"ids": None}, 1),
    "ids of which one is a variable": (ID, {"a": "a"}, 2),
}


@pytest.mark.parametrize(("text", "variables", "cost"), VARIABLES.values(), ids=VARIABLES)
def test_cost_depends_on_variables(text: str, variables: dict[str, Any], cost: int) -> None:
    """They count as whoever executes takes them; what that refuses is told by it."""
    assert asked(text, **variables) == cost


TYPES = {
    "$input": "TagContactsInput!",
    "$ids": "[ID!]",
    "$one": "ID!",
    "$filter": "ContactFilter",
}


def tagging(given: str, asked_of_each: str) -> str:
    """A mutation of many contacts, with what is asked of each result."""
    declared = " ".join(f"{name}: {type_}" for name, type_ in TYPES.items() if name in given)
    head = f"mutation ({declared})" if declared else "mutation"
    return f"{head} {{ tagContacts(input: {given}) {{ results {{ {asked_of_each} }} }} }}"


HUNDREDS = "contact { company { contacts(first: 300) { nodes { id } } } }"
COMPANY = "contact { company { id } }"
ROWS = """mutation ($rows: [ContactRowInput!]!) { upsertContacts(input: {rows: $rows}) {
    results { contact { id } } } }"""

RESULTS: dict[str, tuple[str, dict[str, Any], int]] = {
    "no object": (tagging("{filter: {}}", "status userErrors { message }"), {}, 1),
    "ids": (tagging('{ids: ["a", "b"]}', COMPANY), {}, 1 + 2 * 2),
    "one id": (tagging('{ids: "a"}', COMPANY), {}, 1 + 2),
    "ids of which one is a variable": (tagging('{ids: ["a", $one]}', COMPANY), {}, 1 + 2 * 2),
    "ids by variable": (tagging("{ids: $ids}", COMPANY), {"ids": ["a"] * 5}, 1 + 5 * 2),
    "no ids": (tagging("{ids: $ids}", COMPANY), {}, 1),
    "more than can be": (tagging("{ids: $ids}", COMPANY), {"ids": ["a"] * 5000}, 1 + 1000 * 2),
    "a filter": (tagging("{filter: {}}", COMPANY), {}, 1 + 1000 * 2),
    "a filter by variable": (tagging("{filter: $filter}", COMPANY), {"filter": {}}, 1 + 1000 * 2),
    "no filter": (tagging("{filter: $filter}", COMPANY), {"filter": None}, 1),
    "all by variable": (tagging("$input", COMPANY), {"input": {"ids": ["a"] * 5}}, 1 + 5 * 2),
    "a filter in it": (tagging("$input", COMPANY), {"input": {"filter": {}}}, 1 + 1000 * 2),
    "what is no input": (tagging("$input", COMPANY), {"input": ["a"]}, 1),
    "rows": (ROWS, {"rows": [{}] * 7}, 1 + 7),
    "pages": (tagging("{filter: {}}", HUNDREDS), {}, 1 + 1000 * (1 + 1 + 1 + 300)),
}


@pytest.mark.parametrize(("text", "variables", "cost"), RESULTS.values(), ids=RESULTS)
def test_results_cost_as_many_as_the_input_names(
    text: str, variables: dict[str, Any], cost: int
) -> None:
    """All that a mutation of many can write when it is told by a filter."""
    assert asked(text, **variables) == cost


CONDITIONS: dict[str, tuple[str, dict[str, Any], int]] = {
    "left out": (
        "{ contacts(first: 3) { nodes { id company @skip(if: true) { id } } } }",
        {},
        1 + 3,
    ),
    "included": (
        "{ contacts(first: 3) { nodes { id company @skip(if: false) { id } } } }",
        {},
        1 + 6,
    ),
    "a fragment": (
        "{ viewer { id } ... @include(if: false) { contacts { nodes { id } } } }",
        {},
        1,
    ),
    "by variable": (
        "query ($with: Boolean!) { contacts(first: 3) @include(if: $with) { nodes { id } }"
        " viewer { id } }",
        {"with": True},
        1 + 4,
    ),
    "not by variable": (
        "query ($with: Boolean!) { contacts(first: 3) @include(if: $with) { nodes { id } }"
        " viewer { id } }",
        {"with": False},
        1,
    ),
    "by default": (
        "query ($with: Boolean! = false) { contacts @include(if: $with) { nodes { id } }"
        " viewer { id } }",
        {},
        1,
    ),
    "by one of two": (
        "query ($a: Boolean!, $b: Boolean!) { contacts(first: 3) { nodes { id } }"
        " ...A @skip(if: $a) ...A @skip(if: $b) }"
        " fragment A on Query { companies(first: 4) { nodes { id } } }",
        {"a": True, "b": False},
        1 + 3 + 1 + 4,
    ),
    "by what is no boolean": (
        "query ($with: Boolean!) { contacts(first: 3) @skip(if: $with) { nodes { id } } }",
        {"with": ["true"]},
        1 + 3,
    ),
}


@pytest.mark.parametrize(("text", "variables", "cost"), CONDITIONS.values(), ids=CONDITIONS)
def test_what_is_left_out_costs_nothing(text: str, variables: dict[str, Any], cost: int) -> None:
    """By @skip and @include, as they are in this request; a value that is none leaves it in."""
    assert asked(text, **variables) == cost


def test_prices_of_one_document_are_kept_apart_and_bounded() -> None:
    """Each set of conditions has its own, in whatever order they come."""
    names = [f"v{n}" for n in range(6)]
    declared = " ".join(f"${name}: Boolean!" for name in names)
    fields = " ".join(f"{name}: viewer @include(if: ${name}) {{ id }}" for name in names)
    document = read(f"query ({declared}) {{ {fields} }}")
    for _ in range(2):
        for bits in range(64):
            given = {name: bool(bits >> at & 1) for at, name in enumerate(names)}
            prices = document.operations[0].prices(given)
            assert prices.asked(given, SIZES) == max(1, sum(given.values()))
    assert len(document.operations[0]._prices) <= 16


def nodes(*items: Any) -> dict[str, Any]:
    """A connection with these."""
    return {"nodes": list(items)}


COMPANIES = (
    """{ companies { nodes { id owner { id } contacts { nodes { id company { id } } } } } }"""
)
OF_TYPES = """{ node(id: "a") { ... on Contact { company { id } }
    ... on Company { contacts { nodes { id } } } } }"""
GROUPS = """{ contactDuplicates { nodes {
    contacts { company { contacts { nodes { id } } } } } } }"""
A, C = {"id": "a"}, {"id": "c", "company": {"id": "d"}}

ANSWERED: dict[str, tuple[str, dict[str, Any], int]] = {
    "an empty page": ("{ contacts { nodes { id } } }", {"contacts": nodes()}, 1),
    "rows": ("{ contacts { nodes { company { id } } } }", {"contacts": nodes(C, C, C)}, 1 + 6),
    "edges": (
        "{ contacts { edges { node { company { id } } } } }",
        {"contacts": {"edges": [{"node": C}, {"node": C}]}},
        1 + 4,
    ),
    "pages of pages": (
        COMPANIES,
        {"companies": nodes({**A, "contacts": nodes(C, C)}, {**A, "contacts": nodes()}, A)},
        1 + (1 + 1 + 1 + 2 * 2) + 3 + 3,
    ),
    "a root that failed": ("{ contacts { nodes { id } } }", {"contacts": None}, 1),
    "a row that failed": (COMPANIES, {"companies": nodes(None, A)}, 1 + 3 + 3),
    "an object that is not there": ("{ contact(id: 1) { company { id } } }", {"contact": None}, 2),
    "one of several types": (OF_TYPES, {"node": {"contacts": nodes(A, A, A)}}, 1 + 1 + 3),
    "another of them": (OF_TYPES, {"node": {"company": A}}, 2),
    "things that are not there": ('{ nodes(ids: ["a", "b"]) { id } }', {"nodes": [None, A]}, 2),
    "pages in lists of rows": (
        GROUPS,
        {
            "contactDuplicates": nodes(
                {"contacts": [{"company": {"contacts": nodes(A, A)}}, {"company": None}]}
            )
        },
        10 + 1 + (1 + 1 + 1 + 2) + (1 + 1 + 1),
    ),
    "a page of which nothing is shown": (
        "{ contacts(first: 7) { pageInfo { endCursor } } }",
        {"contacts": {"pageInfo": {"endCursor": None}}},
        1 + 7,
    ),
    "such a page that failed": (
        "{ contacts(first: 7) { pageInfo { endCursor } } }",
        {"contacts": None},
        1,
    ),
    "results of rows": (
        """mutation { tagContacts(input: {filter: {}}) { results { contact {
            company { contacts { nodes { id } } } } } } }""",
        {
            "tagContacts": {
                "results": [{"contact": {"company": {"contacts": nodes(A, A)}}}, {"contact": None}]
            }
        },
        1 + (1 + 1 + 1 + 2) + (1 + 1 + 1),
    ),
    "several roots": (
        "{ a: contacts { nodes { id } } b: contacts { nodes { id } } viewer { id } }",
        {"a": nodes(A, A), "b": nodes(A), "viewer": A},
        1 + 2 + 1 + 1 + 1,
    ),
}


@pytest.mark.parametrize(("text", "data", "cost"), ANSWERED.values(), ids=ANSWERED)
def test_cost_of_an_answer_has_the_lengths_of_its_lists(
    text: str, data: dict[str, Any], cost: int
) -> None:
    """By the same rules as what is asked for."""
    assert answered(text, data) == cost


# The paper.

PAPER = (Path(__file__).parents[2] / "docs/limits.md").read_text()
EXAMPLE = re.compile(r"```graphql\n(.*?)```.*?asks for \*\*(\d+)\*\*", re.DOTALL)


@pytest.mark.parametrize(("text", "cost"), EXAMPLE.findall(PAPER))
def test_example_of_the_paper_costs_what_it_says(text: str, cost: str) -> None:
    """Whoever works it out by hand comes to the same."""
    assert asked(text) == int(cost)


def test_paper_has_an_example_of_each_rule() -> None:
    """None is left out because it is written in another way."""
    assert len(EXAMPLE.findall(PAPER)) == PAPER.count("```graphql") == 6
