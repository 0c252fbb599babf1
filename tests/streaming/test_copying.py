"""Promises of the formats: whatever stands in a row comes back exactly, and nothing calculates."""

import csv
import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncEngine

from db.tables import contact_metadata, contacts
from db.transaction import Database
from domain.exports import Export, ExportEntity, ExportFormat, Foreseen, Written
from domain.formulas import BLANKS, DANGEROUS, guarded
from streaming.copying import write_export
from streaming.decoders import CsvRow, open_csv, without_formula_guard
from tests.db.datasets import insert_world, seeded
from tests.db.exporting import HOSTILE_TEXTS, asked

COLUMNS = ("firstName", "tags", "title", "notes", "customFields", "qualityScore", "createdAt")
ALL_STARTS = tuple(f"{blank}{sign}1+1" for sign in DANGEROUS for blank in ("", *BLANKS, "\t"))


class Memory:
    """Takes an export into memory."""

    def __init__(self) -> None:
        self.text = b""
        self.rows = 0

    def foresee(self, foreseen: Foreseen) -> None:
        """Nothing is to be done."""

    async def write(self, data: bytes, *, rows: int = 0) -> None:
        """Take some."""
        self.text += data
        self.rows += rows


async def written(database: Database, export: Export) -> tuple[bytes, Written]:
    """An export with its proof."""
    memory = Memory()
    proof = await write_export(database, export, memory)
    return memory.text, proof


def cells(text: bytes) -> list[list[str]]:
    """The rows of a CSV file without its header."""
    return list(csv.reader(StringIO(text.decode(), newline="")))[1:]


@pytest.fixture
async def hostile(engine: AsyncEngine) -> list[dict[str, Any]]:
    """Contacts that hold every hostile text, past what the product would take."""
    texts = (*HOSTILE_TEXTS, *ALL_STARTS)
    rows = [
        {"first_name": text, "tags": [text, "plain", text], "title": texts[-1 - at]}
        for at, text in enumerate(texts)
    ]
    custom = [
        {"text": text, "number": at / 7, "list": [at, None, True]} for at, text in enumerate(texts)
    ]
    async with engine.begin() as connection:
        found = await connection.execute(insert(contacts).returning(contacts.c.id), rows)
        metadata = [
            {"contact_id": row[0], "notes": text, "custom_fields": fields}
            for row, text, fields in zip(found.all(), texts, custom, strict=True)
        ]
        await connection.execute(insert(contact_metadata), metadata)
        stored = await connection.execute(
            select(contacts, contact_metadata.c.notes, contact_metadata.c.custom_fields)
            .join(contact_metadata)
            .order_by(contacts.c.id)
        )
    return [dict(row) for row in stored.mappings()]


def joined(items: list[str]) -> str:
    """A list as one cell."""
    return ";".join(item.replace("\\", "\\\\").replace(";", "\\;") for item in items)


def as_json(row: dict[str, Any]) -> dict[str, Any]:
    """What JSON shows of a row."""
    values = (row["first_name"], row["tags"], row["title"], row["notes"], row["custom_fields"])
    at = row["created_at"].strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return dict(zip(COLUMNS, (*values, row["quality_score"], at), strict=True))


@pytest.mark.parametrize("format_", [ExportFormat.JSONL, ExportFormat.JSON])
async def test_json_gives_every_value_back(
    database: Database, hostile: list[dict[str, Any]], format_: ExportFormat
) -> None:
    """Quotes, breaks, control characters, emoji, lists, numbers, dates, JSON of one's own."""
    text, proof = await written(database, asked(columns=COLUMNS, format=format_))
    is_lines = format_ is ExportFormat.JSONL
    rows = [json.loads(line) for line in text.split(b"\n")[:-1]] if is_lines else json.loads(text)
    assert rows == [as_json(row) for row in hostile]
    assert proof.rows == len(hostile)


async def test_raw_csv_gives_every_value_back(
    database: Database, hostile: list[dict[str, Any]]
) -> None:
    """Through Python's own reader, cell by cell."""
    export = asked(columns=COLUMNS, format=ExportFormat.CSV, raw=True)
    text, _ = await written(database, export)
    rows = cells(text)
    assert [row[0] for row in rows] == [row["first_name"] for row in hostile]
    assert [row[1] for row in rows] == [joined(row["tags"]) for row in hostile]
    assert [row[3] for row in rows] == [row["notes"] for row in hostile]
    assert [json.loads(row[4]) for row in rows] == [row["custom_fields"] for row in hostile]
    assert [int(row[5]) for row in rows] == [row["quality_score"] for row in hostile]


async def test_guarded_csv_calculates_nothing_and_loses_nothing(
    database: Database, hostile: list[dict[str, Any]]
) -> None:
    """PostgreSQL guards what Python's rule guards; taking the guard off gives every text back."""
    text, _ = await written(database, asked(columns=COLUMNS, format=ExportFormat.CSV))
    rows = cells(text)
    for at, name in ((0, "first_name"), (2, "title"), (3, "notes")):
        assert [row[at] for row in rows] == [guarded(row[name]) for row in hostile]
        assert [without_formula_guard(row[at]) for row in rows] == [row[name] for row in hostile]
    lists = [joined(row["tags"]) for row in hostile]
    assert [row[1] for row in rows] == [guarded(text) for text in lists]
    blank = BLANKS + "\t\r\n"
    assert not [cell for row in rows for cell in row if (cell.lstrip(blank) or "x")[0] in DANGEROUS]


async def test_guarded_csv_is_read_again_by_the_import(
    database: Database, hostile: list[dict[str, Any]], tmp_path: Path
) -> None:
    """The reader of imports finds every row, and in it what was exported."""
    text, _ = await written(
        database, asked(columns=("firstName", "title"), format=ExportFormat.CSV)
    )
    file = tmp_path / "contacts.csv"
    file.write_bytes(text)
    with open_csv(file) as table:
        rows = [row for row in table if isinstance(row, CsvRow)]
    read = [[without_formula_guard(value) for value in row.values] for row in rows]
    assert read == [[row["first_name"], row["title"]] for row in hostile]


@pytest.mark.parametrize("count", [0, 1, 3])
async def test_json_array_is_valid_for_any_number_of_rows(
    engine: AsyncEngine, database: Database, count: int
) -> None:
    """Also for none."""
    async with engine.begin() as connection:
        for _ in range(count):
            await connection.execute(insert(contacts).values(first_name="Ada"))
    export = asked(columns=("firstName",), format=ExportFormat.JSON)
    text, proof = await written(database, export)
    assert json.loads(text) == [{"firstName": "Ada"}] * count
    assert proof.rows == count


async def test_csv_of_no_rows_has_its_header(database: Database) -> None:
    """The names of the columns are the paths; a byte order mark comes before them."""
    export = asked(columns=("uuid", "company.name"), format=ExportFormat.CSV, bom=True)
    text, _ = await written(database, export)
    assert text == b"\xef\xbb\xbfuuid,company.name\n"


async def test_formats_show_the_same(engine: AsyncEngine, database: Database) -> None:
    """Each row of JSON lines is the same item of the array, and has the cells of CSV."""
    await insert_world(engine, seeded("formats"), contact_count=20, company_count=5)
    for entity in ExportEntity:
        lines, _ = await written(database, asked(entity))
        array, _ = await written(database, asked(entity, format=ExportFormat.JSON))
        rows = [json.loads(line) for line in lines.splitlines()]
        assert json.loads(array) == rows
        table, _ = await written(database, asked(entity, format=ExportFormat.CSV, raw=True))
        found = cells(table)
        assert [row[0] for row in found] == [row["uuid"] for row in rows]
        assert [row[-2] for row in found] == [row["createdAt"] for row in rows]
