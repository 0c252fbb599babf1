"""The tables as they stand after the newest migration; `db/migrations` is what makes them.

Generated columns are derived by PostgreSQL, never written. What a contact holds of its company
(`company_name`, `company_employees_count`, `company_annual_revenue`) is kept by triggers, so that
lists can be ordered and searched by it without a join.
"""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Computed,
    Date,
    Float,
    ForeignKey,
    Index,
    Integer,
    SmallInteger,
    Table,
    Text,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from db.columns import id_column, metadata, moment, one_of, texts, uuid_column
from domain.enums import (
    ActivityType,
    EmailStatus,
    EmailType,
    PhoneType,
    RecordSource,
    Role,
    Seniority,
)

_LIVE: Final = text("deleted_at IS NULL")
_DELETED: Final = text("deleted_at IS NOT NULL")


def _contact_id() -> Column[int]:
    return Column(
        "contact_id", BigInteger, ForeignKey("contacts.id", ondelete="CASCADE"), nullable=False
    )


_FULL_NAME: Final = (
    "nullif(btrim(coalesce(first_name || ' ', '') || coalesce(middle_name || ' ', '')"
    " || coalesce(last_name, '')), '')"
)


_EMPLOYEE_RANGE: Final = (
    "CASE WHEN employees_count >= 1 THEN ('{R1_10,R11_20,R21_50,R51_100,R101_200,R201_500,"
    "R501_1000,R1001_2000,R2001_5000,R5001_10000,R10001_PLUS}'::text[])"
    "[width_bucket(employees_count, '{1,11,21,51,101,201,501,1001,2001,5001,10001}'::int[])] END"
)


def _lower(table: Table, column: str) -> ColumnElement[str]:
    return func.lower(table.c[column])


def _index(name: str, table: Table, *keys: str | ColumnElement[str], using: str = "btree") -> None:
    columns = [table.c[key] if isinstance(key, str) else key for key in keys]
    Index(f"ix_{table.name}_{name}", *columns, postgresql_where=_LIVE, postgresql_using=using)


users: Final = Table(
    "users",
    metadata,
    id_column(),
    uuid_column(),
    Column("email", Text, nullable=False),
    Column("email_key", Text, Computed("lower(btrim(email))", persisted=True), unique=True),
    Column("name", Text),
    *one_of("role", Role, default=Role.VIEWER),
    Column("password_hash", Text),
    # Of the picture in `avatars`; null without one.
    Column("avatar_etag", Text),
    Column("is_active", Boolean, nullable=False, server_default=text("true")),
    moment("last_active_at"),
    # Tokens that were made before are not taken any more.
    moment("tokens_valid_from"),
    moment("created_at", now=True),
)

companies: Final = Table(
    "companies",
    metadata,
    id_column(),
    uuid_column(),
    Column("version", Integer, nullable=False, server_default=text("1")),
    Column("name", Text),
    Column("name_for_emails", Text),
    Column("domain", Text),
    texts("additional_domains"),
    Column("website_url", Text),
    texts("industries"),
    Column("industry", Text, Computed("industries[1]", persisted=True)),
    texts("sub_industries"),
    texts("sic_codes"),
    texts("naics_codes"),
    Column("employees_count", Integer),
    Column("employee_range", Text, Computed(_EMPLOYEE_RANGE, persisted=True)),
    Column("annual_revenue", BigInteger),
    Column("currency", Text),
    Column("total_funding", BigInteger),
    Column("latest_funding", Text),
    Column("latest_funding_amount", BigInteger),
    Column("last_raised_at", Date),
    Column("founded_year", SmallInteger),
    Column("phone", Text),
    Column("street", Text),
    Column("street2", Text),
    Column("city", Text),
    Column("region", Text),
    Column("postal_code", Text),
    Column("country", Text),
    Column("country_code", Text),
    Column("timezone", Text),
    Column("linkedin_url", Text),
    Column("facebook_url", Text),
    Column("twitter_url", Text),
    texts("technologies"),
    texts("keywords"),
    Column("short_description", Text),
    Column("retail_locations", Integer),
    Column("logo_url", Text),
    Column("parent_id", BigInteger, ForeignKey("companies.id", ondelete="SET NULL"), index=True),
    Column("ticker", Text),
    Column("ownership_type", Text),
    Column("owner_id", BigInteger, ForeignKey("users.id", ondelete="SET NULL"), index=True),
    Column("stage", Text),
    *one_of("source", RecordSource, default=RecordSource.API),
    moment("created_at", now=True),
    moment("updated_at", now=True),
    moment("deleted_at"),
    Column(
        "search_text",
        Text,
        Computed(
            "lower(coalesce(name, '') || ' ' || coalesce(domain, '')"
            " || ' ' || coalesce(short_description, ''))",
            persisted=True,
        ),
    ),
)
Index(
    "uq_companies_domain",
    companies.c.domain,
    unique=True,
    postgresql_where=text("deleted_at IS NULL AND domain IS NOT NULL"),
)
Index("ix_companies_deleted_domain", companies.c.domain, postgresql_where=_DELETED)
for _name in (
    "name",
    "industry",
    "country",
    "country_code",
    "city",
    "region",
    "stage",
    "latest_funding",
):
    _index(_name, companies, _lower(companies, _name), "id")
for _name in (
    "domain",
    "linkedin_url",
    "employees_count",
    "employee_range",
    "annual_revenue",
    "total_funding",
    "latest_funding_amount",
    "last_raised_at",
    "source",
    "founded_year",
    "created_at",
    "updated_at",
):
    _index(_name, companies, _name, "id")
for _name in ("industries", "sub_industries", "technologies", "keywords"):
    _index(_name, companies, _name, using="gin")
_index("lower_linkedin_url", companies, _lower(companies, "linkedin_url"), "id")

contacts: Final = Table(
    "contacts",
    metadata,
    id_column(),
    uuid_column(),
    Column("version", Integer, nullable=False, server_default=text("1")),
    Column("first_name", Text),
    Column("middle_name", Text),
    Column("last_name", Text),
    Column(
        "full_name",
        Text,
        Computed(_FULL_NAME, persisted=True),
    ),
    Column("title", Text),
    *one_of("seniority", Seniority),
    texts("departments"),
    texts("functions"),
    Column("email", Text),
    Column("email_key", Text, Computed("lower(btrim(email))", persisted=True)),
    Column(
        "email_domain",
        Text,
        Computed("nullif(split_part(lower(btrim(email)), '@', 2), '')", persisted=True),
    ),
    *one_of("email_status", EmailStatus),
    Column("city", Text),
    Column("region", Text),
    Column("country", Text),
    Column("country_code", Text),
    Column("company_id", BigInteger, ForeignKey("companies.id", ondelete="SET NULL")),
    Column("company_name", Text),
    Column("company_name_raw", Text),
    Column("company_employees_count", Integer),
    Column("company_annual_revenue", BigInteger),
    Column("stage", Text),
    Column("lead_status", Text),
    Column("do_not_contact", Boolean, nullable=False, server_default=text("false")),
    Column("owner_id", BigInteger, ForeignKey("users.id", ondelete="SET NULL"), index=True),
    texts("tags"),
    texts("keywords"),
    Column(
        "quality_score",
        SmallInteger,
        Computed(
            "CASE WHEN email IS NULL THEN 0 ELSE 25 END"
            " + CASE WHEN email_status = 'VERIFIED' THEN 10 ELSE 0 END"
            " + CASE WHEN first_name IS NULL THEN 0 ELSE 10 END"
            " + CASE WHEN last_name IS NULL THEN 0 ELSE 10 END"
            " + CASE WHEN title IS NULL THEN 0 ELSE 15 END"
            " + CASE WHEN company_id IS NULL THEN 0 ELSE 15 END"
            " + CASE WHEN seniority IS NULL THEN 0 ELSE 5 END"
            " + CASE WHEN country IS NULL THEN 0 ELSE 5 END"
            " + CASE WHEN departments = '{}' THEN 0 ELSE 5 END",
            persisted=True,
        ),
        nullable=False,
    ),
    *one_of("source", RecordSource, default=RecordSource.API),
    moment("last_contacted_at"),
    moment("last_verified_at"),
    moment("created_at", now=True),
    moment("updated_at", now=True),
    moment("deleted_at"),
    Column("merged_into_id", BigInteger, ForeignKey("contacts.id", ondelete="SET NULL")),
    Column(
        "search_text",
        Text,
        Computed(
            f"lower(coalesce({_FULL_NAME}, '') || ' ' || coalesce(email, '')"
            " || ' ' || coalesce(title, '') || ' ' || coalesce(company_name, ''))",
            persisted=True,
        ),
    ),
)
Index(
    "ix_contacts_merged_into_id",
    contacts.c.merged_into_id,
    postgresql_where=text("merged_into_id IS NOT NULL"),
)
for _name in (
    "full_name",
    "first_name",
    "last_name",
    "title",
    "company_name",
    "city",
    "region",
    "country",
    "country_code",
    "stage",
    "lead_status",
):
    _index(_name, contacts, _lower(contacts, _name), "id")
for _name in (
    "email_key",
    "email_domain",
    "email_status",
    "seniority",
    "quality_score",
    "do_not_contact",
    "company_employees_count",
    "company_annual_revenue",
    "source",
    "last_contacted_at",
    "last_verified_at",
    "created_at",
    "updated_at",
):
    _index(_name, contacts, _name, "id")
for _name in ("tags", "departments", "functions", "keywords"):
    _index(_name, contacts, _name, using="gin")
_index("company_id", contacts, "company_id", "created_at", "id")

contact_metadata: Final = Table(
    "contact_metadata",
    metadata,
    Column(
        "contact_id",
        BigInteger,
        ForeignKey("contacts.id", ondelete="CASCADE"),
        primary_key=True,
    ),
    Column("headline", Text),
    Column("linkedin_url", Text),
    Column("facebook_url", Text),
    Column("twitter_url", Text),
    Column("website_url", Text),
    Column("street", Text),
    Column("street2", Text),
    Column("postal_code", Text),
    Column("timezone", Text),
    Column("notes", Text),
    Column("custom_fields", JSONB, nullable=False, server_default=text("'{}'::jsonb")),
    Index("ix_contact_metadata_linkedin_url", "linkedin_url"),
    Index("ix_contact_metadata_lower_linkedin_url", text("lower(linkedin_url)")),
)

contact_emails: Final = Table(
    "contact_emails",
    metadata,
    id_column(),
    _contact_id(),
    Column("position", SmallInteger, nullable=False),
    Column("address", Text, nullable=False),
    Column("email_key", Text, Computed("lower(btrim(address))", persisted=True), nullable=False),
    *one_of("type", EmailType),
    *one_of("status", EmailStatus, default=EmailStatus.UNKNOWN),
    Column("is_primary", Boolean, nullable=False, server_default=text("false")),
    Column("confidence", Float),
    Column("is_catch_all", Boolean),
    Column("source", Text),
    moment("verified_at"),
    moment("deleted_at"),
    Index("ix_contact_emails_contact_id", "contact_id", "position"),
)
Index(
    "uq_contact_emails_email_key", contact_emails.c.email_key, unique=True, postgresql_where=_LIVE
)
Index("ix_contact_emails_deleted_email_key", contact_emails.c.email_key, postgresql_where=_DELETED)

contact_phones: Final = Table(
    "contact_phones",
    metadata,
    id_column(),
    _contact_id(),
    Column("position", SmallInteger, nullable=False),
    Column("number", Text, nullable=False),
    Column("e164", Text),
    *one_of("type", PhoneType, default=PhoneType.OTHER),
    Column("extension", Text),
    Column("is_primary", Boolean, nullable=False, server_default=text("false")),
    Column("status", Text),
    Column("source", Text),
    Index("ix_contact_phones_contact_id", "contact_id", "position"),
    Index("ix_contact_phones_e164", "e164"),
)

activities: Final = Table(
    "activities",
    metadata,
    id_column(),
    uuid_column(),
    _contact_id(),
    *one_of("type", ActivityType, default=ActivityType.NOTE),
    Column("body", Text),
    Column("actor_id", BigInteger, ForeignKey("users.id", ondelete="SET NULL"), index=True),
    moment("occurred_at", now=True),
    moment("created_at", now=True),
    Index("ix_activities_contact_id", "contact_id", "occurred_at", "id"),
    Index("ix_activities_occurred_at", "occurred_at"),
)
