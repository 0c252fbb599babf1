"""What mutations of many records answer: what became of each row, and of how many."""

import strawberry

from domain.bulk import BulkStatus, ErrorPolicy, OnConflict
from graph.declare import as_enum, column
from graph.payloads import Payload, UserError
from graph.types.bulk import BulkCounts
from graph.types.jobs import BulkJob
from graph.types.records import Company, Contact

for _enum in (ErrorPolicy, OnConflict):
    as_enum(_enum)


@strawberry.type
class _RowResult:
    index: int = column("Its place among the rows or ids of the input, from 0.")
    status: BulkStatus = column("What became of it.")
    user_errors: list[UserError] = column(
        "Why it failed or was passed over; of any other row, what was left out. `path` leads into"
        " the row; where the input has no rows, into the input."
    )


@strawberry.type(description="What became of one row or id of contacts.")
class ContactResult(_RowResult):
    """A `domain.bulk.RowOutcome` with its contact."""

    contact: Contact | None = column("The contact as it is now; null when the row went nowhere.")


@strawberry.type(description="What became of one row or id of companies.")
class CompanyResult(_RowResult):
    """A `domain.bulk.RowOutcome` with its company."""

    company: Company | None = column("The company as it is now; null when the row went nowhere.")


_RESULTS = (
    "In the order of the rows or ids, else of the records; null when nothing was written, when"
    " confirmCount asked for more than 1000, and with inBackground."
)


@strawberry.type
class _BulkPayload(Payload):
    counts: BulkCounts = column("How many rows came to which end.")
    user_errors: list[UserError] = column(
        "Why nothing was written, or what IGNORE_FAILED_FIELDS left out of `set`."
    )


@strawberry.type
class _JobPayload(_BulkPayload):
    job: BulkJob | None = strawberry.field(
        default=None, description="What does it with inBackground; null without, or when refused."
    )


@strawberry.type
class _ContactsPayload(_BulkPayload):
    results: list[ContactResult] | None = column(_RESULTS)


@strawberry.type
class _CompaniesPayload(_BulkPayload):
    results: list[CompanyResult] | None = column(_RESULTS)


@strawberry.type(description="The contacts that rows went to.")
class UpsertContactsPayload(_ContactsPayload):
    """Answer of `upsertContacts`."""


@strawberry.type(description="The changed contacts.")
class UpdateContactsPayload(_ContactsPayload):
    """Answer of `updateContacts`."""


@strawberry.type(description="The deleted contacts.")
class DeleteContactsPayload(_JobPayload, _ContactsPayload):
    """Answer of `deleteContacts`."""


@strawberry.type(description="The contacts with their new tags.")
class TagContactsPayload(_JobPayload, _ContactsPayload):
    """Answer of `tagContacts`."""


@strawberry.type(description="The companies that rows went to.")
class UpsertCompaniesPayload(_CompaniesPayload):
    """Answer of `upsertCompanies`."""


@strawberry.type(description="The changed companies.")
class UpdateCompaniesPayload(_CompaniesPayload):
    """Answer of `updateCompanies`."""


@strawberry.type(description="The deleted companies.")
class DeleteCompaniesPayload(_JobPayload, _CompaniesPayload):
    """Answer of `deleteCompanies`."""
