"""Writing many contacts or companies at once, by rows, ids or a filter."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Generic, TypeVar

import strawberry

from db import bulk_companies, bulk_contacts, bulk_upserts
from db.bulk_upserts import UpsertRules
from db.entities import COMPANIES, CONTACTS, Entity
from db.job_queue import enqueue
from db.job_records import choose_records
from db.jobs import JOBS
from db.rows import JobRow, Row
from db.transaction import ReadSession, Transaction
from db.writing import find_rows
from domain.bulk import (
    DECIDING_KEYS,
    MAX_BULK_ROWS,
    BulkOutcome,
    ErrorPolicy,
    OnConflict,
    RowOutcome,
    Selection,
    refusal,
    select_records,
)
from domain.enums import ContactMatchKey
from domain.errors import ProblemCode, Rejected
from domain.filters import Filter
from domain.node_ids import NodeKind, decode_node_id
from domain.records import ContactPatch
from domain.scalars import NodeId
from domain.tasks import DeleteCompanies, DeleteContacts, TagContacts, Task
from domain.validation import clean_company, clean_contact, clean_patch
from graph.bulk_payloads import (
    CompanyResult,
    ContactResult,
    DeleteCompaniesPayload,
    DeleteContactsPayload,
    TagContactsPayload,
    UpdateCompaniesPayload,
    UpdateContactsPayload,
    UpsertCompaniesPayload,
    UpsertContactsPayload,
)
from graph.context import Info
from graph.jobs import job_row
from graph.mutations.bulk_inputs import (
    BulkInput,
    DeleteCompaniesInput,
    DeleteContactsInput,
    StoredCompaniesInput,
    StoredContactsInput,
    TagContactsInput,
    UpdateCompaniesInput,
    UpdateContactsInput,
    UpsertCompaniesInput,
    UpsertContactsInput,
)
from graph.mutations.writing import (
    Input,
    Memory,
    WriteInput,
    answer,
    row_memory,
    said,
    write,
)
from graph.types.bulk import BulkCounts

P = TypeVar("P")
R = TypeVar("R", bound=Row)

_BackgroundInput = DeleteContactsInput | TagContactsInput | DeleteCompaniesInput

_DEFAULT_KEYS: Final = (ContactMatchKey.EMAIL, ContactMatchKey.LINKEDIN_URL)
_RESULTS: Final[Mapping[NodeKind, type]] = {
    NodeKind.CONTACT: ContactResult,
    NodeKind.COMPANY: CompanyResult,
}


@strawberry.type
class BulkMutations:
    """Many contacts or companies at a time."""

    @strawberry.mutation(
        description="Write many contacts: each row changes the contact that has its e-mail address"
        " or another key, else makes a new one."
    )
    async def upsert_contacts(
        self, info: Info, input: Input[UpsertContactsInput]
    ) -> UpsertContactsPayload:
        """Contacts, each found by a key or new."""

        async def work(tx: Transaction) -> BulkOutcome:
            rules = _upsert_rules(input, match_on=_match_on(input))
            # Reading a thousand phone numbers takes a while; the loop serves others meanwhile.
            rows = await asyncio.to_thread(lambda: [clean_contact(row) for row in input.rows])
            return await bulk_upserts.upsert_contacts(tx, rows, rules)

        return await _write_many(info, input, UpsertContactsPayload, CONTACTS, work)

    @strawberry.mutation(description="Change many contacts in the same way.")
    async def update_contacts(
        self, info: Info, input: Input[UpdateContactsInput]
    ) -> UpdateContactsPayload:
        """Contacts with the same fields changed."""

        async def work(tx: Transaction) -> BulkOutcome:
            selection = await _selected(info, tx, input, CONTACTS)
            patch = clean_patch(input.set_)
            return await bulk_contacts.update_contacts(tx, selection, patch, _policy(input))

        return await _write_many(info, input, UpdateContactsPayload, CONTACTS, work)

    @strawberry.mutation(description="Delete many contacts; each can be restored.")
    async def delete_contacts(
        self, info: Info, input: Input[DeleteContactsInput]
    ) -> DeleteContactsPayload:
        """Contacts taken out of every list."""

        async def work(tx: Transaction) -> BulkOutcome:
            selection = await _selected(info, tx, input, CONTACTS)
            return await bulk_contacts.delete_contacts(tx, selection, _policy(input))

        if said(input.in_background):
            return await _begin_job(info, input, DeleteContactsPayload, CONTACTS, DeleteContacts)
        return await _write_many(info, input, DeleteContactsPayload, CONTACTS, work)

    @strawberry.mutation(description="Add tags to many contacts, or take tags from them.")
    async def tag_contacts(self, info: Info, input: Input[TagContactsInput]) -> TagContactsPayload:
        """Contacts with their tags changed."""

        def task() -> TagContacts:
            added, removed = _tags(input.add, "add"), _tags(input.remove, "remove")
            bulk_contacts.check_tags(added, removed)
            return TagContacts(added=tuple(added), removed=tuple(removed))

        async def work(tx: Transaction) -> BulkOutcome:
            tags = task()
            selection = await _selected(info, tx, input, CONTACTS)
            return await bulk_contacts.tag_contacts(
                tx, selection, added=tags.added, removed=tags.removed, policy=_policy(input)
            )

        if said(input.in_background):
            return await _begin_job(info, input, TagContactsPayload, CONTACTS, task)
        return await _write_many(info, input, TagContactsPayload, CONTACTS, work)

    @strawberry.mutation(
        description="Write many companies: each row changes the company that has its domain, or its"
        " name when the row has no domain, else makes a new one."
    )
    async def upsert_companies(
        self, info: Info, input: Input[UpsertCompaniesInput]
    ) -> UpsertCompaniesPayload:
        """Companies, each found by a key or new."""

        async def work(tx: Transaction) -> BulkOutcome:
            rules = _upsert_rules(input)
            rows = await asyncio.to_thread(lambda: [clean_company(row) for row in input.rows])
            return await bulk_upserts.upsert_companies(tx, rows, rules)

        return await _write_many(info, input, UpsertCompaniesPayload, COMPANIES, work)

    @strawberry.mutation(description="Change many companies in the same way.")
    async def update_companies(
        self, info: Info, input: Input[UpdateCompaniesInput]
    ) -> UpdateCompaniesPayload:
        """Companies with the same fields changed."""

        async def work(tx: Transaction) -> BulkOutcome:
            selection = await _selected(info, tx, input, COMPANIES)
            patch = clean_company(input.set_)
            return await bulk_companies.update_companies(tx, selection, patch, _policy(input))

        return await _write_many(info, input, UpdateCompaniesPayload, COMPANIES, work)

    @strawberry.mutation(description="Delete many companies; each can be restored.")
    async def delete_companies(
        self, info: Info, input: Input[DeleteCompaniesInput]
    ) -> DeleteCompaniesPayload:
        """Companies taken out of every list; their contacts stay."""

        async def work(tx: Transaction) -> BulkOutcome:
            selection = await _selected(info, tx, input, COMPANIES)
            return await bulk_companies.delete_companies(tx, selection, _policy(input))

        if said(input.in_background):
            return await _begin_job(info, input, DeleteCompaniesPayload, COMPANIES, DeleteCompanies)
        return await _write_many(info, input, DeleteCompaniesPayload, COMPANIES, work)


@dataclass(frozen=True)
class _Done(Generic[R]):
    """What became of all rows, with the records they went to."""

    outcome: BulkOutcome
    records: Mapping[int, R]

    def to_json(self) -> Any:
        """What is kept of it under an idempotency key."""
        return self.outcome.to_json()

    def shown(self, kind: NodeKind) -> dict[str, Any]:
        """All of it as the schema shows it."""
        outcome, results = self.outcome, None
        if outcome.rows is not None:
            results = [self._result(kind, row) for row in outcome.rows]
        counts = BulkCounts.of(outcome.counts)
        return {"results": results, "counts": counts, "user_errors": list(outcome.problems)}

    def _result(self, kind: NodeKind, row: RowOutcome) -> Any:
        record = None if row.record_id is None else self.records.get(row.record_id)
        told = {"index": row.index, "status": row.status, "user_errors": list(row.problems)}
        return _RESULTS[kind](**told, **{kind.name.lower(): record})


async def _write_many(
    info: Info,
    given_input: WriteInput,
    payload: Callable[..., P],
    entity: Entity[R],
    work: Callable[[Transaction], Awaitable[BulkOutcome]],
) -> P:
    """Do the work and answer what became of each row, or why nothing was done."""

    async def recall(session: ReadSession, kept: Any) -> _Done[R]:
        return await _with_records(session, entity, BulkOutcome.from_json(kept))

    async def do(tx: Transaction) -> _Done[R]:
        return await _with_records(tx, entity, await work(tx))

    return await answer(
        payload,
        given_input,
        write(info, given_input, do, memory=Memory(keep=_Done.to_json, recall=recall)),
        shown=lambda done: done.shown(entity.kind),
        nothing=_Done(BulkOutcome({}), {}).shown(entity.kind),
    )


async def _begin_job(
    info: Info,
    given_input: _BackgroundInput,
    payload: Callable[..., P],
    entity: Entity[R],
    make_task: Callable[[], Task],
) -> P:
    """Choose the records, have a job change them, and answer the job, or why there is none.

    Whatever the foreground would refuse as a whole is refused now.
    """
    viewer = info.context.require_viewer()

    async def begin(tx: Transaction) -> JobRow:
        _check_policy(given_input)
        task = make_task()
        selection = await _selected(info, tx, given_input, entity)
        job = await enqueue(tx, task, owner=viewer.user_uuid)
        await choose_records(tx, job.id, entity, selection)
        return await job_row(tx, job.id)

    of_records = {"results": None, "counts": BulkCounts.of({})}
    return await answer(
        payload,
        given_input,
        write(info, given_input, begin, memory=row_memory(JOBS)),
        shown=lambda job: {"job": job, **of_records},
        nothing={"job": None, **of_records},
    )


async def _with_records(session: ReadSession, entity: Entity[R], outcome: BulkOutcome) -> _Done[R]:
    ids = outcome.record_ids
    return _Done(outcome, await find_rows(session, entity, ids) if ids else {})


async def _selected(
    info: Info,
    tx: Transaction,
    given_input: StoredContactsInput | StoredCompaniesInput,
    entity: Entity[R],
) -> Selection:
    """The records of an input; very many are given as long as the request may take."""
    ids = said(given_input.ids)
    decoded = None if ids is None else [_row_id(node_id, entity) for node_id in ids]
    filter_: Filter | None = said(given_input.filter)
    confirmed = said(given_input.confirm_count)
    selection = select_records(ids=decoded, filter_=filter_, confirm_count=confirmed)
    if (confirmed or 0) > MAX_BULK_ROWS:
        await tx.allow(info.context.seconds_left())
    return selection


def _upsert_rules(
    given_input: UpsertContactsInput | UpsertCompaniesInput,
    *,
    match_on: Sequence[ContactMatchKey] = (),
) -> UpsertRules:
    if len(given_input.rows) > MAX_BULK_ROWS:
        message = f"{len(given_input.rows)} rows; at most {MAX_BULK_ROWS} fit. Load a file instead."
        raise refusal(message, "rows", code=ProblemCode.TOO_LONG)
    on_conflict = said(given_input.on_conflict)
    return UpsertRules(
        on_conflict=on_conflict or OnConflict.FILL_EMPTY,
        error_policy=_policy(given_input),
        match_on=match_on,
    )


def _match_on(given_input: UpsertContactsInput) -> Sequence[ContactMatchKey]:
    match_on = said(given_input.match_on)
    if match_on == []:
        raise refusal("Name at least one key, or leave matchOn out.", "matchOn")
    if unsure := [key for key in match_on or () if key not in DECIDING_KEYS]:
        raise refusal(f"{unsure[0]} suggests who is the same, and decides nothing.", "matchOn")
    return match_on or _DEFAULT_KEYS


def _tags(tags: list[str] | None, name: str) -> list[str]:
    """Tags in the form in which they are stored."""
    clean = clean_patch(ContactPatch(tags=said(tags) or []))
    if clean.problems:
        raise Rejected([replace(problem, path=(name,)) for problem in clean.problems])
    tags_to_store: list[str] = clean.values["tags"]
    return tags_to_store


def _check_policy(given_input: BulkInput) -> None:
    if _policy(given_input) is ErrorPolicy.REJECT_EVERYTHING:
        message = (
            "A job commits batch by batch, so it cannot take back what it has done when a later"
            " record fails. Choose another errorPolicy, or leave inBackground out."
        )
        raise refusal(message, "errorPolicy")


def _policy(given_input: BulkInput) -> ErrorPolicy:
    return said(given_input.error_policy) or ErrorPolicy.REJECT_FAILED_ROWS


def _row_id(node_id: NodeId, entity: Entity[R]) -> int:
    return decode_node_id(node_id, expected=entity.kind)[1]
