"""Stretches of work with their CPU, by process, as the kernel counts it; and which cores a process may use."""

from __future__ import annotations

import os
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_TICKS: Final = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Stretch:
    """One measured stretch: how much was done in which time, and the CPU of this process and of PostgreSQL's."""

    count: int
    seconds: float
    cpu_s: float
    postgres_s: float = 0.0

    @property
    def rate(self) -> float:
        """How many a second."""
        return self.count / self.seconds

    @property
    def cpu_us(self) -> float:
        """Microseconds of this process's CPU for each."""
        return self.cpu_s / self.count * 1e6

    @property
    def postgres_us(self) -> float:
        """Microseconds of PostgreSQL's CPU for each."""
        return self.postgres_s / self.count * 1e6


async def timed(work: Callable[[], Awaitable[int]], *, postmaster: int) -> Stretch:
    """Do something that says how much it did, and measure it."""
    began, cpu, postgres = time.perf_counter(), time.process_time(), cpu_with_children_s(postmaster)
    count = await work()
    took, used = time.perf_counter() - began, time.process_time() - cpu
    return Stretch(count, took, used, cpu_with_children_s(postmaster) - postgres)


def cpu_s(pid: int) -> float:
    """CPU seconds of a process; 0 where it has ended since it was listed: its parent counts it."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except FileNotFoundError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / _TICKS


def cpu_with_children_s(pid: int) -> float:
    """CPU seconds of a process, of the children it has, and of those that ended."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    ended = (int(fields[13]) + int(fields[14])) / _TICKS
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return cpu_s(pid) + ended + sum(cpu_s(int(child)) for child in children)


def busy_s() -> float:
    """CPU seconds of everything on this machine."""
    user, nice, system, _idle, _waiting, *interrupts = (
        int(field) for field in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
    )
    return (user + nice + system + sum(interrupts[:3])) / _TICKS


def postmaster_of(data: Path) -> int:
    """The process id of the embedded PostgreSQL on a data folder."""
    return int((data / "postgres/postmaster.pid").read_text().split()[0])


def keep_to_one_core() -> set[int]:
    """Let this process, and whatever it starts from now on, use one core alone; the cores that are left to others,
    which is the same one where the machine has no other."""
    first, *others = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {first})
    return set(others) or {first}
