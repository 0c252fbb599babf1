"""The guard against formulas: no dangerous cell, and every text comes back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.formulas import BLANKS, DANGEROUS, guarded, unguarded

ANY_TEXT = st.text(alphabet=st.sampled_from(["'", "a", "1", *DANGEROUS, *BLANKS]), max_size=6)


@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        "+49 30",
        "-1",
        "@SUM(A1)",
        "\tx",
        "\rx",
        "\nx",
        "＝1",
        "＋1",
        "－1",
        "＠a",
        " =1+1",
        "\u00a0=1+1",
        "\u200b=1+1",
        "\ufeff=1+1",
        "\u2028 \v=1+1",
        "   -",
        "=cmd|' /C calc'!A0",
        "'",
        "'hello",
        "'=1",
    ],
)
def test_text_that_would_be_calculated_is_guarded(text: str) -> None:
    """Whatever blanks stand before it; a text that begins with the guard gets another one."""
    assert guarded(text) == f"'{text}"
    assert unguarded(guarded(text)) == text


@pytest.mark.parametrize("text", ["", "Ada", "a=1", "1-2", " Ada", "\u00a0", "49+30", "ada@x.org"])
def test_other_text_stays_as_it_is(text: str) -> None:
    """The guard is for the beginning alone."""
    assert guarded(text) == text


@pytest.mark.parametrize("text", ["'hello", "'t Hooft", "'", "' a", "Ada"])
def test_apostrophe_that_guards_nothing_stays(text: str) -> None:
    """A file from elsewhere keeps its texts."""
    assert unguarded(text) == text


@given(text=ANY_TEXT)
def test_every_text_comes_back(text: str) -> None:
    """What is guarded and read again is what it was."""
    assert unguarded(guarded(text)) == text


@given(text=ANY_TEXT)
def test_no_guarded_text_is_dangerous(text: str) -> None:
    """Its first character that is no blank makes no formula."""
    assert guarded(text).lstrip(BLANKS)[:1] not in set(DANGEROUS)


def test_every_blank_of_unicode_is_known() -> None:
    """Python's own list has none that stands in neither set."""
    spaces = {chr(code) for code in range(0x110000) if chr(code).isspace()}
    assert spaces <= {*BLANKS, *DANGEROUS}
    assert not {*BLANKS} & {*DANGEROUS}
