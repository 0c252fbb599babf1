"""Promises of `domain.search`: words in their stored form, and limits that say what is too much."""

import pytest

from domain.errors import InvalidFilter
from domain.normalize import normalize_text
from domain.search import MAX_SEARCH_CHARS, MAX_SEARCH_WORDS, split_search


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("Ada", ["Ada"], id="one"),
        pytest.param("  Ada\tLovelace \u00a0VP\n", ["Ada", "Lovelace", "VP"], id="white-space"),
        pytest.param("E\u0301va", ["Éva"], id="composed"),
        pytest.param("A\u200bd\u00ada", ["Ada"], id="invisible"),
        pytest.param("50% a_b c\\d", ["50%", "a_b", "c\\d"], id="wildcards"),
        pytest.param("ada Ada", ["ada", "Ada"], id="as-typed"),
        pytest.param("", [], id="empty"),
        pytest.param(" \t\u200b ", [], id="blank"),
        pytest.param("-", ["-"], id="placeholder"),
        pytest.param(" ".join(["a"] * MAX_SEARCH_WORDS), ["a"] * MAX_SEARCH_WORDS, id="words"),
        pytest.param("é" * MAX_SEARCH_CHARS, ["é" * MAX_SEARCH_CHARS], id="characters"),
    ],
)
def test_search_splits_into_words_of_the_stored_form(text: str, words: list[str]) -> None:
    """White space of any kind parts words; what nobody sees is no part of them."""
    assert split_search(text) == words


@pytest.mark.parametrize("text", ["A\u200bda  E\u0301va", "Zo\u0065\u0308 \u202eW\u00a0Ж", "ﬁ Ǆ ẞ"])
def test_words_are_those_of_the_text_when_it_is_stored(text: str) -> None:
    """Who types what a record was written with finds the record."""
    assert " ".join(split_search(text)) == normalize_text(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("a" * 201, "filter.search has 201 characters; at most 200 fit.", id="long"),
        pytest.param(" a" * 9, "filter.search has 9 words; at most 8 fit.", id="words"),
        pytest.param(
            "a\0b", "filter.search: 'a\\x00b' holds a NUL character; remove it.", id="nul"
        ),
        pytest.param(
            "a\ud800", "filter.search: 'a\\ud800' holds half a surrogate pair.", id="surrogate"
        ),
        pytest.param(
            "a" + "\u0301" * 31,
            "filter.search: More than 30 combining marks follow each other.",
            id="marks",
        ),
    ],
)
def test_search_beyond_a_limit_is_refused_with_its_place(text: str, message: str) -> None:
    """What is too much, or cannot be stored, is told with the path of the search."""
    with pytest.raises(InvalidFilter) as refused:
        split_search(text, path="filter.search")
    assert refused.value.message == message
