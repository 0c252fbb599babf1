"""Documents: parsed and validated once for each text, then kept; the stored ones by their names.

Parsing costs a third of a millisecond and validation two or three; a document never changes, so
the text is the key and nothing has to be invalidated.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLSchema,
    GraphQLSyntaxError,
    InlineFragmentNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    parse,
    validate,
)

from cache.bounded import BoundedCache
from domain.errors import AppError, ErrorCode
from domain.viewer import Viewer
from graph.permissions import Needed, is_refused, needed_of, require_permissions

MAX_TOKENS: Final = 2000
MAX_NESTING: Final = 60
MAX_ERRORS: Final = 5
_MAX_CACHED_BYTES: Final = 16 * 2**20
_SHOWN_CHARS: Final = 100

# Texts and comments are passed over whole: a bracket in them opens and closes nothing.
_BRACKET: Final = re.compile(
    # Possessive, and the closing quotes are optional: a text that is never closed is read once.
    r'"""(?:\\"""|(?!""").)*+(?:""")?|"(?:\\.|[^"\\\n\r])*+"?|#[^\n\r]*|[{}()\[\]]',
    re.DOTALL,
)
_OPENING: Final = frozenset("{([")
_CLOSING: Final = frozenset("})]")

# The tree of a document weighs about this many times its text, measured 2026-11-22.
_TREE_WEIGHT: Final = 40


class InvalidDocument(Exception):
    """A text that cannot be executed.

    Args:
        code: Whether it could not be parsed, does not fit the schema, or names no one operation.
        errors: What is wrong, at most `MAX_ERRORS`.
    """

    def __init__(self, code: ErrorCode, errors: list[GraphQLError]) -> None:
        super().__init__(str(code))
        self.code = code
        self.errors = errors


class UnknownDocument(AppError):
    """No stored document has this name or hash."""

    code = ErrorCode.PERSISTED_QUERY_NOT_FOUND


@dataclass(frozen=True)
class Document:
    """A valid document with its operations by name."""

    schema: GraphQLSchema
    tree: DocumentNode
    text_chars: int
    operations: tuple[OperationDefinitionNode, ...]
    _needed: dict[str | None, frozenset[Needed]] = field(default_factory=dict, compare=False)

    def operation(self, name: str | None) -> OperationDefinitionNode | None:
        """The operation that a request means; None when that is not one."""
        if name is None:
            return self.operations[0] if len(self.operations) == 1 else None
        named = [
            operation
            for operation in self.operations
            if operation.name is not None and operation.name.value == name
        ]
        return named[0] if len(named) == 1 else None

    def count_mutations(self, operation: OperationDefinitionNode) -> int:
        """How many root fields a mutation has, those in fragments included; else 0."""
        if operation.operation is not OperationType.MUTATION:
            return 0
        asked = (field for field in self._root_fields(operation) if not is_meta(field))
        return len({(field.alias or field.name).value for field in asked})

    def is_public(self, operation: OperationDefinitionNode) -> bool:
        """Whether no token is needed for any of the root fields."""
        return not any(self._needs(operation))

    def require_permissions(
        self, operation: OperationDefinitionNode, variables: Mapping[str, Any], viewer: Viewer
    ) -> None:
        """Refuse an operation that is not for the viewer.

        Raises:
            Forbidden: It asks for a field that the viewer may not use.
        """
        if is_refused(viewer, self._needs(operation)):
            require_permissions(self.schema, operation, self._fragments(), variables, viewer)

    def _needs(self, operation: OperationDefinitionNode) -> frozenset[Needed]:
        name = operation.name.value if operation.name else None
        found = self._needed.get(name)
        if found is None:
            fields = self._root_fields(operation)
            found = self._needed[name] = needed_of(self.schema, operation.operation, fields)
        return found

    def _fragments(self) -> list[FragmentDefinitionNode]:
        definitions = self.tree.definitions
        return [node for node in definitions if isinstance(node, FragmentDefinitionNode)]

    def _root_fields(self, operation: OperationDefinitionNode) -> Iterator[FieldNode]:
        fragments = {node.name.value: node.selection_set for node in self._fragments()}
        left: list[SelectionSetNode] = [operation.selection_set]
        while left:
            for selection in left.pop().selections:
                if isinstance(selection, FieldNode):
                    yield selection
                elif isinstance(selection, InlineFragmentNode):
                    left.append(selection.selection_set)
                # Taken out: a fragment counts once, however often it is spread.
                elif isinstance(selection, FragmentSpreadNode) and (
                    spread := fragments.pop(selection.name.value, None)
                ):
                    left.append(spread)


class Documents:
    """The documents of a schema.

    Args:
        stored: Those that a request may name instead of sending them, by their names and hashes.
    """

    def __init__(
        self, schema: GraphQLSchema, *, stored: Mapping[str, Document] = MappingProxyType({})
    ) -> None:
        self._schema = schema
        self._stored = stored
        self._kept: BoundedCache[str, Document] = BoundedCache(
            max_bytes=_MAX_CACHED_BYTES, weigh=lambda document: document.text_chars * _TREE_WEIGHT
        )

    def get(self, text: str) -> Document:
        """The document of a text.

        Raises:
            InvalidDocument: It cannot be parsed, or does not fit the schema.
        """
        document = self._kept.get(text)
        if document is None:
            document = read_document(self._schema, text)
            self._kept.put(text, document)
        return document

    def named(self, document_id: str) -> Document:
        """The stored document with a name or hash; a hash may stand behind `sha256:`.

        Raises:
            UnknownDocument: There is none.
        """
        document = self._stored.get(document_id.removeprefix("sha256:"))
        if document is None:
            shown = document_id[:_SHOWN_CHARS]
            raise UnknownDocument(
                f"There is no stored document {shown!r}. Send the document itself as query."
            )
        return document


def read_document(schema: GraphQLSchema, text: str) -> Document:
    """A text as a document that fits the schema.

    Raises:
        InvalidDocument: It cannot be parsed, or does not fit the schema.
    """
    _check_nesting(text)
    try:
        tree = parse(text, max_tokens=MAX_TOKENS)
    except GraphQLSyntaxError as error:
        raise InvalidDocument(ErrorCode.GRAPHQL_PARSE_FAILED, [error]) from error
    if errors := validate(schema, tree, max_errors=MAX_ERRORS):
        raise InvalidDocument(ErrorCode.GRAPHQL_VALIDATION_FAILED, errors[:MAX_ERRORS])
    operations = tuple(
        node for node in tree.definitions if isinstance(node, OperationDefinitionNode)
    )
    return Document(schema, tree, len(text), operations)


def is_introspection(operation: OperationDefinitionNode) -> bool:
    """Whether an operation reads nothing but the schema."""
    # Only fields: a fragment may have a name like that too, and hold anything.
    return operation.operation is OperationType.QUERY and all(
        isinstance(selection, FieldNode) and is_meta(selection)
        for selection in operation.selection_set.selections
    )


def is_meta(field: FieldNode) -> bool:
    """Whether a field is of the schema rather than of the data."""
    return field.name.value.startswith("__")


def _check_nesting(text: str) -> None:
    """graphql-core's parser recurses; a text nested deeper than any sensible one stops here."""
    depth = 0
    for bracket in _BRACKET.finditer(text):
        if bracket[0] in _OPENING:
            depth += 1
        elif bracket[0] in _CLOSING:
            depth -= 1
        if depth > MAX_NESTING:
            error = GraphQLError(f"The document is nested more than {MAX_NESTING} levels deep.")
            raise InvalidDocument(ErrorCode.GRAPHQL_PARSE_FAILED, [error])
