"""Whoever writes to the database, a server with a cache of its own shows it.

Commands of the product have told it before they end. Of everybody else's writes the database tells,
within a second.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from sqlalchemy.engine import URL

from tests.graph.documents import MUTATIONS
from tests.graph.jobs import BACKGROUND
from tests.processes import command
from tests.races.connection import Connection
from tests.races.places import at_once, place_of, serving
from tests.races.race import Place, Race
from tests.races.test_race import seed_of

LEASE_SECONDS = 1.0
PATIENCE_SECONDS = 30.0

LIST = "{ contacts(first: 50) { nodes { id firstName title tags } } }"
COUNT = '{ contactsCount(filter: {title: {eq: "Analyst"}}) { count } }'
TAGGED = '{ contacts(filter: {tags: {anyOf: ["new"]}}) { nodes { firstName tags } } }'
ONE = "query ($id: ID!) { contact(id: $id) { firstName title tags } }"
JOB = "query ($id: ID!) { job(id: $id) { status } }"


class Reader:
    """Somebody who reads from one server, and sees whether the cache answered."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def ask(self, query: str, **variables: Any) -> Any:
        """The data of an operation."""
        return (await self._send(query, variables))["data"]

    async def keep(self, query: str, **variables: Any) -> Any:
        """The data of a query, once they come from the cache."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                answer = await self._send(query, variables)
                if answer["extensions"]["cache"]["status"] == "HIT":
                    return answer["data"]

    async def write(self, name: str, **given: Any) -> Any:
        """The payload of a mutation."""
        return (await self.ask(MUTATIONS[name], input=given))[name]

    async def _send(self, query: str, variables: dict[str, Any]) -> dict[str, Any]:
        answer = await self._connection.send(query, variables)
        assert "errors" not in answer, answer
        return answer


@pytest.fixture
async def place(database_url: URL, tmp_path: Path) -> AsyncIterator[Place]:
    """A server process without Redis."""
    async with serving(1, database_url=database_url, folder=tmp_path) as (place,):
        yield place


@pytest.fixture
async def reader(place: Place) -> AsyncIterator[Reader]:
    """Reads from that server."""
    async with Connection(place.port, place.token, asks_for_cache=True) as connection:
        yield Reader(connection)


async def test_load_that_has_ended_is_seen_by_the_next_read(
    reader: Reader, database_url: URL, tmp_path: Path
) -> None:
    """A new row in the list that was empty, and then its title where none was."""
    file = tmp_path / "people.csv"

    async def load(lines: str) -> None:
        file.write_text(lines)
        words = ("load", str(file), "--entity=contacts")
        async with command(*words, database_url=database_url, folder=tmp_path) as process:
            assert await process.ends() == 0, process.said

    assert (await reader.keep(LIST))["contacts"]["nodes"] == []
    await load("Full Name,Email\nAda King,ada@acme.com\n")
    (row,) = (await reader.ask(LIST))["contacts"]["nodes"]
    assert (await reader.keep(ONE, id=row["id"]))["contact"]["title"] is None
    assert (await reader.keep(COUNT))["contactsCount"]["count"] == 0
    await load("Full Name,Email,Title\nAda King,ada@acme.com,Analyst\n")
    assert (await reader.ask(ONE, id=row["id"]))["contact"]["title"] == "Analyst"
    assert (await reader.ask(COUNT))["contactsCount"]["count"] == 1


async def test_job_that_is_done_is_seen_by_the_next_read(
    reader: Reader, database_url: URL, tmp_path: Path
) -> None:
    """Another process does it: the tags are on the contact, and in the list that was empty."""
    contact = (await reader.write("createContact", firstName="Ada"))["contact"]["id"]
    assert (await reader.keep(ONE, id=contact))["contact"]["tags"] == []
    assert (await reader.keep(TAGGED))["contacts"]["nodes"] == []
    async with command("work", database_url=database_url, folder=tmp_path):
        given = {"ids": [contact], "add": ["new"], "inBackground": True}
        made = await reader.ask(BACKGROUND["tagContacts"], input=given)
        job = made["tagContacts"]["job"]["id"]
        async with asyncio.timeout(PATIENCE_SECONDS):
            while (await reader.ask(JOB, id=job))["job"]["status"] != "COMPLETED":
                pass
        assert (await reader.ask(ONE, id=contact))["contact"]["tags"] == ["new"]
        tagged = (await reader.ask(TAGGED))["contacts"]["nodes"]
        assert tagged == [{"firstName": "Ada", "tags": ["new"]}]


async def test_sql_of_anybody_is_seen_within_a_second(reader: Reader, database_url: URL) -> None:
    """No read that starts a second after its COMMIT shows what was before it."""
    contact = (await reader.write("createContact", firstName="Ada"))["contact"]["id"]
    await reader.keep(ONE, id=contact)
    await reader.keep(COUNT)
    address = database_url.set(drivername="postgresql")
    stranger = await asyncpg.connect(address.render_as_string(hide_password=False))
    try:
        await stranger.execute("UPDATE contacts SET title = 'Analyst'")
    finally:
        await stranger.close()
    committed = time.monotonic()
    shown: list[tuple[bool, str | None, int]] = []
    while not shown or not shown[-1][0]:
        is_late = time.monotonic() - committed >= LEASE_SECONDS
        title = (await reader.ask(ONE, id=contact))["contact"]["title"]
        shown.append((is_late, title, (await reader.ask(COUNT))["contactsCount"]["count"]))
    assert shown[-1] == (True, "Analyst", 1)


async def test_second_server_without_redis_makes_nothing_stale(
    place: Place, database_url: URL, tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    """Neither sees what the other keeps; both are exact from the first answer of the second on."""
    async with Connection(place.port, place.token, asks_for_cache=True) as connection:
        await Reader(connection).keep(LIST)
        async with at_once(
            [command("serve", "--port=0", "--no-jobs", database_url=database_url, folder=tmp_path)]
        ) as (process,):
            second = await place_of(process)
            race = Race([place, second], seed=seed_of(pytestconfig))
            await race.run(lambda: race.operations >= pytestconfig.getoption("--races") // 10)
    race.tell()
    assert not race.verdicts, "\n".join(race.verdicts.examples)
