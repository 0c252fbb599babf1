"""An explanation for people to read: every statement with its cause, its plan and its warnings."""

import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from app.explain import ExplainedStatement, Explanation
from domain.analysis import PlanWarning

_WIDTH: Final = 100
_INDENT: Final = "    "
_SHOWN_CHARS: Final = 300

_CLAUSE: Final = re.compile(
    r"(?<!OUTER)\s+(?=(?:FROM|(?:LEFT OUTER )?JOIN|WHERE|GROUP BY|ORDER BY|LIMIT)\b)"
)
_DETAILS: Final = (
    "Index Cond",
    "Recheck Cond",
    "Hash Cond",
    "Merge Cond",
    "Join Filter",
    "Filter",
    "Group Key",
    "Sort Key",
    "Presorted Key",
    "Sort Method",
    "Rows Removed by Filter",
    "Rows Removed by Join Filter",
    "Rows Removed by Index Recheck",
    "Heap Fetches",
)


def render_explanation(explanation: Explanation) -> str:
    """The statements in the order they ended, and a line that sums up."""
    blocks = [
        "\n\n".join(_statement(number, statement))
        for number, statement in enumerate(explanation.statements, start=1)
    ]
    return "\n\n".join([*blocks, _summary(explanation.statements)])


def _statement(number: int, statement: ExplainedStatement) -> Iterator[str]:
    run, analysis = statement.run, statement.analysis
    cause = ".".join(statement.asked.place) or "no field"
    outcome = "failed" if run.rows is None else _count(run.rows, "row")
    outcome = "cut off" if run.cut_off else outcome
    yield f"{number}. {cause}: {outcome} in {run.seconds * 1000:,.1f} ms"
    yield "\n".join(_wrapped(line, first=_INDENT) for line in _CLAUSE.split(run.sql))
    if analysis is not None:
        yield textwrap.indent("\n".join(_plan(analysis.plan)), _INDENT)
        if analysis.warnings:
            yield "\n".join(map(_warning, analysis.warnings))


def _summary(statements: Sequence[ExplainedStatement]) -> str:
    milliseconds = sum(each.run.seconds for each in statements) * 1000
    warnings = sum(len(each.analysis.warnings) for each in statements if each.analysis)
    return (
        f"{_count(len(statements), 'statement')} in {milliseconds:,.1f} ms,"
        f" {_count(warnings, 'warning')}"
    )


def _warning(warning: PlanWarning) -> str:
    where = f"{warning.node} on {warning.relation}" if warning.relation else warning.node
    return _wrapped(f"{warning.code} ({where}): {warning.message}", first="  ! ")


def _plan(node: Mapping[str, Any], depth: int = 0) -> Iterator[str]:
    """A plan the way psql shows it."""
    pad = "      " * depth
    arrow = pad[:-4] + "->  " if depth else ""
    yield f"{arrow}{_title(node)}  {_estimated(node)}{_measured(node)}"
    for name in _DETAILS:
        if node.get(name):
            yield f"{pad}  {name}: {_detail(node, name)}"
    for child in node.get("Plans", ()):
        yield from _plan(child, depth + 1)


def _title(node: Mapping[str, Any]) -> str:
    title = str(node["Node Type"])
    if "Index Name" in node:
        title += f" using {node['Index Name']}"
    if source := node.get("Relation Name") or node.get("Function Name"):
        title += f" on {source}" + (f" {node['Alias']}" if node["Alias"] != source else "")
    return f"{node['Subplan Name']}: {title}" if "Subplan Name" in node else title


def _estimated(node: Mapping[str, Any]) -> str:
    cost = f"{node['Startup Cost']:.2f}..{node['Total Cost']:.2f}"
    return f"(cost={cost} rows={node['Plan Rows']} width={node['Plan Width']})"


def _measured(node: Mapping[str, Any]) -> str:
    if "Actual Loops" not in node:
        return ""
    if not node["Actual Loops"]:
        return " (never executed)"
    times = f"{node['Actual Startup Time']:.3f}..{node['Actual Total Time']:.3f}"
    rows = f"rows={node['Actual Rows']:.12g} loops={node['Actual Loops']}"
    blocks = f"hit={node['Shared Hit Blocks']} read={node['Shared Read Blocks']}"
    return f" (actual time={times} {rows}) ({blocks})"


def _detail(node: Mapping[str, Any], name: str) -> str:
    value = node[name]
    text = ", ".join(value) if isinstance(value, list) else str(value)
    if name == "Sort Method":
        text += f", {node['Sort Space Type']}: {node['Sort Space Used']} kB"
    return text if len(text) <= _SHOWN_CHARS else f"{text[:_SHOWN_CHARS]}…"


def _wrapped(text: str, *, first: str) -> str:
    return textwrap.fill(
        text,
        _WIDTH,
        initial_indent=first,
        subsequent_indent=_INDENT + "  ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def _count(number: int, thing: str) -> str:
    return f"{number:,} {thing}" if number == 1 else f"{number:,} {thing}s"
