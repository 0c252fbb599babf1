"""Plans: which operations have one, what they read, and what they keep."""

import re
from pathlib import Path
from typing import Any

import pytest
from graphql import OperationDefinitionNode

from benchmarks.operations import load_operation, operation_names
from domain.selection import Selection
from graph.document import Document
from graph.documents import read_document
from graph.execution.asked import MAX_FIELDS
from graph.execution.inputs import NO_VARIABLES
from graph.execution.plan import FieldPlan, ListValue, ObjectPlan, ObjectValue, OperationPlan
from graph.execution.plans import PlannedOperation, Plans
from graph.schema import core_schema

ROOT = Path(__file__).parents[3]
PAPERS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def read(text: str) -> Document:
    """A valid document."""
    return read_document(core_schema(), text)


def plan_of(text: str, **conditions: object) -> OperationPlan | str:
    """The plan of the one operation of a document, or why there is none."""
    document = read(text)
    (operation,) = document.operations
    variables = NO_VARIABLES._replace(coerced=conditions)
    return PlannedOperation(operation).plan(variables)


def selection_of(text: str, *keys: str) -> Selection | None:
    """What the field at a place is told to select."""
    plan = plan_of(text)
    assert isinstance(plan, OperationPlan)
    return _field(plan.root, *keys).selection


def _field(plan: ObjectPlan, key: str, *keys: str) -> FieldPlan:
    (field,) = (each for each in plan.slots if each.key == key)
    if not keys:
        return field
    value = field.value.item if isinstance(field.value, ListValue) else field.value
    assert isinstance(value, ObjectValue)
    return _field(value.plan, *keys)


def _own_documents() -> list[Any]:
    block = re.compile(r"```graphql\n(.*?)```", re.DOTALL)
    found = [
        pytest.param(match[1], id=f"{paper.name}-{number}")
        for paper in PAPERS
        for number, match in enumerate(block.finditer(paper.read_text("utf-8")), start=1)
    ]
    measured = [pytest.param(load_operation(name).document, id=name) for name in operation_names()]
    return [*found, *measured]


@pytest.mark.parametrize("text", _own_documents())
def test_no_operation_of_ours_is_left_to_graphql_core(text: str) -> None:
    """Whatever the papers and the benchmark show has a plan."""
    document = read(text)
    for operation in document.operations:
        planned = PlannedOperation(operation)
        assert isinstance(planned.plan(_all_true(operation.node)), OperationPlan)


def _all_true(operation: OperationDefinitionNode) -> Any:
    names = [node.variable.name.value for node in operation.variable_definitions or ()]
    return NO_VARIABLES._replace(coerced=dict.fromkeys(names, True))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{ __schema { queryType { name } } }", "introspection"),
        ('{ viewer { id } __type(name: "Contact") { name } }', "introspection"),
        ("query ($a: Boolean = true) { viewer { id @skip(if: $a) } }", "condition"),
    ],
    ids=["schema", "type beside data", "null condition"],
)
def test_what_has_no_plan_says_why(text: str, reason: str) -> None:
    """The reason is what `counts` and `X-Debug` tell."""
    plan = plan_of(text, a=None)
    assert isinstance(plan, str)
    assert plan.startswith(reason)


def test_operation_with_too_many_fields_has_no_plan() -> None:
    """A document of a few lines can stand for more fields than anybody would want planned."""
    fragments = [
        f"fragment F{at} on Company {{ a: parent {{ ...F{at + 1} }} b: parent {{ ...F{at + 1} }} }}"
        for at in range(12)
    ]
    last = "fragment F12 on Company { id contacts { nodes { id } } }"
    text = "\n".join(["{ companies { nodes { ...F0 } } }", *fragments, last])
    assert MAX_FIELDS > 2**12
    assert plan_of(text) == "too large"


def test_only_what_is_asked_for_is_selected() -> None:
    """Columns by name, relations to one row as what is asked of theirs; no cursor, no sort key."""
    found = selection_of(
        """{ contacts { nodes {
             name: fullName linkedinUrl location { city street }
             company { id name parent { domain } } owner { email } } } }""",
        "contacts",
    )
    parent = Selection(("domain",), cursors=False)
    assert found == Selection(
        ("city", "full_name"),
        (
            ("company", Selection(("id", "name"), (("parent", parent),), cursors=False)),
            ("metadata", Selection(("linkedin_url", "street"), cursors=False)),
            ("owner", Selection(("email",), cursors=False)),
        ),
        cursors=False,
    )


@pytest.mark.parametrize(
    "text",
    [
        "{ contacts { edges { cursor node { title } } } }",
        "{ contacts { nodes { title } pageInfo { endCursor } } }",
        "{ contacts { pageInfo { startCursor } edges { node { title } } } }",
    ],
    ids=["edge", "end", "start"],
)
def test_cursors_are_selected_where_they_are_asked_for(text: str) -> None:
    """What a cursor is made of is read for cursors alone."""
    assert selection_of(text, "contacts") == Selection(("title",))


def test_rows_of_both_ways_to_them_are_selected_together() -> None:
    """`nodes` and `edges` show the same rows."""
    text = "{ companies { nodes { name } edges { node { domain } } } }"
    assert selection_of(text, "companies") == Selection(("domain", "name"), cursors=False)


def test_relations_are_joined_three_deep() -> None:
    """What is further away is loaded for all rows at once, by a column that is read for it."""
    text = "{ companies { nodes { parent { parent { parent { parent { name } } } } } } }"
    plan = plan_of(text)
    assert isinstance(plan, OperationPlan)
    field = _field(plan.root, "companies", "nodes", "parent")
    assert field.waits
    assert selection_of(text, "companies") == Selection(("parent_id",), cursors=False)


def test_loaded_relation_reads_the_key_that_it_takes() -> None:
    """A relation with something in it that has to be asked for is not joined."""
    text = "{ contacts { nodes { company { name contactCount } emails { address } } } }"
    assert selection_of(text, "contacts") == Selection(("company_id", "id"), cursors=False)


def test_nested_connection_selects_for_itself() -> None:
    """Each statement is told what is wanted of its own rows."""
    text = "{ companies { nodes { name contacts { nodes { title } } } } }"
    assert selection_of(text, "companies") == Selection(("id", "name"), cursors=False)
    nested = selection_of(text, "companies", "nodes", "contacts")
    assert nested == Selection(("title",), cursors=False)


def test_mutation_reads_its_rows_whole() -> None:
    """It cannot be executed again, so nothing may be missing from what it has."""
    text = """mutation { updateContact(input: {id: "AQEB"}) {
        contact { company { contacts { nodes { title } } } } } }"""
    plan = plan_of(text)
    assert isinstance(plan, OperationPlan)
    assert not plan.is_planned
    assert _field(plan.root, "updateContact", "contact", "company", "contacts").selection is None


def test_operation_is_planned_once_for_each_set_of_fields() -> None:
    """Only the variables of `@skip` and `@include` tell plans of one operation apart."""
    text = "query ($a: Boolean!, $n: Int) { contacts(first: $n) { totalCount @include(if: $a) } }"
    document = read(text)
    (operation,) = document.operations
    plans = Plans()
    planned = plans.get(operation)
    assert plans.get(operation) is planned

    def plan(**values: object) -> OperationPlan | str:
        return planned.plan(NO_VARIABLES._replace(coerced=values))

    with_count = plan(a=True, n=1)
    assert isinstance(with_count, OperationPlan)
    assert plan(a=True, n=2) is with_count
    assert plan(a=False, n=1) is not with_count
    assert plan(a=True, n=3) is with_count


def test_text_of_generated_code_has_no_values() -> None:
    """What a client writes as a value is never a part of what is run."""
    text = """{ contacts(filter: {title: {eq: "__import__('os')"}}) { nodes { a: title } } }"""
    plan = plan_of(text)
    assert isinstance(plan, OperationPlan)
    assert [code for _, code in plan.codes] == [
        "lambda sources: [{'contacts': None} for r in sources]",
        "lambda sources: [{'nodes': None} for r in sources]",
        "lambda sources: [{'a': r['title']} for r in sources]",
    ]
