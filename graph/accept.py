"""Which of the two media types of GraphQL over HTTP a client prefers."""

from functools import lru_cache
from typing import Final

GRAPHQL_RESPONSE: Final = "application/graphql-response+json"
JSON: Final = "application/json"

_MAX_KEPT_CHARS: Final = 500


def negotiate(accept: str | None) -> str:
    """The media type of the answer: the preferred one, `application/json` when nothing says.

    Source: GraphQL over HTTP, "Media Types"; RFC 9110, 12.5.1 for the weights.
    """
    if accept is None:
        return JSON
    # Clients send the same header each time; a long one is no client's, and not worth its room.
    return _kept(accept) if len(accept) <= _MAX_KEPT_CHARS else _preferred(accept)


def _preferred(accept: str) -> str:
    weights = {GRAPHQL_RESPONSE: 0.0, JSON: 0.0}
    for part in accept.split(","):
        media_type, *parameters = (piece.strip().lower() for piece in part.split(";"))
        if media_type in weights:
            weights[media_type] = max(weights[media_type], _weight(parameters))
    if weights[GRAPHQL_RESPONSE] > 0 and weights[GRAPHQL_RESPONSE] >= weights[JSON]:
        return GRAPHQL_RESPONSE
    return JSON


_kept: Final = lru_cache(maxsize=256)(_preferred)


def _weight(parameters: list[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0
