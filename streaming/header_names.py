"""The usual names of columns, and which field each means; none counts because it contains another.

Vendors whose names mean something else have tables of their own in `streaming.vendor_columns`.
"""

import re
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Final

from domain.enums import PhoneType
from streaming.import_fields import EMPLOYER_PREFIX, PHONE_PREFIX, Entity, field_names

ANY_EMAIL: Final = "any_email"
ANY_PHONE: Final = "any_phone"

_THOUSANDS: Final = re.compile(r"\((?:in )?(?:000'?s?|thousands?)\b[^)]*\)", re.IGNORECASE)
_MILLIONS: Final = re.compile(r"\((?:in )?(?:000,?000'?s?|millions?)\b[^)]*\)", re.IGNORECASE)

_PLACE: Final = {
    "street": "street address, address",
    "street2": "street 2, address 2, address line 2",
    "city": "town",
    "region": "state, province, state region, state province",
    "postal_code": "zip, zip code, postcode, zip postal code, postal code zip code",
    "country": "country region",
    "country_code": "",
}


def _place(*prefixes: str, bare: bool = True) -> dict[str, str]:
    """The names of the parts of a place, alone and behind each prefix, as in `Mailing City`."""
    return {
        part: ",".join(
            f"{prefix} {name}"
            for prefix in (*(("",) if bare else ()), *prefixes)
            for name in (part, *names.split(","))
            if name
        )
        for part, names in _PLACE.items()
    }


# Field: further names of its column. A field's own name always counts.
_CONTACT_NAMES: Final = {
    "first_name": "given name, forename",
    "middle_name": "additional name",
    "last_name": "family name, surname",
    "full_name": "name, contact full name, contact name",
    "title": "job title, position, organization title, organization 1 title",
    "seniority": "management level",
    "departments": "department, organization department, organization 1 department",
    "functions": "function, job function, job functions",
    "email": "email address, primary email, email 1, email 1 value, email 1 address",
    "email2": "secondary email, email 2 value, email 2 address",
    "email3": "tertiary email, email 3 value, email 3 address",
    ANY_EMAIL: "work email, business email, personal email, home email, other email",
    "email_status": "primary email status",
    "email_source": "primary email source",
    "email_is_catch_all": "primary email catch all status",
    "email_verified_at": "primary email last verified at",
    "email2_status": "secondary email status",
    "email2_source": "secondary email source",
    "email3_status": "tertiary email status",
    "email3_source": "tertiary email source",
    "emails": "emails address, email addresses",
    "linkedin_url": "linkedin, person linkedin url, linkedin profile, linkedin profile url,"
    " linkedin contact profile url, hs linkedin url",
    "facebook_url": "facebook",
    "twitter_url": "twitter",
    "website_url": "personal website, website 1 value, web page",
    **_place("address 1", "mailing", "person", "business"),
    "timezone": "time zone",
    "stage": "contact stage, deal stage, lifecycle stage",
    "lead_status": "hs lead status",
    "tags": "tag, labels, lists, categories, group membership",
    "notes": "note, description, contact description",
    "last_contacted_at": "last contacted",
    "last_verified_at": "last verified",
    "phones": "phones number, phone numbers",
    "phone2": "phone 2 value",
    "phone3": "phone 3 value",
    "phone4": "phone 4 value",
    ANY_PHONE: "phone number, telephone, primary phone, phone 1, phone 1 value",
}
_PHONE_NAMES: Final = {
    PhoneType.WORK_DIRECT: "work direct phone, direct phone, direct phone number, work phone,"
    " business phone, business phone 2",
    PhoneType.MOBILE: "mobile, mobile phone, mobile phone number, mobile number, cell phone",
    PhoneType.HOME: "home phone, home phone 2",
    PhoneType.CORPORATE: "corporate phone",
    PhoneType.FAX: "fax, business fax, home fax, fax number",
    PhoneType.OTHER: "other phone",
}
_EMPLOYER_NAMES: Final = {
    "name": "company, account name, organization, organization name, organization 1 name, employer",
    "domain": "company domain name",
    "website": "company website url",
    "linkedin_url": "linkedin company profile url, linkedin company page",
    "phone": "company main phone, company hq phone",
    "industries": "industry, primary industry, company industry",
    "sub_industries": "sub industry, primary sub industry",
    "employees_count": "employees, employee count, number of employees, no of employees,"
    " headcount, company employees, company size",
    "annual_revenue": "annual revenue, revenue, company revenue",
    "total_funding": "total funding",
    "latest_funding": "latest funding",
    "latest_funding_amount": "latest funding amount",
    "last_raised_at": "last raised at",
    "technologies": "technologies",
    "retail_locations": "number of retail locations",
    "sic_codes": "sic code, sic codes",
    "naics_codes": "naics code, naics codes",
    "founded_year": "founded year, year founded",
    "short_description": "company description",
    "ticker": "ticker",
    **_place("company", bare=False),
}
_COMPANY_NAMES: Final = {
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
    "ownership_type": "ownership",
    "stage": "account stage",
}


def key(name: str) -> str:
    """The name of a column in the form in which two spellings of it are equal."""
    return "".join(filter(str.isalnum, name.casefold()))


def keys(table: Mapping[str, str]) -> dict[str, str]:
    """The key of every name to its field, from the names of each field with commas between."""
    return {
        key(name): field for field, names in table.items() for name in names.split(",") if key(name)
    }


@cache
def names_of(entity: Entity) -> Mapping[str, str]:
    """The names of columns to fields, which may be `ANY_EMAIL` or `ANY_PHONE`."""
    own = {field: field for field in field_names(entity)}
    if entity == "companies":
        return own | {" ".join(names.split()): f for names, f in _split(_COMPANY_NAMES)}
    phones = {f"{PHONE_PREFIX}{kind}": names for kind, names in _PHONE_NAMES.items()}
    employer = {f"{EMPLOYER_PREFIX}{field}": names for field, names in _EMPLOYER_NAMES.items()}
    tables = (*_split(employer), *_split(_CONTACT_NAMES), *_split(phones))
    return own | {" ".join(names.split()): field for names, field in tables}


@cache
def _keys_of(entity: Entity) -> Mapping[str, str]:
    return {key(name): field for name, field in names_of(entity).items() if key(name)}


def keys_in_context(entity: Entity, present: Iterable[str]) -> dict[str, str]:
    """The keys of the names that count beside the other columns of a file, to their fields."""
    found, others = dict(_keys_of(entity)), set(present)
    if entity == "companies":
        if "companycity" in others or "companycountry" in others:
            for name in keys(_place()):
                found.pop(name, None)  # those of a person
        return found
    about = {found.get(name, "") for name in others}
    employer = "company_website" not in about and {"company_name", "company_domain"} & about
    # Apollo, HubSpot and ZoomInfo put the employer's web site beside the employer.
    found["website"] = found["websiteurl"] = "company_website" if employer else "website_url"
    if "connectedon" in others:
        found["url"] = "linkedin_url"  # LinkedIn Connections
    if "jobtitle" in others:
        found.pop("title", None)  # Outlook: "Dr.", "Mrs."
    if "companyname" not in others:
        found["companynameraw"] = "company_name"
    return found


def scale_of(header: str) -> int:
    """What one stands for in a column, as its header says: `Revenue (in 000s USD)`."""
    if _MILLIONS.search(header):
        return 10**6
    return 1000 if _THOUSANDS.search(header) else 1


def without_scale(header: str) -> str:
    """The header without what it says about that."""
    return _MILLIONS.sub("", _THOUSANDS.sub("", header))


def _split(table: Mapping[str, str]) -> Iterable[tuple[str, str]]:
    return ((name, field) for field, names in table.items() for name in names.split(","))
