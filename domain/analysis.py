"""What is said about a statement: PostgreSQL's plan for it, and what is wrong with that plan."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from domain.enums import DescribedEnum


class PlanWarningCode(DescribedEnum):
    """What can be wrong with a plan."""

    SEQUENTIAL_SCAN = "SEQUENTIAL_SCAN", "A large table is read whole for a few of its rows."
    LEADING_WILDCARD = "LEADING_WILDCARD", "A text is looked for within a column, without an index."
    MISSING_LIMIT = "MISSING_LIMIT", "The rows of the answer are many, and nothing bounds them."
    HIGH_COST = "HIGH_COST", "The planner expects far more work than a page takes."
    SORT_SPILL = "SORT_SPILL", "Sorting needs more memory than `work_mem` and goes to disk."
    ROWS_REMOVED_BY_FILTER = (
        "ROWS_REMOVED_BY_FILTER",
        "An index leads to many rows that a filter then throws away.",
    )
    ESTIMATE_OFF = "ESTIMATE_OFF", "The planner is wrong about the rows by a factor of a hundred."


@dataclass(frozen=True, kw_only=True)
class PlanWarning:
    """Something that makes a statement slow, or will when the tables grow.

    Attributes:
        message: What was found, and what to do about it.
        node: The step of the plan, as PostgreSQL names it.
        relation: The table it is about; None when it is about the whole statement.
    """

    code: PlanWarningCode
    message: str
    node: str
    relation: str | None = None


@dataclass(frozen=True, kw_only=True)
class Analysis:
    """A statement under the loupe.

    Attributes:
        place: The field of the operation that causes it, without positions in lists; empty when
            none does.
        plan: The root node as `EXPLAIN (FORMAT JSON)` gives it; values of the statement stand in
            its conditions.
    """

    sql: str
    place: tuple[str, ...]
    plan: Mapping[str, Any]
    warnings: tuple[PlanWarning, ...]
