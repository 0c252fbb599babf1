"""When users were last active: noted with each operation, written beside their requests.

A time is right to within five minutes, which costs a request a third of a microsecond and the
database one statement for all who came within half a minute. A process that is killed takes along
what it has not written yet.
"""

import asyncio
import contextvars
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from db.transaction import Database
from db.users import move_last_active
from domain.viewer import Viewer
from graph.context import Context
from jobs.background import (
    BackgroundTasks,
    add_background_task_with_retry,
    background_task_with_db_session,
)

OpenContext = Callable[[Viewer | None], Context]

_EVERY_SECONDS: Final = 300.0
_COLLECT_SECONDS: Final = 30.0


class Activity:
    """Notes who was active. Not for threads: the event loop alone uses it.

    Args:
        every_seconds: A user is written once in this time at most.
        collect_seconds: How long those who come are gathered before they are written.
    """

    def __init__(
        self,
        tasks: BackgroundTasks,
        database: Database,
        *,
        every_seconds: float = _EVERY_SECONDS,
        collect_seconds: float = _COLLECT_SECONDS,
    ) -> None:
        self._tasks = tasks
        self._database = database
        self._every_seconds = every_seconds
        self._collect_seconds = collect_seconds
        # There are no more than users who were active of late.
        self._due: dict[UUID, float] = {}
        self._gathered: dict[UUID, datetime] = {}
        self._timer: asyncio.TimerHandle | None = None

    def note(self, user_uuid: UUID) -> None:
        """Remember that a user is active now."""
        now = time.monotonic()
        if self._due.get(user_uuid, now) > now:
            return
        self._due[user_uuid] = now + self._every_seconds
        self._gathered[user_uuid] = datetime.now(UTC)
        if self._timer is None:
            # What is written for all is not caused by the request that came first.
            self._timer = asyncio.get_running_loop().call_later(
                self._collect_seconds, self.flush, context=contextvars.Context()
            )

    def flush(self) -> None:
        """Have those who were gathered written by a task."""
        if self._timer is None:
            return
        self._timer.cancel()
        self._timer = None
        gathered, self._gathered = self._gathered, {}
        now = time.monotonic()
        self._due = {user: due for user, due in self._due.items() if due > now}
        write = background_task_with_db_session(self._database, move_last_active, gathered)
        add_background_task_with_retry(self._tasks, write)


def noting(open_context: OpenContext, activity: Activity) -> OpenContext:
    """Opens the context of an operation as `open_context` does, and notes that its user is active.

    Noted with the token it would be once for a socket, however long that is used.
    """

    def opened(viewer: Viewer | None) -> Context:
        if viewer is not None:
            activity.note(viewer.user_uuid)
        return open_context(viewer)

    return opened
