"""DATABASE_DIRECT_URL: what listens goes past a pooler, everything else does not."""

import asyncio
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy.engine import URL

from app.settings import SettingsError, load_settings
from domain.node_ids import NodeKind
from tests.apps import STRANGER, open_app
from tests.replication import ask

LISTENERS = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE '%-listener'"


async def test_what_listens_goes_to_the_direct_address(
    server_url: URL, database_url: URL, tmp_path: Path
) -> None:
    """Here that is another database of the same server, so one sees who goes where."""
    direct = SecretStr(server_url.render_as_string(hide_password=False))
    async with open_app(database_url, tmp_path, database_direct_url=direct) as app:
        stream = app.resources.feeds.changes.watch(NodeKind.CONTACT, user=STRANGER)
        async with asyncio.timeout(30):
            await anext(stream)
        here, there = (
            f"{LISTENERS} AND datname = '{url.database}'" for url in (database_url, server_url)
        )
        assert await ask(server_url, here) == 0
        assert await ask(server_url, there) == 1
        await stream.aclose()


def test_direct_address_is_one_beside_the_usual(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The server of our own has no pooler; and a wrong address is refused without being shown."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.setenv("DATABASE_DIRECT_URL", "postgresql://app:hunter2@db/app")
    with pytest.raises(SettingsError, match=r"^DATABASE_DIRECT_URL: needs DATABASE_URL"):
        load_settings()
    monkeypatch.setenv("DATABASE_URL", "postgresql://app@pooler/app")
    assert load_settings().database_direct_url is not None
    monkeypatch.setenv("DATABASE_DIRECT_URL", "mysql://app:hunter2@db/app")
    with pytest.raises(SettingsError, match=r"^DATABASE_DIRECT_URL: must look like") as caught:
        load_settings()
    assert "hunter2" not in str(caught.value)
