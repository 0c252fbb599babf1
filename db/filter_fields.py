"""What stands behind every filter field: one line each.

A column with what is known about its text; a relation, of whose rows one must match; or a condition
of its own. `db.filters` turns them into SQL.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from db.filter_flags import HAS_EMAIL, HAS_LINKEDIN, HAS_PHONE, IS_DUPLICATE, Flag
from db.filter_imports import OfImport
from db.relations import ACTIVITIES, COMPANY, CONTACTS, EMAILS, METADATA, PHONES, Relation
from domain.filters import (
    ActivityFilter,
    AnyFilter,
    CompanyFilter,
    ContactEmailFilter,
    ContactFilter,
    ContactMetadataFilter,
    ContactPhoneFilter,
    ImportErrorFilter,
    JobFilter,
)
from domain.imports import ImportEntity
from domain.node_ids import NodeKind


@dataclass(frozen=True)
class FilterField:
    """A column.

    Attributes:
        column: Its name in the table.
        folded: A column that holds the same text in lower case already.
        node: The kind of id the values are.
        searched: Whether the table's `search_text` holds its text.
    """

    column: str
    folded: str | None = None
    node: NodeKind | None = None
    searched: bool = False


@dataclass(frozen=True)
class RelatedCount:
    """How many rows belong to a row."""

    relation: Relation


@dataclass(frozen=True)
class Search:
    """Words that the table's `search_text` holds."""


Declared = FilterField | Relation | RelatedCount | Flag | OfImport | Search


def _same_names(*names: str) -> dict[str, FilterField]:
    return {name: FilterField(name) for name in names}


def _searched(*names: str) -> dict[str, FilterField]:
    return {name: FilterField(name, searched=True) for name in names}


CONTACT_FIELDS: Final[Mapping[str, Declared]] = {
    "search": Search(),
    "id": FilterField("id", node=NodeKind.CONTACT),
    **_searched("first_name", "middle_name", "last_name", "title", "company_name"),
    "name": FilterField("full_name", searched=True),
    "email": FilterField("email", folded="email_key", searched=True),
    "email_domain": FilterField("email_domain", folded="email_domain", searched=True),
    "has_email": HAS_EMAIL,
    "has_phone": HAS_PHONE,
    "has_linked_in": HAS_LINKEDIN,
    "is_duplicate": IS_DUPLICATE,
    "owner_id": FilterField("owner_id", node=NodeKind.USER),
    "company_id": FilterField("company_id", node=NodeKind.COMPANY),
    "company": COMPANY,
    "metadata": METADATA,
    "emails": EMAILS,
    "phones": PHONES,
    "activities": ACTIVITIES,
    "imported_by": OfImport(ImportEntity.CONTACTS),
    **_same_names(
        "uuid", "seniority", "departments", "functions", "email_status", "city", "region",
        "country", "country_code", "stage", "lead_status", "tags", "keywords", "do_not_contact",
        "quality_score", "source", "last_contacted_at", "last_verified_at", "created_at",
        "updated_at",
    ),
}  # fmt: skip
COMPANY_FIELDS: Final[Mapping[str, Declared]] = {
    "search": Search(),
    "id": FilterField("id", node=NodeKind.COMPANY),
    **_searched("name"),
    "domain": FilterField("domain", folded="domain", searched=True),
    "owner_id": FilterField("owner_id", node=NodeKind.USER),
    "parent_id": FilterField("parent_id", node=NodeKind.COMPANY),
    "contact_count": RelatedCount(CONTACTS),
    "has_contacts_with": CONTACTS,
    **_same_names(
        "uuid", "industry", "industries", "sub_industries", "technologies", "keywords",
        "employees_count", "employee_range", "annual_revenue", "total_funding", "latest_funding",
        "latest_funding_amount", "last_raised_at", "founded_year", "city", "region", "country",
        "country_code", "linkedin_url", "stage", "source", "created_at", "updated_at",
    ),
}  # fmt: skip
JOB_FIELDS: Final[Mapping[str, Declared]] = {
    "id": FilterField("id", node=NodeKind.JOB),
    **_same_names(
        "uuid", "kind", "status", "priority", "user_uuid", "created_at", "started_at",
        "finished_at",
    ),
}  # fmt: skip
FIELDS: Final[Mapping[type[AnyFilter], Mapping[str, Declared]]] = {
    ContactFilter: CONTACT_FIELDS,
    CompanyFilter: COMPANY_FIELDS,
    JobFilter: JOB_FIELDS,
    ImportErrorFilter: {
        "job_id": FilterField("job_id", node=NodeKind.JOB),
        "code": FilterField("code", folded="code"),
        "severity": FilterField("severity", folded="severity"),
    },
    ContactMetadataFilter: _same_names(
        "headline", "linkedin_url", "facebook_url", "twitter_url", "website_url", "street",
        "postal_code", "timezone", "notes",
    ),
    ContactEmailFilter: {
        "address": FilterField("address", folded="email_key"),
        **_same_names(
            "type", "status", "is_primary", "confidence", "is_catch_all", "source", "verified_at"
        ),
    },
    ContactPhoneFilter: {
        "e164": FilterField("e164", folded="e164"),
        **_same_names("number", "type", "extension", "is_primary", "status", "source"),
    },
    ActivityFilter: {
        "actor_id": FilterField("actor_id", node=NodeKind.USER),
        **_same_names("type", "body", "occurred_at"),
    },
}  # fmt: skip
