"""The footprint of a kept field: what tells its answers apart, and what they depend on.

The one idea: everything that is selected below the field is walked once, with the plan. The keys,
names and types in their order are its shape; the arguments are left for the request. What a value
depends on is declared beside its field, or is the row that it is a column of; and where neither is
known, the field is not kept.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Final

import orjson
from graphql import (
    GraphQLObjectType,
    GraphQLOutputType,
    get_named_type,
    is_leaf_type,
    is_object_type,
)
from graphql.execution.values import VariableValues

from cache.tags import Entity
from db.reach import reach_of_column
from db.selection import SOURCES
from graph.caching import (
    ON_NOTHING_ELSE,
    Cached,
    Depends,
    NotKept,
    check_told,
    owner_of,
    records_of,
)
from graph.declare import Column, Cursor, Edges, RowId, SameRow, dependence_of
from graph.execution.asked import Asked, AskedFields
from graph.execution.inlining import table_of_type
from graph.execution.inputs import Arguments
from graph.execution.reaching import Reach, Records, reach_of


class AskedArguments:
    """The arguments of one field that is selected.

    Raises:
        NotKept: It is not known what one of them makes the answer depend on.
    """

    def __init__(self, asked: Asked) -> None:
        self._arguments = Arguments(asked.definition, asked.node)
        reaches = {name: reach_of(each.type) for name, each in asked.definition.args.items()}
        self._reaches: dict[str, Reach] = {n: each for n, each in reaches.items() if each}

    @property
    def are_constant(self) -> bool:
        """Whether they are the same in every request."""
        return self._arguments.are_constant

    def coerce(self, variables: VariableValues) -> dict[str, Any]:
        """The values that are given; an empty filter is none.

        Raises:
            GraphQLError: One of them cannot be.
        """
        values = self._arguments.coerce(variables)
        return {name: each for name, each in values.items() if each is not None and each != {}}

    def reached(self, values: Mapping[str, Any]) -> Records:
        """The kinds of records that the values make the answer depend on."""
        reached: Records = frozenset()
        for name, reach in self._reaches.items():
            if name in values:
                reached |= reach(values[name])
        return reached


@dataclass(frozen=True)
class Footprint:
    """What is known of a kept field without a request.

    Attributes:
        shape: What is selected, in a form that is the same for the same selection.
        arguments: Of all fields that take some, in their order; the first are the field's own.
        records: The kinds of records that it depends on in whatever number.
        own_contacts: It depends on the contacts of the company that it is about.
    """

    shape: bytes
    arguments: tuple[AskedArguments, ...]
    records: Records
    own_contacts: bool


def footprints_of(fields: AskedFields, asked: Asked, cached: Cached) -> Mapping[Entity, Footprint]:
    """The footprint of a root field for each kind of record that it can be kept for."""
    found = {}
    for entity in cached.entities:
        try:
            for type_ in _types_of(fields, asked.type, entity, is_one=cached.is_one):
                walk = _Walk(fields, entity, is_one=cached.is_one)
                found[entity] = walk.footprint(asked, type_)
        except NotKept:
            continue
    return found


class _Of(Enum):
    """Whose the objects are at a place of the answer."""

    WHICHEVER = auto()
    """Records that are told by their kind alone."""
    SUBJECT = auto()
    """The record that the answer is about, and what belongs to it."""
    CONTACTS = auto()
    """The contacts of the company that it is about."""


_NO_ROWS: Final = (RowId, SameRow, Edges, Cursor)


class _Walk:
    """Walks what is selected below one root field."""

    def __init__(self, fields: AskedFields, subject: Entity, *, is_one: bool) -> None:
        self._fields = fields
        self._subject = subject
        self._of = _Of.SUBJECT if is_one else _Of.WHICHEVER
        self._records: set[Entity] = set() if is_one else {subject}
        self._own_contacts = False
        self._arguments: list[AskedArguments] = []

    def footprint(self, asked: Asked, type_: GraphQLObjectType) -> Footprint:
        """What was found below the field.

        Raises:
            NotKept: Something there is not known well enough.
        """
        self._arguments.append(AskedArguments(asked))
        shape = [asked.name, type_.name, self._object(asked, type_, None, self._of)]
        return Footprint(
            orjson.dumps(shape),
            tuple(self._arguments),
            frozenset(self._records),
            self._own_contacts,
        )

    def _object(
        self, asked: Asked, type_: GraphQLObjectType, table: str | None, of: _Of
    ) -> list[object]:
        own = table_of_type(type_)
        # A view of rows of several tables is one of the row that it is a part of.
        table = table if own == "" else own
        if table is not None:
            self._check_covered(table, of)
        return [self._field(each, table, of) for each in self._fields.below(asked, type_)]

    def _field(self, asked: Asked, table: str | None, of: _Of) -> list[object]:
        of = self._depend(_dependence(asked, table), of)
        if asked.definition.args:
            self._arguments.append(AskedArguments(asked))
        type_ = get_named_type(asked.type)
        if is_leaf_type(type_):
            return [asked.key, asked.name]
        if not is_object_type(type_):
            raise NotKept(type_.name)
        return [asked.key, asked.name, self._object(asked, type_, table, of)]

    def _depend(self, depends: Depends, of: _Of) -> _Of:
        """Note what a value depends on; gives whose the objects in it are."""
        if depends.own_contacts:
            if of is _Of.SUBJECT and self._subject is Entity.COMPANY:
                self._own_contacts = True
                return _Of.CONTACTS
            self._records.add(Entity.CONTACT)
            return _Of.WHICHEVER
        self._records |= depends.records
        return _Of.WHICHEVER if depends.records else of

    def _check_covered(self, table: str, of: _Of) -> None:
        """Refuse rows whose changes would not be noticed, as their field was declared wrongly."""
        owner = owner_of(table)
        covered = {
            _Of.WHICHEVER: self._records,
            _Of.SUBJECT: {self._subject},
            _Of.CONTACTS: {Entity.CONTACT},
        }
        if owner is not None and owner not in covered[of]:
            raise NotKept(table)


def _types_of(
    fields: AskedFields, type_: GraphQLOutputType, entity: Entity, *, is_one: bool
) -> list[GraphQLObjectType]:
    """The types of the objects in a root field that is about a kind of record."""
    named: Any = get_named_type(type_)
    types = [named] if is_object_type(named) else fields.schema.get_possible_types(named)
    if not is_one:
        return list(types)
    return [each for each in types if _table_of(entity) == table_of_type(each)]


def _table_of(entity: Entity) -> str:
    return {Entity.CONTACT: "contacts", Entity.COMPANY: "companies"}[entity]


def _dependence(asked: Asked, table: str | None) -> Depends:
    """What the value of a field depends on beyond its object.

    Raises:
        NotKept: Nobody knows.
    """
    # Only `__typename` is not of Strawberry.
    if asked.strawberry is None or isinstance(asked.declared, _NO_ROWS):
        return ON_NOTHING_ELSE
    declared = dependence_of(asked.strawberry)
    if declared is not None:
        return declared
    if not isinstance(asked.declared, Column):
        raise NotKept(f"{asked.parent.name}.{asked.name}")
    if table is None:
        return ON_NOTHING_ELSE
    return _of_column(asked.declared, asked.attribute, table)


def _of_column(column: Column, attribute: str, table: str) -> Depends:
    relations = SOURCES[table].relations if table in SOURCES else {}
    target = relations.get(column.relation or "", table)
    name = column.name or attribute
    check_told(target, name)
    beside = set() if target == table else {target}
    return Depends(records_of(beside | reach_of_column(target, name)))
