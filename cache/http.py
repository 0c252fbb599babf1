"""What caches on the way are told: how long a copy may be used, and by what it is told apart.

Source: RFC 9110, sections 8.8.3 and 13.1.2, for tags; RFC 9111, section 5.2, for Cache-Control.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

PRIVATE: Final = "private, no-cache"
"""For what one user may see: nobody else keeps it, and a copy is used only when we say that it is
still true."""

NO_STORE: Final = "no-store"
"""For what is nobody's to keep: errors, and how things stand."""

_TAG: Final = re.compile(r'(?:W/)?("[^"]*")')
_FRESH_ONES: Final = frozenset({"no-cache", "no-store", "max-age=0"})
_PRIVATE_ONES: Final = frozenset({"private", "no-store"})


@dataclass(frozen=True, kw_only=True)
class Freshness:
    """How long a copy of a public answer is used without asking.

    Attributes:
        is_public: Proxies may keep it too, not only who asked.
        must_revalidate: An older copy is not used even when we cannot be reached.
        is_immutable: It never changes under its address, so that reloading does not ask either.
    """

    max_age_seconds: int
    is_public: bool = True
    must_revalidate: bool = False
    is_immutable: bool = False

    @property
    def cache_control(self) -> str:
        """The header that says so."""
        return ", ".join(self._directives())

    def _directives(self) -> Iterator[str]:
        yield "public" if self.is_public else "private"
        yield f"max-age={self.max_age_seconds}"
        if self.must_revalidate:
            yield "must-revalidate"
        if self.is_immutable:
            yield "immutable"


def entity_tag(content: bytes, media_type: str) -> str:
    """The strong tag of an answer: another one for every other content, or form of it."""
    digest = sha256(media_type.encode())
    digest.update(b"\n" + content)
    return f'"{digest.hexdigest()[:32]}"'


def is_current(if_none_match: str | None, tag: str) -> bool:
    """Whether a header If-None-Match names a tag.

    The comparison is weak: tags may be weak themselves, and proxies weaken those of what they
    compress.
    """
    if if_none_match is None:
        return False
    return if_none_match.strip() == "*" or tag.removeprefix("W/") in _TAG.findall(if_none_match)


def wants_fresh(cache_control: str) -> bool:
    """Whether a client's Cache-Control takes nothing that was kept."""
    return not _FRESH_ONES.isdisjoint(_directives(cache_control))


def is_private(cache_control: str) -> bool:
    """Whether the Cache-Control of an answer keeps it from every proxy."""
    return not _PRIVATE_ONES.isdisjoint(_directives(cache_control))


def _directives(cache_control: str) -> set[str]:
    return {directive.strip().lower() for directive in cache_control.split(",")}
