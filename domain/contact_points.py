"""What a person or company is reached by, in one form: e-mail, phone, host, web address, profile.

Pure functions, each idempotent: a stored value that is written again does not change. What cannot
be brought into its form raises `InvalidValue`; nothing is guessed or looked up on a network.
"""

import re
import unicodedata
from typing import NamedTuple
from urllib.parse import quote, unquote_to_bytes

import email_validator
import idna
import phonenumbers
import tldextract

from domain.dialling import quick_e164
from domain.errors import InvalidValue, ProblemCode
from domain.normalize import null_stays_null, required, shown, visible

MAX_EMAIL_CHARS = 254

"""Source: RFC 5321, 4.5.3.1.3 (a path of 256 octets includes its angle brackets)."""

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

# Only the list that comes with the package: an import must not wait for somebody's web server.
_public_suffixes = tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None)


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


@null_stays_null
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
    text = required(value, code=ProblemCode.INVALID_PHONE, kind="phone number")
    text = text.removeprefix("'").removeprefix("tel:").strip()
    split = _EXTENSION.fullmatch(text)
    number, extension = (split["number"], split["extension"]) if split else (text, None)
    digits = sum(character.isdecimal() for character in number)
    if not _PHONE.fullmatch(number) or not MIN_PHONE_DIGITS <= digits <= MAX_PHONE_DIGITS:
        raise InvalidValue(
            ProblemCode.INVALID_PHONE,
            f"{shown(value)} is not a phone number: write {MIN_PHONE_DIGITS} to"
            f" {MAX_PHONE_DIGITS} digits, best in international form as in +49 30 1234.",
        )
    return Phone(number, _e164(number, default_region), extension)


@null_stays_null
def normalize_domain(value: str) -> str:
    """The host under which a company is known: `https://www.Acme.com/x` becomes `acme.com`.

    Scheme, `www.`, port, path and a final dot are removed, letters beyond ASCII become A-labels.
    Other subdomains stay: `acme.github.io` and `blog.acme.com` need not be the same company as
    what stands above them, and a wrong merge loses more than a duplicate does.

    Raises:
        InvalidValue: INVALID_DOMAIN; it is no host name, or nothing stands below its public suffix.

    Source: https://publicsuffix.org/list/ (ICANN section, as bundled with tldextract).
    """
    text = required(value, code=ProblemCode.INVALID_DOMAIN, kind="domain")
    parts = _ADDRESS.fullmatch(text)
    host = _ascii_host(parts["host"]) if parts else None
    if host is None or not _is_registrable(host):
        reason = "that is an e-mail address" if "@" in text else "write it as in acme.com"
        raise InvalidValue(ProblemCode.INVALID_DOMAIN, f"{shown(value)} is not a domain: {reason}.")
    while host.startswith("www.") and _is_registrable(host[4:]):
        host = host[4:]
    return host


def domain_of(value: str | None) -> str | None:
    """The same as `normalize_domain`, or None where there is no usable domain."""
    try:
        return normalize_domain(value)
    except InvalidValue:
        return None


@null_stays_null
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


@null_stays_null
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


def _unusual_email(value: str) -> str:
    text = required(value, code=ProblemCode.INVALID_EMAIL, kind="e-mail address")
    if len(text) > MAX_EMAIL_CHARS:
        raise _too_long_email(text)
    try:
        checked = email_validator.validate_email(text, check_deliverability=False)
    except email_validator.EmailNotValidError as error:
        reason = str(error)[:200]
        raise InvalidValue(
            ProblemCode.INVALID_EMAIL, f"{shown(value)} is not an e-mail address: {reason}"
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
        f"The e-mail address {shown(value)} is too long: {MAX_EMAIL_CHARS} bytes at most.",
    )


def _e164(number: str, default_region: str | None) -> str | None:
    text = f"+{number[2:]}" if number.startswith("00") else number
    # Parsing costs some 50 µs; without a country it cannot succeed.
    if default_region is None and text[0] not in "+＋":
        return None
    region = default_region and default_region.upper()
    if plain := quick_e164(text, region):
        return plain
    try:
        parsed = phonenumbers.parse(text, region)
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
    text = required(value, code=ProblemCode.INVALID_URL, kind="web address")
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
    message = f"{shown(value)} is not a usable web address: {reason}."
    return InvalidValue(ProblemCode.INVALID_URL, message)


def _linkedin_slug(encoded: str, value: str) -> str:
    try:
        slug = unquote_to_bytes(encoded).decode()
    except UnicodeDecodeError as error:
        raise _invalid_url(value, "its name is not percent-encoded UTF-8") from error
    slug = visible(slug, code=ProblemCode.INVALID_URL).lower()
    if len(slug.split()) != 1 or slug != slug.strip():
        raise _invalid_url(value, "its name holds a blank")
    return quote(unicodedata.normalize("NFC", slug), safe="")
