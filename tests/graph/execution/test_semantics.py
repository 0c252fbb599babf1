"""What executing means, sentence by sentence: graphql-core is the authority, and both agree."""

from typing import Any

import orjson
import pytest

from graph.request import GraphQLRequest
from tests.graph.execution.pair import Pair


def error(message: str, column: int, *path: str | int) -> dict[str, Any]:
    """An error of a document of one line."""
    return {
        "message": message,
        "locations": [{"line": 1, "column": column}],
        "path": list(path),
    }


def no_null(field: str, column: int, *path: str | int) -> dict[str, Any]:
    """The error of a field that must not be null and is."""
    return error(f"Cannot return null for non-nullable field {field}.", column, *path)


@pytest.mark.parametrize("field", ["oddIsNull", "oddIsNullLater"])
async def test_null_where_none_is_allowed_takes_the_nearest_that_can_be_null(
    pair: Pair, field: str
) -> None:
    """The others of the list stay."""
    answer = await pair.ask(f"{{ maybeAuthors {{ id {field} }} }}")
    even = [{"id": str(number), field: "even"} for number in (0, 2)]
    assert answer["data"] == {"maybeAuthors": [even[0], None, even[1]]}
    assert answer["errors"] == [no_null(f"Author.{field}", 21, "maybeAuthors", 1, field)]


@pytest.mark.parametrize("field", ["oddIsNull", "oddIsNullLater"])
async def test_null_where_none_is_allowed_anywhere_above_takes_everything(
    pair: Pair, field: str
) -> None:
    """There is no data at all then."""
    answer = await pair.ask(f"{{ authors {{ {field} }} }}")
    assert answer["data"] is None
    assert answer["errors"] == [no_null(f"Author.{field}", 13, "authors", 1, field)]


@pytest.mark.parametrize("field", ["oddFails", "oddFailsLater"])
async def test_resolver_that_raises_leaves_null_where_it_is_allowed(pair: Pair, field: str) -> None:
    """With its place in the document and in the answer."""
    answer = await pair.ask(f"{{ authors {{ {field} }} }}")
    assert answer["data"] == {"authors": [{field: "even"}, {field: None}, {field: "even"}]}
    assert answer["errors"] == [error("Author 1 is odd.", 13, "authors", 1, field)]


@pytest.mark.parametrize("field", ["oddFailsHard", "oddFailsHardLater"])
async def test_resolver_that_raises_takes_along_what_must_not_be_without_it(
    pair: Pair, field: str
) -> None:
    """As null would do there."""
    answer = await pair.ask(f"{{ maybeAuthors {{ {field} }} }}")
    assert answer["data"] == {"maybeAuthors": [{field: "even"}, None, {field: "even"}]}
    assert answer["errors"] == [error("Author 1 is odd.", 18, "maybeAuthors", 1, field)]


async def test_null_goes_up_through_fields_that_must_not_be_null(pair: Pair) -> None:
    """Through several levels, up to one that may be."""
    answer = await pair.ask(
        "{ author(number: 2) { id bestFriend { bestFriend { bestFriend { id } } } } }"
    )
    assert answer["data"] == {"author": None}
    assert answer["errors"] == [
        no_null("Author.bestFriend", 52, "author", "bestFriend", "bestFriend", "bestFriend")
    ]


async def test_lists_may_hold_null_lists_and_nothing(pair: Pair) -> None:
    """Where their type allows it."""
    answer = await pair.ask("{ author { holes grid shelves { id } books(first: 0) { id } } }")
    assert answer == {
        "data": {
            "author": {
                "holes": [1, None, 0],
                "grid": [[0, None], [], None],
                "shelves": [[{"id": "0"}], []],
                "books": [],
            }
        }
    }


async def test_null_in_a_list_that_must_not_hold_it_takes_the_list(pair: Pair) -> None:
    """The error says which item it was."""
    answer = await pair.ask("{ author { gaps } }")
    assert answer["data"] == {"author": {"gaps": None}}
    assert answer["errors"] == [no_null("Author.gaps", 12, "author", "gaps", 1)]


@pytest.mark.parametrize(
    ("field", "message"),
    [
        ("colour", "Enum 'Colour' cannot represent value: 'green'"),
        ("noNumber", "Int cannot represent non-integer value: 'author 1'"),
        ("tooLarge", "Int cannot represent non 32-bit signed integer value: 1099511627776"),
        ("noList", "Expected Iterable, but did not find one for field 'Author.noList'."),
        ("secret", "Nobody may see this."),
    ],
)
async def test_value_that_cannot_be_written_is_an_error_of_its_field(
    pair: Pair, field: str, message: str
) -> None:
    """Unknown enum values, wrong numbers, lists that are none, and what nobody may see."""
    answer = await pair.ask(f"{{ author(number: 1) {{ id {field} }} }}")
    assert answer["data"] == {"author": {"id": "1", field: None}}
    assert answer["errors"] == [error(message, 26, "author", field)]


async def test_scalar_that_cannot_be_written_is_an_error_of_its_item(pair: Pair) -> None:
    """A scalar of our own raises for one of the list."""
    answer = await pair.ask("{ author(number: 1) { evens } }")
    assert answer["data"] == {"author": {"evens": [None, 2]}}
    assert answer["errors"] == [error("1 is odd.", 23, "author", "evens", 0)]


async def test_interface_is_what_the_value_is(pair: Pair) -> None:
    """Fields of the interface, and of each type that it can be."""
    answer = await pair.ask(
        """{ things { __typename id shout(times: 2)
            ... on Author { number } ... on Book { author { id } } ... on Thing { label } } }"""
    )
    author = {"id": "1", "shout": "author 1!!", "number": 1, "label": "author 1"}
    book = {"id": "10", "shout": "b!!", "author": {"id": "1"}, "label": "b"}
    other = {"id": "0", "shout": "author 0!!", "number": 0, "label": "author 0"}
    assert answer["data"]["things"] == [
        {"__typename": "Author"} | author,
        {"__typename": "Book"} | book,
        None,
        {"__typename": "Author"} | other,
    ]


async def test_union_is_what_the_value_is(pair: Pair) -> None:
    """A type for which nothing is selected is an empty object."""
    answer = await pair.ask("{ found { ... on Author { number } ... on Note { text } } }")
    assert answer == {"data": {"found": [{"text": "a"}, {"number": 1}, {}]}}


async def test_lists_of_interfaces_in_lists(pair: Pair) -> None:
    """Each item is what it is."""
    answer = await pair.ask("{ pairs { __typename id } }")
    author, book = {"__typename": "Author", "id": "0"}, {"__typename": "Book", "id": "30"}
    assert answer == {"data": {"pairs": [[author, None], [book], []]}}


async def test_value_that_no_type_of_an_interface_takes_is_an_error(pair: Pair) -> None:
    """The others of the list stay."""
    answer = await pair.ask("{ stray { id } }")
    assert answer["data"] == {"stray": [{"id": "0"}, None]}
    (problem,) = answer["errors"]
    assert problem["path"] == ["stray", 1]


async def test_field_that_is_selected_several_times_is_there_once(pair: Pair) -> None:
    """With all that is selected below it, in the order in which it came first."""
    answer = await pair.ask(
        """{ author(number: 1) { id ...A friend { label } ... on Author { friend { id } label } }
            again: author { id } author(number: 1) @skip(if: true) { number } }
        fragment A on Author { friend { number ...B } id }
        fragment B on Thing { shout }"""
    )
    friend = {"number": 0, "shout": "author 0!", "label": "author 0", "id": "0"}
    author = {"id": "1", "friend": friend, "label": "author 1"}
    assert list(answer["data"]["author"]) == list(author)
    assert list(answer["data"]["author"]["friend"]) == list(friend)
    assert answer == {"data": {"author": author, "again": {"id": "0"}}}


async def test_merged_fields_below_a_list_come_in_order(pair: Pair) -> None:
    """Keys stand where they were selected first, whatever fragments they come from."""
    answer = await pair.ask(
        """{ authors(count: 1) {
            books(first: 1) { label } ...A books(first: 1) { author { number } } } }
        fragment A on Author { id books(first: 1) { id ...B } label }
        fragment B on Book { author { id } __typename }"""
    )
    (author,) = answer["data"]["authors"]
    assert list(author) == ["books", "id", "label"]
    assert list(author["books"][0]) == ["label", "id", "author", "__typename"]
    assert author["books"][0]["author"] == {"id": "0", "number": 0}


@pytest.mark.parametrize(
    ("skip", "include", "is_there"),
    [(False, True, True), (True, True, False), (False, False, False), (True, False, False)],
)
async def test_directives_leave_out_fields_and_fragments(
    pair: Pair, skip: bool, include: bool, is_there: bool
) -> None:
    """Both have to allow it, and the same document is asked with other variables."""
    answer = await pair.ask(
        """query ($skip: Boolean!, $include: Boolean! = false) { __typename
            a: author @skip(if: $skip) @include(if: $include) { id }
            ... @skip(if: $skip) @include(if: $include) { b: author { id } }
            ...A @skip(if: $skip) @include(if: $include) }
        fragment A on Query { c: author { id } }""",
        skip=skip,
        include=include,
    )
    there = {each: {"id": "0"} for each in "abc"} if is_there else {}
    assert answer == {"data": {"__typename": "Query"} | there}


async def test_selection_of_which_nothing_is_left_is_an_empty_object(pair: Pair) -> None:
    """Of one object as of many."""
    answer = await pair.ask(
        """query ($no: Boolean = false) { authors { id @include(if: $no) }
            author { friend @include(if: $no) { id } } }"""
    )
    assert answer == {"data": {"authors": [{}, {}, {}], "author": {}}}
    assert await pair.ask("{ author @include(if: false) { id } }") == {"data": {}}


WISH = """query ($label: String!, $n: Int! = 7, $c: Colour, $w: Wish) {
    wish(wish: {label: $label, many: [1, $n], colour: $c, deeper: $w}) }"""


@pytest.mark.parametrize(
    "sent",
    [
        {"label": "a"},
        {"label": "a", "n": 3, "c": "BLUE"},
        {"label": "a", "c": None, "w": {"many": 5}},
        {"label": "a", "n": None},
        {"label": None},
        {},
        {"label": "a", "n": "x"},
        {"label": "a", "c": "GREEN"},
        {"label": "a", "w": {"label": 3, "unknown": 1}},
        {"label": "a", "w": {"deeper": {"deeper": {"many": [1, None]}}}},
        {"label": "a", "unknown": 1},
    ],
    ids=str,
)
async def test_variables_are_read_as_graphql_core_reads_them(
    pair: Pair, sent: dict[str, Any]
) -> None:
    """Defaults, absent ones, null and mistakes, with the same words."""
    answer = await pair.ask(WISH, **sent)
    assert ("errors" in answer) == (answer["data"] is None)


async def test_argument_that_becomes_null_by_its_variable_is_an_error_of_its_field(
    pair: Pair,
) -> None:
    """The default of the variable made the document valid, the request sends null all the same."""
    query = """query ($if: Boolean = true, $n: Int = 2) {
        author { books(first: $n) { id } shout @include(if: $if) } }"""
    assert "errors" not in await pair.ask(query)
    answer = await pair.ask(query, n=None)
    assert answer["data"] == {"author": None}
    assert answer["errors"][0]["path"] == ["author", "books"]
    assert "errors" in await pair.ask(query, **{"if": None})


async def test_errors_come_in_the_order_of_the_document(pair: Pair) -> None:
    """Not in the order in which they happened; within a field by position."""
    answer = await pair.ask(
        "{ late: fails maybeAuthors(count: 4) { oddFailsLater oddFails secret } early: fails }"
    )
    paths = [error["path"] for error in answer["errors"]]
    assert paths == [
        ["late"],
        *(["maybeAuthors", at, "oddFailsLater"] for at in (1, 3)),
        *(["maybeAuthors", at, "oddFails"] for at in (1, 3)),
        *(["maybeAuthors", at, "secret"] for at in range(4)),
        ["early"],
    ]
    assert answer["errors"][0]["extensions"] == {"code": "FAILED"}


async def test_failing_root_field_that_must_not_be_null_leaves_no_data(pair: Pair) -> None:
    """Whatever stands beside it."""
    answer = await pair.ask("{ author { id } failsHard }")
    assert answer["data"] is None
    assert answer["errors"] == [error("It failed hard.", 17, "failsHard")]


async def test_selection_may_be_deep(pair: Pair) -> None:
    """Each level below the last, through fragments that name each other."""
    fragments = "".join(
        f" fragment F{at} on Author {{ id friend {{ ...F{at + 1} }} }}" for at in range(20)
    )
    last = " fragment F20 on Author { id }"
    answer = await pair.ask(f"{{ author(number: 25) {{ ...F0 }} }}{fragments}{last}")
    found = answer["data"]["author"]
    for number in range(25, 5, -1):
        assert found["id"] == str(number)
        found = found["friend"]
    assert found == {"id": "5"}


async def test_one_operation_of_several_is_executed(pair: Pair) -> None:
    """Each with the variables that it declares itself."""
    query = """query A($n: Int = 1) { author(number: $n) { id } }
        query B($n: Int = 2) { author(number: $n) { id } }"""
    for name, number in (("A", "1"), ("B", "2")):
        compiled, core = await pair.both(GraphQLRequest(query, {}, name))
        assert compiled == core
        assert orjson.loads(compiled.body) == {"data": {"author": {"id": number}}}
