"""Promises of `domain.validation`: every mistake told at once, each with its place in the input."""

from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any

import pytest

from domain.absent import ABSENT
from domain.enums import EmailStatus, EmailType, PhoneType, RecordSource
from domain.errors import Problem, ProblemCode
from domain.node_ids import NodeKind, encode_node_id
from domain.records import CompanyFields, ContactFields, NewEmail, NewLocation, NewPhone
from domain.scalars import Json
from domain.validation import clean_company, clean_contact

Code = ProblemCode
Mistakes = list[tuple[dict[str, Any], ProblemCode, str]]
ADA = "ada@example.com"


def places(problems: tuple[Problem, ...]) -> list[tuple[ProblemCode, str]]:
    """What is wrong, and where."""
    return [(problem.code, ".".join(problem.path)) for problem in problems]


def numbered(mistakes: Mistakes) -> list[str]:
    """Ids of tests: where the mistake stands, and which one of them it is."""
    return [f"{path}-{at}" for at, (_, _, path) in enumerate(mistakes)]


CONTACT_MISTAKES: Mistakes = [
    ({"first_name": "a" * 151}, Code.TOO_LONG, "firstName"),
    ({"title": "a" * 501}, Code.TOO_LONG, "title"),
    ({"notes": "a" * 20_001}, Code.TOO_LONG, "notes"),
    ({"last_name": "a\0b"}, Code.INVALID_VALUE, "lastName"),
    ({"tags": ["a" * 151]}, Code.TOO_LONG, "tags"),
    ({"tags": [f"t{at}" for at in range(501)]}, Code.TOO_LONG, "tags"),
    ({"linkedin_url": "https://example.com/in/ada"}, Code.INVALID_URL, "linkedinUrl"),
    ({"website_url": "not a url"}, Code.INVALID_URL, "websiteUrl"),
    ({"location": NewLocation(country_code="DEU")}, Code.INVALID_VALUE, "location.countryCode"),
    ({"location": NewLocation(city="a" * 501)}, Code.TOO_LONG, "location.city"),
    ({"company_id": "nonsense"}, Code.NOT_FOUND, "companyId"),
    ({"company_id": encode_node_id(NodeKind.CONTACT, 1)}, Code.NOT_FOUND, "companyId"),
    ({"custom_fields": [1]}, Code.INVALID_VALUE, "customFields"),
    ({"custom_fields": {"a": "\ud800"}}, Code.INVALID_VALUE, "customFields"),
    ({"do_not_contact": None}, Code.REQUIRED, "doNotContact"),
    ({"source": None}, Code.REQUIRED, "source"),
    ({"emails": [NewEmail(address="ada")]}, Code.INVALID_EMAIL, "emails.0.address"),
    (
        {"emails": [NewEmail(address=ADA, confidence=1.5)]},
        Code.INVALID_VALUE,
        "emails.0.confidence",
    ),
    (
        {"emails": [NewEmail(address=ADA, confidence=float("nan"))]},
        Code.INVALID_VALUE,
        "emails.0.confidence",
    ),
    ({"emails": [NewEmail(address=ADA, source="a" * 501)]}, Code.TOO_LONG, "emails.0.source"),
    (
        {"emails": [NewEmail(address=ADA), NewEmail(address="ADA@Example.com")]},
        Code.INVALID_VALUE,
        "emails.1.address",
    ),
    (
        {"emails": [NewEmail(address=f"{at}@example.com") for at in range(51)]},
        Code.TOO_LONG,
        "emails",
    ),
    (
        {"emails": [NewEmail(address=f"{at}@a.com", is_primary=True) for at in range(2)]},
        Code.INVALID_VALUE,
        "emails",
    ),
    ({"phones": [NewPhone(number="call me")]}, Code.INVALID_PHONE, "phones.0.number"),
    ({"phones": [NewPhone(number="+49 30 123456")] * 51}, Code.TOO_LONG, "phones"),
    (
        {"phones": [NewPhone(number="+49 30 123456", is_primary=True)] * 2},
        Code.INVALID_VALUE,
        "phones",
    ),
]
COMPANY_MISTAKES: Mistakes = [
    ({"name": "a" * 501}, Code.TOO_LONG, "name"),
    ({"domain": "not a domain"}, Code.INVALID_DOMAIN, "domain"),
    ({"employees_count": -1}, Code.INVALID_VALUE, "employeesCount"),
    ({"employees_count": 2**31}, Code.INVALID_VALUE, "employeesCount"),
    ({"annual_revenue": 2**63}, Code.INVALID_VALUE, "annualRevenue"),
    ({"founded_year": 0}, Code.INVALID_VALUE, "foundedYear"),
    ({"founded_year": 2201}, Code.INVALID_VALUE, "foundedYear"),
    ({"currency": "EURO"}, Code.INVALID_VALUE, "currency"),
    ({"address": NewLocation(country_code="D")}, Code.INVALID_VALUE, "address.countryCode"),
    ({"technologies": ["a" * 151]}, Code.TOO_LONG, "technologies"),
    ({"source": None}, Code.REQUIRED, "source"),
]


@pytest.mark.parametrize(
    ("given", "code", "path"), CONTACT_MISTAKES, ids=numbered(CONTACT_MISTAKES)
)
def test_mistake_in_a_contact_is_told_with_its_place(
    given: dict[str, Any], code: ProblemCode, path: str
) -> None:
    """Each rule refuses with its code at the place of the mistake, and stores nothing of it."""
    clean = clean_contact(ContactFields(**given))
    assert places(clean.problems) == [(code, path)]
    assert clean.values == {}


@pytest.mark.parametrize(
    ("given", "code", "path"), COMPANY_MISTAKES, ids=numbered(COMPANY_MISTAKES)
)
def test_mistake_in_a_company_is_told_with_its_place(
    given: dict[str, Any], code: ProblemCode, path: str
) -> None:
    """Each rule refuses with its code at the place of the mistake, and stores nothing of it."""
    clean = clean_company(CompanyFields(**given))
    assert places(clean.problems) == [(code, path)]
    assert clean.values == {}


def test_all_mistakes_are_told_at_once() -> None:
    """Nobody has to correct an input one mistake at a time; what is right is kept."""
    clean = clean_contact(
        ContactFields(
            first_name="Ada",
            last_name="a" * 151,
            source=None,
            location=NewLocation(city="London", country_code="?"),
            emails=[NewEmail(address="a"), NewEmail(address="b", confidence=2)],
            phones=[NewPhone(number="-")],
        )
    )
    assert places(clean.problems) == [
        (Code.TOO_LONG, "lastName"),
        (Code.INVALID_VALUE, "location.countryCode"),
        (Code.REQUIRED, "source"),
        (Code.INVALID_EMAIL, "emails.0.address"),
        (Code.INVALID_VALUE, "emails.1.confidence"),
        (Code.INVALID_EMAIL, "emails.1.address"),
        (Code.INVALID_PHONE, "phones.0.number"),
    ]
    assert clean.values == {"first_name": "Ada", "city": "London"}


def test_absent_fields_are_left_out() -> None:
    """What is not given is not written."""
    contact, company = clean_contact(ContactFields()), clean_company(CompanyFields())
    assert (contact.values, contact.emails, contact.phones) == ({}, None, None)
    assert (company.values, company.problems, contact.problems) == ({}, (), ())


def test_null_clears_every_field_that_can_be_empty() -> None:
    """A null text is no text, a null list an empty one, a null object an empty one."""
    never = {"do_not_contact", "source"}
    names = {item.name for item in fields(ContactFields)} - never - {"location"}
    clean = clean_contact(ContactFields(**dict.fromkeys(names)))
    lists: dict[str, Any] = {name: [] for name in ("departments", "functions", "tags", "keywords")}
    others = names - set(lists) - {"emails", "phones", "custom_fields"}
    assert clean.values == {**dict.fromkeys(others), **lists, "custom_fields": "{}"}
    assert (clean.emails, clean.phones, clean.problems) == ([], [], ())


def test_null_clears_every_field_of_a_company() -> None:
    """A null text or number is none, a null list an empty one."""
    names = {item.name for item in fields(CompanyFields)} - {"source", "address"}
    clean = clean_company(CompanyFields(**dict.fromkeys(names)))
    emptied = {name for name, value in clean.values.items() if value == []}
    assert clean.problems == ()
    assert set(clean.values) == names
    assert emptied == {
        "additional_domains",
        "industries",
        "sub_industries",
        "sic_codes",
        "naics_codes",
        "technologies",
        "keywords",
    }


def test_null_in_an_address_is_what_leaving_out_is() -> None:
    """Status and kind always have a value, so null means the usual one."""
    clean = clean_contact(
        ContactFields(
            emails=[NewEmail(address=ADA, status=None, type=None, source=None)],
            phones=[NewPhone(number="+49 30 123456", type=None)],
        )
    )
    assert clean.emails == [
        {
            "address": ADA,
            "status": EmailStatus.UNKNOWN,
            "type": None,
            "source": None,
            "position": 0,
            "is_primary": True,
        }
    ]
    assert clean.phones is not None
    assert (clean.phones[0]["type"], clean.problems) == (PhoneType.OTHER, ())


@dataclass(kw_only=True)
class Input(ContactFields):
    """An input of a door: the fields, and something of its own."""

    id: str = "AQEB"


def test_input_that_extends_the_fields_obeys_their_rules() -> None:
    """What a door adds to the fields changes nothing about them and is not stored."""
    clean = clean_contact(Input(do_not_contact=None, custom_fields=None, first_name="Ada"))
    assert places(clean.problems) == [(Code.REQUIRED, "doNotContact")]
    assert clean.values == {"first_name": "Ada", "custom_fields": "{}"}


@pytest.mark.parametrize(
    ("given", "primary"),
    [
        pytest.param([ABSENT, ABSENT, ABSENT], 0, id="first-when-none"),
        pytest.param([None, False, None], 0, id="first-when-all-decline"),
        pytest.param([ABSENT, True, ABSENT], 1, id="named"),
        pytest.param([False, False, True], 2, id="last"),
    ],
)
def test_exactly_one_address_is_primary(given: list[Any], primary: int) -> None:
    """The one that is named, or the first; positions follow the input."""
    clean = clean_contact(
        ContactFields(
            emails=[
                NewEmail(address=f"{at}@a.com", is_primary=each) for at, each in enumerate(given)
            ],
            phones=[
                NewPhone(number=f"+49 30 12345{at}", is_primary=each)
                for at, each in enumerate(given)
            ],
        )
    )
    for rows in (clean.emails, clean.phones):
        assert rows is not None
        assert [row["is_primary"] for row in rows] == [at == primary for at in range(3)]
        assert [row["position"] for row in rows] == [0, 1, 2]
    assert clean.problems == ()


def test_location_is_flattened_into_its_columns() -> None:
    """Only the parts that are given are written, beside the other fields."""
    given = NewLocation(street="1 St", city=" Berlin ", country_code="de", postal_code=None)
    flat = {"street": "1 St", "city": "Berlin", "country_code": "DE", "postal_code": None}
    contact = clean_contact(ContactFields(first_name="Ada", location=given))
    company = clean_company(CompanyFields(name="Acme", address=given))
    assert contact.values == {"first_name": "Ada", **flat}
    assert company.values == {"name": "Acme", **flat}


def test_null_location_clears_every_part_of_it() -> None:
    """Null means the same for a group of columns as for one."""
    contact = clean_contact(ContactFields(first_name="Ada", location=None))
    company = clean_company(CompanyFields(name="Acme", address=None))
    parts = dict.fromkeys(item.name for item in fields(NewLocation))
    assert contact.values == {"first_name": "Ada", **parts}
    assert company.values == {"name": "Acme", **parts}


def test_values_are_stored_in_their_normal_form() -> None:
    """The rules of `domain.normalize` stand behind the fields."""
    at = datetime(2024, 1, 2, tzinfo=UTC)
    clean = clean_contact(
        ContactFields(
            first_name="  Ada ",
            tags=["a", " a ", "b"],
            company_id=encode_node_id(NodeKind.COMPANY, 7),
            custom_fields=Json({"k": [1, None]}),
            source=RecordSource.MANUAL,
            last_contacted_at=at,
            emails=[NewEmail(address=" Ada@Example.COM ", type=EmailType.WORK)],
        )
    )
    assert clean.values == {
        "first_name": "Ada",
        "tags": ["a", "b"],
        "company_id": 7,
        "custom_fields": '{"k":[1,null]}',
        "source": RecordSource.MANUAL,
        "last_contacted_at": at,
    }
    assert clean.emails is not None
    assert clean.emails[0]["address"] == "Ada@example.com"
    company = clean_company(CompanyFields(domain="https://www.Acme.com/", employees_count=0))
    assert company.values == {"domain": "acme.com", "employees_count": 0}


@pytest.mark.parametrize("count", [50, 51])
def test_lists_are_read_up_to_their_limit(count: int) -> None:
    """A list that is too long is refused once, and its first items are still checked."""
    emails = [NewEmail(address=f"{at}@a.com") for at in range(count)]
    clean = clean_contact(ContactFields(emails=emails))
    assert clean.emails is not None
    assert len(clean.emails) == 50
    assert places(clean.problems) == [(Code.TOO_LONG, "emails")] * (count - 50)
