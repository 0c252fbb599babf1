"""One line a field: how a column of a row and the vocabulary of the domain become GraphQL."""

import dataclasses
from typing import Any, TypeVar

import strawberry
from strawberry.types.base import get_object_definition

from domain.absent import ABSENT
from domain.enums import DescribedEnum

T = TypeVar("T", bound=type)


def column(description: str) -> Any:
    """A field that is a column of the row, under the same name."""
    return strawberry.field(description=description)


def same_row(root: strawberry.Parent[Any]) -> Any:
    """The row itself, seen as another type: a part of it that has a name of its own."""
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
