"""The difference between "not given" and "given as null".

A field that was left out of an input holds `ABSENT`; a field that was given as null holds `None`.
"""

from typing import Any, Final, final


@final
class Absent:
    """The type of `ABSENT`, its only instance."""

    def __repr__(self) -> str:
        return "ABSENT"

    def __bool__(self) -> bool:
        return False


ABSENT: Final[Any] = Absent()
"""Stands in a field that the caller left out. Compare with `is`."""


def given(value: object) -> bool:
    """Whether a field was part of the input, null included."""
    return value is not ABSENT
