"""The words of a free-text search, as filters and the order by relevance read them."""

from typing import Final

from domain.errors import InvalidFilter, InvalidValue
from domain.normalize import visible

MAX_SEARCH_CHARS: Final = 200
MAX_SEARCH_WORDS: Final = 8


def split_search(text: str, *, path: str = "search") -> list[str]:
    """The words in the form of stored texts; none when the text is blank. Capitals stay.

    Args:
        path: Where the text stands, for messages.

    Raises:
        InvalidFilter: Too long, too many words, or characters that no stored text has.
    """
    if len(text) > MAX_SEARCH_CHARS:
        raise InvalidFilter(f"{path} has {len(text)} characters; at most {MAX_SEARCH_CHARS} fit.")
    try:
        words = visible(text).split()
    except InvalidValue as error:
        raise InvalidFilter(f"{path}: {error.message}") from None
    if len(words) > MAX_SEARCH_WORDS:
        raise InvalidFilter(f"{path} has {len(words)} words; at most {MAX_SEARCH_WORDS} fit.")
    return words
