"""A file is imported in a browser, from choosing it to taking the import back."""

import hashlib
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.engine import URL

from db.rows import Row
from db.statements import Statement
from db.transaction import Database
from tests.pages.chromium import Tab, needs_chromium
from tests.pages.serving import Served, serving

pytestmark = [needs_chromium, pytest.mark.slow]

PAGE = "/imports/new"
ROWS = 3_000
BAD_ROWS = 30
MANY_ROWS = 30_000
SLOW_BYTES_PER_SECOND = 400_000

CONTACTS = Statement(text("SELECT count(*) FROM contacts WHERE deleted_at IS NULL"), Row)
UPLOADS = Statement(text("SELECT sha256 FROM uploads"), Row)

IS_SIGNED_IN = "document.querySelector('#account').className.includes('is-good')"
IS_A_THIRD_SENT = "document.querySelector('#upload-bar').value > 0.3"
HAS_ARRIVED = "document.querySelector('#upload-state').innerText === 'It has arrived.'"
HAS_NEXT_PAGE = "!document.querySelector('#job-problems .pages button:last-child').disabled"
IS_PAUSED = "document.querySelector('#upload-state').innerText === 'Paused.'"
HAS_ENDED = "document.querySelector('#after').checkVisibility()"
DROP_A_PICTURE = r"""
const dropped = new DataTransfer();
dropped.items.add(new File(["\x89PNG\r\n\x1a\n\0\0\0\rIHDR"], "people.csv"));
document.querySelector("#drop").dispatchEvent(new DragEvent("drop", {dataTransfer: dropped}));
"""
NO_STREAMS = """
const real = window.fetch;
window.fetch = (url, options) => {
  if (!options.headers.accept.startsWith("text/event-stream")) return real(url, options);
  return new Promise((_, refuse) => {
    options.signal.addEventListener("abort", () => refuse(options.signal.reason));
  });
};
"""
FIELDS = "[...document.querySelectorAll('.columns select')].map(select => select.value)"


def write_csv(folder: Path, rows: int) -> Path:
    """A file of contacts, some of which have nothing that tells who they are."""
    lines = [f"Ada{n},Lovelace,ada{n}@example.com,{n % 9}" for n in range(rows)]
    step = rows // BAD_ROWS
    lines[1::step] = [f"Bea,Lovelace,<b>bea{n}</b>,7" for n in range(BAD_ROWS)]
    path = folder / "people.csv"
    path.write_text("\n".join(["First Name,Last Name,E-mail,Shoe size", *lines, ""]), "utf-8")
    return path


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    """A file that is read in a moment."""
    return write_csv(tmp_path, ROWS)


@pytest.fixture
def long_csv(tmp_path: Path) -> Path:
    """A file that is sent in many pieces."""
    return write_csv(tmp_path, MANY_ROWS)


async def count_contacts(database: Database) -> int:
    """How many there are."""
    async with database.read() as session:
        (row,) = await session.fetch(CONTACTS)
    count: int = row[0]
    return count


def lines_of(path: Path) -> list[str]:
    """The lines of a file."""
    return path.read_text("utf-8-sig").splitlines()


async def choose(tab: Tab, served: Served, path: Path) -> None:
    """Open the page and choose a file."""
    await tab.open(served.page(PAGE))
    await tab.until(IS_SIGNED_IN)
    await tab.choose_file("#file", path)


async def read_values(tab: Tab) -> list[str]:
    """The values that are told about, of all pages."""
    await tab.shows("#job-problems tbody")
    values = await tab.texts("#job-problems .raw")
    page = 1
    while await tab.evaluate(HAS_NEXT_PAGE):
        page += 1
        await tab.click("#job-problems .pages button:last-child")
        await tab.until(
            f"document.querySelector('#job-problems').innerText.includes('page {page}')"
        )
        values += await tab.texts("#job-problems .raw")
    assert page > 1
    return values


async def test_file_is_imported_and_taken_back(
    database: Database, database_url: URL, tmp_path: Path, tab: Tab, csv: Path
) -> None:
    """The mapping, the bar, the counters, the errors and the undoing are seen in turn."""
    async with serving(database_url, tmp_path) as served:
        await choose(tab, served, csv)
        assert "UTF-8 · separated by comma · header on line 1" in await tab.shows("#summary")
        assert await tab.evaluate(FIELDS) == ["first_name", "last_name", "email", ""]
        assert "INVALID_EMAIL" in await tab.shows("#sample-problems tbody")

        await tab.click("#start")
        await tab.until(HAS_ENDED)
        assert await tab.evaluate("document.querySelector('#job-bar').value") == 1
        assert (await tab.shows("#job-numbers")).startswith("3,000 rows")
        assert await tab.texts("#counters dd") == ["2,970", "30"]
        assert await tab.texts("#counters dt") == ["created", "failed"]
        assert await read_values(tab) == [f"<b>bea{n}</b>" for n in range(BAD_ROWS)]
        assert await count_contacts(database) == ROWS - BAD_ROWS

        header, *rejected = lines_of(await tab.download("#rejects", tmp_path))
        assert header.startswith("First Name,Last Name,E-mail,Shoe size,_row,_error_codes")
        assert [line.split(",")[0] for line in rejected] == ["Bea"] * BAD_ROWS

        await tab.click("#undo")
        await tab.until(
            "document.querySelector('#undo-state').innerText.startsWith('Undone: 2,970')"
        )
        assert await count_contacts(database) == 0


async def test_what_is_chosen_is_what_is_imported(
    database: Database, database_url: URL, tmp_path: Path, tab: Tab, csv: Path
) -> None:
    """A changed column is previewed again; a trial writes nothing; the keyboard is enough."""
    async with serving(database_url, tmp_path) as served:
        await choose(tab, served, csv)
        await tab.until(f"({FIELDS})[2] === 'email'")
        await tab.choose("#column-3", "title")
        await tab.until("document.querySelector('.columns').innerText.includes('You chose it')")
        assert await tab.evaluate(FIELDS) == ["first_name", "last_name", "email", "title"]
        await tab.evaluate("document.querySelector('#option-dryRun').focus()")
        await tab.press(" ")
        await tab.until("!start.disabled")
        await tab.press("Tab")
        assert await tab.evaluate("document.activeElement.id") == "start"
        await tab.press("Enter")
        await tab.until(HAS_ENDED)
        assert await tab.shows("#job-heading") == "Trying people.csv"
        assert not await tab.evaluate("undo.checkVisibility()")
    assert await count_contacts(database) == 0


async def test_same_import_is_offered_instead_of_done_twice(
    database: Database, database_url: URL, tmp_path: Path, tab: Tab, csv: Path
) -> None:
    """The file is not even sent again; who wants to can look at the first import."""
    async with serving(database_url, tmp_path) as served:
        await choose(tab, served, csv)
        await tab.click("#start")
        await tab.until(HAS_ENDED)
        first = await tab.evaluate("location.search")

        await tab.click("#next-import")
        sent = len(tab.requests)
        await tab.choose_file("#file", csv)
        await tab.click("#start")
        assert "imported already" in await tab.shows("#start-state")
        await tab.click("#show-first")
        await tab.until(HAS_ENDED)
        assert await tab.evaluate("location.search") == first
        assert "PATCH" not in {method for method, _, _ in tab.requests[sent:]}
    assert await count_contacts(database) == ROWS - BAD_ROWS


async def test_import_is_followed_where_no_stream_comes_through(
    database: Database, database_url: URL, tmp_path: Path, tab: Tab, csv: Path
) -> None:
    """A proxy that keeps streams back makes the page ask instead."""
    await tab.run_first(NO_STREAMS)
    async with serving(database_url, tmp_path) as served:
        await choose(tab, served, csv)
        await tab.click("#start")
        await tab.until(HAS_ENDED)
        assert (await tab.shows("#job-numbers")).startswith("3,000 rows")
    assert await count_contacts(database) == ROWS - BAD_ROWS


async def test_file_that_cannot_be_read_is_refused_in_words(
    database_url: URL, tmp_path: Path, tab: Tab
) -> None:
    """A picture that is dropped on the page; another file can be chosen then."""
    async with serving(database_url, tmp_path) as served:
        await tab.open(served.page(PAGE))
        await tab.until(IS_SIGNED_IN)
        await tab.evaluate(DROP_A_PICTURE)
        assert "requestId" not in await tab.shows("#trouble")
        assert not await tab.evaluate("document.querySelector('#start').checkVisibility()")
        await tab.click("#upload-other")
        assert await tab.evaluate("document.querySelector('#drop').checkVisibility()")


async def test_page_without_a_token_asks_for_one(
    database_url: URL, tmp_path: Path, tab: Tab, csv: Path
) -> None:
    """What signs in has the focus, and what needs a token says so."""
    async with serving(database_url, tmp_path) as served:
        await tab.open(f"{served.address}/imports/new")
        assert await tab.shows("#account") == "Sign in, or enter a token, to begin"
        await tab.choose_file("#file", csv)
        assert "token" in (await tab.shows("#trouble")).lower()
        assert await tab.evaluate("document.activeElement.id") == "sign-in"


async def test_upload_can_be_paused(
    database: Database, database_url: URL, tmp_path: Path, tab: Tab, long_csv: Path
) -> None:
    """It stands still, and goes on from there."""
    async with serving(database_url, tmp_path) as served:
        await tab.slow_down(SLOW_BYTES_PER_SECOND)
        await choose(tab, served, long_csv)
        await tab.until(IS_A_THIRD_SENT)
        await tab.click("#upload-pause")
        await tab.until(IS_PAUSED)
        before = len(tab.requests)
        await tab.slow_down(-1)
        await tab.click("#upload-pause")
        await tab.until(HAS_ARRIVED)
    assert_went_on(tab, before)
    await assert_whole(database, long_csv)


async def test_upload_goes_on_when_the_server_was_killed(
    database: Database, database_url: URL, tmp_path: Path, tab: Tab, long_csv: Path
) -> None:
    """By itself, from where the server has it."""
    async with serving(database_url, tmp_path) as served:
        await tab.slow_down(SLOW_BYTES_PER_SECOND)
        await choose(tab, served, long_csv)
        await tab.until(IS_A_THIRD_SENT)
        await served.kill()
        await tab.until(
            "document.querySelector('#upload-state').innerText.includes('Trying again')"
        )
    before = len(tab.requests)
    await tab.slow_down(-1)
    async with serving(database_url, tmp_path, port=served.port):
        await tab.until(HAS_ARRIVED)
    assert_went_on(tab, before)
    await assert_whole(database, long_csv)


async def test_upload_goes_on_when_the_page_was_reloaded(
    database: Database, database_url: URL, tmp_path: Path, tab: Tab, long_csv: Path
) -> None:
    """Once the file is chosen again, which the page asks for."""
    async with serving(database_url, tmp_path) as served:
        await tab.slow_down(SLOW_BYTES_PER_SECOND)
        await choose(tab, served, long_csv)
        await tab.until(IS_A_THIRD_SENT)
        await tab.reload()
        assert "people.csv" in await tab.shows("#unfinished")
        await tab.until(IS_SIGNED_IN)
        before = len(tab.requests)
        await tab.slow_down(-1)
        await tab.choose_file("#file", long_csv)
        await tab.until(HAS_ARRIVED)
    assert_went_on(tab, before)
    await assert_whole(database, long_csv)


def assert_went_on(tab: Tab, before: int) -> None:
    """Nothing was sent again but the piece that was cut."""
    pieces = [int(headers["upload-offset"]) for headers in patches(tab.requests[before:])]
    assert pieces[0] > 0
    assert pieces == sorted(set(pieces))


def patches(requests: list[tuple[str, str, dict[str, str]]]) -> list[dict[str, str]]:
    """The headers of those that sent a piece."""
    return [headers for method, _, headers in requests if method == "PATCH"]


async def assert_whole(database: Database, path: Path) -> None:
    """The server has the file once, and as it is."""
    async with database.read() as session:
        digests = [row[0] for row in await session.fetch(UPLOADS)]
    assert digests == [digest_of(path)]


def digest_of(path: Path) -> str:
    """The SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
