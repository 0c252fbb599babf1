"""The guard against formulas: no dangerous cell, and every text comes back."""

from unicodedata import category

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.formulas import guarded, unguarded

SIGNS = "=+-@\t\r\n＝＋－＠"
INVISIBLE = (
    "\x00\x01\x08\v\f\x1b\x1f \x7f\x85\xa0\u00ad\u034f\u0600\u061c\u06dd\u070f\u08e2\u115f\u1160"
    "\u1680\u17b4\u17b5\u180b\u180e\u180f\u2000\u200a\u200b\u200d\u200f\u2028\u2029\u202a\u202d\u202e\u202f"
    "\u205f\u2060\u2063\u2065\u2066\u2069\u206f\u3000\u3164\ufe00\ufe0f\ufeff\uffa0\ufff0\ufff9\ufffb"
    "\U000110bd\U00013430\U0001bca0\U0001d173\U0001d17a\U000e0001\U000e0041\U000e01ef"
)
VISIBLE = "aZ09'\"!~¡¬®éΩжא中ｱ⠀♥\ufffd\U0001f469"
ANY_TEXT = st.text(alphabet=st.sampled_from(["'", "a", "1", *SIGNS, *INVISIBLE]), max_size=6)


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


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("'=1+1", "=1+1"),
        ("' \u00a0+49 30", " \u00a0+49 30"),
        ("'@ada", "@ada"),
        ("''=1", "'=1"),
        ("''hello", "'hello"),
        ("'t Hooft", "'t Hooft"),
        ("=1+1", "=1+1"),
        ("", ""),
    ],
)
def test_what_an_export_added_is_taken_off(value: str, text: str) -> None:
    """An exported file that is imported again gives the same values."""
    assert unguarded(value) == text


@given(text=ANY_TEXT)
def test_every_text_comes_back(text: str) -> None:
    """What is guarded and read again is what it was."""
    assert unguarded(guarded(text)) == text


@given(text=ANY_TEXT)
def test_no_guarded_text_is_dangerous(text: str) -> None:
    """Its first character that can be seen makes no formula."""
    assert guarded(text).lstrip(INVISIBLE)[:1] not in set(SIGNS)


@pytest.mark.parametrize("sign", SIGNS)
def test_nothing_invisible_hides_a_formula(sign: str) -> None:
    """A spreadsheet may drop it, and calculate what stands behind."""
    for hidden in (*INVISIBLE, INVISIBLE):
        assert guarded(f"{hidden}{sign}1") == f"'{hidden}{sign}1"
    for seen in VISIBLE.replace("'", ""):
        assert guarded(f"{seen}{sign}1") == f"{seen}{sign}1"


def test_everything_of_unicode_that_is_not_seen_is_known() -> None:
    """Controls, formats and blanks, as Python's own table has them."""
    unseen = {
        chr(code)
        for code in range(0x110000)
        if category(chr(code)) in {"Cc", "Cf", "Zs", "Zl", "Zp"} or chr(code).isspace()
    }
    assert not [hidden for hidden in unseen if not guarded(f"{hidden}=1").startswith("'")]
