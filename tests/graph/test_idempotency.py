"""Mutations that are sent again under an idempotency key: done once, answered every time."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import AsyncConnection

from db.engine import open_engine
from db.transaction import Database
from domain.enums import Role
from tests.client import Client
from tests.factories import make_company, make_contact
from tests.graph.documents import MUTATIONS
from tests.graph.ids import id_of
from tests.graph.retries import CREATE, NOTICES, ada, count
from tests.graph.rows import execute, read_rows, snapshot
from tests.statements import Statements

REUSED = "IDEMPOTENCY_KEY_REUSED"
IN_USE = "IDEMPOTENCY_KEY_IN_USE"


async def keys(database: Database) -> int:
    """How many keys are kept."""
    ((found,),) = await read_rows(database, "SELECT count(*) FROM idempotency_keys")
    return int(found)


async def inputs(database: Database) -> dict[str, dict[str, Any]]:
    """An input for each mutation of one record that succeeds once only, or not the same twice."""
    contact = await make_contact(database, emails=("a@acme.com",))
    company = await make_company(database, domain="acme.com")
    gone, closed = await make_contact(database), await make_company(database)
    await execute(database, "UPDATE contacts SET deleted_at = now() WHERE id = $1", gone.id)
    await execute(database, "UPDATE companies SET deleted_at = now() WHERE id = $1", closed.id)
    return {
        "createContact": {"emails": [{"address": "b@acme.com"}]},
        "updateContact": {"id": id_of(contact), "title": "CTO", "expectedVersion": 1},
        "deleteContact": {"id": id_of(contact)},
        "restoreContact": {"id": id_of(gone)},
        "createCompany": {"domain": "b.com"},
        "updateCompany": {"id": id_of(company), "name": "B", "expectedVersion": 1},
        "deleteCompany": {"id": id_of(company)},
        "restoreCompany": {"id": id_of(closed)},
    }


@pytest.mark.parametrize("name", MUTATIONS)
async def test_mutation_sent_again_is_done_once_and_answered_the_same(
    client: Client, resources_database: Database, name: str
) -> None:
    """The second answer is that of the first, with a notice; nothing moves, no version either."""
    given = (await inputs(resources_database))[name] | {"idempotencyKey": "k-1"}
    first = await client.send(MUTATIONS[name], input=given)
    after = await snapshot(resources_database)
    second = await client.send(MUTATIONS[name], input=given)

    assert first["data"][name]["userErrors"] == []
    assert "extensions" not in first
    assert second["data"] == first["data"]
    assert second["extensions"]["notices"] == [{"code": "IDEMPOTENT_REPLAY", "path": [name]}]
    assert await snapshot(resources_database) == after


@pytest.mark.parametrize("key", [None, "absent"])
async def test_mutation_without_a_key_is_done_each_time(
    client: Client, resources_database: Database, key: str | None
) -> None:
    """No key, or null for one, keeps nothing."""
    given = ada(key) if key is None else {"firstName": "Ada"}
    for _ in range(2):
        assert "extensions" not in await client.send(CREATE, input=given)

    assert await count(resources_database) == 2
    assert await keys(resources_database) == 0


async def test_key_with_another_input_or_mutation_is_refused(
    client: Client, resources_database: Database
) -> None:
    """A key that means something already is a mistake of the client, and nothing is written."""
    await client.query(CREATE, input=ada())
    before = await snapshot(resources_database)
    for document, given in (
        (CREATE, ada(lastName="King")),
        (CREATE, ada(lastName=None)),
        (MUTATIONS["createCompany"], {"name": "Ada", "idempotencyKey": "k"}),
    ):
        error = await client.fail(document, input=given)
        assert error["extensions"]["code"] == REUSED
        assert error["message"] == (
            "This idempotency key came before with another mutation or input. Use a new key for"
            " each change, and the same one only to send that change again."
        )
    assert await snapshot(resources_database) == before


async def test_client_mutation_id_is_an_echo_and_no_part_of_the_request(
    client: Client, resources_database: Database
) -> None:
    """A retry may count its attempts there; each answer echoes its own."""
    first = await client.query(CREATE, input=ada(clientMutationId="1"))
    second = await client.query(CREATE, input=ada(clientMutationId="2"))

    assert second["createContact"] == first["createContact"] | {"clientMutationId": "2"}
    assert await count(resources_database) == 1


async def test_refused_mutation_keeps_no_key(client: Client, resources_database: Database) -> None:
    """Mistakes roll everything back: the corrected input may come under the same key."""
    refused = await client.query(CREATE, input=ada(companyId="nonsense"))
    assert [error["code"] for error in refused["createContact"]["userErrors"]] == ["NOT_FOUND"]
    assert await keys(resources_database) == 0
    corrected = await client.query(CREATE, input=ada())
    assert corrected["createContact"]["userErrors"] == []


async def test_keys_of_users_are_their_own(
    client_as: Callable[[Role], Awaitable[Client]], resources_database: Database
) -> None:
    """Two users may choose the same key."""
    for role in (Role.EDITOR, Role.ADMIN):
        client = await client_as(role)
        assert "extensions" not in await client.send(CREATE, input=ada())
    assert await count(resources_database) == 2


async def test_answer_of_a_replay_shows_the_record_as_it_is_now(
    client: Client, resources_database: Database
) -> None:
    """What was written is remembered, not what was answered."""
    made = (await client.query(CREATE, input=ada()))["createContact"]["contact"]
    await client.query(MUTATIONS["updateContact"], input={"id": made["id"], "title": "CTO"})
    await client.query(MUTATIONS["deleteContact"], input={"id": made["id"]})
    again = await client.send(CREATE, input=ada())

    contact = again["data"]["createContact"]["contact"]
    assert (contact["id"], contact["title"], contact["version"]) == (made["id"], "CTO", 3)
    assert contact["deletedAt"] is not None
    assert again["extensions"] == NOTICES


async def test_replay_of_a_record_that_was_erased_says_so(
    client: Client, resources_database: Database
) -> None:
    """It is not written anew, and there is nothing left to answer."""
    await client.query(CREATE, input=ada())
    await execute(resources_database, "DELETE FROM contacts")
    payload = (await client.query(CREATE, input=ada()))["createContact"]

    assert payload["contact"] is None
    (error,) = payload["userErrors"]
    assert (error["code"], error["path"]) == ("NOT_FOUND", ["idempotencyKey"])
    assert error["message"] == "The contact that came of this was erased since."
    assert await count(resources_database) == 0


async def test_key_counts_for_a_day(client: Client, resources_database: Database) -> None:
    """A day later the key is as good as new, also for another input."""
    await client.query(CREATE, input=ada())
    age = "UPDATE idempotency_keys SET created_at = created_at - $1::interval"
    await execute(resources_database, age.replace("$1", "'23 hours 59 minutes'"))
    assert (await client.send(CREATE, input=ada()))["extensions"] == NOTICES
    await execute(resources_database, age.replace("$1", "'1 minute'"))
    later = await client.send(CREATE, input=ada(lastName="King"))
    assert "errors" not in later
    assert "extensions" not in later
    assert (await client.send(CREATE, input=ada(lastName="King")))["extensions"] == NOTICES
    assert await count(resources_database) == 2


@pytest.mark.parametrize("key", ["", "k" * 256, "a b", "ä"])
async def test_what_is_no_key_is_refused(
    client: Client, resources_database: Database, key: str
) -> None:
    """In the input it is an error of the field."""
    error = await client.fail(CREATE, input=ada(key))
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert error["message"].startswith("An idempotency key is 1 to 255 visible ASCII characters")
    assert await count(resources_database) == 0


async def test_two_mutations_of_one_request_have_keys_of_their_own(
    client: Client, resources_database: Database
) -> None:
    """In the inputs each has its key; the same one twice is a replay within the request."""
    query = """mutation ($a: CreateContactInput!, $b: CreateContactInput!) {
        a: createContact(input: $a) { contact { id } }
        b: createContact(input: $b) { contact { id } } }"""
    apart = await client.send(query, a=ada("1"), b=ada("2"))
    assert apart["data"]["a"] != apart["data"]["b"]
    same = await client.send(query, a=ada("3"), b=ada("3"))
    assert same["data"]["a"] == same["data"]["b"]
    assert same["extensions"]["notices"] == [{"code": "IDEMPOTENT_REPLAY", "path": ["b"]}]
    assert await count(resources_database) == 3


async def send_until_free(client: Client) -> dict[str, Any]:
    """The answer to a request whose key is not in use any more."""
    while True:
        answer = await client.send(CREATE, input=ada())
        if "errors" not in answer or answer["errors"][0]["extensions"]["code"] != IN_USE:
            return answer


async def test_requests_with_one_key_at_the_same_moment_are_done_once(
    client: Client, resources_database: Database
) -> None:
    """Ten at once: one is done, the others wait for it and get its answer."""
    answers = await asyncio.gather(*(send_until_free(client) for _ in range(10)))

    assert await count(resources_database) == 1
    assert len({str(answer["data"]) for answer in answers}) == 1
    assert sum("extensions" in answer for answer in answers) == 9


async def test_requests_with_an_expired_key_at_the_same_moment_are_done_once(
    client: Client, resources_database: Database
) -> None:
    """One of them takes the key over, the others are its replays."""
    await client.query(CREATE, input=ada())
    await execute(
        resources_database, "UPDATE idempotency_keys SET created_at = now() - interval '2 days'"
    )
    answers = await asyncio.gather(*(send_until_free(client) for _ in range(10)))

    assert await count(resources_database) == 2
    assert len({str(answer["data"]) for answer in answers}) == 1
    assert sum("extensions" in answer for answer in answers) == 9


@asynccontextmanager
async def blocked(url: URL) -> AsyncIterator[AsyncConnection]:
    """While this lasts, no contact can be written."""
    async with open_engine(url) as engine, engine.begin() as connection:
        await connection.execute(text("LOCK TABLE contacts IN SHARE MODE"))
        yield connection


async def waiting(connection: AsyncConnection) -> None:
    """Return as soon as somebody waits for us."""
    waits = text(
        "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'contacts'::regclass"
    )
    async with asyncio.timeout(5):
        while not await connection.scalar(waits):  # noqa: ASYNC110  # PostgreSQL tells nobody
            await asyncio.sleep(0.01)


async def test_key_whose_mutation_is_still_at_work_is_in_use(
    client: Client, resources_database: Database, database_url: URL
) -> None:
    """Who comes meanwhile is told to come again; nobody waits for as long as the work may take."""
    async with open_engine(database_url) as engine, engine.connect() as other:
        claim = "INSERT INTO idempotency_keys SELECT uuid, 'k', '', 'null' FROM users"
        await other.execute(text(claim))
        error = await client.fail(CREATE, input=ada())
        await other.rollback()
    assert error["extensions"] | {"requestId": ""} == {
        "code": IN_USE,
        "retryable": True,
        "requestId": "",
    }
    assert error["message"] == (
        "The first request with this idempotency key is still at work."
        " Send it again in a moment to get its answer."
    )
    assert "extensions" not in await client.send(CREATE, input=ada())
    assert await count(resources_database) == 1


async def test_key_of_a_mutation_that_failed_is_free_for_who_waits(
    client: Client, resources_database: Database, database_url: URL
) -> None:
    """The first is ended half-way; the second, which waited for its key, does the work."""
    async with blocked(database_url) as connection:
        first = asyncio.ensure_future(client.send(CREATE, input=ada(lastName="King")))
        await waiting(connection)
        second = asyncio.ensure_future(send_until_free(client))
        await connection.execute(
            text(
                "SELECT pg_cancel_backend(pid) FROM pg_locks"
                " WHERE NOT granted AND relation = 'contacts'::regclass"
            )
        )
        assert (await first)["errors"][0]["extensions"]["code"] == "TIMEOUT"
    assert "extensions" not in await second
    assert await read_rows(resources_database, "SELECT full_name FROM contacts") == [("Ada",)]


async def test_key_costs_three_statements(client: Client, statements: Statements) -> None:
    """Claim, usual patience, keep; a replay reads what was kept and the row."""
    with statements.recorded() as without:
        await client.query(CREATE, input=ada(None))
    with statements.recorded() as first:
        await client.query(CREATE, input=ada())
    with statements.recorded() as second:
        await client.query(CREATE, input=ada())

    assert len(first) == len(without) + 3
    after_the_write = 2  # the e-mails of the answer and its company
    assert len(second) <= 4 + after_the_write
