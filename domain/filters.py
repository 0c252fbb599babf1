"""The filter vocabulary of every door: GraphQL, exports, counts, command line.

Plain frozen classes. `db.filter_shapes` and `db.filters` are their only compiler,
`db.filter_fields` knows what stands behind every field; `graph.inputs` shows them as GraphQL
inputs. A field that was left out is `ABSENT`; an operand of null is an error that names `isNull`.
"""

from dataclasses import dataclass
from typing import Final

from domain.conditions import (
    ActivityTypeFilter,
    BigIntFilter,
    BigIntRange,
    BooleanFilter,
    DateFilter,
    DateRange,
    DateTimeFilter,
    DateTimeRange,
    EmailStatusFilter,
    EmailTypeFilter,
    EmployeeRangeFilter,
    FloatFilter,
    FloatRange,
    IDFilter,
    IntFilter,
    IntRange,
    JobKindFilter,
    JobStatusFilter,
    PhoneTypeFilter,
    RecordSourceFilter,
    SeniorityFilter,
    StringFilter,
    StringListFilter,
    UUIDFilter,
    described,
)
from domain.scalars import NodeId

MAX_FILTER_DEPTH: Final = 5
MAX_FILTER_PREDICATES: Final = 50
MAX_FILTER_LIST_ITEMS: Final = 1000

_AND = "All of these must hold; an empty list matches everything."
_OR = "At least one of these must hold; an empty list matches nothing."
_NOT = "This must not hold."


@dataclass(frozen=True, kw_only=True)
class ContactMetadataFilter:
    """Conditions on what is known beyond what lists show; all that are given must hold."""

    headline: StringFilter | None = described("One line the person says.")
    linkedin_url: StringFilter | None = described("LinkedIn profile.")
    facebook_url: StringFilter | None = described("Facebook profile.")
    twitter_url: StringFilter | None = described("X (Twitter) profile.")
    website_url: StringFilter | None = described("Personal web site.")
    street: StringFilter | None = described("Street and number.")
    postal_code: StringFilter | None = described("Postal code.")
    timezone: StringFilter | None = described("Time zone.")
    notes: StringFilter | None = described("Free text.")


@dataclass(frozen=True, kw_only=True)
class ContactEmailFilter:
    """Conditions on one e-mail address; all that are given must hold for the same one."""

    address: StringFilter | None = described("The address.")
    type: EmailTypeFilter | None = described("Whose mailbox it is.")
    status: EmailStatusFilter | None = described("Whether mail arrives.")
    is_primary: BooleanFilter | None = described("Is the one to write to.")
    confidence: FloatFilter | None = described("How sure the source is, 0 to 1.")
    is_catch_all: BooleanFilter | None = described("Its domain takes mail for any name.")
    source: StringFilter | None = described("Where the address came from.")
    verified_at: DateTimeFilter | None = described("When it was last checked.")


@dataclass(frozen=True, kw_only=True)
class ContactPhoneFilter:
    """Conditions on one phone number; all that are given must hold for the same one."""

    number: StringFilter | None = described("The number as it was given.")
    e164: StringFilter | None = described("The number with country code, as in +4930123456.")
    type: PhoneTypeFilter | None = described("What kind of line it is.")
    extension: StringFilter | None = described("Extension.")
    is_primary: BooleanFilter | None = described("Is the one to call.")
    status: StringFilter | None = described("What the source says about it.")
    source: StringFilter | None = described("Where the number came from.")


@dataclass(frozen=True, kw_only=True)
class ActivityFilter:
    """Conditions on one activity; all that are given must hold for the same one."""

    type: ActivityTypeFilter | None = described("What happened.")
    body: StringFilter | None = described("What was said or written.")
    occurred_at: DateTimeFilter | None = described("When it happened.")
    actor_id: IDFilter | None = described("The id of the user who did it.")


@dataclass(frozen=True, kw_only=True)
class CompanyFilter:
    """Which companies; all conditions must hold, no condition matches every company."""

    search: str | None = described(
        "Words of which each is found in the name, domain or description."
    )
    id: IDFilter | None = described("Its id.")
    uuid: UUIDFilter | None = described("Its UUID.")
    name: StringFilter | None = described("Name.")
    domain: StringFilter | None = described("Main host.")
    industry: StringFilter | None = described("Main industry.")
    industries: StringListFilter | None = described("Industries.")
    sub_industries: StringListFilter | None = described("Industries in finer grain.")
    technologies: StringListFilter | None = described("Technologies in use.")
    keywords: StringListFilter | None = described("Keywords.")
    employees_count: IntFilter | None = described("Number of employees.")
    employee_range: EmployeeRangeFilter | None = described("Size class by number of employees.")
    annual_revenue: BigIntFilter | None = described("Revenue of a year.")
    total_funding: BigIntFilter | None = described("All funding.")
    latest_funding: StringFilter | None = described("Kind of the latest funding round.")
    latest_funding_amount: BigIntFilter | None = described("Amount of the latest funding round.")
    last_raised_at: DateFilter | None = described("Day of the latest funding round.")
    founded_year: IntFilter | None = described("Year of foundation.")
    city: StringFilter | None = described("City of the headquarters.")
    region: StringFilter | None = described("State or region of the headquarters.")
    country: StringFilter | None = described("Country of the headquarters.")
    country_code: StringFilter | None = described("Two letters of the headquarters' country.")
    linkedin_url: StringFilter | None = described("LinkedIn page.")
    stage: StringFilter | None = described("Stage in the pipeline.")
    owner_id: IDFilter | None = described("The id of the user who looks after it.")
    parent_id: IDFilter | None = described("The id of the company it belongs to.")
    source: RecordSourceFilter | None = described("How the record came to be.")
    contact_count: IntFilter | None = described("Number of its contacts.")
    has_contacts_with: "ContactFilter | None" = described(
        "Conditions on its contacts; at least one of them must match."
    )
    created_at: DateTimeFilter | None = described("When the record was created.")
    updated_at: DateTimeFilter | None = described("When the record was last changed.")
    and_: "list[CompanyFilter] | None" = described(_AND)
    or_: "list[CompanyFilter] | None" = described(_OR)
    not_: "CompanyFilter | None" = described(_NOT)


@dataclass(frozen=True, kw_only=True)
class ContactFilter:
    """Which contacts; all conditions must hold, no condition matches every contact."""

    search: str | None = described(
        "Words of which each is found in the names, e-mail address, title or company name."
    )
    id: IDFilter | None = described("Its id.")
    uuid: UUIDFilter | None = described("Its UUID.")
    first_name: StringFilter | None = described("Given name.")
    middle_name: StringFilter | None = described("Middle name.")
    last_name: StringFilter | None = described("Family name.")
    name: StringFilter | None = described("Full name.")
    title: StringFilter | None = described("Job title.")
    seniority: SeniorityFilter | None = described("Place in the hierarchy.")
    departments: StringListFilter | None = described("Departments.")
    functions: StringListFilter | None = described("Job functions.")
    email: StringFilter | None = described("Primary e-mail address.")
    email_domain: StringFilter | None = described("Domain of the primary e-mail address.")
    email_status: EmailStatusFilter | None = described("Status of the primary e-mail address.")
    has_email: bool | None = described("Whether there is a primary e-mail address.")
    has_phone: bool | None = described("Whether there is a phone number.")
    has_linked_in: bool | None = described("Whether there is a LinkedIn profile.")
    city: StringFilter | None = described("City.")
    region: StringFilter | None = described("State or region.")
    country: StringFilter | None = described("Country.")
    country_code: StringFilter | None = described("Two letters of the country.")
    stage: StringFilter | None = described("Stage in the pipeline.")
    lead_status: StringFilter | None = described("Status as a lead.")
    tags: StringListFilter | None = described("Tags.")
    keywords: StringListFilter | None = described("Keywords.")
    do_not_contact: BooleanFilter | None = described("Has asked not to be contacted.")
    quality_score: IntFilter | None = described("How complete the record is, 0 to 100.")
    source: RecordSourceFilter | None = described("How the record came to be.")
    owner_id: IDFilter | None = described("The id of the user who looks after it.")
    is_duplicate: bool | None = described(
        "Whether another contact has the same LinkedIn profile, or number and family name."
    )
    company_id: IDFilter | None = described("The company's id.")
    company_name: StringFilter | None = described("The company's name.")
    company: CompanyFilter | None = described(
        "Conditions on the company; a contact without one does not match."
    )
    metadata: ContactMetadataFilter | None = described(
        "Conditions on what is known beyond what lists show."
    )
    emails: ContactEmailFilter | None = described(
        "Conditions on the e-mail addresses; at least one of them must match."
    )
    phones: ContactPhoneFilter | None = described(
        "Conditions on the phone numbers; at least one of them must match."
    )
    activities: ActivityFilter | None = described(
        "Conditions on the activities; at least one of them must match."
    )
    imported_by: NodeId | None = described(
        "The id of an import, one's own or any for an admin: what it made or changed."
    )
    last_contacted_at: DateTimeFilter | None = described("When somebody last wrote or called.")
    last_verified_at: DateTimeFilter | None = described("When the record was last checked.")
    created_at: DateTimeFilter | None = described("When the record was created.")
    updated_at: DateTimeFilter | None = described("When the record was last changed.")
    and_: "list[ContactFilter] | None" = described(_AND)
    or_: "list[ContactFilter] | None" = described(_OR)
    not_: "ContactFilter | None" = described(_NOT)


@dataclass(frozen=True, kw_only=True)
class JobFilter:
    """Which jobs; all conditions must hold, no condition matches every job."""

    id: IDFilter | None = described("Its id.")
    uuid: UUIDFilter | None = described("Its UUID.")
    kind: JobKindFilter | None = described("What it does.")
    status: JobStatusFilter | None = described("How it stands.")
    priority: IntFilter | None = described("Of those that wait, the highest goes first.")
    user_uuid: UUIDFilter | None = described(
        "The UUID of the user it belongs to; the server's own jobs have none."
    )
    created_at: DateTimeFilter | None = described("When it was made.")
    started_at: DateTimeFilter | None = described("When a worker first began.")
    finished_at: DateTimeFilter | None = described("When it ended.")
    and_: "list[JobFilter] | None" = described(_AND)
    or_: "list[JobFilter] | None" = described(_OR)
    not_: "JobFilter | None" = described(_NOT)


@dataclass(frozen=True, kw_only=True)
class ImportErrorFilter:
    """What is told about the rows of a file; all conditions must hold."""

    job_id: IDFilter | None = described("The job that told it.")
    code: StringFilter | None = described("What is wrong.")
    severity: StringFilter | None = described("What it means for its row.")


Filter = ContactFilter | CompanyFilter
"""A filter of records."""

ListFilter = Filter | JobFilter | ImportErrorFilter
"""A filter of a list."""

RelatedFilter = ContactMetadataFilter | ContactEmailFilter | ContactPhoneFilter | ActivityFilter
"""A filter of what belongs to a contact."""

AnyFilter = ListFilter | RelatedFilter

__all__ = [
    "MAX_FILTER_DEPTH",
    "MAX_FILTER_LIST_ITEMS",
    "MAX_FILTER_PREDICATES",
    "ActivityFilter",
    "ActivityTypeFilter",
    "AnyFilter",
    "BigIntFilter",
    "BigIntRange",
    "BooleanFilter",
    "CompanyFilter",
    "ContactEmailFilter",
    "ContactFilter",
    "ContactMetadataFilter",
    "ContactPhoneFilter",
    "DateFilter",
    "DateRange",
    "DateTimeFilter",
    "DateTimeRange",
    "EmailStatusFilter",
    "EmailTypeFilter",
    "EmployeeRangeFilter",
    "Filter",
    "FloatFilter",
    "FloatRange",
    "IDFilter",
    "ImportErrorFilter",
    "IntFilter",
    "IntRange",
    "JobFilter",
    "JobKindFilter",
    "JobStatusFilter",
    "ListFilter",
    "PhoneTypeFilter",
    "RecordSourceFilter",
    "RelatedFilter",
    "SeniorityFilter",
    "StringFilter",
    "StringListFilter",
    "UUIDFilter",
]
