"""The first tables: users, companies, contacts and what belongs to a contact.

Triggers keep `version`, `updated_at`, the company's name on its contacts and the uniqueness of
e-mail addresses of live contacts, whichever way a row is written.

Long because it stays what it was: a migration that databases have run is never changed.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0001"
down_revision: str | None = None
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_FUNCTIONS = (
    # A change that another trigger makes (a company's new name) is no edit of the contact.
    """
    CREATE FUNCTION touch_row() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF pg_trigger_depth() = 1 THEN
            NEW.version := OLD.version + 1;
            NEW.updated_at := clock_timestamp();
        END IF;
        RETURN NEW;
    END $$
    """,
    """
    CREATE FUNCTION set_contact_company_name() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        NEW.company_name := coalesce(
            (SELECT name FROM companies WHERE id = NEW.company_id), NEW.company_name_raw);
        RETURN NEW;
    END $$
    """,
    """
    CREATE FUNCTION spread_company_name() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        UPDATE contacts SET company_name = coalesce(NEW.name, company_name_raw)
        WHERE company_id = NEW.id;
        RETURN NULL;
    END $$
    """,
    """
    CREATE FUNCTION follow_contact_deletion() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        UPDATE contact_emails SET deleted_at = NEW.deleted_at WHERE contact_id = NEW.id;
        RETURN NULL;
    END $$
    """,
)

_TRIGGERS = (
    "CREATE TRIGGER touch BEFORE UPDATE ON companies FOR EACH ROW EXECUTE FUNCTION touch_row()",
    "CREATE TRIGGER touch BEFORE UPDATE ON contacts FOR EACH ROW EXECUTE FUNCTION touch_row()",
    "CREATE TRIGGER company_name BEFORE INSERT OR UPDATE OF company_id, company_name_raw"
    " ON contacts FOR EACH ROW EXECUTE FUNCTION set_contact_company_name()",
    "CREATE TRIGGER spread_name AFTER UPDATE OF name ON companies FOR EACH ROW"
    " WHEN (OLD.name IS DISTINCT FROM NEW.name) EXECUTE FUNCTION spread_company_name()",
    "CREATE TRIGGER follow_deletion AFTER UPDATE OF deleted_at ON contacts FOR EACH ROW"
    " WHEN (OLD.deleted_at IS DISTINCT FROM NEW.deleted_at)"
    " EXECUTE FUNCTION follow_contact_deletion()",
)

_TRIGRAM_INDEXED = ("contacts", "companies")


_LOWERED = {
    "contacts": (
        "full_name",
        "first_name",
        "last_name",
        "title",
        "company_name",
        "city",
        "region",
        "country",
        "stage",
    ),
    "companies": ("name", "industry", "country", "city", "region", "stage"),
}


def _create_statistics() -> None:
    """PostgreSQL does not use what it knows of a partial index's expression, and guesses instead.

    It took 0.5 % of any lower(…) to be NULL, and sorted all of them for a page (seen 2026-11-22).
    """
    for table, columns in _LOWERED.items():
        for column in columns:
            op.execute(
                f"CREATE STATISTICS st_{table}_lower_{column} ON (lower({column})) FROM {table}"
            )


def _create_trigram_indexes() -> None:
    """Where the server offers pg_trgm and lets us create it; searches work without, by scanning."""
    connection = op.get_bind()
    offered = sa.text("SELECT 1 FROM pg_available_extensions WHERE name = 'pg_trgm'")
    if connection.execute(offered).scalar() is None:
        return
    try:
        with connection.begin_nested():
            op.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
    except sa.exc.ProgrammingError:
        # Managed servers may keep extensions to their administrator.
        return
    for table in _TRIGRAM_INDEXED:
        op.execute(
            f"CREATE INDEX ix_{table}_search_text_trgm ON {table}"
            " USING gin (search_text gin_trgm_ops) WHERE deleted_at IS NULL"
        )


_FUNCTION_NAMES = (
    "touch_row",
    "set_contact_company_name",
    "spread_company_name",
    "follow_contact_deletion",
)


def upgrade() -> None:
    op.create_table(
        "users",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("uuid", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column(
            "email_key",
            sa.Text(),
            sa.Computed("lower(btrim(email))", persisted=True),
            nullable=True,
        ),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("role", sa.Text(), server_default="viewer", nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=True),
        sa.Column("is_active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("last_active_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint("role IN ('viewer', 'editor', 'admin')", name=op.f("ck_users_role")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
        sa.UniqueConstraint("email_key", name=op.f("uq_users_email_key")),
        sa.UniqueConstraint("uuid", name=op.f("uq_users_uuid")),
    )
    op.create_table(
        "companies",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("uuid", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("name_for_emails", sa.Text(), nullable=True),
        sa.Column("domain", sa.Text(), nullable=True),
        sa.Column(
            "additional_domains",
            postgresql.ARRAY(sa.Text()),
            server_default=sa.text("'{}'::text[]"),
            nullable=False,
        ),
        sa.Column("website_url", sa.Text(), nullable=True),
        sa.Column(
            "industries",
            postgresql.ARRAY(sa.Text()),
            server_default=sa.text("'{}'::text[]"),
            nullable=False,
        ),
        sa.Column(
            "industry", sa.Text(), sa.Computed("industries[1]", persisted=True), nullable=True
        ),
        sa.Column(
            "sub_industries",
            postgresql.ARRAY(sa.Text()),
            server_default=sa.text("'{}'::text[]"),
            nullable=False,
        ),
        sa.Column(
            "sic_codes",
            postgresql.ARRAY(sa.Text()),
            server_default=sa.text("'{}'::text[]"),
            nullable=False,
        ),
        sa.Column(
            "naics_codes",
            postgresql.ARRAY(sa.Text()),
            server_default=sa.text("'{}'::text[]"),
            nullable=False,
        ),
        sa.Column("employees_count", sa.Integer(), nullable=True),
        sa.Column("annual_revenue", sa.BigInteger(), nullable=True),
        sa.Column("currency", sa.Text(), nullable=True),
        sa.Column("total_funding", sa.BigInteger(), nullable=True),
        sa.Column("latest_funding", sa.Text(), nullable=True),
        sa.Column("latest_funding_amount", sa.BigInteger(), nullable=True),
        sa.Column("last_raised_at", sa.Date(), nullable=True),
        sa.Column("founded_year", sa.SmallInteger(), nullable=True),
        sa.Column("phone", sa.Text(), nullable=True),
        sa.Column("street", sa.Text(), nullable=True),
        sa.Column("street2", sa.Text(), nullable=True),
        sa.Column("city", sa.Text(), nullable=True),
        sa.Column("region", sa.Text(), nullable=True),
        sa.Column("postal_code", sa.Text(), nullable=True),
        sa.Column("country", sa.Text(), nullable=True),
        sa.Column("country_code", sa.Text(), nullable=True),
        sa.Column("timezone", sa.Text(), nullable=True),
        sa.Column("linkedin_url", sa.Text(), nullable=True),
        sa.Column("facebook_url", sa.Text(), nullable=True),
        sa.Column("twitter_url", sa.Text(), nullable=True),
        sa.Column(
            "technologies",
            postgresql.ARRAY(sa.Text()),
            server_default=sa.text("'{}'::text[]"),
            nullable=False,
        ),
        sa.Column(
            "keywords",
            postgresql.ARRAY(sa.Text()),
            server_default=sa.text("'{}'::text[]"),
            nullable=False,
        ),
        sa.Column("short_description", sa.Text(), nullable=True),
        sa.Column("retail_locations", sa.Integer(), nullable=True),
        sa.Column("logo_url", sa.Text(), nullable=True),
        sa.Column("parent_id", sa.BigInteger(), nullable=True),
        sa.Column("ticker", sa.Text(), nullable=True),
        sa.Column("ownership_type", sa.Text(), nullable=True),
        sa.Column("owner_id", sa.BigInteger(), nullable=True),
        sa.Column("stage", sa.Text(), nullable=True),
        sa.Column("source", sa.Text(), server_default="API", nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "search_text",
            sa.Text(),
            sa.Computed(
                "lower(coalesce(name, '') || ' ' || coalesce(domain, '') || ' ' || coalesce(short_description, ''))",
                persisted=True,
            ),
            nullable=True,
        ),
        sa.CheckConstraint(
            "source IN ('IMPORT', 'API', 'MANUAL', 'ENRICHMENT', 'MERGE')",
            name=op.f("ck_companies_source"),
        ),
        sa.ForeignKeyConstraint(
            ["owner_id"],
            ["users.id"],
            name=op.f("fk_companies_owner_id_users"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["parent_id"],
            ["companies.id"],
            name=op.f("fk_companies_parent_id_companies"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_companies")),
        sa.UniqueConstraint("uuid", name=op.f("uq_companies_uuid")),
    )
    op.create_index(
        "ix_companies_annual_revenue",
        "companies",
        ["annual_revenue", "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
        postgresql_using="btree",
    )
    op.create_index(
        "ix_companies_city",
        "companies",
        [sa.literal_column("lower(city)"), "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
        postgresql_using="btree",
    )
    op.create_index(
        "ix_companies_country",
        "companies",
        [sa.literal_column("lower(country)"), "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
        postgresql_using="btree",
    )
    op.create_index(
        "ix_companies_created_at",
        "companies",
        ["created_at", "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
        postgresql_using="btree",
    )
    op.create_index(
        "ix_companies_domain",
        "companies",
        ["domain", "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
        postgresql_using="btree",
    )
    op.create_index(
        "ix_companies_employees_count",
        "companies",
        ["employees_count", "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
        postgresql_using="btree",
    )
    op.create_index(
        "ix_companies_founded_year",
        "companies",
        ["founded_year", "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
        postgresql_using="btree",
    )
    op.create_index(
        "ix_companies_industries",
        "companies",
        ["industries"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
        postgresql_using="gin",
    )
    op.create_index(
        "ix_companies_industry",
        "companies",
        [sa.literal_column("lower(industry)"), "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
        postgresql_using="btree",
    )
    op.create_index(
        "ix_companies_keywords",
        "companies",
        ["keywords"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
        postgresql_using="gin",
    )
    op.create_index(
        "ix_companies_last_raised_at",
        "companies",
        ["last_raised_at", "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
        postgresql_using="btree",
    )
    op.create_index(
        "ix_companies_name",
        "companies",
        [sa.literal_column("lower(name)"), "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
        postgresql_using="btree",
    )
    op.create_index(op.f("ix_companies_owner_id"), "companies", ["owner_id"], unique=False)
    op.create_index(op.f("ix_companies_parent_id"), "companies", ["parent_id"], unique=False)
    op.create_index(
        "ix_companies_region",
        "companies",
        [sa.literal_column("lower(region)"), "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
        postgresql_using="btree",
    )
    op.create_index(
        "ix_companies_stage",
        "companies",
        [sa.literal_column("lower(stage)"), "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
        postgresql_using="btree",
    )
    op.create_index(
        "ix_companies_technologies",
        "companies",
        ["technologies"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
        postgresql_using="gin",
    )
    op.create_index(
        "ix_companies_total_funding",
        "companies",
        ["total_funding", "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
        postgresql_using="btree",
    )
    op.create_index(
        "ix_companies_updated_at",
        "companies",
        ["updated_at", "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
        postgresql_using="btree",
    )
    op.create_index(
        "uq_companies_domain",
        "companies",
        ["domain"],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL AND domain IS NOT NULL"),
    )
    op.create_index(
        "ix_companies_deleted_domain",
        "companies",
        ["domain"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NOT NULL"),
    )
    op.create_table(
        "contacts",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("uuid", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("first_name", sa.Text(), nullable=True),
        sa.Column("middle_name", sa.Text(), nullable=True),
        sa.Column("last_name", sa.Text(), nullable=True),
        sa.Column(
            "full_name",
            sa.Text(),
            sa.Computed(
                "nullif(btrim(coalesce(first_name || ' ', '') || coalesce(middle_name || ' ', '') || coalesce(last_name, '')), '')",
                persisted=True,
            ),
            nullable=True,
        ),
        sa.Column("title", sa.Text(), nullable=True),
        sa.Column("seniority", sa.Text(), nullable=True),
        sa.Column(
            "departments",
            postgresql.ARRAY(sa.Text()),
            server_default=sa.text("'{}'::text[]"),
            nullable=False,
        ),
        sa.Column(
            "functions",
            postgresql.ARRAY(sa.Text()),
            server_default=sa.text("'{}'::text[]"),
            nullable=False,
        ),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column(
            "email_key",
            sa.Text(),
            sa.Computed("lower(btrim(email))", persisted=True),
            nullable=True,
        ),
        sa.Column(
            "email_domain",
            sa.Text(),
            sa.Computed("nullif(split_part(lower(btrim(email)), '@', 2), '')", persisted=True),
            nullable=True,
        ),
        sa.Column("email_status", sa.Text(), nullable=True),
        sa.Column("city", sa.Text(), nullable=True),
        sa.Column("region", sa.Text(), nullable=True),
        sa.Column("country", sa.Text(), nullable=True),
        sa.Column("country_code", sa.Text(), nullable=True),
        sa.Column("company_id", sa.BigInteger(), nullable=True),
        sa.Column("company_name", sa.Text(), nullable=True),
        sa.Column("company_name_raw", sa.Text(), nullable=True),
        sa.Column("stage", sa.Text(), nullable=True),
        sa.Column("lead_status", sa.Text(), nullable=True),
        sa.Column("do_not_contact", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("owner_id", sa.BigInteger(), nullable=True),
        sa.Column(
            "tags",
            postgresql.ARRAY(sa.Text()),
            server_default=sa.text("'{}'::text[]"),
            nullable=False,
        ),
        sa.Column(
            "keywords",
            postgresql.ARRAY(sa.Text()),
            server_default=sa.text("'{}'::text[]"),
            nullable=False,
        ),
        sa.Column(
            "quality_score",
            sa.SmallInteger(),
            sa.Computed(
                "CASE WHEN email IS NULL THEN 0 ELSE 25 END + CASE WHEN email_status = 'VERIFIED' THEN 10 ELSE 0 END + CASE WHEN first_name IS NULL THEN 0 ELSE 10 END + CASE WHEN last_name IS NULL THEN 0 ELSE 10 END + CASE WHEN title IS NULL THEN 0 ELSE 15 END + CASE WHEN company_id IS NULL THEN 0 ELSE 15 END + CASE WHEN seniority IS NULL THEN 0 ELSE 5 END + CASE WHEN country IS NULL THEN 0 ELSE 5 END + CASE WHEN departments = '{}' THEN 0 ELSE 5 END",
                persisted=True,
            ),
            nullable=False,
        ),
        sa.Column("source", sa.Text(), server_default="API", nullable=False),
        sa.Column("last_contacted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_verified_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "search_text",
            sa.Text(),
            sa.Computed(
                "lower(coalesce(first_name, '') || ' ' || coalesce(middle_name, '') || ' ' || coalesce(last_name, '') || ' ' || coalesce(email, '') || ' ' || coalesce(title, '') || ' ' || coalesce(company_name, ''))",
                persisted=True,
            ),
            nullable=True,
        ),
        sa.CheckConstraint(
            "email_status IN ('VERIFIED', 'UNVERIFIED', 'LIKELY', 'EXTRAPOLATED', 'CATCH_ALL', 'USER_MANAGED', 'POTENTIALLY_INVALID', 'INVALID', 'BOUNCED', 'NO_LONGER_VERIFIED', 'UNAVAILABLE', 'DO_NOT_MAIL', 'ABUSE', 'UNKNOWN')",
            name=op.f("ck_contacts_email_status"),
        ),
        sa.CheckConstraint(
            "seniority IN ('OWNER', 'FOUNDER', 'C_SUITE', 'PARTNER', 'VP', 'HEAD', 'DIRECTOR', 'MANAGER', 'SENIOR', 'ENTRY', 'INTERN', 'UNKNOWN')",
            name=op.f("ck_contacts_seniority"),
        ),
        sa.CheckConstraint(
            "source IN ('IMPORT', 'API', 'MANUAL', 'ENRICHMENT', 'MERGE')",
            name=op.f("ck_contacts_source"),
        ),
        sa.ForeignKeyConstraint(
            ["company_id"],
            ["companies.id"],
            name=op.f("fk_contacts_company_id_companies"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["users.id"], name=op.f("fk_contacts_owner_id_users"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contacts")),
        sa.UniqueConstraint("uuid", name=op.f("uq_contacts_uuid")),
    )
    op.create_index(
        "ix_contacts_city",
        "contacts",
        [sa.literal_column("lower(city)"), "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
        postgresql_using="btree",
    )
    op.create_index(
        "ix_contacts_company_id",
        "contacts",
        ["company_id", "created_at", "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
        postgresql_using="btree",
    )
    op.create_index(
        "ix_contacts_company_name",
        "contacts",
        [sa.literal_column("lower(company_name)"), "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
        postgresql_using="btree",
    )
    op.create_index(
        "ix_contacts_country",
        "contacts",
        [sa.literal_column("lower(country)"), "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
        postgresql_using="btree",
    )
    op.create_index(
        "ix_contacts_created_at",
        "contacts",
        ["created_at", "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
        postgresql_using="btree",
    )
    op.create_index(
        "ix_contacts_departments",
        "contacts",
        ["departments"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
        postgresql_using="gin",
    )
    op.create_index(
        "ix_contacts_email_domain",
        "contacts",
        ["email_domain", "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
        postgresql_using="btree",
    )
    op.create_index(
        "ix_contacts_email_key",
        "contacts",
        ["email_key", "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
        postgresql_using="btree",
    )
    op.create_index(
        "ix_contacts_email_status",
        "contacts",
        ["email_status", "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
        postgresql_using="btree",
    )
    op.create_index(
        "ix_contacts_first_name",
        "contacts",
        [sa.literal_column("lower(first_name)"), "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
        postgresql_using="btree",
    )
    op.create_index(
        "ix_contacts_full_name",
        "contacts",
        [sa.literal_column("lower(full_name)"), "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
        postgresql_using="btree",
    )
    op.create_index(
        "ix_contacts_last_contacted_at",
        "contacts",
        ["last_contacted_at", "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
        postgresql_using="btree",
    )
    op.create_index(
        "ix_contacts_last_name",
        "contacts",
        [sa.literal_column("lower(last_name)"), "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
        postgresql_using="btree",
    )
    op.create_index(op.f("ix_contacts_owner_id"), "contacts", ["owner_id"], unique=False)
    op.create_index(
        "ix_contacts_quality_score",
        "contacts",
        ["quality_score", "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
        postgresql_using="btree",
    )
    op.create_index(
        "ix_contacts_region",
        "contacts",
        [sa.literal_column("lower(region)"), "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
        postgresql_using="btree",
    )
    op.create_index(
        "ix_contacts_seniority",
        "contacts",
        ["seniority", "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
        postgresql_using="btree",
    )
    op.create_index(
        "ix_contacts_stage",
        "contacts",
        [sa.literal_column("lower(stage)"), "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
        postgresql_using="btree",
    )
    op.create_index(
        "ix_contacts_tags",
        "contacts",
        ["tags"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
        postgresql_using="gin",
    )
    op.create_index(
        "ix_contacts_title",
        "contacts",
        [sa.literal_column("lower(title)"), "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
        postgresql_using="btree",
    )
    op.create_index(
        "ix_contacts_updated_at",
        "contacts",
        ["updated_at", "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
        postgresql_using="btree",
    )
    op.create_table(
        "activities",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("uuid", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("contact_id", sa.BigInteger(), nullable=False),
        sa.Column("type", sa.Text(), server_default="NOTE", nullable=False),
        sa.Column("body", sa.Text(), nullable=True),
        sa.Column("actor_id", sa.BigInteger(), nullable=True),
        sa.Column(
            "occurred_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "type IN ('NOTE', 'EMAIL', 'CALL', 'MEETING', 'TASK')", name=op.f("ck_activities_type")
        ),
        sa.ForeignKeyConstraint(
            ["actor_id"],
            ["users.id"],
            name=op.f("fk_activities_actor_id_users"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["contact_id"],
            ["contacts.id"],
            name=op.f("fk_activities_contact_id_contacts"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_activities")),
        sa.UniqueConstraint("uuid", name=op.f("uq_activities_uuid")),
    )
    op.create_index(op.f("ix_activities_actor_id"), "activities", ["actor_id"], unique=False)
    op.create_index(
        "ix_activities_contact_id", "activities", ["contact_id", "occurred_at", "id"], unique=False
    )
    op.create_table(
        "contact_emails",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("contact_id", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.SmallInteger(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column(
            "email_key",
            sa.Text(),
            sa.Computed("lower(btrim(address))", persisted=True),
            nullable=False,
        ),
        sa.Column("type", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), server_default="UNKNOWN", nullable=False),
        sa.Column("is_primary", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("confidence", sa.Float(), nullable=True),
        sa.Column("is_catch_all", sa.Boolean(), nullable=True),
        sa.Column("source", sa.Text(), nullable=True),
        sa.Column("verified_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "status IN ('VERIFIED', 'UNVERIFIED', 'LIKELY', 'EXTRAPOLATED', 'CATCH_ALL', 'USER_MANAGED', 'POTENTIALLY_INVALID', 'INVALID', 'BOUNCED', 'NO_LONGER_VERIFIED', 'UNAVAILABLE', 'DO_NOT_MAIL', 'ABUSE', 'UNKNOWN')",
            name=op.f("ck_contact_emails_status"),
        ),
        sa.CheckConstraint(
            "type IN ('WORK', 'PERSONAL', 'OTHER')", name=op.f("ck_contact_emails_type")
        ),
        sa.ForeignKeyConstraint(
            ["contact_id"],
            ["contacts.id"],
            name=op.f("fk_contact_emails_contact_id_contacts"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contact_emails")),
    )
    op.create_index(
        "ix_contact_emails_contact_id", "contact_emails", ["contact_id", "position"], unique=False
    )
    op.create_index(
        "uq_contact_emails_email_key",
        "contact_emails",
        ["email_key"],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index(
        "ix_contact_emails_deleted_email_key",
        "contact_emails",
        ["email_key"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NOT NULL"),
    )
    op.create_table(
        "contact_metadata",
        sa.Column("contact_id", sa.BigInteger(), nullable=False),
        sa.Column("headline", sa.Text(), nullable=True),
        sa.Column("linkedin_url", sa.Text(), nullable=True),
        sa.Column("facebook_url", sa.Text(), nullable=True),
        sa.Column("twitter_url", sa.Text(), nullable=True),
        sa.Column("website_url", sa.Text(), nullable=True),
        sa.Column("street", sa.Text(), nullable=True),
        sa.Column("street2", sa.Text(), nullable=True),
        sa.Column("postal_code", sa.Text(), nullable=True),
        sa.Column("timezone", sa.Text(), nullable=True),
        sa.Column("notes", sa.Text(), nullable=True),
        sa.Column(
            "custom_fields",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["contact_id"],
            ["contacts.id"],
            name=op.f("fk_contact_metadata_contact_id_contacts"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("contact_id", name=op.f("pk_contact_metadata")),
    )
    op.create_index(
        "ix_contact_metadata_linkedin_url", "contact_metadata", ["linkedin_url"], unique=False
    )
    op.create_table(
        "contact_phones",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("contact_id", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.SmallInteger(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("e164", sa.Text(), nullable=True),
        sa.Column("type", sa.Text(), server_default="OTHER", nullable=False),
        sa.Column("extension", sa.Text(), nullable=True),
        sa.Column("is_primary", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("status", sa.Text(), nullable=True),
        sa.Column("source", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "type IN ('WORK_DIRECT', 'MOBILE', 'HOME', 'CORPORATE', 'COMPANY', 'FAX', 'OTHER')",
            name=op.f("ck_contact_phones_type"),
        ),
        sa.ForeignKeyConstraint(
            ["contact_id"],
            ["contacts.id"],
            name=op.f("fk_contact_phones_contact_id_contacts"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contact_phones")),
    )
    op.create_index(
        "ix_contact_phones_contact_id", "contact_phones", ["contact_id", "position"], unique=False
    )
    op.create_index("ix_contact_phones_e164", "contact_phones", ["e164"], unique=False)
    for statement in (*_FUNCTIONS, *_TRIGGERS):
        op.execute(statement)
    _create_statistics()
    _create_trigram_indexes()


def downgrade() -> None:
    op.drop_index("ix_contact_phones_e164", table_name="contact_phones")
    op.drop_index("ix_contact_phones_contact_id", table_name="contact_phones")
    op.drop_table("contact_phones")
    op.drop_index("ix_contact_metadata_linkedin_url", table_name="contact_metadata")
    op.drop_table("contact_metadata")
    op.drop_index(
        "uq_contact_emails_email_key",
        table_name="contact_emails",
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.drop_index(
        "ix_contact_emails_deleted_email_key",
        table_name="contact_emails",
        postgresql_where=sa.text("deleted_at IS NOT NULL"),
    )
    op.drop_index("ix_contact_emails_contact_id", table_name="contact_emails")
    op.drop_table("contact_emails")
    op.drop_index("ix_activities_contact_id", table_name="activities")
    op.drop_index(op.f("ix_activities_actor_id"), table_name="activities")
    op.drop_table("activities")
    op.drop_index(
        "ix_contacts_updated_at",
        table_name="contacts",
        postgresql_where=sa.text("deleted_at IS NULL"),
        postgresql_using="btree",
    )
    op.drop_index(
        "ix_contacts_title",
        table_name="contacts",
        postgresql_where=sa.text("deleted_at IS NULL"),
        postgresql_using="btree",
    )
    op.drop_index(
        "ix_contacts_tags",
        table_name="contacts",
        postgresql_where=sa.text("deleted_at IS NULL"),
        postgresql_using="gin",
    )
    op.drop_index(
        "ix_contacts_stage",
        table_name="contacts",
        postgresql_where=sa.text("deleted_at IS NULL"),
        postgresql_using="btree",
    )
    op.drop_index(
        "ix_contacts_seniority",
        table_name="contacts",
        postgresql_where=sa.text("deleted_at IS NULL"),
        postgresql_using="btree",
    )
    op.drop_index(
        "ix_contacts_region",
        table_name="contacts",
        postgresql_where=sa.text("deleted_at IS NULL"),
        postgresql_using="btree",
    )
    op.drop_index(
        "ix_contacts_quality_score",
        table_name="contacts",
        postgresql_where=sa.text("deleted_at IS NULL"),
        postgresql_using="btree",
    )
    op.drop_index(op.f("ix_contacts_owner_id"), table_name="contacts")
    op.drop_index(
        "ix_contacts_last_name",
        table_name="contacts",
        postgresql_where=sa.text("deleted_at IS NULL"),
        postgresql_using="btree",
    )
    op.drop_index(
        "ix_contacts_last_contacted_at",
        table_name="contacts",
        postgresql_where=sa.text("deleted_at IS NULL"),
        postgresql_using="btree",
    )
    op.drop_index(
        "ix_contacts_full_name",
        table_name="contacts",
        postgresql_where=sa.text("deleted_at IS NULL"),
        postgresql_using="btree",
    )
    op.drop_index(
        "ix_contacts_first_name",
        table_name="contacts",
        postgresql_where=sa.text("deleted_at IS NULL"),
        postgresql_using="btree",
    )
    op.drop_index(
        "ix_contacts_email_status",
        table_name="contacts",
        postgresql_where=sa.text("deleted_at IS NULL"),
        postgresql_using="btree",
    )
    op.drop_index(
        "ix_contacts_email_key",
        table_name="contacts",
        postgresql_where=sa.text("deleted_at IS NULL"),
        postgresql_using="btree",
    )
    op.drop_index(
        "ix_contacts_email_domain",
        table_name="contacts",
        postgresql_where=sa.text("deleted_at IS NULL"),
        postgresql_using="btree",
    )
    op.drop_index(
        "ix_contacts_departments",
        table_name="contacts",
        postgresql_where=sa.text("deleted_at IS NULL"),
        postgresql_using="gin",
    )
    op.drop_index(
        "ix_contacts_created_at",
        table_name="contacts",
        postgresql_where=sa.text("deleted_at IS NULL"),
        postgresql_using="btree",
    )
    op.drop_index(
        "ix_contacts_country",
        table_name="contacts",
        postgresql_where=sa.text("deleted_at IS NULL"),
        postgresql_using="btree",
    )
    op.drop_index(
        "ix_contacts_company_name",
        table_name="contacts",
        postgresql_where=sa.text("deleted_at IS NULL"),
        postgresql_using="btree",
    )
    op.drop_index(
        "ix_contacts_company_id",
        table_name="contacts",
        postgresql_where=sa.text("deleted_at IS NULL"),
        postgresql_using="btree",
    )
    op.drop_index(
        "ix_contacts_city",
        table_name="contacts",
        postgresql_where=sa.text("deleted_at IS NULL"),
        postgresql_using="btree",
    )
    op.drop_table("contacts")
    op.drop_index(
        "uq_companies_domain",
        table_name="companies",
        postgresql_where=sa.text("deleted_at IS NULL AND domain IS NOT NULL"),
    )
    op.drop_index(
        "ix_companies_deleted_domain",
        table_name="companies",
        postgresql_where=sa.text("deleted_at IS NOT NULL"),
    )
    op.drop_index(
        "ix_companies_updated_at",
        table_name="companies",
        postgresql_where=sa.text("deleted_at IS NULL"),
        postgresql_using="btree",
    )
    op.drop_index(
        "ix_companies_total_funding",
        table_name="companies",
        postgresql_where=sa.text("deleted_at IS NULL"),
        postgresql_using="btree",
    )
    op.drop_index(
        "ix_companies_technologies",
        table_name="companies",
        postgresql_where=sa.text("deleted_at IS NULL"),
        postgresql_using="gin",
    )
    op.drop_index(
        "ix_companies_stage",
        table_name="companies",
        postgresql_where=sa.text("deleted_at IS NULL"),
        postgresql_using="btree",
    )
    op.drop_index(
        "ix_companies_region",
        table_name="companies",
        postgresql_where=sa.text("deleted_at IS NULL"),
        postgresql_using="btree",
    )
    op.drop_index(op.f("ix_companies_parent_id"), table_name="companies")
    op.drop_index(op.f("ix_companies_owner_id"), table_name="companies")
    op.drop_index(
        "ix_companies_name",
        table_name="companies",
        postgresql_where=sa.text("deleted_at IS NULL"),
        postgresql_using="btree",
    )
    op.drop_index(
        "ix_companies_last_raised_at",
        table_name="companies",
        postgresql_where=sa.text("deleted_at IS NULL"),
        postgresql_using="btree",
    )
    op.drop_index(
        "ix_companies_keywords",
        table_name="companies",
        postgresql_where=sa.text("deleted_at IS NULL"),
        postgresql_using="gin",
    )
    op.drop_index(
        "ix_companies_industry",
        table_name="companies",
        postgresql_where=sa.text("deleted_at IS NULL"),
        postgresql_using="btree",
    )
    op.drop_index(
        "ix_companies_industries",
        table_name="companies",
        postgresql_where=sa.text("deleted_at IS NULL"),
        postgresql_using="gin",
    )
    op.drop_index(
        "ix_companies_founded_year",
        table_name="companies",
        postgresql_where=sa.text("deleted_at IS NULL"),
        postgresql_using="btree",
    )
    op.drop_index(
        "ix_companies_employees_count",
        table_name="companies",
        postgresql_where=sa.text("deleted_at IS NULL"),
        postgresql_using="btree",
    )
    op.drop_index(
        "ix_companies_domain",
        table_name="companies",
        postgresql_where=sa.text("deleted_at IS NULL"),
        postgresql_using="btree",
    )
    op.drop_index(
        "ix_companies_created_at",
        table_name="companies",
        postgresql_where=sa.text("deleted_at IS NULL"),
        postgresql_using="btree",
    )
    op.drop_index(
        "ix_companies_country",
        table_name="companies",
        postgresql_where=sa.text("deleted_at IS NULL"),
        postgresql_using="btree",
    )
    op.drop_index(
        "ix_companies_city",
        table_name="companies",
        postgresql_where=sa.text("deleted_at IS NULL"),
        postgresql_using="btree",
    )
    op.drop_index(
        "ix_companies_annual_revenue",
        table_name="companies",
        postgresql_where=sa.text("deleted_at IS NULL"),
        postgresql_using="btree",
    )
    op.drop_table("companies")
    op.drop_table("users")
    for function in _FUNCTION_NAMES:
        op.execute(f"DROP FUNCTION {function}()")
