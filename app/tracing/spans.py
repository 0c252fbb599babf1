"""What is traced, in words that need no OpenTelemetry: spans, and what makes them."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from enum import Enum, auto
from typing import Protocol

Value = str | int | float | bool | Sequence[str]
Headers = Iterable[tuple[bytes, bytes]]


class Kind(Enum):
    """What a span is to others."""

    SERVER = auto()
    CONSUMER = auto()
    CLIENT = auto()
    INTERNAL = auto()


class Span(Protocol):
    """Something that takes time."""

    @property
    def trace_id(self) -> str:
        """Of the trace that it is a part of, in hexadecimal."""

    def tell(self, facts: Mapping[str, Value]) -> None:
        """Add facts; never what belongs to users."""

    def rename(self, name: str) -> None:
        """Call it otherwise, once more is known."""

    def fail(self, kind: str) -> None:
        """It has failed.

        Args:
            kind: In a word of ours; what an error says may quote what belongs to users.
        """


class Tracer(Protocol):
    """Makes spans. What is begun within one is a part of it."""

    def root(
        self,
        name: str,
        kind: Kind,
        facts: Mapping[str, Value],
        *,
        headers: Headers = (),
        expected: tuple[type[BaseException], ...] = (),
    ) -> AbstractContextManager[Span]:
        """A span that is a part of nothing here; of a request elsewhere, when the headers say so.

        It has failed when the block raises what is not expected.
        """

    def span(self, name: str, facts: Mapping[str, Value]) -> AbstractContextManager[Span]:
        """A span of the one that is under way, or of none."""

    def part(self, name: str, facts: Mapping[str, Value]) -> AbstractContextManager[Span]:
        """What another server does for the span under way; nothing is told when there is none."""

    def is_recording(self) -> bool:
        """Whether a span is under way, and is told."""

    def past(
        self, name: str, facts: Mapping[str, Value], *, seconds: float, failure: str | None = None
    ) -> None:
        """What another server has just done for the span under way.

        Args:
            failure: As `Span.fail` has it; None when it did not fail.
        """
