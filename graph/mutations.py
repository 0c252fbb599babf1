"""The root fields that write: one function each, one transaction each.

Expected mistakes come back as `userErrors`; everything else is a top-level error. The answer is
sent only after COMMIT, and the row in it is what PostgreSQL stored.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any, Final, TypeVar

import strawberry

from db import companies, contacts
from db.rows import Row
from db.transaction import Database, Transaction
from domain.absent import given
from domain.enums import Role
from domain.errors import Rejected, WriteConflict
from domain.node_ids import NodeKind, decode_node_id
from domain.records import CompanyFields, ContactFields, described
from domain.scalars import NodeId
from domain.validation import clean_company, clean_contact
from graph.context import Info
from graph.declare import as_input
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

P = TypeVar("P")

_RETRIES: Final = 3
_PAUSE_SECONDS: Final = 0.02


@dataclass(kw_only=True)
class _Echoed:
    client_mutation_id: str | None = described("Comes back in the answer; means nothing here.")


@dataclass(kw_only=True)
class _OfRecord(_Echoed):
    id: NodeId = described("Its id.", required=True)
    expected_version: int | None = described(
        "Refuse with VERSION_CONFLICT when the record is at another version."
    )


@as_input
@dataclass(kw_only=True)
class CreateContactInput(_Echoed, ContactFields):
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
class CreateCompanyInput(_Echoed, CompanyFields):
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


I = TypeVar("I")  # noqa: E741  # stands for an input
_Input = Annotated[I, strawberry.argument(description="What to do.")]


@strawberry.type(description="Everything that can be changed.")
class Mutation:
    """The root of mutations."""

    @strawberry.mutation(description="Create a contact.")
    async def create_contact(
        self, info: Info, input: _Input[CreateContactInput]
    ) -> CreateContactPayload:
        """A new contact."""
        return await _write(
            info,
            input,
            CreateContactPayload,
            contact=lambda tx: contacts.create_contact(tx, clean_contact(input)),
        )

    @strawberry.mutation(description="Change a contact.")
    async def update_contact(
        self, info: Info, input: _Input[UpdateContactInput]
    ) -> UpdateContactPayload:
        """The fields that are given, changed."""
        return await _write(
            info,
            input,
            UpdateContactPayload,
            contact=lambda tx: contacts.update_contact(
                tx, _contact_id(input), clean_contact(input), expected_version=_version(input)
            ),
        )

    @strawberry.mutation(description="Delete a contact; it can be restored.")
    async def delete_contact(
        self, info: Info, input: _Input[DeleteContactInput]
    ) -> DeleteContactPayload:
        """A contact taken out of every list."""
        return await _write(
            info,
            input,
            DeleteContactPayload,
            contact=lambda tx: contacts.delete_contact(
                tx, _contact_id(input), expected_version=_version(input)
            ),
        )

    @strawberry.mutation(description="Bring a deleted contact back.")
    async def restore_contact(
        self, info: Info, input: _Input[RestoreContactInput]
    ) -> RestoreContactPayload:
        """A contact back in every list."""
        return await _write(
            info,
            input,
            RestoreContactPayload,
            contact=lambda tx: contacts.restore_contact(
                tx, _contact_id(input), expected_version=_version(input)
            ),
        )

    @strawberry.mutation(description="Create a company.")
    async def create_company(
        self, info: Info, input: _Input[CreateCompanyInput]
    ) -> CreateCompanyPayload:
        """A new company."""
        return await _write(
            info,
            input,
            CreateCompanyPayload,
            company=lambda tx: companies.create_company(tx, clean_company(input)),
        )

    @strawberry.mutation(description="Change a company.")
    async def update_company(
        self, info: Info, input: _Input[UpdateCompanyInput]
    ) -> UpdateCompanyPayload:
        """The fields that are given, changed."""
        return await _write(
            info,
            input,
            UpdateCompanyPayload,
            company=lambda tx: companies.update_company(
                tx, _company_id(input), clean_company(input), expected_version=_version(input)
            ),
        )

    @strawberry.mutation(description="Delete a company; it can be restored, its contacts stay.")
    async def delete_company(
        self, info: Info, input: _Input[DeleteCompanyInput]
    ) -> DeleteCompanyPayload:
        """A company taken out of every list."""
        return await _write(
            info,
            input,
            DeleteCompanyPayload,
            company=lambda tx: companies.delete_company(
                tx, _company_id(input), expected_version=_version(input)
            ),
        )

    @strawberry.mutation(description="Bring a deleted company back.")
    async def restore_company(
        self, info: Info, input: _Input[RestoreCompanyInput]
    ) -> RestoreCompanyPayload:
        """A company back in every list."""
        return await _write(
            info,
            input,
            RestoreCompanyPayload,
            company=lambda tx: companies.restore_company(
                tx, _company_id(input), expected_version=_version(input)
            ),
        )


async def _write(
    info: Info,
    given_input: _Echoed,
    payload: Callable[..., P],
    **work: Callable[[Transaction], Awaitable[Row]],
) -> P:
    """Do the one piece of work in a transaction and answer its row under the work's name."""
    info.context.require(Role.EDITOR)
    ((name, write),) = work.items()
    echo = given_input.client_mutation_id
    answer: dict[str, Any] = {name: None, "user_errors": [], "client_mutation_id": echo or None}
    database = info.context.database
    try:
        answer[name] = await database.finish(_in_transaction(database, write))
    except Rejected as rejected:
        answer["user_errors"] = list(rejected.problems)
    info.context.forget_what_was_read()
    return payload(**answer)


async def _in_transaction(
    database: Database, write: Callable[[Transaction], Awaitable[Row]]
) -> Row:
    """Write, and write again when another transaction was in the way."""
    for attempt in range(_RETRIES):
        try:
            async with database.write() as tx:
                return await write(tx)
        except WriteConflict:
            await asyncio.sleep(random.uniform(0.5, 1.5) * _PAUSE_SECONDS * 2**attempt)  # noqa: S311  # spreads retries
    async with database.write() as tx:
        return await write(tx)


def _contact_id(given_input: _OfRecord) -> int:
    return decode_node_id(given_input.id, expected=NodeKind.CONTACT)[1]


def _company_id(given_input: _OfRecord) -> int:
    return decode_node_id(given_input.id, expected=NodeKind.COMPANY)[1]


def _version(given_input: _OfRecord) -> int | None:
    version = given_input.expected_version
    return version if given(version) else None
