"""What a process holds open is made as the settings say, and closed in order."""

import asyncio
from pathlib import Path

from sqlalchemy.engine import URL
from structlog.testing import capture_logs

from jobs.parallel import ParallelSettings
from tests.apps import open_app


async def test_settings_of_parallel_work_reach_it(database_url: URL, tmp_path: Path) -> None:
    """Workers, their maximum and the switch."""
    async with open_app(
        database_url,
        tmp_path,
        parallel_processing_workers=2,
        parallel_processing_max_workers=3,
        enable_parallel_processing=False,
    ) as app:
        assert app.resources.parallel == ParallelSettings(
            workers=2, max_workers=3, is_enabled=False
        )


async def test_settings_of_background_tasks_reach_them(database_url: URL, tmp_path: Path) -> None:
    """How many run at a time, and how long they are waited for at the end."""

    async def wait() -> None:
        await asyncio.Event().wait()

    with capture_logs() as logs:
        async with open_app(
            database_url,
            tmp_path,
            max_concurrent_background_tasks=1,
            background_task_timeout=0.05,
        ) as app:
            for _ in range(2):
                app.resources.background.add(wait)
            await asyncio.sleep(0)
            statistics = app.resources.background.statistics()
    assert (statistics.active_tasks, statistics.queued_tasks) == (1, 1)
    (line,) = (entry for entry in logs if entry["event"] == "background_tasks_abandoned")
    assert (line["functions"], line["seconds"]) == (["wait", "wait"], 0.05)
