"""What two answers may differ in, and what not."""

from typing import Any

import orjson
import pytest

from tests.sameness import is_same

A = {"message": "a", "path": ["a", "b"]}
B = {"message": "b", "path": ["a", 0, "c"]}
PLACED = {"message": "p", "path": ["p"]}


def body(data: Any, *errors: dict[str, Any]) -> bytes:
    """An answer."""
    return orjson.dumps({"errors": errors, "data": data})


@pytest.mark.parametrize(
    ("mine", "theirs"),
    [
        (body(None, A), body(None, A)),
        (body(None, A), body(None, B)),
        (body(None, A, B), body(None, B)),
        (body({"a": None, "p": None}, A, PLACED), body({"a": None, "p": None}, B, PLACED)),
    ],
)
def test_errors_below_a_null_that_went_up_may_differ(mine: bytes, theirs: bytes) -> None:
    """Whichever of them were found."""
    assert is_same(mine, theirs)
    assert is_same(theirs, mine)


@pytest.mark.parametrize(
    ("mine", "theirs"),
    [
        (body(None, A), body(None)),
        (body({"p": None}, PLACED), body({"p": None})),
        (body({"a": None, "p": None}, A, PLACED), body({"a": None, "p": None}, B)),
        (body({"a": None, "p": None}, A), body({"p": None, "a": None}, B)),
        (body({"a": None, "p": 1}, A), body({"a": None, "p": 2}, B)),
        (body(None, {"message": "request"}), body(None, A)),
        (body({"a": 1, "b": 2}), body({"b": 2, "a": 1})),
        (orjson.dumps({"errors": [A]}), body(None, A)),
    ],
)
def test_everything_else_is_a_difference(mine: bytes, theirs: bytes) -> None:
    """Data, its order, and every error that has a place."""
    assert not is_same(mine, theirs)
    assert not is_same(theirs, mine)
