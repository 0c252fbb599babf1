"""Which vendor wrote a file, told by columns that no other writes, and where its columns go."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Final, NamedTuple

from db.export_columns import column_names
from domain.exports import ExportEntity
from streaming import vendor_columns
from streaming.header_names import key, keys
from streaming.import_fields import EMPLOYER_PREFIX, Entity, field_names

OURS: Final = "Appointment360"
"""The vendor of files that this server exported."""

_OWN_NAMES: Final = {
    "emails.address": "emails",
    "phones.number": "phones",
    "company.websiteUrl": "company_website",
}


class Vendor(NamedTuple):
    """A kind of file that a vendor writes.

    Attributes:
        columns: Field to the names of its columns, with commas between; `""` is no field.
        signs: Sets of columns, as `header_names.key` has them; one that is all there is enough.
            One that begins with `=` is spelt as one word: `NumberOfEmployees` is an API's name,
            "Number of Employees" anybody's.
    """

    name: str
    entity: Entity
    columns: Mapping[str, str]
    signs: Sequence[str]


# What says more comes first: the exports of contacts also have columns of those of companies.
_VENDORS: Final = (
    Vendor(
        "ZoomInfo contacts",
        "contacts",
        vendor_columns.ZOOMINFO_CONTACTS,
        ("zoominfocontactid", "linkedincontactprofileurl", "zoominfocompanyid lastname"),
    ),
    Vendor(
        "ZoomInfo companies",
        "companies",
        vendor_columns.ZOOMINFO_COMPANIES,
        ("zoominfocompanyid", "linkedincompanyprofileurl"),
    ),
    Vendor(
        "Apollo contacts",
        "contacts",
        vendor_columns.APOLLO_CONTACTS,
        (
            "apollocontactid",
            "personlinkedinurl companynameforemails",
            "personlinkedinurl employees",
            "companynameforemails lastname",
            "primaryemailsource",
            "workdirectphone corporatephone",
        ),
    ),
    Vendor(
        "Apollo accounts",
        "companies",
        vendor_columns.APOLLO_ACCOUNTS,
        ("apolloaccountid", "apollorecordid", "companynameforemails companylinkedinurl"),
    ),
    Vendor("LinkedIn connections", "contacts", vendor_columns.LINKEDIN, ("connectedon",)),
    Vendor(
        "Google contacts (old)",
        "contacts",
        vendor_columns.GOOGLE_OLD,
        ("groupmembership", "email1type", "phone1type", "givennameyomi", "givenname yominame"),
    ),
    Vendor(
        "Google contacts",
        "contacts",
        vendor_columns.GOOGLE,
        (
            "email1label",
            "phone1label",
            "organizationname fileas",
            "phoneticfirstname labels",
            "email1value labels",
        ),
    ),
    Vendor(
        "Outlook",
        "contacts",
        vendor_columns.OUTLOOK,
        (
            "email2address",
            "emaildisplayname",
            "companymainphone",
            "businessphone2",
            "emailaddress businessstreet",
            "emailaddress webpage",
        ),
    ),
    Vendor(
        "HubSpot contacts",
        "contacts",
        vendor_columns.HUBSPOT_CONTACTS,
        (
            "lifecyclestage email",
            "lifecyclestage lastname",
            "recordid lastname",
            "hubspotownerid email",
            "hsleadstatus",
            "associatedcompanyids",
            "contactowner createdate",
        ),
    ),
    Vendor(
        "HubSpot companies",
        "companies",
        vendor_columns.HUBSPOT_COMPANIES,
        ("companydomainname", "hsadditionaldomains", "linkedincompanypage", "recordid companyname"),
    ),
    Vendor(
        "Salesforce contacts",
        "contacts",
        vendor_columns.SALESFORCE_CONTACTS,
        (
            "mailingstreet",
            "mailingcity",
            "mailingcountry",
            "asstphone",
            "contactfullname",
            "accountname leadsource",
            "accountname lastname",
            "contactid lastname",
        ),
    ),
    Vendor(
        "Salesforce leads",
        "contacts",
        vendor_columns.SALESFORCE_LEADS,
        (
            "leadsource company",
            "noofemployees status",
            "=numberofemployees leadsource",
            "=numberofemployees status",
            "=numberofemployees rating",
            "leadid",
        ),
    ),
)


class Preset(NamedTuple):
    """What is known of a file's columns before they are looked at one by one.

    Attributes:
        fields: Key of a column to its field, or to None for one that has no field.
    """

    vendor: Vendor
    fields: Mapping[str, str | None]


def preset_of(entity: Entity, header: Sequence[str]) -> Preset | None:
    """The vendor that wrote a file with this header, and its columns as those of an entity."""
    if set(field_names(entity)).issuperset(header):
        return None  # somebody wrote it for us
    if _is_ours(entity, header):
        return _own_preset(entity, "industries" in header)
    present = {key(name) for name in header}
    present |= {f"={name.casefold()}" for name in header if name.isalnum()}
    for vendor in _VENDORS:
        if any(present.issuperset(sign.split()) for sign in vendor.signs):
            return Preset(vendor, _fields(vendor, entity))
    return None


def _fields(vendor: Vendor, entity: Entity) -> dict[str, str | None]:
    known = keys(vendor.columns)
    if entity == vendor.entity:
        return {name: field or None for name, field in known.items()}
    if entity == "companies":
        return {name: _of_company(field) for name, field in known.items()}
    return {name: _of_employer(field) for name, field in known.items()}


def _of_company(field: str) -> str | None:
    """The field of a company that a field of a contact's employer is."""
    if not field.startswith(EMPLOYER_PREFIX):
        return None
    bare = field.removeprefix(EMPLOYER_PREFIX)
    return "website_url" if bare == "website" else bare


def _of_employer(field: str) -> str | None:
    """The field of a contact's employer that a field of a company is."""
    name = f"{EMPLOYER_PREFIX}{'website' if field == 'website_url' else field}"
    return name if field else None


def _is_ours(entity: Entity, header: Sequence[str]) -> bool:
    """Whether every column is spelt as in our exports, and one as nobody else spells it."""
    ours = _own_paths(entity)
    return all(name in ours for name in header) and any(
        "." in name or name != name.lower() for name in header
    )


@cache
def _own_paths(entity: Entity) -> frozenset[str]:
    return frozenset(column_names(ExportEntity[str(entity).upper()]))


def _own_preset(entity: Entity, has_industries: bool) -> Preset:
    fields = {key(field): field for field in field_names(entity)}
    found: dict[str, str | None] = {}
    for path in _own_paths(entity):
        name = key(_OWN_NAMES.get(path, path))
        found[key(path)] = None if path.startswith(("owner.", "parent.")) else fields.get(name)
    if not has_industries:
        found["industry"] = fields.get("industries")
    return Preset(Vendor(OURS, entity, {}, ()), found)
