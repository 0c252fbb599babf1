"""Decides which column of a file goes to which field, by the name of the column alone.

A name counts when it is, capitals and punctuation aside, one of those listed here; never because
it contains one: "Last Contacted" is no last name, "Company Name for Emails" no company name.

Source: the export formats of Apollo, HubSpot, Salesforce, ZoomInfo, LinkedIn, Google and Outlook.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from domain.enums import PhoneType
from domain.errors import InvalidInput

Entity = Literal["contacts", "companies"]

PHONE_PREFIX = "phone:"
EMAIL_FIELDS = ("email", "email2", "email3")

_ANY_EMAIL = "any_email"
_MAX_SHOWN_NAMES = 40
_MAX_NAME_CHARS = 60

_PLACE = {
    "street": "street address, address",
    "city": "town",
    "region": "state, province, state region, state province",
    "postal_code": "zip, zip code, postcode, zip postal code",
    "country": "country region",
    "country_code": "",
}


def _place(*prefixes: str) -> dict[str, str]:
    """The names of the parts of a place, alone and behind each prefix, as in `Mailing City`."""
    return {
        part: ",".join(
            f"{prefix} {name}"
            for prefix in ("", *prefixes)
            for name in (part, *names.split(","))
            if name
        )
        for part, names in _PLACE.items()
    }


# Field: further names of its column. A field's own name always counts.
_CONTACT_NAMES = {
    "first_name": "given name",
    "middle_name": "additional name",
    "last_name": "family name, surname",
    "full_name": "name, contact full name, contact name",
    "title": "job title, position, organization title, organization 1 title",
    "headline": "",
    "seniority": "management level",
    "departments": "department, organization department, organization 1 department",
    "functions": "function, job function, job functions",
    "email": "email address, primary email, email 1, email 1 value, email 1 address",
    "email2": "secondary email, email 2 value, email 2 address",
    "email3": "tertiary email, email 3 value, email 3 address",
    _ANY_EMAIL: "work email, business email, personal email, home email, other email",
    "email_status": "primary email status",
    "email2_status": "secondary email status",
    "email3_status": "tertiary email status",
    "linkedin_url": "linkedin, person linkedin url, linkedin profile, linkedin profile url,"
    " linkedin contact profile url, hs linkedin url",
    "facebook_url": "facebook",
    "twitter_url": "twitter",
    "website_url": "personal website, website 1 value, web page",
    **_place("address 1", "mailing", "person", "business"),
    "timezone": "time zone",
    "company_name": "company, company name raw, account name, organization,"
    " organization name, organization 1 name",
    "company_domain": "company domain name",
    "company_website": "company website url",
    "company_linkedin_url": "linkedin company profile url",
    "stage": "contact stage, deal stage, lifecycle stage",
    "lead_status": "hs lead status",
    "do_not_contact": "",
    "tags": "tag, labels, lists, categories, group membership",
    "notes": "note, description, contact description",
    "last_contacted_at": "last contacted",
    "last_verified_at": "last verified",
}
_PHONE_NAMES = {
    PhoneType.WORK_DIRECT: "work direct phone, direct phone, direct phone number, work phone,"
    " business phone, business phone 2",
    PhoneType.MOBILE: "mobile, mobile phone, mobile phone number, mobile number, cell phone",
    PhoneType.HOME: "home phone, home phone 2",
    PhoneType.CORPORATE: "corporate phone",
    PhoneType.COMPANY: "company phone, company main phone, company hq phone",
    PhoneType.FAX: "fax, business fax, home fax, fax number",
    PhoneType.OTHER: "phone, phone number, telephone, primary phone, other phone, phone 1, phone 2,"
    " phone 3, phone 1 value, phone 2 value, phone 3 value, phone 4 value",
}
_COMPANY_NAMES = {
    "name": "company, company name, account name, organization, organization name",
    "name_for_emails": "company name for emails",
    "domain": "company domain, company domain name",
    "additional_domains": "hs additional domains",
    "website_url": "website, company website, homepage, url",
    "industries": "industry, primary industry, industry group, sector",
    "sub_industries": "sub industry, primary sub industry",
    "sic_codes": "sic code",
    "naics_codes": "naics code",
    "employees_count": "employees, employee count, number of employees, no of employees, headcount",
    "annual_revenue": "revenue",
    "currency": "",
    "total_funding": "",
    "latest_funding": "",
    "latest_funding_amount": "",
    "last_raised_at": "",
    "founded_year": "founded, year founded",
    "phone": "phone number, company phone, company hq phone",
    **_place("company", "billing"),
    "timezone": "time zone",
    "linkedin_url": "linkedin, company linkedin url, linkedin company page,"
    " linkedin company profile url",
    "facebook_url": "facebook",
    "twitter_url": "twitter",
    "technologies": "technology",
    "keywords": "keyword",
    "short_description": "description, company description",
    "retail_locations": "number of retail locations",
    "logo_url": "logo",
    "ticker": "",
    "ownership_type": "ownership",
    "stage": "account stage",
}
_LIST_FIELDS = frozenset(
    {"departments", "functions", "tags", "additional_domains", "industries", "sub_industries"}
    | {"sic_codes", "naics_codes", "technologies", "keywords"}
)
# The finest industry is the main one and comes first in the list.
_LAST_IN_LIST = {"industrygroup": 1, "sector": 2}

_IDENTIFYING = {
    "contacts": {"first_name", "last_name", "full_name", *EMAIL_FIELDS, "linkedin_url", "phone"},
    "companies": {"name", "domain", "website_url"},
}


@dataclass(frozen=True)
class ColumnMapping:
    """A column and where it goes.

    Attributes:
        index: The position of the column, from 0.
        field: One of `field_names`; several columns may share a list field or a `phone:` one.
    """

    index: int
    header: str
    field: str


class HeaderMapping(NamedTuple):
    """Where the columns of a file go.

    Attributes:
        columns: In the order of the file, but the coarser of several industries last, so that the
            values of a list stand in its order.
        unmapped: The names of the columns that are not read, in the order of the file.
    """

    columns: tuple[ColumnMapping, ...]
    unmapped: tuple[str, ...]


def field_names(entity: Entity) -> tuple[str, ...]:
    """All the fields that a column can go to; phones are `phone:` and a `PhoneType`.

    For contacts `full_name` is still to be split, `company_…` names the employer. The parts of a
    place (`city`, `region` and so on) are those of `NewLocation` for both kinds.
    """
    return tuple(dict.fromkeys(field for field in _NAMES[entity].values() if field != _ANY_EMAIL))


def map_headers(
    entity: Entity, header: Sequence[str], *, overrides: Mapping[str, str | None] | None = None
) -> HeaderMapping:
    """Where each column goes; of two for one field the first in the file counts.

    Args:
        entity: What a row of the file is.
        header: The names of the columns.
        overrides: Name of a column to a field, in camelCase or snake_case, or to None for a column
            that is not to be read. They go before all other rules.

    Raises:
        InvalidInput: An override names an unknown column or field, or no column tells who a row is
            about, as in a file without a header.
    """
    keys = [_key(name) for name in header]
    chosen = _overridden(entity, header, overrides or {})
    known = _names_in_context(entity, keys)
    found = {
        index: known[key] for index, key in enumerate(keys) if index not in chosen and key in known
    }
    fields = _without_clashes(chosen, found)
    if not any(field.partition(":")[0] in _IDENTIFYING[entity] for field in fields.values()):
        raise _nobody_named(entity, header)
    columns = [ColumnMapping(index, header[index], fields[index]) for index in sorted(fields)]
    columns.sort(key=lambda column: _LAST_IN_LIST.get(keys[column.index], 0))
    unmapped = (name for index, name in enumerate(header) if index not in fields)
    return HeaderMapping(tuple(columns), tuple(unmapped))


def _key(name: str) -> str:
    return "".join(filter(str.isalnum, name.casefold()))


def _names(table: Mapping[str, str]) -> dict[str, str]:
    """The key of every name to its field."""
    return {
        _key(name): field
        for field, names in table.items()
        for name in (field, *names.split(","))
        if _key(name)
    }


_NAMES: dict[Entity, dict[str, str]] = {
    "contacts": {
        **_names(_CONTACT_NAMES),
        **_names({f"{PHONE_PREFIX}{kind}": names for kind, names in _PHONE_NAMES.items()}),
    },
    "companies": _names(_COMPANY_NAMES),
}


def _names_in_context(entity: Entity, keys: Iterable[str]) -> dict[str, str]:
    """The names that count beside the other columns of the file."""
    names = dict(_NAMES[entity])
    if entity == "companies":
        return names
    present = set(keys)
    about = {names.get(key, "") for key in present}
    employer = "company_website" not in about and {"company_name", "company_domain"} & about
    # Apollo, HubSpot and ZoomInfo put the employer's web site beside the employer.
    names["website"] = names["websiteurl"] = "company_website" if employer else "website_url"
    if "connectedon" in present:
        names["url"] = "linkedin_url"  # LinkedIn Connections
    if "jobtitle" in present:
        names.pop("title", None)  # Outlook: "Dr.", "Mrs."
    return names


def _overridden(
    entity: Entity, header: Sequence[str], overrides: Mapping[str, str | None]
) -> dict[int, str | None]:
    chosen: dict[int, str | None] = {}
    for name, field in overrides.items():
        index = _column(header, name)
        chosen[index] = None if field is None else _field(entity, field)
    single = [field for field in chosen.values() if field and not _takes_several(field)]
    for field in single:
        if single.count(field) > 1:
            raise InvalidInput(f"The mapping sends several columns to {field}; it takes one.")
    return chosen


def _column(header: Sequence[str], name: str) -> int:
    if name in header:
        return header.index(name)
    keys = [_key(column) for column in header]
    if _key(name) in keys:
        return keys.index(_key(name))
    raise InvalidInput(f"The mapping names a column {_shown([name])} that the file has not.")


def _field(entity: Entity, name: str) -> str:
    fields = {_key(field): field for field in field_names(entity)}
    fields.setdefault("phone", f"{PHONE_PREFIX}{PhoneType.OTHER}")
    try:
        return fields[_key(name)]
    except KeyError as error:
        raise InvalidInput(
            f"The mapping names a field {_shown([name])} that {entity} do not have;"
            f" they have {', '.join(fields.values())}."
        ) from error


def _without_clashes(chosen: Mapping[int, str | None], found: Mapping[int, str]) -> dict[int, str]:
    """The fields of the columns; e-mails of no certain rank take the places left."""
    fields = {index: field for index, field in chosen.items() if field}
    for index, field in sorted(found.items(), key=lambda item: item[1] == _ANY_EMAIL):
        wanted = EMAIL_FIELDS if field == _ANY_EMAIL else (field,)
        taken = set(fields.values())
        free = next((name for name in wanted if name not in taken or _takes_several(name)), None)
        if free:
            fields[index] = free
    return fields


def _takes_several(field: str) -> bool:
    return field in _LIST_FIELDS or field.startswith(PHONE_PREFIX)


def _nobody_named(entity: Entity, header: Sequence[str]) -> InvalidInput:
    needed = {
        "contacts": "First Name, Last Name, Full Name, Email, LinkedIn URL or Phone",
        "companies": "Name, Domain or Website",
    }
    return InvalidInput(
        f"No column tells which of the {entity} a row is about. The file has {_shown(header)};"
        f" name at least one of them {needed[entity]}, or give a mapping."
    )


def _shown(names: Sequence[str]) -> str:
    shown = ", ".join(repr(name[:_MAX_NAME_CHARS]) for name in names[:_MAX_SHOWN_NAMES])
    rest = len(names) - _MAX_SHOWN_NAMES
    return f"{shown} and {rest} more" if rest > 0 else shown
