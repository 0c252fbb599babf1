"""Exports: what can be asked for, and what proves that an answer is whole."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from domain.enums import DescribedEnum
from domain.errors import InvalidInput
from domain.filters import Filter
from domain.paging import NEWEST_COMPANIES, NEWEST_CONTACTS, Cursor, Order


class ExportEntity(DescribedEnum):
    """What the rows of an export are."""

    CONTACTS = "CONTACTS", "Contacts."
    COMPANIES = "COMPANIES", "Companies."


class ExportFormat(DescribedEnum):
    """How the rows of an export are written."""

    JSONL = "JSONL", "One JSON object a line, relations nested in it."
    CSV = "CSV", "A header and a line a row, by RFC 4180; lists are joined by semicolons."
    JSON = "JSON", "One JSON array of the objects that JSONL has."


DEFAULT_COLUMNS: Final[Mapping[ExportEntity, tuple[str, ...]]] = {
    ExportEntity.CONTACTS: (
        "uuid",
        "firstName",
        "lastName",
        "email",
        "emailStatus",
        "title",
        "seniority",
        "departments",
        "phone",
        "linkedinUrl",
        "city",
        "region",
        "country",
        "company.name",
        "company.domain",
        "stage",
        "tags",
        "createdAt",
        "updatedAt",
    ),
    ExportEntity.COMPANIES: (
        "uuid",
        "name",
        "domain",
        "industry",
        "employeesCount",
        "annualRevenue",
        "country",
        "city",
        "phone",
        "linkedinUrl",
        "technologies",
        "createdAt",
        "updatedAt",
    ),
}

LISTED_ORDER: Final[Mapping[ExportEntity, tuple[Order, ...]]] = {
    ExportEntity.CONTACTS: NEWEST_CONTACTS,
    ExportEntity.COMPANIES: NEWEST_COMPANIES,
}
"""The order of lists, and so of the cursors that they give, when none is asked for."""


def order_of(
    entity: ExportEntity, asked: tuple[Order, ...] | None, *, continues: bool
) -> tuple[Order, ...]:
    """The order of an export: without one asked for that of their making, which is the quickest.

    Args:
        continues: It begins behind a cursor, which belongs to the order of a list.
    """
    if asked is not None:
        return asked
    return LISTED_ORDER[entity] if continues else ()


class UnknownColumn(InvalidInput):
    """A column that no row of this kind has."""


@dataclass(frozen=True, kw_only=True)
class Export:
    """Which rows are wanted, and how they are written.

    Attributes:
        filter_: A ContactFilter or CompanyFilter, as the entity asks for; None for all rows.
        order: The id follows as the last key; nothing else decides when it is empty.
        columns: Dotted paths in the order in which they are written.
        most: No more rows than these; None for all.
        after: Only what stands behind this place of the order.
        bom: CSV begins with the byte order mark, by which some spreadsheets tell UTF-8.
        raw: CSV without the guard that keeps spreadsheets from taking a text for a formula.
    """

    entity: ExportEntity
    format: ExportFormat = ExportFormat.JSONL
    filter_: Filter | None = None
    order: tuple[Order, ...]
    columns: tuple[str, ...]
    most: int | None = None
    after: Cursor | None = None
    bom: bool = False
    raw: bool = False


@dataclass(frozen=True, kw_only=True)
class Foreseen:
    """What is known of an answer before its first byte.

    Attributes:
        truncated: More rows match than are written; None when that is not known.
        rows: How many are written; None when that is not known.
    """

    truncated: bool | None = None
    rows: int | None = None


@dataclass(frozen=True, kw_only=True)
class Written:
    """What a source has written.

    Attributes:
        truncated: More rows match than are written, or than a list in one of them has.
        snapshot_at: The state of the records that is shown; None for what was read page by page,
            each in a moment of its own.
        notices: What clients should know of how it was read, as GraphQL tells it, each once.
    """

    rows: int
    truncated: bool
    snapshot_at: datetime | None
    notices: tuple[Mapping[str, object], ...] = ()
