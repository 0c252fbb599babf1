"""Promises of `domain.person_keys`: people are found in any text, however long it is."""

from typing import Final

import pytest

from domain.enums import SuppressedKey
from domain.person_keys import MAX_KEY_CHARS, keys_in, person_key, written_forms
from domain.privacy import PersonKey

ADA = "https://www.linkedin.com/in/ada"


FOUND: Final = {
    "plain": ("Ada@Example.com", {"ada@example.com"}),
    "in a note": ("see <ada@x.example>, (eve@x.example).", {"ada@x.example", "eve@x.example"}),
    "link": ("mailto:ada@x.example?subject", {"ada@x.example", "ada@x.example?subject"}),
    "apostrophe": ("'o'brien@x.example'", {"o'brien@x.example", "brien@x.example"}),
    "odd delimiter": ("1^ada@x.example^2", {"ada@x.example", "1^ada@x.example^2"}),
    "far behind": ("word " * 200 + "ada@x.example", {"ada@x.example"}),
    "glued to much": ("x" * 600 + "|ada@x.example", {"ada@x.example"}),
    "no address": ("@ a@b a@ @b.example 3 @ 4.5", set()),
    "too long": ("a" * MAX_KEY_CHARS + "@x.example", set()),
    "profile": ("http://de.linkedin.com/in/Ada/?trk=1", {ADA}),
    "profile in a row": ('"Ada;https://linkedin.com/in/ada,CEO', {ADA}),
    "profile in a note": ("word " * 200 + "(linkedin.com/mwlite/in/ada).", {ADA}),
    "profile, odd delimiter": ("1^linkedin.com/in/ada^2", {ADA}),
    "coded profile": ("linkedin.com/in/ad%C3%A0", {f"{ADA[:-1]}%C3%A0"}),
    "profile with a sign": (
        "linkedin.com/in/o’ada",
        {f"{ADA[:-3]}o", f"{ADA[:-3]}o%E2%80%99ada"},
    ),
    "other page": ("http://linkedin.com/pub/ada/1", {"http://linkedin.com/pub/ada/1"}),
    "no profile": ("linkedin.com and linkedin.com/in/", set()),
}


@pytest.mark.parametrize("case", FOUND)
def test_people_are_found_in_texts(case: str) -> None:
    """By addresses and profiles in stored form, whatever stands around them."""
    text, found = FOUND[case]
    assert keys_in(["", text]) == found


@pytest.mark.parametrize("part", ["a", "@", "a@", "a.", "linkedin.com", "linkedin.com/", "/"])
def test_a_text_without_end_takes_no_longer_than_many_short_ones(part: str) -> None:
    """A mebibyte without a separator: going through it from each sign again would never end."""
    text = f"linkedin.com{part * (2**20 // len(part))}"
    assert keys_in([text, f"{text} ada@x.example"]) == {"ada@x.example"}


def test_what_was_found_is_a_key() -> None:
    """Profiles are told from addresses."""
    assert person_key(ADA) == PersonKey(SuppressedKey.LINKEDIN, ADA)
    assert person_key("ada@x.example") == PersonKey(SuppressedKey.EMAIL, "ada@x.example")


def test_addresses_are_looked_for_as_people_write_them() -> None:
    """The domain also in its own script; what is none is left alone."""
    key = person_key("ada@xn--mnchen-3ya.example")
    assert written_forms(key) == ["ada@xn--mnchen-3ya.example", "ada@münchen.example"]
    assert written_forms(person_key("ada@xn--a.example")) == ["ada@xn--a.example"]
    assert written_forms(person_key(ADA)) == [ADA]
