"""Random values of input types, as literals and as variables that are declared while they are used.

A value may be null, left to a default, a single item where a list is expected, or, as a variable,
of the wrong type: whatever a client can send in a document that is valid.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Final, Protocol

from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNamedType,
    GraphQLNonNull,
    Undefined,
)

_NESTING: Final = 4
_NULLS: Final = 0.07
_VARIABLES: Final = 0.2
_WRONG: Final = 0.02

WRONG_VALUES: Final[Sequence[Any]] = ({"wrong": 1}, [[]], "wrong", 1.5)
"""What is sent for variables of which it is no value, mostly."""


class Material(Protocol):
    """Where scalars come from."""

    def scalar(self, random: Random, kind: str, used_as: str, /) -> Any:
        """A value of a scalar as JSON says it, for an argument or input field of this name."""


@dataclass(frozen=True)
class EnumValue:
    """The name of a value of an enum."""

    name: str


@dataclass(frozen=True)
class Variable:
    """A variable of a document.

    Attributes:
        declaration: Its type with its default.
        sent: What the request says of it, a list of one value; empty when it says nothing.
    """

    name: str
    declaration: str
    sent: Sequence[Any]


class InputValues:
    """The values of one document."""

    def __init__(self, random: Random, material: Material) -> None:
        self.variables: dict[str, Variable] = {}
        self._random = random
        self._material = material

    def literal(self, kind: GraphQLInputType, used_as: str, *, optional: bool = False) -> str:
        """A value as the document says it, with variables here and there."""
        return _as_literal(self._value(kind, used_as, optional=optional))

    def _chance(self, of: float) -> bool:
        return self._random.random() < of

    def _value(
        self,
        kind: GraphQLInputType,
        used_as: str,
        *,
        optional: bool = False,
        constant: bool = False,
        nesting: int = 0,
    ) -> Any:
        if not constant and self._chance(_VARIABLES / (1 + nesting)):
            return self._variable(kind, used_as, optional=optional)
        if isinstance(kind, GraphQLNonNull):
            return self._present(kind.of_type, used_as, constant=constant, nesting=nesting)
        if self._chance(_NULLS):
            return None
        return self._present(kind, used_as, constant=constant, nesting=nesting)

    def _present(self, kind: Any, used_as: str, *, constant: bool, nesting: int) -> Any:
        if isinstance(kind, GraphQLList):
            return self._list(kind, used_as, constant=constant, nesting=nesting)
        if isinstance(kind, GraphQLEnumType):
            return EnumValue(self._random.choice([*kind.values]))
        if isinstance(kind, GraphQLInputObjectType):
            return self._object(kind, constant=constant, nesting=nesting + 1)
        return self._material.scalar(self._random, kind.name, used_as)

    def _list(
        self, kind: GraphQLList[Any], used_as: str, *, constant: bool, nesting: int
    ) -> list[Any] | Any:
        if self._chance(0.15):
            return self._value(kind.of_type, used_as, constant=True, nesting=nesting)
        return [
            self._value(kind.of_type, used_as, constant=constant, nesting=nesting + 1)
            for _ in range(self._random.randrange(4))
        ]

    def _object(
        self, kind: GraphQLInputObjectType, *, constant: bool, nesting: int
    ) -> dict[str, Any]:
        return {
            name: self._value(
                field.type,
                name,
                optional=has_default(field),
                constant=constant,
                nesting=nesting,
            )
            for name, field in self._fields(kind, nesting)
        }

    def _fields(
        self, kind: GraphQLInputObjectType, nesting: int
    ) -> list[tuple[str, GraphQLInputField]]:
        """The fields to give: the required ones and a few others, none that would nest too deep."""
        required = {
            name
            for name, field in kind.fields.items()
            if isinstance(field.type, GraphQLNonNull) and not has_default(field)
        }
        others = [
            name
            for name, field in kind.fields.items()
            if name not in required and (nesting < _NESTING or not _is_object(field.type))
        ]
        few = self._random.sample(others, min(len(others), self._random.choice((0, 1, 1, 2))))
        return [(name, field) for name, field in kind.fields.items() if name in required | {*few}]

    def _variable(self, kind: GraphQLInputType, used_as: str, *, optional: bool) -> Variable:
        """A variable that validation allows where a value of this type stands."""
        declared = str(kind)
        sent = [_as_json(self._value(kind, used_as, constant=True, nesting=1))]
        if isinstance(kind, GraphQLNonNull):
            if not optional and self._chance(0.6):
                return self._declare(declared, sent)
            declared = str(kind.of_type)
            if not optional:
                default = self._value(kind, used_as, constant=True, nesting=1)
                declared += f" = {_as_literal(default)}"
        elif self._chance(0.2) and sent != [None]:
            return self._declare(f"{declared}!", sent)
        elif self._chance(0.3):
            default = self._value(kind, used_as, constant=True, nesting=1)
            declared += f" = {_as_literal(default)}"
        return self._declare(declared, self._random.choice((sent, sent, sent, [], [], [None])))

    def _declare(self, declaration: str, sent: Sequence[Any]) -> Variable:
        known = [each for each in self.variables.values() if each.declaration == declaration]
        if known and self._chance(0.3):
            return self._random.choice(known)
        if self._chance(_WRONG):
            sent = [self._random.choice(WRONG_VALUES)]
        made = Variable(f"v{len(self.variables)}", declaration, sent)
        self.variables[made.name] = made
        return made


def has_default(given: GraphQLArgument | GraphQLInputField) -> bool:
    """Whether an argument or input field that is not null may be left out all the same."""
    return given.default is not None or given.default_value is not Undefined


def _is_object(kind: GraphQLInputType | GraphQLNamedType) -> bool:
    while isinstance(kind, GraphQLNonNull | GraphQLList):
        kind = kind.of_type
    return isinstance(kind, GraphQLInputObjectType)


def _as_json(value: Any) -> Any:
    if isinstance(value, EnumValue):
        return value.name
    if isinstance(value, list):
        return [_as_json(item) for item in value]
    if isinstance(value, dict):
        return {name: _as_json(item) for name, item in value.items()}
    return value


def _as_literal(value: Any) -> str:
    if isinstance(value, Variable):
        return f"${value.name}"
    if isinstance(value, EnumValue):
        return value.name
    if isinstance(value, list):
        return f"[{', '.join(_as_literal(item) for item in value)}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{name}: {_as_literal(item)}' for name, item in value.items())}}}"
    return json.dumps(value, ensure_ascii=False)
