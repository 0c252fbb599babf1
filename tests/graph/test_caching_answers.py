"""What answers tell of the cache, to whom, and what is never kept of them."""

import orjson
import pytest
from structlog.testing import capture_logs

from app.asgi import create_app
from tests.factories import make_contact
from tests.graph.cached import BYPASS, COMPANY, CONTACT, HIT, MISS, CachedApp
from tests.graph.ids import id_of
from tests.graph.rows import execute, read_rows
from tests.graph.sockets import opened
from tests.served import serving


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
