"""Promises of `domain.normalize`: one stored form for each value, and clear refusals."""

import unicodedata
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import cell_values, contact_points, normalize
from domain.enums import EmailStatus, Seniority
from domain.errors import InvalidValue, ProblemCode

NBSP, ZWSP, BOM = "\u00a0", "\u200b", "\ufeff"

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


def named(rule: object) -> str:
    return str(getattr(rule, "__name__", rule))


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


@pytest.mark.parametrize(
    ("value", "address"),
    [
        pytest.param(
            "Ada.Lovelace+x@Example.COM", "Ada.Lovelace+x@example.com", id="domain-lowered"
        ),
        pytest.param(f"{ZWSP}{NBSP}ada@example.com {BOM}", "ada@example.com", id="trimmed"),
        pytest.param("ada@münchen.de", "ada@xn--mnchen-3ya.de", id="idna"),
        pytest.param("ada@MU\u0308NCHEN.de", "ada@xn--mnchen-3ya.de", id="idna-nfc-upper"),
        pytest.param("ada@xn--mnchen-3ya.de", "ada@xn--mnchen-3ya.de", id="a-label"),
        pytest.param("JO\u0308RG@example.com", "jörg@example.com", id="local-part-beyond-ascii"),
        pytest.param("o'neil@mail.example.co.uk", "o'neil@mail.example.co.uk", id="apostrophe"),
        pytest.param(f"{'a' * 242}@example.com", f"{'a' * 242}@example.com", id="longest"),
    ],
)
def test_normalize_email_gives_the_address_whose_lower_form_is_the_key(
    value: str, address: str
) -> None:
    """Spellings of one mailbox differ at most in ASCII capitals, which lower() removes."""
    assert contact_points.normalize_email(value) == address


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        pytest.param("", "empty", id="empty"),
        pytest.param("ada", "@-sign", id="no-at"),
        pytest.param("ada lovelace@example.com", "SPACE", id="blank-inside"),
        pytest.param("ada@example", "period", id="no-dot"),
        pytest.param("a..b@example.com", "two periods", id="two-dots"),
        pytest.param("a@example.com,b@example.com", "invalid characters", id="two-addresses"),
        pytest.param("Ada <ada@example.com>", "display name", id="display-name"),
        pytest.param("ada@exa\0mple.com", "NUL", id="nul"),
        pytest.param("a@xn--\u00fc.de", "invalid", id="broken-a-label"),
        pytest.param("ad\u017f@example..com", "periods", id="long-s-is-not-ascii"),
        pytest.param(f"{'a' * 243}@example.com", "too long", id="too-long"),
        pytest.param(f"{'ä' * 122}@example.com", "too long", id="too-many-bytes"),
        pytest.param("a" * 100_000, "too long", id="huge"),
    ],
)
def test_normalize_email_says_what_is_wrong(value: str, reason: str) -> None:
    """The message names the mistake and shows no more than a piece of the value."""
    with pytest.raises(InvalidValue, match=reason) as caught:
        contact_points.normalize_email(value)
    assert caught.value.code is ProblemCode.INVALID_EMAIL
    assert len(caught.value.message) < 400


@pytest.mark.parametrize(
    ("value", "region", "phone"),
    [
        pytest.param(
            "'+1 415-555-0100", None, ("+1 415-555-0100", "+14155550100", None), id="guard"
        ),
        pytest.param(
            "+1-522-446-1416x27437", None, ("+1-522-446-1416", "+15224461416", "27437"), id="x"
        ),
        pytest.param("(584)687-4526 ext. 5", None, ("(584)687-4526", None, "5"), id="ext"),
        pytest.param("001-522-446-1416", None, ("001-522-446-1416", "+15224461416", None), id="00"),
        pytest.param("+49 (0)30 901820", None, ("+49 (0)30 901820", "+4930901820", None), id="(0)"),
        pytest.param("030 901820", "de", ("030 901820", "+4930901820", None), id="default-region"),
        pytest.param("030 901820", None, ("030 901820", None, None), id="no-country"),
        pytest.param("030 901820", "XX", ("030 901820", None, None), id="unknown-region"),
        pytest.param("110", None, ("110", None, None), id="short"),
        pytest.param("+49 1", "DE", ("+49 1", None, None), id="impossible"),
        pytest.param("1-800-FLOWERS", "US", ("1-800-FLOWERS", "+18003569377", None), id="letters"),
    ],
)
def test_normalize_phone_splits_a_number(
    value: str, region: str | None, phone: tuple[str, str | None, str | None]
) -> None:
    """The number stays as given; E.164 and extension are there when they can be told."""
    assert contact_points.normalize_phone(value, default_region=region) == phone


@pytest.mark.parametrize(
    "value", ["", "abc", "12", "ext. 5", "call 5551234", "1" * 21, "a@b.com", "12\x003"]
)
def test_normalize_phone_refuses_what_nobody_can_dial(value: str) -> None:
    """Words and fragments are no numbers."""
    with pytest.raises(InvalidValue) as caught:
        contact_points.normalize_phone(value)
    assert caught.value.code is ProblemCode.INVALID_PHONE


@pytest.mark.parametrize(
    ("value", "domain"),
    [
        ("https://www.Acme.com/x?y", "acme.com"),
        ("www.acme.com", "acme.com"),
        ("acme.com.", "acme.com"),
        ("http://acme.com:8080", "acme.com"),
        ("//acme.co.uk#top", "acme.co.uk"),
        ("www.www.acme.com", "acme.com"),
        ("www.com", "www.com"),
        ("blog.acme.com", "blog.acme.com"),
        ("acme.github.io", "acme.github.io"),
        ("github.io", "github.io"),
        ("https://medium.com/@acme", "medium.com"),
        ("WWW.MÜNCHEN.de", "xn--mnchen-3ya.de"),
        ("acme。com", "acme.com"),
    ],
)
def test_normalize_domain_gives_the_host_of_the_company(value: str, domain: str) -> None:
    """Every way to write a company's web address leads to one key."""
    assert contact_points.normalize_domain(value) == domain
    assert contact_points.domain_of(value) == domain


@pytest.mark.parametrize(
    "value",
    [
        "",
        "acme",
        "Acme Inc.",
        "ada@acme.com",
        "co.uk",
        "com",
        "10.0.0.1",
        "[::1]",
        "localhost",
        "acme.notatld",
        "my_host.acme.com",
        "-acme.com",
        "acme..com",
        "acme.com, acme.de",
        "xn--a.com",
    ],
)
def test_normalize_domain_refuses_what_is_no_domain(value: str) -> None:
    """Addresses, names and public suffixes never become the key of a company."""
    with pytest.raises(InvalidValue) as caught:
        contact_points.normalize_domain(value)
    assert caught.value.code is ProblemCode.INVALID_DOMAIN
    assert contact_points.domain_of(value) is None


@pytest.mark.parametrize(
    ("value", "url"),
    [
        (" acme.com ", "https://acme.com"),
        ("HTTP://Acme.com/Path?Q#F", "http://acme.com/Path?Q#F"),
        ("//acme.com/", "https://acme.com/"),
        ("https://acme.com:443/x", "https://acme.com/x"),
        ("http://acme.com:443", "http://acme.com:443"),
        ("acme.com:8080/x", "https://acme.com:8080/x"),
        ("https://münchen.de/ä", "https://xn--mnchen-3ya.de/ä"),
    ],
)
def test_normalize_url_gives_an_absolute_address(value: str, url: str) -> None:
    """Scheme and host are complete and lower-case, the rest is left alone."""
    assert contact_points.normalize_url(value) == url


@pytest.mark.parametrize(
    "value",
    [
        "",
        "acme",
        "a b.com",
        "ftp://acme.com",
        "javascript:alert(1)",
        "data:text/html,x",
        "https://",
        "mailto:a@b.com",
        "ada@acme.com",
        "https://u:p@acme.com",
        "https://acme.com/a b",
        "https:\\\\acme.com",
        "https://acme.com/<script>",
        'https://acme.com/"',
        "https://a\x00.com",
        "https://acme.com:x",
    ],
)
@pytest.mark.parametrize(
    "rule", [contact_points.normalize_url, contact_points.normalize_linkedin_url], ids=named
)
def test_an_unsafe_or_incomplete_url_is_refused(rule: Callable[[str], str], value: str) -> None:
    """What is stored as a link can be shown as a link."""
    with pytest.raises(InvalidValue) as caught:
        rule(value)
    assert caught.value.code is ProblemCode.INVALID_URL


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ("in/ada", "in/ada"),
        ("/company/Acme/", "company/acme"),
        ("linkedin.com/in/ada", "in/ada"),
        ("https://de.linkedin.com/in/Ada-Lovelace/de?trk=x", "in/ada-lovelace"),
        ("http://www.linkedin.com/Company/acme/about/#top", "company/acme"),
        ("https://www.linkedin.com/school/mit", "school/mit"),
        ("https://www.linkedin.com/mwlite/in/ada", "in/ada"),
        ("linkedin.com/in/jos%c3%a9", "in/jos%C3%A9"),
        ("linkedin.com/in/JOSÉ", "in/jos%C3%A9"),
        ("linkedin.com/company/at&t", "company/at%26t"),
        ("www.linkedin.com/pub/ada/1/2", "pub/ada/1/2"),
        ("www.linkedin.com/sales/lead/ACw,NAME_x", "sales/lead/ACw,NAME_x"),
    ],
)
def test_normalize_linkedin_url_gives_one_address_for_a_profile(value: str, path: str) -> None:
    """Country, language, query and capitals do not make another person."""
    assert contact_points.normalize_linkedin_url(value) == f"https://www.linkedin.com/{path}"


@pytest.mark.parametrize(
    "value",
    [
        "https://evil.com/in/ada",
        "https://linkedin.com.evil.com/in/ada",
        "https://notlinkedin.com/in/ada",
        "linkedin.com",
        "https://www.linkedin.com/in/",
        "https://www.linkedin.com/?x",
        "lnkd.in/x",
        "linkedin.com/in/%E9",
        "linkedin.com/in/a%20b",
        "linkedin.com/in/%00",
    ],
)
def test_normalize_linkedin_url_refuses_what_names_no_profile(value: str) -> None:
    """An address that many rows share is never taken for a person."""
    with pytest.raises(InvalidValue) as caught:
        contact_points.normalize_linkedin_url(value)
    assert caught.value.code is ProblemCode.INVALID_URL


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


@given(value=st.from_regex(r"'?\+?[0-9() .\-]{0,18}(x[0-9]{1,4})?", fullmatch=True))
def test_normalize_phone_is_idempotent(value: str) -> None:
    """A stored number that is written again does not change."""
    try:
        number, e164, _ = contact_points.normalize_phone(value)
    except InvalidValue:
        return
    assert contact_points.normalize_phone(number) == (number, e164, None)
