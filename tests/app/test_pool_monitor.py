"""The log says how the pool does: now and then, and at once when it does badly."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine import URL
from structlog.testing import capture_logs
from structlog.typing import EventDict

from app.pool_monitor import PoolMonitor
from domain.pool import PoolSnapshot
from tests.apps import open_app
from tests.replication import until


class Watched:
    """A pool, and time, as the test says they are."""

    def __init__(self, *, size: int = 25, overflow: int = 0) -> None:
        self.now = 0.0
        self.pool = PoolSnapshot(size=size, max_overflow=overflow)
        self.slept: list[float] = []
        self.monitor = PoolMonitor(
            "primary", lambda: self.pool, interval_seconds=60.0, now=lambda: self.now
        )

    def looks(self, **numbers: Any) -> list[EventDict]:
        """What a look logs that finds these numbers a second later."""
        self.now += 1
        self.pool = PoolSnapshot(
            size=self.pool.size, max_overflow=self.pool.max_overflow, **numbers
        )
        with capture_logs() as logs:
            self.monitor.look()
        return logs

    async def sleep(self, seconds: float) -> None:
        """Time passes at once; after five minutes of it the test is over."""
        self.slept.append(seconds)
        self.now += seconds
        if self.now > 300:
            raise asyncio.CancelledError


async def test_pool_is_logged_every_minute() -> None:
    """Once each 60 seconds, whatever it is: in five minutes five times."""
    watched = Watched()
    with capture_logs() as logs, pytest.raises(asyncio.CancelledError):
        await watched.monitor.watch(watched.sleep)
    assert [line["event"] for line in logs] == ["pool"] * 5
    assert set(watched.slept) == {1.0}
    line = logs[0]
    assert (line["log_level"], line["server"]) == ("info", "primary")
    assert (line["size"], line["checked_out"], line["utilization_percent"]) == (25, 0, 0.0)


@pytest.mark.parametrize(("overflow", "most_used"), [(0, 20), (50, 60)])
def test_crowded_pool_is_warned_of_once(overflow: int, most_used: int) -> None:
    """At 21 of 25, and at 61 of 25 + 50; again only after there was room meanwhile."""
    watched = Watched(overflow=overflow)
    assert watched.looks(checked_out=most_used) == []
    (line,) = watched.looks(checked_out=most_used + 1)
    assert (line["event"], line["log_level"]) == ("pool_crowded", "warning")
    assert line["checked_out"] == most_used + 1
    assert watched.looks(checked_out=most_used + 2) == []
    (line,) = watched.looks(checked_out=most_used)
    assert (line["event"], line["log_level"]) == ("pool_relieved", "info")
    (line,) = watched.looks(checked_out=most_used + 1)
    assert line["event"] == "pool_crowded"


def test_lost_connections_are_logged_once() -> None:
    """How many since the look before: thrown away, never given back, and refused."""
    watched = Watched()

    def told(**numbers: int) -> list[tuple[object, ...]]:
        return [
            (line["event"], line["log_level"], line.get("count", line.get("refused")))
            for line in watched.looks(**numbers)
        ]

    counts = {"invalidated": 2, "leaked": 1, "timeouts": 7}
    assert told(invalidated=2) == [("pool_connections_invalidated", "warning", 2)]
    assert told(**counts) == [
        ("pool_exhausted", "warning", 7),
        ("pool_connections_leaked", "error", 1),
    ]
    assert told(**counts) == []
    assert told(**{**counts, "invalidated": 5}) == [("pool_connections_invalidated", "warning", 3)]


def test_connection_held_for_long_is_logged_once() -> None:
    """And once more when another one joins it."""
    watched = Watched()
    (line,) = watched.looks(overdue=1, longest_held_seconds=61.2)
    assert (line["event"], line["log_level"]) == ("pool_connections_held_long", "warning")
    assert (line["count"], line["longest_held_seconds"]) == (1, 61.2)
    assert watched.looks(overdue=1, longest_held_seconds=62.2) == []
    (line,) = watched.looks(overdue=2, longest_held_seconds=63.2)
    assert line["count"] == 2


@pytest.mark.parametrize("is_enabled", [True, False])
async def test_server_watches_its_pool_if_it_is_to(
    database_url: URL, tmp_path: Path, *, is_enabled: bool
) -> None:
    """A server with a short interval logs it; without ENABLE_POOL_MONITORING nothing does."""
    with capture_logs() as logs:
        async with open_app(
            database_url,
            tmp_path,
            with_cache=True,
            enable_pool_monitoring=is_enabled,
            pool_monitoring_interval=0.02,
        ) as app:
            if is_enabled:
                await _until(lambda: any(line["event"] == "pool" for line in logs))
            else:
                names = {task.get_coro().__qualname__ for task in asyncio.all_tasks()}  # type: ignore[union-attr]  # all are coroutines
                assert PoolMonitor.watch.__qualname__ not in names
            assert app.resources.settings.enable_pool_monitoring is is_enabled


async def _until(condition: Callable[[], bool]) -> None:
    async def holds() -> bool:
        return condition()

    await until(holds)
