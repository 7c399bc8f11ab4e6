"""What a database server spends of its processors beside ours, where it runs on this machine."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from recoup.db import Database

_PROC: Final = Path("/proc")
_TICKS_A_SECOND: Final = os.sysconf("SC_CLK_TCK")
_PARENT, _OWN, _ENDED = 1, slice(11, 13), slice(13, 15)
"""Places behind the name in `/proc/*/stat`: the parent, the ticks of a process, those of its children that ended."""


async def database_cpu_s(database: Database) -> float:
    """Seconds of processors that the server of this database has spent so far; 0 where it is not on this machine."""
    row = await database.fetch_one("select pg_backend_pid() as pid")
    assert row is not None, "a connection has its process"
    backend = _stat(_PROC / str(row["pid"]))
    if backend is None:
        return 0.0
    server = backend[_PARENT]
    ticks = sum(sum(stat[_OWN]) for stat in _all() if stat[_PARENT] == server)
    ended = _stat(_PROC / str(server))
    return (ticks + (0 if ended is None else sum(ended[_ENDED]))) / _TICKS_A_SECOND


def _all() -> Iterator[list[int]]:
    for folder in _PROC.iterdir():
        stat = _stat(folder) if folder.name.isdigit() else None
        if stat is not None:
            yield stat


def _stat(folder: Path) -> list[int] | None:
    """The numbers of a process, behind its name and state's letter; None where it is gone."""
    try:
        _, _, numbers = (folder / "stat").read_text().rpartition(")")
    except OSError:
        return None
    return [0, *map(int, numbers.split()[1:])]
