"""Keys of retries: which texts are keys, and which requests are the same."""

from datetime import UTC, datetime

import pytest

from domain.errors import InvalidInput
from domain.idempotency import check_key, request_hash
from domain.records import ContactFields, NewEmail, NewLocation
from domain.scalars import Json


@pytest.mark.parametrize("key", ["a", "0b7e8d7e-6f0a-4f6e-9d3e-0f4c1f9a2b3c", "!~", "k" * 255])
def test_visible_text_of_up_to_255_characters_is_a_key(key: str) -> None:
    """A key is taken as it is."""
    assert check_key(key) == key


@pytest.mark.parametrize("key", ["", "k" * 256, "a b", " a", "a\n", "ä", "\0", "a\x7f"])
def test_anything_else_is_no_key(key: str) -> None:
    """The message says what a key is."""
    with pytest.raises(InvalidInput, match="1 to 255 visible ASCII characters"):
        check_key(key)


def test_hash_is_the_same_in_every_process() -> None:
    """Two servers, or one before and after its restart, agree on what the same request is."""
    asked = ContactFields(
        first_name="Ada",
        title=None,
        emails=[NewEmail(address="ada@acme.com", verified_at=datetime(2026, 1, 31, tzinfo=UTC))],
        location=NewLocation(city="Zürich"),
        custom_fields=Json({"b": 1, "a": [1.5, 10**30]}),
    )

    assert request_hash("createContact", asked).hex() == (
        "b66fd4f2f519e9bbec707994be8bfc7910c68c6398b61d89cd1cb8ca801f527f"
    )


def test_order_of_keys_in_a_json_value_means_nothing() -> None:
    """A client may write an object's keys in any order."""
    first = ContactFields(custom_fields=Json({"a": 1, "b": 2}))
    second = ContactFields(custom_fields=Json({"b": 2, "a": 1}))

    assert request_hash("m", first) == request_hash("m", second)


@pytest.mark.parametrize(
    ("mutation", "asked"),
    [
        ("updateContact", ContactFields(first_name="Ada")),
        ("createContact", ContactFields(first_name="ada")),
        ("createContact", ContactFields(first_name="Ada", title=None)),
        ("createContact", ContactFields(first_name="Ada", tags=[])),
        ("createContact", ContactFields()),
    ],
)
def test_another_mutation_or_input_has_another_hash(mutation: str, asked: ContactFields) -> None:
    """The name counts, and every field: left out and null are different."""
    assert request_hash(mutation, asked) != request_hash(
        "createContact", ContactFields(first_name="Ada")
    )
