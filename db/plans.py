"""Reading PostgreSQL's plans: what in them makes a statement slow.

A rule looks at one node and at what the nodes above want of it: below a LIMIT a scan ends early,
and a plan is good when it looks at few rows for those it is asked for. Figures that ANALYZE
measured go before the planner's estimates.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from domain.analysis import PlanWarning, PlanWarningCode

LARGE_TABLE_ROWS: Final = 10_000
"""From here on, looking at every row is noticed."""

MANY_RESULT_ROWS: Final = 1_000
"""As many as the largest page has by default."""

HIGH_COST: Final = 100_000
"""In the planner's unit, the reading of one block in sequence; a page costs below a thousand."""

OFF_BY: Final = 100

Plan = Mapping[str, Any]

_USEFUL_SHARE: Final = 0.1
_BLOCKING: Final = frozenset({"Sort", "SetOp", "Recursive Union"})
# What a sort remembers beside the columns of a row. Source: relation_byte_size() in costsize.c.
_ROW_HEADER_BYTES: Final = 24
_WILDCARD: Final = re.compile(r"""(\w+)"?\)?(?:::\w+)? ~~\*? (?:(?:ANY|ALL) \()?'\{?"?[%_]""")
_KEYS: Final = re.compile(r"= ANY \('\{([^}]*)\}'")


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What rules need to know beside the plan.

    Attributes:
        table_rows: How many rows each table of the plan has.
        trigram_indexes: The definitions of its trigram indexes.
    """

    table_rows: Mapping[str, float]
    trigram_indexes: Mapping[str, Sequence[str]]
    work_mem_bytes: int


@dataclass(frozen=True)
class _Step:
    """A node of a plan with what the nodes above want of it.

    Attributes:
        share: The part of its work that is done until the LIMITs above have their rows.
        wanted: How many rows these LIMITs let through; None without one, or below a count.
    """

    node: Plan
    share: float = 1.0
    wanted: float | None = None

    @property
    def kind(self) -> str:
        return str(self.node["Node Type"])

    @property
    def relation(self) -> str | None:
        return self.node.get("Relation Name")

    @property
    def is_measured(self) -> bool:
        return bool(self.node.get("Actual Loops"))

    @property
    def rows(self) -> float:
        """How many rows it gives, all loops together."""
        if self.is_measured:
            return float(self.node["Actual Rows"] * self.node["Actual Loops"])
        return float(self.node["Plan Rows"] * self.share)

    @property
    def removed(self) -> float:
        """How many rows it looked at and threw away; 0 when that was not measured."""
        names = ("Rows Removed by Filter", "Rows Removed by Join Filter")
        return float(sum(self.node.get(n, 0) for n in names) * self.node.get("Actual Loops", 0))

    def warn(self, code: PlanWarningCode, message: str) -> PlanWarning:
        return PlanWarning(code=code, message=message, node=self.kind, relation=self.relation)


def relations_of(plan: Plan) -> set[str]:
    """The names of the tables a plan reads."""
    return {step.relation for step in _steps(_Step(plan)) if step.relation}


def find_warnings(plan: Plan, surroundings: Surroundings) -> tuple[PlanWarning, ...]:
    """Everything that is wrong with a plan, from its root down; each thing once."""
    steps = list(_steps(_Step(plan)))
    of_statement = (_missing_limit(steps), _high_cost(steps[0]))
    of_nodes = (rule(step, surroundings) for step in steps for rule in _RULES)
    found = (warning for warning in (*of_statement, *of_nodes) if warning is not None)
    return tuple(dict.fromkeys(found))


def _steps(step: _Step) -> Iterator[_Step]:
    yield step
    for child in step.node.get("Plans", ()):
        yield from _steps(_below(step, child))


def _below(step: _Step, child: Plan) -> _Step:
    relationship = child.get("Parent Relationship")
    if step.kind == "Aggregate" or relationship in {"InitPlan", "SubPlan"}:
        return _Step(child)
    if step.kind == "Limit":
        return _Step(child, step.share * _share_of_limit(step.node, child), step.rows)
    is_whole = step.kind in _BLOCKING or relationship == "Inner"
    return _Step(child, 1.0 if is_whole else step.share, step.wanted)


def _share_of_limit(limit: Plan, child: Plan) -> float:
    """The part of its child's running cost that a LIMIT pays for, rows of an OFFSET included."""
    whole = child["Total Cost"] - child["Startup Cost"]
    paid = limit["Total Cost"] - child["Startup Cost"]
    return min(1.0, max(0.0, paid / whole)) if whole > 0 else 1.0


def _sequential_scan(step: _Step, surroundings: Surroundings) -> PlanWarning | None:
    if step.kind != "Seq Scan":
        return None
    looked_at = surroundings.table_rows.get(step.relation or "", 0) * step.share
    if step.is_measured:
        looked_at = step.rows + step.removed
    useful = min(step.rows, step.rows if step.wanted is None else step.wanted)
    if not _is_wasteful(looked_at, useful):
        return None
    return step.warn(
        PlanWarningCode.SEQUENTIAL_SCAN,
        f"About {looked_at:,.0f} rows of {step.relation} are read for {useful:,.0f}. Filter or"
        " order by a field that has an index, or add a condition on one.",
    )


def _leading_wildcard(step: _Step, surroundings: Surroundings) -> PlanWarning | None:
    columns = _WILDCARD.findall(step.node.get("Filter", ""))
    if not columns or step.relation is None or _is_narrowed(step.node):
        return None
    indexes = surroundings.trigram_indexes.get(step.relation, ())
    if any(re.search(rf"\b{column}\b", index) for column in columns for index in indexes):
        return None  # The planner has an index for one of them, and found a better way.
    return step.warn(
        PlanWarningCode.LEADING_WILDCARD,
        f"A text is looked for anywhere in {step.relation}.{columns[0]}, and no index helps. Ask"
        " for its beginning (startsWith), or install the extension pg_trgm, whose index finds it.",
    )


def _missing_limit(steps: Sequence[_Step]) -> PlanWarning | None:
    root = steps[0]
    if any(step.kind in {"Limit", "ModifyTable"} for step in steps):
        return None
    if root.rows <= MANY_RESULT_ROWS * max(_count_keys(step.node) for step in steps):
        return None
    return root.warn(
        PlanWarningCode.MISSING_LIMIT,
        f"The answer has about {root.rows:,.0f} rows, and nothing bounds them. Read it in pages"
        " (LIMIT, or `first` in GraphQL), or narrow the filter.",
    )


def _high_cost(root: _Step) -> PlanWarning | None:
    cost = root.node["Total Cost"]
    if cost < HIGH_COST:
        return None
    return root.warn(
        PlanWarningCode.HIGH_COST,
        f"The planner expects a cost of {cost:,.0f}; a page by an index costs below 1,000. Ask for"
        " less, narrow the filter, or ask for an estimate instead of an exact count.",
    )


def _sort_spill(step: _Step, surroundings: Surroundings) -> PlanWarning | None:
    if step.kind != "Sort":
        return None
    width = -(-step.node["Plan Width"] // 8) * 8 + _ROW_HEADER_BYTES
    rows = step.node["Plan Rows"]
    needed = width * (rows if step.wanted is None else min(rows, step.wanted))
    spills = needed > surroundings.work_mem_bytes
    if "Sort Space Type" in step.node:
        needed = step.node["Sort Space Used"] * 1024
        spills = step.node["Sort Space Type"] == "Disk"
    if not spills:
        return None
    return step.warn(
        PlanWarningCode.SORT_SPILL,
        f"Sorting takes about {needed / 2**20:,.1f} MB and work_mem is"
        f" {surroundings.work_mem_bytes / 2**20:,.1f} MB, so it goes to disk. Order by a field that"
        " has an index, ask for a page, or raise work_mem.",
    )


def _rows_removed(step: _Step, _surroundings: Surroundings) -> PlanWarning | None:
    if step.kind == "Seq Scan" or not _is_wasteful(step.rows + step.removed, step.rows):
        return None
    return step.warn(
        PlanWarningCode.ROWS_REMOVED_BY_FILTER,
        f"{step.removed:,.0f} rows were looked at and thrown away for {step.rows:,.0f}. Add a"
        " condition on a field with an index that fewer rows fulfil, or another order.",
    )


def _estimate_off(step: _Step, _surroundings: Surroundings) -> PlanWarning | None:
    if step.relation is None or not step.is_measured:
        return None
    expected, met = max(step.node["Plan Rows"], 1), max(step.node["Actual Rows"], 1)
    # Below a LIMIT a scan ends early; fewer rows than expected are no mistake there.
    is_off = met > expected * OFF_BY or (expected > met * OFF_BY and step.wanted is None)
    if not is_off or max(expected, met) * step.node["Actual Loops"] < MANY_RESULT_ROWS:
        return None
    return step.warn(
        PlanWarningCode.ESTIMATE_OFF,
        f"The planner expected {expected:,.0f} rows of {step.relation} and met {met:,.0f}, so its"
        f" plan may be the wrong one. Run ANALYZE {step.relation}; where that does not help, values"
        " that depend on each other need CREATE STATISTICS.",
    )


_RULES: Final[Sequence[Callable[[_Step, Surroundings], PlanWarning | None]]] = (
    _sequential_scan,
    _leading_wildcard,
    _sort_spill,
    _rows_removed,
    _estimate_off,
)


def _is_wasteful(looked_at: float, useful: float) -> bool:
    return looked_at >= LARGE_TABLE_ROWS and useful < looked_at * _USEFUL_SHARE


def _is_narrowed(node: Plan) -> bool:
    """Whether an index leads a scan to so few rows that a filter may look at each."""
    if node["Node Type"] == "Bitmap Heap Scan":
        return bool(node["Plans"][0]["Plan Rows"] < LARGE_TABLE_ROWS)
    return " = " in node.get("Index Cond", "")


def _count_keys(node: Plan) -> int:
    """How many values a scan is given to look for; their rows are bounded by their number."""
    condition = node.get("Index Cond") or node.get("Recheck Cond") or node.get("Filter") or ""
    found = _KEYS.search(condition)
    return found[1].count(",") + 1 if found else 1
