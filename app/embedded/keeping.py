"""Keeps the embedded PostgreSQL running, and its log short, under a process that lives long.

Whoever kills its postmaster, or an operating system short of memory, would else leave a server that
answers nothing until somebody starts it anew.
"""

import asyncio
import sys
from typing import Final

import structlog

from app.embedded.server import EmbeddedServer

# Elsewhere a look costs a process of its own.
_LOOK_SECONDS: Final = 0.25 if sys.platform == "linux" else 2.0
_MAX_PAUSE_SECONDS: Final = 30.0

log = structlog.get_logger(__name__)


async def keep_running(server: EmbeddedServer) -> None:
    """Start the server again whenever it has ended, at the same address, and bound its log.

    It does so for ever. Of all processes that hold leases the first one does it, and the others
    find it done. What cannot be started is tried again after 0.5, 1, 2 … seconds.
    """
    pause = _LOOK_SECONDS
    while True:
        await asyncio.sleep(pause)
        try:
            if not server.is_alive():
                await asyncio.to_thread(server.start_again)
                log.warning("postgresql_started_again", folder=str(server.folder))
            elif server.has_long_log():
                await asyncio.to_thread(server.begin_log)
        except Exception as error:  # noqa: BLE001  # no thread, no process, no file: it may pass
            pause = min(_MAX_PAUSE_SECONDS, 2 * pause)
            log.error("postgresql_not_kept", error=str(error), retry_seconds=pause)  # noqa: TRY400  # the words say it all
        else:
            pause = _LOOK_SECONDS
