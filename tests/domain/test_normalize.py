"""Promises of `domain.normalize` and of cells: each value has one stored form, or is refused."""

import unicodedata
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import cell_values, contact_points, normalize
from domain.enums import EmailStatus, Seniority
from domain.errors import InvalidValue, ProblemCode
from tests.domain.rules import BOM, NBSP, ZWSP, named

NULLABLE_RULES = [
    normalize.normalize_text,
    normalize.normalize_paragraphs,
    contact_points.normalize_email,
    contact_points.normalize_domain,
    contact_points.normalize_url,
    contact_points.normalize_linkedin_url,
    normalize.normalize_country_code,
    normalize.normalize_currency_code,
]

TEXTS = st.text() | st.text(alphabet="aAöİſ _-.@:/?#%\u0301\u00a0\u200b\n;,|", max_size=20)
HOSTS = st.from_regex(
    r"(www\.){0,2}([a-zA-Zäßöçİ]{1,6}[.。]){1,3}(com|co\.uk|de|DE|рф)", fullmatch=True
)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        pytest.param(None, None, id="null"),
        pytest.param("", None, id="empty"),
        pytest.param("  Ada   Lovelace ", "Ada Lovelace", id="blanks"),
        pytest.param(
            f"{BOM}{NBSP}Ada{NBSP}{NBSP}Lovelace{ZWSP} ", "Ada Lovelace", id="nbsp-zwsp-bom"
        ),
        pytest.param("Ada\r\nLovelace\t", "Ada Lovelace", id="line-breaks"),
        pytest.param("A\x07d\x1fa\x7f\x9f", "Ada", id="controls"),
        pytest.param("Jose\u0301", "José", id="nfc"),
        pytest.param("\u202eada\u202c", "ada", id="direction-marks"),
        pytest.param("می\u200cخواهم", "می\u200cخواهم", id="joiner-kept"),
        pytest.param(f"{ZWSP} ", None, id="invisible"),
    ],
)
def test_normalize_text_gives_one_clean_line(value: str | None, text: str | None) -> None:
    """Two spellings that look the same become the same text."""
    assert normalize.normalize_text(value) == text


@pytest.mark.parametrize(
    "value",
    ["_", "-", "—", "N/A", "n/a", "null", "NULL", "#N/A", "NaN", "(blank)", " - ", f"{NBSP}_"],
)
def test_normalize_text_of_a_placeholder_is_none(value: str) -> None:
    """What stands in files for "no value" is no value."""
    assert normalize.normalize_text(value) is None


@pytest.mark.parametrize("value", ["Null", "None", "none", "Nan", "Na", "NA", "Unknown", "0", "-5"])
def test_normalize_text_keeps_names_that_look_like_placeholders(value: str) -> None:
    """Nobody loses their name because a program once wrote it for nothing."""
    assert normalize.normalize_text(value) == value


@pytest.mark.parametrize(
    "value", [pytest.param("a\0b", id="nul"), pytest.param("a\ud800", id="surrogate")]
)
@pytest.mark.parametrize("rule", NULLABLE_RULES[:2], ids=named)
def test_text_that_postgresql_cannot_store_is_refused(
    rule: Callable[[str], object], value: str
) -> None:
    """A NUL or half a surrogate pair is the user's mistake, not an error of the database."""
    with pytest.raises(InvalidValue) as caught:
        rule(value)
    assert caught.value.code is ProblemCode.INVALID_VALUE


@pytest.mark.parametrize(
    ("value", "text"),
    [
        pytest.param(None, None, id="null"),
        pytest.param(" a \r\n b\rc ", "a\n b\nc", id="line-breaks"),
        pytest.param("a\n \n\n\nb", "a\n\nb", id="empty-lines"),
        pytest.param("a\tb\x07", "a\tb", id="controls"),
        pytest.param(" n/a ", None, id="placeholder"),
    ],
)
def test_normalize_paragraphs_keeps_line_breaks(value: str | None, text: str | None) -> None:
    """Notes keep their lines, whatever line break the source wrote."""
    assert normalize.normalize_paragraphs(value) == text


@pytest.mark.parametrize(
    ("value", "items"),
    [
        pytest.param(None, [], id="null"),
        pytest.param("a; b,,a", ["a", "b"], id="delimited"),
        pytest.param("Sales|sales\nIT ::: HR", ["Sales", "IT", "HR"], id="all-separators"),
        pytest.param(["a; b", " A;  b", "_", ""], ["a; b"], id="list-not-split"),
        pytest.param("N/A", [], id="placeholder"),
    ],
)
def test_normalize_sequence_gives_unique_items_in_order(
    value: str | Sequence[str] | None, items: list[str]
) -> None:
    """The first spelling of every item stays, in the order given."""
    assert normalize.normalize_sequence(value) == items


def test_coalesce_text_gives_the_first_value_that_says_something() -> None:
    """Blanks and placeholders are passed over."""
    assert normalize.coalesce_text(None, " ", "-", " x ", "y") == "x"
    assert normalize.coalesce_text(None, "") is None


def test_codes_become_capital_letters() -> None:
    """Countries have two letters, currencies three."""
    assert normalize.normalize_country_code(" de ") == "DE"
    assert normalize.normalize_country_code("uk") == "GB"
    assert normalize.normalize_currency_code("eur") == "EUR"


@pytest.mark.parametrize("value", ["", "D", "DEUT", "D1", "ÄÖ", "ß", "12"])
@pytest.mark.parametrize("rule", NULLABLE_RULES[-2:], ids=named)
def test_other_codes_are_refused(rule: Callable[[str], str], value: str) -> None:
    """A name of a country is not its code."""
    with pytest.raises(InvalidValue) as caught:
        rule(value)
    assert caught.value.code is ProblemCode.INVALID_VALUE


@pytest.mark.parametrize("rule", NULLABLE_RULES, ids=named)
def test_null_stays_null(rule: Callable[[None], object]) -> None:
    """Null is the wish to clear a field and passes every rule."""
    assert rule(None) is None


@pytest.mark.parametrize(
    ("value", "number"),
    [
        ("0", 0),
        ("1645", 1645),
        ("1,234", 1234),
        ("1 234 567", 1_234_567),
        (f"1{NBSP}234", 1234),
        ("1'234", 1234),
        ("1.234", 1234),
        ("1645.0", 1645),
        ("1.234,00", 1234),
        ("-5", -5),
        ("$1.2M", 1_200_000),
        ("$ 1.234M", 1_234_000),
        ("1,234k", 1_234_000),
        ("5 B", 5_000_000_000),
        ("1.000 €", 1000),
        ("9223372036854775807", 2**63 - 1),
    ],
)
def test_parse_integer_reads_what_a_cell_shows(value: str, number: int) -> None:
    """Grouping, currency and scale are read as a person reads them."""
    assert cell_values.parse_integer(value) == number


@pytest.mark.parametrize(
    "value",
    [
        "",
        "-",
        "€",
        "12a",
        "1-10",
        "10+",
        "1,23",
        "0.500",
        "1,234.56",
        "1.2345K",
        "1,2,3",
        "1 2",
        "٣",
        "1e3",
        "9223372036854775808",
        "9" * 5000,
        "NaN",
        "--5",
    ],
)
def test_parse_integer_never_guesses(value: str) -> None:
    """Fractions, ranges and words are refused."""
    with pytest.raises(InvalidValue) as caught:
        cell_values.parse_integer(value)
    assert caught.value.code is ProblemCode.INVALID_VALUE


@given(number=st.integers(min_value=-(2**63) + 1, max_value=2**63 - 1))
def test_parse_integer_reads_every_grouped_number(number: int) -> None:
    """What other programs print with thousands separators comes back exactly."""
    assert cell_values.parse_integer(f"{number:,}") == number


@pytest.mark.parametrize(
    ("value", "truth"),
    [(word, True) for word in ("true", "YES", "1", "y", " T ")]
    + [(word, False) for word in ("false", "No", "0", "n", "F")],
)
def test_parse_boolean_knows_both_answers(value: str, truth: bool) -> None:
    """Yes and no are read in any case."""
    assert cell_values.parse_boolean(value) is truth


@pytest.mark.parametrize("value", ["", "maybe", "2", "on", "_"])
def test_parse_boolean_of_an_unknown_word_is_an_error(value: str) -> None:
    """An unknown word is never taken for yes."""
    with pytest.raises(InvalidValue) as caught:
        cell_values.parse_boolean(value)
    assert caught.value.code is ProblemCode.INVALID_VALUE


@pytest.mark.parametrize(
    ("value", "seniority"),
    [
        ("C-Suite", Seniority.C_SUITE),
        ("C suite", Seniority.C_SUITE),
        ("Vp", Seniority.VP),
        ("Vice President", Seniority.VP),
        ("entry", Seniority.ENTRY),
        *((member.value, member) for member in Seniority),
    ],
)
def test_parse_seniority_knows_the_words_of_files(value: str, seniority: Seniority) -> None:
    """The words of exports and our own names are both read."""
    assert cell_values.parse_seniority(value) is seniority


@pytest.mark.parametrize(
    ("value", "status"),
    [
        ("Email No Longer Verified", EmailStatus.NO_LONGER_VERIFIED),
        ("Do_not_mail", EmailStatus.DO_NOT_MAIL),
        ("Catch-all", EmailStatus.CATCH_ALL),
        ("User Managed", EmailStatus.USER_MANAGED),
        ("Potentially Invalid", EmailStatus.POTENTIALLY_INVALID),
        ("New Data Available", EmailStatus.UNVERIFIED),
        ("likely to engage", EmailStatus.LIKELY),
        *((member.value, member) for member in EmailStatus),
    ],
)
def test_parse_email_status_knows_the_words_of_files(value: str, status: EmailStatus) -> None:
    """The words of exports and our own names are both read."""
    assert cell_values.parse_email_status(value) is status


@pytest.mark.parametrize(
    "parse", [cell_values.parse_seniority, cell_values.parse_email_status], ids=named
)
def test_an_unknown_word_is_refused(parse: Callable[[str], object]) -> None:
    """A word outside the list is shown, not swallowed."""
    with pytest.raises(InvalidValue, match="'Grand Vizier' is not a known") as caught:
        parse("Grand Vizier")
    assert caught.value.code is ProblemCode.INVALID_VALUE


def unchanged_by_a_second_pass(rule: Callable[[str], str | None], value: str) -> bool:
    try:
        once = rule(value)
    except InvalidValue:
        return True
    return once is None or (rule(once) == once and unicodedata.is_normalized("NFC", once))


@pytest.mark.parametrize("rule", NULLABLE_RULES, ids=named)
@given(value=TEXTS)
def test_rules_are_idempotent_on_any_text(rule: Callable[[str], str | None], value: str) -> None:
    """A stored value that is written again does not change, and nothing else is ever raised."""
    assert unchanged_by_a_second_pass(rule, value)


@pytest.mark.parametrize("rule", NULLABLE_RULES[2:6], ids=named)
@given(
    form=st.sampled_from(["{}", "a@{}", "http://{}/ä", "{}.linkedin.com/in/{}", "in/{}%C3%84"]),
    host=HOSTS,
)
def test_rules_are_idempotent_on_addresses(
    rule: Callable[[str], str], form: str, host: str
) -> None:
    """The same, for text that comes close to an address."""
    assert unchanged_by_a_second_pass(rule, form.replace("{}", host))


@given(value=TEXTS, items=st.lists(TEXTS))
def test_normalize_sequence_is_idempotent(value: str, items: list[str]) -> None:
    """A stored list that is written again does not change."""
    for given_value in (value, items):
        try:
            once = normalize.normalize_sequence(given_value)
        except InvalidValue:
            continue
        assert normalize.normalize_sequence(once) == once
