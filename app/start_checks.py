"""What is looked at before a process answers or works: better no start than trouble under load."""

from typing import Final

from app.resources import Resources
from app.settings import Settings
from domain.errors import DatabaseUnavailable
from jobs.queue import CONNECTIONS

_SPARE_CONNECTIONS: Final = 10
"""For psql, backups and migrations."""

_PROBES: Final = 1
_LISTENERS: Final = 1
_REVOCATIONS: Final = 1
_LEASES: Final = 1


class CannotStart(Exception):
    """The process would not do what it is started for; the message says what to change."""


def connections_of(settings: Settings, *, processes: int, works: bool) -> int:
    """How many connections so many processes open to PostgreSQL at most.

    What goes through a pooler does not count: it opens fewer to the server.

    Args:
        processes: That serve or work, each with a pool.
        works: One of them runs durable jobs.
    """
    each = _LISTENERS
    if settings.enable_query_caching:
        each += _LEASES
    if settings.database_pooler == "none":
        each += settings.pool.most + _PROBES + _REVOCATIONS
    return processes * each + (CONNECTIONS if works else 0)


async def check_connections(resources: Resources, *, processes: int, works: bool) -> None:
    """Refuse pools that PostgreSQL could not fill: requests would fail only under load.

    A replica has pools of the same size on its own server; that takes as many as the primary at
    least, or PostgreSQL would not let it be a standby.

    Raises:
        CannotStart: There are too few connections.
    """
    settings = resources.settings
    wanted = connections_of(settings, processes=processes, works=works)
    limit = await resources.probe.max_connections()
    if wanted <= limit - _SPARE_CONNECTIONS:
        return
    changes = "Lower DATABASE_POOL_SIZE or DATABASE_MAX_OVERFLOW"
    if processes > 1:
        changes = f"{changes}, or WORKERS"
    raise CannotStart(
        f"This would open up to {wanted} connections ({processes} × {settings.pool.most} for"
        f" requests, the others for jobs and for the server itself); PostgreSQL takes {limit}, of"
        f" which {_SPARE_CONNECTIONS} have to stay free. {changes}, or raise max_connections of"
        " PostgreSQL."
    )


async def check_tables(resources: Resources, *, may_be_away: bool = False) -> None:
    """Refuse a database that is not at this release's tables.

    Raises:
        CannotStart: It is at others, or cannot be reached and may not be away.
    """
    try:
        problem = await resources.probe.tables_problem()
    except DatabaseUnavailable as error:
        if may_be_away:
            return
        raise CannotStart(error.message) from error
    if problem is not None:
        raise CannotStart(f"{problem} Run `appointment360 migrate`.")
