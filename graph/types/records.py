"""Contacts and companies. They name each other, so they stand in one file."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

import strawberry

from db.entities import CONTACTS
from db.rows import CompanyRow, ContactRow
from domain.enums import EmailStatus, EmployeeRange, RecordSource, Seniority
from domain.filters import ContactFilter
from domain.node_ids import NodeKind
from domain.paging import NEWEST_CONTACTS
from domain.scalars import BigInt, Json
from graph.arguments import After, Before, ContactsOrder, First, Last
from graph.caching import (
    ON_COMPANIES,
    ON_CONTACTS,
    ON_NOTHING_ELSE,
    ON_OWN_CONTACTS,
    ON_USERS,
)
from graph.context import Info, place_of
from graph.declare import batched, column, loaded, node_id, part, rows_of
from graph.loading import load_each, load_pages
from graph.pages import Listing, PageArguments, page_request, tell_of_cap
from graph.types.connections import Connection
from graph.types.parts import (
    Activity,
    ContactEmail,
    ContactMetadata,
    ContactPhone,
    Location,
    Node,
    User,
    metadata_column,
)


async def _primary_emails(rows: Sequence[Any], info: Info) -> list[Any]:
    loader = info.context.loaders.emails_by_contact
    return [_primary(emails) for emails in await load_each(loader, (row["id"] for row in rows))]


def _primary(emails: Any) -> Any:
    if isinstance(emails, Exception):
        return emails
    return next((email for email in emails if email["is_primary"]), None)


async def _survivors(rows: Sequence[Any], info: Info) -> list[Any]:
    merged = (None if row["merged_into_id"] is None else row["id"] for row in rows)
    return await load_each(info.context.loaders.survivor_by_contact, merged)


async def _contacts(
    companies: Sequence[Any],
    info: Info,
    first: First = None,
    after: After = None,
    last: Last = None,
    before: Before = None,
    filter: Annotated[
        ContactFilter | None, strawberry.argument(description="Which of them.")
    ] = None,
    order_by: ContactsOrder = None,
) -> list[Any]:
    """One page of each company's contacts, read in one statement for all companies."""
    order = NEWEST_CONTACTS if order_by is None else tuple(order_by)
    request = page_request(info, PageArguments(first, after, last, before), order)
    place, loaders = place_of(info), info.context.loaders
    pages = await load_pages(
        loaders.contact_page_by_company(place, request, filter, selection=info.selection),
        [company["id"] for company in companies],
    )
    write_cursor = info.context.cursors.writer(order)

    def listing(company_id: int, page: Any) -> Any:
        if isinstance(page, Exception):
            return page
        tell_of_cap(info, page)
        return Listing(
            CONTACTS,
            page,
            count=lambda: loaders.contact_total_by_company(place, filter).load(company_id),
            behind=lambda: loaders.contacts_behind_by_company(place, request, filter).load(
                company_id
            ),
            write_cursor=write_cursor,
        )

    return [listing(company["id"], page) for company, page in zip(companies, pages, strict=True)]


@rows_of("contacts")
@strawberry.type(description="A person in the records.")
class Contact(Node):
    """A row of `contacts`."""

    id: strawberry.ID = node_id(NodeKind.CONTACT)
    uuid: UUID = column("The id for clients outside GraphQL.")
    first_name: str | None = column("Given name.")
    middle_name: str | None = column("Middle name.")
    last_name: str | None = column("Family name.")
    full_name: str | None = column("All names in one.")
    title: str | None = column("Job title.")
    headline: str | None = metadata_column("headline", "One line the person says.")
    seniority: Seniority | None = column("Place in the hierarchy.")
    departments: list[str] = column("Departments.")
    functions: list[str] = column("Job functions.")
    email: str | None = column("Primary e-mail address.")
    email_domain: str | None = column("Domain of the primary e-mail address.")
    email_status: EmailStatus | None = column("Status of the primary e-mail address.")
    emails: list[ContactEmail] = loaded(
        "emails_by_contact", "id", "All e-mail addresses.", depends=ON_NOTHING_ELSE
    )
    primary_email: ContactEmail | None = batched(
        _primary_emails, "The address to write to.", needs=("id",), depends=ON_NOTHING_ELSE
    )
    phones: list[ContactPhone] = loaded(
        "phones_by_contact", "id", "All phone numbers.", depends=ON_NOTHING_ELSE
    )
    linkedin_url: str | None = metadata_column("linkedin_url", "LinkedIn profile.")
    facebook_url: str | None = metadata_column("facebook_url", "Facebook profile.")
    twitter_url: str | None = metadata_column("twitter_url", "X (Twitter) profile.")
    website_url: str | None = metadata_column("website_url", "Personal web site.")
    location: Location = part("Where the person is.")
    company: "Company | None" = loaded(
        "company_by_id",
        "company_id",
        "The employer; null when it was deleted.",
        relation="company",
        depends=ON_COMPANIES,
    )
    company_name: str | None = column("The employer's name, or how the source spells it.")
    company_name_raw: str | None = column("The employer as the source spells it.")
    stage: str | None = column("Stage in the pipeline.")
    lead_status: str | None = column("Status as a lead.")
    do_not_contact: bool = column("The person has asked not to be contacted.")
    owner: User | None = loaded(
        "user_by_id", "owner_id", "Who looks after it.", relation="owner", depends=ON_USERS
    )
    tags: list[str] = column("Tags.")
    keywords: list[str] = column("Keywords.")
    notes: str | None = metadata_column("notes", "Free text.")
    source: RecordSource = column("How the record came to be.")
    quality_score: int = column("How complete the record is, 0 to 100.")
    custom_fields: Json = metadata_column(
        "custom_fields", "A JSON object of your own.", missing="{}"
    )
    metadata: ContactMetadata | None = loaded(
        "metadata_by_contact",
        "id",
        "What is known beyond what lists show.",
        relation="metadata",
        depends=ON_NOTHING_ELSE,
    )
    activities: list[Activity] = loaded(
        "activities_by_contact",
        "id",
        "What happened with the contact, the latest first.",
        depends=ON_NOTHING_ELSE,
    )
    last_contacted_at: datetime | None = column("When somebody last wrote or called.")
    last_verified_at: datetime | None = column("When the record was last checked.")
    created_at: datetime = column("When the record was created.")
    updated_at: datetime = column("When the record was last changed.")
    deleted_at: datetime | None = column("When it was deleted; such records are in no list.")
    merged_into: "Contact | None" = batched(
        _survivors,
        "The contact that this one has become a part of, after all merges; its e-mails,"
        " phones and activities are there. Null when it was not merged, or that one was deleted.",
        needs=("id", "merged_into_id"),
        depends=ON_CONTACTS,
    )
    version: int = column("Goes up by one with every change; pass it as `expectedVersion`.")

    @classmethod
    def is_type_of(cls, row: object, _info: object) -> bool:
        """Whether a row is one of these."""
        return isinstance(row, ContactRow)


@rows_of("companies")
@strawberry.type(description="A company in the records.")
class Company(Node):
    """A row of `companies`."""

    id: strawberry.ID = node_id(NodeKind.COMPANY)
    uuid: UUID = column("The id for clients outside GraphQL.")
    name: str | None = column("Name.")
    name_for_emails: str | None = column("Name as one would write it in a letter.")
    domain: str | None = column("Main host; no two companies share one.")
    additional_domains: list[str] = column("Further hosts.")
    website_url: str | None = column("Web site.")
    industry: str | None = column("The first of the industries.")
    industries: list[str] = column("Industries, the main one first.")
    sub_industries: list[str] = column("Finer industries.")
    sic_codes: list[str] = column("SIC codes.")
    naics_codes: list[str] = column("NAICS codes.")
    employees_count: int | None = column("Number of employees.")
    employee_range: EmployeeRange | None = column("Size class by number of employees.")
    annual_revenue: BigInt | None = column("Revenue of a year, in whole units of the currency.")
    currency: str | None = column("ISO 4217 code.")
    total_funding: BigInt | None = column("All funding, in whole units of the currency.")
    latest_funding: str | None = column("Kind of the latest round.")
    latest_funding_amount: BigInt | None = column("Amount of the latest round.")
    last_raised_at: date | None = column("Day of the latest round.")
    founded_year: int | None = column("Year of foundation.")
    phone: str | None = column("Phone number.")
    address: Location = part("Headquarters.")
    linkedin_url: str | None = column("LinkedIn page.")
    facebook_url: str | None = column("Facebook page.")
    twitter_url: str | None = column("X (Twitter) profile.")
    technologies: list[str] = column("Technologies in use.")
    keywords: list[str] = column("Keywords.")
    short_description: str | None = column("What the company does.")
    retail_locations: int | None = column("Number of shops.")
    logo_url: str | None = column("Logo.")
    parent: "Company | None" = loaded(
        "company_by_id",
        "parent_id",
        "The company this one belongs to.",
        relation="parent",
        depends=ON_COMPANIES,
    )
    ticker: str | None = column("Stock ticker.")
    ownership_type: str | None = column("Ownership, such as `PUBLIC`.")
    owner: User | None = loaded(
        "user_by_id", "owner_id", "Who looks after it.", relation="owner", depends=ON_USERS
    )
    stage: str | None = column("Stage in the pipeline.")
    source: RecordSource = column("How the record came to be.")
    contact_count: int = loaded(
        "contact_count_by_company", "id", "How many contacts work there.", depends=ON_OWN_CONTACTS
    )
    created_at: datetime = column("When the record was created.")
    updated_at: datetime = column("When the record was last changed.")
    deleted_at: datetime | None = column("When it was deleted; such records are in no list.")
    version: int = column("Goes up by one with every change; pass it as `expectedVersion`.")

    contacts: Connection[Contact] = batched(
        _contacts,
        "The contacts who work there, the newest first by default.",
        needs=("id",),
        selects="contacts",
        depends=ON_OWN_CONTACTS,
    )

    @classmethod
    def is_type_of(cls, row: object, _info: object) -> bool:
        """Whether a row is one of these."""
        return isinstance(row, CompanyRow)
