"""PgBouncer in transaction mode, as the system has it, with few connections to give."""

import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from psycopg.conninfo import make_conninfo
from sqlalchemy.engine import URL

from app.embedded.binaries import server_account
from app.embedded.process import _TETHER
from db.engine import libpq_settings

PGBOUNCER = os.environ.get("TEST_PGBOUNCER") or shutil.which(
    "pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin"
)

needs_pgbouncer = pytest.mark.skipif(
    PGBOUNCER is None, reason="There is no pgbouncer on this machine."
)

_PATIENCE_SECONDS = 20
# No statement that is prepared by name, no parameter that is not kept for each client: whoever
# forgets one of them is told.
_CONFIGURATION = """
[databases]
* = {server}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = {connections}
max_client_conn = 200
server_lifetime = 600
log_connections = 0
log_disconnections = 0
admin_users = tests
"""


@dataclass(frozen=True)
class Pooler:
    """A running PgBouncer.

    Attributes:
        port: At 127.0.0.1.
        pid: Of its process.
    """

    port: int
    pid: int

    @property
    def follows_names(self) -> bool:
        """Whether statements that are prepared by name are found again: from 1.21 on."""
        assert PGBOUNCER is not None
        told = subprocess.run([PGBOUNCER, "--version"], capture_output=True, text=True, check=True)
        major, minor = re.findall(r"\d+", told.stdout)[:2]
        return (int(major), int(minor)) >= (1, 21)

    def url(self, direct: URL) -> URL:
        """The same database through the pooler."""
        address = URL.create("postgresql+asyncpg", "tests", host="127.0.0.1", port=self.port)
        return address.set(database=direct.database)


@contextmanager
def pgbouncer(direct: URL, *, connections: int = 3) -> Iterator[Pooler]:
    """A pooler before a server, until the end of the block or of this process.

    Args:
        connections: How many it has to PostgreSQL for all clients of a database.
    """
    assert PGBOUNCER is not None
    account = server_account(Path("/nowhere"))
    with tempfile.TemporaryDirectory(prefix="a360-pgbouncer-") as name:
        # It refuses to run as root.
        folder = Path(name)
        folder.chmod(0o755)
        configuration = folder / "pgbouncer.ini"
        port = _free_port()
        configuration.write_text(
            _CONFIGURATION.format(server=_server(direct), port=port, connections=connections)
        )
        # It ends with this process, however that ends.
        who = (str(account.uid), str(account.gid)) if account else ("-1", "-1")
        tether = (sys.executable, "-I", "-S", _TETHER, str(os.getpid()), *who)
        with subprocess.Popen(
            [*tether, PGBOUNCER, configuration],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        ) as process:
            try:
                _await(process, port)
                yield Pooler(port, process.pid)
            finally:
                process.kill()


def _server(direct: URL) -> str:
    """Where the server is, in the words of the pooler's configuration."""
    settings = libpq_settings(direct, application_name="pgbouncer")
    known = ("host", "port", "user", "password")
    return make_conninfo(**{name: settings[name] for name in known if name in settings})


def _await(process: subprocess.Popen[bytes], port: int) -> None:
    until = time.monotonic() + _PATIENCE_SECONDS
    while True:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        assert process.poll() is None, "pgbouncer ended"
        assert time.monotonic() < until, "pgbouncer does not answer"
        time.sleep(0.01)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
