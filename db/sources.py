"""The rows that are grouped, joined with what a dimension or a measure reads beside them."""

from functools import cached_property
from typing import Any

from sqlalchemy import ColumnElement, FromClause, and_, func, select, true

from db.tables import companies, contact_metadata


class Source:
    """One FROM clause in the making: what an expression reads beside the rows joins itself.

    Every join keeps the rows without a partner and gives a row one at most; only `items` multiplies
    rows.

    Attributes:
        joined: The rows with all that was asked for so far.
    """

    def __init__(self, rows: FromClause) -> None:
        self.rows = rows
        self.joined = rows

    @cached_property
    def company(self) -> FromClause:
        """The company of a contact, unless it was deleted."""
        company = companies.alias("grouped_company")
        mine = and_(company.c.id == self.rows.c.company_id, company.c.deleted_at.is_(None))
        self.joined = self.joined.outerjoin(company, mine)
        return company

    @cached_property
    def metadata(self) -> FromClause:
        """The metadata of a contact."""
        metadata = contact_metadata.alias("grouped_metadata")
        self.joined = self.joined.outerjoin(metadata, metadata.c.contact_id == self.rows.c.id)
        return metadata

    def items(self, values: ColumnElement[Any]) -> ColumnElement[Any]:
        """The items of a list, each once; the row stays, with NULL, when there is none."""
        item = func.unnest(values).column_valued("item")
        items = select(item.label("item")).distinct().lateral()
        self.joined = self.joined.outerjoin(items, true())
        return items.c.item
