"""Promises of `streaming.import_reading`: a file is read in one way, whoever goes on with it."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from db.export_columns import column_names
from db.staging import StagedContact
from db.staging_contacts import upsert_contacts
from db.transaction import Database
from domain.errors import InvalidInput
from domain.exports import ExportEntity, ExportFormat
from domain.imports import ImportEntity, ImportErrorCode, ImportOptions, Severity
from streaming.import_reading import Reading, RowBatch, open_reading, open_rows
from streaming.rows import ReadRow
from streaming.vendors import OURS
from tests.db.exporting import asked
from tests.streaming.test_copying import written

CONTACTS = ImportEntity.CONTACTS
OPTIONS = ImportOptions()
WHOLE_LISTS = {"emails", "phones"}
PEOPLE = "Name,Email,Colour,Notes\n" + "".join(
    f'Person {n},p{n}@x.de,red,"a\nb"\n' for n in range(10)
)


@pytest.fixture
def people(tmp_path: Path) -> Path:
    """A file of ten people."""
    path = tmp_path / "people.csv"
    path.write_text(PEOPLE)
    return path


def batches(path: Path, reading: Reading, count: int) -> list[RowBatch]:
    """All rows, each batch read by another process."""
    found: list[RowBatch] = []
    while not found or not found[-1].ended:
        position = found[-1].position if found else None
        with open_rows(path, reading, OPTIONS, CONTACTS, position) as source:
            found.append(source.read(count))
    return found


def rows_of(path: Path, options: ImportOptions = OPTIONS) -> list[ReadRow]:
    reading = open_reading(path, CONTACTS, {}, options)
    with open_rows(path, reading, options, CONTACTS, None) as source:
        return source.read(1000).rows


@pytest.mark.parametrize("count", [1, 3, 10, 11])
def test_any_process_goes_on_behind_the_last_batch(people: Path, count: int) -> None:
    """What was decided about the file is kept as JSON, and nothing is read twice."""
    reading = open_reading(people, CONTACTS, {}, OPTIONS)
    kept = Reading.from_json(json.loads(json.dumps(reading.to_json())))
    found = batches(people, kept, count)
    rows = [row for batch in found for row in batch.rows]
    assert [row.line for row in rows] == list(range(2, 22, 2))
    assert all(isinstance(row.staged, StagedContact) for row in rows)
    assert found[-1].position == (people.stat().st_size, 22)
    assert (kept.vendor, kept.mapping, kept.dialect) == (None, reading.mapping, reading.dialect)


def test_a_batch_of_large_rows_ends_early(tmp_path: Path) -> None:
    """However many rows are asked for, memory holds some megabytes of them."""
    path = tmp_path / "large.csv"
    row = "a@x.de," + ",".join("y" * 60_000 for _ in range(10)) + "\n"
    path.write_text("Email," + ",".join(f"C{n}" for n in range(10)) + "\n" + row * 20)
    reading = open_reading(path, CONTACTS, {}, OPTIONS)
    found = batches(path, reading, 1000)
    assert sum(len(batch.rows) for batch in found) == 20
    assert max(len(batch.rows) for batch in found) < 10


def test_columns_that_go_nowhere_are_told(people: Path) -> None:
    """As warnings about the file; those that the user passes over are not."""
    reading = open_reading(people, CONTACTS, {}, OPTIONS)
    (problem,) = reading.problems
    assert (problem.code, problem.severity, problem.column, problem.line) == (
        ImportErrorCode.UNMAPPED_COLUMN,
        Severity.WARNING,
        "Colour",
        1,
    )
    assert open_reading(people, CONTACTS, {"Colour": None}, OPTIONS).problems == []


def test_options_and_mapping_that_do_not_fit_are_refused(people: Path) -> None:
    """Before a row is read."""
    with pytest.raises(InvalidInput, match="that the file has not"):
        open_reading(people, CONTACTS, {"Mail": "email"}, OPTIONS)
    with pytest.raises(InvalidInput, match="is not known"):
        open_reading(people, CONTACTS, {}, ImportOptions(encoding="klingon"))


def test_a_file_is_reopened_as_its_options_said(tmp_path: Path) -> None:
    """The encoding and delimiter of the user are part of what is kept."""
    path = tmp_path / "people.csv"
    path.write_bytes("Name:Email\nŁódź:a@x.de\n".encode("cp1250"))
    options = ImportOptions(encoding="cp1250", delimiter=":")
    reading = Reading.from_json(open_reading(path, CONTACTS, {}, options).to_json())
    ((row,),) = (batch.rows for batch in batches(path, reading, 5))
    assert row.cells == ("Łódź", "a@x.de")


RICH = """\
First Name,Last Name,Email,Email Status,Email Confidence,email_type,email2,Mobile Phone,Work Phone,\
Tags,Departments,Notes,LinkedIn,City,Company,Company Website,company_industries,company_keywords,\
Last Contacted,custom_fields
'=Ada,O'Hara,ada@x.de,Verified,0.5,Work,ada@home.de,+49 170 1234567,+49 30 1234 ext. 5,\
"a\\;b;c, d;e\\\\f",Sales,"one
two; three",linkedin.com/in/ada,Köln,"Acme, Inc",https://www.acme.de,"Tools, Parts",x;y,\
2024-03-12T08:30:00Z,"{""Size"": [1, 2]}"
"""


def part_of(values: dict[str, Any], names: Sequence[str]) -> dict[str, Any]:
    return {name: values.get(name) for name in names}


async def test_an_own_export_gives_the_same_values_back(database: Database, tmp_path: Path) -> None:
    """Lists with any signs in them, types and attributes of e-mails and phones, the employer."""
    path = tmp_path / "rich.csv"
    path.write_text(RICH)
    (loaded,) = rows_of(path)
    assert (loaded.findings, isinstance(loaded.staged, StagedContact)) == ((), True)
    assert isinstance(loaded.staged, StagedContact)
    assert loaded.staged.contact.values["tags"] == ["a;b", "c, d", "e\\f"]
    async with database.write() as tx:
        await upsert_contacts(tx, [loaded.staged])
    names = column_names(ExportEntity.CONTACTS)
    columns = tuple(name for name in names if name not in WHOLE_LISTS)
    text, _ = await written(database, asked(columns=columns, format=ExportFormat.CSV))
    path.write_bytes(text)
    assert open_reading(path, CONTACTS, {}, OPTIONS).vendor == OURS
    (again,) = rows_of(path)
    assert again.findings == ()
    assert isinstance(again.staged, StagedContact)
    old, new = loaded.staged.contact, again.staged.contact
    assert json.loads(new.values.pop("custom_fields")) == json.loads(
        old.values.pop("custom_fields")
    )
    assert part_of(new.values, list(old.values)) == old.values
    for before, after in ((old.emails, new.emails), (old.phones, new.phones)):
        assert before
        assert after
        assert [part_of(b, list(a)) for a, b in zip(before, after, strict=True)] == before
    assert part_of(dict(again.staged.company or {}), list(loaded.staged.company or {})) == (
        loaded.staged.company
    )
