"""Names for values that are more than their Python type says; the doors give them their form."""

from typing import NewType

NodeId = NewType("NodeId", str)
"""The opaque id of a contact, company or other node, as `domain.node_ids` writes it."""

BigInt = NewType("BigInt", int)
"""A whole number of up to 64 bits; JSON readers get it as a string, so that none is rounded."""

Json = NewType("Json", object)
"""Any JSON value."""
