"""The address of a database as the programs of PostgreSQL find it in their environment."""

import os
from typing import Final

from psycopg.pq import Conninfo
from sqlalchemy.engine import URL

from db.engine import libpq_settings

# What an address may leave to the environment.
_CREDENTIALS: Final = ("PGPASS", "PGSSL")


def client_environment(url: URL, *, application_name: str) -> dict[str, str]:
    """The variables that name it; with what ours has of passwords and certificates."""
    told = libpq_settings(url, application_name=application_name)
    variables = {
        option.keyword.decode(): option.envvar.decode()
        for option in Conninfo.get_defaults()
        if option.envvar is not None
    }
    left = {name: text for name, text in os.environ.items() if name.startswith(_CREDENTIALS)}
    return left | {variables[name]: text for name, text in told.items() if name in variables}
