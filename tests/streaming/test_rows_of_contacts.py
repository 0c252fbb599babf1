"""Promises of `streaming.rows` for contacts: names, employers, addresses and numbers."""

from datetime import UTC, date, datetime

import pytest

from db.staging import StagedContact
from domain.enums import EmailType, PhoneType
from domain.imports import EmptyCell, ImportOptions
from streaming.rows import split_name
from tests.streaming.taking import contact, read, told


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


def test_cells_about_the_employer_are_the_employers() -> None:
    """Its place, size and pages, and nothing of the person's."""
    staged = contact(
        email="a@x.de",
        city="London",
        company="Acme",
        company_city="Leeds",
        company_phone="'+44 113 496 0007",
        company_employees_count="1,250",
        company_industries="Tools, Machines",
        company_technologies="Brass; Steam",
        company_last_raised_at="2023-11-01",
        company_facebook_url="facebook.com/acme",
    )
    assert staged.company == {
        "name": "Acme",
        "city": "Leeds",
        "phone": "+44 113 496 0007",
        "employees_count": 1250,
        "industries": ["Tools, Machines"],
        "technologies": ["Brass", "Steam"],
        "last_raised_at": date(2023, 11, 1),
        "facebook_url": "https://facebook.com/acme",
        "source": "IMPORT",
    }
    assert staged.contact.values == {"city": "London", "source": "IMPORT"}


def test_what_is_said_about_an_address_stays_with_it() -> None:
    """Status, source, confidence and the rest, each for its own address."""
    staged = contact(
        email="a@x.de",
        email_confidence="93%",
        email_is_catch_all="Catch-all",
        email_verified_at="12 Mar 2024",
        email2="b@x.de",
        email2_source="Apollo",
        email2_type="Home",
    )
    assert staged.contact.emails == [
        {
            "address": "a@x.de",
            "confidence": 0.93,
            "is_catch_all": True,
            "verified_at": datetime(2024, 3, 12, tzinfo=UTC),
            "position": 0,
            "is_primary": True,
        },
        {
            "address": "b@x.de",
            "source": "Apollo",
            "type": EmailType.PERSONAL,
            "position": 1,
            "is_primary": False,
        },
    ]


def test_a_plain_address_or_number_says_nothing_else() -> None:
    """What is stored about an equal one stays: neither status nor type are given."""
    staged = contact(email="a@x.de", phone="+49 30 123456").contact
    assert [set(each) for each in staged.emails or ()] == [{"address", "position", "is_primary"}]
    assert [set(each) for each in staged.phones or ()] == [
        {"number", "e164", "extension", "position", "is_primary"}
    ]


def test_a_number_in_two_columns_is_one() -> None:
    """The column that knows its type is believed."""
    staged = contact(mobile_phone="+49 170 1234567", phone="0049 170 1234567").contact
    assert [(each["e164"], each["type"]) for each in staged.phones or ()] == [
        ("+491701234567", PhoneType.MOBILE)
    ]


def test_a_default_country_completes_numbers() -> None:
    """Without it a national number has no international form."""
    german = ImportOptions(default_country="DE")
    for options, e164 in ((None, None), (german, "+4930123456")):
        phones = contact(options, phone="030 123456").contact.phones or []
        assert [phone["e164"] for phone in phones] == [e164]


def test_an_empty_cell_clears_when_asked() -> None:
    """Only of columns that are there; what nobody may clear stays unsaid."""
    options = ImportOptions(empty_cell=EmptyCell.CLEAR)
    cells = {"first_name": "Ada", "title": "", "tags": "n/a", "city": "", "phone": "", "email2": ""}
    staged = contact(options, **cells, do_not_contact="", company="", linkedin="").contact
    assert staged.values == {
        "first_name": "Ada",
        "title": None,
        "tags": [],
        "city": None,
        "linkedin_url": None,
        "source": "IMPORT",
    }
    assert (staged.emails, staged.phones) == ([], [])
    assert contact(**cells).contact.values == {"first_name": "Ada", "source": "IMPORT"}


def test_one_filled_cell_of_several_keeps_the_others_from_clearing() -> None:
    """A contact with one address is not left without any."""
    options = ImportOptions(empty_cell=EmptyCell.CLEAR)
    staged = contact(options, email="a@x.de", email2="", tags="x", labels="").contact
    assert [each["address"] for each in staged.emails or ()] == ["a@x.de"]
    assert staged.values["tags"] == ["x"]


def test_more_addresses_than_fit_are_told() -> None:
    """The first fifty are taken."""
    many = "; ".join(f"p{number}@x.de" for number in range(51))
    row = read("contacts", emails=many)
    assert [code for code, _, _ in told(row)] == ["VALUE_TOO_LONG"]
    assert isinstance(row.staged, StagedContact)
    assert len(row.staged.contact.emails or ()) == 50
