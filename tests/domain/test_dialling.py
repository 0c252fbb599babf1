"""Promises of `domain.dialling`: a plain number has the form that the library would give it."""

import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.dialling import quick_e164

REGIONS = sorted(phonenumbers.SUPPORTED_REGIONS)
DIGITS = st.text(alphabet="0123456789", min_size=3, max_size=13)


def slow_e164(number: str, region: str) -> str | None:
    """What the library makes of it."""
    try:
        parsed = phonenumbers.parse(number, region)
    except phonenumbers.NumberParseException:
        return None
    possible = phonenumbers.is_possible_number_with_reason(parsed)
    if possible != phonenumbers.ValidationResult.IS_POSSIBLE:
        return None
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)


@settings(max_examples=300, deadline=None)
@given(region=st.sampled_from(REGIONS), digits=DIGITS, is_international=st.booleans())
def test_any_number_is_read_as_the_library_reads_it(
    region: str, digits: str, is_international: bool
) -> None:
    """Of every country, national or not; what is not plain is left to it."""
    code = phonenumbers.country_code_for_region(region)
    number = f"+{code} {digits}" if is_international else digits
    assert quick_e164(number, region) in {None, slow_e164(number, region)}


@pytest.mark.parametrize("form", ["INTERNATIONAL", "NATIONAL", "E164"])
def test_example_numbers_are_read_as_the_library_reads_them(form: str) -> None:
    """Those that the library gives for every country, and most of them without it."""
    examples = ((region, phonenumbers.example_number(region)) for region in REGIONS)
    style = getattr(phonenumbers.PhoneNumberFormat, form)
    numbers = [
        (region, phonenumbers.format_number(each, style)) for region, each in examples if each
    ]
    quick = [(quick_e164(number, region), number, region) for region, number in numbers]
    assert all(found in {None, slow_e164(number, region)} for found, number, region in quick)
    if form != "NATIONAL":
        assert sum(found is not None for found, _, _ in quick) > 0.9 * len(REGIONS)


@pytest.mark.parametrize(
    ("number", "region", "e164"),
    [
        ("+1 (202) 555-0104", None, "+12025550104"),
        ("(202) 555-0104", "US", "+12025550104"),
        ("+49 30 123456", None, "+4930123456"),
        ("030 123456", "DE", None),
        ("+44 (0)20 7946 0958", None, None),
        ("202 555 0104", None, None),
        ("+999 1234567", None, None),
        ("+800 1234 5678", None, None),
        ("555-0104 x5", "US", None),
    ],
)
def test_what_is_not_plain_is_left_to_the_library(
    number: str, region: str | None, e164: str | None
) -> None:
    """National prefixes, codes of no country, extensions."""
    assert quick_e164(number, region) == e164
