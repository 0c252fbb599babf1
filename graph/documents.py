"""Documents: parsed and validated once for each text, then kept; the stored ones by their names.

Parsing costs a third of a millisecond and validation two or three; a document never changes, so
the text is the key and nothing has to be invalidated.
"""

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, TypeVar

from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLSchema,
    GraphQLSyntaxError,
    NoUnusedFragmentsRule,
    parse,
    validate,
)

from cache.bounded import BoundedCache
from domain.errors import AppError, ErrorCode, LimitExceeded
from graph.document import Document
from graph.errors import without_suggestion
from graph.limits import DocumentLimits, check_length, check_limits

T = TypeVar("T")
R = TypeVar("R")

MAX_NESTING: Final = 60
MAX_ERRORS: Final = 5
_HIDDEN: Final = "This server does not tell its schema."
USUAL_LIMITS: Final = DocumentLimits()
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

    def stored_names(self) -> frozenset[str]:
        """The names of the operations of stored documents."""
        return frozenset(
            operation.name
            for document in self._stored.values()
            for operation in document.operations
            if operation.name is not None
        )

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
    return Document(schema, tree, text_chars=len(text))


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
