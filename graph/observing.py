"""What is told of each operation once it has been answered, whatever carried it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from cache.statistics import Status
from graph.prices import Cost

MAX_NAME_CHARS: Final = 100
"""So much is told of the name of an operation: it may be as long as a document."""


# Not frozen: to make one would take three times as long.
@dataclass(slots=True, kw_only=True)
class OperationRun:
    """An operation that has been answered, or an event of a subscription.

    Attributes:
        kind: `query`, `mutation` or `subscription`.
        name: As its client wrote it, its first `MAX_NAME_CHARS`; None when it has none. Clients
            write what they like.
        sha256: Of its document, in hexadecimal.
        fields: Its root fields as the schema names them, `Query.contacts`.
        user: Who asked; None for strangers.
        seconds: From finding the document to its answer.
        cost: None when it was refused before its cost was known.
        tier: How it was executed: planned, general, fallback; empty when it was not.
        cache: The worst that became of a field in the cache; None when none can be kept.
        codes: Of its errors, in their order.
        field_costs: What was answered of each of `fields` cost, in their order; empty when nothing
            was answered.
        transport: What carried it: `http`, `events`, `lines` or `websocket`; empty for what the
            server asks itself.
        is_event: It is no operation but an event of one.
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
    field_costs: Sequence[int] = ()
    transport: str = ""
    is_event: bool = False


OperationObserver = Callable[[OperationRun], None]
"""Is told each operation, in the task that answered it; it is quick, and raises nothing."""

STATE: Final = "operation"
"""Where the run of a request stands in the `state` of its ASGI scope, for what surrounds it."""

REFUSAL: Final = "refusal"
"""The same of the code of the error that a request was refused with before it came to that."""

USER: Final = "user"
"""The same of who sent it, by a token that is good."""

STAGES: Final = "stages"
"""The same of the `Stages.parts` of its answer."""
