"""Promises of `domain.charsets`: a name is one of a charset, or none."""

import pytest

from domain.charsets import charset_of
from domain.imports import ImportOptions, problems_of


@pytest.mark.parametrize(
    ("name", "charset"),
    [
        *(("UTF8", "utf-8"), ("Windows-1252", "cp1252"), ("latin1", "iso8859-1")),
        *(("utf-8-sig", "utf-8-sig"), ("UTF-16", "utf-16"), ("Shift-JIS", "shift_jis")),
    ],
)
def test_a_charset_has_one_name(name: str, charset: str) -> None:
    """Whatever people call it."""
    assert charset_of(name) == charset


@pytest.mark.parametrize(
    "name",
    [
        *("unicode_escape", "Unicode-Escape", "raw_unicode_escape", "idna", "punycode", "utf-7"),
        *("U7", "rot13", "hex", "undefined", "charmap", "hz", "klingon", "", "a\0b", "\ud800"),
    ],
)
def test_a_codec_that_is_no_charset_is_refused(name: str) -> None:
    """Out of escapes come halves of characters, which nobody can store or show."""
    assert charset_of(name) is None
    assert "encoding" in problems_of(ImportOptions(encoding=name))


def test_half_a_character_is_no_delimiter() -> None:
    """It could not be shown."""
    assert "delimiter" in problems_of(ImportOptions(delimiter="\ud800"))
