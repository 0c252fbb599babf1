"""How much variables may hold: counted before anything is made of them."""

from typing import Any

import orjson
import pytest

from domain.errors import InvalidInput
from graph.documents import read_document
from graph.schema import core_schema
from tests.apps import App
from tests.graph.answers import as_body

ROW = {
    "firstName": "Ada",
    "location": {"city": "Paris"},
    "emails": [{"address": f"ada{n}@example.com"} for n in range(3)],
    "phones": [{"number": f"+3361234567{n}"} for n in range(2)],
}
UPSERT = """mutation ($i: UpsertContactsInput!) {
    upsertContacts(input: $i) { counts { created } } }"""
FILTERED = "query ($f: ContactFilter) { contacts(filter: $f) { totalCount } }"
SORTED_TWICE = """query ($o: [ContactOrder!]) {
    companies { nodes { ...F } } contacts { nodes { company { ...F } } } }
    fragment F on Company { contacts(orderBy: $o) { totalCount } }"""
SORTED = "query ($o: [ContactOrder!]) { contacts(orderBy: $o) { totalCount } }"
BY_TITLE = {"field": "TITLE"}

VARIABLES: dict[str, tuple[str, dict[str, Any], str | None]] = {
    "none": (FILTERED, {}, None),
    "null": (FILTERED, {"f": None}, None),
    "not what was declared": (FILTERED, {"f": [[1], "a"]}, None),
    "a thousand rows": (UPSERT, {"i": {"rows": [ROW] * 1000}}, None),
    "two thousand rows": (UPSERT, {"i": {"rows": [ROW] * 2000}}, "too many objects and values"),
    "objects in a list": (UPSERT, {"i": {"rows": [{}] * 2501}}, "a list of 2501 objects"),
    "values in a list": (
        FILTERED, {"f": {"title": {"in": ["a"] * 10_001}}}, "a list of 10001 values",
    ),
    "as many values": (FILTERED, {"f": {"title": {"in": ["a"] * 10_000}}}, None),
    "as many objects in a filter": (FILTERED, {"f": {"or": [{}] * 399}}, None),
    "objects in a filter": (FILTERED, {"f": {"or": [{}] * 400}}, "a filter of more than 400"),
    "one object for a list of them": (FILTERED, {"f": {"or": {"or": {"or": {}}}}}, None),
    "unknown fields": (
        FILTERED, {"f": {f"x{n}": 1 for n in range(46)}}, "an object with 46 fields",
    ),
    "a list that is used once": (SORTED, {"o": [BY_TITLE] * 2000}, None),
    "a list that is used in a fragment": (
        SORTED_TWICE, {"o": [BY_TITLE] * 2000}, "too many objects and values",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("text", "variables", "why"), VARIABLES.values(), ids=VARIABLES)
def test_variables_are_counted_before_anything_is_made_of_them(
    text: str, variables: dict[str, Any], why: str | None
) -> None:
    """Along their types, and as often as the document uses them."""
    document = read_document(core_schema(), text)
    if why is None:
        document.operations[0].check_variables(variables)
        return
    with pytest.raises(InvalidInput) as refused:
        document.operations[0].check_variables(variables)
    told = refused.value.message
    assert told.startswith(f"The variable ${next(iter(variables))} is too large: it has")
    assert why in told
    assert told.endswith("Send less, or in several requests.")


async def test_variables_are_bounded_whatever_carries_them(empty_app: App) -> None:
    """By GET, as events and line by line as well."""
    many: dict[str, Any] = {"f": {"or": [{}] * 401}}
    body = as_body(FILTERED, variables=many)
    params = {"query": FILTERED, "variables": orjson.dumps(many).decode()}
    headers = empty_app.client().headers
    for response in (
        await empty_app.http.get("/graphql", params=params, headers=headers),
        await empty_app.post(body, Accept="text/event-stream"),
        await empty_app.post(body, Accept="application/jsonl"),
    ):
        assert "The variable $f is too large" in response.text
