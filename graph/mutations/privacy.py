"""Erasing people, and who must not be stored; for admins."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import starmap
from typing import Any, Final

import strawberry

from db.privacy import Erasure, erase_contacts
from db.rows import SuppressionRow
from db.suppressions import add_suppression, lift_suppression, load_suppressions
from db.transaction import ReadSession, Transaction
from domain.errors import Problem, ProblemCode, Rejected
from domain.node_ids import NodeKind, decode_node_id, encode_node_id
from domain.privacy import MAX_ERASED, ErasureStatus, clean_reason, clean_suppression
from domain.records import described
from domain.scalars import NodeId
from domain.viewer import Permission
from graph.context import Info
from graph.declare import as_enum, as_input, column
from graph.mutations.writing import Input, Memory, WriteInput, answer, write
from graph.payloads import Payload, UserError
from graph.permissions import needs
from graph.types.privacy import Suppression

as_enum(ErasureStatus)

_REASON: Final = "Why, for the suppression list. It stays there, so name nobody."


@as_input
@dataclass(kw_only=True)
class EraseContactsInput(WriteInput):
    """Which contacts to erase for good, deleted ones too. It cannot be undone."""

    ids: list[NodeId] = described(f"Their ids, at most {MAX_ERASED}.", required=True)
    reason: str | None = described(_REASON)


@as_input
@dataclass(kw_only=True)
class AddSuppressionInput(WriteInput):
    """Somebody who is not stored and must never be."""

    email: str | None = described("An e-mail address of the person.")
    linkedin_url: str | None = described("The LinkedIn profile of the person.")
    reason: str | None = described(_REASON)


@as_input
@dataclass(kw_only=True)
class LiftSuppressionInput(WriteInput):
    """Which entry to take off the list."""

    id: NodeId = described("Its id.", required=True)


@strawberry.type(description="What became of one of the contacts that were to be erased.")
class EraseContactResult:
    """A `db.privacy.Erasure`."""

    index: int = column("The place of its id in the input, from 0.")
    id: strawberry.ID = column("The id as it was given.")
    status: ErasureStatus = column("Whether it is gone.")
    also_erase: list[strawberry.ID] = column(
        "Other contacts that hold the same person. It can only be erased together with them, in one"
        " mutation."
    )
    user_errors: list[UserError] = column("Why it was not erased.")


@strawberry.type(description="The contacts that were to be erased.")
class EraseContactsPayload(Payload):
    """Answer of `eraseContacts`."""

    results: list[EraseContactResult] = column("One for each id, in the order of the input.")


@strawberry.type(description="Who must not be stored from now on.")
class AddSuppressionPayload(Payload):
    """Answer of `addSuppression`."""

    suppressions: list[Suppression] = column(
        "An entry for each value given, the older one where it was on the list already."
    )


@strawberry.type(description="Who may be stored again.")
class LiftSuppressionPayload(Payload):
    """Answer of `liftSuppression`."""

    lifted_id: strawberry.ID | None = column("The entry that is gone; null when nothing is.")


@strawberry.type
class PrivacyMutations:
    """What the law asks for."""

    @strawberry.mutation(
        description="Erase contacts for good, keeping nothing but hashes of their addresses and"
        " profiles, so that they are never stored again. Needs the role ADMIN.",
        metadata=needs(Permission.ADMIN),
    )
    async def erase_contacts(
        self, info: Info, input: Input[EraseContactsInput]
    ) -> EraseContactsPayload:
        """Each contact on its own: those that cannot be erased keep nobody."""
        admin = info.context.require_viewer()
        ids = [decode_node_id(node_id, expected=NodeKind.CONTACT)[1] for node_id in input.ids]

        async def work(tx: Transaction) -> list[Erasure]:
            _check_count(ids)
            reason = clean_reason(input.reason)
            return await erase_contacts(tx, ids, reason=reason, erased_by=admin.user_uuid)

        return await answer(
            EraseContactsPayload,
            input,
            write(info, input, work, memory=_ERASURES),
            shown=lambda erasures: {"results": list(starmap(_result, enumerate(erasures)))},
            nothing={"results": []},
        )

    @strawberry.mutation(
        description="Put somebody who is not stored on the suppression list. Needs the role ADMIN.",
        metadata=needs(Permission.ADMIN),
    )
    async def add_suppression(
        self, info: Info, input: Input[AddSuppressionInput]
    ) -> AddSuppressionPayload:
        """An entry for each address and profile."""
        admin = info.context.require_viewer()

        async def work(tx: Transaction) -> Sequence[SuppressionRow]:
            new = clean_suppression(
                email=input.email, linkedin_url=input.linkedin_url, reason=input.reason
            )
            return await add_suppression(tx, new, created_by=admin.user_uuid)

        return await answer(
            AddSuppressionPayload,
            input,
            write(info, input, work, memory=_ENTRIES),
            shown=lambda rows: {"suppressions": rows},
            nothing={"suppressions": []},
        )

    @strawberry.mutation(
        description="Take an entry off the suppression list. Needs the role ADMIN.",
        metadata=needs(Permission.ADMIN),
    )
    async def lift_suppression(
        self, info: Info, input: Input[LiftSuppressionInput]
    ) -> LiftSuppressionPayload:
        """The person may be stored again."""
        _, row_id = decode_node_id(input.id, expected=NodeKind.SUPPRESSION)

        async def work(tx: Transaction) -> int:
            return await lift_suppression(tx, row_id)

        return await answer(
            LiftSuppressionPayload,
            input,
            write(info, input, work, memory=_LIFTED),
            shown=lambda _row_id: {"lifted_id": input.id},
            nothing={"lifted_id": None},
        )


async def _recall_erasures(_session: ReadSession, kept: Any) -> list[Erasure]:
    return [Erasure(*erasure) for erasure in kept]


async def _recall_entries(session: ReadSession, ids: Any) -> list[SuppressionRow]:
    return [row for row in await load_suppressions(session, ids) if row is not None]


async def _recall_lifted(_session: ReadSession, row_id: Any) -> int:
    return int(row_id)


_ERASURES: Final = Memory[list[Erasure]](
    keep=lambda erasures: list(map(list, erasures)), recall=_recall_erasures
)
_ENTRIES: Final = Memory[Sequence[SuppressionRow]](
    keep=lambda rows: [row.id for row in rows], recall=_recall_entries
)
_LIFTED: Final = Memory[int](keep=int, recall=_recall_lifted)


def _check_count(ids: Sequence[int]) -> None:
    if len(ids) > MAX_ERASED:
        message = f"{len(ids)} ids were given; at most {MAX_ERASED} fit."
        raise Rejected([Problem(code=ProblemCode.TOO_LONG, message=message, path=("ids",))])


def _result(index: int, erasure: Erasure) -> EraseContactResult:
    contact_id, is_erased, others = erasure
    told: dict[str, Any] = {"user_errors": [] if is_erased else [_problem(index, erasure)]}
    return EraseContactResult(
        index=index,
        id=_node_id(contact_id),
        status=ErasureStatus.ERASED if is_erased else ErasureStatus.FAILED,
        also_erase=[_node_id(other) for other in others],
        **told,
    )


def _problem(index: int, erasure: Erasure) -> Problem:
    code, message = ProblemCode.NOT_FOUND, "There is no contact with this id."
    if erasure.also_erase:
        code = ProblemCode.NOT_ALLOWED_IN_STATE
        message = "Other contacts hold the same person. Erase those of alsoErase together with it."
    return Problem(code=code, message=message, path=("ids", str(index)))


def _node_id(contact_id: int) -> strawberry.ID:
    return strawberry.ID(encode_node_id(NodeKind.CONTACT, contact_id))
