"""Patterns in memory match what those of a real server match."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis

from cache.patterns import matcher
from tests.cache.stores import escaped
from tests.valkey import Valkey

_LETTERS = "abc:*?[]^-\\"
_patterns = st.text(_LETTERS, max_size=12)
_texts = st.text(_LETTERS, min_size=1, max_size=8)
_shared = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


@given(pattern=_patterns, texts=st.sets(_texts, min_size=1))
@_shared
def test_pattern_matches_what_it_matches_at_the_server(
    healthy_valkey: Valkey, pattern: str, texts: set[str]
) -> None:
    """Whatever classes, ranges, negations and backslashes it has, closed or not."""
    with Redis.from_url(healthy_valkey.url, decode_responses=True) as server:
        server.flushall()
        server.mset(dict.fromkeys(texts, "1"))
        found = set(server.keys(pattern))
    matches = matcher(pattern)
    assert {text for text in texts if matches(text)} == found


@given(text=_texts, other=_texts)
def test_escaped_text_matches_itself_alone(text: str, other: str) -> None:
    """No character of it means more than itself."""
    matches = matcher(escaped(text))
    assert matches(text)
    assert matches(other) is (text == other)


def test_many_stars_are_matched_at_once() -> None:
    """A pattern that fits almost everywhere is no work that never ends."""
    assert not matcher("*a" * 30 + "b")("a" * 5000)
