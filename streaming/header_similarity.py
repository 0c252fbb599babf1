"""How much the name of a column is like one that is known, word by word.

All words must find their like: a name that has a further word means something else, but for those
that say nothing ("Contact", "Your"). So "Last Contacted" is never the last name.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from difflib import SequenceMatcher, get_close_matches
from functools import cache
from typing import Final, NamedTuple

_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[^\W\d_A-Z]+|\d+")
_SAYING_NOTHING: Final = frozenset({"the", "a", "of", "s", "your", "my", "their"})
_BEFORE_THE_NAME: Final = frozenset({"contact", "person", "lead", "prospect", "client", "customer"})
_BEHIND_THE_NAME: Final = frozenset({"value", "field"})
_SAME: Final = {
    **dict.fromkeys(("mail", "emails", "mails"), "email"),
    **dict.fromkeys(("tel", "telephone", "phones", "phonenumber"), "phone"),
    **dict.fromkeys(("cell", "cellular", "cellphone"), "mobile"),
    **dict.fromkeys(("org", "organisation", "organization", "employer", "firm"), "company"),
    **dict.fromkeys(("link", "uri", "profile", "page"), "url"),
    **dict.fromkeys(("employee", "staff"), "employees"),
    **dict.fromkeys(("no", "num", "count"), "number"),
}
# Words that are no slips of others, though they look so.
_OTHER_WORDS: Final = frozenset(
    {"county", "counter", "founder", "founders", "ticket", "religion", "deadline", "apartment"}
    | {"username", "contracted", "current", "contract", "funder"}
)
_SITES: Final = frozenset({"linkedin", "facebook", "twitter"})

_BEST: Final = 0.9
LEAST_SCORE: Final = 0.65
_A_WORD_MORE: Final = 0.05
_ANOTHER_ORDER: Final = 0.1
_CLOSE: Final = 0.82
_SWAPPED: Final = 0.9
_FEWEST_CHARS: Final = 4
_MOST_CHARS: Final = 20
_MOST_WORDS: Final = 6


class Likeness(NamedTuple):
    """A known name that a column's is much like.

    Attributes:
        score: From `LEAST_SCORE` to 0.9.
    """

    name: str
    score: float


class _Words(NamedTuple):
    words: tuple[str, ...]
    dropped: int


class KnownNames:
    """Names of columns to compare others with."""

    def __init__(self, names: Iterable[str]) -> None:
        self._by_words: dict[frozenset[tuple[str, int]], tuple[tuple[str, ...], str]] = {}
        for name in names:
            words = _words(name).words
            self._by_words.setdefault(_bag(words), (words, name))
        self._vocabulary = sorted({word for words, _ in self._by_words.values() for word in words})
        self._near: dict[str, tuple[str, float]] = {}

    def like(self, header: str) -> Likeness | None:
        """The known name that a header is most like; None where it is like none."""
        words, dropped = _words(header)
        if not words or len(words) > _MOST_WORDS:
            return None
        spelt = [self._nearest(word) for word in words]
        found = self._by_words.get(_bag(tuple(word for word, _ in spelt)))
        if found is None:
            return None
        known, name = found
        score = _BEST - _A_WORD_MORE * dropped - sum(1 - ratio for _, ratio in spelt)
        if known != tuple(word for word, _ in spelt):
            score -= _ANOTHER_ORDER
        return Likeness(name, round(score, 2)) if score >= LEAST_SCORE else None

    def _nearest(self, word: str) -> tuple[str, float]:
        """The known word that is meant, and how like it is; one that is like none is itself."""
        if word not in self._near:
            self._near[word] = self._look_up(word)
        return self._near[word]

    def _look_up(self, word: str) -> tuple[str, float]:
        is_usual = _FEWEST_CHARS <= len(word) <= _MOST_CHARS
        if word in self._vocabulary or word in _OTHER_WORDS or not is_usual:
            return word, 1.0
        for known in self._vocabulary:
            if known[0] == word[0] and sorted(known) == sorted(word):
                return known, _SWAPPED
        near = get_close_matches(word, self._vocabulary, n=1, cutoff=_CLOSE)
        return (near[0], SequenceMatcher(None, word, near[0]).ratio()) if near else (word, 1.0)


@cache
def known_names(names: frozenset[str]) -> KnownNames:
    """The same names, prepared once."""
    return KnownNames(sorted(names))


def best_likeness(header: str, names: Mapping[str, str]) -> tuple[str, Likeness] | None:
    """The field that a header most probably means, of those that `names` lead to, and why."""
    found = known_names(frozenset(names)).like(header)
    return None if found is None else (names[found.name], found)


def _words(name: str) -> _Words:
    found = [word.casefold() for word in _WORD.findall(name.replace("LinkedIn", "linkedin"))]
    whole = len(found)
    if "e" in found and "mail" in found:
        found.remove("e")
        whole -= 1
    while len(found) > 1 and found[0] in _BEFORE_THE_NAME:
        del found[0]
    while len(found) > 1 and found[-1] in _BEHIND_THE_NAME:
        del found[-1]
    kept = [_SAME.get(word, word) for word in found if word not in _SAYING_NOTHING]
    if _SITES.intersection(kept):
        kept = [word for word in kept if word != "url"]
    return _Words(tuple(kept), whole - len(kept))


def _bag(words: tuple[str, ...]) -> frozenset[tuple[str, int]]:
    return frozenset(Counter(words).items())
