"""Promises of what is told about rows: no value of somebody who was erased is kept again."""

from typing import Final

from db.import_rejects import Reject, load_rejects
from db.staging import Finding
from db.transaction import Database
from tests.db.importing import (
    FileLine,
    make_import,
    rejects_of,
    rows_of_file,
    told_of,
    write_batch,
)
from tests.db.people import erase
from tests.db.staged import contact, rows_of
from tests.factories import make_contact

ADA: Final = "ada@example.com"
PROFILE: Final = "https://www.linkedin.com/in/ada"
WRONG: Final = Finding(
    code="INVALID_PHONE", message="'7' of Ada is none.", column="Phone", raw="7", suggestion="+49 7"
)


async def test_nothing_of_an_erased_person_is_kept_again(database: Database) -> None:
    """Of the row only line, column and codes, be it staged or not, and whatever names them."""
    ada = await make_contact(database, emails=(ADA,), linkedin_url=PROFILE)
    await erase(database, ada.id)
    plan = await make_import(database)
    lines = [
        FileLine(2, contact(2, ADA, first_name="Ada"), (WRONG,), (ADA, "Ada", "7")),
        FileLine(3, None, (WRONG,), ("Ada;linkedin.com/in/ada;7",)),
        FileLine(4, contact(4, "eve@example.com"), (WRONG,), ("eve@example.com", "Eve", "7")),
    ]
    counts = await write_batch(database, plan, lines)

    assert await rejects_of(database, plan.job_id) == [(4, ["eve@example.com", "Eve", "7"])]
    assert counts["rejects"] == 1
    assert counts["failed"] == 2
    assert sorted(await told_of(database, plan.job_id)) == [
        (2, "INVALID_PHONE", "ERROR"),
        (2, "SUPPRESSED_CONTACT", "ERROR"),
        (3, "INVALID_PHONE", "ERROR"),
        (3, "SUPPRESSED_CONTACT", "ERROR"),
        (4, "INVALID_PHONE", "ERROR"),
    ]
    told = await rows_of(
        database,
        "SELECT DISTINCT code, message, raw, suggestion FROM import_errors WHERE line < 4"
        " ORDER BY code",
    )
    assert told == [
        ("INVALID_PHONE", "Not a phone number.", "", ""),
        ("SUPPRESSED_CONTACT", "The person was erased and must not be stored.", "", ""),
    ]
    columns = await rows_of(
        database, 'SELECT "column" FROM import_errors WHERE line = 3 ORDER BY 1'
    )
    assert columns == [("",), ("Phone",)]


async def test_rejected_rows_are_found_by_whom_they_name(database: Database) -> None:
    """By what is in their cells, and by what these were understood as."""
    plan = await make_import(database)
    staged = contact(2, "ada@xn--mnchen-3ya.example", linkedin_url=PROFILE)
    lines = [
        FileLine(2, staged, (WRONG,), ("ada@münchen.example", "in/ada")),
        FileLine(3, None, (WRONG,), ("word " * 200 + "Eve@X.example", "a" * 600)),
    ]
    await write_batch(database, plan, lines)
    assert await rows_of(database, "SELECT line, person_keys FROM import_rejects ORDER BY 1") == [
        (2, ["ada@münchen.example", "ada@xn--mnchen-3ya.example", PROFILE]),
        (3, ["eve@x.example"]),
    ]


async def test_more_rows_than_are_copied_at_once_are_all_kept(database: Database) -> None:
    """However many they are, and however many people they name."""
    plan = await make_import(database)
    lines = [FileLine(2 + n, None, (WRONG,), (f"p{n}@x.example",) * 2) for n in range(600)]
    counts = await write_batch(database, plan, lines)
    kept = await rejects_of(database, plan.job_id)
    assert counts["rejects"] == 600
    assert kept == [(line.line, list(line.cells)) for line in lines]


async def test_pages_of_rejects_end_by_rows_and_by_bytes(database: Database) -> None:
    """A row that is larger than a page has one of its own; what is told counts as well."""
    plan = await make_import(database)
    wordy = Finding(code="INVALID_URL", message="no " * 1000)
    sizes = {2: 10, 3: 10, 4: 9000, 5: 10, 6: 10, 7: 10}
    lines = [
        FileLine(line, None, (wordy if line == 5 else WRONG,), ("x" * size,))
        for line, size in sizes.items()
    ]
    await write_batch(database, plan, lines)
    pages: list[list[int]] = []
    rejects: list[Reject] = []
    while not pages or rejects:
        async with database.read() as session:
            rejects = await load_rejects(
                session,
                plan.job_id,
                after_line=pages[-1][-1] if pages else -1,
                most=2,
                most_bytes=2000,
            )
        pages.append([each.line for each in rejects])
    assert pages == [[2, 3], [4], [5], [6, 7], []]


async def test_rows_in_which_nothing_is_wrong_are_not_kept(database: Database) -> None:
    """There is nothing to tell of them."""
    plan = await make_import(database)
    counts = await write_batch(database, plan, rows_of_file(contact(2, ADA)))
    assert counts["rejects"] == 0
    assert await rejects_of(database, plan.job_id) == await told_of(database, plan.job_id) == []
