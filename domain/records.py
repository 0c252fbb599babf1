"""What can be written about a contact and a company: one line a field, with its rule and its words.

The rule in a field's metadata serves mutations and imports alike (`domain.validation`); the words
become the description in the GraphQL schema. Every field may be left out (`ABSENT`).
"""

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from datetime import date, datetime
from typing import Any, Final

import orjson

from domain import contact_points, normalize
from domain.absent import ABSENT
from domain.enums import EmailStatus, EmailType, PhoneType, RecordSource, Seniority
from domain.errors import AppError, InvalidValue, ProblemCode
from domain.node_ids import NodeKind, decode_node_id
from domain.scalars import MAX_BIG_INT, MAX_INT, BigInt, Json, NodeId

MAX_NAME_CHARS = 150
MAX_LINE_CHARS = 500
MAX_TEXT_CHARS = 20_000
MAX_LIST_ITEMS = 500
MIN_YEAR = 1900
MAX_YEAR = 2200
MAX_EMAILS = 50
MAX_PHONES = 50


def _company_row(node_id: str) -> int:
    try:
        return decode_node_id(node_id, expected=NodeKind.COMPANY)[1]
    except AppError as error:
        raise InvalidValue(ProblemCode.NOT_FOUND, error.message) from error


def _json_object(value: object) -> str:
    if not isinstance(value, dict):
        raise InvalidValue(ProblemCode.INVALID_VALUE, "This is not a JSON object.")
    try:
        return orjson.dumps(value).decode()
    except orjson.JSONEncodeError as error:
        raise InvalidValue(ProblemCode.INVALID_VALUE, "This is not a JSON object.") from error


def _between(least: float, greatest: float) -> Callable[[float], float]:
    def check(number: float) -> float:
        if not least <= number <= greatest:
            message = f"{number} is not between {least} and {greatest}."
            raise InvalidValue(ProblemCode.INVALID_VALUE, message)
        return number

    return check


def described(doc: str, *, required: bool = False) -> Any:
    """A field of an input with its words and no rule."""
    metadata = {"doc": doc}
    return field(metadata=metadata) if required else field(default=ABSENT, metadata=metadata)


def _in_calendar(moment: date) -> date:
    # asyncpg stores the ends of Python's calendar as infinity, which nothing can read again.
    if not MIN_YEAR <= moment.year <= MAX_YEAR:
        message = f"The year {moment.year} is not between {MIN_YEAR} and {MAX_YEAR}."
        raise InvalidValue(ProblemCode.INVALID_VALUE, message)
    return moment


def _time(doc: str) -> Any:
    return _written(doc, rule=_in_calendar)


def _written(
    doc: str, *, rule: Callable[[Any], Any] | None = None, max_chars: int | None = None
) -> Any:
    return field(default=ABSENT, metadata={"doc": doc, "rule": rule, "max_chars": max_chars})


def _name(doc: str) -> Any:
    return _written(doc, rule=normalize.normalize_text, max_chars=MAX_NAME_CHARS)


def _line(doc: str) -> Any:
    return _written(doc, rule=normalize.normalize_text, max_chars=MAX_LINE_CHARS)


def _text(doc: str) -> Any:
    return _written(doc, rule=normalize.normalize_paragraphs, max_chars=MAX_TEXT_CHARS)


def _url(doc: str) -> Any:
    return _written(doc, rule=contact_points.normalize_url, max_chars=MAX_LINE_CHARS)


def _number(doc: str, *, greatest: int, least: int = 0) -> Any:
    return _written(doc, rule=_between(least, greatest))


def _strings(doc: str) -> Any:
    return _written(doc, rule=normalize.normalize_sequence, max_chars=MAX_NAME_CHARS)


@dataclass(frozen=True, kw_only=True)
class NewEmail:
    """An e-mail address of a contact."""

    address: str = described("The address, such as `ada@example.com`.", required=True)
    type: EmailType | None = _written("Whose mailbox it is.")
    status: EmailStatus | None = _written("What is known about it; UNKNOWN when left out.")
    is_primary: bool | None = _written("The address to write to; the first one when none is.")
    confidence: float | None = _written("How sure the source is, from 0 to 1.", rule=_between(0, 1))
    is_catch_all: bool | None = _written("The domain takes mail for any address.")
    source: str | None = _line("Where the address comes from.")
    verified_at: datetime | None = _time("When it was last verified.")


@dataclass(frozen=True, kw_only=True)
class NewPhone:
    """A phone number of a contact."""

    number: str = described("The number, best in international form: `+49 30 1234`.", required=True)
    type: PhoneType | None = _written("What kind of line it is; OTHER when left out.")
    extension: str | None = _line("The extension to dial after the number.")
    is_primary: bool | None = _written("The number to call; the first one when none is.")
    status: str | None = _line("What the source says about the number.")
    source: str | None = _line("Where the number comes from.")


@dataclass(frozen=True, kw_only=True)
class NewLocation:
    """Where a person or a company is."""

    street: str | None = _line("Street and house number.")
    street2: str | None = _line("Further address line.")
    city: str | None = _line("City.")
    region: str | None = _line("State, province or region.")
    postal_code: str | None = _name("Postal code.")
    country: str | None = _line("Country as the source spells it.")
    country_code: str | None = _written(
        "ISO 3166-1 alpha-2 code.", rule=normalize.normalize_country_code
    )
    timezone: str | None = _name("IANA time zone, such as `Europe/Berlin`.")


@dataclass(kw_only=True)
class ContactPatch:
    """What can be written about several contacts at once: all but what belongs to one alone."""

    first_name: str | None = _name("Given name.")
    middle_name: str | None = _name("Middle name.")
    last_name: str | None = _name("Family name.")
    title: str | None = _line("Job title.")
    headline: str | None = _line("One line the person says about themselves.")
    seniority: Seniority | None = _written("Place in the hierarchy.")
    departments: list[str] | None = _strings("Departments, such as `Sales`.")
    functions: list[str] | None = _strings("Job functions.")
    linkedin_url: str | None = _written(
        "LinkedIn profile.", rule=contact_points.normalize_linkedin_url, max_chars=MAX_LINE_CHARS
    )
    facebook_url: str | None = _url("Facebook profile.")
    twitter_url: str | None = _url("X (Twitter) profile.")
    website_url: str | None = _url("Personal web site.")
    location: NewLocation | None = _written("Where the person is; only the parts given change.")
    company_id: NodeId | None = _written("The employer's id.", rule=_company_row)
    company_name_raw: str | None = _line("The employer as the source spells it.")
    stage: str | None = _name("Stage in the pipeline, such as `WARM`.")
    lead_status: str | None = _name("Status as a lead.")
    do_not_contact: bool | None = _written("The person has asked not to be contacted.")
    tags: list[str] | None = _strings("Tags.")
    keywords: list[str] | None = _strings("Keywords.")
    notes: str | None = _text("Free text.")
    custom_fields: Json | None = _written(
        "A JSON object of your own; it replaces the stored one.", rule=_json_object
    )
    source: RecordSource | None = _written("How the record came to be.")
    last_contacted_at: datetime | None = _time("When somebody last wrote or called.")
    last_verified_at: datetime | None = _time("When the record was last checked.")


@dataclass(kw_only=True)
class ContactFields(ContactPatch):
    """What can be written about a contact."""

    emails: list[NewEmail] | None = _written("All e-mail addresses; they replace those stored.")
    phones: list[NewPhone] | None = _written("All phone numbers; they replace those stored.")


@dataclass(kw_only=True)
class CompanyPatch:
    """What can be written about several companies at once: all but what belongs to one alone."""

    name: str | None = _line("Name.")
    name_for_emails: str | None = _line("Name as one would write it in a letter.")
    additional_domains: list[str] | None = _strings("Further hosts.")
    website_url: str | None = _url("Web site.")
    industries: list[str] | None = _strings("Industries, the main one first.")
    sub_industries: list[str] | None = _strings("Finer industries.")
    sic_codes: list[str] | None = _strings("SIC codes.")
    naics_codes: list[str] | None = _strings("NAICS codes.")
    employees_count: int | None = _number("Number of employees.", greatest=MAX_INT)
    annual_revenue: BigInt | None = _number(
        "Revenue of a year, in whole units of the currency.", greatest=MAX_BIG_INT
    )
    currency: str | None = _written("ISO 4217 code.", rule=normalize.normalize_currency_code)
    total_funding: BigInt | None = _number(
        "All funding, in whole units of the currency.", greatest=MAX_BIG_INT
    )
    latest_funding: str | None = _name("Kind of the latest round, such as `Series B`.")
    latest_funding_amount: BigInt | None = _number(
        "Amount of the latest round.", greatest=MAX_BIG_INT
    )
    last_raised_at: date | None = _time("Day of the latest round.")
    founded_year: int | None = _number("Year of foundation.", least=1, greatest=MAX_YEAR)
    phone: str | None = _name("Phone number.")
    address: NewLocation | None = _written("Headquarters; only the parts given change.")
    linkedin_url: str | None = _written(
        "LinkedIn page.", rule=contact_points.normalize_linkedin_url, max_chars=MAX_LINE_CHARS
    )
    facebook_url: str | None = _url("Facebook page.")
    twitter_url: str | None = _url("X (Twitter) profile.")
    technologies: list[str] | None = _strings("Technologies in use.")
    keywords: list[str] | None = _strings("Keywords.")
    short_description: str | None = _text("What the company does.")
    retail_locations: int | None = _number("Number of shops.", greatest=MAX_INT)
    logo_url: str | None = _url("Logo.")
    ticker: str | None = _name("Stock ticker.")
    ownership_type: str | None = _name("Ownership, such as `PUBLIC`.")
    stage: str | None = _name("Stage in the pipeline.")
    source: RecordSource | None = _written("How the record came to be.")


@dataclass(kw_only=True)
class CompanyFields(CompanyPatch):
    """What can be written about a company."""

    domain: str | None = _written(
        "Its main host; `https://www.acme.com/` becomes `acme.com`.",
        rule=contact_points.normalize_domain,
    )


LIST_FIELDS: Final = frozenset(
    item.name
    for kind in (ContactFields, CompanyFields)
    for item in fields(kind)
    if item.metadata["rule"] is normalize.normalize_sequence
)
"""The fields that are lists of texts: null empties them, and several cells add to one."""
