"""How the tables that filters and selections reach from a row hang together."""

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, FromClause, Select, Table, and_, literal_column, select

from db.tables import (
    activities,
    companies,
    contact_emails,
    contact_metadata,
    contact_phones,
    contacts,
    users,
)


@dataclass(frozen=True)
class Relation:
    """The rows of another table that belong to a row.

    Attributes:
        key: The column of the other table that is equal to `own`.
        live: Only those that are not deleted.
        one: There is one of them, and when it was never written it counts as empty.
    """

    table: Table
    key: str
    own: str = "id"
    live: bool = False
    one: bool = False

    def rows(self, owner: FromClause) -> tuple[FromClause, Select[Any]]:
        """The other table, and a 1 for each of its rows that belongs to the owner's row.

        SQLAlchemy gives the other table a name, so that none clashes however deep relations nest.
        """
        other = self.table.alias()
        mine = self.holds(other, owner.c[self.own])
        return other, select(literal_column("1")).where(mine).correlate(owner)

    def holds(self, other: FromClause, own: ColumnElement[Any]) -> ColumnElement[bool]:
        """Whether a row of the other table belongs to the row that has this value in `own`."""
        mine: ColumnElement[bool] = other.c[self.key] == own
        return and_(mine, other.c.deleted_at.is_(None)) if self.live else mine


COMPANY: Final = Relation(companies, key="id", own="company_id", live=True)
CONTACTS: Final = Relation(contacts, key="company_id", live=True)
PARENT: Final = Relation(companies, key="id", own="parent_id", live=True)
OWNER: Final = Relation(users, key="id", own="owner_id")
METADATA: Final = Relation(contact_metadata, key="contact_id", one=True)
EMAILS: Final = Relation(contact_emails, key="contact_id", live=True)
PHONES: Final = Relation(contact_phones, key="contact_id")
ACTIVITIES: Final = Relation(activities, key="contact_id")
