"""Companies: lists, single rows and every change of one."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import Text, bindparam, select

from db import paging
from db.entities import COMPANIES
from db.loading import load_rows
from db.problems import NAMELESS_COMPANY, domain_taken, not_found
from db.rows import CompanyRow, Row
from db.statements import Statement, sql
from db.tables import companies
from db.transaction import ReadSession, Transaction
from db.writing import insert_row, lock_row, update_row
from domain.changes import ChangeKind, CompanyChanged
from domain.errors import Problem, Rejected
from domain.filters import CompanyFilter
from domain.paging import Page, PageRequest
from domain.selection import Selection
from domain.validation import CleanCompany

_ID_BY_DOMAIN: Final = Statement(
    select(companies.c.id).where(
        companies.c.domain == bindparam("domain", type_=Text), companies.c.deleted_at.is_(None)
    ),
    Row,
)
_KEEP: Final = sql(
    "SELECT id FROM companies WHERE id = CAST(:company_id AS bigint) AND deleted_at IS NULL"
    " FOR SHARE"
)


async def list_companies(
    session: ReadSession,
    request: PageRequest,
    filter_: CompanyFilter | None = None,
    *,
    selection: Selection | None = None,
) -> Page[CompanyRow]:
    """One page of companies."""
    return await paging.list_page(session, COMPANIES, request, filter_, selection=selection)


async def companies_behind(
    session: ReadSession, request: PageRequest, filter_: CompanyFilter | None = None
) -> bool:
    """Whether there are companies on the other side of the request's cursor, its own included."""
    return await paging.rows_behind(session, COMPANIES, request, filter_)


async def count_companies(session: ReadSession, filter_: CompanyFilter | None = None) -> int:
    """How many companies match."""
    return await paging.count_rows(session, COMPANIES, filter_)


async def load_companies(
    session: ReadSession, company_ids: Sequence[int], *, selection: Selection | None = None
) -> list[CompanyRow | None]:
    """Companies by id, in the order of the ids; None for missing and deleted ones."""
    return await load_rows(session, COMPANIES, company_ids, selection=selection)


async def employer_problems(tx: Transaction, values: Mapping[str, Any]) -> list[Problem]:
    """What is wrong with the company that contacts are given: there may be none with its id.

    It stays as it is until the transaction ends. To be asked before a contact is locked: who
    renames a company locks it first too, and then its contacts.
    """
    company_id = values.get("company_id")
    if company_id is None or await tx.fetch(_KEEP, {"company_id": company_id}):
        return []
    return [not_found("company", path=("companyId",))]


async def create_company(tx: Transaction, new: CleanCompany) -> CompanyRow:
    """A new company.

    Raises:
        Rejected: It has neither name nor domain, or another company has the domain.
    """
    problems = [*new.problems, *_identity_problems(new.values)]
    problems += await _domain_problems(tx, new.values)
    if problems:
        raise Rejected(problems)
    row = await insert_row(tx, COMPANIES, new.values)
    tx.record(CompanyChanged(kind=ChangeKind.CREATED, company_id=row.id))
    return row


async def update_company(
    tx: Transaction, company_id: int, patch: CleanCompany, *, expected_version: int | None = None
) -> CompanyRow:
    """The company with the given fields changed; without any, as it is.

    Raises:
        Rejected: NOT_FOUND, VERSION_CONFLICT, or as with `create_company`.
    """
    row = await lock_row(tx, COMPANIES, company_id, expected_version=expected_version)
    after = {"name": row.name, "domain": row.domain} | patch.values
    problems = [*patch.problems, *_identity_problems(after)]
    problems += await _domain_problems(tx, patch.values, except_id=company_id)
    if problems:
        raise Rejected(problems)
    if not patch.values:
        return row
    row = await update_row(tx, COMPANIES, company_id, patch.values)
    tx.record(CompanyChanged(kind=ChangeKind.UPDATED, company_id=company_id))
    return row


async def delete_company(
    tx: Transaction, company_id: int, *, expected_version: int | None = None
) -> CompanyRow:
    """The company, now out of every list; its contacts stay and show no company.

    Raises:
        Rejected: NOT_FOUND or VERSION_CONFLICT.
    """
    await lock_row(tx, COMPANIES, company_id, expected_version=expected_version)
    row = await update_row(tx, COMPANIES, company_id, {"deleted_at": datetime.now(UTC)})
    tx.record(CompanyChanged(kind=ChangeKind.DELETED, company_id=company_id))
    return row


async def restore_company(
    tx: Transaction, company_id: int, *, expected_version: int | None = None
) -> CompanyRow:
    """The company, back in every list and on its contacts.

    Raises:
        Rejected: NOT_FOUND, VERSION_CONFLICT, or its domain belongs to another company now.
    """
    row = await lock_row(tx, COMPANIES, company_id, expected_version=expected_version, deleted=True)
    if problems := await _domain_problems(tx, {"domain": row.domain}):
        raise Rejected(problems)
    row = await update_row(tx, COMPANIES, company_id, {"deleted_at": None})
    tx.record(CompanyChanged(kind=ChangeKind.RESTORED, company_id=company_id))
    return row


def _identity_problems(values: Mapping[str, Any]) -> list[Problem]:
    return [] if values.get("name") or values.get("domain") else [NAMELESS_COMPANY]


async def _domain_problems(
    tx: Transaction, values: Mapping[str, Any], *, except_id: int | None = None
) -> list[Problem]:
    domain = values.get("domain")
    if domain is None:
        return []
    holder = await tx.fetch_value(_ID_BY_DOMAIN, {"domain": domain})
    return [] if holder in (None, except_id) else [domain_taken(domain, existing_id=holder)]
