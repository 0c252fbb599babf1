"""A browser for the tests of pages."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.pages.chromium import Tab, open_tab


@pytest.fixture
async def tab(tmp_path: Path) -> AsyncIterator[Tab]:
    """A tab of which no script makes a mistake."""
    async with open_tab(tmp_path / "browser") as opened:
        yield opened
    assert opened.mistakes == []
