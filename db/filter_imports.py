"""The condition of filters that asks what an import has written."""

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, FromClause, func, or_, select, union

from db.import_tables import MADE_IDS, import_batches, import_changes, imports
from domain.imports import ImportEntity

READ: Final = frozenset({imports.name, import_batches.name, import_changes.name})
"""The tables that the condition reads."""


@dataclass(frozen=True)
class OfImport:
    """The records of a kind that an import made or changed, for who may see it."""

    entity: ImportEntity

    def holds(
        self,
        table: FromClause,
        job_id: ColumnElement[int],
        asker: ColumnElement[Any],
        *,
        sees_all: ColumnElement[bool],
    ) -> ColumnElement[bool]:
        """Whether a row is one of them; never so when the import is somebody else's.

        Args:
            asker: The UUID of the user who asks.
            sees_all: Whether they see imports of everybody.
        """
        mine = _seen_import(job_id, asker, sees_all)
        made = select(func.unnest(MADE_IDS[self.entity.value])).where(
            import_batches.c.job_id == mine
        )
        changed = select(import_changes.c.record_id).where(
            import_changes.c.job_id == mine, import_changes.c.entity == self.entity.value
        )
        return table.c.id.in_(union(made, changed))


def _seen_import(
    job_id: ColumnElement[int], asker: ColumnElement[Any], sees_all: ColumnElement[bool]
) -> ColumnElement[int]:
    """The job again, found once for the statement; NULL when the asker must not know of it."""
    return (
        select(imports.c.job_id)
        .where(imports.c.job_id == job_id, or_(imports.c.user_uuid == asker, sees_all))
        .scalar_subquery()
    )
