"""Fixtures of the races."""

from collections.abc import Iterator

import pytest

from tests.valkey import Valkey, valkey_server


@pytest.fixture
def valkey() -> Iterator[Valkey]:
    """A Redis server of this test alone, which can be broken."""
    with valkey_server() as server:
        yield server
