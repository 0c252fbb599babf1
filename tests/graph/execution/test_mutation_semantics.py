"""Mutations are done one after the other, once, and stop where nothing of them can be answered."""

import pytest

from tests.graph.execution.pair import Pair


async def test_root_fields_are_done_one_after_the_other(pair: Pair) -> None:
    """Each is over before the next begins, in the order of the document."""
    answer, did = await pair.do(
        """mutation ($no: Boolean = false) { b: later(name: "b") ...A now(name: "c") { id }
            d: later(name: "d") @include(if: $no) e: later(name: "e") }
        fragment A on Mutation { a: later(name: "a") }"""
    )
    assert did == ["b begins", "b ends", "a begins", "a ends", "c", "e begins", "e ends"]
    assert list(answer["data"]) == ["b", "a", "now", "e"]


async def test_what_is_below_a_field_is_asked_before_the_next_is_done(pair: Pair) -> None:
    """The author that comes back is numbered by what was done so far."""
    answer, did = await pair.do(
        """mutation { a: now(name: "a") { number books { id } } b: now(name: "b") { number } }"""
    )
    assert did == ["a", "b"]
    assert answer["data"]["a"] == {"number": 1, "books": [{"id": "10"}, {"id": "11"}]}
    assert answer["data"]["b"] == {"number": 2}


async def test_field_that_is_selected_twice_is_done_once(pair: Pair) -> None:
    """It is one field with two selections."""
    answer, did = await pair.do(
        """mutation { now(name: "a") { id } ... on Mutation { now(name: "a") { number } } }"""
    )
    assert did == ["a"]
    assert answer["data"] == {"now": {"id": "1", "number": 1}}


async def test_failure_where_null_is_allowed_stops_nothing(pair: Pair) -> None:
    """The next one is done."""
    answer, did = await pair.do('mutation { fail(name: "a") later(name: "b") }')
    assert did == ["a", "b begins", "b ends"]
    assert answer["data"] == {"fail": None, "later": "b"}
    (problem,) = answer["errors"]
    assert (problem["message"], problem["path"]) == ("a failed.", ["fail"])


@pytest.mark.parametrize(
    "document",
    [
        'mutation { a: later(name: "a") failHard(name: "b") c: later(name: "c") }',
        'mutation { a: later(name: "a") nullBelow(name: "b") { oddIsNull } c: later(name: "c") }',
        """mutation { a: later(name: "a") nullBelow(name: "b") { oddIsNullLater }
            c: later(name: "c") }""",
    ],
    ids=["raises", "null below", "null below later"],
)
async def test_failure_where_null_is_not_allowed_stops_the_later_ones(
    pair: Pair, document: str
) -> None:
    """What was done stays done and is not done again; there is no data."""
    answer, did = await pair.do(document)
    assert did == ["a begins", "a ends", "b"]
    assert answer["data"] is None
    assert len(answer["errors"]) == 1


async def test_mistake_in_a_variable_does_nothing(pair: Pair) -> None:
    """No field is done, whatever stands before the mistake."""
    document = 'mutation ($name: String!) { a: later(name: "a") b: later(name: $name) }'
    answer, did = await pair.do(document, name=1)
    assert did == []
    assert answer["data"] is None


async def test_mistake_in_an_argument_is_one_of_its_field(pair: Pair) -> None:
    """The variable may be left out, but is not null for a field that does not allow it."""
    document = """mutation ($name: String = "b") { a: later(name: "a") b: later(name: $name)
        c: later(name: "c") }"""
    answer, did = await pair.do(document, name=None)
    assert did == ["a begins", "a ends", "c begins", "c ends"]
    assert answer["data"] == {"a": "a", "b": None, "c": "c"}
