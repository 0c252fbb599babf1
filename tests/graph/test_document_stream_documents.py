"""From a document that asks for a list to one that asks for a page of it, and what is no list."""

from typing import Any

import pytest
from graphql import NoUnusedFragmentsRule, NoUnusedVariablesRule, specified_rules, validate

from domain.enums import Role
from domain.errors import InvalidInput
from graph.documents import Documents, InvalidDocument, read_document
from graph.schema import core_schema
from graph.stream_documents import PagedDocument, PagedDocuments, Walk

SCHEMA = core_schema()
DOCUMENTS = Documents(SCHEMA)

REFUSED: dict[str, tuple[str, str]] = {
    "mutation": (
        "mutation { deleteContact(input: {id: 1}) { clientMutationId } }",
        "this is a mutation. Send it to /graphql as JSON.",
    ),
    "subscription": (
        "subscription { contactChanged { __typename } }",
        "this is a subscription. Send it to /graphql as JSON.",
    ),
    "two lists": (
        "{ contacts { nodes { id } } companies { nodes { id } } }",
        "Ask for other root fields in requests of their own.",
    ),
    "one list twice": (
        "{ a: contacts { nodes { id } } b: contacts { nodes { id } } }",
        "Ask for other root fields in requests of their own.",
    ),
    "introspection": ("{ __schema { types { name } } }", "Ask for other root fields"),
    "a list and a name": ("{ __typename contacts { nodes { id } } }", "Ask for other root fields"),
    "one thing": ("{ viewer { id } }", "viewer is none. Send it to /graphql as JSON."),
    "things by id": ('{ nodes(ids: ["x"]) { id } }', "nodes is none."),
    "a count": ("{ contactsCount { count } }", "contactsCount is none."),
    "nothing of the rows": ("{ contacts { totalCount } }", "either nodes or edges"),
    "a count beside": ("{ contacts { nodes { id } totalCount } }", "nothing beside it."),
    "a page beside": (
        "{ contacts { nodes { id } pageInfo { endCursor } } }",
        "nothing beside it.",
    ),
    "both forms": ("{ contacts { nodes { id } edges { cursor } } }", "either nodes or edges"),
    "one form twice": ("{ contacts { a: nodes { id } b: nodes { id } } }", "once and nothing"),
    "a name beside": ("{ contacts { __typename nodes { id } } }", "nothing beside it."),
    "a list under a condition": (
        "query ($is: Boolean!) { contacts @include(if: $is) { nodes { id } } }",
        "Leave @include out around it",
    ),
    "rows under a condition": (
        "query ($is: Boolean!) { contacts { nodes @skip(if: $is) { id } } }",
        "Leave @skip out around it",
    ),
    "a fragment under a condition": (
        "query ($is: Boolean!) { ...F @skip(if: $is) } fragment F on Query "
        "{ contacts { nodes { id } } }",
        "Leave @skip out around it",
    ),
    "a part under a condition": (
        "query ($is: Boolean!) { contacts { ... @include(if: $is) { nodes { id } } } }",
        "Leave @include out around it",
    ),
}
WALKS: dict[str, tuple[str, dict[str, Any], Walk]] = {
    "all": ("{ contacts { nodes { id } } }", {}, Walk(most=None, after=None, is_short=False)),
    "nothing said": (
        "{ contacts(first: null, after: null, last: null, offset: 0) { nodes { id } } }",
        {},
        Walk(most=None, after=None, is_short=False),
    ),
    "literals": (
        '{ contacts(first: 7, after: "x") { nodes { id } } }',
        {},
        Walk(most=7, after="x", is_short=False),
    ),
    "variables": (
        "query ($n: Int, $a: String = null) { jobs(first: $n, after: $a) { nodes { id } } }",
        {"n": 4, "a": "y"},
        Walk(most=4, after="y", is_short=False),
    ),
    "variables left out": (
        "query ($n: Int = 3, $a: String) { jobs(first: $n, after: $a) { nodes { id } } }",
        {},
        Walk(most=3, after=None, is_short=False),
    ),
    "an order that ends": (
        "{ companies(orderBy: [{field: RELEVANCE}, {field: NAME}]) { nodes { id } } }",
        {},
        Walk(most=None, after=None, is_short=True),
    ),
    "lists of a length of their own": (
        "{ companies { nodes { ...C } } } fragment C on Company "
        "{ contacts(last: 9) { nodes { id } } }",
        {},
        Walk(most=None, after=None, is_short=True),
    ),
    "lists of an order of their own": (
        "{ companies { nodes { ... { contacts(orderBy: [{field: NAME}]) { nodes { id } } } } } }",
        {},
        Walk(most=None, after=None, is_short=True),
    ),
    "lists of the usual length": (
        "{ companies { nodes { contacts(filter: {}) { nodes { emails { address } } } } } }",
        {},
        Walk(most=None, after=None, is_short=False),
    ),
    "a filter of literals": (
        "{ contacts(filter: {seniority: {in: [VP]}, and: [{city: {eq: null}}],"
        ' createdAt: {gte: "2026-01-31T10:30:00+01:00"}}) { nodes { id } } }',
        {},
        Walk(
            most=None,
            after=None,
            is_short=False,
            filter={
                "seniority": {"in": ["VP"]},
                "createdAt": {"gte": "2026-01-31T09:30:00Z"},
                "and": [{"city": {"eq": None}}],
            },
        ),
    ),
    "a filter of variables": (
        "query ($f: JobFilter) { jobs(filter: $f) { nodes { id } } }",
        {"f": {"kind": {"eq": "EXPORT_RECORDS"}, "not": {"priority": {"gt": 3}}}},
        Walk(
            most=None,
            after=None,
            is_short=False,
            filter={"kind": {"eq": "EXPORT_RECORDS"}, "not": {"priority": {"gt": 3}}},
        ),
    ),
}
NOT_WALKED: dict[str, tuple[str, str]] = {
    "none": ("first: 0", "first is 0; leave it out for all rows, or name 1 or more."),
    "fewer than none": ("first: -1", "first is -1;"),
    "the last": ("last: 3", "Leave last out."),
    "those before": ('before: "x"', "Leave before out."),
    "some skipped": ("first: 3, offset: 2", "Leave offset out."),
}
REWRITTEN = {
    "an alias": "{ page_first: contacts { nodes_page: nodes { id } } }",
    "names that are taken": (
        "query ($page_first: Boolean!, $page_first_: Boolean!, $page_after: Int) {"
        " contacts(first: $page_after) { nodes { id @skip(if: $page_first)"
        " title @skip(if: $page_first_) } } }"
    ),
    "fragments": (
        "query Q($n: Int) { ...R ... on Query { contacts(first: $n) { nodes { title } } } }"
        " fragment R on Query { contacts(first: $n) { ...C ... { nodes { fullName } } } }"
        " fragment C on ContactConnection { nodes { ...N } } fragment N on Contact { id }"
    ),
    "another operation beside": (
        "query Q { contacts { edges { node { ...N } } } } query P { contact(id: 1) { ...N } }"
        " fragment N on Contact { id }"
    ),
    "nested lists": (
        "{ companies { edges { cursor node { contacts(first: 2) { totalCount pageInfo "
        "{ endCursor } nodes { id } } } } } }"
    ),
}


def paged(query: str, name: str | None = None) -> PagedDocument:
    """The document of a text page by page."""
    document = read_document(SCHEMA, query)
    operation = document.operation(name)
    assert operation is not None
    return PagedDocument(operation)


@pytest.mark.parametrize(("query", "message"), REFUSED.values(), ids=REFUSED)
def test_what_is_not_one_list_is_refused_with_what_to_do(query: str, message: str) -> None:
    """Nothing that a line could not hold is left out without a word."""
    with pytest.raises(InvalidInput) as refused:
        paged(query)
    assert message in refused.value.message


@pytest.mark.parametrize(("query", "given", "walk"), WALKS.values(), ids=WALKS)
def test_walk_is_what_the_arguments_say(query: str, given: dict[str, Any], walk: Walk) -> None:
    """`first` and `after` say where a stream begins and ends, `filter` which rows it has."""
    assert paged(query).walk(given) == walk


@pytest.mark.parametrize(("arguments", "message"), NOT_WALKED.values(), ids=NOT_WALKED)
def test_stream_goes_forward(arguments: str, message: str) -> None:
    """What asks for another end of the list, or no row at all, is refused."""
    with pytest.raises(InvalidInput) as refused:
        paged(f"{{ contacts({arguments}) {{ nodes {{ id }} }} }}").walk({})
    assert message in refused.value.message


@pytest.mark.parametrize("given", [{"n": "x"}, {"n": 2**31}, {"n": 1, "f": {"nothing": 1}}])
def test_variable_of_a_wrong_type_is_refused(given: dict[str, Any]) -> None:
    """It is refused before anything is read, as a document that cannot be executed."""
    query = (
        "query ($n: Int, $f: ContactFilter) { contacts(first: $n, filter: $f) { nodes { id } } }"
    )
    with pytest.raises(InvalidDocument):
        paged(query).walk(given)


@pytest.mark.parametrize("query", REWRITTEN.values(), ids=REWRITTEN)
def test_document_of_a_page_fits_the_schema(query: str) -> None:
    """However it is written, what is executed is as valid as what was sent."""
    name = "Q" if "query Q" in query else None
    tree = paged(query, name).operation.document.tree
    # What only the original or its other operations used stays, and harms nothing.
    rules = [
        rule
        for rule in specified_rules
        if rule not in (NoUnusedFragmentsRule, NoUnusedVariablesRule)
    ]
    assert validate(SCHEMA, tree, rules) == []


def test_least_number_of_rows_counts() -> None:
    """A limit of the server is one of the stream, unless it asks for fewer."""
    walk = Walk(most=5, after="x", is_short=False)
    assert [walk.at_most(most).most for most in (None, 3, 5, 8)] == [5, 3, 5, 5]
    assert Walk(most=None, after=None, is_short=False).at_most(3).most == 3


def test_digest_is_of_what_is_asked() -> None:
    """Spaces and the order of variables do not matter; everything else does, and who asks."""
    query = "query ($a: Int, $b: String) { contacts(first: $a, after: $b) { nodes { id } } }"
    same = paged(query.replace(" ", "\n ")).digest({"b": "x", "a": 1}, Role.VIEWER)
    assert paged(query).digest({"a": 1, "b": "x"}, Role.VIEWER) == same
    companies = paged(query.replace("contacts", "companies").replace("id", "name"))
    others = {
        paged(query).digest({"a": 2, "b": "x"}, Role.VIEWER),
        paged(query).digest({"a": 1, "b": "x"}, Role.ADMIN),
        paged(query.replace("id", "title")).digest({"a": 1, "b": "x"}, Role.VIEWER),
        companies.digest({}, Role.VIEWER),
    }
    assert len({*others, same}) == 5


def test_operation_is_rewritten_once() -> None:
    """The same operation has the same document, and so one plan; another one has another."""
    documents = PagedDocuments()
    document = DOCUMENTS.get(
        "query A { contacts { nodes { id } } } query B { contacts { nodes { id } } }"
    )
    first, second = document.operations
    assert documents.get(first) is documents.get(first)
    assert documents.get(first) is not documents.get(second)


def test_fragments_that_unfold_without_end_are_looked_at_once() -> None:
    """A document of a few lines cannot keep the server busy."""
    doubling = "".join(f" fragment F{n} on Query {{ ...F{n + 1} ...F{n + 1} }}" for n in range(40))
    query = "{ ...F0 }" + doubling + " fragment F40 on Query { contacts { nodes { id } } }"
    assert paged(query).entity == "contacts"
