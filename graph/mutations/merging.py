"""Making several contacts one, and taking that back."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import strawberry

from db import merging, unmerging
from db.belongings import load_emails_by_id
from db.entities import CONTACTS
from db.merges import load_merges
from db.transaction import ReadSession, Transaction
from db.writing import find_rows
from domain.errors import Problem, ProblemCode, Rejected
from domain.merge_policies import ContactField, MergePolicy
from domain.merge_requests import MAX_MERGED, MIN_MERGED, MergeRequest, clean_merge
from domain.node_ids import NodeKind, decode_node_id
from domain.records import described
from domain.scalars import NodeId
from graph.context import Info
from graph.declare import as_input, column
from graph.mutations.writing import Input, Memory, WriteInput, answer, said, write
from graph.payloads import Payload
from graph.types.merges import Merge, MergeOrigin
from graph.types.parts import ContactEmail
from graph.types.records import Contact

T = TypeVar("T")

_NOT_MERGED: Final[Mapping[str, Any]] = {"contact": None, "merge": None, "origins": []}


@as_input
@dataclass(kw_only=True)
class MergeFieldPolicyInput:
    """What decides about one field."""

    field: ContactField = described("The field.", required=True)
    policy: MergePolicy = described("Which of the values it keeps.", required=True)


@as_input
@dataclass(kw_only=True)
class ExpectedVersionInput:
    """The version that a contact is expected to have."""

    id: NodeId = described("Its id.", required=True)
    version: int = described(
        "Refuse with VERSION_CONFLICT when it is at another one.", required=True
    )


@as_input
@dataclass(kw_only=True)
class MergeContactsInput(WriteInput):
    """Which contacts to make one, and which of their values to keep."""

    ids: list[NodeId] = described(f"The contacts, {MIN_MERGED} to {MAX_MERGED}.", required=True)
    primary_id: NodeId | None = described(
        "The one that survives; when left out the most complete, the oldest of these."
    )
    default_policy: MergePolicy | None = described(
        "What decides about fields that are not named below; FILL_EMPTY when left out, and for a"
        " field that it does not suit."
    )
    field_policies: list[MergeFieldPolicyInput] | None = described(
        "What decides about single fields."
    )
    expected_versions: list[ExpectedVersionInput] | None = described(
        "Refuse when one of the contacts has changed since it was read."
    )
    dry_run: bool | None = described(
        "Write nothing and answer `origins` alone: each field with the value it would hold."
    )


@as_input
@dataclass(kw_only=True)
class UndoMergeInput(WriteInput):
    """Which merge to take back."""

    merge_id: NodeId = described("Its id.", required=True)


@strawberry.type(description="The contact that several have become.")
class MergeContactsPayload(Payload):
    """Answer of `mergeContacts`."""

    contact: Contact | None = column("The survivor; null when nothing was written.")
    merge: Merge | None = column("The merge, to be undone; null when nothing was written.")
    origins: list[MergeOrigin] = column("Every field that has a value, and whose it is.")


@strawberry.type(description="The contacts are apart again.")
class UndoMergePayload(Payload):
    """Answer of `undoMerge`."""

    contact: Contact | None = column("The one that had survived; null when nothing was undone.")
    merge: Merge | None = column("The merge, with the contacts that came back as its `losers`.")
    kept_fields: list[ContactField] = column(
        "Fields of the survivor that were changed since the merge. They stay."
    )
    kept_emails: list[ContactEmail] = column(
        "Addresses that other contacts have by now. They stay there and do not come back."
    )


@strawberry.type
class MergeMutations:
    """Duplicates made one."""

    @strawberry.mutation(
        description="Make several contacts one. The others stay as tombstones that name the"
        " survivor, and can come back with `undoMerge`."
    )
    async def merge_contacts(
        self, info: Info, input: Input[MergeContactsInput]
    ) -> MergeContactsPayload:
        """One contact where several were, or what it would be."""
        viewer = info.context.require_viewer()

        async def work(tx: Transaction) -> merging.Merger:
            return await merging.merge_contacts(
                tx,
                _request(input),
                merged_by=viewer.user_uuid,
            )

        async def merge() -> Mapping[str, Any]:
            return vars(await write(info, input, work, memory=_MERGER))

        async def preview() -> Mapping[str, Any]:
            run = info.context.reads.run
            return {"origins": await run(merging.preview_merge, _request(input))}

        return await answer(
            MergeContactsPayload,
            input,
            preview() if input.dry_run is True else merge(),
            shown=lambda found: {**_NOT_MERGED, **found},
            nothing=_NOT_MERGED,
        )

    @strawberry.mutation(description="Take a merge back: the contacts are apart again.")
    async def undo_merge(self, info: Info, input: Input[UndoMergeInput]) -> UndoMergePayload:
        """The contacts that had become one, apart."""
        _, merge_id = decode_node_id(input.merge_id, expected=NodeKind.MERGE)

        async def work(tx: Transaction) -> unmerging.Unmerged:
            return await unmerging.undo_merge(tx, merge_id, undo_seconds=info.context.undo_seconds)

        return await answer(
            UndoMergePayload,
            input,
            write(info, input, work, memory=_UNMERGED),
            shown=vars,
            nothing={"contact": None, "merge": None, "kept_fields": [], "kept_emails": []},
        )


def _request(given_input: MergeContactsInput) -> MergeRequest:
    policy, primary = said(given_input.default_policy), said(given_input.primary_id)
    named = said(given_input.field_policies) or ()
    versions = said(given_input.expected_versions) or ()
    return clean_merge(
        [_row_id(node_id) for node_id in given_input.ids],
        primary_id=None if primary is None else _row_id(primary),
        default_policy=policy or MergePolicy.FILL_EMPTY,
        field_policies=[(each.field, each.policy) for each in named],
        expected_versions=[(_row_id(each.id), each.version) for each in versions],
    )


async def _recall_merger(session: ReadSession, kept: Any) -> merging.Merger:
    merger = await merging.recall_merge(session, kept["merge"], kept["origins"])
    return _still_there(merger)


async def _recall_unmerged(session: ReadSession, kept: Any) -> unmerging.Unmerged:
    (merge,) = await load_merges(session, [kept["merge"]])
    row = _still_there(merge)
    found = await load_emails_by_id(session, kept["emails"])
    return unmerging.Unmerged(
        contact=(await find_rows(session, CONTACTS, [row.survivor_id]))[row.survivor_id],
        merge=row,
        kept_fields=[ContactField(name) for name in kept["fields"]],
        kept_emails=[email for email in found if email is not None],
    )


_MERGER: Final = Memory[merging.Merger](
    keep=lambda merger: {
        "merge": merger.merge.id,
        "origins": [[each.field, each.contact_ids, each.policy] for each in merger.origins],
    },
    recall=_recall_merger,
)
_UNMERGED: Final = Memory[unmerging.Unmerged](
    keep=lambda unmerged: {
        "merge": unmerged.merge.id,
        "fields": list(unmerged.kept_fields),
        "emails": [email.id for email in unmerged.kept_emails],
    },
    recall=_recall_unmerged,
)


def _still_there(found: T | None) -> T:
    if found is None:
        message = "The contacts that were merged were erased since."
        path = ("idempotencyKey",)
        raise Rejected([Problem(code=ProblemCode.NOT_FOUND, message=message, path=path)])
    return found


def _row_id(node_id: NodeId) -> int:
    return decode_node_id(node_id, expected=NodeKind.CONTACT)[1]
