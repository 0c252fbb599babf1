"""Flat lists: how values come apart into them, and together again."""

from collections.abc import AsyncIterable, Iterable, Iterator, Sequence
from inspect import isawaitable
from itertools import islice
from typing import Any

from graphql import GraphQLError
from graphql.pyutils import is_iterable

from graph.execution.plan import FieldPlan

Values = Sequence[Any]


def scattered(count: int, *parts: tuple[Iterable[int], Iterable[Any]]) -> list[Any]:
    """A list of values by their positions, each part told as positions and values."""
    values: list[Any] = [None] * count
    for positions, found in parts:
        for at, value in zip(positions, found, strict=True):
            values[at] = value
    return values


def parted(items: Values, lists: Sequence[Values]) -> Iterator[list[Any]]:
    """Flat items as the lists that they came from."""
    rest = iter(items)
    return (list(islice(rest, len(each))) for each in lists)


async def as_list(field: FieldPlan, value: Any) -> list[Any]:
    """The items of what a resolver gave as a list.

    Raises:
        GraphQLError: It is none.
    """
    if isinstance(value, list) and not field.is_checked:
        return value
    if isinstance(value, list | tuple):
        items: list[Any] = list(value)
    elif isinstance(value, AsyncIterable):
        items = [item async for item in value]
    elif is_iterable(value):
        items = list(value)
    else:
        place = f"{field.parent}.{field.name}"
        raise GraphQLError(f"Expected Iterable, but did not find one for field '{place}'.")
    for at, item in enumerate(items):
        if isawaitable(item):
            items[at] = await item
    return items
