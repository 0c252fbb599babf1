"""How many random operations are tried, and which: `--examples` and `--seed`."""

from collections.abc import Sequence
from typing import Final

import pytest

SEEDS_PER_TEST: Final = 50


def part_seeds(metafunc: pytest.Metafunc) -> None:
    """Part the operations into tests; with `--seed` there is one."""
    if "seeds" not in metafunc.fixturenames:
        return
    seed, count = metafunc.config.getoption("seed"), metafunc.config.getoption("examples")
    parts: Sequence[Sequence[int]] = [
        range(start, min(start + SEEDS_PER_TEST, count))
        for start in range(0, count, SEEDS_PER_TEST)
    ]
    if seed is not None:
        parts = [[seed]]
    metafunc.parametrize("seeds", parts, ids=lambda seeds: f"{seeds[0]}-{seeds[-1]}")
