"""Promises of cached fields: what was answered is answered again without asking PostgreSQL."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine import URL

from cache.query_cache import QueryCache
from cache.statistics import Status
from domain.node_ids import NodeKind, encode_node_id
from tests.apps import open_app
from tests.graph.cached import COMPANY, CONTACT, HIT, MISS, CachedApp
from tests.valkey import valkey_server

NOBODY = encode_node_id(NodeKind.CONTACT, 10**9)
OWNER = encode_node_id(NodeKind.USER, 1)


def cache_of(cached: CachedApp) -> QueryCache:
    """The cache of the application."""
    cache = cached.app.resources.caching.cache
    assert cache is not None
    return cache


KEPT = {
    "contacts": "{ contacts { nodes { fullName company { name } emails { address } } } }",
    "pages": "{ contacts(first: 3) { edges { cursor } pageInfo { hasNextPage endCursor } } }",
    "companies": "{ companies { totalCount nodes { name contactCount parent { name } } } }",
    "nested": "{ companies { nodes { contacts(first: 2) { totalCount nodes { fullName } } } } }",
    "nothing": '{ contacts(filter: {email: {eq: "nobody"}}) { nodes { id } totalCount } }',
    "contact": f'{{ contact(id: "{CONTACT}") {{ title activities {{ body }} owner {{ name }} }} }}',
    "nobody": f'{{ contact(id: "{NOBODY}") {{ fullName }} }}',
    "company": f'{{ company(id: "{COMPANY}") {{ name contacts {{ nodes {{ fullName }} }} }} }}',
    "node": f'{{ node(id: "{COMPANY}") {{ __typename ... on Company {{ name }} }} }}',
    "contactsCount": "{ contactsCount { count precision } }",
    "companiesCount": "{ companiesCount(limit: 3) { count precision } }",
    "estimate": "{ contactsCount(estimate: true) { count precision } }",
    "contactAggregate": "{ contactAggregate(groupBy: [OWNER]) { nodes { count"
    " keys { owner { name } } max { qualityScore } contacts(first: 1) { nodes { fullName } } } } }",
    "companyAggregate": "{ companyAggregate { nodes { count sum { employeesCount } } } }",
}  # fmt: skip


@pytest.mark.parametrize("query", KEPT.values(), ids=KEPT)
async def test_same_query_asks_postgresql_nothing_the_second_time(
    cached: CachedApp, query: str
) -> None:
    """Lists, details, counts, groups and what is nested in them, also when there is nothing."""
    first, second = await cached.ask(query), await cached.ask(query)
    assert (first.status, second.status) == (MISS, HIT)
    assert first.statements
    assert second.statements == ()
    assert (first.data, first.told) == (second.data, {})
    assert first.cost is not None
    assert first.cost == second.cost


NOT_KEPT = {
    "last active": "{ contacts { nodes { owner { lastActiveAt } } } }",
    "in a fragment": "{ companies { nodes { owner { ...u } } } }"
    " fragment u on User { lastActiveAt }",
    "written past us": "{ contacts { nodes { owner { createdAt } } } }",
    "user": f'{{ node(id: "{OWNER}") {{ id }} }}',
    "nodes": f'{{ nodes(ids: ["{CONTACT}"]) {{ id }} }}',
    "jobs": "{ jobs { nodes { id } } }",
    "suppressions": "{ suppressions { nodes { id } } }",
    "duplicates": "{ contactDuplicates { nodes { value } } }",
    "schema": "{ __schema { queryType { name } } contacts { nodes { id } } }",
}  # fmt: skip


@pytest.mark.parametrize("query", NOT_KEPT.values(), ids=NOT_KEPT)
async def test_what_was_not_declared_is_never_kept(cached: CachedApp, query: str) -> None:
    """What depends on who asks, or changes untold, or nobody has said anything about."""
    for _ in range(2):
        answered = await cached.ask(query)
        assert answered.status is None
        assert "errors" not in answered.told or "duplicates" in query.lower(), answered.told


async def test_field_that_is_not_kept_does_not_hinder_the_others(cached: CachedApp) -> None:
    """Each root field is kept for itself."""
    query = "{ contactsCount { count } jobs { totalCount } }"
    first, second = await cached.ask(query), await cached.ask(query)
    assert (first.status, second.status) == (MISS, HIT)
    assert len(first.statements) == len(second.statements) + 1


async def test_mutation_is_not_kept(writable: CachedApp) -> None:
    """Its payload has the same objects as a query, and they are read each time."""
    mutation = """mutation { createCompany(input: {name: "Acme"}) { company { id contacts {
        nodes { id } } } userErrors { message } } }"""
    first, second = await writable.ask(mutation), await writable.ask(mutation)
    assert (first.status, second.status) == (None, None)
    assert first.data != second.data


DIFFERENT = {
    "size": ("contacts(first: 2) { nodes { id } }", "contacts(first: 3) { nodes { id } }"),
    "filter": ('contacts(filter: {name: {eq: "a"}}) { nodes { id } }',
               'contacts(filter: {name: {eq: "b"}}) { nodes { id } }'),
    "null in a filter": ("contacts { nodes { id } }",
                         "contacts(filter: {and: [{}]}) { nodes { id } }"),
    "order": ("contacts(orderBy: {field: NAME}) { nodes { id } }",
              "contacts(orderBy: {field: TITLE}) { nodes { id } }"),
    "selection": ("contacts { nodes { id } }", "contacts { nodes { id fullName } }"),
    "order of selection": ("contacts { nodes { id title } }", "contacts { nodes { title id } }"),
    "alias below": ("contacts { nodes { id } }", "contacts { nodes { x: id } }"),
    "argument below": ("companies { nodes { contacts(first: 1) { nodes { id } } } }",
                       "companies { nodes { contacts(first: 2) { nodes { id } } } }"),
    "which field has it": (
        "companies { nodes { a: contacts(first: 1) { totalCount } b: contacts { totalCount } } }",
        "companies { nodes { a: contacts { totalCount } b: contacts(first: 1) { totalCount } } }",
    ),
    "number": ("contacts(filter: {qualityScore: {gt: 1}}) { totalCount }",
               "contacts(filter: {qualityScore: {gt: 2}}) { totalCount }"),
    "seconds of an offset": (
        'contacts(filter: {createdAt: {gt: "2026-01-01T00:00:00+00:01"}}) { totalCount }',
        'contacts(filter: {createdAt: {gt: "2026-01-01T00:00:00+00:00:30"}}) { totalCount }',
    ),
    "field": ("contactsCount { count }", "companiesCount { count }"),
    "record": (f'contact(id: "{CONTACT}") {{ id }}', f'contact(id: "{NOBODY}") {{ id }}'),
    "count": ("contactsCount { count }", "contactsCount(estimate: true) { count }"),
}  # fmt: skip


@pytest.mark.parametrize(("one", "other"), DIFFERENT.values(), ids=DIFFERENT)
async def test_what_changes_the_answer_makes_another_entry(
    cached: CachedApp, one: str, other: str
) -> None:
    """Arguments and everything that is selected, at any depth."""
    assert await cached.status(f"{{ {one} }}") == MISS
    assert await cached.status(f"{{ {other} }}") == MISS
    assert await cached.status(f"{{ {one} }}") == HIT


_ONE = "{ contacts(first: 2, orderBy: [{field: NAME}]) { nodes { id fullName } } }"
SAME = {
    "blanks": "query Named {contacts(first:2,orderBy:[{field:NAME}]){nodes{id,fullName}}}",
    "order of arguments": "{ contacts(orderBy: [{field: NAME}], first: 2)"
    " { nodes { id fullName } } }",
    "default said": "{ contacts(first: 2, orderBy: [{nulls: LAST, field: NAME, direction: ASC}])"
    " { nodes { id fullName } } }",
    "item for a list": "{ contacts(first: 2, orderBy: {field: NAME}) { nodes { id fullName } } }",
    "null": "{ contacts(first: 2, after: null, orderBy: [{field: NAME}])"
    " { nodes { id fullName } } }",
    "empty filter": "{ contacts(first: 2, filter: {}, orderBy: [{field: NAME}])"
    " { nodes { id fullName } } }",
    "variables": "query ($n: Int, $o: [ContactOrder!], $f: ContactFilter) { contacts(first: $n,"
    " orderBy: $o, filter: $f) { nodes { id fullName } } }",
    "variable within": "query ($field: ContactOrderField!) { contacts(first: 2,"
    " orderBy: [{field: $field}]) { nodes { id fullName } } }",
    "default of a variable": "query ($n: Int = 2) { contacts(first: $n, orderBy: [{field: NAME}])"
    " { nodes { id fullName } } }",
    "fragments": "{ contacts(first: 2, orderBy: [{field: NAME}]) { ...page } }"
    " fragment page on ContactConnection { nodes { ... on Contact { id } ...name } }"
    " fragment name on Contact { fullName }",
    "merged fields": "{ contacts(first: 2, orderBy: [{field: NAME}]) { nodes { id } }"
    " contacts(first: 2, orderBy: [{field: NAME}]) { nodes { fullName } } }",
    "conditions": "{ contacts(first: 2, orderBy: [{field: NAME}])"
    " { nodes { id fullName @include(if: true) title @skip(if: true) } } }",
    "alias of the field": "{ mine: contacts(first: 2, orderBy: [{field: NAME}])"
    " { nodes { id fullName } } }",
}  # fmt: skip
_SENT: dict[str, dict[str, Any]] = {
    "variables": {"n": 2, "o": [{"field": "NAME"}], "f": {}},
    "variable within": {"field": "NAME"},
}


@pytest.mark.parametrize("name", SAME)
async def test_the_same_has_one_entry_however_it_is_written(cached: CachedApp, name: str) -> None:
    """What makes no difference to the answer makes none to the cache."""
    first = await cached.ask(_ONE)
    second = await cached.ask(SAME[name], **_SENT.get(name, {}))
    assert (first.status, second.status) == (MISS, HIT)
    assert list(second.data.values()) == list(first.data.values())


@pytest.mark.parametrize("rows", [1, 2])
async def test_arguments_of_variables_are_those_of_the_request(
    cached: CachedApp, rows: int
) -> None:
    """One document with other values is another entry."""
    query = "query ($n: Int!) { companies { nodes { contacts(first: $n) { totalCount } } } }"
    assert await cached.status(query, n=rows) == MISS
    assert await cached.status(query, n=rows + 1) == MISS
    assert await cached.status(query, n=rows) == HIT


async def test_key_tells_what_the_arguments_of_a_request_reach(cached: CachedApp) -> None:
    """A filter that comes as a variable may look into the other table, or not."""
    query = "query ($f: ContactFilter) { contacts(filter: $f) { nodes { title } } }"
    plain = await cached.ask(query, f={"title": {"eq": "CTO"}})
    reaching = await cached.ask(query, f={"not": {"or": [{"company": {"name": {"eq": "a"}}}]}})
    assert plain.tags == ("list:Contact",)
    assert reaching.tags == ("list:Company", "list:Contact")


async def test_detail_depends_on_its_record_alone(cached: CachedApp) -> None:
    """What belongs to a record changes with it, and so do a company's own contacts."""
    contact = await cached.ask(f'{{ contact(id: "{CONTACT}") {{ emails {{ address }} title }} }}')
    company = await cached.ask(f'{{ node(id: "{COMPANY}") {{ ... on Company {{ name }} }} }}')
    with_contacts = await cached.ask(
        f'{{ company(id: "{COMPANY}") {{ contacts {{ nodes {{ title phones {{ number }} }} }} }} }}'
    )
    assert contact.tags == ("contact:1", "every:Contact")
    assert company.tags == ("company:2", "every:Company")
    assert with_contacts.tags == (
        "company:2", "company:2:contacts", "every:Company", "every:Contact",
    )  # fmt: skip


async def test_notices_and_hints_come_again_under_the_name_of_who_asks(cached: CachedApp) -> None:
    """What the client is told about an answer belongs to it."""
    query = "{{ {}companies {{ nodes {{ {}contacts(first: 5000) {{ totalCount }} }} }} }}"
    first, second = (
        await cached.ask(query.format("", "")),
        await cached.ask(query.format("mine: ", "")),
    )
    (notice,) = first.told["notices"]
    assert (notice["code"], notice["path"]) == (
        "PAGE_SIZE_CAPPED",
        ["companies", "nodes", "contacts"],
    )
    assert second.status == HIT
    assert second.told == {"notices": [{**notice, "path": ["mine", "nodes", "contacts"]}]}


async def test_fields_that_ask_for_the_same_are_fetched_once(cached: CachedApp) -> None:
    """One answer shows one state, under however many names."""
    before = cache_of(cached).counts.of(Status.MISS), cache_of(cached).counts.of(Status.HIT)
    answered = await cached.ask(
        "{ a: contacts(first: 2000) { nodes { id } } b: contacts(first: 2000) { nodes { id } } }"
    )
    after = cache_of(cached).counts.of(Status.MISS), cache_of(cached).counts.of(Status.HIT)
    assert (after[0] - before[0], after[1] - before[1]) == (1, 0)
    assert answered.data["a"] == answered.data["b"]
    assert [notice["path"] for notice in answered.told["notices"]] == [["a"], ["b"]]
    assert len(answered.statements) == 1


async def test_details_that_miss_together_are_read_by_one_statement(cached: CachedApp) -> None:
    """Nothing was read before any of them asked the cache, so they share their loaders."""
    fields = [
        f'c{row}: contact(id: "{encode_node_id(NodeKind.CONTACT, row)}") {{ fullName }}'
        for row in range(1, 11)
    ]
    answered = await cached.ask(f"{{ {' '.join(fields)} }}")
    assert (answered.status, len(answered.statements)) == (MISS, 1)


async def test_details_that_miss_together_in_redis_are_read_by_one_statement(
    database_url: URL, tmp_path: Path
) -> None:
    """Its answers come one by one; what is missing is read when all are there."""
    fields = [
        f'c{row}: contact(id: "{encode_node_id(NodeKind.CONTACT, row)}") {{ fullName }}'
        for row in range(1, 11)
    ]
    with valkey_server() as redis:
        shared: dict[str, Any] = {"enable_redis_cache": True, "redis_url": redis.url}
        async with open_app(database_url, tmp_path, with_cache=True, **shared) as app:
            answered = await CachedApp(app).ask(f"{{ {' '.join(fields)} }}")
    assert (answered.status, len(answered.statements)) == (MISS, 1)
