"""By which keys duplicates are looked for."""

import pytest

from domain.duplicates import LEGAL_FORMS, SUGGESTIONS, match_keys
from domain.enums import CompanyMatchKey, ContactMatchKey
from domain.errors import InvalidInput


def test_keys_that_decide_are_the_usual_ones() -> None:
    """Suggestions are looked for by those who ask for them."""
    assert match_keys(ContactMatchKey, None) == (
        ContactMatchKey.LINKEDIN_URL,
        ContactMatchKey.PHONE_AND_LAST_NAME,
    )
    assert match_keys(CompanyMatchKey, None) == (
        CompanyMatchKey.DOMAIN,
        CompanyMatchKey.LINKEDIN_URL,
    )


def test_keys_come_in_their_own_order_each_once() -> None:
    """The order of a list does not depend on how it is asked for."""
    asked = [CompanyMatchKey.NAME_AND_COUNTRY, CompanyMatchKey.DOMAIN, CompanyMatchKey.DOMAIN]
    assert match_keys(CompanyMatchKey, asked) == (
        CompanyMatchKey.DOMAIN,
        CompanyMatchKey.NAME_AND_COUNTRY,
    )


def test_no_key_is_refused() -> None:
    """An empty list asks for nothing, which is a mistake."""
    with pytest.raises(InvalidInput, match="matchOn is empty"):
        match_keys(ContactMatchKey, [])


def test_a_suggestion_says_so_in_its_words() -> None:
    """Who reads the schema knows which keys to look at twice; e-mail is said at its argument."""
    kinds: tuple[type[ContactMatchKey] | type[CompanyMatchKey], ...]
    kinds = (ContactMatchKey, CompanyMatchKey)
    said = {key for kind in kinds for key in kind if "suggestion" in key.doc}
    assert said == SUGGESTIONS - {ContactMatchKey.EMAIL}


def test_legal_forms_are_written_as_names_are_compared() -> None:
    """One word in lower case without punctuation, each once."""
    assert all(form.isalpha() and form.islower() for form in LEGAL_FORMS)
    assert len(set(LEGAL_FORMS)) == len(LEGAL_FORMS)
