"""Exports that a job writes: for very many records, or when nobody wants to wait."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import strawberry

from db.export_columns import check_columns
from db.exports import check_export
from db.filter_shapes import split_filter
from db.job_queue import enqueue
from db.jobs import JOBS
from db.rows import JobRow
from db.transaction import Transaction
from domain.bulk import refusal
from domain.errors import InvalidInput, Problem, ProblemCode, Rejected
from domain.export_json import export_to_json
from domain.exports import DEFAULT_COLUMNS, Export, ExportEntity, ExportFormat, order_of
from domain.filters import CompanyFilter, ContactFilter, Filter
from domain.paging import CompanyOrder, ContactOrder, Order, check_order
from domain.records import described
from domain.tasks import ExportRecords
from domain.viewer import Permission
from graph.context import Info
from graph.declare import as_input, column
from graph.exports import require_exports
from graph.jobs import job_row
from graph.mutations.writing import Input, WriteInput, said, write_row
from graph.payloads import Payload
from graph.permissions import needs
from graph.types.jobs import ExportJob

_ORDER: Final = "In which order; the quickest one when left out."


@as_input
@dataclass(kw_only=True)
class ContactExportInput:
    """Which contacts, and in which order."""

    filter: ContactFilter | None = described("All when left out.")
    order_by: list[ContactOrder] | None = described(_ORDER)


@as_input
@dataclass(kw_only=True)
class CompanyExportInput:
    """Which companies, and in which order."""

    filter: CompanyFilter | None = described("All when left out.")
    order_by: list[CompanyOrder] | None = described(_ORDER)


@as_input
@dataclass(kw_only=True)
class CreateExportInput(WriteInput):
    """Which records to write into a file, and how. Give contacts or companies, not both."""

    contacts: ContactExportInput | None = described("Contacts; `{}` for all of them.")
    companies: CompanyExportInput | None = described("Companies; `{}` for all of them.")
    format: ExportFormat | None = described("How the rows are written; JSONL when left out.")
    columns: list[str] | None = described(
        "Dotted paths of the columns, in their order; the usual ones when left out."
    )
    max_results: int | None = described("No more rows than these; all when left out.")
    bom: bool | None = described(
        "CSV begins with the byte order mark, by which some spreadsheets tell UTF-8."
    )
    raw: bool | None = described(
        "CSV without the guard that keeps spreadsheets from taking texts for formulas."
    )


@strawberry.type(description="The job that writes the file.")
class CreateExportPayload(Payload):
    """Answer of `createExport`."""

    job: ExportJob | None = column("The job, which waits for a worker; null when refused.")


@strawberry.type
class ExportMutations:
    """Files of records."""

    @strawberry.mutation(
        description="Have a job write contacts or companies into a file, as they are when it"
        " begins.",
        metadata=needs(Permission.EXPORT),
    )
    async def create_export(
        self, info: Info, input: Input[CreateExportInput]
    ) -> CreateExportPayload:
        """A job that waits for a worker."""
        viewer = info.context.require_viewer()
        require_exports(info.context)

        async def work(tx: Transaction) -> JobRow:
            task = ExportRecords(
                export=export_to_json(_export(input)), sees_all=info.context.sees_all
            )
            job = await enqueue(tx, task, owner=viewer.user_uuid)
            return await job_row(tx, job.id)

        return await write_row(info, input, CreateExportPayload, JOBS, work)


def _export(given_input: CreateExportInput) -> Export:
    """What is wanted, which has been found to be possible.

    Raises:
        Rejected: All that is wrong with it, but for its filter and order.
        InvalidInput: The filter or the order has no meaning.
    """
    entity, records = _records(given_input)
    columns, format_ = said(given_input.columns), said(given_input.format)
    if columns is None:
        columns = list(DEFAULT_COLUMNS[entity])
    if problems := [*_problems(given_input), *_of_columns(entity, columns)]:
        raise Rejected(problems)
    filter_: Filter | None = said(records.filter)
    # With the place in this input, before all else is checked.
    split_filter(filter_, path=f"{entity.lower()}.filter")
    export = Export(
        entity=entity,
        format=format_ or ExportFormat.JSONL,
        filter_=filter_,
        order=_order(entity, records),
        columns=tuple(columns),
        most=said(given_input.max_results),
        bom=bool(said(given_input.bom)),
        raw=bool(said(given_input.raw)),
    )
    check_export(export)
    return export


def _records(
    given_input: CreateExportInput,
) -> tuple[ExportEntity, ContactExportInput | CompanyExportInput]:
    """Which kind of records, and which of them."""
    named = {
        ExportEntity.CONTACTS: said(given_input.contacts),
        ExportEntity.COMPANIES: said(given_input.companies),
    }
    asked = [(entity, records) for entity, records in named.items() if records is not None]
    if len(asked) != 1:
        raise refusal("Give either contacts or companies.", "contacts")
    return asked[0]


def _problems(given_input: CreateExportInput) -> Iterator[Problem]:
    most = said(given_input.max_results)
    if most is not None and most < 1:
        yield _problem(f"maxResults is {most}. Give 1 or more, or leave it out.", "maxResults")
    if said(given_input.format) is not ExportFormat.CSV:
        for name in ("bom", "raw"):
            if said(getattr(given_input, name)):
                yield _problem(f"{name} goes with the format CSV only.", name)


def _of_columns(entity: ExportEntity, columns: Sequence[str]) -> Iterator[Problem]:
    try:
        check_columns(entity, columns)
    except InvalidInput as error:
        column = error.details.get("column")
        place = [str(columns.index(column))] if isinstance(column, str) else []
        yield _problem(error.message, "columns", *place)


def _order(
    entity: ExportEntity, records: ContactExportInput | CompanyExportInput
) -> tuple[Order, ...]:
    if (order_by := said(records.order_by)) is None:
        return order_of(entity, None, continues=False)
    filter_: Filter | None = said(records.filter)
    check_order(order_by, searched=filter_ is not None and bool(filter_.search))
    return tuple(order_by)


def _problem(message: str, *path: str) -> Problem:
    return Problem(code=ProblemCode.INVALID_VALUE, message=message, path=path)
