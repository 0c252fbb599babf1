"""Fixtures of the benchmarks' tests."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that PostgreSQL can enter when the tests run as root."""
    with tempfile.TemporaryDirectory(prefix="a360-") as name:
        Path(name).chmod(0o755)
        yield Path(name)
