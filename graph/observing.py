"""What is told of each operation once it has been answered, whatever carried it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from cache.statistics import Status
from graph.prices import Cost


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationRun:
    """An operation that has been answered, or an event of a subscription.

    Attributes:
        kind: `query`, `mutation` or `subscription`.
        name: As its client wrote it; None when it has none. Clients write what they like.
        sha256: Of its document, in hexadecimal.
        fields: Its root fields as the schema names them, `Query.contacts`.
        user: Who asked; None for strangers.
        seconds: From finding the document to its answer.
        cost: None when it was refused before its cost was known.
        tier: How it was executed: planned, general, fallback; empty when it was not.
        cache: The worst that became of a field in the cache; None when none can be kept.
        codes: Of its errors, in their order.
    """

    kind: str
    name: str | None
    sha256: str
    fields: Sequence[str]
    user: UUID | None
    seconds: float
    cost: Cost | None = None
    tier: str = ""
    cache: Status | None = None
    codes: Sequence[str] = ()


OperationObserver = Callable[[OperationRun], None]
"""Is told each operation, in the task that answered it; it is quick, and raises nothing."""

STATE: Final = "operation"
"""Where the run of a request stands in the `state` of its ASGI scope, for what surrounds it."""
