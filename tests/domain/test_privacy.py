"""Promises of `domain.privacy`: one person gives one key, however it is written."""

from typing import Any

import pytest

from domain.enums import SuppressedKey
from domain.errors import Rejected
from domain.privacy import PersonKey, clean_reason, clean_suppression, keys_of
from domain.records import ContactFields, NewEmail
from domain.validation import clean_contact

ADA = PersonKey(SuppressedKey.EMAIL, "ada@xn--mnchen-3ya.de")
PROFILE = PersonKey(SuppressedKey.LINKEDIN, "https://www.linkedin.com/in/ada")


@pytest.mark.parametrize(
    ("given", "key"),
    [
        ({"email": "ada@xn--mnchen-3ya.de"}, ADA),
        ({"email": " ADA@München.DE "}, ADA),
        ({"linkedin_url": "in/Ada"}, PROFILE),
        ({"linkedin_url": "http://uk.linkedin.com/in/ada/details?trk=x#top"}, PROFILE),
    ],
)
def test_key_of_a_request_is_that_of_the_contact(given: dict[str, str], key: PersonKey) -> None:
    """What an admin writes is found in what was stored, and the other way round."""
    assert list(clean_suppression(**{"email": None, "linkedin_url": None} | given).keys) == [key]
    emails = [NewEmail(address=given["email"])] if "email" in given else []
    contact = ContactFields(emails=emails, linkedin_url=given.get("linkedin_url"))
    assert list(keys_of(clean_contact(contact))) == [key]


def test_keys_stand_where_the_input_has_them() -> None:
    """Values that cannot be used are no keys, and do not move the others."""
    emails = [NewEmail(address=address) for address in ("nonsense", "a@x.example", "B@x.example")]
    contact = clean_contact(ContactFields(emails=emails, linkedin_url="linkedin.com/in/ada"))
    assert keys_of(contact) == {
        PersonKey(SuppressedKey.EMAIL, "a@x.example"): ("emails", "1", "address"),
        PersonKey(SuppressedKey.EMAIL, "b@x.example"): ("emails", "2", "address"),
        PROFILE: ("linkedinUrl",),
    }
    assert keys_of(clean_contact(ContactFields(first_name="Ada"))) == {}


@pytest.mark.parametrize("kind", ["company", "school", "showcase"])
def test_page_of_an_organisation_is_no_key(kind: str) -> None:
    """All who have it would be one person."""
    url = f"linkedin.com/{kind}/acme"
    assert keys_of(clean_contact(ContactFields(linkedin_url=url))) == {}
    with pytest.raises(Rejected):
        clean_suppression(email=None, linkedin_url=url)


def test_all_mistakes_are_told_at_once() -> None:
    """Each at its path."""
    given: dict[str, Any] = {"email": "x", "linkedin_url": "y", "reason": "z" * 501}
    with pytest.raises(Rejected) as refused:
        clean_suppression(**given)
    paths = [problem.path for problem in refused.value.problems]
    assert paths == [("email",), ("linkedinUrl",), ("reason",)]


@pytest.mark.parametrize(
    ("reason", "stored"), [(None, None), (" - ", None), (" Asked\nfor it. ", "Asked for it.")]
)
def test_reason_is_one_line(reason: str | None, stored: str | None) -> None:
    """Or nothing, where it says nothing."""
    assert clean_reason(reason) == stored
