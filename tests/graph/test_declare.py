"""Declarations: what a plan takes as it is has to be what the database gives."""

from typing import Any

import pytest
from graphql import GraphQLObjectType, get_named_type, get_nullable_type, is_list_type
from sqlalchemy import BigInteger, Boolean, Date, DateTime, Integer, SmallInteger, Text, Uuid
from sqlalchemy.dialects.postgresql import ARRAY
from strawberry.types.field import StrawberryField

from db.columns import metadata
from db.jobs import JOBS
from db.selection import SOURCES
from graph.declare import Batched, Column, Declaration, Selects, declaration_of, table_of
from graph.schema import core_schema

# What orjson or `str` makes of these is what their scalars would.
JOBS_TABLE = "jobs"

TRUSTED: dict[str, tuple[type, ...]] = {
    "String": (Text,),
    "Boolean": (Boolean,),
    "Int": (Integer, SmallInteger),
    "DateTime": (DateTime,),
    "Date": (Date,),
    "UUID": (Uuid,),
    "BigInt": (BigInteger,),
}


def declared() -> list[Any]:
    """Every declared field of a type whose objects are rows, with its table."""
    return [
        pytest.param(table, field, declaration, id=f"{type_}.{name}")
        for type_ in core_schema().type_map.values()
        if isinstance(type_, GraphQLObjectType) and (table := _table(type_))
        for name, definition in type_.fields.items()
        if isinstance(field := definition.extensions["strawberry-definition"], StrawberryField)
        and (declaration := declaration_of(field)) is not None
    ]


def columns_of(table: str) -> Any:
    """The columns of its rows; those of jobs have more than the table has."""
    return JOBS.table.c if table == JOBS_TABLE else metadata.tables[table].c


def _table(type_: GraphQLObjectType) -> str | None:
    definition = type_.extensions.get("strawberry-definition")
    return None if definition is None else table_of(definition.origin)


@pytest.mark.parametrize(("table", "field", "declaration"), declared())
def test_declaration_names_what_there_is(
    table: str, field: StrawberryField, declaration: Declaration
) -> None:
    """Columns, keys and relations exist in the table, and a relation leads to the field's rows."""
    columns = columns_of(table)
    source = SOURCES.get(table)
    if isinstance(declaration, Column) and declaration.relation is None:
        assert (declaration.name or field.python_name) in columns
    if isinstance(declaration, Column) and declaration.relation is not None:
        assert source is not None
        target = metadata.tables[source.relations[declaration.relation]]
        assert str(declaration.name) in target.c
    if isinstance(declaration, Batched) and source is not None:
        assert set(declaration.needs) <= set(columns.keys())
    if isinstance(declaration, Batched) and declaration.relation is not None:
        assert source is not None
        assert declaration.relation in source.relations


@pytest.mark.parametrize(("table", "field", "declaration"), declared())
def test_column_holds_what_its_scalar_would_not_change(
    table: str, field: StrawberryField, declaration: Declaration
) -> None:
    """A plan writes columns of these scalars without asking them."""
    if not isinstance(declaration, Column):
        assert isinstance(declaration, Declaration)
        return
    relation = declaration.relation
    source = table if relation is None else SOURCES[table].relations[relation]
    column = columns_of(source)[declaration.name or field.python_name]
    type_ = _graphql_type(table, field)
    kind = column.type.item_type if isinstance(column.type, ARRAY) else column.type
    trusted = TRUSTED.get(get_named_type(type_).name)
    assert isinstance(column.type, ARRAY) == is_list_type(get_nullable_type(type_))
    assert trusted is None or isinstance(kind, trusted)


def _graphql_type(table: str, field: StrawberryField) -> Any:
    # Types that implement one interface share its fields.
    return next(
        definition.type
        for type_ in core_schema().type_map.values()
        if isinstance(type_, GraphQLObjectType) and _table(type_) == table
        for definition in type_.fields.values()
        if definition.extensions.get("strawberry-definition") is field
    )


def test_root_fields_that_select_name_a_source() -> None:
    """And there are some: without them nothing would be planned."""
    query = core_schema().query_type
    assert query is not None
    sources = [
        declaration.source
        for definition in query.fields.values()
        if isinstance(
            declaration := declaration_of(definition.extensions["strawberry-definition"]), Selects
        )
    ]
    assert sorted(sources) == ["companies", "companies", "contacts", "contacts"]
    assert set(sources) <= set(SOURCES)
