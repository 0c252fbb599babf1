"""Promises of `appointment360 load`: every row is accounted for, and nothing is half told."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from uuid import uuid4

import pytest
from typer.testing import CliRunner

from app.cli import app
from app.load import write_rejects
from app.load_summary import failure_of, render_summary
from db.job_runs import take_job
from db.transaction import Database
from domain.bulk import ErrorPolicy
from domain.changes import Change
from domain.errors import InvalidInput, PayloadTooLarge
from domain.imports import ImportEntity
from domain.jobs import JobErrorCode, JobStatus
from tests.app.loading import Loading, counts, write_people
from tests.db.importing import contents
from tests.db.people import suppress
from tests.db.staged import rows_of
from tests.jobs.importing import assert_adds_up, census, people

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
def mixed(tmp_path: Path) -> Path:
    """A file with all kinds of rows."""
    path = tmp_path / "people.csv"
    path.write_text(PEOPLE, encoding="utf-8")
    return path


@pytest.fixture
def many(tmp_path: Path) -> Path:
    """A file of two hundred contacts."""
    return write_people(tmp_path, 200)


@pytest.fixture
def loading(database: Database, tmp_path: Path) -> Loading:
    """What loads files into the test's database."""
    return Loading(database, tmp_path)


async def test_every_row_is_accounted_for(loading: Loading, mixed: Path) -> None:
    """The results add up to the rows of the file, those that cannot be read included."""
    loaded = await loading.load(mixed)
    assert counts(loaded) == [4, 0, 0, 1, 3]
    assert_adds_up(loaded.job.counters, 8)
    assert (loaded.job.counters["companies"], loaded.job.counters["warnings"]) == (1, 1)
    assert {reason.code: (reason.times, reason.lines) for reason in loaded.reasons} == {
        "DUPLICATE_IN_FILE": (1, [5]),
        "INVALID_EMAIL": (1, [6]),
        "INVALID_PHONE": (1, [3]),
        "MISSING_REQUIRED": (2, [6, 8]),
        "NAME_DIFFERS": (1, [3]),
        "UNMAPPED_COLUMN": (1, [1]),
        "WRONG_COLUMN_COUNT": (1, [7]),
    }
    assert await rows_of(
        loading.database, "SELECT full_name, email, company_name FROM contacts ORDER BY id"
    ) == [
        ("Ada King", "ada@example.com", "Engines Ltd"),
        ("Łukasz Żak", "lukasz@example.com", "Engines Ltd"),
        ("أحمد", None, None),
        ('Eve "E" Müller Müller', "eve@example.com", None),
    ]
    assert await loading.left() == (0, 0)


async def test_the_same_file_again_does_nothing(loading: Loading, many: Path) -> None:
    """It says that it was loaded; forced, it changes nothing either and moves no version."""
    first = await loading.load(many)
    before = await contents(loading.database)
    again = await loading.load(many)
    assert (first.is_old, again.is_old) == (False, True)
    assert again.job.id == first.job.id
    assert failure_of(again) is None
    assert "--force loads it again" in render_summary(again)
    forced = await loading.load(many, force=True)
    assert (forced.is_old, counts(forced)) == (False, [0, 0, 200, 0, 0])
    assert await contents(loading.database) == before
    assert (await census(loading.database))["version"] == 1
    assert await loading.left() == (0, 0)


async def test_a_load_goes_on_with_what_a_dead_one_left(loading: Loading, many: Path) -> None:
    """Once it has been silent for long enough."""
    loading.stopping.set()
    left = await loading.load(many)
    async with loading.database.write() as tx:
        await take_job(tx, left.job.id, uuid4())
    loading.stopping = asyncio.Event()
    loaded = await loading.load(many)
    assert (loaded.job.id, loaded.job.attempts) == (left.job.id, 2)
    assert counts(loaded) == [200, 0, 0, 0, 0]


async def test_companies_are_loaded(loading: Loading, tmp_path: Path) -> None:
    """Rows with one domain are one company, however it is written."""
    path = tmp_path / "companies.csv"
    path.write_text(
        "name;website;number of employees\nAcme;https://www.acme.com/;10\nACME;acme.com;20\n"
        "Bücher;http://bücher.de;\n",
        encoding="cp1252",
    )
    loaded = await loading.load(path, ImportEntity.COMPANIES)
    assert counts(loaded) == [2, 0, 0, 1, 0]
    assert loaded.reading is not None
    assert loaded.reading.dialect.delimiter == ";"
    assert await rows_of(
        loading.database, "SELECT name, domain, employees_count FROM companies ORDER BY id"
    ) == [("Acme", "acme.com", 10), ("Bücher", "xn--bcher-kva.de", None)]


async def test_a_dry_run_leaves_nothing(loading: Loading, mixed: Path) -> None:
    """It tells the same numbers, nobody hears of it, and the file is loaded afterwards."""
    heard: list[Change] = []

    async def listen(changes: Sequence[Change]) -> None:
        heard.extend(changes)

    before = await contents(loading.database)
    loading.database = Database(loading.database.engine, after_commit=[listen])
    loaded = await loading.load(mixed, dry_run=True)
    assert counts(loaded) == [4, 0, 0, 1, 3]
    assert await contents(loading.database) == before
    assert heard == []
    assert render_summary(loaded).endswith("This was a dry run: nothing was written.")
    assert (await loading.load(mixed)).is_old is False


async def test_rejected_rows_can_be_corrected_and_loaded(
    loading: Loading, mixed: Path, tmp_path: Path
) -> None:
    """They are written as the file had them, with what is wrong behind."""
    rejects = tmp_path / "rejects.csv"
    loaded = await loading.load(mixed)
    with rejects.open("wb") as file:
        await write_rejects(loading.database, loaded, file)
    header, *lines = rejects.read_text("utf-8-sig").splitlines()
    assert header.endswith("Favourite Colour,_row,_error_codes,_error_messages")
    assert [line.split(",")[7] for line in lines] == ["3", "6", "7", "8"]
    corrected = "\n".join([header, lines[1].replace("bob@,", "bob@example.com,")])
    rejects.write_text(corrected, encoding="utf-8")
    again = await loading.load(rejects)
    assert counts(again) == [1, 0, 0, 0, 0]


async def test_who_must_not_be_stored_fails_and_is_told(loading: Loading, tmp_path: Path) -> None:
    """The rows of people who were erased fail, with their line and reason; the others go on."""
    await suppress(loading.database, email="p1@example1.com")
    path = tmp_path / "people.csv"
    path.write_text(people(3), encoding="utf-8")
    loaded = await loading.load(path)
    assert counts(loaded) == [2, 0, 0, 0, 1]
    (reason,) = loaded.reasons
    assert (reason.code, reason.lines) == ("SUPPRESSED_CONTACT", [3])
    assert "p1@example1.com" not in reason.message
    assert await rows_of(loading.database, "SELECT first_name FROM contacts ORDER BY id") == [
        ("Ada0",),
        ("Ada2",),
    ]


WRONG = {
    "without a header": ("Ada,ada@example.com\nBob,bob@example.com\n", {}, "header"),
    "with no such column": (PEOPLE, {"Vorname": "firstName"}, "Vorname"),
    "with no such field": (PEOPLE, {"First Name": "shoe size"}, "shoe size"),
}


@pytest.mark.parametrize(("content", "mapping", "told"), WRONG.values(), ids=WRONG)
async def test_what_cannot_be_used_is_told_before_anything_is_kept(
    loading: Loading, tmp_path: Path, content: str, mapping: dict[str, str | None], told: str
) -> None:
    """No import, no copy of the file."""
    path = tmp_path / "people.csv"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(InvalidInput, match=told):
        await loading.load(path, mapping=mapping)
    assert await rows_of(loading.database, "SELECT id FROM jobs") == []
    assert await loading.left() == (0, 0)


async def test_a_file_that_is_too_large_is_refused_before_it_is_read(
    loading: Loading, tmp_path: Path
) -> None:
    """The setting that says how large it may be is named."""
    path = tmp_path / "people.csv"
    with path.open("w", encoding="utf-8") as file:
        file.write(people(2))
        file.truncate(2**30 + 1)
    with pytest.raises(PayloadTooLarge, match="MAX_IMPORT_SIZE"):
        await loading.load(path)
    assert await loading.left() == (0, 0)


async def test_a_mapping_goes_before_the_names(loading: Loading, mixed: Path) -> None:
    """A column can be sent to another field, or passed over."""
    loaded = await loading.load(mixed, mapping={"First Name": "title", "Phone 1": None})
    assert await rows_of(
        loading.database, "SELECT title, full_name FROM contacts WHERE email = 'ada@example.com'"
    ) == [("Ada", "King")]
    assert loaded.reading is not None
    assert loaded.reading.mapping.unmapped == ("Phone 1", "Favourite Colour")


async def test_an_import_that_fails_says_why(loading: Loading, mixed: Path) -> None:
    """Nothing was written, and all reasons are told."""
    before = await contents(loading.database)
    loaded = await loading.load(mixed, error_policy=ErrorPolicy.REJECT_EVERYTHING)
    assert (loaded.job.status, loaded.job.error_code) == (JobStatus.FAILED, JobErrorCode.REJECTED)
    assert "nothing was written" in (failure_of(loaded) or "")
    assert "INVALID_EMAIL" in {reason.code for reason in loaded.reasons}
    assert await contents(loading.database) == before


async def test_a_file_of_which_no_row_could_be_taken_has_failed(
    loading: Loading, tmp_path: Path
) -> None:
    """The command does not end as if it had done something."""
    path = tmp_path / "people.csv"
    path.write_text("First Name,Email\n,ada@\n,bob@\n", encoding="utf-8")
    loaded = await loading.load(path)
    assert counts(loaded) == [0, 0, 0, 0, 2]
    assert failure_of(loaded) == "No row could be taken."


async def test_the_summary_can_be_read(loading: Loading, mixed: Path) -> None:
    """All numbers, the columns, and each reason with its first lines."""
    title, *lines = render_summary(await loading.load(mixed)).splitlines()
    assert title.startswith("people.csv: 8 contacts in ")
    assert title.endswith(" rows/s), read as utf-8 with ',' between cells")
    assert lines[:6] == [
        "  created              4",
        "  updated              0",
        "  unchanged            0",
        "  skipped              1",
        "  failed               3",
        "  warnings             1",
    ]
    assert lines[6].startswith("Columns read: First Name → first_name, Last Name → last_name")
    assert lines[7] == "Columns not read: Favourite Colour"
    assert any(line.startswith("MISSING_REQUIRED × 2 (line 6, 8): ") for line in lines)
    assert any(line.startswith("INVALID_PHONE × 1 (line 3): Phone 1: ") for line in lines)
    assert lines[-1] == "1 companies were created or filled."


WRONG_USE = {
    "no such file": (["nowhere.csv"], "no file"),
    "broken mapping": (["people.csv", "--mapping", "{"], "not valid JSON"),
    "mapping of numbers": (["people.csv", "--mapping", '{"a": 1}'], "names a field"),
    "unknown option": (["people.csv", "--options", '{"mood": "good"}'], "mood"),
    "options that clash": (["people.csv", "--options", '{"emptyCell": "CLEAR"}'], "OVERWRITE"),
    "rejects over the file": (["people.csv", "--rejects", "people.csv"], "overwrite"),
    "rejects into nowhere": (["people.csv", "--rejects", "no/where.csv"], "cannot be written"),
}


@pytest.mark.parametrize(("words", "told"), WRONG_USE.values(), ids=WRONG_USE)
def test_wrong_use_is_told_before_any_work(
    mixed: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], told: str
) -> None:
    """With exit status 2, and nothing on stdout."""
    monkeypatch.chdir(mixed.parent)
    ended = CliRunner().invoke(app, ["load", *words, "--entity", "contacts"])
    assert ended.exit_code == 2
    assert told in ended.stderr
    assert ended.stdout == ""
