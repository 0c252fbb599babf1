"""Promises of `streaming.rows`: what a row says is taken, what cannot be used is told."""

import pytest

from db.staging import Finding, StagedCompany, StagedContact
from domain.enums import EmailStatus, PhoneType, Seniority
from streaming.decoders import CsvRow, RowCode, RowProblem
from streaming.mapping import Entity, map_headers
from streaming.rows import ReadRow, RowReader, split_name


def read(entity: Entity, **cells: str) -> ReadRow:
    """What a row says whose columns have the names of fields; `__` stands for a blank."""
    header = [name.replace("__", " ") for name in cells]
    return RowReader(entity, map_headers(entity, header)).read(CsvRow(7, list(cells.values())))


def contact(**cells: str) -> StagedContact:
    staged = read("contacts", **cells).staged
    assert isinstance(staged, StagedContact)
    return staged


def company(**cells: str) -> StagedCompany:
    staged = read("companies", **cells).staged
    assert isinstance(staged, StagedCompany)
    return staged


def told(row: ReadRow) -> list[tuple[str, str, str]]:
    return [(finding.code, finding.column, finding.raw) for finding in row.findings]


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
    assert (row.staged.contact.emails, row.staged.contact.phones) == ([], [])
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
    assert row.staged.contact.phones == []


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


def test_an_address_given_twice_counts_once() -> None:
    """Files repeat the primary address in the other columns."""
    staged = contact(email="ada@example.com", email2="ADA@example.com ", email3="b@example.com")
    addresses = [email["address"] for email in staged.contact.emails or ()]
    assert addresses == ["ada@example.com", "b@example.com"]


def test_an_employer_that_is_only_a_page_elsewhere_is_none() -> None:
    """Without name and domain of its own there is nothing to find or make."""
    assert (
        contact(email="a@x.de", company="", company_website="linkedin.com/company/a").company
        is None
    )


def test_parts_of_a_name_go_before_the_whole() -> None:
    """The full name is only split where its parts are missing."""
    assert contact(full_name="Ada King", email="").contact.values["last_name"] == "King"
    both = contact(full_name="Augusta Byron", first_name="Ada").contact.values
    assert both == {"first_name": "Ada", "source": "IMPORT"}


@pytest.mark.parametrize(
    ("full_name", "parts"),
    [
        ("Ada", ("Ada", "")),
        ("Ada King", ("Ada", "King")),
        ("Mary Jane Watson", ("Mary Jane", "Watson")),
        ("King, Ada", ("Ada", "King")),
        ("Ada King, Ph.D.", ("Ada", "King, Ph.D.")),
        ("Ludwig van Beethoven", ("Ludwig", "van Beethoven")),
        ("José de la Cruz", ("José", "de la Cruz")),
        ("Αλέξανδρος Παπαδόπουλος", ("Αλέξανδρος", "Παπαδόπουλος")),
        ("山田 太郎", ("太郎", "山田")),
        ("田中", ("田中", "")),
    ],
)
def test_full_names_are_split(full_name: str, parts: tuple[str, str]) -> None:
    """Small words belong to the family name, and nothing is lost."""
    assert split_name(full_name) == parts


def test_an_unreadable_row_fails_with_its_reason() -> None:
    """What the decoder says is passed on."""
    reader = RowReader("contacts", map_headers("contacts", ["email"]))
    row = reader.read(RowProblem(3, RowCode.WRONG_COLUMN_COUNT, "The row has 2 cells.", "a,b"))
    finding = Finding(code="WRONG_COLUMN_COUNT", message="The row has 2 cells.", raw="a,b")
    assert row == ReadRow(3, None, (finding,))
