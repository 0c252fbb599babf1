"""Connections of the relay specification, over `graph.pages.Listing`."""

from collections.abc import Sequence
from typing import Any, Final, Generic, TypeVar

import strawberry
from graphql import GraphQLField, get_named_type, is_object_type

from graph.caching import ON_NOTHING_ELSE
from graph.context import Info
from graph.declare import batched, column, cursor, edges
from graph.loading import each

T = TypeVar("T")

_FIELDS: Final = frozenset({"edges", "nodes", "pageInfo"})


def is_connection(field: GraphQLField) -> bool:
    """Whether a field gives a page of a list."""
    type_ = get_named_type(field.type)
    return is_object_type(type_) and type_.fields.keys() >= _FIELDS


async def _have_next_page(pages: Sequence[Any], _info: Info) -> list[Any]:
    return await each(page.has_next_page() for page in pages)


async def _have_previous_page(pages: Sequence[Any], _info: Info) -> list[Any]:
    return await each(page.has_previous_page() for page in pages)


async def _counts(pages: Sequence[Any], _info: Info) -> list[Any]:
    return await each(page.count() for page in pages)


@strawberry.type(description="Where a page stands in its list.")
class PageInfo:
    """The page itself, asked for its surroundings."""

    has_next_page: bool = batched(
        _have_next_page, "There are rows after the page.", depends=ON_NOTHING_ELSE
    )
    has_previous_page: bool = batched(
        _have_previous_page, "There are rows before the page.", depends=ON_NOTHING_ELSE
    )
    start_cursor: str | None = cursor("Place of the first row; null on an empty page.")
    end_cursor: str | None = cursor("Place of the last row; null on an empty page.")


@strawberry.type(description="A row and its place in the list.")
class Edge(Generic[T]):
    """One row of a page."""

    node: T = column("The row.")
    cursor: str = cursor("Its place, to be passed as `after` or `before`.")


@strawberry.type(description="One page of a list.")
class Connection(Generic[T]):
    """A page of rows."""

    edges: list[Edge[T]] = edges("The rows with their places.")
    nodes: list[T] = column("The rows alone.")
    page_info: PageInfo = column("Where the page stands in its list.")
    total_count: int = batched(
        _counts,
        "How many rows the whole list has; counted only when asked for.",
        depends=ON_NOTHING_ELSE,
    )
