"""Becomes a program that ends when its parent ends; run as a script, never imported.

Owns the tie between a test's PostgreSQL and the process that started it. The rule: only the
standard library, and no site packages, stand between the start of this script and the program.
It is a program of its own because a ``preexec_fn`` may deadlock in a process with threads.

Arguments: the parent's pid; the uid and gid to take on (-1: stay); the program and its arguments.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Takes on the account, ties the process to its parent and becomes the program."""
    parent, uid, gid = (int(argument) for argument in sys.argv[1:4])
    command = sys.argv[4:]
    if uid != -1:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    if sys.platform == "linux":
        # After setuid, which clears it. The execv below keeps it. Source: man 2 PR_SET_PDEATHSIG.
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGQUIT)
    if os.getppid() == parent:  # else the parent was gone before the tie held
        os.execv(command[0], command)  # noqa: S606 - becoming the given program is the purpose


if __name__ == "__main__":
    main()
