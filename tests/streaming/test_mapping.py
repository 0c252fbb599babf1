"""Promises of `streaming.mapping`: known columns find their field, others are reported."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import InvalidInput
from streaming.import_fields import Entity, field_names
from streaming.mapping import ColumnChoice, ColumnMapping, map_headers

LEADS = (
    "Index,Account Id,Lead Owner,First Name,Last Name,Company,Phone 1,Phone 2,Email 1,Email 2,"
    "Website,Source,Deal Stage,Notes"
)
LISTED = (
    "name,website,sector,industry_group,industry,currency,country,state,city,zipcode,market_cap"
)
ORGANIZATIONS = (
    "Index,Organization Id,Name,Website,Country,Description,Founded,Industry,"
    "Number of employees,UpdatedAt"
)


def mapped(entity: Entity, header: str) -> tuple[dict[str, str], list[str]]:
    mapping = map_headers(entity, header.split(","))
    return {column.header: column.field for column in mapping.columns}, list(mapping.unmapped)


def test_a_file_of_leads_is_mapped() -> None:
    """Beside a company, the web site is the company's; a free-text source is no record source."""
    assert mapped("contacts", LEADS) == (
        {
            "First Name": "first_name",
            "Last Name": "last_name",
            "Company": "company_name",
            "Phone 1": "phone",
            "Phone 2": "phone2",
            "Email 1": "email",
            "Email 2": "email2",
            "Website": "company_website",
            "Deal Stage": "stage",
            "Notes": "notes",
        },
        ["Index", "Account Id", "Lead Owner", "Source"],
    )


def test_a_file_of_listed_companies_is_mapped() -> None:
    """Industry, group and sector become one list, the finest first."""
    mapping = map_headers("companies", LISTED.split(","))
    assert mapping.columns == (
        ColumnMapping(0, "name", "name"),
        ColumnMapping(1, "website", "website_url"),
        ColumnMapping(4, "industry", "industries"),
        ColumnMapping(5, "currency", "currency"),
        ColumnMapping(6, "country", "country"),
        ColumnMapping(7, "state", "region"),
        ColumnMapping(8, "city", "city"),
        ColumnMapping(9, "zipcode", "postal_code"),
        ColumnMapping(3, "industry_group", "industries"),
        ColumnMapping(2, "sector", "industries"),
    )
    assert mapping.unmapped == ("market_cap",)


def test_a_file_of_organizations_is_mapped() -> None:
    """Plain names of columns find the fields of a company."""
    assert mapped("companies", ORGANIZATIONS) == (
        {
            "Name": "name",
            "Website": "website_url",
            "Country": "country",
            "Description": "short_description",
            "Founded": "founded_year",
            "Industry": "industries",
            "Number of employees": "employees_count",
        },
        ["Index", "Organization Id", "UpdatedAt"],
    )


@pytest.mark.parametrize(
    "name", ["First Name", "first_name", "FIRST-NAME", " firstName ", "First  Name*", "#First.Name"]
)
def test_capitals_and_punctuation_do_not_matter(name: str) -> None:
    """A name counts however its words are joined."""
    assert map_headers("contacts", [name]).columns == (ColumnMapping(0, name, "first_name"),)


@pytest.mark.parametrize(
    "name", ["Phonetic First Name", "Last Contacted By", "Emails Sent", "Nickname", ""]
)
def test_a_name_within_a_name_does_not_count(name: str) -> None:
    """No column is taken because its name contains a known one."""
    assert map_headers("contacts", ["Email", name]).unmapped == (name,)


def test_without_a_company_the_website_is_the_persons() -> None:
    """The same column means another thing beside other columns."""
    assert mapped("contacts", "Name,Website")[0]["Website"] == "website_url"


def test_of_two_columns_for_one_field_the_first_counts() -> None:
    """A later column never overwrites an earlier one unseen."""
    assert mapped("contacts", "Last Name,Surname") == ({"Last Name": "last_name"}, ["Surname"])


def test_emails_without_a_rank_take_the_places_left() -> None:
    """Every address is read, and those with a rank keep it."""
    assert mapped("contacts", "Personal Email,Work Email,Home Email,Secondary Email")[0] == {
        "Personal Email": "email",
        "Work Email": "email3",
        "Home Email": "emails",
        "Secondary Email": "email2",
    }


@pytest.mark.parametrize("field", ["lastName", "last_name", "Last Name"])
def test_an_override_goes_before_the_rules(field: str) -> None:
    """What the user says counts, and what he excludes is not read."""
    mapping = map_headers(
        "contacts",
        ["Email", "Last Name", "Sippe", "Notes"],
        overrides={"sippe": field, "Notes": None},
    )
    assert mapping.columns == (
        ColumnMapping(0, "Email", "email"),
        ColumnMapping(2, "Sippe", "last_name"),
    )
    assert mapping.unmapped == ("Last Name", "Notes")


def test_overrides_can_send_several_columns_to_phones_and_lists() -> None:
    """Phones and lists take any number of columns."""
    mapping = map_headers(
        "contacts",
        ["A", "B", "C", "D"],
        overrides={"A": "phone:MOBILE", "B": "phone", "C": "tags", "D": "tags"},
    )
    assert [column.field for column in mapping.columns] == [
        "phone:MOBILE",
        "phone",
        "tags",
        "tags",
    ]


@pytest.mark.parametrize(
    ("overrides", "reason"),
    [
        pytest.param({"Mail": "email"}, "column 'Mail' that the file has not", id="column"),
        pytest.param(
            {"Email": "e"}, "field 'e' that contacts do not have; .*first_name", id="field"
        ),
        pytest.param({"Email": "any_email"}, "field 'any_email'", id="internal"),
        pytest.param({"Email": "email", "X": "email"}, "several columns to email", id="clash"),
        pytest.param({"Email": None}, "No column tells", id="nobody-left"),
    ],
)
def test_an_override_that_cannot_be_followed_is_refused(
    overrides: dict[str, str | None], reason: str
) -> None:
    """A mistake in the mapping is told before a row is read."""
    with pytest.raises(InvalidInput, match=reason):
        map_headers("contacts", ["Email", "X"], overrides=overrides)


@pytest.mark.parametrize(
    ("entity", "header", "needed"),
    [
        pytest.param("contacts", ["Ada", "Lovelace"], "Full Name, Email", id="no-header"),
        pytest.param("contacts", ["Email Status", "City"], "Full Name, Email", id="contacts"),
        pytest.param("companies", ["Company Name for Emails"], "Name, Domain", id="companies"),
        pytest.param("companies", [], "Name, Domain", id="nothing"),
    ],
)
def test_a_file_that_names_nobody_is_refused(
    entity: Entity, header: list[str], needed: str
) -> None:
    """The message shows the header that was read and what it should hold."""
    with pytest.raises(InvalidInput, match=needed) as caught:
        map_headers(entity, header)
    assert all(repr(name) in caught.value.message for name in header)


def test_a_wide_header_does_not_flood_the_message() -> None:
    """Only the beginning of a strange header is shown."""
    with pytest.raises(InvalidInput, match="and 460 more"):
        map_headers("contacts", ["x" * 1000] * 500)


@pytest.mark.parametrize("entity", ["contacts", "companies"])
def test_every_field_is_known_by_its_own_name(entity: Entity) -> None:
    """A file written with our own names is read without a mapping."""
    names = field_names(entity)
    mapping = map_headers(entity, names)
    assert {column.header: column.field for column in mapping.columns} == {
        name: name for name in names
    }


def choice_of(header: list[str], index: int, **given: Any) -> ColumnChoice:
    return map_headers("contacts", header, **given).choices[index]


def test_each_way_to_find_a_field_has_its_score_and_reason() -> None:
    """The user, a usual name, a name like one, the looks of the cells: less and less sure."""
    header = ["Sippe", "First Name", "Compny", "Kontakt", "Colour"]
    sample = [["K", "Ada", "E", "ada@x.de", "red"], ["L", "Bob", "F", "bob@x.de", "blue"]]
    mapping = map_headers("contacts", header, overrides={"Sippe": "last_name"}, sample=sample)
    assert [(choice.field, choice.reason) for choice in mapping.choices] == [
        ("last_name", "The mapping says so."),
        ("first_name", "'First Name' is a usual name of it."),
        ("company_name", "It is much like 'company'."),
        ("email", "Its cells look like e-mail addresses."),
        (None, "No field has a name like this."),
    ]
    scores = [choice.score for choice in mapping.choices]
    assert scores == sorted(scores, reverse=True)
    assert (scores[0], scores[-1]) == (1, 0)


@pytest.mark.parametrize("name", ["Owner", "Assistant Mail", "Created By", "Parent Contact"])
def test_addresses_of_others_are_not_the_contacts(name: str) -> None:
    """Who looks after a contact is somebody else, whatever the cells look like."""
    sample = [["Ada", "boss@x.de"], ["Bob", "boss@x.de"]]
    assert choice_of(["Name", name], 1, sample=sample).field is None


def test_looks_add_no_second_address() -> None:
    """Where a column is the e-mail by its name, another is not by its cells."""
    sample = [["ada@x.de", "a@y.de"], ["bob@x.de", "b@y.de"]]
    assert choice_of(["Email", "Kontakt"], 1, sample=sample).field is None


def test_a_name_is_not_followed_against_the_looks_of_the_cells() -> None:
    """A column much like the e-mail that holds numbers is none."""
    sample = [["Ada", "17"], ["Bob", "18"]]
    assert choice_of(["Name", "Contact e-mail"], 1, sample=sample).field is None


def test_a_title_of_salutations_is_no_job() -> None:
    """Address books call `Dr.` a title."""
    sample = [["Ada", "Dr."], ["Bob", "Mr."]]
    assert choice_of(["First Name", "Title"], 1, sample=sample).field is None
    assert choice_of(["First Name", "Title"], 1).field == "title"


def test_a_second_column_of_a_name_is_told() -> None:
    """It goes nowhere, unless the field takes several."""
    mapping = map_headers("contacts", ["Email", "Notes", "Notes", "Tags", "Tags", ""])
    assert [choice.field for choice in mapping.choices] == [
        *("email", "notes", None, "tags", "tags", None),
    ]
    assert mapping.choices[2].reason == "Another column goes to notes already."
    assert mapping.choices[5].reason == "The column has no name."


def test_what_belongs_to_the_employer_goes_there() -> None:
    """The person's own city and phone stay the person's."""
    found, _ = mapped("contacts", "Name,Company,City,Company City,Phone,Company Phone,Industry")
    assert found == {
        "Name": "full_name",
        "Company": "company_name",
        "City": "city",
        "Company City": "company_city",
        "Phone": "phone",
        "Company Phone": "company_phone",
        "Industry": "company_industries",
    }


def test_contacts_of_a_company_do_not_become_the_company() -> None:
    """Neither by a name that is like one of its own nor beside others."""
    header = "Domain,Contact Name,Contact Phone,Contact City,Person Linkedin Url,Client Country"
    assert mapped("companies", header)[0] == {"Domain": "domain"}


def test_what_is_said_about_listed_phones_needs_the_list() -> None:
    """A status beside one phone is not that of a list."""
    assert choice_of(["Email", "Phone", "Phone Status"], 2).field is None
    assert choice_of(["Email", "Phones", "Phone Status"], 2).field == "phones_status"
    overrides = {"Numbers": "phones"}
    assert choice_of(["Numbers", "Phone Status"], 1, overrides=overrides).field == "phones_status"


def test_a_wide_strange_header_is_mapped_at_once() -> None:
    """Every word is looked up once; the limit is the columns of a file."""
    header = ["Email", *(f"Strange{n % 50} Word{n}" for n in range(499))]
    assert len(map_headers("contacts", header).unmapped) == 499


@given(
    header=st.lists(
        st.sampled_from([*field_names("contacts"), "Website", "Title", "x", ""]) | st.text()
    )
)
def test_every_column_is_either_mapped_or_named(header: list[str]) -> None:
    """No column gets lost without being reported."""
    try:
        mapping = map_headers("contacts", header)
    except InvalidInput:
        return
    assert sorted([*(column.header for column in mapping.columns), *mapping.unmapped]) == sorted(
        header
    )
