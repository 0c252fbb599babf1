"""Files that nobody but our user reads, and what the disk says when it has no room for them."""

import errno
import os
from pathlib import Path
from typing import Final

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def open_private(path: str, flags: int) -> int:
    """A descriptor, as `open` takes it from its opener; a new file is for our user alone."""
    return os.open(path, flags, 0o600)


def make_private_folder(path: Path) -> None:
    """Have a folder be there, for our user alone."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.chmod(0o700)


def is_disk_full(error: BaseException) -> bool:
    """Whether there was no room: on the disk, for our user, or for so large a file."""
    return isinstance(error, OSError) and error.errno in _FULL
