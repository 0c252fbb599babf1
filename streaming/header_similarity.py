"""How much the name of a column is like one that is known, word by word.

All words must find their like: a name that has a further word means something else, but for those
that say nothing ("Your", and in files of contacts "Contact"). So "Last Contacted" is never the last
name, and "Number of Phones" no phone number.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from difflib import SequenceMatcher, get_close_matches
from functools import cache
from itertools import takewhile
from typing import Final, NamedTuple

from streaming.header_names import names_of
from streaming.import_fields import Entity

_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[^\W\d_A-Z]+|\d+")
_SAYING_NOTHING: Final = frozenset({"the", "a", "of", "s", "your", "my", "their"})
# In a file of contacts; beside a company it is somebody else who has the name or phone.
_OF_CONTACTS: Final = frozenset({"contact", "person", "lead", "prospect", "client", "customer"})
_BEHIND_THE_NAME: Final = frozenset({"value", "field"})
_SAME: Final = {
    **dict.fromkeys(("mail", "emails", "mails"), "email"),
    **dict.fromkeys(("tel", "telephone", "phones", "phonenumber"), "phone"),
    **dict.fromkeys(("cell", "cellular", "cellphone"), "mobile"),
    **dict.fromkeys(("org", "organisation", "organization", "employer", "firm"), "company"),
    **dict.fromkeys(("link", "uri", "profile", "page"), "url"),
    **dict.fromkeys(("employee", "staff"), "employees"),
    **dict.fromkeys(("no", "num"), "number"),
}
_NUMBERS: Final = frozenset({"no", "num", "number"})
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
_MOST_KEPT: Final = 10_000


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
    """Names of columns to compare others with.

    Args:
        said_before: Words before the name of a column that say nothing.
    """

    def __init__(self, names: Iterable[str], said_before: Collection[str] = ()) -> None:
        self._by_words: dict[frozenset[tuple[str, int]], tuple[tuple[str, ...], str]] = {}
        self._said_before = said_before
        for name in names:
            words = _words(_split(name)).words
            self._by_words.setdefault(_bag(words), (words, name))
        self._vocabulary = sorted({word for words, _ in self._by_words.values() for word in words})
        self._near: dict[str, tuple[str, float]] = {}

    def like(self, header: str) -> Likeness | None:
        """The known name that a header is most like; None where it is like none."""
        found = (self._like(words) for words in self._readings(header))
        return next((each for each in found if each), None)

    def _readings(self, header: str) -> Iterator[_Words]:
        """The words of a header, and what is left of them without more and more that say nothing.

        A name that is known with such a word is found before one without it.
        """
        words = _split(header)
        said = (word in self._said_before for word in words[:-1])
        for start in range(len([*takewhile(bool, said)]) + 1):
            yield _words(words[start:], start)
            if len(words) - start > 1 and words[-1] in _BEHIND_THE_NAME:
                yield _words(words[start:-1], start + 1)

    def _like(self, read: _Words) -> Likeness | None:
        words, dropped = read
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
        if len(word) > _MOST_CHARS:
            return word, 1.0
        found = self._near.get(word)
        if found is None:
            if len(self._near) >= _MOST_KEPT:
                self._near.clear()
            found = self._near[word] = self._look_up(word)
        return found

    def _look_up(self, word: str) -> tuple[str, float]:
        if word in self._vocabulary or word in _OTHER_WORDS or len(word) < _FEWEST_CHARS:
            return word, 1.0
        for known in self._vocabulary:
            if known[0] == word[0] and sorted(known) == sorted(word):
                return known, _SWAPPED
        near = get_close_matches(word, self._vocabulary, n=1, cutoff=_CLOSE)
        return (near[0], SequenceMatcher(None, word, near[0]).ratio()) if near else (word, 1.0)


@cache
def known_names(entity: Entity) -> KnownNames:
    """The names of the fields of an entity, prepared once."""
    return KnownNames(sorted(names_of(entity)), _OF_CONTACTS if entity == "contacts" else ())


def best_likeness(header: str, entity: Entity) -> tuple[str, Likeness] | None:
    """The field that a header most probably means, and why."""
    found = known_names(entity).like(header)
    return None if found is None else (names_of(entity)[found.name], found)


def _split(name: str) -> list[str]:
    """The words of a name as they stand, but for the one that a blank or sign may come apart."""
    found = [word.casefold() for word in _WORD.findall(name.replace("LinkedIn", "linkedin"))]
    if "e" in found and "mail" in found:
        found.remove("e")
    return found


def _words(found: Sequence[str], dropped: int = 0) -> _Words:
    """The words that say something, each in the form in which those that mean the same are equal.

    "Number of Phones" counts them, as "Employees Number" does; "Employee Number" names one.
    """
    whole = len(found)
    if whole > 1 and found[0] in _NUMBERS and found[1] == "of":
        found = ["count", *found[2:]]
        whole -= 1
    elif "employees" in found:
        found = ["count" if word in _NUMBERS else word for word in found]
    kept = [_SAME.get(word, word) for word in found if word not in _SAYING_NOTHING]
    if _SITES.intersection(kept):
        kept = [word for word in kept if word != "url"]
    return _Words(tuple(kept), dropped + whole - len(kept))


def _bag(words: tuple[str, ...]) -> frozenset[tuple[str, int]]:
    return frozenset(Counter(words).items())
