"""The packages of the servers under Node, installed once, outside of the repository."""

import hashlib
import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Final

_SOURCE: Final = Path(__file__).parent
_LOCK: Final = "package-lock.json"
# Written last: a folder without it holds an installation that was interrupted.
_STAMP: Final = ".installed"
_SECONDS: Final = 900.0


class CannotInstall(Exception):
    """The packages cannot be had here; the message says why, in one line."""


def install(folder: Path, *, progress: Callable[[str], None]) -> None:
    """Bring the servers into the folder, and their packages unless these are there already.

    Raises:
        CannotInstall: There is no npm, or it failed.
    """
    # Node looks for packages above the file that imports them.
    ignored = shutil.ignore_patterns("*.py", "__pycache__", "strawberry_orm")
    shutil.copytree(_SOURCE, folder, ignore=ignored, dirs_exist_ok=True)
    if is_installed(folder):
        return
    npm = shutil.which("npm")
    if npm is None:
        raise CannotInstall("npm is not on PATH")
    progress(f"Installing the servers under Node into {folder}: this happens once")
    _run([npm, "ci", "--json"], folder)
    (folder / _STAMP).write_text(_wanted())


def is_installed(folder: Path) -> bool:
    """Whether the folder has the packages, in the versions of the lock."""
    stamp = folder / _STAMP
    return stamp.exists() and stamp.read_text() == _wanted()


def installed_version(folder: Path, package: str) -> str:
    """The version of a package that stands in the folder."""
    manifest = folder / "node_modules" / package / "package.json"
    version: str = json.loads(manifest.read_bytes())["version"]
    return version


def _wanted() -> str:
    return hashlib.sha256((_SOURCE / _LOCK).read_bytes()).hexdigest()


def _run(command: list[str], folder: Path) -> None:
    try:
        done = subprocess.run(
            command, cwd=folder, timeout=_SECONDS, check=False, capture_output=True, text=True
        )
    except subprocess.TimeoutExpired:
        raise CannotInstall(f"npm did not end within {_SECONDS:.0f} s") from None
    if done.returncode:
        raise CannotInstall(f"npm failed: {_cause(done.stdout)}")


def _cause(said: str) -> str:
    """The first line of the summary that npm gives as JSON."""
    try:
        summary: str = json.loads(said)["error"]["summary"]
    except (ValueError, KeyError):
        return "it does not say why"
    return summary.partition("\n")[0]
