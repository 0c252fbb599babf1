"""One line a field: how a column of a row and the vocabulary of the domain become GraphQL.

A field is declared once. The declaration makes the resolver that graphql-core calls for one object,
and tells the compiled executor (`graph.execution`) how the same value is had for many rows at once.
"""

import dataclasses
import inspect
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import strawberry
from graphql import GraphQLField
from strawberry.types.base import get_object_definition
from strawberry.types.field import StrawberryField

from domain.absent import ABSENT
from domain.enums import DescribedEnum
from domain.node_ids import NodeKind, encode_node_id
from graph.caching import Cached, Depends
from graph.context import Info
from graph.loading import load_each

T = TypeVar("T", bound=type)

Batch = Callable[..., Awaitable[Sequence[Any]]]
"""Takes the objects, the info and the arguments; gives a value or an error for each object."""

_DECLARED: Final = "declared"
_DEPENDS: Final = "depends"
_CACHED: Final = "cached"
_ROWS: Final = "__rows__"


@dataclass(frozen=True)
class Column:
    """A column of the row, or of the row that one of its relations leads to.

    Attributes:
        name: None when it is the name of the field.
        relation: None when it is the row's own.
        missing: The value when the relation leads to no row.
        load: Loads the rows that the relation leads to.
    """

    name: str | None = None
    relation: str | None = None
    missing: Any = None
    load: Batch | None = None


@dataclass(frozen=True)
class RowId:
    """The opaque id of the row."""

    kind: NodeKind


@dataclass(frozen=True)
class SameRow:
    """The row itself, seen as another type."""


@dataclass(frozen=True)
class Edges:
    """The rows of a page with their cursors."""


@dataclass(frozen=True)
class Cursor:
    """The place of a row in its list."""


@dataclass(frozen=True)
class Batched:
    """A value that is loaded for many at once.

    Attributes:
        load: Loads it.
        needs: The columns of the row that it takes.
        relation: Which relation of the row's source it follows, when a join can do the same.
        selects: What rows are selected where it is declared that a selection is heeded: the name
            of their source in `db.selection.SOURCES`.
    """

    load: Batch
    needs: Collection[str] = ()
    relation: str | None = None
    selects: str | None = None


@dataclass(frozen=True)
class Selects:
    """A resolver that heeds `info.selection`, the part that is wanted of the rows of a source."""

    source: str


Declaration = Column | RowId | SameRow | Edges | Cursor | Batched | Selects


def field_of(definition: GraphQLField) -> StrawberryField | None:
    """The field that one of graphql-core was made of; None for those of the schema itself."""
    return (definition.extensions or {}).get("strawberry-definition")


def declaration_of(field: StrawberryField) -> Declaration | None:
    """What a field was declared as; None when it has a resolver of its own and nothing more."""
    declared: Declaration | None = field.metadata.get(_DECLARED)
    return Column() if declared is None and field.is_basic_field else declared


def dependence_of(field: StrawberryField) -> Depends | None:
    """What the value of a field was declared to depend on; None when it was not."""
    depends: Depends | None = field.metadata.get(_DEPENDS)
    return depends


def cached_of(field: StrawberryField) -> Cached | None:
    """What a root field was declared to be kept as; None when it is not kept."""
    cached: Cached | None = field.metadata.get(_CACHED)
    return cached


def cached(kept_as: Cached) -> dict[str, object]:
    """The metadata of a root field with a resolver of its own that is kept."""
    return {_CACHED: kept_as}


def depending(on: Depends) -> dict[str, object]:
    """The metadata of a field with a resolver of its own of which it is known what it reads."""
    return {_DEPENDS: on}


def rows_of(table: str) -> Callable[[T], T]:
    """Say that the objects of a type are rows of a table; or views of rows of several: "".

    Such an object has the columns that were selected as items.
    """

    def mark(type_: T) -> T:
        setattr(type_, _ROWS, table)
        return type_

    return mark


def table_of(type_: type) -> str | None:
    """Of which table the objects of a type are rows; None when they are no rows."""
    return getattr(type_, _ROWS, None)


def column(description: str) -> Any:
    """A field that is a column of the row, under the same name."""
    return strawberry.field(description=description)


def related_column(
    name: str, relation: str, batch: Batch, description: str, *, missing: Any = None
) -> Any:
    """A field that is a column of the row that a relation leads to.

    Args:
        batch: Loads those rows.
    """

    async def resolve(root: strawberry.Parent[Any], info: Info) -> Any:
        (row,) = await batch([root], info)
        return missing if row is None else row if isinstance(row, Exception) else row[name]

    return _declared(resolve, description, Column(name, relation, missing, batch))


def node_id(kind: NodeKind) -> Any:
    """The id of a row of this kind."""

    def resolve(root: strawberry.Parent[Any]) -> strawberry.ID:
        return strawberry.ID(encode_node_id(kind, root.id))

    return _declared(resolve, "Opaque id; `node(id:)` finds it again.", RowId(kind))


def part(description: str, graphql_type: Any = None) -> Any:
    """The row itself, seen as another type: a part of it that has a name of its own."""
    return _declared(_same_row, description, SameRow(), graphql_type=graphql_type)


def edges(description: str) -> Any:
    """The rows of a connection with their cursors."""
    return strawberry.field(description=description, metadata={_DECLARED: Edges()})


def cursor(description: str) -> Any:
    """The place of a row in its list, under the same name."""
    return strawberry.field(description=description, metadata={_DECLARED: Cursor()})


def loaded(
    loader: str,
    key: str,
    description: str,
    *,
    relation: str | None = None,
    depends: Depends | None = None,
) -> Any:
    """What a loader of the request gives for a column of the row; null where that is NULL.

    Args:
        relation: The relation of the row's source that leads to the same row.
        depends: What the value depends on; nothing that has the field is kept when left out.
    """

    async def load(rows: Sequence[Any], info: Info) -> list[Any]:
        return await load_each(getattr(info.context.loaders, loader), (row[key] for row in rows))

    return batched(load, description, needs=(key,), relation=relation, depends=depends)


def batched(
    load: Batch,
    description: str,
    *,
    needs: Collection[str] = (),
    relation: str | None = None,
    selects: str | None = None,
    depends: Depends | None = None,
    graphql_type: Any = None,
    name: str | None = None,
) -> Any:
    """A field whose value is loaded for many objects at once.

    Args:
        name: In the schema, where Python keeps it for itself.
        load: Takes the objects first, then the info, then the arguments of the field, by name.
        depends: What the value depends on; nothing that has the field is kept when left out.
    """

    async def resolve(self: Any, info: Info, **arguments: Any) -> Any:
        (value,) = await load([self], info, **arguments)
        return value

    # Strawberry finds the arguments of the field in the signature of its resolver.
    own = list(inspect.signature(resolve).parameters.values())[:2]
    arguments = list(inspect.signature(load).parameters.values())[2:]
    signature = inspect.Signature([*own, *arguments], return_annotation=Any)
    resolve.__signature__ = signature  # type: ignore[attr-defined]  # where inspect looks
    declared = Batched(load, needs, relation, selects)
    return _declared(
        resolve, description, declared, depends=depends, graphql_type=graphql_type, name=name
    )


def selecting(source: str, description: str, *, cached: Cached) -> Any:
    """Decorates the resolver of a root field that heeds `info.selection`, and is kept."""
    metadata = {_DECLARED: Selects(source), _CACHED: cached}
    return strawberry.field(description=description, metadata=metadata)


def _declared(
    resolver: Callable[..., Any],
    description: str,
    declared: Declaration,
    *,
    depends: Depends | None = None,
    graphql_type: Any = None,
    name: str | None = None,
) -> Any:
    return strawberry.field(
        resolver=resolver,
        name=name,
        description=description,
        metadata={_DECLARED: declared, _DEPENDS: depends},
        graphql_type=graphql_type,
    )


def _same_row(root: strawberry.Parent[Any]) -> Any:
    return root


def as_enum(vocabulary: type[DescribedEnum]) -> None:
    """Show an enum of the domain in the schema; members keep their names and their words."""
    shown: Any = strawberry.enum(vocabulary, description=_first_line(vocabulary))
    for value in shown.__strawberry_definition__.values:
        value.description = vocabulary[value.name].doc


def as_input(vocabulary: T, *, name: str | None = None) -> T:
    """Show a frozen class of the domain as an input, in place.

    Its fields keep their defaults for Python; in the schema a field that may be left out has no
    default, so that "left out" and "null" stay apart.
    """
    declared = {item.name: item for item in dataclasses.fields(vocabulary)}
    strawberry.input(vocabulary, name=name, description=_first_line(vocabulary))
    # Strawberry makes the class a dataclass anew and forgets what each field carries.
    for item in dataclasses.fields(vocabulary):
        item.metadata = declared[item.name].metadata
    for field in get_object_definition(vocabulary, strict=True).fields:
        field.description = declared[field.python_name].metadata.get("doc")
        if field.default_value is ABSENT:
            field.default_value = strawberry.UNSET
        if field.python_name.endswith("_"):
            field.graphql_name = field.python_name.rstrip("_")
    return vocabulary


def _first_line(described: type) -> str:
    return (described.__doc__ or "").split("\n", 1)[0]
