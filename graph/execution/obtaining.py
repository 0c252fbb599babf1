"""How the values of a field that no expression can write are had.

The one idea: a declaration says how one thing is read for many objects; only what has none is asked
object by object, as graphql-core would. A value that cannot be had is its exception, at its place
in the list: others are not touched by it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from inspect import isawaitable
from operator import attrgetter, itemgetter
from typing import Any, cast

from strawberry.types.fields.resolver import StrawberryResolver

from graph.asking import note_field
from graph.context import Info
from graph.declare import Batch, Batched, Column, Cursor, Edges, SameRow
from graph.execution.asked import Asked, Sources
from graph.execution.plan import Asker, FieldPlan, Obtain
from graph.execution.selections import Rows


def way_to(asked: Asked, sources: Sources, *, with_cursors: bool) -> tuple[Obtain, bool]:
    """How the values are had, and whether that may have to wait.

    What it takes of the rows is read from here on.

    Args:
        with_cursors: For edges: their cursors are asked for.
    """
    declared, rows = asked.declared, sources.rows
    if isinstance(declared, Batched):
        if rows is not None:
            rows.read_all(declared.needs)
        return _loading(declared), True
    if isinstance(declared, Column) and rows is not None:
        return _column(declared.name or asked.attribute, declared, rows)
    if (read := _reader(asked, sources, with_cursors=with_cursors)) is not None:
        return _reading(read), False
    if rows is not None:
        rows.read_everything()
    return _resolve, asked.strawberry is None or asked.strawberry.is_async


def _reader(asked: Asked, sources: Sources, *, with_cursors: bool) -> Callable[[Any], Any] | None:
    """What reads the value off a source; None where its resolver has to be called."""
    declared = asked.declared
    if sources.are_pairs:
        return itemgetter(isinstance(declared, Cursor))
    if isinstance(declared, Edges):
        return attrgetter("pairs" if with_cursors else "pairs_without_cursors")
    if isinstance(declared, SameRow) or asked.is_event:
        return _itself
    return attrgetter(asked.attribute) if isinstance(declared, Column | Cursor) else None


def _itself(source: Any) -> Any:
    return source


def _column(name: str, declared: Column, rows: Rows) -> tuple[Obtain, bool]:
    if declared.relation is None or not rows.is_related(declared.relation):
        return _reading(itemgetter(rows.read(name))), False
    rows.read_everything()
    return _following(declared, name), True


def _reading(read: Callable[[Any], Any]) -> Obtain:
    async def obtain(_asker: Asker, _field: FieldPlan, sources: Sequence[Any]) -> Sequence[Any]:
        try:
            return [read(source) for source in sources]
        except Exception:  # noqa: BLE001  # found again where it stands
            return [_called(read, source) for source in sources]

    return obtain


def _loading(declared: Batched) -> Obtain:
    """Loads the values for all sources at once."""

    async def obtain(asker: Asker, field: FieldPlan, sources: Sequence[Any]) -> Sequence[Any]:
        info = _noted(asker, field)
        try:
            arguments = asker.converted_arguments(field)
            return await declared.load(sources, info, **arguments)
        except Exception as error:  # noqa: BLE001  # is told once for each object
            return [error] * len(sources)

    return obtain


def _following(declared: Column, name: str) -> Obtain:
    """Loads the rows that the sources lead to, and reads a column of theirs."""
    load = cast("Batch", declared.load)

    def read(row: Any) -> Any:
        if row is None:
            return declared.missing
        return row if isinstance(row, Exception) else row[name]

    async def obtain(asker: Asker, field: FieldPlan, sources: Sequence[Any]) -> Sequence[Any]:
        info = _noted(asker, field)
        try:
            return [read(row) for row in await load(sources, info)]
        except Exception as error:  # noqa: BLE001  # is told once for each object
            return [error] * len(sources)

    return obtain


async def _resolve(asker: Asker, field: FieldPlan, sources: Sequence[Any]) -> Sequence[Any]:
    """Calls the resolver for each source; those that wait, wait side by side."""
    _noted(asker, field)
    try:
        call = _caller(asker, field)
    except Exception as error:  # noqa: BLE001  # an argument that cannot be: is told once for each object
        return [error] * len(sources)
    values = [_called(call, source) for source in sources]
    waiting = [at for at, value in enumerate(values) if isawaitable(value)]
    if len(waiting) == 1:
        values[waiting[0]] = await _awaited(values[waiting[0]])
    elif waiting:
        found = await asyncio.gather(*(_awaited(values[at]) for at in waiting))
        for at, value in zip(waiting, found, strict=True):
            values[at] = value
    return values


def _noted(asker: Asker, field: FieldPlan) -> Info:
    """The info of a field that is asked from here on."""
    info = asker.info(field)
    note_field(info.raw)
    return info


def _called(call: Callable[[Any], Any], source: Any) -> Any:
    try:
        return call(source)
    except Exception as error:  # noqa: BLE001  # stands for the value
        return error


async def _awaited(value: Awaitable[Any]) -> Any:
    try:
        return await value
    except Exception as error:  # noqa: BLE001  # stands for the value
        return error


def _caller(asker: Asker, field: FieldPlan) -> Callable[[Any], Any]:
    strawberry = field.strawberry
    if strawberry is None or strawberry.extensions or strawberry.base_resolver is None:
        info, resolver = asker.info(field).raw, asker.resolver(field)
        arguments = asker.arguments(field)
        return lambda source: resolver(source, info, **arguments)
    return _direct(asker, field, strawberry.base_resolver)


def _direct(
    asker: Asker, field: FieldPlan, resolver: StrawberryResolver[Any]
) -> Callable[[Any], Any]:
    """Calls the function behind a field of Strawberry; its arguments are converted once for all."""
    named = asker.converted_arguments(field)
    if resolver.info_parameter is not None:
        named[resolver.info_parameter.name] = asker.info(field)
    function: Any = resolver.wrapped_func
    if resolver.self_parameter is not None:
        return lambda source: function(source, **named)
    return _naming(function, named, [resolver.parent_parameter, resolver.root_parameter])


def _naming(
    function: Callable[..., Any], named: Mapping[str, Any], parents: Sequence[Any]
) -> Callable[[Any], Any]:
    names = [parent.name for parent in parents if parent is not None]
    return lambda source: function(**named, **dict.fromkeys(names, source))
