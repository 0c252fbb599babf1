"""Upserting many companies: by domain, else by name."""

from typing import Any

import pytest

from db.transaction import Database
from domain.changes import ChangeKind, CompanyChanged
from tests.client import Client
from tests.factories import make_company
from tests.graph.bulk import counts, problems, run_bulk, statuses
from tests.graph.ids import id_of
from tests.graph.rows import read_rows, snapshot
from tests.statements import Statements


async def upsert(client: Client, *rows: dict[str, Any], **given: Any) -> dict[str, Any]:
    """The payload of an upsert."""
    return await run_bulk(client, "upsertCompanies", rows=list(rows), **given)


async def companies(database: Database, columns: str) -> list[tuple[Any, ...]]:
    """Columns of all companies in the order of their ids."""
    return await read_rows(database, f"SELECT {columns} FROM companies ORDER BY id")


async def test_rows_find_companies_by_domain_else_by_name(
    client: Client, resources_database: Database
) -> None:
    """The rest is new; one that is named otherwise keeps its name."""
    by_domain = await make_company(resources_database, name="Acme", domain="acme.com")
    by_name = await make_company(resources_database, name="Beta")
    payload = await upsert(
        client,
        {"domain": "https://www.ACME.com/x", "name": "ACME Inc.", "stage": "WARM"},
        {"name": "beta", "stage": "WARM"},
        {"name": "Gamma", "domain": "gamma.com"},
        {"domain": "gamma.com", "stage": "COLD"},
    )
    assert statuses(payload) == ["UPDATED", "UPDATED", "CREATED", "SKIPPED"]
    assert payload["counts"] == counts(updated=2, created=1, skipped=1)
    ids = [row["company"]["id"] for row in payload["results"]]
    assert ids[:2] == [id_of(by_domain), id_of(by_name)]
    assert ids[2] == ids[3]
    assert problems(payload["results"][0]) == []
    assert problems(payload["results"][3]) == [("ALREADY_EXISTS", "")]
    assert await companies(resources_database, "name, domain, stage, source") == [
        ("Acme", "acme.com", "WARM", "API"),
        ("Beta", None, "WARM", "API"),
        ("Gamma", "gamma.com", "COLD", "API"),
    ]


@pytest.mark.parametrize(
    ("on_conflict", "status", "stored"),
    [
        ("SKIP", "SKIPPED", ("Acme", 10, "WARM", 1)),
        ("FILL_EMPTY", "UPDATED", ("Acme", 10, "WARM", 2)),
        ("OVERWRITE", "UPDATED", ("ACME", 20, None, 2)),
    ],
)
async def test_known_company_is_written_as_the_client_chose(
    client: Client,
    resources_database: Database,
    on_conflict: str,
    status: str,
    stored: tuple[Any, ...],
) -> None:
    """It is left alone, filled or overwritten, and not touched when it is so already."""
    company = await make_company(
        resources_database, name="Acme", domain="acme.com", employees_count=10, stage="WARM"
    )
    row = {
        "domain": "acme.com",
        "name": "ACME",
        "employeesCount": 20,
        "stage": None,
        "ticker": "ACM",
    }
    payload = await upsert(client, row, onConflict=on_conflict)
    assert statuses(payload) == [status]
    assert payload["results"][0]["company"]["id"] == id_of(company)
    columns = "name, employees_count, stage, version"
    assert await companies(resources_database, columns) == [stored]
    before = await snapshot(resources_database)
    again = await upsert(client, row, onConflict=on_conflict)
    assert statuses(again) == ["SKIPPED" if status == "SKIPPED" else "UNCHANGED"]
    assert await snapshot(resources_database) == before


async def test_deleted_company_comes_back_with_its_row(
    client: Client, resources_database: Database
) -> None:
    """In every mode."""
    company = await make_company(resources_database, domain="acme.com")
    for on_conflict in ("SKIP", "FILL_EMPTY", "OVERWRITE"):
        await run_bulk(client, "deleteCompanies", ids=[id_of(company)])
        payload = await upsert(client, {"domain": "acme.com"}, onConflict=on_conflict)
        assert statuses(payload) == ["UPDATED"]
        assert payload["results"][0]["company"]["deletedAt"] is None


async def test_failed_rows_are_told_and_policies_hold(
    client: Client, resources_database: Database
) -> None:
    """A mistake fails its row, is left out, or rejects everything."""
    for _ in range(2):
        await make_company(resources_database, name="Twice")
    rows: list[dict[str, Any]] = [
        {"name": "A", "foundedYear": 3000},
        {"stage": "WARM"},
        {"name": "Twice"},
        {"name": "B"},
    ]
    expected = [
        [("INVALID_VALUE", "foundedYear")],
        [("REQUIRED", "name")],
        [("ALREADY_EXISTS", "name")],
    ]
    before = await snapshot(resources_database)
    everything = await upsert(client, *rows, errorPolicy="REJECT_EVERYTHING")
    assert problems(everything) == [
        (code, f"rows.{index}.{path}") for index, ((code, path),) in enumerate(expected)
    ]
    assert await snapshot(resources_database) == before
    strict = await upsert(client, *rows)
    assert statuses(strict) == ["FAILED", "FAILED", "FAILED", "CREATED"]
    assert [problems(row) for row in strict["results"]] == [*expected, []]
    lenient = await upsert(client, *rows, errorPolicy="IGNORE_FAILED_FIELDS")
    assert statuses(lenient) == ["CREATED", "FAILED", "FAILED", "UNCHANGED"]
    assert [problems(row) for row in lenient["results"]] == [*expected, []]


async def test_too_many_rows_are_refused(client: Client) -> None:
    """A file takes more."""
    payload = await upsert(client, *([{"name": "A"}] * 1001))
    assert (payload["results"], problems(payload)) == (None, [("TOO_LONG", "rows")])


async def test_thousand_companies_are_a_few_statements_and_told_one_by_one(
    client: Client, resources_database: Database, statements: Statements
) -> None:
    """New or overwritten."""
    told: list[Any] = []

    async def listen(changes: Any) -> None:
        told.extend(changes)

    resources_database._after_commit = (listen,)
    rows: list[dict[str, Any]] = [{"name": f"C{n}", "domain": f"c{n}.com"} for n in range(1000)]
    with statements.recorded() as recorded:
        created = await upsert(client, *rows)
    assert (created["counts"], len(recorded) <= 8) == (counts(created=1000), True)
    assert len(told) == 1000
    assert {change.kind for change in told} == {ChangeKind.CREATED}
    assert isinstance(told[0], CompanyChanged)
    with statements.recorded() as recorded:
        changed = await upsert(
            client, *(row | {"stage": "WARM"} for row in rows), onConflict="OVERWRITE"
        )
    assert (changed["counts"], len(recorded) <= 9) == (counts(updated=1000), True)
