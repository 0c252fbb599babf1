"""Promises of `streaming.mapping`: known columns find their field, others are reported."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import InvalidInput
from streaming.mapping import ColumnMapping, Entity, field_names, map_headers

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
APOLLO_CONTACTS = (
    "First Name,Last Name,Title,Company Name,Company Name for Emails,Email,Email Status,Seniority,"
    "Departments,Contact Owner,Work Direct Phone,Home Phone,Mobile Phone,Corporate Phone,"
    "Other Phone,Stage,Lists,Last Contacted,# Employees,Keywords,Person Linkedin Url,Website,"
    "Company Linkedin Url,Facebook Url,Twitter Url,City,State,Country,Company City,Company Phone,"
    "Technologies,Apollo Contact Id,Secondary Email,Secondary Email Source,Secondary Email Status,"
    "Tertiary Email,Tertiary Email Status"
)
APOLLO_ACCOUNTS = (
    "Company Name,Company Name for Emails,# Employees,Industry,Website,Company Linkedin Url,"
    "Company Country,Keywords,Apollo Record Id,Short Description,Founded Year"
)
HUBSPOT_CONTACTS = (
    "Record ID,First Name,Last Name,Email,Phone Number,Mobile Phone Number,Job Title,Company Name,"
    "Website URL,City,State/Region,Country/Region,Postal Code,Lifecycle Stage,Lead Status,"
    "Last Activity Date*,LinkedIn Bio"
)
HUBSPOT_NAMES = "firstname,lastname,email,phone,mobilephone,jobtitle,company,website,hs_lead_status"
HUBSPOT_COMPANIES = (
    "Company name,Company Domain Name,Industry,Number of Employees,Annual Revenue,Phone Number,"
    "State/Region,Year Founded*,LinkedIn Company Page*,hs_additional_domains"
)
LINKEDIN = "First Name,Last Name,URL,Email Address,Company,Position,Connected On"
GOOGLE = (
    "First Name,Phonetic First Name,Last Name,Name Prefix,Organization Name,Organization Title,"
    "Labels,E-mail 1 - Label,E-mail 1 - Value,E-mail 2 - Value,Phone 1 - Value,Phone 2 - Value,"
    "Address 1 - City,Address 1 - Postal Code,Website 1 - Value"
)
OUTLOOK = (
    "Title,First Name,Last Name,Company,Job Title,Business Street,Home City,Business Fax,"
    "Business Phone 2,E-mail Address,E-mail 2 Address,Web Page"
)
ZOOMINFO = (
    "ZoomInfo Contact ID,Last Name,First Name,Job Title,Management Level,Direct Phone Number,"
    "Email Address,Email Domain,LinkedIn Contact Profile URL,Person City,Person State,"
    "Person Zip Code,Company Name,Website,Revenue (in 000s USD),Company HQ Phone,Company City"
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
            "Phone 1": "phone:OTHER",
            "Phone 2": "phone:OTHER",
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


def test_apollo_contacts_are_mapped() -> None:
    """What belongs to the company does not become the person's."""
    assert mapped("contacts", APOLLO_CONTACTS) == (
        {
            "First Name": "first_name",
            "Last Name": "last_name",
            "Title": "title",
            "Company Name": "company_name",
            "Email": "email",
            "Email Status": "email_status",
            "Seniority": "seniority",
            "Departments": "departments",
            "Work Direct Phone": "phone:WORK_DIRECT",
            "Home Phone": "phone:HOME",
            "Mobile Phone": "phone:MOBILE",
            "Corporate Phone": "phone:CORPORATE",
            "Other Phone": "phone:OTHER",
            "Stage": "stage",
            "Lists": "tags",
            "Last Contacted": "last_contacted_at",
            "Person Linkedin Url": "linkedin_url",
            "Website": "company_website",
            "Company Linkedin Url": "company_linkedin_url",
            "Facebook Url": "facebook_url",
            "Twitter Url": "twitter_url",
            "City": "city",
            "State": "region",
            "Country": "country",
            "Company Phone": "phone:COMPANY",
            "Secondary Email": "email2",
            "Secondary Email Status": "email2_status",
            "Tertiary Email": "email3",
            "Tertiary Email Status": "email3_status",
        },
        [
            *("Company Name for Emails", "Contact Owner", "# Employees", "Keywords"),
            *("Company City", "Technologies", "Apollo Contact Id", "Secondary Email Source"),
        ],
    )


@pytest.mark.parametrize(
    ("entity", "header", "fields", "unmapped"),
    [
        pytest.param(
            "companies",
            APOLLO_ACCOUNTS,
            "name name_for_emails employees_count industries website_url linkedin_url country"
            " keywords short_description founded_year",
            ["Apollo Record Id"],
            id="apollo-accounts",
        ),
        pytest.param(
            "contacts",
            HUBSPOT_CONTACTS,
            "first_name last_name email phone:OTHER phone:MOBILE title company_name company_website"
            " city region country postal_code stage lead_status",
            ["Record ID", "Last Activity Date*", "LinkedIn Bio"],
            id="hubspot-contacts",
        ),
        pytest.param(
            "contacts",
            HUBSPOT_NAMES,
            "first_name last_name email phone:OTHER phone:MOBILE title company_name company_website"
            " lead_status",
            [],
            id="hubspot-internal-names",
        ),
        pytest.param(
            "companies",
            HUBSPOT_COMPANIES,
            "name domain industries employees_count annual_revenue phone region founded_year"
            " linkedin_url additional_domains",
            [],
            id="hubspot-companies",
        ),
        pytest.param(
            "contacts",
            LINKEDIN,
            "first_name last_name linkedin_url email company_name title",
            ["Connected On"],
            id="linkedin-connections",
        ),
        pytest.param(
            "contacts",
            GOOGLE,
            "first_name last_name company_name title tags email email2 phone:OTHER phone:OTHER city"
            " postal_code website_url",
            ["Phonetic First Name", "Name Prefix", "E-mail 1 - Label"],
            id="google",
        ),
        pytest.param(
            "contacts",
            OUTLOOK,
            "first_name last_name company_name title street phone:FAX phone:WORK_DIRECT email"
            " email2 website_url",
            ["Title", "Home City"],
            id="outlook",
        ),
        pytest.param(
            "contacts",
            ZOOMINFO,
            "last_name first_name title seniority phone:WORK_DIRECT email linkedin_url city region"
            " postal_code company_name company_website phone:COMPANY",
            ["ZoomInfo Contact ID", "Email Domain", "Revenue (in 000s USD)", "Company City"],
            id="zoominfo",
        ),
    ],
)
def test_the_exports_of_vendors_are_mapped(
    entity: Entity, header: str, fields: str, unmapped: list[str]
) -> None:
    """The columns of a known export go where its users expect them."""
    found, others = mapped(entity, header)
    assert (list(found.values()), others) == (fields.split(), unmapped)


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
    assert mapped("contacts", "Personal Email,Work Email,Home Email,Secondary Email") == (
        {"Personal Email": "email", "Work Email": "email3", "Secondary Email": "email2"},
        ["Home Email"],
    )


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
        "phone:OTHER",
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
