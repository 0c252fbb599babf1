"""Promises of `streaming.import_preview`: what an import would do is shown, and nothing is done."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from domain.errors import InvalidInput
from domain.imports import ImportEntity, ImportErrorCode, ImportOptions, NumberLocale, Severity
from streaming.import_fields import field_names
from streaming.import_preview import MAX_PREVIEW_PROBLEMS, Preview, preview_file
from tests.streaming.vendor_files import LINKEDIN

OPTIONS = ImportOptions()


@pytest.fixture
def preview(tmp_path: Path) -> Callable[..., Preview]:
    """The preview of a file with a text."""

    def shown(
        text: str, *, entity: ImportEntity = ImportEntity.CONTACTS, **given: object
    ) -> Preview:
        path = tmp_path / "file.csv"
        path.write_bytes(text.encode())
        return preview_file(path, entity, {}, ImportOptions(**given))  # type: ignore[arg-type]  # names of options

    return shown


def test_a_file_is_shown_as_it_would_be_stored(preview: Callable[..., Preview]) -> None:
    """How it is written, where its columns go and why, and the values of its first rows."""
    found = preview(LINKEDIN.text())
    assert (found.encoding, found.delimiter, found.header_line) == ("utf-8", ",", 4)
    assert (found.vendor, found.entity) == ("LinkedIn connections", ImportEntity.CONTACTS)
    assert (found.rows_read, found.estimated_rows) == (3, 3)
    assert tuple(found.fields) == field_names("contacts")
    column = found.columns[2]
    assert (column.index, column.header, column.field, column.score) == (
        *(2, "URL", "linkedin_url", 1.0),
    )
    assert column.samples == ["https://www.linkedin.com/in/ada", "linkedin.com/in/grace"]
    row = found.sample[0]
    assert (row.line, row.cells[0]) == (5, "Ada")
    assert row.values == {
        "first_name": "Ada",
        "last_name": "Lovelace",
        "linkedin_url": "https://www.linkedin.com/in/ada",
        "title": "CTO",
        "company": {"name": "Engines Ltd"},
    }


def test_values_are_what_json_can_say(preview: Callable[..., Preview]) -> None:
    """Moments, days, lists of e-mails and the custom fields among them."""
    text = (
        "Email,email_verified_at,Tags,Last Contacted,company_name,company_last_raised_at,Size\n"
        "a@x.de,2024-03-12,a;b,2024-03-12,Acme,2024-03-12,7\n"
    )
    values = preview(text, keep_unmapped=True).sample[0].values
    assert json.loads(json.dumps(values)) == {
        "emails": [
            {"address": "a@x.de", "verified_at": "2024-03-12T00:00:00+00:00", "is_primary": True}
        ],
        "tags": ["a", "b"],
        "last_contacted_at": "2024-03-12T00:00:00+00:00",
        "company": {"name": "Acme", "last_raised_at": "2024-03-12"},
        "custom_fields": {"Size": "7"},
    }


def test_companies_are_shown_too(preview: Callable[..., Preview]) -> None:
    """Their values are one level."""
    found = preview("Name,Website\nAcme,acme.com\n,\n-,x y\n", entity=ImportEntity.COMPANIES)
    assert [row.values for row in found.sample] == [
        {"name": "Acme", "website_url": "https://acme.com", "domain": "acme.com"},
        {},
    ]
    assert [problem.code for problem in found.problems] == [
        ImportErrorCode.MISSING_REQUIRED,
        ImportErrorCode.INVALID_URL,
    ]


def test_problems_are_told_with_line_and_suggestion(preview: Callable[..., Preview]) -> None:
    """Those of columns, then those of rows."""
    found = preview('Email,Colour\na@x.de,red\n"b@x.de,\nada @x.de,green\ntoo,many,cells\n')
    assert [(each.line, each.code.value, each.column) for each in found.problems] == [
        (1, "UNMAPPED_COLUMN", "Colour"),
        (3, "UNPARSABLE_ROW", ""),
        (4, "MISSING_REQUIRED", ""),
        (4, "INVALID_EMAIL", "Email"),
        (5, "WRONG_COLUMN_COUNT", ""),
    ]
    assert found.problems[3].suggestion == "Did you mean ada@x.de?"


def test_a_number_that_could_be_two_is_told_once(preview: Callable[..., Preview]) -> None:
    """A warning about its column, as long as the locale is not told."""
    text = "Name;Revenue\nAcme;1.234\nBeta;2.345\n"
    (problem,) = preview(text, entity=ImportEntity.COMPANIES).problems
    assert (problem.severity, problem.line, problem.raw) == (Severity.WARNING, 2, "1.234")
    told = preview(text, entity=ImportEntity.COMPANIES, number_locale=NumberLocale.COMMA)
    assert told.problems == []


def test_a_long_file_is_read_in_part(preview: Callable[..., Preview]) -> None:
    """The number of its rows is estimated from the bytes; only the first problems are told."""
    found = preview("Email\n" + "broken@\n" * 5_000)
    assert (found.rows_read, found.estimated_rows) == (1000, 5000)
    assert len(found.problems) == MAX_PREVIEW_PROBLEMS * 1
    assert len(found.sample) == 20


def test_a_file_that_cannot_be_read_says_why(preview: Callable[..., Preview]) -> None:
    """As the import would."""
    with pytest.raises(InvalidInput, match="no header"):
        preview("a@x.de,b@x.de\n")


def test_a_look_that_is_given_up_ends(tmp_path: Path) -> None:
    """At the next row, and while the encoding is looked for."""
    path = tmp_path / "file.csv"
    path.write_bytes(b"Email\n" + b"\xe4@x.de\n" * 5_000)
    for most in (1, 3, 500, 5_050, 5_500):
        left = iter(range(most))

        def check(left: Iterator[int] = left) -> None:
            if next(left, None) is None:
                raise TimeoutError

        with pytest.raises(TimeoutError):
            preview_file(path, ImportEntity.CONTACTS, {}, OPTIONS, check=check)
