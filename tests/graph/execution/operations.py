"""Random operations of any schema, valid and small: what a client can write, it may write here.

An operation follows from its number alone, given the schema and the material of its arguments.
"""

import itertools
import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Any, Final, Protocol, cast

import orjson
from graphql import (
    GraphQLBoolean,
    GraphQLCompositeType,
    GraphQLField,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    OperationType,
    get_named_type,
    is_abstract_type,
    is_composite_type,
)

from graph.documents import Documents, InvalidDocument
from tests.db.datasets import seeded
from tests.graph.execution.values import InputValues, Material, has_default

_DEEPEST: Final = 8
_MOST_FIELDS: Final = 50
_WORDS: Final = re.compile(r"\$(v\d+)|\.\.\.(F\d+)")


class Materials(Material, Protocol):
    """What operations are made of beyond the schema."""

    def weight(self, parent: str, field: str, /) -> int:
        """How often a field is chosen, beside 1 for any other."""

    def arguments(self, random: Random, result: str, /) -> Mapping[str, str | None]:
        """Literals of arguments that go together, None for one to be left out.

        The others are filled in by their types.
        """


@dataclass(frozen=True)
class Operation:
    """What a client sends.

    Attributes:
        number: What it follows from; a failing test shows it.
    """

    number: int
    query: str
    variables: Mapping[str, Any]
    name: str | None

    @property
    def body(self) -> dict[str, Any]:
        """The request."""
        return {"query": self.query, "variables": self.variables, "operationName": self.name}

    def __str__(self) -> str:
        variables = orjson.dumps(self.variables).decode()
        return f"seed {self.number}: operation {self.name}, variables {variables}\n{self.query}"


def make_operation(
    number: int,
    schema: GraphQLSchema,
    materials: Materials,
    documents: Documents,
    *,
    kind: OperationType = OperationType.QUERY,
) -> Operation:
    """The operation of a number: the first of its tries that is valid."""
    for attempt in itertools.count():
        random = seeded(f"operation {number} {attempt}")
        made = _Writer(schema, random, materials, kind).operation(number)
        try:
            documents.get(made.query)
        except InvalidDocument:
            continue
        return made
    raise AssertionError


@dataclass(frozen=True)
class _Field:
    """A field with its arguments under one key of the answer: it may be selected again."""

    key: str
    arguments: str
    name: str

    @property
    def text(self) -> str:
        alias = "" if self.key == self.name else f"{self.key}: "
        return f"{alias}{self.name}{self.arguments}"


class _Writer:
    """Writes one document."""

    def __init__(
        self, schema: GraphQLSchema, random: Random, materials: Materials, kind: OperationType
    ) -> None:
        self._schema = schema
        self._kind = kind
        self._random = random
        self._materials = materials
        self._values = InputValues(random, materials)
        self._left = random.randint(3, _MOST_FIELDS)
        self._numbers = itertools.count()
        self._known: defaultdict[str, dict[str, _Field]] = defaultdict(dict)
        self._fragments: dict[str, tuple[str, bool, str]] = {}

    def operation(self, number: int) -> Operation:
        """The document, what is sent with it, and which operation of it is meant."""
        count = 2 if self._chance(0.1) else 1
        root = cast("GraphQLObjectType", self._schema.get_root_type(self._kind))
        bodies = [self._selection(root, 0) for _ in range(count)]
        is_named = count > 1 or self._chance(0.3)
        names = [f"Op{at}" for at in range(count)] if is_named else [""]
        texts = [self._headed(*pair) for pair in zip(names, bodies, strict=True)]
        texts += [text for _, _, text in self._fragments.values()]
        sent = {each.name: each.sent[0] for each in self._values.variables.values() if each.sent}
        if self._chance(0.05):
            sent["unknown"] = 1
        return Operation(number, "\n".join(texts), sent, self._random.choice(names) or None)

    def _headed(self, name: str, body: str) -> str:
        used = self._used_in(body, set())
        declared = [f"${each}: {self._values.variables[each].declaration}" for each in sorted(used)]
        variables = f"({', '.join(declared)})" if declared else ""
        is_short = self._kind is OperationType.QUERY and not name and not variables
        if is_short and self._chance(0.5):
            return body
        return f"{self._kind.value} {name}{variables} {body}"

    def _used_in(self, text: str, seen: set[str]) -> set[str]:
        """The variables of a text and of the fragments it spreads."""
        used = set()
        for variable, fragment in _WORDS.findall(text):
            if variable:
                used.add(variable)
            elif fragment not in seen:
                seen.add(fragment)
                used |= self._used_in(self._fragments[fragment][2], seen)
        return used

    def _chance(self, of: float) -> bool:
        return self._random.random() < of

    def _selection(self, kind: GraphQLCompositeType, depth: int, *, apart: bool = False) -> str:
        """A selection set.

        Args:
            apart: Fields of other types stand beside it under the same keys.
        """
        count = self._random.choice((1, 2, 3, 3, 4, 5, 7)) if self._left > 0 else 1
        parts = [self._part(kind, depth, apart=apart) for _ in range(count)]
        if self._chance(0.1):
            parts.append(self._random.choice(parts))
        return f"{{ {' '.join(parts)} }}"

    def _part(self, kind: GraphQLCompositeType, depth: int, *, apart: bool) -> str:
        self._left -= 1
        fragments = 0.75 if is_abstract_type(kind) else 0.15
        if depth < _DEEPEST and self._left > 0 and self._chance(fragments):
            write = self._random.choice((self._inline, self._inline, self._spread))
            return write(kind, depth, apart=apart)
        return self._field(kind, depth, apart=apart)

    def _inline(self, kind: GraphQLCompositeType, depth: int, *, apart: bool) -> str:
        on = self._condition(kind)
        condition = "" if on is kind and self._chance(0.5) else f" on {on.name}"
        body = self._selection(on, depth + 1, apart=apart or on is not kind)
        return f"...{condition}{self._directives()} {body}"

    def _spread(self, kind: GraphQLCompositeType, depth: int, *, apart: bool) -> str:
        on = self._condition(kind)
        apart = apart or on is not kind
        fitting = [
            name
            for name, (type_name, is_apart, _) in self._fragments.items()
            if type_name == on.name and is_apart >= apart
        ]
        if fitting and self._chance(0.5):
            return f"...{self._random.choice(fitting)}{self._directives()}"
        body = self._selection(on, depth + 1, apart=apart)
        name = f"F{next(self._numbers)}"
        self._fragments[name] = (on.name, apart, f"fragment {name} on {on.name} {body}")
        return f"...{name}{self._directives()}"

    def _condition(self, kind: GraphQLCompositeType) -> GraphQLCompositeType:
        """A type that a fragment here may have: itself, one of it, or an interface of it."""
        if is_abstract_type(kind):
            possible = self._schema.get_possible_types(kind)
            return self._random.choice([kind, *possible, *possible])
        own = cast("GraphQLObjectType", kind)
        fitting: list[GraphQLCompositeType] = [own, own, *own.interfaces]
        return self._random.choice(fitting)

    def _directives(self) -> str:
        if not self._chance(0.1):
            return ""
        boolean = GraphQLNonNull(GraphQLBoolean)
        names = self._random.choice((("include",), ("skip",), ("skip", "include")))
        return "".join(f" @{name}(if: {self._values.literal(boolean, 'if')})" for name in names)

    def _field(self, kind: GraphQLCompositeType, depth: int, *, apart: bool) -> str:
        name = self._choose(kind, depth)
        if name == "__typename":
            alias = f"a{next(self._numbers)}: " if self._chance(0.2) else ""
            return f"{alias}{name}{self._directives()}"
        declared = _fields(kind)[name]
        field = self._keyed(kind.name, name, declared, apart=apart)
        below = get_named_type(declared.type)
        body = f" {self._selection(below, depth + 1)}" if is_composite_type(below) else ""
        return f"{field.text}{self._directives()}{body}"

    def _choose(self, kind: GraphQLCompositeType, depth: int) -> str:
        fields = _fields(kind)
        if depth >= _DEEPEST or self._left <= 0:
            fields = {n: f for n, f in fields.items() if not is_composite_type(_result(f))}
        weights = [1, *(self._weight(kind.name, name, field) for name, field in fields.items())]
        (chosen,) = self._random.choices(["__typename", *fields], weights)
        return chosen

    def _weight(self, parent: str, name: str, field: GraphQLField) -> int:
        # Few of many fields are objects, and all that is difficult lies below them.
        return self._materials.weight(parent, name) * (
            3 if is_composite_type(_result(field)) else 1
        )

    def _keyed(self, parent: str, name: str, declared: GraphQLField, *, apart: bool) -> _Field:
        """The field under a key that means the same wherever it stands in the document."""
        known = self._known[parent]
        same = [field for field in known.values() if field.name == name]
        if same and self._chance(0.4):
            return self._random.choice(same)
        key = self._key(parent, name, apart=apart)
        if key in known and known[key].name != name:
            key = f"{name}{next(self._numbers)}"
        if key not in known:
            known[key] = _Field(key, self._arguments(name, declared), name)
        return known[key]

    def _key(self, parent: str, name: str, *, apart: bool) -> str:
        if self._chance(0.02):
            return self._random.choice([*_fields(cast("Any", self._schema.type_map[parent]))])
        # Types that share a key must agree on its type, which `source` and `type` do not.
        if apart or self._chance(0.15):
            return f"{parent[0].lower()}{parent[1:]}_{name}{self._random.choice(('', '1', '2'))}"
        return name

    def _arguments(self, name: str, declared: GraphQLField) -> str:
        together = self._materials.arguments(self._random, _result(declared).name)
        given = {each: text for each, text in together.items() if text and each in declared.args}
        for each, argument in declared.args.items():
            is_required = isinstance(argument.type, GraphQLNonNull) and not has_default(argument)
            if each not in together and (is_required or self._chance(0.12)):
                given[each] = self._values.literal(
                    argument.type, f"{name}.{each}", optional=has_default(argument)
                )
        return f"({', '.join(f'{each}: {text}' for each, text in given.items())})" if given else ""


def _fields(kind: GraphQLCompositeType) -> Mapping[str, GraphQLField]:
    return {} if not hasattr(kind, "fields") else kind.fields


def _result(field: GraphQLField) -> Any:
    return get_named_type(field.type)
