"""The size class of a company by its number of employees."""

from bisect import bisect_left
from typing import Final

from domain.enums import EmployeeRange

_GREATEST: Final = (10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000)
_RANGES: Final = tuple(EmployeeRange)


def employee_range(employees: int | None) -> EmployeeRange | None:
    """The range a number of employees falls in; None for none and for an unknown number."""
    if not employees or employees < 1:
        return None
    return _RANGES[bisect_left(_GREATEST, employees)]
