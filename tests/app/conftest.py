"""Folders for the embedded PostgreSQL: where its account may enter, and nothing is left running."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.embedded.server import lease
from tests.app.clusters import open_parent, stop_leftovers


@pytest.fixture
def fresh_folder() -> Iterator[Path]:
    """A folder that does not exist yet, where every user may enter."""
    with open_parent() as parent:
        yield parent / "data"


@pytest.fixture(scope="module")
def used_folder() -> Iterator[Path]:
    """A folder in which a server has been, because a first start takes most of a test's time."""
    with open_parent() as parent:
        with lease(parent / "data", durable=False):
            pass
        yield parent / "data"


@pytest.fixture
def folder(used_folder: Path) -> Iterator[Path]:
    """The used folder, with nothing running on it."""
    yield used_folder
    stop_leftovers(used_folder)
