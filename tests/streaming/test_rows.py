"""Promises of `streaming.rows`: what a row says is taken, what cannot be used is told."""

import json
from datetime import date

import pytest

from db.staging import Finding, StagedCompany, StagedContact
from domain.bulk import ErrorPolicy
from domain.enums import EmailStatus, PhoneType, Seniority
from domain.imports import DateOrder, ImportErrorCode, ImportOptions, NumberLocale
from streaming.decoders import CsvRow, RowProblem
from streaming.mapping import map_headers
from streaming.rows import ReadRow, RowReader
from tests.streaming.taking import company, read, told


def test_a_row_becomes_a_contact_with_its_employer() -> None:
    """Every kind of cell gets the form its field is stored in."""
    row = read(
        "contacts",
        first_name=" Ada ",
        email="Ada@EXAMPLE.com",
        email_status="Email No Longer Verified",
        email2="ada@home.example",
        mobile_phone="'+44 20 7946 0958",
        seniority="C-Suite",
        tags="vip; fair",
        city="London",
        linkedin="linkedin.com/in/Ada/",
        last_contacted="2024-03-12",
        company="Engines Ltd",
        company_website="https://www.engines.co.uk/about",
    )
    assert row.findings == ()
    assert row.staged is not None
    staged = row.staged
    assert isinstance(staged, StagedContact)
    assert staged.line == 7
    assert {k: str(v) for k, v in staged.contact.values.items()} == {
        "first_name": "Ada",
        "seniority": Seniority.C_SUITE,
        "tags": "['vip', 'fair']",
        "city": "London",
        "linkedin_url": "https://www.linkedin.com/in/ada",
        "last_contacted_at": "2024-03-12 00:00:00+00:00",
        "source": "IMPORT",
    }
    assert [(e["address"], e.get("status")) for e in staged.contact.emails or ()] == [
        ("Ada@example.com", EmailStatus.NO_LONGER_VERIFIED),
        ("ada@home.example", None),
    ]
    assert [(p["e164"], p["type"]) for p in staged.contact.phones or ()] == [
        ("+442079460958", PhoneType.MOBILE)
    ]
    assert staged.company == {
        "name": "Engines Ltd",
        "website_url": "https://www.engines.co.uk/about",
        "domain": "engines.co.uk",
        "source": "IMPORT",
    }


def test_a_row_becomes_a_company() -> None:
    """Industries keep their commas; keywords are separated by them."""
    staged = company(
        name="Acme",
        website="acme.com",
        industry="Machines, Tools & Parts",
        sector="Industrials",
        keywords="anvils, rockets",
        number_of_employees="1,250",
        annual_revenue="$1.2M",
        founded="1949.0",
    )
    assert staged.values == {
        "name": "Acme",
        "website_url": "https://acme.com",
        "domain": "acme.com",
        "industries": ["Machines, Tools & Parts", "Industrials"],
        "keywords": ["anvils", "rockets"],
        "employees_count": 1250,
        "annual_revenue": 1_200_000,
        "founded_year": 1949,
        "source": "IMPORT",
    }


@pytest.mark.parametrize("placeholder", ["", "  ", "_", "N/A", "null", "-", "#N/A"])
def test_placeholders_say_nothing(placeholder: str) -> None:
    """They are neither values nor mistakes, whatever the field."""
    row = read(
        "contacts",
        first_name="Ada",
        last_name=placeholder,
        email=placeholder,
        phone=placeholder,
        linkedin=placeholder,
        last_contacted=placeholder,
        company=placeholder,
    )
    assert row.findings == ()
    assert isinstance(row.staged, StagedContact)
    assert row.staged.contact.values == {"first_name": "Ada", "source": "IMPORT"}
    assert (row.staged.contact.emails, row.staged.contact.phones) == (None, None)
    assert row.staged.company is None


@pytest.mark.parametrize(
    ("column", "value", "code"),
    [
        ("phone", "call me", "INVALID_PHONE"),
        ("email2", "ada@", "INVALID_EMAIL"),
        ("linkedin", "https://example.com/ada", "INVALID_URL"),
        ("last_contacted", "yesterday", "INVALID_DATE"),
        ("do_not_contact", "perhaps", "INVALID_BOOLEAN"),
        ("seniority", "Wizard", "INVALID_ENUM_VALUE"),
        ("email_status", "shiny", "INVALID_ENUM_VALUE"),
        ("title", "x" * 501, "VALUE_TOO_LONG"),
        ("country_code", "Germany", "INVALID_VALUE"),
        ("company_domain", "acme", "INVALID_DOMAIN"),
    ],
)
def test_a_value_that_cannot_be_used_is_left_out_and_told(
    column: str, value: str, code: str
) -> None:
    """The row is taken without it; the finding names column, field and the value as it stands."""
    row = read("contacts", **{"email": "ada@example.com", "first_name": "Ada", column: value})
    assert told(row) == [(code, column, value[:500])]
    assert isinstance(row.staged, StagedContact)
    assert row.staged.contact.values == {"first_name": "Ada", "source": "IMPORT"}
    assert len(row.staged.contact.emails or ()) == 1
    assert row.staged.contact.phones is None


@pytest.mark.parametrize(
    ("column", "value", "code"),
    [
        ("employees", "about ten", "INVALID_NUMBER"),
        ("annual_revenue", "10,5 %", "INVALID_NUMBER"),
        ("founded", "12345", "INVALID_VALUE"),
        ("last_raised_at", "soon", "INVALID_DATE"),
        ("website", "not a site", "INVALID_URL"),
        ("currency", "Euro", "INVALID_VALUE"),
    ],
)
def test_a_company_is_taken_without_what_cannot_be_used(column: str, value: str, code: str) -> None:
    """The name is enough to load it."""
    row = read("companies", **{"name": "Acme", column: value})
    assert told(row) == [(code, column, value)]
    assert isinstance(row.staged, StagedCompany)
    assert row.staged.values == {"name": "Acme", "source": "IMPORT"}


def test_a_row_whose_only_keys_cannot_be_used_fails() -> None:
    """Such a contact would be made anew each time; the name alone does not find it again."""
    row = read("contacts", first_name="Ada", email="ada@", linkedin="ada")
    assert row.staged is None
    assert [code for code, _, _ in told(row)] == [
        "MISSING_REQUIRED",
        "INVALID_URL",
        "INVALID_EMAIL",
    ]


def test_another_key_is_enough() -> None:
    """One usable key takes the row."""
    row = read("contacts", email="ada@", linkedin="linkedin.com/in/ada")
    assert [code for code, _, _ in told(row)] == ["INVALID_EMAIL"]
    assert isinstance(row.staged, StagedContact)


@pytest.mark.parametrize("cells", [{"title": "CTO"}, {"phone": "call me"}])
def test_a_row_about_nobody_fails(cells: dict[str, str]) -> None:
    """A name, an address, a profile or a phone number is needed."""
    row = read("contacts", **{"email": "", **cells})
    assert row.staged is None
    assert row.findings[0].code == "MISSING_REQUIRED"


def test_a_company_without_name_and_domain_fails() -> None:
    """A page on a shared host is no domain of the company's own."""
    row = read("companies", name="", website="https://www.facebook.com/acme")
    assert row.staged is None
    assert [finding.code for finding in row.findings] == ["MISSING_REQUIRED"]


def test_dates_and_numbers_follow_the_options() -> None:
    """What is refused without them is read as they say."""
    columns = {"name": "Acme", "last_raised_at": "03/04/2024", "annual_revenue": "1.234"}
    (finding,) = read("companies", **columns).findings
    assert (finding.code, finding.suggestion) == (
        "INVALID_DATE",
        "Write 2024-03-04 or 2024-04-03.",
    )
    options = ImportOptions(date_order=DateOrder.DMY, number_locale=NumberLocale.COMMA)
    row = read("companies", options, **columns)
    assert isinstance(row.staged, StagedCompany)
    assert row.staged.values["last_raised_at"] == date(2024, 4, 3)
    assert row.staged.values["annual_revenue"] == 1234


@pytest.mark.parametrize("policy", [p for p in ErrorPolicy if p != "IGNORE_FAILED_FIELDS"])
def test_by_a_strict_policy_a_bad_value_fails_its_row(policy: ErrorPolicy) -> None:
    """The finding says which; rows without one are taken."""
    options = ImportOptions(error_policy=policy)
    row = read("contacts", options, email="ada@x.de", phone="call me")
    assert (row.staged, told(row)) == (None, [("INVALID_PHONE", "phone", "call me")])
    assert read("contacts", options, email="ada@x.de", phone="").staged is not None


def test_columns_without_a_field_are_kept_when_asked() -> None:
    """In the custom fields, beside those of a column of their own; not those passed over."""
    header = ["Email", "Colour", "Secret", "", "custom_fields"]
    mapping = map_headers("contacts", header, overrides={"Secret": None})
    reader = RowReader("contacts", mapping, ImportOptions(keep_unmapped=True, tag="fair"))
    row = reader.read(CsvRow(2, ["a@x.de", "green", "x", "y", '{"Size": 7}']))
    assert isinstance(row.staged, StagedContact)
    values = row.staged.contact.values
    assert json.loads(values["custom_fields"]) == {"Size": 7, "Colour": "green"}
    assert values["tags"] == ["fair"]


def test_the_placeholder_of_the_settings_says_nothing() -> None:
    """Besides those that everybody uses."""
    mapping = map_headers("contacts", ["Email", "Title", "City"])
    reader = RowReader("contacts", mapping, placeholder="%%")
    row = reader.read(CsvRow(2, ["a@x.de", "%%", "_"]))
    assert isinstance(row.staged, StagedContact)
    assert row.staged.contact.values == {"source": "IMPORT"}


@pytest.mark.parametrize(
    ("column", "value", "code", "suggestion"),
    [
        ("email2", "ada @example,com", "INVALID_EMAIL", "Did you mean ada@example.com?"),
        ("email2", "ada at example.com", "INVALID_EMAIL", ""),
        ("seniority", "Manger", "INVALID_ENUM_VALUE", "Did you mean MANAGER?"),
        ("seniority", "VP, Director", "AMBIGUOUS_ENUM_VALUE", "Write DIRECTOR or VP."),
        ("do_not_contact", "perhaps", "INVALID_BOOLEAN", "Write yes or no."),
        ("last_contacted", "45363", "INVALID_DATE", "did you mean 2024-03-12?"),
        ("custom_fields", "[1", "INVALID_VALUE", "Write it as in"),
        ("custom_fields", "[1]", "INVALID_VALUE", ""),
        ("company_employees_count", "11-50", "INVALID_NUMBER", "Write its digits only"),
    ],
)
def test_a_finding_says_what_could_be_written(
    column: str, value: str, code: str, suggestion: str
) -> None:
    """As far as anybody can know."""
    row = read("contacts", **{"email": "a@x.de", column: value})
    (finding,) = row.findings
    assert (finding.code, finding.raw) == (code, value)
    assert suggestion in finding.suggestion
    assert bool(finding.suggestion) == bool(suggestion)


def test_a_row_keeps_its_cells() -> None:
    """Those that are rejected are given back as they were."""
    row = read("contacts", email=" a@x.de", notes="'=1")
    assert row.cells == (" a@x.de", "'=1")
    assert isinstance(row.staged, StagedContact)
    assert row.staged.contact.values["notes"] == "=1"


def test_an_unreadable_row_fails_with_its_reason() -> None:
    """What the decoder says is passed on."""
    reader = RowReader("contacts", map_headers("contacts", ["email"]))
    row = reader.read(
        RowProblem(3, ImportErrorCode.WRONG_COLUMN_COUNT, "The row has 2 cells.", "a,b")
    )
    finding = Finding(code="WRONG_COLUMN_COUNT", message="The row has 2 cells.", raw="a,b")
    assert row == ReadRow(3, None, (finding,))
