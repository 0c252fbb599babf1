"""Promises of `streaming.rows` about rows that hold very much: what they cost is bounded."""

import pytest

from db.staging import StagedContact
from domain.records import MAX_EMAILS, MAX_LIST_ITEMS, MAX_PHONES
from streaming.cells import MAX_FINDINGS
from streaming.decoders import CsvRow
from streaming.mapping import map_headers
from streaming.rows import ReadRow, RowReader


def read(header: list[str], cells: list[str], **overrides: str) -> ReadRow:
    mapping = map_headers("contacts", header, overrides=overrides)
    return RowReader("contacts", mapping).read(CsvRow(2, cells))


def codes(row: ReadRow) -> list[str]:
    return [finding.code for finding in row.findings]


@pytest.mark.parametrize(
    ("header", "cell"),
    [
        *(("Email", "a@b;a@b;"), ("Email", "a@b ::: "), ("emails", "a@b;"), ("emails", "\\;a@b;")),
        *(("Phone", "123456 12345 12345 12345;"), ("phones", "1;")),
    ],
)
def test_a_cell_of_thousands_of_broken_values_is_told_in_a_few(header: str, cell: str) -> None:
    """Each row has a few findings; that the cell held more than fit is one of them."""
    row = read(["Last Name", header], ["Ada", cell * (60_000 // len(cell))])
    assert codes(row)[-2:] == ["VALUE_TOO_LONG", "INVALID_VALUE"]
    assert len(row.findings) <= MAX_FINDINGS + 3
    assert "more values of the row cannot be used" in row.findings[-1].message
    suggested = [finding for finding in row.findings if finding.suggestion]
    assert len(suggested) <= 3


def test_columns_of_broken_values_are_told_in_a_few() -> None:
    """However many a file has."""
    header = ["Last Name", *(f"Phone {n}" for n in range(400))]
    overrides = dict.fromkeys(header[1:], "phone:MOBILE")
    row = read(header, ["Ada", *(["no"] * 400)], **overrides)
    assert len(row.findings) == MAX_FINDINGS + 2
    assert row.findings[-2].code == "VALUE_TOO_LONG"


def test_what_fits_is_taken_of_a_cell_that_holds_more() -> None:
    """The first of them; one finding tells of the others."""
    emails = ";".join(f"a{n}@x.de" for n in range(5_000))
    phones = ";".join(f"+49 30 {n}" for n in range(10_000, 15_000))
    row = read(["Email", "Phone"], [emails, phones])
    assert codes(row) == ["VALUE_TOO_LONG"] * 2
    assert isinstance(row.staged, StagedContact)
    contact = row.staged.contact
    assert [each["address"] for each in contact.emails or ()] == [
        f"a{n}@x.de" for n in range(MAX_EMAILS)
    ]
    assert len(contact.phones or ()) == MAX_PHONES


def test_an_address_that_is_repeated_a_little_is_one() -> None:
    """A few equal ones more than fit are nothing to tell."""
    row = read(["Email"], [";".join(["a@x.de"] * (MAX_EMAILS + 5))])
    assert row.findings == ()


@pytest.mark.parametrize("count", [MAX_LIST_ITEMS + 1, 30_000])
def test_a_list_of_too_many_items_is_left_out(count: int) -> None:
    """Also where equal ones are among them."""
    row = read(["Email", "Tags"], ["a@x.de", "t;" * count])
    assert codes(row) == ["VALUE_TOO_LONG"]
    assert isinstance(row.staged, StagedContact)
    assert "tags" not in row.staged.contact.values


def test_columns_of_one_list_hold_no_more_than_it_takes() -> None:
    """The first that fit are taken, the others told."""
    header = ["Email", *(f"T{n}" for n in range(10))]
    cells = [";".join(f"{column} {n}" for n in range(200)) for column in range(10)]
    row = read(header, ["a@x.de", *cells], **dict.fromkeys(header[1:], "tags"))
    assert codes(row) == ["VALUE_TOO_LONG"] * 8
    assert isinstance(row.staged, StagedContact)
    assert len(row.staged.contact.values["tags"]) == 400


def test_a_long_text_is_no_known_word() -> None:
    """It is refused by its beginning."""
    row = read(["Email", "Seniority"], ["a@x.de", "VP/" * 20_000])
    assert codes(row) == ["INVALID_ENUM_VALUE"]
