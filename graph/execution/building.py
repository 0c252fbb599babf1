"""Functions that make objects of rows, fitted to the rows that come.

The one idea: a row of a statement that reads little else than what is wanted is unpacked into
variables, which costs half of asking it for its columns by name. In which order its columns come is
for the database to say, so the function is made when the first row is there, once for each order.
"""

import re
from collections.abc import Sequence
from typing import Any, Final

from graph.execution.expressions import CURSOR, ITEM, ROW
from graph.execution.plan import Build

_MAX_LAYOUTS: Final = 32
_ITEM: Final = re.compile(ITEM.format("([a-z0-9_.]+)"))

Layout = tuple[str, ...]
"""The names of the columns of rows, in their order."""


def build_of(
    expression: str, constants: dict[str, Any], *, are_pairs: bool, are_selected: bool
) -> tuple[Build, str]:
    """The function that makes an object of each source, and its text.

    Args:
        expression: What makes an object of one source.
        are_pairs: The sources are rows with their cursors.
        are_selected: They are rows, or pairs of them, that have what is wanted and little else.
    """
    each = f"{ROW}, {CURSOR}" if are_pairs else ROW
    text = f"lambda sources: [{expression} for {each} in sources]"
    if are_selected and _ITEM.search(expression):
        return Fitting(expression, constants, are_pairs=are_pairs), text
    return _compiled(text, constants), text


class Fitting:
    """Makes an object of each row, with a function for each order of columns that came."""

    def __init__(self, expression: str, constants: dict[str, Any], *, are_pairs: bool) -> None:
        self._expression = expression
        self._constants = constants
        self._are_pairs = are_pairs
        self._fitted: dict[Layout, Build] = {}

    def __call__(self, sources: Sequence[Any]) -> list[dict[str, Any]]:
        """An object for each source; there is at least one."""
        first = sources[0][0] if self._are_pairs else sources[0]
        layout = tuple(first.keys())
        build = self._fitted.get(layout)
        if build is None:
            build = self._fit(layout)
        return build(sources)

    def _fit(self, layout: Layout) -> Build:
        # Orders of rows bring columns of their own.
        if len(self._fitted) >= _MAX_LAYOUTS:
            self._fitted.clear()
        row = f"({', '.join(map(_variable, layout))},)"
        each = f"{row}, {CURSOR}" if self._are_pairs else row
        expression = _ITEM.sub(lambda item: _variable(item[1]), self._expression)
        text = f"lambda sources: [{expression} for {each} in sources]"
        build = self._fitted[layout] = _compiled(text, self._constants)
        return build


def _variable(column: str) -> str:
    return "_" + column.replace(".", "__")


def _compiled(text: str, constants: dict[str, Any]) -> Build:
    build: Build = eval(text, constants)  # noqa: S307  # made of names alone, see expressions.py
    return build
