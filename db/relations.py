"""How the tables that filters reach from a row hang together."""

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import FromClause, Select, Table, literal_column, select

from db.tables import (
    activities,
    companies,
    contact_emails,
    contact_metadata,
    contact_phones,
    contacts,
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
        mine: Select[Any] = (
            select(literal_column("1"))
            .where(other.c[self.key] == owner.c[self.own])
            .correlate(owner)
        )
        return other, mine.where(other.c.deleted_at.is_(None)) if self.live else mine


COMPANY: Final = Relation(companies, key="id", own="company_id", live=True)
CONTACTS: Final = Relation(contacts, key="company_id", live=True)
METADATA: Final = Relation(contact_metadata, key="contact_id", one=True)
EMAILS: Final = Relation(contact_emails, key="contact_id", live=True)
PHONES: Final = Relation(contact_phones, key="contact_id")
ACTIVITIES: Final = Relation(activities, key="contact_id")
