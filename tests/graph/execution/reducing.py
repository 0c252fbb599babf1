"""The smallest document that still shows what a large one shows."""

import re
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from typing import Any, Final

from graphql import (
    REMOVE,
    ArgumentNode,
    DirectiveNode,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    Node,
    ObjectFieldNode,
    OperationDefinitionNode,
    VariableDefinitionNode,
    Visitor,
    parse,
    print_ast,
    visit,
)

from tests.graph.execution.operations import Operation

_REMOVABLE: Final = (
    OperationDefinitionNode,
    FieldNode,
    InlineFragmentNode,
    FragmentSpreadNode,
    DirectiveNode,
    ArgumentNode,
    ObjectFieldNode,
)
# graphql-core reads selection sets without fields; nobody writes them.
_NOTHING_SELECTED: Final = re.compile(r"(?<![:,]) \{\}")


async def reduced(
    operation: Operation, is_shown: Callable[[Operation], Awaitable[bool]]
) -> Operation:
    """The operation without every part that can be left out.

    Args:
        is_shown: Whether an operation is valid and still shows the same.
    """
    tried: Iterator[Operation] = _smaller(operation)
    while (smaller := next(tried, None)) is not None:
        if await is_shown(smaller):
            operation, tried = smaller, _smaller(smaller)
    return operation


def _smaller(operation: Operation) -> Iterator[Operation]:
    tree = parse(operation.query)
    counter = _Remover(-1)
    visit(tree, counter)
    for at in range(counter.seen):
        query = print_ast(_without_unused(visit(tree, _Remover(at))))
        if query != print_ast(tree) and not _NOTHING_SELECTED.search(query):
            sent = {n: v for n, v in operation.variables.items() if f"${n}" in query}
            yield replace(operation, query=query, variables=sent)


class _Remover(Visitor):
    """Leaves out one part of a document, by its place among those that can be."""

    def __init__(self, at: int) -> None:
        super().__init__()
        self._at = at
        self.seen = 0

    def enter(self, node: Node, *_: Any) -> Any:
        if not isinstance(node, _REMOVABLE):
            return None
        self.seen += 1
        return REMOVE if self.seen - 1 == self._at else None


def _without_unused(tree: DocumentNode) -> DocumentNode:
    """The document without fragments that nothing spreads and variables that nothing names."""
    text = print_ast(tree)
    spread = set(re.findall(r"\.\.\.\s*(F\d+)\b", text))
    # A variable that is used stands in its definition too.
    named = {
        name for name in re.findall(r"\$(\w+)", text) if len(re.findall(rf"\${name}\b", text)) > 1
    }

    class Unused(Visitor):
        def enter(self, node: Node, *_: Any) -> Any:
            if isinstance(node, FragmentDefinitionNode) and node.name.value not in spread:
                return REMOVE
            if isinstance(node, VariableDefinitionNode) and node.variable.name.value not in named:
                return REMOVE
            return None

    left: DocumentNode = visit(tree, Unused())
    return left if print_ast(left) == text else _without_unused(left)
