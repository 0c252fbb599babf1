"""Which rows a filter selects: asked of PostgreSQL, and told by Python."""

from collections.abc import Sequence
from typing import Any

from db.companies import list_companies
from db.contacts import list_contacts
from db.filter_shapes import split_filter
from db.filters import build_condition
from db.rows import Row as BareRow
from db.statements import Statement
from db.tables import companies, contacts
from db.transaction import Database
from domain.filters import ContactFilter, Filter
from domain.paging import NEWEST_COMPANIES, NEWEST_CONTACTS, PageRequest
from tests.db.brute_force import World, matches


def wanted(world: World, filter_: Filter) -> set[int]:
    """The ids of the live rows that match, says Python."""
    return {row["id"] for row in world.rows(type(filter_)) if matches(filter_, row, world)}


async def listed(database: Database, filters_: Sequence[Filter]) -> list[set[int]]:
    """The ids of the rows that match each filter, says PostgreSQL."""
    async with database.read() as session:
        return [await _listed(session, filter_) for filter_ in filters_]


async def _listed(session: Any, filter_: Filter) -> set[int]:
    if isinstance(filter_, ContactFilter):
        page: Any = await list_contacts(
            session, PageRequest(order=NEWEST_CONTACTS, size=1000), filter_
        )
    else:
        page = await list_companies(
            session, PageRequest(order=NEWEST_COMPANIES, size=1000), filter_
        )
    return {row.id for row in page.rows}


def spell(filter_: Filter) -> Any:
    """A filter's SQL, without its values."""
    table = contacts if isinstance(filter_, ContactFilter) else companies
    shape, _ = split_filter(filter_)
    return Statement(table.select().where(build_condition(shape, table)), BareRow).sql
