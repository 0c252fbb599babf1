"""How long each part of an answer took, for whoever tells the client."""

from time import perf_counter


class Stages:
    """The parts of one answer.

    Attributes:
        parts: The milliseconds of those that have ended, by their names.
    """

    __slots__ = ("_last", "parts")

    def __init__(self) -> None:
        self.parts: dict[str, float] = {}
        self._last = perf_counter()

    def end(self, name: str) -> None:
        """A part has ended, and the next one begins."""
        now = perf_counter()
        self.parts[name] = (now - self._last) * 1e3
        self._last = now
