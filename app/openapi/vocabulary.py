"""Classes of the domain as JSON Schemas: filters, orders and options as clients write them."""

from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from datetime import date, datetime
from enum import Enum
from functools import lru_cache
from inspect import getdoc
from types import NoneType
from typing import Any, Final, get_args, get_origin, get_type_hints
from uuid import UUID

from domain.absent import given
from domain.filters import MAX_FILTER_LIST_ITEMS
from domain.names import spelled
from domain.scalars import BigInt, NodeId

Json = dict[str, Any]

_SCHEMAS: Final = "#/components/schemas/"
_INT: Final = 2**31

_SCALARS: Final[Mapping[object, Json]] = {
    str: {"type": "string"},
    bool: {"type": "boolean"},
    int: {"type": "integer", "minimum": -_INT, "maximum": _INT - 1},
    float: {"type": "number"},
    NodeId: {"type": "string"},
    BigInt: {"type": ["integer", "string"], "pattern": "^-?[0-9]{1,19}$"},
    UUID: {"type": "string", "format": "uuid"},
    date: {"type": "string", "format": "date"},
    datetime: {"type": "string", "format": "date-time"},
}


class Vocabulary:
    """Schemas of classes, each written once and referred to from everywhere.

    Attributes:
        schemas: Those of the classes that were asked for, and of all that these refer to.
    """

    def __init__(self) -> None:
        self.schemas: dict[str, Json] = {}

    def schema_of(self, kind: Any) -> Json:
        """The schema of a type: a scalar, a list, an enum or a frozen class."""
        if get_origin(kind) is not None:
            return self._of_generic(kind)
        if is_dataclass(kind):
            return self._referred(kind, self._of_class)
        return dict(_SCALARS[kind]) if kind in _SCALARS else self._referred(kind, _of_enum)

    def _of_generic(self, kind: Any) -> Json:
        """A list of something, or something that may be left out."""
        item = without_none(kind)
        if item is not kind:
            return self.schema_of(item)
        item, *_more = get_args(kind)
        return {"type": "array", "items": self.schema_of(item), "maxItems": MAX_FILTER_LIST_ITEMS}

    def _referred(self, kind: Any, write: Callable[[Any], Json]) -> Json:
        name = kind.__name__
        if name not in self.schemas:
            # Classes refer to themselves, and to each other in a circle.
            self.schemas[name] = {}
            self.schemas[name] = write(kind)
        return {"$ref": _SCHEMAS + name}

    def _of_class(self, kind: Any) -> Json:
        types = field_types(kind)
        required = [spelled(item.name) for item in fields(kind) if _is_required(item)]
        schema: Json = {
            "type": "object",
            "description": _first_paragraph(kind),
            "properties": {
                spelled(item.name): self.schema_of(types[spelled(item.name)]) | _words(item)
                for item in fields(kind)
            },
            "additionalProperties": False,
        }
        return schema | ({"required": required} if required else {})


@lru_cache
def field_types(kind: Any) -> Mapping[str, Any]:
    """The types of a class's fields, by the names that clients write."""
    return {spelled(name): hint for name, hint in get_type_hints(kind).items()}


def without_none(kind: Any) -> Any:
    """The type of a value that may be left out."""
    choices = [each for each in get_args(kind) if each is not NoneType]
    return choices[0] if NoneType in get_args(kind) else kind


def _of_enum(kind: type[Enum]) -> Json:
    members = kind.__members__
    told = "\n".join(f"* `{name}`: {getattr(each, 'doc', '')}" for name, each in members.items())
    return {
        "type": "string",
        "enum": list(members),
        "description": f"{_first_paragraph(kind)}\n\n{told}",
    }


def _is_required(item: "Field[Any]") -> bool:
    return item.default is MISSING and item.default_factory is MISSING


def _words(item: "Field[Any]") -> Json:
    """What is told of a field beside its type."""
    doc, default = item.metadata.get("doc"), item.default
    told = {} if doc is None else {"description": doc}
    is_told = default not in {MISSING, None} and given(default)
    return told | ({"default": default} if is_told else {})


def _first_paragraph(kind: type) -> str:
    return (getdoc(kind) or "").partition("\n\n")[0]
