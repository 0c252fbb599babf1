"""Promises of `streaming.vendors`: every column of a known export goes where it belongs."""

from pathlib import Path

import pytest

from domain.imports import ImportEntity, ImportOptions, Severity
from streaming.import_preview import preview_file
from streaming.mapping import map_headers
from tests.streaming import vendor_files
from tests.streaming.vendor_files import ROWS, VendorFile


def fields_of(file: VendorFile, header: list[str]) -> dict[str, str | None]:
    choices = map_headers(file.entity, header).choices
    return {choice.header: choice.field for choice in choices}


@pytest.fixture(
    params=vendor_files.ALL, ids=lambda file: f"{file.vendor} {len(file.columns)}".replace(" ", "-")
)
def file(request: pytest.FixtureRequest) -> VendorFile:
    param: VendorFile = request.param
    return param


def test_every_column_goes_to_its_field(file: VendorFile) -> None:
    """None goes to a wrong one, and those that have none say why."""
    mapping = map_headers(file.entity, file.header)
    assert mapping.vendor == file.vendor
    assert fields_of(file, file.header) == file.fields
    assert all(choice.reason.endswith(".") for choice in mapping.choices)
    assert all((choice.score == 1) == bool(choice.field) for choice in mapping.choices)


def test_the_order_of_the_columns_does_not_matter(file: VendorFile) -> None:
    """Users move columns about."""
    assert fields_of(file, file.header[::-1]) == file.fields


def test_the_spelling_of_the_columns_does_not_matter(file: VendorFile) -> None:
    """Tools on the way change capitals and blanks."""
    spelt = [name.upper().replace(" ", "_") for name in file.header]
    assert list(fields_of(file, spelt).values()) == list(file.fields.values())


def test_its_rows_are_taken_without_an_error(file: VendorFile, tmp_path: Path) -> None:
    """A file as the vendor writes it is read to the last cell."""
    path = tmp_path / "file.csv"
    path.write_bytes(file.text().encode())
    preview = preview_file(path, ImportEntity(file.entity), {}, ImportOptions())
    assert [each for each in preview.problems if each.severity is Severity.ERROR] == []
    assert preview.rows_read == ROWS
    assert all(row.values for row in preview.sample)


def test_the_apollo_header_of_54_columns_is_the_first() -> None:
    """It is the one that most people bring."""
    assert len(vendor_files.APOLLO_CONTACTS_54.header) == 54


def test_contacts_are_read_as_companies_by_what_they_say_of_the_employer() -> None:
    """The person's own place and pages do not become the company's."""
    file = vendor_files.APOLLO_CONTACTS
    found = {c.header: c.field for c in map_headers("companies", file.header).choices if c.field}
    assert {"City", "State", "Title", "Person Linkedin Url", "Email"}.isdisjoint(found)
    assert found["Company City"] == "city"
    assert found["Facebook Url"] == "facebook_url"
    assert found["Website"] == "website_url"


def test_companies_are_read_as_contacts_by_their_employer() -> None:
    """Such a file names nobody, but beside a name its columns are the employer's."""
    header = ["Full Name", *vendor_files.APOLLO_ACCOUNTS.header]
    found = {c.header: c.field for c in map_headers("contacts", header).choices}
    assert (found["Website"], found["Keywords"]) == ("company_website", "company_keywords")


def test_thousands_are_multiplied(tmp_path: Path) -> None:
    """ZoomInfo gives money in thousands, and so may any header."""
    path = tmp_path / "file.csv"
    path.write_text(vendor_files.ZOOMINFO_COMPANIES.text())
    rows = preview_file(path, ImportEntity.COMPANIES, {}, ImportOptions()).sample
    assert [row.values.get("annual_revenue") for row in rows] == [12_000_000, 5_000_000_000, 1500]
    assert rows[0].values["latest_funding_amount"] == 5_000_000
    (choice,) = [
        choice
        for choice in map_headers("companies", ["Name", "Revenue (in millions)"]).choices
        if choice.field == "annual_revenue"
    ]
    assert choice.scale == 1_000_000


def test_thousands_are_what_the_header_says(tmp_path: Path) -> None:
    """Without such words nothing is multiplied; a K or M in a cell goes before them."""
    header = "ZoomInfo Company ID,Company Name,Revenue,Total Funding Amount (in 000s USD)\n"
    path = tmp_path / "file.csv"
    path.write_text(f"{header}1,Acme,$1.2M,$1.2M\n2,Beta,5000000,12\n")
    found = preview_file(path, ImportEntity.COMPANIES, {}, ImportOptions())
    assert found.vendor == "ZoomInfo companies"
    money = [(row.values["annual_revenue"], row.values["total_funding"]) for row in found.sample]
    assert money == [(1_200_000, 1_200_000), (5_000_000, 12_000)]
    (told,) = [each for each in found.problems if each.field]
    assert (told.column, told.severity, told.line) == (
        *("Total Funding Amount (in 000s USD)", Severity.WARNING, 1),
    )
    assert "1,000" in told.message


@pytest.mark.parametrize(
    ("header", "vendor"),
    [
        ("First Name,Last Name,Email,Number of Employees,Lifecycle Stage", "HubSpot contacts"),
        ("First Name,Last Name,Email,NumberOfEmployees,Status,Lifecycle Stage", "HubSpot contacts"),
        ("First Name,Last Name,Email,Number of Employees,Status", None),
        ("FirstName,LastName,Email,NumberOfEmployees", None),
        ("FirstName,LastName,Email,NumberOfEmployees,Status", "Salesforce leads"),
        ("FirstName,LastName,Email,NumberOfEmployees,Rating", "Salesforce leads"),
    ],
)
def test_a_name_that_anybody_writes_is_no_sign(header: str, vendor: str | None) -> None:
    """The name of an API in one word is, beside another of its; what is HubSpot's own counts."""
    assert map_headers("contacts", header.split(",")).vendor == vendor


def test_values_that_share_a_cell_are_all_read(tmp_path: Path) -> None:
    """Google writes ` ::: ` between them; their label is true of all, its own marks of none."""
    path = tmp_path / "file.csv"
    path.write_text(vendor_files.GOOGLE.text())
    values = preview_file(path, ImportEntity.CONTACTS, {}, ImportOptions()).sample[0].values
    assert [(each["address"], each["type"]) for each in values["emails"]] == [
        ("ada@engines.example", "WORK"),
        ("ada2@engines.example", "WORK"),
        ("ada@home.example", "PERSONAL"),
    ]
    assert [(each["e164"], each["type"]) for each in values["phones"]] == [
        ("+447700900003", "MOBILE"),
        ("+447700900004", "MOBILE"),
        ("+442079460002", "HOME"),
    ]
    assert values["tags"] == ["Fair"]


def test_four_phones_become_four(tmp_path: Path) -> None:
    """Each keeps its kind, and none takes the place of another."""
    path = tmp_path / "file.csv"
    path.write_text(vendor_files.APOLLO_CONTACTS.text())
    values = preview_file(path, ImportEntity.CONTACTS, {}, ImportOptions()).sample[0].values
    kinds = [each["type"] for each in values["phones"]]
    assert kinds == ["WORK_DIRECT", "HOME", "MOBILE", "CORPORATE", "OTHER"]
    assert values["company"]["phone"] == "+44 113 496 0007"
    assert values["emails"][0]["confidence"] == 0.97
