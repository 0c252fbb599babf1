"""The one form in which every value of a contact or company is stored, compared and looked up.

Pure functions: no database, no network, no settings. Mutations and imports use the same ones, and
each is idempotent: a stored value that is written again does not change. A function that cannot
bring a value into its form raises `InvalidValue`; it never guesses and never returns half a value.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from functools import wraps
from typing import NamedTuple, Protocol, TypeVar, overload
from urllib.parse import quote, unquote_to_bytes

import email_validator
import idna
import phonenumbers
import tldextract

from domain.enums import EmailStatus, Seniority
from domain.errors import InvalidValue, ProblemCode

PLACEHOLDER_VALUE = "_"
"""Written by an import where the source has no value; stored as NULL."""

MAX_EMAIL_CHARS = 254
"""Source: RFC 5321, 4.5.3.1.3 (a path of 256 octets includes its angle brackets)."""

MAX_SHOWN_CHARS = 100

# Compared exactly, capitals included: `NULL` is an empty cell but `Null` is a family name, and
# `None`, `Na` and `Nan` are names too. `NA` is the country Namibia, so it stays as well.
_PLACEHOLDERS = frozenset(
    {PLACEHOLDER_VALUE, "-", "--", "---", "–", "—", ".", "..", "...", "…", "?"}
    | {"N/A", "n/a", "N.A.", "n.a.", "null", "NULL", "(null)", "<null>", "\\N", "NaN"}
    | {"(blank)", "#N/A", "#NAME?", "#NULL!", "#REF!", "#VALUE!", "#DIV/0!"}
)

# The zero width joiners U+200C and U+200D are missing on purpose: Persian and emoji need them.
_INVISIBLE = dict.fromkeys(
    [
        *(code for code in range(0x20) if chr(code) not in "\t\n\v\f\r"),
        *(code for code in range(0x7F, 0xA0) if code != 0x85),
        *(0x00AD, 0x200B, 0x200E, 0x200F, *range(0x202A, 0x202F), 0x2060, *range(0x2066, 0x206A)),
        0xFEFF,
    ]
)

_LINE_BREAK = re.compile("\r\n?|[\v\f\x85\u2028\u2029]")
_SEPARATOR = re.compile(r":::|[;,|\n]")

# Without re.ASCII, `[a-z]` takes the long s (ſ) and the Kelvin sign too when case is ignored.
_ASCII_LETTERS = re.ASCII | re.IGNORECASE
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]++"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_PLAIN_EMAIL = re.compile(
    rf"({_ATOM}(?:\.{_ATOM})*+)@((?:(?!xn--){_LABEL}\.)+[A-Za-z]{{2,63}})",
    _ASCII_LETTERS,
)
_HOST = re.compile(rf"(?:{_LABEL}\.)+{_LABEL}")
_ADDRESS = re.compile(
    r"(?:(?:(?P<scheme>[a-z][a-z\d+.-]*):)?//)?(?P<host>[^/?#\\\s@:]+)(?::(?P<port>\d{1,5}))?"
    r"""(?P<rest>[/?#][^\s\\<>"]*)?""",
    _ASCII_LETTERS,
)
_DEFAULT_PORTS = {"http": "80", "https": "443"}

_LINKEDIN_KINDS = "in|company|school|showcase"
_LINKEDIN_BARE = re.compile(rf"/*((?:{_LINKEDIN_KINDS})/+[^/\s]+/*)", _ASCII_LETTERS)
_LINKEDIN_PROFILE = re.compile(
    rf"/+(?:mwlite/|comm/)?({_LINKEDIN_KINDS})/+([^/?#]+)", _ASCII_LETTERS
)
_LINKEDIN_NOBODY = re.compile(rf"/*(?:(?:{_LINKEDIN_KINDS})/*)?(?:[?#].*)?", _ASCII_LETTERS)

_PHONE = re.compile(r"[+＋(\[]*\d[\w\s()\[\]+.,/#*&·‐-―−-]*")
_EXTENSION = re.compile(
    r"(?P<number>.*?[\d)])[\s,;.]*(?:ext(?:ension|n)?|x|#)[\s.:=]*(?P<extension>\d{1,10})",
    re.IGNORECASE,
)
MIN_PHONE_DIGITS = 3
MAX_PHONE_DIGITS = 20


def _number(gaps: str) -> str:
    """A pattern of digits, in groups of three where one of `gaps` stands between them."""
    groups = rf"[1-9]\d{{0,2}}(?:(?P<gap>[{gaps}])\d{{3}})(?:(?P=gap)\d{{3}})*"
    return rf"(?P<whole>{groups}|\d+)(?:[.,](?P<fraction>\d+))?"


# `1.234` is the German for 1234, but in `1.234M` the point is a decimal one.
_NUMBER = re.compile(_number(",.'’ ") + "(?P<scale>)", re.ASCII)
_SCALED_NUMBER = re.compile(_number(",'’ ") + " ?(?P<scale>[KMBkmb])", re.ASCII)
_SCALES = {"": 1, "k": 10**3, "m": 10**6, "b": 10**9}
MAX_INTEGER = 2**63 - 1
"""The largest value of a `bigint` column."""

# Only the list that comes with the package: an import must not wait for somebody's web server.
_public_suffixes = tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None)

# Written in the form of `_words`.
_SENIORITIES = {
    **{member.replace("_", " ").lower(): member for member in Seniority},
    "c level": Seniority.C_SUITE,
    "cxo": Seniority.C_SUITE,
    "co founder": Seniority.FOUNDER,
    "vice president": Seniority.VP,
    "vp level": Seniority.VP,
    "director level": Seniority.DIRECTOR,
    "manager level": Seniority.MANAGER,
    "entry level": Seniority.ENTRY,
}
_EMAIL_STATUSES = {
    **{member.replace("_", " ").lower(): member for member in EmailStatus},
    "likely to engage": EmailStatus.LIKELY,
    "email no longer verified": EmailStatus.NO_LONGER_VERIFIED,
    "new data available": EmailStatus.UNVERIFIED,
    "accept all": EmailStatus.CATCH_ALL,
    "valid": EmailStatus.VERIFIED,
}
_TRUE = frozenset({"true", "yes", "1", "y", "t"})
_FALSE = frozenset({"false", "no", "0", "n", "f"})

Member = TypeVar("Member", bound=StrEnum)


class _NullableRule(Protocol):
    @overload
    def __call__(self, value: None, /) -> None: ...
    @overload
    def __call__(self, value: str, /) -> str: ...


def _null_stays_null(rule: Callable[[str], str]) -> _NullableRule:
    """The rule for a value that may also be null: null is the wish to clear a field."""

    @overload
    def nullable(value: None, /) -> None: ...
    @overload
    def nullable(value: str, /) -> str: ...
    @wraps(rule)
    def nullable(value: str | None, /) -> str | None:
        return None if value is None else rule(value)

    return nullable


class Phone(NamedTuple):
    """A phone number in its parts.

    Attributes:
        number: As given, without its extension.
        e164: `+` and at most 15 digits; None when the country is not known or the length is wrong.
        extension: Digits to dial after the number.
    """

    number: str
    e164: str | None
    extension: str | None


def normalize_text(value: str | None) -> str | None:
    """One line in NFC with single blanks, or None when it says nothing.

    Invisible characters (controls, zero width spaces, text direction marks) are removed. What says
    nothing is blank or one of the usual placeholders (`_`, `-`, `N/A`, `null`, `#N/A`), compared
    exactly: somebody's family name is `Null`, and `None`, `Na` and `NA` are kept too.

    Raises:
        InvalidValue: It holds a NUL or half a surrogate pair, which PostgreSQL cannot store.
    """
    if value is None:
        return None
    if value.isascii() and value.isprintable():
        text = value.strip()
        if "  " in text:
            text = " ".join(text.split())
    else:
        text = " ".join(_visible(value).split())
    return None if not text or text in _PLACEHOLDERS else text


def normalize_paragraphs(value: str | None) -> str | None:
    """The same as `normalize_text` for text of several lines, whose breaks become line feeds.

    Blanks within a line and at its start stay; several empty lines become one.

    Raises:
        InvalidValue: It holds a NUL or half a surrogate pair.
    """
    if value is None:
        return None
    lines = _LINE_BREAK.sub("\n", _visible(value)).split("\n")
    text = re.sub(r"\n{3,}", "\n\n", "\n".join(line.rstrip() for line in lines)).strip()
    return None if not text or text in _PLACEHOLDERS else text


def normalize_sequence(value: str | Sequence[str] | None) -> list[str]:
    """The items as clean lines, the first of equal ones, in their order; None gives none.

    Items that differ only in capitals are equal; the first spelling stays.

    Args:
        value: A text is split at `;` `,` `|` `:::` and line breaks; the items of a list are whole.

    Raises:
        InvalidValue: An item holds a NUL or half a surrogate pair.
    """
    if value is None:
        return []
    items: Iterable[str] = _SEPARATOR.split(value) if isinstance(value, str) else value
    unique: dict[str, str] = {}
    for item in items:
        if text := normalize_text(item):
            unique.setdefault(text.casefold(), text)
    return list(unique.values())


def coalesce_text(*values: str | None) -> str | None:
    """The first of the values that says something, as `normalize_text` gives it."""
    return next((text for value in values if (text := normalize_text(value))), None)


@_null_stays_null
def normalize_email(value: str) -> str:
    """The address in a form whose `lower()` is its unique key.

    The local part stays as shown (NFC), the domain becomes lower-case A-labels (`münchen.de` is
    `xn--mnchen-3ya.de`). A local part beyond ASCII is lower-cased here, because in some collations
    the `lower()` of PostgreSQL leaves it as it is.

    Raises:
        InvalidValue: INVALID_EMAIL; the message says what is wrong with the address.

    Source: RFC 5321, RFC 6531; syntax beyond plain ASCII is judged by email-validator.
    """
    plain = _PLAIN_EMAIL.fullmatch(value)
    if plain is None:
        return _unusual_email(value)
    if len(value) > MAX_EMAIL_CHARS:
        raise _too_long_email(value)
    return f"{plain[1]}@{plain[2].lower()}"


def normalize_phone(value: str, *, default_region: str | None = None) -> Phone:
    """The number as given, its E.164 form where it has one, and its extension.

    The `'` that spreadsheets put before a `+` is removed. E.164 needs a length that is possible in
    the country, not a number that is known to be in use; a leading `00` counts as `+`.

    Args:
        value: One number; an extension follows as in `x4596` or `ext. 5`.
        default_region: ISO 3166-1 alpha-2 code for numbers without a country.

    Raises:
        InvalidValue: INVALID_PHONE; it is no number, or has less than 3 or more than 20 digits.

    Source: ITU-T E.123 and E.164.
    """
    text = _required(value, code=ProblemCode.INVALID_PHONE, kind="phone number")
    text = text.removeprefix("'").removeprefix("tel:").strip()
    split = _EXTENSION.fullmatch(text)
    number, extension = (split["number"], split["extension"]) if split else (text, None)
    digits = sum(character.isdecimal() for character in number)
    if not _PHONE.fullmatch(number) or not MIN_PHONE_DIGITS <= digits <= MAX_PHONE_DIGITS:
        raise InvalidValue(
            ProblemCode.INVALID_PHONE,
            f"{_shown(value)} is not a phone number: write {MIN_PHONE_DIGITS} to"
            f" {MAX_PHONE_DIGITS} digits, best in international form as in +49 30 1234.",
        )
    return Phone(number, _e164(number, default_region), extension)


@_null_stays_null
def normalize_domain(value: str) -> str:
    """The host under which a company is known: `https://www.Acme.com/x` becomes `acme.com`.

    Scheme, `www.`, port, path and a final dot are removed, letters beyond ASCII become A-labels.
    Other subdomains stay: `acme.github.io` and `blog.acme.com` need not be the same company as
    what stands above them, and a wrong merge loses more than a duplicate does.

    Raises:
        InvalidValue: INVALID_DOMAIN; it is no host name, or nothing stands below its public suffix.

    Source: https://publicsuffix.org/list/ (ICANN section, as bundled with tldextract).
    """
    text = _required(value, code=ProblemCode.INVALID_DOMAIN, kind="domain")
    parts = _ADDRESS.fullmatch(text)
    host = _ascii_host(parts["host"]) if parts else None
    if host is None or not _is_registrable(host):
        reason = "that is an e-mail address" if "@" in text else "write it as in acme.com"
        raise InvalidValue(
            ProblemCode.INVALID_DOMAIN, f"{_shown(value)} is not a domain: {reason}."
        )
    while host.startswith("www.") and _is_registrable(host[4:]):
        host = host[4:]
    return host


def domain_of(value: str | None) -> str | None:
    """The same as `normalize_domain`, or None where there is no usable domain."""
    try:
        return normalize_domain(value)
    except InvalidValue:
        return None


@_null_stays_null
def normalize_url(value: str) -> str:
    """The web address with scheme and host in lower case; `https://` is added where none is.

    The host becomes A-labels, default ports are removed; path, query and fragment stay as given.

    Raises:
        InvalidValue: INVALID_URL; another scheme than http or https, no host with a dot, a user
            name, or a blank, quote, angle bracket or backslash.

    Source: RFC 3986, 6.2.
    """
    url = _url(value)
    port = "" if url.port in {None, _DEFAULT_PORTS[url.scheme]} else f":{url.port}"
    return f"{url.scheme}://{url.host}{port}{url.rest}"


@_null_stays_null
def normalize_linkedin_url(value: str) -> str:
    """`https://www.linkedin.com/in/<slug>`, so that one profile has one address.

    The same for `company`, `school` and `showcase`. The slug is lower-case, percent-encoded UTF-8;
    country, language, query and sub-pages are removed. A bare `in/<slug>` is enough. Any other
    LinkedIn address (`/pub/…`, `/sales/…`) stays what `normalize_url` makes of it.

    Raises:
        InvalidValue: INVALID_URL; no web address, another host, or no profile named.
    """
    bare = _LINKEDIN_BARE.fullmatch(value.strip())
    url = _url(f"linkedin.com/{bare[1]}" if bare else value)
    if not f".{url.host}".endswith(".linkedin.com"):
        raise _invalid_url(value, "it is not on linkedin.com")
    profile = _LINKEDIN_PROFILE.match(url.rest)
    if profile:
        return f"https://www.linkedin.com/{profile[1].lower()}/{_linkedin_slug(profile[2], value)}"
    if _LINKEDIN_NOBODY.fullmatch(url.rest):
        raise _invalid_url(value, "it names no profile; write it as in linkedin.com/in/ada")
    return normalize_url(value)


@_null_stays_null
def normalize_country_code(value: str) -> str:
    """Two capital letters; the `UK` that many write becomes `GB`.

    Raises:
        InvalidValue: INVALID_VALUE; it is not two letters of the alphabet.
    """
    code = _letters(value, 2, kind="country code, as in DE")
    return "GB" if code == "UK" else code


@_null_stays_null
def normalize_currency_code(value: str) -> str:
    """Three capital letters.

    Raises:
        InvalidValue: INVALID_VALUE; it is not three letters of the alphabet.
    """
    return _letters(value, 3, kind="currency code, as in EUR")


def parse_integer(value: str) -> int:
    """The whole number that a cell shows, such as `1,234`, `1 234`, `$1.2M` or `1645.0`.

    Thousands may be grouped by `,` `.` `'` or a blank, a currency sign may stand at either end, and
    K, M and B multiply by a thousand, a million and a thousand millions.

    Raises:
        InvalidValue: INVALID_VALUE; no number, not a whole one, or beyond 64 bits.
    """
    text = _required(value, code=ProblemCode.INVALID_VALUE, kind="number")
    sign, digits = (-1, text[1:]) if text[0] in "-−" else (1, text)
    digits = _without_currency(digits)
    match = _SCALED_NUMBER.fullmatch(digits) or _NUMBER.fullmatch(digits)
    if match is None or len(digits) > MAX_SHOWN_CHARS:
        raise _invalid_number(value)
    whole = re.sub(r"\D", "", match["whole"])
    number = Decimal(f"{whole}.{match['fraction'] or 0}") * _SCALES[match["scale"].lower()] * sign
    if number != int(number) or abs(number) > MAX_INTEGER:
        raise _invalid_number(value)
    return int(number)


def parse_boolean(value: str) -> bool:
    """What true, yes, y, t, 1 and false, no, n, f, 0 mean, in any case.

    Raises:
        InvalidValue: INVALID_VALUE; any other text.
    """
    word = _required(value, code=ProblemCode.INVALID_VALUE, kind="yes or no").casefold()
    if word in _TRUE or word in _FALSE:
        return word in _TRUE
    raise InvalidValue(ProblemCode.INVALID_VALUE, f"{_shown(value)} is neither yes nor no.")


def parse_datetime(value: str) -> datetime:
    """The moment in UTC; a text without an offset is UTC, a day alone its first moment.

    Raises:
        InvalidValue: INVALID_VALUE; not ISO 8601, or outside the years 1 to 9999.
    """
    text = _required(value, code=ProblemCode.INVALID_VALUE, kind="date")
    try:
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise InvalidValue(
            ProblemCode.INVALID_VALUE,
            f"{_shown(value)} is not a date; write it as in 2024-03-12 or 2024-03-12T08:30:00Z.",
        ) from error


def parse_seniority(value: str) -> Seniority:
    """The seniority that a file calls `C-Suite`, `Vp`, `Vice President` and so on.

    Raises:
        InvalidValue: INVALID_VALUE; an unknown word.
    """
    return _known(value, _SENIORITIES, kind="seniority")


def parse_email_status(value: str) -> EmailStatus:
    """The status that a file calls `Email No Longer Verified`, `Do_not_mail` and so on.

    `New Data Available` says nothing about the address itself and counts as UNVERIFIED.

    Raises:
        InvalidValue: INVALID_VALUE; an unknown word.
    """
    return _known(value, _EMAIL_STATUSES, kind="e-mail status")


def _visible(value: str, *, code: ProblemCode = ProblemCode.INVALID_VALUE) -> str:
    if "\0" in value:
        raise InvalidValue(code, f"{_shown(value)} holds a NUL character; remove it.")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise InvalidValue(code, f"{_shown(value)} holds half a surrogate pair.") from error
    return unicodedata.normalize("NFC", value.translate(_INVISIBLE))


def _required(value: str, *, code: ProblemCode, kind: str) -> str:
    """One visible line of at least one character."""
    text = " ".join(_visible(value, code=code).split())
    if not text:
        raise InvalidValue(code, f"The {kind} is empty; leave it out or give null.")
    return text


def _shown(value: str) -> str:
    """The value in quotes with controls escaped, cut so that a message stays readable."""
    return repr(value if len(value) <= MAX_SHOWN_CHARS else value[: MAX_SHOWN_CHARS - 1] + "…")


def _unusual_email(value: str) -> str:
    text = _required(value, code=ProblemCode.INVALID_EMAIL, kind="e-mail address")
    if len(text) > MAX_EMAIL_CHARS:
        raise _too_long_email(text)
    try:
        checked = email_validator.validate_email(text, check_deliverability=False)
    except email_validator.EmailNotValidError as error:
        reason = str(error)[:200]
        raise InvalidValue(
            ProblemCode.INVALID_EMAIL, f"{_shown(value)} is not an e-mail address: {reason}"
        ) from error
    local = checked.local_part
    if not local.isascii():
        local = unicodedata.normalize("NFC", local.lower())
    address = f"{local}@{checked.ascii_domain}"
    if len(address.encode()) > MAX_EMAIL_CHARS:
        raise _too_long_email(text)
    return address


def _too_long_email(value: str) -> InvalidValue:
    return InvalidValue(
        ProblemCode.INVALID_EMAIL,
        f"The e-mail address {_shown(value)} is too long: {MAX_EMAIL_CHARS} bytes at most.",
    )


def _e164(number: str, default_region: str | None) -> str | None:
    text = f"+{number[2:]}" if number.startswith("00") else number
    # Parsing costs some 50 µs; without a country it cannot succeed.
    if default_region is None and text[0] not in "+＋":
        return None
    try:
        parsed = phonenumbers.parse(text, default_region and default_region.upper())
    except phonenumbers.NumberParseException:
        return None
    # Not is_possible_number(): that accepts numbers which can only be dialled locally.
    possible = phonenumbers.is_possible_number_with_reason(parsed)
    if possible != phonenumbers.ValidationResult.IS_POSSIBLE:
        return None
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)


def _ascii_host(host: str) -> str | None:
    """The host as lower-case A-labels, or None when it has no dot or cannot be a host."""
    host = host.lower()
    if not host.isascii() or "xn--" in host:
        try:
            host = idna.encode(host, uts46=True).decode()
        except idna.IDNAError:
            return None
    host = host.removesuffix(".")
    return host if len(host) <= 253 and _HOST.fullmatch(host) else None


def _is_registrable(host: str) -> bool:
    return bool(_public_suffixes(host).top_domain_under_public_suffix)


class _Url(NamedTuple):
    scheme: str
    host: str
    port: str | None
    rest: str


def _url(value: str) -> _Url:
    text = _required(value, code=ProblemCode.INVALID_URL, kind="web address")
    parts = _ADDRESS.fullmatch(text)
    if parts is None:
        raise _invalid_url(value, "write it as in https://example.com/page")
    scheme = (parts["scheme"] or "https").lower()
    host = _ascii_host(parts["host"])
    if scheme not in _DEFAULT_PORTS:
        raise _invalid_url(value, "it must begin with http:// or https://")
    if host is None:
        raise _invalid_url(value, "it needs a host such as example.com")
    return _Url(scheme, host, parts["port"], parts["rest"] or "")


def _invalid_url(value: str, reason: str) -> InvalidValue:
    message = f"{_shown(value)} is not a usable web address: {reason}."
    return InvalidValue(ProblemCode.INVALID_URL, message)


def _linkedin_slug(encoded: str, value: str) -> str:
    try:
        slug = unquote_to_bytes(encoded).decode()
    except UnicodeDecodeError as error:
        raise _invalid_url(value, "its name is not percent-encoded UTF-8") from error
    slug = _visible(slug, code=ProblemCode.INVALID_URL).lower()
    if len(slug.split()) != 1 or slug != slug.strip():
        raise _invalid_url(value, "its name holds a blank")
    return quote(unicodedata.normalize("NFC", slug), safe="")


def _letters(value: str, count: int, *, kind: str) -> str:
    text = _required(value, code=ProblemCode.INVALID_VALUE, kind=kind)
    if len(text) != count or not (text.isascii() and text.isalpha()):
        raise InvalidValue(ProblemCode.INVALID_VALUE, f"{_shown(value)} is not a {kind}.")
    return text.upper()


def _without_currency(text: str) -> str:
    if text and unicodedata.category(text[0]) == "Sc":
        text = text[1:]
    elif text and unicodedata.category(text[-1]) == "Sc":
        text = text[:-1]
    return text.strip()


def _invalid_number(value: str) -> InvalidValue:
    message = f"{_shown(value)} is not a whole number; write it as in 1234, 1,234 or 1.2M."
    return InvalidValue(ProblemCode.INVALID_VALUE, message)


def _words(value: str) -> str:
    return " ".join(re.split(r"[\W_]+", value.casefold())).strip()


def _known(value: str, names: Mapping[str, Member], *, kind: str) -> Member:
    member = names.get(_words(_required(value, code=ProblemCode.INVALID_VALUE, kind=kind)))
    if member is None:
        raise InvalidValue(ProblemCode.INVALID_VALUE, f"{_shown(value)} is not a known {kind}.")
    return member
