"""Upserts of contacts that cannot all be taken: error policies, limits, races and retries."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import AsyncConnection

from db.engine import open_engine
from db.transaction import Database
from domain.node_ids import NodeKind, encode_node_id
from tests.client import Client
from tests.factories import make_contact
from tests.graph.bulk import BULK, counts, problems, run_bulk, statuses
from tests.graph.bulk_contacts import ADDRESS, at, contacts, upsert
from tests.graph.ids import id_of
from tests.graph.rows import execute, read_rows, snapshot

MISTAKES = (
    ({"firstName": "x" * 151, "emails": at("a@acme.com")}, [("TOO_LONG", "firstName")]),
    (
        {"firstName": "B", "emails": at("b@acme.com", "bad")},
        [("INVALID_EMAIL", "emails.1.address")],
    ),
    (
        {"firstName": "C", "companyId": encode_node_id(NodeKind.COMPANY, 9)},
        [("NOT_FOUND", "companyId")],
    ),
    (
        {"firstName": "D", "emails": at("d@acme.com", ADDRESS)},
        [("ALREADY_EXISTS", "emails.1.address")],
    ),
)


async def test_failed_rows_are_not_written_and_the_others_are(
    client: Client, resources_database: Database
) -> None:
    """By default a row with any mistake fails, with all that is wrong about it."""
    holder = await make_contact(resources_database, emails=(ADDRESS,))
    good = {"firstName": "E", "emails": at("e@acme.com")}
    rows = [row for row, _ in MISTAKES]
    # Found by its first address, so that the second is that of another contact.
    await make_contact(resources_database, emails=("d@acme.com",))
    payload = await upsert(client, *rows, good, {"title": "CTO"}, {"emails": at("bad")})
    assert statuses(payload) == ["FAILED"] * 4 + ["CREATED", "FAILED", "FAILED"]
    assert payload["counts"] == counts(created=1, failed=6)
    told = [problems(row) for row in payload["results"]]
    assert told[:4] == [expected for _, expected in MISTAKES]
    assert told[5:] == [[("REQUIRED", "firstName")], [("INVALID_EMAIL", "emails.0.address")]]
    assert payload["results"][3]["userErrors"][0]["existing"] == {"id": id_of(holder)}
    assert [row["contact"] for row in payload["results"] if row["status"] == "FAILED"] == [None] * 6
    assert await contacts(resources_database, "first_name") == [(None,), (None,), ("E",)]


async def test_failed_fields_are_left_out_and_told(
    client: Client, resources_database: Database
) -> None:
    """The rest of the row is written, unless what was to tell who it is cannot be used."""
    await make_contact(resources_database, emails=(ADDRESS,))
    await make_contact(resources_database, emails=("d@acme.com",))
    rows = [row for row, _ in MISTAKES]
    lost = {"firstName": "F", "emails": at("bad")}
    payload = await upsert(client, *rows, lost, errorPolicy="IGNORE_FAILED_FIELDS")
    assert statuses(payload) == ["CREATED", "CREATED", "CREATED", "UPDATED", "FAILED"]
    assert [problems(row) for row in payload["results"]] == [
        *(expected for _, expected in MISTAKES),
        [("INVALID_EMAIL", "emails.0.address")],
    ]
    assert await contacts(resources_database, "first_name, email") == [
        (None, ADDRESS),
        ("D", "d@acme.com"),
        (None, "a@acme.com"),
        ("B", "b@acme.com"),
        ("C", None),
    ]


async def test_one_failed_row_rejects_everything_when_asked(
    client: Client, resources_database: Database
) -> None:
    """All mistakes of all rows are told with the place of their row, and nothing is written."""
    await make_contact(resources_database, emails=(ADDRESS,))
    await make_contact(resources_database, emails=("d@acme.com",))
    before = await snapshot(resources_database)
    rows = [row for row, _ in MISTAKES]
    payload = await upsert(
        client, {"firstName": "Good"}, *rows, errorPolicy="REJECT_EVERYTHING", idempotencyKey="k"
    )
    assert (payload["results"], payload["counts"]) == (None, counts())
    assert problems(payload) == [
        (code, f"rows.{index}.{path}")
        for index, (_, told) in enumerate(MISTAKES, start=1)
        for code, path in told
    ]
    assert await snapshot(resources_database) == before
    assert await read_rows(resources_database, "SELECT * FROM idempotency_keys") == []
    good = await upsert(client, {"firstName": "Good"}, errorPolicy="REJECT_EVERYTHING")
    assert statuses(good) == ["CREATED"]


async def test_address_of_another_row_stays_with_that_row(
    client: Client, resources_database: Database
) -> None:
    """Of two rows that claim one address the first has it; the other fails or goes without."""
    first = {"firstName": "A", "emails": at(ADDRESS)}
    second = {"firstName": "B", "emails": at("b@acme.com", ADDRESS)}
    await make_contact(resources_database, emails=("b@acme.com",))
    strict = await upsert(client, first, second)
    assert statuses(strict) == ["CREATED", "FAILED"]
    (error,) = strict["results"][1]["userErrors"]
    assert (error["code"], error["path"]) == ("ALREADY_EXISTS", ["emails", "1", "address"])
    assert error["message"] == f"{ADDRESS} is an address of another row and stays there."


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"rows": [{"firstName": "A"}] * 1001}, ("TOO_LONG", "rows")),
        ({"rows": [{"firstName": "A"}], "matchOn": []}, ("INVALID_VALUE", "matchOn")),
        (
            {"rows": [{"firstName": "A"}], "matchOn": ["EMAIL", "NAME_AND_COMPANY_DOMAIN"]},
            ("INVALID_VALUE", "matchOn"),
        ),
    ],
)
async def test_input_that_cannot_be_taken_is_refused_as_a_whole(
    client: Client, resources_database: Database, given: dict[str, Any], problem: tuple[str, str]
) -> None:
    """Too many rows, no key, or one that decides nothing."""
    payload = await run_bulk(client, "upsertContacts", **given)
    assert (payload["results"], problems(payload)) == (None, [problem])
    assert await contacts(resources_database, "c.id") == []


async def test_no_rows_are_no_mistake(client: Client) -> None:
    """Nothing to do is done."""
    payload = await upsert(client)
    assert (payload["results"], payload["counts"], payload["userErrors"]) == ([], counts(), [])


async def test_suppressed_person_is_not_stored(
    client: Client, resources_database: Database
) -> None:
    """A row with a key of the suppression list fails under every policy."""
    await execute(
        resources_database,
        "INSERT INTO suppressions (kind, key_hash)"
        f" VALUES ('EMAIL', suppression_hash('EMAIL', '{ADDRESS}'))",
    )
    for policy in ("REJECT_FAILED_ROWS", "IGNORE_FAILED_FIELDS"):
        payload = await upsert(
            client, {"firstName": "Ada", "emails": at("Ada@acme.com")}, errorPolicy=policy
        )
        assert statuses(payload) == ["FAILED"]
        assert [code for code, _ in problems(payload["results"][0])] == ["SUPPRESSED_CONTACT"]


async def test_upsert_sent_again_under_its_key_answers_the_same(
    client: Client, resources_database: Database
) -> None:
    """Statuses and mistakes are those of the first time, in other words; nothing is written."""
    rows = [
        {"firstName": "A", "emails": at(ADDRESS)},
        {"emails": at("bad")},
        {"emails": at(ADDRESS)},
    ]
    given = {"rows": rows, "idempotencyKey": "k"}
    first = await client.send(BULK["upsertContacts"], input=given)
    after = await snapshot(resources_database)
    again = await client.send(BULK["upsertContacts"], input=given)
    one, other = first["data"]["upsertContacts"], again["data"]["upsertContacts"]
    assert statuses(one) == statuses(other) == ["CREATED", "FAILED", "SKIPPED"]
    assert other["counts"] == one["counts"]
    for before, now in zip(one["results"], other["results"], strict=True):
        assert problems(now) == problems(before)
        assert now["contact"] == before["contact"]
    assert again["extensions"]["notices"][0]["code"] == "IDEMPOTENT_REPLAY"
    assert await snapshot(resources_database) == after


async def test_same_rows_at_the_same_moment_make_one_contact_each(
    client: Client, resources_database: Database
) -> None:
    """Who comes second finds what the first has written, and no client sees an error."""
    rows = [{"firstName": f"F{n}", "emails": at(f"u{n}@acme.com")} for n in range(20)]
    payloads = await asyncio.gather(
        *(upsert(client, *(rows if n % 2 else reversed(rows))) for n in range(4))
    )
    assert sum(payload["counts"]["created"] for payload in payloads) == 20
    assert sum(payload["counts"]["unchanged"] for payload in payloads) == 60
    assert await read_rows(resources_database, "SELECT count(*) FROM contacts") == [(20,)]


async def insert_address(connection: AsyncConnection, address: str) -> None:
    """A contact with an address, not committed."""
    await connection.execute(
        text(
            "WITH made AS (INSERT INTO contacts (email) VALUES (CAST(:address AS text))"
            " RETURNING id) INSERT INTO contact_emails (contact_id, position, address)"
            " SELECT id, 0, CAST(:address AS text) FROM made"
        ),
        {"address": address},
    )


async def waits_for(connection: AsyncConnection) -> None:
    """Return as soon as another transaction waits for the one of this connection."""
    waiting = text(
        "SELECT count(*) FROM pg_stat_activity WHERE pg_backend_pid() = ANY(pg_blocking_pids(pid))"
    )
    async with asyncio.timeout(5):
        while not await connection.scalar(waiting):  # noqa: ASYNC110  # PostgreSQL tells nobody
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("lost", [1, 2])
async def test_address_that_is_taken_meanwhile_is_found_or_told(
    client: Client, resources_database: Database, database_url: URL, lost: int
) -> None:
    """One lost race is made good within the mutation; a second one is told to the client."""
    taken = ["a@acme.com", "b@acme.com"][:lost]
    async with open_engine(database_url) as engine:
        others = [await engine.connect() for _ in taken]
        for other, address in zip(others, taken, strict=True):
            await insert_address(other, address)
        rows = [
            {"firstName": address, "emails": at(address)}
            for address in ("a@acme.com", "b@acme.com")
        ]
        sent = asyncio.ensure_future(upsert(client, *rows))
        for other in others:
            await waits_for(other)
            await other.commit()
            await other.close()
        payload = await sent
    if lost == 1:
        assert statuses(payload) == ["UPDATED", "CREATED"]
        assert payload["userErrors"] == []
    else:
        assert payload["results"] is None
        assert problems(payload) == [("ALREADY_EXISTS", "rows")]
        assert payload["userErrors"][0]["message"] == (
            "Another change took an e-mail address or domain of these rows at the same moment."
            " Send them again."
        )
        assert await contacts(resources_database, "first_name") == [(None,), (None,)]
