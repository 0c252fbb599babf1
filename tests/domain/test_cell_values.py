"""Promises of `domain.cell_values` about what a file's locale, labels and slips mean."""

from collections.abc import Callable

import pytest

from domain.cell_values import (
    UnclearCell,
    is_ambiguous_number,
    parse_boolean,
    parse_catch_all,
    parse_email_status,
    parse_email_type,
    parse_fraction,
    parse_integer,
    parse_phone_type,
    parse_seniority,
)
from domain.enums import EmailType, PhoneType
from domain.imports import NumberLocale


@pytest.mark.parametrize(
    ("value", "locale", "number"),
    [
        ("1,234", NumberLocale.POINT, 1234),
        ("1.234", NumberLocale.COMMA, 1234),
        ("1.234.567,00 €", NumberLocale.COMMA, 1_234_567),
        ("$1,234,567.00", NumberLocale.POINT, 1_234_567),
        ("1,5 M", NumberLocale.COMMA, 1_500_000),
        ("1.5M", NumberLocale.POINT, 1_500_000),
    ],
)
def test_a_locale_tells_which_sign_is_the_decimal_one(
    value: str, locale: NumberLocale, number: int
) -> None:
    """A number is read as its country writes it."""
    assert parse_integer(value, locale=locale) == number


@pytest.mark.parametrize(
    ("value", "locale"), [("1.234", NumberLocale.POINT), ("1,234", NumberLocale.COMMA)]
)
def test_a_fraction_by_the_locale_is_no_whole_number(value: str, locale: NumberLocale) -> None:
    """What are thousands elsewhere are decimals here."""
    with pytest.raises(UnclearCell, match="not a whole number"):
        parse_integer(value, locale=locale)


def test_a_scale_makes_fractions_whole() -> None:
    """A column in thousands may have decimals."""
    assert parse_integer("1,234.5", locale=NumberLocale.POINT, scale=1000) == 1_234_500
    assert parse_integer("1.5", scale=1000) == 1500


def test_a_suffix_goes_before_the_scale_of_a_column() -> None:
    """$1.2M in a column of thousands is no thousand millions."""
    numbers = [parse_integer(value, scale=1000) for value in ("$1.2M", "3K", "2 B", "12")]
    assert numbers == [1_200_000, 3000, 2_000_000_000, 12_000]


@pytest.mark.parametrize(
    ("value", "is_ambiguous"),
    [("1.234", True), ("$1,234", True), ("1,234,567", False), ("1234", False), ("0.5", False)],
)
def test_a_number_that_could_be_two_is_known(value: str, is_ambiguous: bool) -> None:
    """Three digits behind a single sign are thousands here and decimals there."""
    assert is_ambiguous_number(value) is is_ambiguous


@pytest.mark.parametrize(("value", "number"), [("0.93", 0.93), ("93%", 0.93), ("93", 0.93)])
def test_a_share_is_read_from_0_to_1(value: str, number: float) -> None:
    """As a share, in per cent, and in per cent without the sign."""
    assert parse_fraction(value) == number


@pytest.mark.parametrize(
    ("parse", "value", "suggestion"),
    [
        pytest.param(parse_fraction, "101%", "Write it as in 0.93 or 93%.", id="share"),
        pytest.param(parse_fraction, "high", "Write it as in 0.93 or 93%.", id="word"),
        pytest.param(parse_boolean, "perhaps", "Write yes or no.", id="boolean"),
        pytest.param(parse_seniority, "Manger", "Did you mean MANAGER?", id="slip"),
        pytest.param(parse_email_status, "verifed", "Did you mean VERIFIED?", id="status"),
        pytest.param(parse_seniority, "Wizard", "", id="unknown"),
        pytest.param(parse_integer, "12a", "Write its digits only, as in 1234.", id="number"),
    ],
)
def test_a_slip_is_answered_with_what_was_meant(
    parse: Callable[[str], object], value: str, suggestion: str
) -> None:
    """Nothing is suggested where nobody knows."""
    with pytest.raises(UnclearCell) as caught:
        parse(value)
    assert (caught.value.suggestion, caught.value.is_ambiguous) == (suggestion, False)


def test_a_word_that_means_several_is_ambiguous() -> None:
    """None of them is chosen."""
    with pytest.raises(UnclearCell) as caught:
        parse_seniority("Director / VP")
    assert caught.value.is_ambiguous
    assert caught.value.suggestion == "Write DIRECTOR or VP."


def test_labels_that_people_write_themselves_are_never_wrong() -> None:
    """An address book takes any word; what is none of ours is OTHER."""
    assert [parse_email_type(word) for word in ("* Work", "home", "yacht")] == [
        EmailType.WORK,
        EmailType.PERSONAL,
        EmailType.OTHER,
    ]
    assert [parse_phone_type(word) for word in ("* Mobile", "Work Fax", "yacht")] == [
        PhoneType.MOBILE,
        PhoneType.FAX,
        PhoneType.OTHER,
    ]


def test_a_catch_all_status_is_yes_or_no() -> None:
    """In the words of exports, and as a plain answer."""
    answers = [parse_catch_all(word) for word in ("Catch-all", "Not Catch-all", "yes")]
    assert answers == [True, False, True]
