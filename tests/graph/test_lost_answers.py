"""The connection to the database is cut around COMMIT: what is sent again is done once.

`make faults` tries it 10 000 times.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine import URL

from domain.enums import Role
from tests.apps import App, open_app
from tests.client import Client
from tests.graph.rows import read_rows
from tests.proxy import CommitProxy, Cut

CREATE = """mutation ($input: CreateContactInput!) { createContact(input: $input) {
    contact { id firstName } userErrors { message } } }"""
UPSERT = """mutation ($input: UpsertContactsInput!) { upsertContacts(input: $input) {
    results { status contact { id } } } }"""

BEFORE, AFTER = Cut.BEFORE_COMMIT, Cut.AFTER_COMMIT
PLANS = ((AFTER,), (AFTER, AFTER), (BEFORE, AFTER), (AFTER, BEFORE))
SENT_AGAIN = {"SERVICE_UNAVAILABLE", "IDEMPOTENCY_KEY_IN_USE", "TIMEOUT"}
WORKERS = 8
MAX_ATTEMPTS = 10


@pytest.fixture
async def proxy(database_url: URL) -> AsyncIterator[CommitProxy]:
    """A proxy before the test's own database."""
    async with CommitProxy(database_url).listening() as listening:
        yield listening


@pytest.fixture
async def app(proxy: CommitProxy, tmp_path: Path) -> AsyncIterator[App]:
    """The application behind the proxy."""
    async with open_app(proxy.url, tmp_path) as opened:
        yield opened


async def send_until_answered(client: Client, given: dict[str, Any]) -> tuple[dict[str, Any], int]:
    """The data of a mutation that is sent again for as long as its outcome is open."""
    for attempt in range(1, MAX_ATTEMPTS + 1):
        answer = await client.send(CREATE, input=given)
        if "errors" not in answer:
            data: dict[str, Any] = answer["data"]["createContact"]
            return data, attempt
        (error,) = answer["errors"]
        assert error["extensions"]["code"] in SENT_AGAIN, error
    raise AssertionError(answer)


async def test_mutation_whose_answer_was_lost_is_applied_once(
    app: App, proxy: CommitProxy, pytestconfig: pytest.Config
) -> None:
    """Each is committed at least once without an answer, and there is one contact of each."""
    client, total = app.client(Role.EDITOR), pytestconfig.getoption("--retries")
    numbers = iter(range(total))
    answered: dict[str, str] = {}
    attempts: Counter[int] = Counter()

    async def work() -> None:
        for number in numbers:
            key = f"retry-{number}"
            proxy.cut(key, PLANS[number % len(PLANS)])
            data, tried = await send_until_answered(
                client, {"firstName": key, "idempotencyKey": key}
            )
            assert data["userErrors"] == []
            answered[data["contact"]["id"]] = data["contact"]["firstName"]
            attempts[tried] += 1

    await asyncio.gather(*(work() for _ in range(WORKERS)))
    stored = await read_rows(app.resources.database, "SELECT first_name FROM contacts")

    assert sorted(answered.values()) == sorted(f"retry-{number}" for number in range(total))
    assert sorted(name for (name,) in stored) == sorted(answered.values())
    assert proxy.cuts[AFTER] >= total
    assert attempts[2] > 0
    assert attempts[1] > 0


async def test_mutation_of_many_whose_answer_was_lost_is_applied_once(
    app: App, proxy: CommitProxy
) -> None:
    """Rows that no key of theirs keeps from being written twice."""
    proxy.cut("many-1", [AFTER])
    rows = [{"firstName": f"A{number}"} for number in range(10)]
    data = await app.client(Role.EDITOR).query(
        UPSERT, input={"rows": rows, "idempotencyKey": "many-1"}
    )
    results = data["upsertContacts"]["results"]
    assert {result["status"] for result in results} == {"CREATED"}
    assert len({result["contact"]["id"] for result in results}) == 10
    assert await read_rows(app.resources.database, "SELECT count(*) FROM contacts") == [(10,)]
    assert proxy.cuts == {AFTER: 1}


@pytest.mark.parametrize(("cut", "written"), [(AFTER, 1), (BEFORE, 0)])
async def test_outcome_without_a_key_is_unknown_and_never_guessed(
    app: App, proxy: CommitProxy, cut: Cut, written: int
) -> None:
    """The server does not try again by itself, and the answer says what may have happened."""
    proxy.cut("keyless-1", [cut])
    error = await app.client(Role.EDITOR).fail(CREATE, input={"firstName": "keyless-1"})
    assert error["extensions"] | {"requestId": ""} == {
        "code": "SERVICE_UNAVAILABLE",
        "retryable": True,
        "outcome": "UNKNOWN",
        "requestId": "",
    }
    assert error["message"] == (
        "The connection to the database was lost while the change was being saved; it may have"
        " been. With an idempotency key send it again; without, read before you repeat it."
    )
    found = await read_rows(app.resources.database, "SELECT count(*) FROM contacts")
    assert found == [(written,)]
    assert proxy.cuts == {cut: 1}


async def test_connection_that_is_lost_before_commit_is_replaced(
    app: App, proxy: CommitProxy
) -> None:
    """Nothing was written by then, so the server does it again, with a key or without."""
    client = app.client(Role.EDITOR)
    await client.query(CREATE, input={"firstName": "A"})
    async with app.resources.database.write() as tx:
        # Every connection of the pool is this one; it dies between two statements of the next.
        await tx.driver.execute(
            "CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            " IF nextval('deaths') = 1 THEN PERFORM pg_terminate_backend(pg_backend_pid());"
            " END IF; RETURN NEW; END $$"
        )
        await tx.driver.execute("CREATE SEQUENCE deaths")
        await tx.driver.execute(
            "CREATE TRIGGER die AFTER INSERT ON contacts FOR EACH ROW EXECUTE FUNCTION die()"
        )
    data = await client.query(CREATE, input={"firstName": "B"})
    assert data["createContact"]["contact"]["firstName"] == "B"
    names = await read_rows(app.resources.database, "SELECT first_name FROM contacts ORDER BY id")
    assert names == [("A",), ("B",)]
    deaths = await read_rows(app.resources.database, "SELECT last_value FROM deaths")
    assert deaths == [(2,)]
