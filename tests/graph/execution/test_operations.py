"""The random operations themselves: what they consist of, and how they become small."""

import re

import pytest

from graph.documents import Documents
from tests.graph.execution.operations import Operation, make_operation
from tests.graph.execution.reducing import reduced
from tests.graph.execution.small import SmallMaterials, small_schema
from tests.graph.execution.values import WRONG_VALUES

SCHEMA = small_schema()._schema
DOCUMENTS = Documents(SCHEMA)


def operation(number: int) -> Operation:
    """The operation of a number."""
    return make_operation(number, SCHEMA, SmallMaterials(), DOCUMENTS)


@pytest.fixture(scope="module")
def operations() -> list[Operation]:
    """A few."""
    return [operation(number) for number in range(200)]


@pytest.mark.parametrize(
    "pattern",
    [
        r"\w+: \w+ ?[({]",
        r"\b(\w+) .*\b\1\b",
        r"fragment F\d+ on \w+ \{.*\.\.\.F\d+",
        r"\.\.\. on \w+ \{.*\.\.\. on \w+ \{",
        r"\.\.\. \{",
        r"@include\(if: \$v\d+\)",
        r"@skip\(if: true\) @include\(if: false\)",
        r"\$v\d+: \w+!? = ",
        r"\$v\d+: \[Int!\]",
        r"deeper: \$v\d+",
        r"many: \[.*\$v\d+",
        r"colour: (RED|BLUE)",
        r"__typename",
        r"query Op1",
    ],
)
def test_operations_have_all_that_documents_can_have(
    operations: list[Operation], pattern: str
) -> None:
    """Each of it somewhere in a few of them."""
    assert any(re.search(pattern, each.query, re.DOTALL) for each in operations)


def test_variables_are_sent_left_out_null_and_wrong(operations: list[Operation]) -> None:
    """Declared ones that are not sent, and sent ones that are not declared."""
    declared = [set(re.findall(r"\$(v\d+):", each.query)) for each in operations]
    sent = [set(each.variables) for each in operations]
    pairs = list(zip(declared, sent, strict=True))
    assert any(names - given for names, given in pairs)
    assert any(given - names for names, given in pairs)
    assert any(None in each.variables.values() for each in operations)
    assert any(wrong in each.variables.values() for each in operations for wrong in WRONG_VALUES)


def test_operation_follows_from_its_number(operations: list[Operation]) -> None:
    """A failure is tried again by it."""
    assert operations[7] == operation(7)


async def test_document_is_reduced_to_what_shows_the_same(operations: list[Operation]) -> None:
    """Fields, fragments, arguments, directives and variables that it does not need are gone."""

    def shows(query: str) -> bool:
        return "oddFails" in query and "@skip" in query

    async def is_shown(smaller: Operation) -> bool:
        return shows(smaller.query)

    large = max((each for each in operations if shows(each.query)), key=lambda o: len(o.query))
    small = await reduced(large, is_shown)
    assert len(small.query.split()) < len(large.query.split()) / 5
    assert shows(small.query)
