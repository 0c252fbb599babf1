"""Promises of `domain.contact_points`: addresses, numbers and pages have one stored form each."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import contact_points
from domain.errors import InvalidValue, ProblemCode
from tests.domain.rules import BOM, NBSP, ZWSP, named


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


@given(value=st.from_regex(r"'?\+?[0-9() .\-]{0,18}(x[0-9]{1,4})?", fullmatch=True))
def test_normalize_phone_is_idempotent(value: str) -> None:
    """A stored number that is written again does not change."""
    try:
        number, e164, _ = contact_points.normalize_phone(value)
    except InvalidValue:
        return
    assert contact_points.normalize_phone(number) == (number, e164, None)
