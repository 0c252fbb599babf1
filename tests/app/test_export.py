"""`appointment360 export`: rows into a file, which has its name once it is whole."""

import hashlib
import json
import os
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy.engine import URL

from app.export import export_to
from db.transaction import Database
from domain.errors import InvalidInput
from domain.exports import ExportFormat
from domain.filters import ContactFilter, StringFilter
from tests.db.exporting import asked
from tests.factories import make_contact
from tests.processes import command


def hidden_files(folder: Path) -> list[Path]:
    """What is not whole yet."""
    return list(folder.glob(".*"))


async def three(database: Database) -> None:
    """Three contacts."""
    for name in ("Ada", "Bob", "Cleo"):
        await make_contact(database, first_name=name)


async def test_file_is_written_with_its_proof(
    database: Database, database_url: URL, tmp_path: Path
) -> None:
    """A command with a filter, an order and columns; its last line proves the file."""
    await three(database)
    file = tmp_path / "out.csv"
    filter_ = json.dumps({"firstName": {"in": ["Ada", "Cleo"]}})
    words = ("export", "contacts", "--format", "csv", "-o", str(file), "--filter", filter_)
    wanted = ("--columns", "firstName", "--order-by", "NAME:DESC")
    async with command(
        *words, *wanted, database_url=database_url, folder=tmp_path, MAX_STREAMING_RESULTS="1"
    ) as process:
        assert await process.ends() == 0
    assert file.read_text() == "firstName\nCleo\n"
    proof = re.fullmatch(
        r"1 rows, (\d+) bytes, SHA-256 ([0-9a-f]{64}); more rows match", process.said[-1]
    )
    assert proof is not None
    assert int(proof[1]) == file.stat().st_size
    assert proof[2] == hashlib.sha256(file.read_bytes()).hexdigest()


async def test_wrong_use_is_told_and_writes_nothing(database_url: URL, tmp_path: Path) -> None:
    """Status 2, a sentence, no file."""
    file = tmp_path / "out.jsonl"
    words = ("export", "contacts", "-o", str(file), "--columns", "nmae")
    async with command(*words, database_url=database_url, folder=tmp_path) as process:
        assert await process.ends() == 2
    assert "no column nmae" in process.said[-1]
    assert not file.exists()


async def test_progress_goes_up_to_all_rows(database: Database, tmp_path: Path) -> None:
    """What is told of it is never more than there is."""
    await three(database)
    told: list[tuple[int, int]] = []
    exported = await export_to(
        database,
        asked(columns=("firstName",)),
        tmp_path / "out.jsonl",
        progress=lambda rows, total: told.append((rows, total)),
    )
    assert told[-1] == (3, 3)
    assert exported.written.rows == 3


async def test_link_stays_a_link_and_a_mode_stays(database: Database, tmp_path: Path) -> None:
    """What stands under the name is replaced, not the name."""
    await three(database)
    real, link = tmp_path / "real.jsonl", tmp_path / "link.jsonl"
    real.write_text("before")
    real.chmod(0o600)
    link.symlink_to(real)
    await export_to(database, asked(), link, progress=lambda _rows, _total: None)
    assert link.is_symlink()
    assert len(real.read_text().splitlines()) == 3
    assert real.stat().st_mode & 0o777 == 0o600


async def test_pipe_is_written_to(database: Database, tmp_path: Path) -> None:
    """Who reads at the other end gets the rows, and the pipe stays one."""
    await three(database)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with ThreadPoolExecutor(1) as other_end:
        reading = other_end.submit(pipe.read_text)
        await export_to(database, asked(), pipe, progress=lambda _rows, _total: None)
        assert len(reading.result().splitlines()) == 3
    assert pipe.is_fifo()


async def test_folder_is_refused_before_any_work(database: Database, tmp_path: Path) -> None:
    """It cannot be written to."""
    with pytest.raises(IsADirectoryError):
        await export_to(database, asked(), tmp_path, progress=lambda _rows, _total: None)


async def test_file_that_fails_keeps_the_one_before(database: Database, tmp_path: Path) -> None:
    """Nothing stands under the name, or half of it; what stood there stays."""
    file = tmp_path / "out.csv"
    file.write_text("before")
    wrong = asked(format=ExportFormat.CSV, filter_=ContactFilter(city=StringFilter(eq=None)))
    with pytest.raises(InvalidInput):
        await export_to(database, wrong, file, progress=lambda _rows, _total: None)
    assert file.read_text() == "before"
    assert not hidden_files(tmp_path)
