"""What a job has told about the rows of a file, in the order of its lines; read a page at a time.

Who may see it is for the caller to know: those who may see the job.
"""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import select

from db import paging
from db.entities import listed
from db.import_tables import import_errors
from db.parameters import one_of
from db.rows import ImportErrorRow
from db.sorting import IMPORT_ERROR_SORT_KEYS
from db.statements import Statement
from db.transaction import ReadSession
from domain.absent import ABSENT
from domain.conditions import IDFilter, StringFilter
from domain.filters import ImportErrorFilter
from domain.imports import ImportErrorCode, Severity
from domain.node_ids import NodeKind, encode_node_id
from domain.paging import Page, PageRequest

_BY_IDS: Final = Statement(
    select(import_errors).where(import_errors.c.id == one_of("ids")), ImportErrorRow
)

IMPORT_ERRORS: Final = listed(
    NodeKind.IMPORT_ERROR, select(import_errors), ImportErrorRow, IMPORT_ERROR_SORT_KEYS
)


def errors_of(
    job_id: int,
    *,
    codes: Sequence[ImportErrorCode] | None = None,
    severity: Severity | None = None,
) -> ImportErrorFilter:
    """What a job has told.

    Args:
        codes: Only these; all of them for None.
        severity: Only what is so severe.
    """
    return ImportErrorFilter(
        job_id=IDFilter(eq=encode_node_id(NodeKind.JOB, job_id)),
        code=ABSENT if codes is None else _exactly(codes),
        severity=ABSENT if severity is None else _exactly([severity]),
    )


async def load_import_errors(
    session: ReadSession, error_ids: Sequence[int]
) -> list[ImportErrorRow | None]:
    """Errors by id, in the order of the ids; None for missing ones."""
    return await session.fetch_by_id(_BY_IDS, error_ids)


async def list_import_errors(
    session: ReadSession, request: PageRequest, filter_: ImportErrorFilter
) -> Page[ImportErrorRow]:
    """One page of them."""
    return await paging.list_page(session, IMPORT_ERRORS, request, filter_)


async def import_errors_behind(
    session: ReadSession, request: PageRequest, filter_: ImportErrorFilter
) -> bool:
    """Whether there are some on the other side of the request's cursor, its own row included."""
    return await paging.rows_behind(session, IMPORT_ERRORS, request, filter_)


async def count_import_errors(session: ReadSession, filter_: ImportErrorFilter) -> int:
    """How many there are."""
    return await paging.count_rows(session, IMPORT_ERRORS, filter_)


def _exactly(values: Sequence[str]) -> StringFilter:
    return StringFilter(in_=[str(value) for value in values], case_sensitive=True)
