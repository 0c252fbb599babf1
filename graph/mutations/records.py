"""Creating, changing, deleting and restoring one contact or company."""

from dataclasses import dataclass

import strawberry

from db import companies, contacts
from db.entities import COMPANIES, CONTACTS
from domain.node_ids import NodeKind, decode_node_id
from domain.records import CompanyFields, ContactFields, described
from domain.scalars import NodeId
from domain.validation import clean_company, clean_contact
from graph.context import Info
from graph.declare import as_input
from graph.mutations.writing import Input, WriteInput, said, write_row
from graph.payloads import (
    CreateCompanyPayload,
    CreateContactPayload,
    DeleteCompanyPayload,
    DeleteContactPayload,
    RestoreCompanyPayload,
    RestoreContactPayload,
    UpdateCompanyPayload,
    UpdateContactPayload,
)


@dataclass(kw_only=True)
class _OfRecord(WriteInput):
    id: NodeId = described("Its id.", required=True)
    expected_version: int | None = described(
        "Refuse with VERSION_CONFLICT when the record is at another version."
    )


@as_input
@dataclass(kw_only=True)
class CreateContactInput(WriteInput, ContactFields):
    """A new contact. It needs a name, an e-mail address, a LinkedIn profile or a phone number."""


@as_input
@dataclass(kw_only=True)
class UpdateContactInput(_OfRecord, ContactFields):
    """Changes to a contact: a field left out stays, null clears it."""


@as_input
@dataclass(kw_only=True)
class DeleteContactInput(_OfRecord):
    """Which contact to delete. It can be restored."""


@as_input
@dataclass(kw_only=True)
class RestoreContactInput(_OfRecord):
    """Which deleted contact to bring back."""


@as_input
@dataclass(kw_only=True)
class CreateCompanyInput(WriteInput, CompanyFields):
    """A new company. It needs a name or a domain."""


@as_input
@dataclass(kw_only=True)
class UpdateCompanyInput(_OfRecord, CompanyFields):
    """Changes to a company: a field left out stays, null clears it."""


@as_input
@dataclass(kw_only=True)
class DeleteCompanyInput(_OfRecord):
    """Which company to delete. It can be restored; its contacts stay."""


@as_input
@dataclass(kw_only=True)
class RestoreCompanyInput(_OfRecord):
    """Which deleted company to bring back."""


@strawberry.type
class RecordMutations:
    """One contact or company at a time."""

    @strawberry.mutation(description="Create a contact.")
    async def create_contact(
        self, info: Info, input: Input[CreateContactInput]
    ) -> CreateContactPayload:
        """A new contact."""
        return await write_row(
            info,
            input,
            CreateContactPayload,
            CONTACTS,
            lambda tx: contacts.create_contact(tx, clean_contact(input)),
        )

    @strawberry.mutation(description="Change a contact.")
    async def update_contact(
        self, info: Info, input: Input[UpdateContactInput]
    ) -> UpdateContactPayload:
        """The fields that are given, changed."""
        return await write_row(
            info,
            input,
            UpdateContactPayload,
            CONTACTS,
            lambda tx: contacts.update_contact(
                tx,
                _contact_id(input),
                clean_contact(input),
                expected_version=_version(input),
            ),
        )

    @strawberry.mutation(description="Delete a contact; it can be restored.")
    async def delete_contact(
        self, info: Info, input: Input[DeleteContactInput]
    ) -> DeleteContactPayload:
        """A contact taken out of every list."""
        return await write_row(
            info,
            input,
            DeleteContactPayload,
            CONTACTS,
            lambda tx: contacts.delete_contact(
                tx, _contact_id(input), expected_version=_version(input)
            ),
        )

    @strawberry.mutation(description="Bring a deleted contact back.")
    async def restore_contact(
        self, info: Info, input: Input[RestoreContactInput]
    ) -> RestoreContactPayload:
        """A contact back in every list."""
        return await write_row(
            info,
            input,
            RestoreContactPayload,
            CONTACTS,
            lambda tx: contacts.restore_contact(
                tx, _contact_id(input), expected_version=_version(input)
            ),
        )

    @strawberry.mutation(description="Create a company.")
    async def create_company(
        self, info: Info, input: Input[CreateCompanyInput]
    ) -> CreateCompanyPayload:
        """A new company."""
        return await write_row(
            info,
            input,
            CreateCompanyPayload,
            COMPANIES,
            lambda tx: companies.create_company(tx, clean_company(input)),
        )

    @strawberry.mutation(description="Change a company.")
    async def update_company(
        self, info: Info, input: Input[UpdateCompanyInput]
    ) -> UpdateCompanyPayload:
        """The fields that are given, changed."""
        return await write_row(
            info,
            input,
            UpdateCompanyPayload,
            COMPANIES,
            lambda tx: companies.update_company(
                tx,
                _company_id(input),
                clean_company(input),
                expected_version=_version(input),
            ),
        )

    @strawberry.mutation(description="Delete a company; it can be restored, its contacts stay.")
    async def delete_company(
        self, info: Info, input: Input[DeleteCompanyInput]
    ) -> DeleteCompanyPayload:
        """A company taken out of every list."""
        return await write_row(
            info,
            input,
            DeleteCompanyPayload,
            COMPANIES,
            lambda tx: companies.delete_company(
                tx, _company_id(input), expected_version=_version(input)
            ),
        )

    @strawberry.mutation(description="Bring a deleted company back.")
    async def restore_company(
        self, info: Info, input: Input[RestoreCompanyInput]
    ) -> RestoreCompanyPayload:
        """A company back in every list."""
        return await write_row(
            info,
            input,
            RestoreCompanyPayload,
            COMPANIES,
            lambda tx: companies.restore_company(
                tx, _company_id(input), expected_version=_version(input)
            ),
        )


def _contact_id(given_input: _OfRecord) -> int:
    return decode_node_id(given_input.id, expected=NodeKind.CONTACT)[1]


def _company_id(given_input: _OfRecord) -> int:
    return decode_node_id(given_input.id, expected=NodeKind.COMPANY)[1]


def _version(given_input: _OfRecord) -> int | None:
    return said(given_input.expected_version)
