"""What became of many records, in numbers."""

from collections.abc import Mapping

import strawberry

from domain.bulk import BulkStatus
from graph.declare import as_enum, column

as_enum(BulkStatus)


@strawberry.type(description="How many rows came to which end.")
class BulkCounts:
    """The statuses of all rows."""

    created: int = column("New records.")
    updated: int = column("Changed records.")
    unchanged: int = column("Records that were so already.")
    deleted: int = column("Deleted records.")
    skipped: int = column("Rows that were passed over.")
    failed: int = column("Rows that were not written.")

    @classmethod
    def of(cls, counts: Mapping[BulkStatus, int]) -> "BulkCounts":
        """The counts under the names of the statuses."""
        return cls.named({status.name.lower(): count for status, count in counts.items()})

    @classmethod
    def named(cls, counts: Mapping[str, int]) -> "BulkCounts":
        """The counts that have these names; 0 of the others."""
        names = (status.name.lower() for status in BulkStatus)
        return cls(**{name: counts.get(name, 0) for name in names})
