"""The tables by which processes agree on what is cached.

`cache_state` has one row. Its epoch is a part of every key of the cache: a new one makes everything
out of date. It also names who is trusted: whoever says itself what its changes make out of date, by
the name of its connections. Triggers on the tables that answers are made of note every change; who
is trusted takes the note back, and for everybody else, and whatever was forgotten, it gives a new
epoch at the end of the transaction.

Whoever changes such a table holds `CACHE_LOCK` shared until COMMIT; whoever lets a cache be used
that was not, holds it alone. So nobody commits by a rule that no longer holds.
"""

from typing import Final

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Table,
    Text,
    Uuid,
    false,
    func,
    true,
)

from db.columns import metadata, moment

CACHE_LOCK: Final = 360_001_003_600
"""The advisory lock of PostgreSQL that guards who is trusted and whether caches are used."""

WATCHED_TABLES: Final = (
    "contacts",
    "contact_emails",
    "contact_phones",
    "contact_metadata",
    "activities",
    "companies",
)
"""Tables whose changes make answers out of date; of `users` it is some columns."""

cache_state: Final = Table(
    "cache_state",
    metadata,
    Column("is_only", Boolean, primary_key=True, server_default=true()),
    Column("epoch", Uuid, nullable=False, server_default=func.gen_random_uuid()),
    # The application_name of connections; null while nothing is cached.
    Column("trusted", Text),
    # Of the store that the trusted ones share: which start of it they all have seen.
    Column("life", Text),
    # Since when no process may use its cache, and when somebody last insisted on that.
    moment("off_since"),
    moment("off_renewed_at"),
    CheckConstraint("is_only", name="is_only"),
)

cache_changes: Final = Table(
    "cache_changes",
    metadata,
    # One of those under way that will give a new epoch at their end.
    Column("transaction", Text, primary_key=True),
    # Whoever is trusted.
    Column("is_certain", Boolean, nullable=False, server_default=false()),
)
