"""What comes back when a merge or an import is undone: rows that were kept as JSON."""

import json
from collections.abc import Collection
from datetime import datetime
from typing import Final

from sqlalchemy import Table

from db.rows import Row
from db.statements import Statement, sql
from db.tables import contact_emails, contact_phones


def as_json(value: object) -> str:
    """The text of a value for a column of type jsonb.

    Unlike orjson's, it holds whole numbers of any size, as PostgreSQL gives them.
    """
    return json.dumps(value, ensure_ascii=False, default=datetime.isoformat)


def insert_kept(table: Table, *, without: Collection[str] = ()) -> Statement[Row]:
    """Rows that are gone; one whose address another contact has by now is left out.

    Args:
        without: Columns that are given anew.
    """
    named = [c.name for c in table.c if not (c.computed or c.name in without)]
    names = ", ".join(named)
    overriding = " OVERRIDING SYSTEM VALUE" if "id" in named else ""
    return sql(
        f"INSERT INTO {table.name} ({names}){overriding} SELECT {names}"
        f" FROM jsonb_populate_recordset(CAST(NULL AS {table.name}), CAST(:rows AS jsonb))"
        f" ON CONFLICT DO NOTHING RETURNING {table.name}.*"
    )


def _elect(table: Table) -> Statement[Row]:
    return sql(
        f"UPDATE {table.name} SET is_primary = true WHERE NOT is_primary AND id IN"
        f" (SELECT DISTINCT ON (contact_id) id FROM {table.name}"
        " WHERE contact_id = ANY(CAST(:ids AS bigint[]))"
        " ORDER BY contact_id, is_primary DESC, position)"
    )


ELECT: Final = {table: _elect(table) for table in (contact_emails, contact_phones)}
"""The first row of a contact becomes its primary one where none is."""
