"""Which field asks: the seam of the database is told no GraphQL, and every statement has a cause.

A resolver that waits, an `async def`, notes its field before it begins. graphql-core runs fields
that wait side by side in tasks of their own, so the note reaches what the field reads and nothing
beside it; the batch of a loader runs in the context of the load that opened it, and so carries the
field that asked first.
"""

from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass
from inspect import iscoroutinefunction
from typing import Any, Final

from graphql import GraphQLObjectType, GraphQLResolveInfo, GraphQLSchema

from graph.context import place_of
from graph.loaders import Place
from graph.observing import MAX_NAME_CHARS

_Resolver = Callable[..., Awaitable[Any]]

_field: Final[ContextVar[GraphQLResolveInfo[Any] | None]] = ContextVar("field", default=None)


@dataclass(frozen=True)
class Asking:
    """The cause of what runs now.

    Attributes:
        operation: The begin of its name, as all are told; None when it has none or nothing of
            GraphQL asks.
        place: Where the field stands in the operation; empty when none asks.
    """

    operation: str | None = None
    place: Place = ()


def asking() -> Asking:
    """The operation and the field that caused what runs now."""
    info = _field.get()
    if info is None:
        return Asking()
    # Aliases are what clients call them.
    place = tuple(key[:MAX_NAME_CHARS] for key in place_of(info))
    return Asking(operation_name(), place)


def operation_name() -> str | None:
    """The begin of the name of the operation that caused what runs now; None when it has none."""
    info = _field.get()
    name = None if info is None else info.operation.name
    return None if name is None else name.value[:MAX_NAME_CHARS]


def note_field(info: GraphQLResolveInfo[Any]) -> None:
    """Have a field stand for the cause of what the task does from here on."""
    # Kept as it is: its path is worked out for the few statements that somebody asks about.
    _field.set(info)


def note_fields(schema: GraphQLSchema) -> None:
    """Have every resolver of the schema that waits for something note its field, in place."""
    for declared in schema.type_map.values():
        if isinstance(declared, GraphQLObjectType):
            for field in declared.fields.values():
                if iscoroutinefunction(field.resolve):
                    field.resolve = _noting(field.resolve)
                if iscoroutinefunction(field.subscribe):
                    field.subscribe = _noting(field.subscribe)


def _noting(resolve: _Resolver) -> _Resolver:
    async def resolver(source: Any, info: GraphQLResolveInfo[Any], **arguments: Any) -> Any:
        note_field(info)
        return await resolve(source, info, **arguments)

    return resolver
