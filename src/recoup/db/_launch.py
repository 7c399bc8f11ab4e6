"""Becomes another program that dies with its parent: run by path, in a process of its own.

    python -I -S _launch.py SIGNAL UID GID PARENT PROGRAM [ARGUMENT ...]

Gives up root for UID and GID (unless UID is -1), asks the kernel to send SIGNAL when the parent dies, and becomes
PROGRAM. It is a script, and no function run between fork and exec, because the parent has threads: what may be done
there is close to nothing. The order matters: a change of user clears the kernel's promise, so that comes first; and
a parent that died before the promise was made is noticed by its changed id. Imports the standard library only.
"""

from __future__ import annotations

import ctypes
import os
import sys
from typing import Final

_PR_SET_PDEATHSIG: Final = 1


def _become_user(uid: int, gid: int) -> None:
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)


def _die_with(parent: int, death_signal: int) -> None:
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, death_signal, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) was refused")
    if os.getppid() != parent:
        sys.exit("the parent is gone already")


def main(arguments: list[str]) -> None:
    """Read the command line and become the program; comes back only by an exception."""
    death_signal, uid, gid, parent = (int(argument) for argument in arguments[:4])
    program = arguments[4:]
    if uid >= 0:
        _become_user(uid, gid)
    _die_with(parent, death_signal)
    os.execv(program[0], program)  # noqa: S606 - no shell is the point


if __name__ == "__main__":
    main(sys.argv[1:])
