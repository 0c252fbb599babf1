"""What the cache did for one operation, for those who ask."""

from typing import Final

from cache.keys import Key
from cache.query_cache import Fetched
from cache.statistics import Status


class Fetches:
    """What the cache did for the root fields of one operation."""

    def __init__(self) -> None:
        self._fetches: list[tuple[Key, Fetched]] = []

    def note(self, key: Key, fetched: Fetched) -> None:
        """Remember what became of a field."""
        self._fetches.append((key, fetched))

    def forget(self) -> None:
        """Nothing of it is in the answer after all."""
        self._fetches.clear()

    @property
    def are_kept(self) -> bool:
        """Whether all of these fields are in the cache now."""
        return all(fetched.is_kept for _, fetched in self._fetches)

    @property
    def worst(self) -> Status | None:
        """The worst that became of any field; None when none can be kept."""
        if not self._fetches:
            return None
        became = {fetched.status for _, fetched in self._fetches}
        return next(status for status in _WORST_FIRST if status in became)

    def summary(self) -> dict[str, object] | None:
        """The same with more about it, for `extensions`."""
        if not self._fetches:
            return None
        left = [fetched.seconds_left for _, fetched in self._fetches]
        return {
            "status": self.worst,
            "ttl": min((int(seconds) for seconds in left if seconds is not None), default=None),
            "tags": sorted({tag for key, _ in self._fetches for tag in key.tags}),
        }


_WORST_FIRST: Final = (Status.BYPASS, Status.MISS, Status.HIT)
