"""The vocabulary of groups: schema and docs/aggregates.md follow what the domain declares."""

import re
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest
from graphql import GraphQLObjectType, get_named_type

from domain.aggregates import (
    COMPANY_MEASURES,
    CONTACT_MEASURES,
    MAX_GROUP_BY,
    CompanyGroupBy,
    ContactGroupBy,
    Measure,
    Operation,
)
from domain.names import spelled
from graph.schema import core_schema

PAPER = Path(__file__).parents[2] / "docs" / "aggregates.md"


def fields_of(type_name: str) -> dict[str, Any]:
    """The fields of a type of the schema."""
    found = core_schema().type_map[type_name]
    assert isinstance(found, GraphQLObjectType)
    return dict(found.fields)


@pytest.mark.parametrize(
    ("keys", "dimensions"),
    [("ContactGroupKeys", ContactGroupBy), ("CompanyGroupKeys", CompanyGroupBy)],
)
def test_every_dimension_has_a_key(keys: str, dimensions: Any) -> None:
    """Whoever groups by something finds it among the keys, under its name."""
    assert list(fields_of(keys)) == [spelled(name.lower()) for name in dimensions]


@pytest.mark.parametrize(
    ("group", "measures"),
    [("ContactAggregate", CONTACT_MEASURES), ("CompanyAggregate", COMPANY_MEASURES)],
)
def test_every_operation_has_its_measures(group: str, measures: dict[str, Measure]) -> None:
    """The schema offers each operation over exactly the measures that declare it."""
    shown = fields_of(group)
    for operation in Operation:
        type_name = get_named_type(shown[spelled(operation)].type).name
        declared = [m.name for m in measures.values() if operation in m.operations]
        assert list(fields_of(type_name)) == [spelled(name) for name in declared]


def table(header: str) -> list[list[str]]:
    """The rows of the only table of docs/aggregates.md under this header."""
    (_, found) = PAPER.read_text("utf-8").split(f"{header}\n")
    lines = takewhile(lambda line: line.startswith("|"), found.splitlines())
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines][1:]


@pytest.mark.parametrize("dimensions", [ContactGroupBy, CompanyGroupBy])
def test_dimensions_are_documented_as_they_are(dimensions: Any) -> None:
    """docs/aggregates.md has exactly the dimensions, with their keys."""
    rows = table(f"| `{dimensions.__name__}` | Key |")
    assert rows == [[f"`{member}`", member.doc] for member in dimensions]


def test_operations_are_documented_as_they_are() -> None:
    """docs/aggregates.md has exactly the operations, and what each can be worked out over."""
    explained = table("| Operation | Answer |")
    assert explained == [[f"`{spelled(operation)}`", operation.doc] for operation in Operation]
    offered = {
        operation: measures
        for operations, *measures in table("| Operations | Of contacts | Of companies |")
        for operation in names_in(operations)
    }
    assert offered == {
        spelled(operation): [
            ", ".join(f"`{spelled(m.name)}`" for m in of.values() if operation in m.operations)
            for of in (CONTACT_MEASURES, COMPANY_MEASURES)
        ]
        for operation in Operation
    }


def names_in(cell: str) -> list[str]:
    """The names in a cell of a table."""
    return re.findall(r"`(\w+)`", cell)


def test_limits_of_groups_are_documented_as_they_are() -> None:
    """docs/aggregates.md has the limit of `groupBy` as the code enforces it."""
    assert table("| Limit | At most |") == [["Dimensions of `groupBy`", str(MAX_GROUP_BY)]]
