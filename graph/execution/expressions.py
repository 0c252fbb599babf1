"""Generated code: the Python expression that writes a field, and the function that writes a list.

The one idea: what differs from document to document is text, what does not is a constant that the
text names. A whole level of the answer becomes one list comprehension,

    lambda sources: [{"id": c0(r["id"]), "title": r["title"], "emails": None} for r in sources]

which Python runs without a call for a plain column. Names in the text are GraphQL names and names
of columns; values never get into it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from graphql import (
    GraphQLEnumType,
    GraphQLLeafType,
    GraphQLOutputType,
    Undefined,
    get_nullable_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
)
from graphql.pyutils import inspect

ROW: Final = "r"
CURSOR: Final = "c"
ITEM: Final = ROW + r"\['{}'\]"
"""A column of a row, as a pattern."""

# A column with this scalar holds nothing that would have to be changed or refused: orjson writes
# points in time and days in the same words as the scalars do.
_AS_IT_IS: Final = frozenset({"String", "Boolean", "Int", "DateTime", "Date"})
_AS_TEXT: Final = frozenset({"UUID", "BigInt"})


@dataclass(eq=False)
class Code:
    """The text of one function while it is put together, and the constants that it names."""

    constants: dict[str, Any] = field(default_factory=dict)
    _names: dict[int, str] = field(default_factory=dict)
    _values: int = 0

    def constant(self, value: Any) -> str:
        """The name of a constant."""
        name = self._names.get(id(value))
        if name is None:
            name = self._names[id(value)] = f"c{len(self.constants)}"
            self.constants[name] = value
        return name

    def column(self, value: str, type_: GraphQLOutputType, *, is_known: bool) -> str | None:
        """The expression of a column; None where it takes more than an expression.

        Args:
            is_known: It is never NULL.
        """
        nullable = get_nullable_type(type_)
        if is_list_type(nullable):
            return self._texts(value, type_)
        if not is_leaf_type(nullable):
            return None
        if nullable.name in _AS_IT_IS:
            return value if is_known or nullable is type_ else self._required(value)
        write = self._writing_column(nullable)
        return write(value) if is_known else self._written(value, type_, write)

    def computed(self, value: str, type_: GraphQLOutputType) -> str | None:
        """The expression of a value of any kind; None where it takes more than an expression."""
        nullable = get_nullable_type(type_)
        if not is_leaf_type(nullable):
            return None
        write = self.constant(writer(nullable))
        return self._written(value, type_, lambda name: f"{write}({name})")

    def _texts(self, value: str, type_: GraphQLOutputType) -> str | None:
        nullable: Any = get_nullable_type(type_)
        item = nullable.of_type
        if not is_non_null_type(item) or item.of_type.name not in {"String", "ID"}:
            return None
        check = self.constant(_texts)
        return self._written(value, type_, lambda name: f"{check}({name})")

    def _written(self, value: str, type_: GraphQLOutputType, write: Callable[[str], str]) -> str:
        """An expression of a value that is None where it may be, and else is written."""
        if is_non_null_type(type_):
            return write(value)
        self._values += 1
        name = f"v{self._values}"
        return f"(None if ({name} := {value}) is None else {write(name)})"

    def _required(self, value: str) -> str:
        return f"{self.constant(_known)}({value})"

    def _writing_column(self, type_: GraphQLLeafType) -> Callable[[str], str]:
        if type_.name in _AS_TEXT:
            text = self.constant(_text)
            return lambda value: f"{text}({value})"
        if isinstance(type_, GraphQLEnumType):
            names = self.constant(_names_of(type_))
            return lambda value: f"{names}[{value}]"
        write = self.constant(writer(type_))
        return lambda value: f"{write}({value})"


def written(keys: Mapping[str, str]) -> str:
    """The expression of an object."""
    return "{" + ", ".join(f"{key!r}: {expression}" for key, expression in keys.items()) + "}"


_WRITERS: Final[dict[int, tuple[GraphQLLeafType, Callable[[Any], Any]]]] = {}


def writer(type_: GraphQLLeafType) -> Callable[[Any], Any]:
    """What turns a value of a scalar or enum that is not None into what the answer has."""
    if id(type_) not in _WRITERS:
        _WRITERS[id(type_)] = (type_, _writer(type_))
    return _WRITERS[id(type_)][1]


def _writer(type_: GraphQLLeafType) -> Callable[[Any], Any]:
    coerce = type_.coerce_output_value

    def write(value: Any) -> Any:
        if isinstance(value, Exception):
            raise value
        coerced = coerce(value)
        if coerced is None or coerced is Undefined:
            raise TypeError(
                f"Expected `{inspect(type_)}.coerce_output_value({inspect(value)})`"
                f" to return non-nullable value, returned: {inspect(coerced)}"
            )
        return coerced

    def write_text(value: Any) -> Any:
        return value if value.__class__ is str else write(value)

    return write_text if type_.name == "String" else write


def _text(value: Any) -> str:
    return str(_known(value))


def _known(value: Any) -> Any:
    """A value that is not None. What is raised is told by whoever executes the operation again."""
    if value is None:
        raise ValueError
    return value


def _texts(value: list[str]) -> list[str]:
    if None in value:
        raise ValueError
    return value


def _names_of(type_: GraphQLEnumType) -> Mapping[Any, str]:
    """The names of an enum by what a column has for them."""
    values = (
        (getattr(each.value, "value", each.value), name) for name, each in type_.values.items()
    )
    return dict(values)
