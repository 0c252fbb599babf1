"""Promises of `app.load`: every row of a file is accounted for, and nothing is half written."""

import asyncio
import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from app import load
from app.load import LoadStopped, load_file
from app.load_summary import LoadProgress, LoadSummary, render_summary
from db.staging import Outcome, Result, StagedContact
from db.staging_contacts import upsert_contacts
from db.staging_writing import sql
from db.transaction import Database, Transaction
from domain.changes import Change, ContactsLoaded
from domain.errors import DatabaseUnavailable, InvalidInput, Unavailable
from tests.db.people import suppress

PEOPLE = """\
First Name,Last Name,Email,Phone 1,Company,Website,Favourite Colour
Ada,King,ada@example.com,+44 20 7946 0958,Engines Ltd,https://engines.co.uk,green
Łukasz,Żak,lukasz@example.com,call me,Engines,https://www.engines.co.uk/,
أحمد,,,,,,
Ada,,ADA@example.com,,,,red
Bob,,bob@,,,,
too,few
,,,,,,blue
"Eve ""E""
Müller",Müller,eve@example.com,,N/A,,
"""


@pytest.fixture
def people(tmp_path: Path) -> Path:
    """A file with all kinds of rows."""
    path = tmp_path / "people.csv"
    path.write_text(PEOPLE, encoding="utf-8")
    return path


async def rows_of(database: Database, query: str) -> list[tuple[Any, ...]]:
    async with database.read() as session:
        return [tuple(row) for row in await session.fetch(sql(query))]


async def count(database: Database) -> tuple[Any, ...]:
    query = (
        "SELECT (SELECT count(*) FROM contacts), (SELECT count(*) FROM companies),"
        " (SELECT count(*) FROM contact_emails), (SELECT sum(version) FROM contacts)"
    )
    return (await rows_of(database, query))[0]


def counts(summary: LoadSummary) -> list[int]:
    return [summary.results[result] for result in Result]


def many_people(path: Path, rows: int) -> Path:
    lines = (f"Person {number},p{number}@example.com\n" for number in range(rows))
    path.write_text("Full Name,Email\n" + "".join(lines), encoding="utf-8")
    return path


async def test_every_row_is_accounted_for(database: Database, people: Path) -> None:
    """The results add up to the rows of the file, those that cannot be read included."""
    summary = await load_file(database, people, entity="contacts")
    assert counts(summary) == [4, 0, 0, 1, 3]
    assert (summary.warnings, summary.keyless, summary.companies_written) == (2, 1, 1)
    assert {code: (reason.count, reason.lines) for code, reason in summary.reasons.items()} == {
        "INVALID_PHONE": (1, [3]),
        "NAME_DIFFERS": (1, [3]),
        "DUPLICATE_IN_FILE": (1, [5]),
        "MISSING_REQUIRED": (2, [6, 8]),
        "INVALID_EMAIL": (1, [6]),
        "WRONG_COLUMN_COUNT": (1, [7]),
    }
    assert summary.mapping.unmapped == ("Favourite Colour",)
    assert await rows_of(
        database, "SELECT full_name, email, company_name FROM contacts ORDER BY id"
    ) == [
        ("Ada King", "ada@example.com", "Engines Ltd"),
        ("Łukasz Żak", "lukasz@example.com", "Engines Ltd"),
        ("أحمد", None, None),
        ('Eve "E" Müller Müller', "eve@example.com", None),
    ]


async def test_the_same_file_again_changes_nothing(database: Database, tmp_path: Path) -> None:
    """A second load creates no row and moves no version."""
    path = many_people(tmp_path / "people.csv", 250)
    await load_file(database, path, entity="contacts", batch_rows=100)
    before = await count(database)
    summary = await load_file(database, path, entity="contacts", batch_rows=70)
    assert counts(summary) == [0, 0, 250, 0, 0]
    assert await count(database) == before == (250, 0, 250, 250)


async def test_companies_are_loaded(database: Database, tmp_path: Path) -> None:
    """Rows with one domain are one company, however it is written."""
    path = tmp_path / "companies.csv"
    path.write_text(
        "name;website;number of employees\nAcme;https://www.acme.com/;10\nACME;acme.com;20\n"
        "Bücher;http://bücher.de;\n",
        encoding="cp1252",
    )
    summary = await load_file(database, path, entity="companies")
    assert counts(summary) == [2, 0, 0, 1, 0]
    assert summary.dialect.delimiter == ";"
    assert await rows_of(
        database, "SELECT name, domain, employees_count FROM companies ORDER BY id"
    ) == [("Acme", "acme.com", 10), ("Bücher", "xn--bcher-kva.de", None)]


async def test_a_dry_run_leaves_nothing(database: Database, people: Path, tmp_path: Path) -> None:
    """It tells the same numbers over all its batches, and of no record that is then gone."""
    report = tmp_path / "report.csv"
    heard: list[Change] = []

    async def listen(changes: Sequence[Change]) -> None:
        heard.extend(changes)

    listened = Database(database.engine, after_commit=[listen])
    summary = await load_file(
        listened, people, entity="contacts", dry_run=True, batch_rows=2, report=report
    )
    assert counts(summary) == [4, 0, 1, 0, 3]
    assert await count(database) == (0, 0, 0, None)
    assert heard == []
    with report.open(encoding="utf-8", newline="") as file:
        assert [row["uuid"] != "" for row in csv.DictReader(file)] == [
            outcome == "UNCHANGED"
            for outcome in (
                "CREATED",
                "CREATED",
                "CREATED",
                "UNCHANGED",
                "FAILED",
                "FAILED",
                "FAILED",
                "CREATED",
            )
        ]
    assert render_summary(summary).endswith("This was a dry run: nothing was written.")


async def test_the_report_says_what_became_of_every_row(
    database: Database, people: Path, tmp_path: Path
) -> None:
    """A line for each row, with the line of the file, its record and all that was told."""
    report = tmp_path / "report.csv"
    await load_file(database, people, entity="contacts", report=report)
    with report.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["line"], row["outcome"], row["code"]) for row in rows] == [
        ("2", "CREATED", ""),
        ("3", "CREATED", "NAME_DIFFERS INVALID_PHONE"),
        ("4", "CREATED", ""),
        ("5", "SKIPPED", "DUPLICATE_IN_FILE"),
        ("6", "FAILED", "MISSING_REQUIRED INVALID_EMAIL"),
        ("7", "FAILED", "WRONG_COLUMN_COUNT"),
        ("8", "FAILED", "MISSING_REQUIRED"),
        ("9", "CREATED", ""),
    ]
    assert rows[1]["message"].endswith(
        "Phone 1: 'call me' is not a phone number: write 3 to 20 digits, best in international form"
        " as in +49 30 1234."
    )
    ada = await rows_of(database, "SELECT uuid FROM contacts WHERE email = 'ada@example.com'")
    assert rows[0]["uuid"] == rows[3]["uuid"] == str(ada[0][0])


async def test_who_must_not_be_stored_fails_and_is_reported(
    database: Database, tmp_path: Path
) -> None:
    """The rows of people who were erased fail, with their line and reason; the others go on."""
    await suppress(database, email="p1@example.com")
    report = tmp_path / "report.csv"
    file = many_people(tmp_path / "people.csv", rows=3)
    summary = await load_file(database, file, entity="contacts", report=report)
    assert counts(summary) == [2, 0, 0, 0, 1]
    reason = summary.reasons["SUPPRESSED_CONTACT"]
    assert (reason.count, reason.lines) == (1, [3])
    with report.open(encoding="utf-8", newline="") as lines:
        told = {row["line"]: (row["outcome"], row["code"]) for row in csv.DictReader(lines)}
    assert told == {
        "2": ("CREATED", ""),
        "3": ("FAILED", "SUPPRESSED_CONTACT"),
        "4": ("CREATED", ""),
    }
    assert await rows_of(database, "SELECT first_name, last_name FROM contacts ORDER BY id") == [
        ("Person", "0"),
        ("Person", "2"),
    ]


async def test_no_cell_of_the_report_is_a_formula(database: Database, tmp_path: Path) -> None:
    """A column name from the file must not be calculated by a spreadsheet."""
    path, report = tmp_path / "people.csv", tmp_path / "report.csv"
    path.write_text("Email,=cmd()\nada@example.com,call me\n", encoding="utf-8")
    await load_file(database, path, entity="contacts", mapping={"=cmd()": "phone"}, report=report)
    with report.open(encoding="utf-8", newline="") as file:
        assert next(csv.DictReader(file))["message"].startswith("'=cmd(): ")


async def test_a_report_that_cannot_be_written_is_told_first(
    database: Database, people: Path, tmp_path: Path
) -> None:
    """Nothing is loaded whose report would be lost."""
    with pytest.raises(InvalidInput, match="cannot be written"):
        await load_file(database, people, entity="contacts", report=tmp_path / "no" / "report.csv")
    assert await count(database) == (0, 0, 0, None)


async def test_a_file_without_header_writes_nothing(database: Database, tmp_path: Path) -> None:
    """The first row is data, so no column has a name."""
    path = tmp_path / "people.csv"
    path.write_text("Ada,ada@example.com\nBob,bob@example.com\n", encoding="utf-8")
    with pytest.raises(InvalidInput, match="header"):
        await load_file(database, path, entity="contacts")
    assert await count(database) == (0, 0, 0, None)


async def test_a_mapping_that_does_not_fit_writes_nothing(database: Database, people: Path) -> None:
    """A column that is not there is a mistake, not a column to pass over."""
    with pytest.raises(InvalidInput, match="Vorname"):
        await load_file(database, people, entity="contacts", mapping={"Vorname": "firstName"})
    assert await count(database) == (0, 0, 0, None)


async def test_a_mapping_goes_before_the_names(database: Database, people: Path) -> None:
    """A column can be sent to another field, or passed over."""
    mapping = {"First Name": "title", "Phone 1": None}
    summary = await load_file(database, people, entity="contacts", mapping=mapping)
    assert await rows_of(
        database, "SELECT title, full_name FROM contacts WHERE email = 'ada@example.com'"
    ) == [("Ada", "King")]
    assert summary.mapping.unmapped == ("Phone 1", "Favourite Colour")


async def test_batches_before_a_failure_stand(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The load tells what is done, and loading the file again goes on from there."""
    path = many_people(tmp_path / "people.csv", 30)

    async def failing(tx: Transaction, rows: Sequence[StagedContact]) -> list[Outcome]:
        outcomes = await upsert_contacts(tx, rows)
        if rows[0].line > 20:
            raise DatabaseUnavailable("The database does not answer.")
        return outcomes

    monkeypatch.setattr(load, "upsert_contacts", failing)
    monkeypatch.setattr(load, "_FIRST_PAUSE_SECONDS", 0.001)
    with pytest.raises(LoadStopped, match="20 rows are done") as stopped:
        await load_file(database, path, entity="contacts", batch_rows=10)
    assert counts(stopped.value.summary) == [20, 0, 0, 0, 0]
    assert await count(database) == (20, 0, 20, 20)
    monkeypatch.undo()
    assert counts(await load_file(database, path, entity="contacts")) == [10, 0, 20, 0, 0]


async def test_a_change_in_the_way_is_waited_for(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A batch that met another change is done again."""
    path = many_people(tmp_path / "people.csv", 3)
    tries = []

    async def busy(tx: Transaction, rows: Sequence[StagedContact]) -> list[Outcome]:
        tries.append(len(rows))
        if len(tries) < 3:
            raise Unavailable("Another change was in the way.")
        return await upsert_contacts(tx, rows)

    monkeypatch.setattr(load, "upsert_contacts", busy)
    monkeypatch.setattr(load, "_FIRST_PAUSE_SECONDS", 0.001)
    assert counts(await load_file(database, path, entity="contacts")) == [3, 0, 0, 0, 0]
    assert tries == [3, 3, 3]


async def test_a_row_that_postgresql_refuses_costs_no_other(
    database: Database, tmp_path: Path
) -> None:
    """Of its batch only this row fails."""
    async with database.write() as tx:
        await tx.fetch(
            sql(
                "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
                " IF NEW.first_name = 'Person' AND NEW.last_name = '5' THEN"
                " RAISE SQLSTATE '22001'; END IF; RETURN NEW; END $$"
            )
        )
        await tx.fetch(
            sql(
                "CREATE TRIGGER refuse BEFORE INSERT ON contacts FOR EACH ROW"
                " EXECUTE FUNCTION refuse()"
            )
        )
    path = many_people(tmp_path / "people.csv", 10)
    summary = await load_file(database, path, entity="contacts")
    assert counts(summary) == [9, 0, 0, 0, 1]
    assert summary.reasons["INVALID_VALUE"].lines == [7]


async def test_a_load_that_is_cancelled_keeps_its_batches(
    database: Database, tmp_path: Path
) -> None:
    """The batch in hand is undone as a whole."""
    path = many_people(tmp_path / "people.csv", 500)
    reached = asyncio.Event()

    def progress(done: LoadProgress) -> None:
        if done.rows >= 200:
            reached.set()

    task = asyncio.create_task(
        load_file(database, path, entity="contacts", batch_rows=100, progress=progress)
    )
    await reached.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    loaded = (await count(database))[0]
    assert 200 <= loaded < 500
    assert loaded % 100 == 0


async def test_progress_and_listeners_hear_of_every_batch(
    database: Database, tmp_path: Path
) -> None:
    """One fact and one call a batch; the numbers add up."""
    heard: list[Change] = []
    shown: list[LoadProgress] = []

    async def listen(changes: Sequence[Change]) -> None:
        heard.extend(changes)

    path = many_people(tmp_path / "people.csv", 25)
    listened = Database(database.engine, after_commit=[listen])
    await load_file(listened, path, entity="contacts", batch_rows=10, progress=shown.append)
    assert heard == [ContactsLoaded(rows=10), ContactsLoaded(rows=10), ContactsLoaded(rows=5)]
    assert [(step.rows, step.created) for step in shown] == [(10, 10), (20, 20), (25, 25)]


async def test_the_planner_hears_of_a_large_load(
    database: Database, people: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Queries right after a load are planned with its rows in mind."""
    monkeypatch.setattr(load, "_MIN_ROWS_FOR_STATISTICS", 1)
    await load_file(database, people, entity="contacts")
    query = "SELECT reltuples FROM pg_class WHERE oid = 'contacts'::regclass"
    assert await rows_of(database, query) == [(4.0,)]


async def test_the_summary_can_be_read(database: Database, people: Path) -> None:
    """All numbers, the columns, and each reason with its first lines."""
    summary = await load_file(database, people, entity="contacts")
    summary.seconds = 0.5
    lines = render_summary(summary).splitlines()
    assert lines[:7] == [
        "people.csv: 8 contacts in 0.5 s (16 rows/s), read as utf-8 with ',' between cells",
        "  created              4",
        "  updated              0",
        "  unchanged            0",
        "  skipped              1",
        "  failed               3",
        "  warnings             2",
    ]
    assert lines[8] == "Columns not read: Favourite Colour"
    assert any(line.startswith("MISSING_REQUIRED × 2 (line 6, 8): ") for line in lines)


async def test_a_report_never_overwrites_the_file_it_is_about(
    database: Database, people: Path
) -> None:
    """The same name given twice is refused before a byte is written."""
    with pytest.raises(InvalidInput, match="overwrite"):
        await load_file(database, people, entity="contacts", report=people)
    summary = await load_file(database, people, entity="contacts")
    assert summary.results[Result.CREATED] > 0
