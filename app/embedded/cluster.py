"""One embedded PostgreSQL on disk: its folders, who may enter them, its creation.

Owns the layout below the data folder::

    pg18/                  one folder per major version, since their files differ
      data/                what PostgreSQL calls PGDATA
      socket/              the Unix socket (in the temp folder when this path would be too long)
      server.log           what the server says; the previous one is server.log.1
      tcp-password         made when a TCP port is first asked for
      lease.lock server.lock
      awaits-restore       while the records of another major version are not here yet
      programs-<version>/  a copy of the programs, when root's account cannot reach the wheel

Over the socket everybody who can open it is the superuser `postgres` (``trust``): the socket stands
in a folder of mode 0700, so that is root and the account which owns the data anyway. Over TCP
(127.0.0.1 only) a password is asked for (SCRAM).

The rule: a folder or file gets its final name only when it is complete, so whatever bears one can
be trusted after a crash.
"""

import hashlib
import os
import secrets
import stat
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from app.embedded.binaries import (
    VERSION,
    Account,
    EmbeddedServerError,
    run,
    server_account,
)

DATABASE = "app"
# Without the final NUL of sockaddr_un.sun_path. Source: man 7 unix; sys/un.h of macOS.
_SOCKET_PATH_BYTES = 103 if sys.platform == "darwin" else 107


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """Where one embedded PostgreSQL stands and whom it runs as (None: ourselves)."""

    home: Path
    account: Account | None

    @property
    def data(self) -> Path:
        """PostgreSQL's own folder."""
        return self.home / "data"

    @property
    def log(self) -> Path:
        """What the server says."""
        return self.home / "server.log"

    @property
    def password_file(self) -> Path:
        """The password of `postgres` over TCP."""
        return self.home / "tcp-password"

    @property
    def awaits_restore(self) -> Path:
        """Is there while nobody may take the database for theirs: it is to be restored first."""
        return self.home / "awaits-restore"

    @property
    def name(self) -> str:
        """What the titles of its processes carry, so that they are found without a postmaster."""
        return f"appointment360-{hashlib.sha256(os.fsencode(self.home)).hexdigest()[:12]}"


def open_cluster(folder: Path) -> Cluster:
    """The cluster below `folder`, whose own folder exists from now on."""
    folder = folder.expanduser().resolve()
    home = folder / f"pg{VERSION}"
    account = server_account(home / "data")
    if account is None:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
    else:
        # Whatever the umask of root is, the account must be able to pass through to its data.
        for path in reversed((home, *home.parents)):
            if not path.exists():
                with suppress(FileExistsError):
                    path.mkdir()
                    path.chmod(0o711)
    return Cluster(home=home, account=account)


def open_private(path: Path, flags: int) -> int:
    """A descriptor of a file that only its owner may read, created when missing."""
    return os.open(path, flags | os.O_CREAT | os.O_NOFOLLOW, 0o600)


def refuse_unrestored(cluster: Cluster) -> None:
    """Raises when the records of this folder are in files of another major version."""
    awaited = cluster.awaits_restore.exists()
    others = _data_of_other_versions(cluster)
    if not others or (cluster.data.exists() and not awaited):
        return
    old = others[-1].name.removeprefix("pg")
    raise EmbeddedServerError(
        f"The records are in {others[-1]}, in files of PostgreSQL {old}. This release comes with"
        f" PostgreSQL {VERSION}, which cannot read them. Nothing was changed."
        " Install the release before and say `appointment360 backup FILE`; then, with this one,"
        f" `appointment360 restore FILE`. To begin anew instead, move {others[-1]} away"
        + (f" and remove {cluster.awaits_restore}." if awaited else ".")
    )


def await_restore(cluster: Cluster) -> None:
    """Have nobody use new data before a backup is restored into them, where there are older."""
    if not cluster.data.exists() and _data_of_other_versions(cluster):
        cluster.awaits_restore.touch(mode=0o600)
        _sync_folder(cluster.home)


def _data_of_other_versions(cluster: Cluster) -> list[Path]:
    """The folders beside this one that have data, by their versions."""
    homes = {path.parent.parent for path in cluster.home.parent.glob("pg*/data/PG_VERSION")}
    return sorted(homes - {cluster.home}, key=lambda home: (len(home.name), home.name))


def create(cluster: Cluster, programs: Path, *, durable: bool) -> None:
    """Creates the data folder with the empty database; it gets its name when it is complete."""
    unfinished = Path(tempfile.mkdtemp(prefix="unfinished-", dir=cluster.home))
    if cluster.account:
        os.chown(unfinished, cluster.account.uid, cluster.account.gid)
    # One sort order on every machine: C.UTF-8 is built into PostgreSQL, the system's locale is not.
    initdb: list[str | Path] = [programs / "initdb", "-D", unfinished]
    initdb += ["--username=postgres", "--encoding=UTF8"]
    initdb += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    initdb += ["--auth-local=trust", "--auth-host=scram-sha-256", "--no-instructions"]
    if not durable:
        initdb.append("--no-sync")
    run(initdb, cluster.home, account=cluster.account)
    _execute_alone(cluster, f"CREATE DATABASE {DATABASE}", programs=programs, data=unfinished)
    unfinished.rename(cluster.data)
    _sync_folder(cluster.home)


def make_password(cluster: Cluster, programs: Path) -> None:
    """Gives `postgres` a new password, then keeps it in the password file."""
    password = secrets.token_urlsafe(24)
    statement = f"ALTER ROLE postgres PASSWORD '{password}'"
    _execute_alone(cluster, statement, programs=programs, data=cluster.data)
    unfinished = cluster.password_file.with_suffix(".unfinished")
    with os.fdopen(open_private(unfinished, os.O_WRONLY | os.O_TRUNC), "w") as file:
        file.write(f"{password}\n")
    unfinished.rename(cluster.password_file)


def socket_folder(cluster: Cluster) -> Path:
    """The folder of the Unix socket, which only root and the server's account may enter."""
    candidates = (cluster.home / "socket", Path(tempfile.gettempdir()) / cluster.name)
    for folder in candidates:
        fits = len(os.fsencode(folder / ".s.PGSQL.65535")) <= _SOCKET_PATH_BYTES
        # Clients split a host at commas: a folder with one cannot stand in a DSN.
        if fits and "," not in str(folder):
            _make_private(folder, cluster.account)
            return folder
    raise EmbeddedServerError(
        f"A Unix socket cannot stand in {candidates[-1]}: the path is too long or has a comma. "
        "Set TMPDIR to another folder."
    )


def _execute_alone(cluster: Cluster, statement: str, *, programs: Path, data: Path) -> None:
    """Executes a statement while no server runs."""
    command: list[str | Path] = [programs / "postgres", "--single", "-D", data]
    command += ["-c", "exit_on_error=on", "template1"]
    run(command, cluster.home, account=cluster.account, stdin=f"{statement};\n")


def _sync_folder(folder: Path) -> None:
    """Makes a rename inside the folder outlive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _make_private(folder: Path, account: Account | None) -> None:
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    owners = {os.geteuid(), account.uid if account else os.geteuid()}
    # Everybody may create names in the temp folder: this one may have been there first.
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in owners or found.st_mode & 0o077:
        raise EmbeddedServerError(f"{folder} is not a folder of ours with mode 0700. Remove it.")
    if account:
        os.chown(folder, account.uid, account.gid, follow_symlinks=False)
