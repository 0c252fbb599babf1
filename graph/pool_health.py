"""The root field that tells how the connections to PostgreSQL do; for admins."""

from typing import cast

import strawberry

from domain.pool import assess
from domain.viewer import Permission
from graph.context import Info
from graph.permissions import needs
from graph.types.pool_health import PoolHealth


@strawberry.type
class PoolQueries:
    """What operators ask about the connections."""

    @strawberry.field(
        description="How the connections of this process to PostgreSQL do. `GET /health/db` tells"
        " it of all processes, and needs none of them. Needs the role ADMIN.",
        metadata=needs(Permission.ADMIN),
    )
    def pool_health(self, info: Info) -> PoolHealth:
        """The pool of this process."""
        found = assess(
            info.context.database.pool_statistics.snapshot(),
            critical_wait_seconds=info.context.pool_critical_wait_seconds,
        )
        return cast("PoolHealth", found)
