"""What the paging and filter machinery needs to know about contacts and companies."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar, cast

from sqlalchemy import Select, Table, null

from db.rows import CompanyRow, ContactRow, Row
from db.sorting import COMPANY_SORT_KEYS, CONTACT_SORT_KEYS, SortKey
from db.tables import companies, contacts
from domain.node_ids import NodeKind

R = TypeVar("R", bound=Row)


@dataclass(frozen=True, eq=False)
class Entity(Generic[R]):
    """A kind of record that can be listed.

    Attributes:
        columns: What a list selects: all but what only searches read.
    """

    kind: NodeKind
    table: Table
    row: type[R]
    columns: tuple[str, ...]
    sort_keys: Mapping[str, SortKey]


def listed(
    kind: NodeKind, rows: Select[Any], row: type[R], sort_keys: Mapping[str, SortKey]
) -> Entity[R]:
    """A kind that is listed as a query has its rows, of which none is deleted."""
    # Lists ask a table for its columns alone.
    table = rows.add_columns(null().label("deleted_at")).subquery("listed")
    names = tuple(column.name for column in rows.selected_columns)
    return Entity(kind, cast("Table", table), row, names, sort_keys)


_ONLY_SEARCHED: Final = frozenset({"search_text"})


def _listed(table: Table) -> tuple[str, ...]:
    return tuple(column.name for column in table.c if column.name not in _ONLY_SEARCHED)


CONTACTS: Final = Entity(
    NodeKind.CONTACT, contacts, ContactRow, _listed(contacts), CONTACT_SORT_KEYS
)
COMPANIES: Final = Entity(
    NodeKind.COMPANY, companies, CompanyRow, _listed(companies), COMPANY_SORT_KEYS
)
