"""Documents: parsed and validated once for each text, then kept; the stored ones by their names.

Parsing costs a third of a millisecond and validation two or three; a document never changes, so
the text is the key and nothing has to be invalidated.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Any, Final, TypeVar

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLSchema,
    GraphQLSyntaxError,
    InlineFragmentNode,
    NoUnusedFragmentsRule,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    parse,
    validate,
)

from cache.bounded import BoundedCache
from domain.errors import AppError, ErrorCode, InvalidInput, LimitExceeded
from domain.viewer import Viewer
from graph.conditions import conditions_of, default_booleans
from graph.errors import without_suggestion
from graph.limits import DocumentLimits, check_length, check_limits
from graph.permissions import Needed, is_refused, needed_of, require_permissions
from graph.prices import Prices
from graph.pricing import prices_of
from graph.variable_limits import VariableLimits

T = TypeVar("T")
R = TypeVar("R")

MAX_NESTING: Final = 60
MAX_ERRORS: Final = 5
_HIDDEN: Final = "This server does not tell its schema."
USUAL_LIMITS: Final = DocumentLimits()
_MAX_PRICES: Final = 16
_MAX_CACHED_BYTES: Final = 16 * 2**20
_SHOWN_CHARS: Final = 100
_ONE_LOGIN: Final = "Send one login or refreshToken in a request."

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
        errors: What is wrong; no more than `MAX_ERRORS` are told.
    """

    def __init__(self, code: ErrorCode, errors: list[GraphQLError]) -> None:
        super().__init__(str(code))
        self.code = code
        self.errors = errors[:MAX_ERRORS]

    def without_suggestions(self) -> "InvalidDocument":
        """The same without names of the schema that nobody has sent."""
        return InvalidDocument(self.code, [without_suggestion(error) for error in self.errors])


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
    _prices: dict[tuple[int, tuple[bool | None, ...]], Prices] = field(
        default_factory=dict, compare=False
    )
    _variable_limits: dict[int, VariableLimits] = field(default_factory=dict, compare=False)

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

    def _count_public(self, operation: OperationDefinitionNode) -> int:
        fields = self._root_fields(operation)
        public = (
            field
            for field in fields
            if needed_of(self.schema, operation.operation, [field]) == {()}
        )
        return len({(field.alias or field.name).value for field in public})

    def is_public(self, operation: OperationDefinitionNode) -> bool:
        """Whether there are root fields beside those of the schema, and none needs a token."""
        needed = self._needs(operation)
        return bool(needed) and not any(needed)

    def is_all_public(self) -> bool:
        """Whether all operations are public."""
        return all(map(self.is_public, self.operations))

    def require_permissions(
        self, operation: OperationDefinitionNode, variables: Mapping[str, Any], viewer: Viewer
    ) -> None:
        """Refuse an operation that is not for the viewer.

        Raises:
            Forbidden: It asks for a field that the viewer may not use.
        """
        if is_refused(viewer, self._needs(operation)):
            require_permissions(
                self.schema,
                operation,
                self._fragments(),
                variables,
                viewer,
                all_fields=self._root_fields(operation),
            )

    def require_one_login(self, operation: OperationDefinitionNode) -> None:
        """Refuse an operation that comes in more than once: each time is as much work as a request.

        Raises:
            InvalidInput: It has several fields that need no token.
        """
        if not all(self._needs(operation)) and self._count_public(operation) > 1:
            raise InvalidInput(_ONE_LOGIN)

    def check_variables(
        self, operation: OperationDefinitionNode, variables: Mapping[str, Any]
    ) -> None:
        """Refuse variables that are too large, before anything is made of them.

        Raises:
            InvalidInput: They are.
        """
        limits = self._variable_limits.get(id(operation))
        if limits is None:
            limits = VariableLimits(self.schema, operation, self._fragments())
            self._variable_limits[id(operation)] = limits
        limits.check(variables)

    @cached_property
    def conditions(self) -> tuple[str, ...]:
        """The variables that `@skip` and `@include` name anywhere in it."""
        return tuple(sorted(set(conditions_of(self.tree))))

    def prices(self, operation: OperationDefinitionNode, variables: Mapping[str, Any]) -> Prices:
        """What the fields of an operation cost that these variables leave of it."""
        values = self._values(operation, variables) if self.conditions else ()
        found = self._prices.get((id(operation), values))
        if found is None:
            if len(self._prices) >= _MAX_PRICES:
                self._prices.pop(next(iter(self._prices)))
            conditions = dict(zip(self.conditions, values, strict=True))
            found = prices_of(self.schema, operation, self._fragments(), conditions)
            self._prices[id(operation), values] = found
        return found

    def _values(
        self, operation: OperationDefinitionNode, variables: Mapping[str, Any]
    ) -> tuple[bool | None, ...]:
        """What the conditions are; None for what is no boolean, and could not even be a key."""
        defaults = default_booleans(operation)
        asked = (variables.get(name, defaults.get(name)) for name in self.conditions)
        return tuple(value if isinstance(value, bool) else None for value in asked)

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
        limits: What a text may have that somebody sends.
        stored: Those that a request may name instead of sending them, by their names and hashes.
    """

    def __init__(
        self,
        schema: GraphQLSchema,
        *,
        limits: DocumentLimits = USUAL_LIMITS,
        stored: Mapping[str, Document] = MappingProxyType({}),
    ) -> None:
        self._schema = schema
        self._limits = limits
        self._stored = stored
        self._kept: BoundedCache[str, Document] = BoundedCache(
            max_bytes=_MAX_CACHED_BYTES, weigh=lambda document: document.text_chars * _TREE_WEIGHT
        )

    def get(self, text: str, *, keep: bool = True) -> Document:
        """The document of a text.

        Args:
            keep: Do not read it again when it comes again; a stranger's is not kept, and smaller.

        Raises:
            InvalidDocument: It cannot be parsed, is too large, or does not fit the schema.
        """
        document = self._kept.get(text)
        if document is None:
            limits = self._limits if keep else self._limits.of_stranger()
            document = read_document(self._schema, text, limits)
            if keep:
                self._kept.put(text, document)
        return document

    def stored(self, sha256: str) -> Document | None:
        """The stored document with a hash."""
        return self._stored.get(sha256)

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


def read_document(
    schema: GraphQLSchema, text: str, limits: DocumentLimits | None = None
) -> Document:
    """A text as a document that fits the schema.

    Args:
        limits: What it may have; None for a text that an operator has written.

    Raises:
        InvalidDocument: It cannot be parsed, is too large, or does not fit the schema.
    """
    if limits is not None:
        _require(check_length, text, limits)
    _check_nesting(text)
    try:
        tree = parse(text, max_tokens=None if limits is None else limits.tokens)
    except GraphQLSyntaxError as error:
        raise InvalidDocument(ErrorCode.GRAPHQL_PARSE_FAILED, [error]) from error
    if limits is not None:
        extent = _require(check_limits, tree, limits)
        if extent.asks_for_schema and not limits.introspection:
            raise InvalidDocument(ErrorCode.GRAPHQL_VALIDATION_FAILED, [GraphQLError(_HIDDEN)])
    if errors := _mistakes(schema, tree):
        code = ErrorCode.GRAPHQL_VALIDATION_FAILED
        invalid = InvalidDocument(code, [_told(error) for error in errors])
        hides_schema = limits is not None and not limits.introspection
        raise invalid.without_suggestions() if hides_schema else invalid
    operations = tuple(
        node for node in tree.definitions if isinstance(node, OperationDefinitionNode)
    )
    return Document(schema, tree, len(text), operations)


def _mistakes(schema: GraphQLSchema, tree: DocumentNode) -> list[GraphQLError]:
    """Where a document does not fit the schema."""
    # What nothing spreads was not counted for its pairs, so nothing may be compared there.
    unused = validate(schema, tree, (NoUnusedFragmentsRule,), max_errors=MAX_ERRORS)
    return unused or validate(schema, tree, max_errors=MAX_ERRORS)


def _told(error: GraphQLError) -> GraphQLError:
    """What validation says; of a number that Python does not read it says what Python said."""
    if isinstance(error.original_error, ValueError):
        return GraphQLError("A number has more digits than can be read.", error.nodes)
    return error


def refused(error: AppError) -> InvalidDocument:
    """What a document is refused for, told like any other mistake in it."""
    return InvalidDocument(error.code, [GraphQLError(error.message, original_error=error)])


def _require(check: Callable[[T, DocumentLimits], R], what: T, limits: DocumentLimits) -> R:
    try:
        return check(what, limits)
    except LimitExceeded as error:
        raise refused(error) from None


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
