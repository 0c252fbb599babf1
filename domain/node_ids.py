"""Opaque ids: one text that names a kind of thing and its row.

base64url of a version byte, a kind byte and the row's id in as few bytes as it needs. Kinds keep
their number for ever; a new layout gets a new version byte.
"""

import base64
import binascii
from enum import IntEnum
from typing import Final

from domain.errors import InvalidInput
from domain.scalars import NodeId

_VERSION: Final = 1
_MAX_ROW_ID: Final = 2**63 - 1
_SHOWN_CHARS: Final = 100


class NodeKind(IntEnum):
    """The kinds of things that have an id; the numbers are part of ids that clients keep."""

    CONTACT = 1
    COMPANY = 2
    USER = 3
    CONTACT_EMAIL = 4
    CONTACT_PHONE = 5
    ACTIVITY = 6
    MERGE = 7
    SUPPRESSION = 8


_PREFIXES: Final = {kind: bytes((_VERSION, kind)) for kind in NodeKind}


def encode_node_id(kind: NodeKind, row_id: int) -> NodeId:
    """The id of a row, safe in a URL."""
    row = row_id.to_bytes((row_id.bit_length() + 7) // 8 or 1)
    return NodeId(base64.urlsafe_b64encode(_PREFIXES[kind] + row).rstrip(b"=").decode())


def decode_node_id(text: str, *, expected: NodeKind | None = None) -> tuple[NodeKind, int]:
    """The kind and row an id names.

    Raises:
        InvalidInput: Not an id of this server, or of another kind than expected.
    """
    try:
        raw = base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
        version, kind, row_id = raw[0], NodeKind(raw[1]), int.from_bytes(raw[2:])
    except (UnicodeEncodeError, binascii.Error, IndexError, ValueError):
        raise _invalid(text) from None
    if version != _VERSION or not 0 < row_id <= _MAX_ROW_ID:
        raise _invalid(text)
    if encode_node_id(kind, row_id) != text:
        raise _invalid(text)
    if expected not in (None, kind):
        raise InvalidInput(f"{text!r} is the id of a {_words(kind)}, not of a {_words(expected)}.")
    return kind, row_id


def _invalid(text: str) -> InvalidInput:
    return InvalidInput(f"{text[:_SHOWN_CHARS]!r} is not an id of this server.")


def _words(kind: NodeKind | None) -> str:
    return "" if kind is None else kind.name.lower().replace("_", " ")
