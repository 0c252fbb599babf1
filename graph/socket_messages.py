"""The messages of graphql-transport-ws: what a client may send, read strictly."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson
from starlette.types import Message as Event

from domain.errors import InvalidInput
from graph.bounded_json import parse_json

_MAX_REASON_BYTES: Final = 123

_HAVE_AN_ID: Final = frozenset({"subscribe", "complete"})
_TYPES: Final = _HAVE_AN_ID | {"connection_init", "ping", "pong"}


class Closed(Exception):
    """The socket has to end.

    Args:
        code: Of PROTOCOL.md, from 4400 on.
        reason: What to do, at most 123 bytes.
    """

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason

    def event(self) -> Event:
        """The end as the server is told it."""
        return {"type": "websocket.close", "code": self.code, "reason": _fitting(self.reason)}


class Gone(Exception):
    """The client has left, so nothing can be sent any more."""


@dataclass(frozen=True)
class Received:
    """A message of a client.

    Attributes:
        id: Of the operation; empty when the message is about none.
        payload: Empty when there is none.
    """

    type: str
    id: str
    payload: Mapping[str, Any]


def read_message(event: Event) -> Received:
    """What a client has sent.

    Raises:
        Closed: It is no message of the protocol.
    """
    text = event.get("text")
    if text is None:
        raise Closed(4400, "Send messages as text, not as bytes.")
    try:
        message = parse_json(text.encode(), what="The message")
    except InvalidInput as error:
        raise Closed(4400, error.message) from None
    if not isinstance(message, dict):
        raise Closed(4400, 'The message is not a JSON object such as {"type": "ping"}.')
    return _checked(message.get("type"), message.get("id", ""), message.get("payload"))


def written(message: Mapping[str, Any]) -> Event:
    """A message of ours as the server is told it."""
    text = orjson.dumps(message, option=orjson.OPT_UTC_Z).decode()
    return {"type": "websocket.send", "text": text}


def _checked(type_: Any, operation_id: Any, payload: Any) -> Received:
    if not isinstance(type_, str) or type_ not in _TYPES:
        raise Closed(4400, f"The type of the message is none of {', '.join(sorted(_TYPES))}.")
    if not isinstance(operation_id, str) or (not operation_id and type_ in _HAVE_AN_ID):
        raise Closed(4400, f"The id of {type_} is not a text with something in it.")
    if payload is None and type_ != "subscribe":
        payload = {}
    if not isinstance(payload, dict) and type_ != "complete":
        raise Closed(4400, f"The payload of {type_} is not a JSON object.")
    return Received(type_, operation_id, payload)


def _fitting(reason: str) -> str:
    return reason.encode()[:_MAX_REASON_BYTES].decode(errors="ignore")
