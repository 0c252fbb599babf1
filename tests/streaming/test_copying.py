"""Promises of the formats: whatever stands in a row comes back exactly, and nothing calculates."""

import csv
import json
from datetime import date, datetime, timedelta
from errno import ENOSPC
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select
from sqlalchemy import text as sql
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import AsyncEngine

from db.engine import open_engine
from db.tables import companies, contact_metadata, contacts
from db.transaction import Database
from domain.exports import Export, ExportEntity, ExportFormat, Foreseen, Written
from domain.formulas import guarded, unguarded
from streaming.copying import write_export
from streaming.decoders import CsvRow, open_csv
from streaming.encoders import stream_csv
from tests.db.datasets import insert_world, seeded
from tests.db.exporting import HOSTILE_TEXTS, asked

COLUMNS = ("firstName", "tags", "title", "notes", "customFields", "qualityScore", "createdAt")
SIGNS = "=+-@\t\r\n＝＋－＠"
INVISIBLE = (
    "\x01\x08\v\x1b\x1f \x7f\x85\xa0\u00ad\u034f\u061c\u115f\u1680\u17b5\u180e\u2003\u200b\u200f"
    "\u2028\u202d\u2060\u2063\u2066\u3000\u3164\ufe0f\ufeff\uffa0\ufff9\U0001d173\U000e0041\U000e01ef"
)
ALL_STARTS = (
    *(f"{sign}1+1" for sign in SIGNS),
    *(f"{hidden}={hidden}" for hidden in INVISIBLE),
    *(f"{INVISIBLE}{sign}1" for sign in SIGNS),
    *(f"{seen}=1" for seen in "a0~¡¬éΩж中⠀\U0001f469"),
)


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
        assert [unguarded(row[at]) for row in rows] == [row[name] for row in hostile]
    lists = [joined(row["tags"]) for row in hostile]
    assert [row[1] for row in rows] == [guarded(text) for text in lists]
    blank = INVISIBLE + "\t\r\n"
    assert not [cell for row in rows for cell in row if (cell.lstrip(blank) or "x")[0] in SIGNS]


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
    read = [[unguarded(value) for value in row.values] for row in rows]
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


async def test_row_of_one_empty_cell_is_a_line(engine: AsyncEngine, database: Database) -> None:
    """Readers of CSV skip empty lines; each row is there however little is in it."""
    async with engine.begin() as connection:
        rows = [{"first_name": name} for name in ("Ada", None, "", None)]
        await connection.execute(insert(contacts), rows)
    for raw in (False, True):
        export = asked(columns=("firstName",), format=ExportFormat.CSV, raw=raw)
        text, proof = await written(database, export)
        assert text == b'firstName\nAda\n""\n""\n""\n'
        read = list(csv.DictReader(StringIO(text.decode())))
        assert len(read) == proof.rows == 4


async def test_texts_do_not_follow_the_settings_of_the_database(
    engine: AsyncEngine, database: Database, database_url: URL
) -> None:
    """Dates, points in time, numbers and yes or no are written alike everywhere."""
    async with engine.begin() as connection:
        await connection.execute(
            insert(companies).values(last_raised_at=date(2025, 12, 11), annual_revenue=-12)
        )
        await connection.execute(insert(contacts).values(do_not_contact=True))
        for setting in ("datestyle = 'German'", "timezone = 'Asia/Tokyo'", "bytea_output = escape"):
            name = database_url.database
            await connection.execute(sql(f'ALTER DATABASE "{name}" SET {setting}'))
    async with open_engine(database_url) as anew:
        fresh = Database(anew)
        columns = ("lastRaisedAt", "annualRevenue", "createdAt")
        export = asked(ExportEntity.COMPANIES, columns=columns, format=ExportFormat.CSV)
        ((day, revenue, created_at),) = cells((await written(fresh, export))[0])
        assert (day, revenue) == ("2025-12-11", "-12")
        assert datetime.fromisoformat(created_at).utcoffset() == timedelta(0)
        contact = asked(columns=("doNotContact", "uuid"), format=ExportFormat.CSV)
        ((flag, _),) = cells((await written(fresh, contact))[0])
        assert flag == "true"


async def test_what_a_taker_cannot_take_is_told_as_it_is(
    engine: AsyncEngine, database: Database
) -> None:
    """A full disk is no database that does not answer; the connection is given up."""

    class Full(Memory):
        async def write(self, data: bytes, *, rows: int = 0) -> None:
            raise OSError(ENOSPC, "No space left on device")

    async with engine.begin() as connection:
        await connection.execute(insert(contacts).values(first_name="Ada"))
    with pytest.raises(OSError, match="No space left"):
        await write_export(database, asked(), Full())
    assert (await written(database, asked(columns=("firstName",))))[1].rows == 1


async def test_both_writers_of_csv_write_the_same_cells(
    engine: AsyncEngine, database: Database
) -> None:
    """PostgreSQL and Python: NULL, yes and no, lists, numbers, dates, and what would calculate."""
    texts = ("Ada", None, "", *HOSTILE_TEXTS, *ALL_STARTS)
    rows = [
        {
            "first_name": text,
            "title": texts[-1 - at],
            "tags": [text or "", "=a;b", "\\"] if at % 3 else [],
            "do_not_contact": bool(at % 2),
        }
        for at, text in enumerate(texts)
    ]
    async with engine.begin() as connection:
        await connection.execute(insert(contacts), rows)
    many = ("uuid", "firstName", "title", "tags", "doNotContact", "qualityScore", "createdAt")
    for columns in (many, ("firstName",), ("doNotContact",), ("tags",), ("lastContactedAt",)):
        lines, _ = await written(database, asked(columns=columns))
        items = [json.loads(line) for line in lines.splitlines()]
        for raw in (False, True):
            export = asked(columns=columns, format=ExportFormat.CSV, raw=raw)
            copied, _ = await written(database, export)
            encoded = [chunk async for chunk in stream_csv(items, headers=columns, raw=raw)]
            assert cells(copied) == cells(b"".join(encoded))
            assert len(cells(copied)) == len(texts)
