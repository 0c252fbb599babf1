"""Connections of the relay specification, over `graph.pages.Listing`."""

from typing import Any, Generic, TypeVar

import strawberry

from graph.declare import column

T = TypeVar("T")


async def _has_next_page(root: strawberry.Parent[Any]) -> bool:
    return bool(await root.has_next_page())


async def _has_previous_page(root: strawberry.Parent[Any]) -> bool:
    return bool(await root.has_previous_page())


async def _count(root: strawberry.Parent[Any]) -> int:
    return int(await root.count())


@strawberry.type(description="Where a page stands in its list.")
class PageInfo:
    """The page itself, asked for its surroundings."""

    has_next_page: bool = strawberry.field(
        description="There are rows after the page.", resolver=_has_next_page
    )
    has_previous_page: bool = strawberry.field(
        description="There are rows before the page.", resolver=_has_previous_page
    )
    start_cursor: str | None = column("Place of the first row; null on an empty page.")
    end_cursor: str | None = column("Place of the last row; null on an empty page.")


@strawberry.type(description="A row and its place in the list.")
class Edge(Generic[T]):
    """One row of a page."""

    node: T = column("The row.")
    cursor: str = column("Its place, to be passed as `after` or `before`.")


@strawberry.type(description="One page of a list.")
class Connection(Generic[T]):
    """A page of rows."""

    edges: list[Edge[T]] = column("The rows with their places.")
    nodes: list[T] = column("The rows alone.")
    page_info: PageInfo = column("Where the page stands in its list.")
    total_count: int = strawberry.field(
        description="How many rows the whole list has; counted only when asked for.",
        resolver=_count,
    )
