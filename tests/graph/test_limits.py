"""What a document may be: counted before it is validated, and refused by name and number."""

import asyncio
import gc
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from graphql import get_introspection_query, parse

from domain.errors import LimitExceeded, QueryTooDeep
from graph.documents import MAX_ERRORS, Documents, InvalidDocument, read_document
from graph.errors import MAX_MESSAGE_CHARS
from graph.limits import DocumentLimits, Extent, check_limits, extent_of
from graph.overlaps import pairs_of
from graph.schema import core_schema
from tests.apps import App
from tests.graph.answers import as_body, the_error
from tests.graph.hostile import HOSTILE
from tests.graph.sockets import until

ROOT = Path(__file__).parents[2]
MEBIBYTE = 2**20
# Most take milliseconds, and what nothing bounds took 5 to 13 s. How soon each is answered, `make
# bench-limits` tells: on a machine that does other things, a third of one was a second here.
MAX_CPU_SECONDS = 4.0
LIGHT = as_body("{ contacts(first: 1) { nodes { id } } }")


def limits(**other: Any) -> DocumentLimits:
    """The usual limits but for these."""
    return replace(DocumentLimits(), **other)


def extent(text: str) -> Extent:
    """What is counted in a document, which need not fit the schema."""
    return extent_of(parse(text))


def resident_bytes() -> int:
    """The memory of this process."""
    pages = Path("/proc/self/statm").read_text().split()[1]
    return int(pages) * 4096


# What is counted.

COUNTED: dict[str, tuple[str, dict[str, int]]] = {
    "fields": ("{ a { b c } d }", {"fields": 4, "depth": 2, "aliases": 0, "directives": 0}),
    "aliases": ("{ x: a { y: b b } }", {"fields": 3, "aliases": 2}),
    "directives": (
        "query ($v: Int @a) @b { c @d @e ... @f { g } ...F @h } fragment F on Q @i { j @k }",
        {"directives": 8, "fields": 3},
    ),
    "a fragment as often as it is spread": (
        "{ ...F a { ...F } } fragment F on Q { x: b { c @d } }",
        {"fields": 5, "aliases": 2, "directives": 2, "depth": 3},
    ),
    "fragments in fragments": (
        "{ ...F } fragment F on Q { a { ...G ...G } } fragment G on Q { b { c } }",
        {"fields": 5, "depth": 3, "nesting": 2},
    ),
    "inline fragments add no level": ("{ ... { ... on Q { a { ... { b } } } } }", {"depth": 2}),
    "all operations": ("query A { ...F } query B { ...F } fragment F on Q { x: a }", {
        "fields": 2, "aliases": 2,
    }),
    "a fragment that nothing spreads": ("{ a } fragment F on Q { b { c } }", {
        "fields": 3, "depth": 2,
    }),
    "a fragment that is not there": ("{ a ...F }", {"fields": 1, "nesting": 1}),
    "a fragment in itself": ("{ ...F } fragment F on Q { a { ...F } }", {"fields": 1, "depth": 1}),
    "fragments in each other": (
        "{ ...F } fragment F on Q { a ...G } fragment G on Q { b ...F }",
        {"fields": 2},
    ),
    "what doubles, up to a bound": (
        "{ ...F0 }"
        + "".join(f"fragment F{n} on Q {{ ...F{n + 1} ...F{n + 1} }}" for n in range(200))
        + "fragment F200 on Q { x: a }",
        {"fields": 10**9, "aliases": 10**9, "nesting": 201, "depth": 1},
    ),
    "the schema by itself": (
        "{ a __schema { types { fields { args { name } } } } }",
        {"depth": 1, "schema_depth": 5, "schema_lists": 3, "fields": 6},
    ),
    "the schema through fragments": (
        "{ ...F } fragment F on Q { __type { ...G } } fragment G on T { fields { type { ...H } } }"
        " fragment H on T { fields { name } }",
        {"depth": 0, "schema_depth": 5, "schema_lists": 2},
    ),
    "fields of such names elsewhere": (
        "{ a { fields { args { types { b } } } } }",
        {"depth": 5, "schema_depth": 0, "schema_lists": 0},
    ),
    "the schema's name for something else": (
        "{ __schema: a { b { c } } ...__schema } fragment __schema on Q { d { e } }",
        {"depth": 3, "schema_depth": 0},
    ),
    "something else's name for the schema": ("{ a: __schema { b { c } } }", {
        "depth": 0, "schema_depth": 3,
    }),
}  # fmt: skip


@pytest.mark.parametrize(("text", "counted"), COUNTED.values(), ids=COUNTED)
def test_document_is_counted_through_its_fragments(text: str, counted: dict[str, int]) -> None:
    """As much as it stands for, in the time that it takes to read it."""
    found = extent(text)
    assert {name: getattr(found, name) for name in counted} == counted


def test_chain_of_fragments_is_counted_without_recursion() -> None:
    """However long it is, and in whatever order it is written."""
    chain = [f"fragment F{n} on Q {{ ...F{n + 1} }}" for n in range(1500)]
    last = "fragment F1500 on Q { a }"
    for parts in (["{ ...F0 }", *chain, last], [last, *reversed(chain), "{ ...F0 }"]):
        found = extent(" ".join(parts))
        assert (found.nesting, found.fields) == (1501, 1)


PAIRS: dict[str, tuple[str, int]] = {
    "none": ("{ a b c { a b } d { a b } }", 0),
    "three that are one": ("{ a a a }", 3),
    "of aliases": ("{ x: a x: a a }", 1),
    "with what is below": ("{ a { b } a { b } a { c } }", 3 + 1),
    "in inline fragments": ("{ a ... { a } ... on Q { a { b } } }", 3),
    "of fragments": (
        "{ ...F ...G ...H } fragment F on Q { a } fragment G on Q { b } fragment H on Q { a }",
        3 + 1,
    ),
    "of each operation": ("query A { a a } query B { a a }", 2),
    "in a circle": ("{ ...F } fragment F on Q { ...F a { ...F } }", 1),
}


@pytest.mark.parametrize(("text", "pairs"), PAIRS.values(), ids=PAIRS)
def test_pairs_are_those_that_validation_compares(text: str, pairs: int) -> None:
    """Fields of the same name at the same place, and fragments there."""
    assert pairs_of(parse(text), most=1000) == pairs


# What is refused.

REFUSED: dict[str, tuple[dict[str, int], str, str, int, int]] = {
    "operations": (
        {"operations": 1}, "query A { a } query B { b }", "The document has 2 operations;", 1, 2,
    ),
    "directives": (
        {"directives": 1}, "{ a @b @c }", "The document has 2 directives;", 1, 2,
    ),
    "aliases": ({"aliases": 1}, "{ x: a y: a }", "The document has 2 aliases;", 1, 2),
    "fields": ({"fields": 1}, "{ a b }", "The document has 2 fields;", 1, 2),
    "depth": ({"depth": 1}, "{ a { b } }", "The document is too deep. Its fields are 2", 1, 2),
    "the schema": (
        {}, "{ __schema " + "{ a " * 20 + "}" * 21,
        "The document is too deep. What it asks of the schema are 21", 20, 21,
    ),
    "lists of the schema": (
        {}, "{ __type { fields { args { fields { args { a } } } } } }",
        "The document is too deep. Lists of the schema are 4", 3, 4,
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    ("given", "text", "message", "limit", "actual"), REFUSED.values(), ids=REFUSED
)
def test_what_is_beyond_a_limit_is_refused_with_both_numbers(
    given: dict[str, int], text: str, message: str, limit: int, actual: int
) -> None:
    """And taken where the limit is one more."""
    with pytest.raises(LimitExceeded) as refused:
        check_limits(parse(text), limits(**given))
    assert refused.value.message.startswith(message)
    assert refused.value.details == {"limit": limit, "actual": actual}
    assert isinstance(refused.value, QueryTooDeep) is ("deep" in message)
    if given:
        check_limits(parse(text), limits(**{name: most + 1 for name, most in given.items()}))


def test_text_is_bounded_before_it_is_read() -> None:
    """Fifty characters a token; a document of an operator has neither bound."""
    documents = Documents(core_schema(), limits=limits(tokens=50))
    text = "{ __typename" + " " * 2487 + "}"
    assert documents.get(text).operations
    with pytest.raises(InvalidDocument) as refused:
        documents.get(text + " ")
    assert refused.value.errors[0].message.startswith("The document has 2501 characters; at most")
    with pytest.raises(InvalidDocument):
        documents.get("{" + " __typename" * 60 + "}")
    assert read_document(core_schema(), "{" + " __typename" * 60 + " " * 9000 + "}").operations


def test_strangers_have_smaller_documents_where_the_schema_is_hidden() -> None:
    """Enough to log in; where the schema is open, as much as anybody."""
    login = """mutation { login(input: {email: "a@example.com", password: "a"}) {
        accessToken accessTokenExpiresAt refreshToken refreshTokenExpiresAt
        user { id name role } userErrors { code message path } clientMutationId } }"""
    hidden = Documents(core_schema(), limits=limits(introspection=False))
    assert hidden.get(login, keep=False).operations
    for text in ("{" + " __typename" * 41 + "}", "{" + " a" * 200 + "}"):
        with pytest.raises(InvalidDocument):
            hidden.get(text, keep=False)
    many = "{" + " __typename" * 41 + "}"
    assert Documents(core_schema(), limits=limits()).get(many, keep=False).operations
    assert hidden.get(many).operations


def test_fragments_that_nothing_spreads_are_refused_first() -> None:
    """In the words of validation, which would compare all that stands in them."""
    unused = "{ __typename nothing } fragment F on Query { viewer { id } viewer { id } }"
    with pytest.raises(InvalidDocument) as refused:
        read_document(core_schema(), unused)
    assert [error.message for error in refused.value.errors] == ["Fragment 'F' is never used."]


def test_documents_of_tools_are_within_the_limits() -> None:
    """What codegen, Apollo and the explorer ask of the schema."""
    explorer = (ROOT / "app/pages/schema.js").read_text()
    found = re.search(r"`(query ExplorerSchema.*?)`", explorer, re.DOTALL)
    assert found is not None
    everything = get_introspection_query(
        specified_by_url=True,
        directive_is_repeatable=True,
        schema_description=True,
        input_value_deprecation=True,
    )
    for text in (found[1], everything):
        assert Documents(core_schema()).get(text).operations


# Over HTTP.


@pytest.fixture
def collector() -> Iterator[None]:
    """The garbage collector looks as often as Python has it."""
    before = gc.get_threshold()
    gc.set_threshold(700, 10, 10)
    yield
    gc.set_threshold(*before)


@pytest.mark.usefixtures("collector")
@pytest.mark.one_executor("what is measured is one")
async def test_hostile_documents_are_told_why_while_others_are_answered(empty_app: App) -> None:
    """Each an error in the form of all errors, soon; nothing is left of them in memory."""
    await empty_app.post(LIGHT)
    before, wrong, slow = resident_bytes(), {}, {}
    async with answering(lambda: empty_app.post(LIGHT)) as answers:
        for name, hostile in HOSTILE.items():
            more = longer(answers)
            body, began = hostile.body, time.thread_time()
            response = await empty_app.post(body)
            seconds = time.thread_time() - began
            if seconds >= MAX_CPU_SECONDS:
                slow[name] = seconds
            told = await code_of(response)
            if told != hostile.code:
                wrong[name] = told
            await until(more)
    assert wrong == {}
    assert slow == {}
    assert len(HOSTILE) > 110
    assert len(answers) > len(HOSTILE)
    assert {answer.status_code for answer in answers} == {200}
    assert resident_bytes() - before < 100 * MEBIBYTE


def longer(answers: list[httpx.Response]) -> Callable[[], bool]:
    """Tells whether more have come than there are now."""
    known = len(answers)
    return lambda: len(answers) > known


@asynccontextmanager
async def answering(
    ask: Callable[[], Awaitable[httpx.Response]],
) -> AsyncIterator[list[httpx.Response]]:
    """Ask again and again beside the block; gives the answers that have come."""
    answers: list[httpx.Response] = []

    async def go_on() -> None:
        while True:
            answers.append(await ask())

    task = asyncio.create_task(go_on())
    try:
        yield answers
    finally:
        task.cancel()
        await asyncio.wait((task,))
    # What ended it was that, and no error.
    assert task.cancelled()


async def code_of(response: httpx.Response) -> str | None:
    """What a request is told is wrong with it; None when it was answered."""
    body = response.json()
    if "errors" not in body:
        return None
    assert body.get("data") is None
    assert len(body["errors"]) <= MAX_ERRORS
    for error in body["errors"]:
        assert error["extensions"]["requestId"] == response.headers["x-request-id"]
        assert 0 < len(error["message"]) <= MAX_MESSAGE_CHARS
    return str(body["errors"][0]["extensions"]["code"])


async def test_number_that_cannot_be_read_is_a_mistake_in_the_document(empty_app: App) -> None:
    """Python reads no number of so many digits, and says so in words of its own."""
    response = await empty_app.post(HOSTILE["a number of 10 000 digits"].body)
    error = the_error(response, 200, "GRAPHQL_VALIDATION_FAILED")
    assert error["message"] == "A number has more digits than can be read."
