"""What mutations of many records take: rows, ids or a filter, and what is to be done."""

from dataclasses import dataclass
from typing import Final

from domain.bulk import MAX_BULK_ROWS, ErrorPolicy, OnConflict
from domain.enums import ContactMatchKey
from domain.filters import CompanyFilter, ContactFilter
from domain.records import CompanyFields, CompanyPatch, ContactFields, ContactPatch, described
from domain.scalars import NodeId
from graph.declare import as_input
from graph.mutations.writing import WriteInput

_ROWS: Final = f"The records, at most {MAX_BULK_ROWS}; load a file when there are more."

as_input(ContactPatch)
as_input(CompanyPatch)


@as_input
@dataclass(kw_only=True)
class ContactRowInput(ContactFields):
    """One contact of many, found by its keys; onConflict says what its fields do."""


@as_input
@dataclass(kw_only=True)
class CompanyRowInput(CompanyFields):
    """One company of many, found by its domain; onConflict says what its fields do."""


@dataclass(kw_only=True)
class BulkInput(WriteInput):
    """What every one of them takes."""

    error_policy: ErrorPolicy | None = described(
        "What happens when some cannot be taken; REJECT_FAILED_ROWS when left out."
    )


@dataclass(kw_only=True)
class RowsInput(BulkInput):
    """By rows."""

    on_conflict: OnConflict | None = described(
        "What a row does to a record that is there already; FILL_EMPTY when left out."
    )


@as_input
@dataclass(kw_only=True)
class UpsertContactsInput(RowsInput):
    """Contacts to write, each to the contact that it is about or as a new one."""

    rows: list[ContactRowInput] = described(_ROWS, required=True)
    match_on: list[ContactMatchKey] | None = described(
        "By what a row finds its contact, in this order; EMAIL, then LINKEDIN_URL when left out."
    )


@as_input
@dataclass(kw_only=True)
class UpsertCompaniesInput(RowsInput):
    """Companies to write, each to the company with its domain, else its name, or as a new one."""

    rows: list[CompanyRowInput] = described(_ROWS, required=True)


@dataclass(kw_only=True)
class _StoredInput(BulkInput):
    ids: list[NodeId] | None = described(f"Their ids, at most {MAX_BULK_ROWS}.")
    confirm_count: int | None = described(
        f"How many match the filter; needed when they are more than {MAX_BULK_ROWS}. Another"
        " number changes nothing."
    )


@dataclass(kw_only=True)
class StoredContactsInput(_StoredInput):
    """By ids or a filter."""

    filter: ContactFilter | None = described("Or all that match; it has at least one condition.")


@dataclass(kw_only=True)
class StoredCompaniesInput(_StoredInput):
    """By ids or a filter."""

    filter: CompanyFilter | None = described("Or all that match; it has at least one condition.")


@dataclass(kw_only=True)
class InBackground(BulkInput):
    """Now, or by a job."""

    in_background: bool | None = described(
        "Have a job do it, batch by batch, to the records that match now; the answer is the job."
        " For very many records, or when nobody wants to wait. False when left out."
    )


@as_input
@dataclass(kw_only=True)
class UpdateContactsInput(StoredContactsInput):
    """Which contacts to change, and how."""

    set_: ContactPatch = described("A field left out stays, null clears it.", required=True)


@as_input
@dataclass(kw_only=True)
class DeleteContactsInput(StoredContactsInput, InBackground):
    """Which contacts to delete. Each can be restored."""


@as_input
@dataclass(kw_only=True)
class TagContactsInput(StoredContactsInput, InBackground):
    """Which contacts to tag, and how."""

    add: list[str] | None = described("Tags to add behind those that a contact has.")
    remove: list[str] | None = described("Tags to take away.")


@as_input
@dataclass(kw_only=True)
class UpdateCompaniesInput(StoredCompaniesInput):
    """Which companies to change, and how."""

    set_: CompanyPatch = described("A field left out stays, null clears it.", required=True)


@as_input
@dataclass(kw_only=True)
class DeleteCompaniesInput(StoredCompaniesInput, InBackground):
    """Which companies to delete. Each can be restored; their contacts stay."""
