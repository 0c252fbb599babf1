"""Filters and orders as JSON, in the vocabulary of GraphQL: what `filter=` of an export holds.

The frozen classes are all there is to know: their fields, spelled as clients write them, and the
types of these. Values are taken as GraphQL takes those of variables, and written in one form.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from datetime import date, datetime
from difflib import get_close_matches
from enum import Enum
from functools import lru_cache
from types import NoneType
from typing import Any, Final, get_args, get_origin, get_type_hints
from uuid import UUID

from domain.errors import InvalidFilter, InvalidInput
from domain.exports import ExportEntity
from domain.filters import MAX_FILTER_DEPTH, AnyFilter, CompanyFilter, ContactFilter, Filter
from domain.names import spelled
from domain.paging import CompanyOrder, ContactOrder, Order
from domain.scalars import (
    BigInt,
    NodeId,
    read_big_int,
    read_boolean,
    read_date,
    read_datetime,
    read_float,
    read_id,
    read_int,
    read_string,
    read_uuid,
    write_datetime,
)

_MAX_SHOWN_CHARS: Final = 100

_FILTERS: Final[frozenset[type]] = frozenset(get_args(AnyFilter))

_FILTER_OF: Final[Mapping[ExportEntity, type]] = {
    ExportEntity.CONTACTS: ContactFilter,
    ExportEntity.COMPANIES: CompanyFilter,
}
_ORDER_OF: Final[Mapping[ExportEntity, type]] = {
    ExportEntity.CONTACTS: ContactOrder,
    ExportEntity.COMPANIES: CompanyOrder,
}

_READERS: Final[Mapping[object, Callable[[object], object]]] = {
    str: read_string,
    bool: read_boolean,
    int: read_int,
    float: read_float,
    NodeId: read_id,
    BigInt: read_big_int,
    UUID: read_uuid,
    date: read_date,
    datetime: read_datetime,
}
_WRITERS: Final[Mapping[object, Callable[[Any], object]]] = {
    BigInt: str,
    UUID: str,
    date: date.isoformat,
    datetime: write_datetime,
}


def read_filter(entity: ExportEntity, value: object) -> Filter | None:
    """The filter that JSON describes; None for null.

    A field of null stays one: `db.filter_shapes` tells what to ask instead.

    Raises:
        InvalidFilter: A name or value that has no place where it stands; `path` says where, and
            `allowed`, when names are at fault, which there are.
    """
    if value is None:
        return None
    filter_: Filter = _read(_FILTER_OF[entity], value, "filter", depth=0)
    return filter_


def write_filter(filter_: Filter | None) -> object:
    """The filter as JSON; equal filters are written alike."""
    return None if filter_ is None else _write(type(filter_), filter_)


def read_order(entity: ExportEntity, value: object) -> tuple[Order, ...]:
    """The order that JSON describes; none for null.

    Raises:
        InvalidInput: As with filters. Whether the keys go together is told by `check_order`.
    """
    if value is None:
        return ()
    kind: Any = _ORDER_OF[entity]
    try:
        keys: list[Order] = _read(list[kind], value, "orderBy", depth=0)
    except InvalidFilter as error:
        raise InvalidInput(error.message, **error.details) from None
    return tuple(keys)


def write_order(order: tuple[Order, ...]) -> list[object]:
    """The order as JSON."""
    return [_write(type(key), key) for key in order]


@dataclass(frozen=True)
class _Slot:
    """A field of a class, and what it takes."""

    name: str
    kind: Any
    takes_null: bool
    default: object

    @property
    def is_required(self) -> bool:
        """Whether it must be given."""
        return self.default is MISSING


@lru_cache
def _slots(kind: type) -> dict[str, _Slot]:
    """The fields of a class by the names that clients write."""
    hints = get_type_hints(kind)
    return {spelled(item.name): _slot(item, hints[item.name]) for item in fields(kind)}


def _slot(item: "Field[Any]", hint: Any) -> _Slot:
    choices = get_args(hint) if get_origin(hint) is not list else ()
    (kind,) = [choice for choice in choices if choice is not NoneType] or [hint]
    return _Slot(item.name, kind, NoneType in choices, item.default)


def _read(kind: Any, value: object, path: str, *, depth: int) -> Any:
    """A value of a kind: a list, a class of ours, a scalar or an enum."""
    if value is None:
        raise InvalidFilter(f"{path} is null, where a value must stand.", path=path)
    if get_origin(kind) is list:
        return _read_list(kind, value, path, depth=depth)
    if is_dataclass(kind):
        return _read_object(kind, value, path, depth=depth + (kind in _FILTERS))
    if kind not in _READERS:
        return _read_name(kind, value, path)
    try:
        return _READERS[kind](value)
    except ValueError as error:
        raise InvalidFilter(f"{path}: {error}", path=path) from None


def _read_list(kind: Any, value: object, path: str, *, depth: int) -> list[Any]:
    """A list; what is none is taken as the only item of one."""
    (item,) = get_args(kind)
    if not isinstance(value, list):
        return [_read(item, value, path, depth=depth)]
    return [_read(item, each, f"{path}[{at}]", depth=depth) for at, each in enumerate(value)]


def _read_object(kind: Any, value: object, path: str, *, depth: int) -> Any:
    if depth > MAX_FILTER_DEPTH:
        raise InvalidFilter(f"{path} is nested more than {MAX_FILTER_DEPTH} levels deep.")
    slots = _slots(kind)
    if not isinstance(value, dict):
        takes = ", ".join(slots)
        raise InvalidFilter(f"{path} is not an object. It has the fields {takes}.", path=path)
    if missing := [name for name, slot in slots.items() if slot.is_required and name not in value]:
        raise InvalidFilter(f"{path} needs {' and '.join(missing)}.", path=path)
    return kind(**dict(_read_field(slots, *each, path, depth=depth) for each in value.items()))


def _read_field(
    slots: Mapping[str, _Slot], name: str, value: object, path: str, *, depth: int
) -> tuple[str, Any]:
    slot, path = slots.get(name), f"{path}.{name[:_MAX_SHOWN_CHARS]}"
    if slot is None:
        raise _unknown(path, name, slots)
    if value is None and slot.takes_null:
        return slot.name, None
    return slot.name, _read(slot.kind, value, path, depth=depth)


def _read_name(kind: type[Enum], value: object, path: str) -> Enum:
    names = kind.__members__
    if isinstance(value, str) and value in names:
        return names[value]
    if isinstance(value, str):
        raise _unknown(f"{path}: {value[:_MAX_SHOWN_CHARS]!r}", value, names, path=path)
    raise InvalidFilter(f"{path} is no text. Choose one of {', '.join(names)}.", path=path)


def _unknown(
    what: str, name: str, known: Mapping[str, object], *, path: str | None = None
) -> InvalidFilter:
    near = get_close_matches(name[:_MAX_SHOWN_CHARS], known, n=1)
    hint = f" Did you mean {near[0]}?" if near else ""
    return InvalidFilter(
        f"{what} is not known.{hint} There are {', '.join(known)}.",
        path=what if path is None else path,
        allowed=list(known),
    )


def _write(kind: Any, value: Any) -> object:
    """A value of a kind as JSON; fields that were left out are left out."""
    if value is None:
        return None
    if get_origin(kind) is list:
        (item,) = get_args(kind)
        return [_write(item, each) for each in value]
    if is_dataclass(kind):
        return dict(_write_fields(value))
    if isinstance(value, Enum):
        return value.name
    return _WRITERS[kind](value) if kind in _WRITERS else value


def _write_fields(value: object) -> Iterator[tuple[str, object]]:
    kind: Any = type(value)
    for name, slot in _slots(kind).items():
        if (each := getattr(value, slot.name)) is not slot.default:
            yield name, _write(slot.kind, each)
