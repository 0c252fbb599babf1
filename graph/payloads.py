"""What mutations answer: the record, or why it was not written, as data a client can act on."""

from typing import Any, Final, cast

import strawberry

from domain.errors import Problem, ProblemCode
from domain.node_ids import decode_node_id
from graph.context import Info
from graph.declare import as_enum, column
from graph.types.parts import Node
from graph.types.records import Company, Contact

as_enum(ProblemCode)


@strawberry.interface(description="Why a mutation did not take its input.")
class UserError:
    """A `domain.errors.Problem`."""

    code: ProblemCode = column("What a program branches on.")
    message: str = column("What a person reads.")
    path: list[str] = column("Where in the input it stands, the outermost name first.")


@strawberry.type(description="A value of the input cannot be used.")
class ValidationError(UserError):
    """A problem of the input alone."""

    @classmethod
    def is_type_of(cls, problem: Problem, _info: object) -> bool:
        """Whether a problem is one of these."""
        return problem.code not in _WITH_A_TYPE_OF_THEIR_OWN


@strawberry.type(description="Another record already has the value.")
class DuplicateError(UserError):
    """A problem with ALREADY_EXISTS."""

    @strawberry.field(description="The record that has it; null when it was only just written.")
    async def existing(self, info: Info) -> Node | None:
        """The other contact or company."""
        return await _record(info, self)

    @classmethod
    def is_type_of(cls, problem: Problem, _info: object) -> bool:
        """Whether a problem is one of these."""
        return problem.code is ProblemCode.ALREADY_EXISTS


@strawberry.type(description="The record has changed since it was read.")
class ConflictError(UserError):
    """A problem with VERSION_CONFLICT."""

    @strawberry.field(description="The record as it is now.")
    async def current(self, info: Info) -> Node | None:
        """The contact or company with its newest version."""
        return await _record(info, self)

    @classmethod
    def is_type_of(cls, problem: Problem, _info: object) -> bool:
        """Whether a problem is one of these."""
        return problem.code is ProblemCode.VERSION_CONFLICT


_WITH_A_TYPE_OF_THEIR_OWN: Final = frozenset(
    {ProblemCode.ALREADY_EXISTS, ProblemCode.VERSION_CONFLICT}
)

_ECHO: Final = "The text that came with the input."


@strawberry.type
class Payload:
    """What every mutation answers beside its own fields."""

    user_errors: list[UserError] = column("Why nothing was written; empty when it was.")
    client_mutation_id: str | None = column(_ECHO)


@strawberry.type
class _ContactPayload(Payload):
    contact: Contact | None = column("The contact as it is now; null when nothing was written.")


@strawberry.type
class _CompanyPayload(Payload):
    company: Company | None = column("The company as it is now; null when nothing was written.")


@strawberry.type(description="The new contact.")
class CreateContactPayload(_ContactPayload):
    """Answer of `createContact`."""


@strawberry.type(description="The changed contact.")
class UpdateContactPayload(_ContactPayload):
    """Answer of `updateContact`."""


@strawberry.type(description="The deleted contact.")
class DeleteContactPayload(_ContactPayload):
    """Answer of `deleteContact`."""


@strawberry.type(description="The restored contact.")
class RestoreContactPayload(_ContactPayload):
    """Answer of `restoreContact`."""


@strawberry.type(description="The new company.")
class CreateCompanyPayload(_CompanyPayload):
    """Answer of `createCompany`."""


@strawberry.type(description="The changed company.")
class UpdateCompanyPayload(_CompanyPayload):
    """Answer of `updateCompany`."""


@strawberry.type(description="The deleted company.")
class DeleteCompanyPayload(_CompanyPayload):
    """Answer of `deleteCompany`."""


@strawberry.type(description="The restored company.")
class RestoreCompanyPayload(_CompanyPayload):
    """Answer of `restoreCompany`."""


ERROR_TYPES: Final = (ValidationError, DuplicateError, ConflictError)
"""The types behind `UserError`; the schema must be told, since no field names them."""


async def _record(info: Info, root: object) -> Node | None:
    record_id = cast("Problem", root).record_id
    if record_id is None:
        return None
    kind, row_id = decode_node_id(record_id)
    row: Any = await info.context.loaders.node_by_id(kind).load(row_id)
    return cast("Node | None", row)
