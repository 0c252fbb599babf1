"""Why changes are refused."""

from collections.abc import Awaitable
from typing import Any

import pytest

from domain.errors import Problem, Rejected


async def problems_of(work: Awaitable[Any]) -> list[Problem]:
    """Why a change was refused."""
    with pytest.raises(Rejected) as refused:
        await work
    return list(refused.value.problems)
