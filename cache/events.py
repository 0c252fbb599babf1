"""What became out of date, told to whoever wants to know."""

from collections import deque
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

import structlog

_MAX_RECENT: Final = 100
_CHANGED: Final = "records_changed"

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class CacheInvalidated:
    """Cached values that are not found any more.

    Attributes:
        reason: Why; `records_changed` when it followed from a change.
        tags: What they depended on; empty when they were named by a pattern.
        pattern: What their names matched.
        metadata: What else is known of the cause.
    """

    reason: str
    tags: frozenset[str] = frozenset()
    pattern: str | None = None
    metadata: Mapping[str, object] = field(default_factory=dict)
    at: datetime = field(default_factory=lambda: datetime.now(UTC))


Subscriber = Callable[[CacheInvalidated], None]


class Events:
    """The events of this process, the latest hundred of them kept."""

    def __init__(self) -> None:
        self._recent: deque[CacheInvalidated] = deque(maxlen=_MAX_RECENT)
        self._subscribers: list[Subscriber] = []

    def recent(self) -> list[CacheInvalidated]:
        """The latest events, the newest last."""
        return list(self._recent)

    def subscribe(self, subscriber: Subscriber) -> Callable[[], None]:
        """Have a function called with every event; gives one that ends this.

        It is called between a change and its answer: it should be quick. Its errors are logged.
        """
        self._subscribers.append(subscriber)
        return lambda: self._subscribers.remove(subscriber)

    def tell(self, event: CacheInvalidated) -> None:
        """Keep an event and tell it."""
        self._recent.append(event)
        for subscriber in tuple(self._subscribers):
            try:
                subscriber(event)
            except Exception as error:
                log.exception("cache_subscriber_failed", error_type=type(error).__name__)

    def changed(self, tags: Collection[str]) -> None:
        """Records that are told by tags have changed."""
        self.tell(CacheInvalidated(reason=_CHANGED, tags=frozenset(tags)))
