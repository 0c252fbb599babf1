"""The processor time of a process and everything below it, as Linux counts it in `/proc`.

Time is read in ticks of 10 ms, so a measurement should keep a process busy for a second or more.
"""

import os
import sys
from collections import defaultdict
from pathlib import Path
from typing import Final

IS_COUNTED: Final = sys.platform == "linux"
"""Whether this system says what a foreign process has used."""

_PROC: Final = Path("/proc")
# Counted behind the name of the program, which may have blanks. Source: man 5 proc_pid_stat.
_PPID, _UTIME, _CSTIME = 1, 11, 14


def cpu_seconds(pid: int) -> float | None:
    """The user and system time of the process and its descendants; None when it is not counted.

    What ended and was waited for is counted by its parent, so the sum never goes back: a backend of
    PostgreSQL that exits between two looks is found with the postmaster.
    """
    if not IS_COUNTED:
        return None
    stats = _stats()
    if pid not in stats:
        return None
    children: defaultdict[int, list[int]] = defaultdict(list)
    for child, fields in stats.items():
        children[int(fields[_PPID])].append(child)
    ticks, found = 0, [pid]
    while found:
        seen = found.pop()
        found += children[seen]
        ticks += sum(int(ticks) for ticks in stats[seen][_UTIME : _CSTIME + 1])
    return ticks / os.sysconf("SC_CLK_TCK")


def _stats() -> dict[int, list[str]]:
    """The fields of every process from its state on."""
    stats = {}
    for folder in _PROC.iterdir():
        if not folder.name.isdecimal():
            continue
        try:
            text = (folder / "stat").read_text(errors="replace")
        except (FileNotFoundError, ProcessLookupError):
            continue
        stats[int(folder.name)] = text.rpartition(")")[2].split()
    return stats
