"""Which media type a client prefers for its answer, and whether it takes a stream."""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Final

from streaming.weights import weighed

GRAPHQL_RESPONSE: Final = "application/graphql-response+json"
JSON: Final = "application/json"
EVENT_STREAM: Final = "text/event-stream"

LINES: Final = "application/x-ndjson"
"""A line of JSON for each row."""

_NAMES_OF_LINES: Final = (LINES, "application/jsonl")
_ANY_JSON: Final = frozenset({GRAPHQL_RESPONSE, JSON, "application/*", "*/*"})
_WHOLE: Final = (JSON, GRAPHQL_RESPONSE, EVENT_STREAM)
_ANYTHING: Final = ("application/*", "*/*")
_MAX_KEPT_CHARS: Final = 500


def negotiate(accept: str | None) -> str:
    """The media type of an answer: the preferred one, `application/json` when nothing says.

    It is a stream of events only where no JSON will do: clients that can read both name both on
    every request. It is lines only where they are wanted more than anything else that is named.

    Source: GraphQL over HTTP, "Media Types"; RFC 9110, 12.5.1 for the weights.
    """
    if accept is None:
        return JSON
    # Clients send the same header each time; a long one is no client's, and not worth its room.
    return _kept(accept) if len(accept) <= _MAX_KEPT_CHARS else _preferred(accept)


def takes_events(accept: str | None) -> bool:
    """Whether a stream of events is asked for by its name.

    A client that takes anything, as those do that say nothing, would wait for an end that a stream
    may not have.
    """
    return accept is not None and _weights(accept).get(EVENT_STREAM, 0.0) > 0


def _preferred(accept: str) -> str:
    weights = _weights(accept)
    if _prefers_lines(weights):
        return LINES
    json = weights.get(JSON, 0.0)
    if 0 < weights.get(GRAPHQL_RESPONSE, 0.0) >= json:
        return GRAPHQL_RESPONSE
    is_json = any(weights.get(name, 0.0) > 0 for name in _ANY_JSON)
    return EVENT_STREAM if not is_json and weights.get(EVENT_STREAM, 0.0) > 0 else JSON


def _prefers_lines(weights: Mapping[str, float]) -> bool:
    weight = _best(weights, _NAMES_OF_LINES)
    return weight > _best(weights, _WHOLE) and weight >= _best(weights, _ANYTHING)


def _best(weights: Mapping[str, float], names: Iterable[str]) -> float:
    return max(weights.get(name, 0.0) for name in names)


_kept: Final = lru_cache(maxsize=256)(_preferred)


def _weights(accept: str) -> dict[str, float]:
    weights: dict[str, float] = {}
    for part in accept.split(","):
        media_type, weight = weighed(part)
        weights[media_type] = max(weights.get(media_type, 0.0), weight)
    return weights
