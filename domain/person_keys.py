"""The keys of people in texts of any kind: rows of files that nobody could take apart, notes.

Every step takes time in proportion to the text, whatever it is made of.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Final

import idna

from domain.contact_points import normalize_linkedin_url
from domain.enums import SuppressedKey
from domain.errors import InvalidValue
from domain.privacy import PersonKey

MAX_KEY_CHARS: Final = 500
"""Of an address or a profile; longer ones are nobody's."""

_HOST: Final = "linkedin.com"
_WORD: Final = re.compile(r"[^\s<>,;:\"|]+")
# In a row whose cells nobody could part, any sign may stand before and behind an address.
_PLAIN_WORD: Final = re.compile(r"[\w.+@-]+")
_URL: Final = re.compile(r"[^\s<>,;\"|()]+")
_PROFILE: Final = re.compile(r"linkedin\.com/+(?:mwlite/|comm/)?in/+([\w.~%-]+)", re.IGNORECASE)
_STORED_SLUG: Final = re.compile(r"[a-z0-9_.~-]+")
_AROUND: Final = ".!?'`()[]{}*/\\=&…"


def keys_in(texts: Iterable[str]) -> set[str]:
    """The addresses and the profiles of people in some texts, in the form in which both are stored.

    An address keeps the domain as it is written (`written_forms`).
    """
    found: set[str] = set()
    for text in texts:
        if "@" in text:
            found.update(_addresses(text))
        if _HOST in text.lower():
            found.update(_profiles(text))
    return found


def person_key(value: str) -> PersonKey:
    """One of the keys that `keys_in` has found."""
    is_profile = value.startswith(("http://", "https://"))
    return PersonKey(SuppressedKey.LINKEDIN if is_profile else SuppressedKey.EMAIL, value)


def written_forms(key: PersonKey) -> list[str]:
    """What `keys_in` can make of a key; of an address with the domain in its own script, too."""
    local, _, domain = key.value.rpartition("@")
    if key.kind is SuppressedKey.EMAIL and "xn--" in domain:
        with suppress(UnicodeError):
            return [key.value, f"{local}@{idna.decode(domain)}"]
    return [key.value]


def _addresses(text: str) -> Iterator[str]:
    for word in _WORD.findall(text.lower()):
        if "@" not in word:
            continue
        parts = {word} if _PLAIN_WORD.fullmatch(word) else {word, *_PLAIN_WORD.findall(word)}
        for part in parts:
            address = part.strip(_AROUND)
            local, _, domain = address.rpartition("@")
            if local and "." in domain and len(address) <= MAX_KEY_CHARS:
                yield unicodedata.normalize("NFC", address)


def _profiles(text: str) -> Iterator[str]:
    finds_slug = False
    for word in _URL.findall(text):
        if _HOST not in word.lower():
            continue
        url, end = word.strip(_AROUND), 0
        for found in _PROFILE.finditer(url):
            end, finds_slug = found.end(), True
            yield from _of_slug(found[1].lower())
        if not end or url[end : end + 1] not in {"", "/", "?", "#"}:
            yield from _stored(url)
    if not finds_slug:
        yield from _stored(text)


def _of_slug(slug: str) -> Iterator[str]:
    # Reading an address takes ten times as long, and there can be a hundred thousand.
    if _STORED_SLUG.fullmatch(slug):
        yield f"https://www.linkedin.com/in/{slug}"
    else:
        yield from _stored(f"in/{slug}")


def _stored(url: str) -> Iterator[str]:
    if len(url) <= MAX_KEY_CHARS:
        with suppress(InvalidValue):
            yield normalize_linkedin_url(url)
