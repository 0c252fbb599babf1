"""How Alembic runs the migrations: on a connection that `db.migrate` hands in, or offline as SQL."""

from alembic import context
from sqlalchemy import Connection, text

from db.all_tables import ALL_TABLES

_LOCK = 0x360_0360
_LOCK_TIMEOUT = "SET LOCAL lock_timeout = '5s'"


def _belongs_to_tables(name: str | None, kind: str, _reflected: object) -> bool:
    if name is None:
        return True
    # The trigram indexes exist only where the server offers pg_trgm, so the tables do not name them.
    return not name.startswith("procrastinate_") and not (
        kind == "index" and name.endswith("_trgm")
    )


def _run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=ALL_TABLES,
        include_object=lambda _object, name, kind, reflected, _other: _belongs_to_tables(
            name, kind, reflected
        ),
    )
    with context.begin_transaction():
        connection.execute(text(_LOCK_TIMEOUT))
        # Several processes may start at once: the first migrates, the others wait and find it done.
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        context.run_migrations()


_run(context.config.attributes["connection"])
