"""The root fields that tell about tasks beside the requests; for admins."""

from typing import Annotated, cast

import strawberry

from domain.viewer import Permission
from graph.context import Info
from graph.permissions import needs
from graph.types.background import BackgroundTask, TaskStatistics


@strawberry.type
class BackgroundQueries:
    """What this process does beside its requests."""

    @strawberry.field(
        description="A task of this process that is tracked; null when there is none of this id, or"
        " none any more. Needs the role ADMIN.",
        metadata=needs(Permission.ADMIN),
    )
    def background_task(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="Its id, as logs have it.")],
    ) -> BackgroundTask | None:
        """One task."""
        return cast("BackgroundTask | None", info.context.background.find(id))

    @strawberry.field(
        description="What became of the tasks of this process since it began. Needs the role"
        " ADMIN.",
        metadata=needs(Permission.ADMIN),
    )
    def task_statistics(self, info: Info) -> TaskStatistics:
        """The numbers of all tasks."""
        return cast("TaskStatistics", info.context.background.statistics())
