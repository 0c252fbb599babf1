"""Promises of cached fields: what was answered is answered again without asking PostgreSQL."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from sqlalchemy.engine import URL
from structlog.testing import capture_logs

from app.asgi import create_app
from cache.query_cache import QueryCache
from cache.statistics import Status
from domain.node_ids import NodeKind, encode_node_id
from tests.apps import open_app
from tests.conftest import _database_of_its_own
from tests.factories import make_contact
from tests.graph.cached import BYPASS, HIT, MISS, CachedApp
from tests.graph.ids import id_of
from tests.graph.rows import execute, read_rows
from tests.graph.sockets import opened
from tests.graph.test_statement_counts import populate
from tests.served import serving
from tests.valkey import valkey_server

CONTACT = encode_node_id(NodeKind.CONTACT, 1)
COMPANY = encode_node_id(NodeKind.COMPANY, 2)
NOBODY = encode_node_id(NodeKind.CONTACT, 10**9)
OWNER = encode_node_id(NodeKind.USER, 1)


@pytest.fixture(scope="module")
async def populated(
    server_url: URL, template: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[CachedApp]:
    """Twenty contacts of twenty companies, each with one of everything, before a cache."""
    async with (
        _database_of_its_own(server_url, name=f"{template}_cached", template=template) as url,
        open_app(url, tmp_path_factory.mktemp("cached"), with_cache=True) as app,
    ):
        await populate(app.resources.database)
        # New users are new eras for all that is kept.
        assert app.resources.caching.lease is not None
        await app.resources.caching.lease.caught_up()
        yield CachedApp(app)


@pytest.fixture
async def cached(populated: CachedApp) -> CachedApp:
    """The same with nothing in the cache."""
    await populated.forget()
    return populated


@pytest.fixture
async def writable(database_url: URL, tmp_path: Path) -> AsyncIterator[CachedApp]:
    """An application with a cache before a database of the test's own."""
    async with open_app(database_url, tmp_path, with_cache=True) as app:
        yield CachedApp(app)


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


async def test_answer_of_which_one_field_was_kept_tells_the_worst(cached: CachedApp) -> None:
    """It is a hit only when nothing was loaded."""
    await cached.ask("{ contactsCount { count } }")
    answered = await cached.ask("{ contactsCount { count } companiesCount { count } }")
    assert (answered.status, len(answered.statements)) == (MISS, 1)
    assert answered.tags == ("list:Company", "list:Contact")


async def test_client_that_wants_nothing_kept_is_given_nothing_and_leaves_nothing(
    cached: CachedApp,
) -> None:
    """`Cache-Control: no-cache` reads past the cache."""
    query, fresh = "{ contactsCount { count } }", {"Cache-Control": "no-cache"}
    assert (await cached.ask(query, headers=fresh)).status == BYPASS
    assert await cached.status(query) == MISS
    answered = await cached.ask(query, headers=fresh)
    assert (answered.status, len(answered.statements)) == (BYPASS, 1)


async def test_every_line_of_cache_control_counts(cached: CachedApp) -> None:
    """Source: RFC 9110, 5.3: they mean the same as one line with all of them."""
    query = "{ contactsCount { count } }"
    await cached.ask(query)
    lines = [("Cache-Control", "no-transform"), ("Cache-Control", "no-cache")]
    response = await cached.client.http.post(
        "/graphql", json={"query": query}, headers=[*cached.client.headers.items(), *lines]
    )
    assert response.json()["extensions"]["cache"]["status"] == BYPASS


async def test_time_that_is_left_is_told(cached: CachedApp) -> None:
    """Whole seconds, the least of all fields."""
    await cached.ask("{ contactsCount { count } contactsCount(estimate: false) { precision } }")
    await cached.ask("{ e: contactsCount(estimate: true) { count } }")
    content = '{"query": "{ e: contactsCount(estimate: true) { count } companiesCount { count } }"}'
    await cached.ask("{ companiesCount { count } }")
    response = await cached.client.http.post(
        "/graphql", content=content, headers=cached.client.headers
    )
    told = response.json()["extensions"]["cache"]
    assert told["status"] == HIT
    assert 0 < told["ttl"] <= 60


async def test_hit_is_the_same_over_a_socket_and_as_an_event(cached: CachedApp) -> None:
    """What is kept stands in every form of an answer."""
    query, token = "{ contacts(first: 2) { nodes { id createdAt } } }", cached.app.client().headers
    expected = (await cached.ask(query)).data
    async with (
        serving(create_app(cached.app.resources)) as served,
        opened(served.socket) as socket,
    ):
        await socket.init(token["Authorization"])
        with cached.statements.recorded() as statements:
            await socket.subscribe(query)
            assert (await socket.next())["data"] == expected
            await socket.completed()
    events = await cached.client.http.post(
        "/graphql", json={"query": query}, headers=token | {"Accept": "text/event-stream"}
    )
    assert orjson.dumps(expected).decode() in events.text
    assert statements == []


@pytest.mark.parametrize(
    "query",
    [
        "{ contacts(first: 0) { nodes { id } } }",
        '{ contacts(filter: {id: {eq: "wrong"}}) { nodes { id } } }',
        "{ companies { nodes { name contacts(first: 0) { nodes { id } } } } }",
        f'{{ company(id: "{COMPANY}") {{ name contacts(after: "x") {{ nodes {{ id }} }} }} }}',
        f'{{ contact(id: "{COMPANY}") {{ id }} }}',
    ],
)
async def test_errors_are_never_kept(cached: CachedApp, query: str) -> None:
    """They are found out each time, and told each time."""
    first, second = await cached.ask(query), await cached.ask(query)
    assert second.status != HIT
    (error,), (again,) = first.told["errors"], second.told["errors"]
    assert (first.data, error["message"]) == (second.data, again["message"])


async def test_error_of_one_field_keeps_no_other_from_being_kept(cached: CachedApp) -> None:
    """The whole ones come again, the error is found again."""
    query = f'{{ a: contact(id: "{CONTACT}") {{ id }} b: contact(id: "x") {{ id }} }}'
    first, second = await cached.ask(query), await cached.ask(query)
    assert (first.status, second.status) == (MISS, HIT)
    assert first.data == second.data == {"a": {"id": CONTACT}, "b": None}
    assert [error["path"] for error in second.told["errors"]] == [["b"]]


async def test_part_of_an_answer_is_never_kept(writable: CachedApp) -> None:
    """What could not be had is asked for again, with everything around it."""
    database = writable.app.resources.database
    await make_contact(database, first_name="Ada", emails=("ada@example.com",))
    query = "{ contacts { nodes { firstName primaryEmail { address } } } }"
    await execute(database, "ALTER TABLE contact_emails RENAME TO hidden")
    for _ in range(2):
        # Told to nobody: what is written about an error takes longer than the cache is believed.
        with capture_logs():
            broken = await writable.ask(query)
        assert broken.data == {"contacts": {"nodes": [{"firstName": "Ada", "primaryEmail": None}]}}
        assert broken.status != HIT
        assert [error["path"][-1] for error in broken.told["errors"]] == ["primaryEmail"]
    await execute(database, "ALTER TABLE hidden RENAME TO contact_emails")
    mended = await writable.ask(query)
    assert mended.status != HIT
    assert mended.data["contacts"]["nodes"][0]["primaryEmail"] == {"address": "ada@example.com"}


async def test_value_that_the_schema_has_no_words_for_is_never_kept(writable: CachedApp) -> None:
    """Graphql-core answers instead, and the cache has no part in it."""
    database = writable.app.resources.database
    await make_contact(database, first_name="Ada")
    await execute(database, "ALTER TABLE contacts DROP CONSTRAINT ck_contacts_source")
    await execute(database, "UPDATE contacts SET source = 'NEWER'")
    query = "{ contacts { nodes { firstName source } } }"
    for _ in range(2):
        answered = await writable.ask(query)
        assert answered.told["errors"]
        assert answered.status is None
    await execute(database, "UPDATE contacts SET source = 'API'")
    assert await writable.status(query) == MISS


async def test_change_is_seen_at_once(writable: CachedApp) -> None:
    """What a mutation has answered, every later query shows, wherever it was kept."""
    row = await make_contact(writable.app.resources.database, first_name="Ada")
    detail = f'{{ contact(id: "{id_of(row)}") {{ firstName }} }}'
    queries = (detail, "{ contacts { nodes { firstName } } }")
    for query in queries:
        await writable.ask(query)
        assert await writable.status(query) == HIT
    await writable.ask(
        "mutation ($id: ID!) { updateContact(input: {id: $id, firstName: \"Grace\"})"
        " { userErrors { message } } }",
        id=id_of(row),
    )  # fmt: skip
    for query in queries:
        answered = await writable.ask(query)
        assert answered.status == MISS
        assert "Grace" in str(answered.data)
    assert await read_rows(writable.app.resources.database, "SELECT first_name FROM contacts") == [
        ("Grace",)
    ]
