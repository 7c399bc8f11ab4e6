"""How fast a report is matched: lines a second against as many payments, on one core, and against a bare limit.

    python -m bench.settlements                              20,000 lines
    python -m bench.settlements --lines 1000000              a million
    python -m bench.settlements --lines 1000000 --folder F   the same, in a folder that is kept for the next run
    python -m bench.settlements --disputes 10                ten lines of a thousand are of disputes

It starts its own PostgreSQL, writes payments, attempts, refunds and the ledger's positions as rows, makes a report of
Stripe's make in which one line in a hundred is wrong in some way, and takes it in as `recoup settlements import` does.
The bare limit of the same run: COPY of the same file into a table of text columns without a constraint, and one hash
join of it with the attempts. The ratio of the two times is what to compare between machines.

Everything runs on one core, PostgreSQL too, where the system can say so: what both use adds up. Memory is the most that
this process had, and the most that its server process had of its own and of the shared buffers.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any, Final
from uuid import UUID

from bench.settled_world import LAST, Columns, written
from recoup.db import Database, migrate
from recoup.db.embedded import EmbeddedPostgres
from recoup.kit.ids import uuid7
from recoup.merchants.core import Merchant
from recoup.settlements.core.reports import Report, ReportState
from recoup.settlements.core.tolerance import Tolerances
from recoup.settlements.flow import Importing, Upload

LINES: Final = 20_000
_READ_AT_ONCE: Final = 1 << 20
_TICKS: Final = os.sysconf("SC_CLK_TCK")
_PROC: Final = Path("/proc")


@dataclass(frozen=True, slots=True)
class Used:
    """What a stretch of work took, in seconds: by the clock, and of processors here and in PostgreSQL."""

    took_s: float
    own_s: float
    postgres_s: float


@dataclass(frozen=True, slots=True)
class Result:
    """What one run took, with the most memory of this process and of its server process, in bytes."""

    lines: int
    matched: int
    exceptions: int
    expected: int
    used: Used
    looked_over_s: float
    bare: Used
    memory: int
    server_memory: int

    @property
    def ratio(self) -> float:
        """How much longer than the bare limit."""
        return self.used.took_s / self.bare.took_s

    def told(self) -> str:
        """In words."""
        used, bare = self.used, self.bare
        return (
            f"{self.lines} lines: {used.took_s:.1f} s ({self.lines / used.took_s:.0f} lines/s), of which "
            f"{self.looked_over_s:.1f} s looking the file over; CPU {used.own_s:.1f} s here and "
            f"{used.postgres_s:.1f} s in PostgreSQL; {self.matched} matched, {self.exceptions} exceptions; bare COPY "
            f"and join {bare.took_s:.1f} s, ratio {self.ratio:.1f}; at most {self.memory >> 20} MB here and "
            f"{self.server_memory >> 20} MB in its server process"
        )


@dataclass(frozen=True, slots=True)
class World:
    """Whose payments they are, and which postmaster has them."""

    merchant: Merchant
    account_id: UUID
    random: Random
    postmaster: int

    def new_id(self) -> UUID:
        """A new id; a folder that is kept has those of the runs before."""
        return uuid7(LAST, self.random.randbytes)


async def run(folder: Path, url: str, *, lines: int, disputes: int = 0, postmaster: int = 0) -> Result:
    """Make the world where it is not there yet, take the report in, and copy it bare."""
    await migrate(url)
    async with await Database.open(url, connections_max=4, statement_timeout_s=600) as database:
        columns, expected = await written(database, folder / "report.csv", lines=lines, disputes=disputes)
        await database.execute("truncate settlements cascade")  # -- all merchants: there is one
        for table in ("settlement_lines", "settlement_exceptions"):
            await database.execute(f"truncate {table}")
        world = World(_merchant(columns), columns.account_id, Random(os.urandom(8)), postmaster)
        report, used, looked_over, memory, server_memory = await _taken_in(
            database, world, folder / "report.csv"
        )
        assert report.state is ReportState.DONE and report.lines == lines, "the whole file was worked"
        bare = await _bare(database, columns, folder / "report.csv", postmaster=postmaster)
        return Result(
            lines,
            report.matched,
            report.exceptions,
            expected,
            used,
            looked_over,
            bare,
            memory,
            server_memory,
        )


def _merchant(columns: Columns) -> Merchant:
    return Merchant(columns.merchant_id, livemode=False, clock_offset=timedelta(0))


async def _taken_in(database: Database, world: World, file: Path) -> tuple[Report, Used, float, int, int]:
    async def caught_up(_: UUID) -> None:
        return None

    importing = Importing(
        database,
        accounts=_Anybody(),
        catch_up=caught_up,
        tells_dispute_fees=lambda name: True,
        new_id=world.new_id,
    )
    upload = Upload(world.account_id, "stripe", None, Tolerances.USUAL, lambda: _parts(file))

    with (
        tempfile.TemporaryFile("w+", _READ_AT_ONCE, encoding="utf-8", newline="\n") as spool,
        _metered(world.postmaster) as meter,
    ):
        seen = await importing.look_over(world.merchant, upload, spool=spool)
        looked_over = meter.so_far_s
        report = await database.retrying(
            lambda one: importing.begin(one, world.merchant, upload, seen=seen, now=LAST)
        )
        done = await importing.work(world.merchant, report, upload.source, now=LAST, spool=spool)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    row = await database.fetch_one("select pg_backend_pid() as pid")
    return done, meter.used, looked_over, memory, _most_memory(0 if row is None else row["pid"])


class _Anybody:
    """Knows every account."""

    async def account(self, merchant_id: UUID, account_id: UUID) -> Any:
        """Whatever is asked for is there."""
        return SimpleNamespace(id=account_id, connector="stripe")


class _Meter:
    """Reads the clocks at its beginning and at its end."""

    def __init__(self, postmaster: int) -> None:
        self._postmaster = postmaster
        self._began = self._read()
        self.used = Used(0, 0, 0)

    @property
    def so_far_s(self) -> float:
        """Seconds since the beginning."""
        return time.perf_counter() - self._began.took_s

    def end(self) -> None:
        """Say what was used."""
        now, began = self._read(), self._began
        self.used = Used(
            now.took_s - began.took_s, now.own_s - began.own_s, now.postgres_s - began.postgres_s
        )

    def _read(self) -> Used:
        return Used(time.perf_counter(), time.process_time(), _server_s(self._postmaster))


@contextmanager
def _metered(postmaster: int) -> Iterator[_Meter]:
    meter = _Meter(postmaster)
    yield meter
    meter.end()


def _server_s(postmaster: int) -> float:
    """The processors' time of a PostgreSQL server: of the postmaster, of its processes, and of those that ended."""
    if not postmaster or not _PROC.is_dir():
        return 0.0
    ticks = 0
    for folder in _PROC.iterdir():
        try:
            fields = (folder / "stat").read_text("latin-1").rpartition(")")[2].split()
        except OSError:
            continue
        if folder.name == str(postmaster):
            ticks += sum(map(int, fields[11:15]))
        elif len(fields) > 14 and fields[1] == str(postmaster):
            ticks += int(fields[11]) + int(fields[12])
    return ticks / _TICKS


def _most_memory(pid: int) -> int:
    """The most memory that a process had, shared buffers that it touched with it; 0 where the system does not tell."""
    try:
        status = (_PROC / str(pid) / "status").read_text("latin-1")
    except OSError:
        return 0
    return next((int(line.split()[1]) << 10 for line in status.splitlines() if line.startswith("VmHWM")), 0)


def _parts(file: Path) -> Iterator[bytes]:
    with file.open("rb") as opened:
        while part := opened.read(_READ_AT_ONCE):
            yield part


async def _bare(database: Database, columns: Columns, file: Path, *, postmaster: int) -> Used:
    """What a bare COPY of the file takes, with one join of it with the attempts."""
    async with database.transaction() as connection:
        await connection.execute("set local enable_hashjoin = on")
        await connection.execute("set local enable_seqscan = on")
        await connection.execute("set local work_mem = '256MB'")
        names = ", ".join(f"{name} text" for name in columns.names)
        await connection.execute(f"create temporary table bare ({names}) on commit drop")
        with _metered(postmaster) as meter:
            async with (
                connection.cursor() as cursor,
                cursor.copy("copy bare from stdin (format csv, header)") as copy,
            ):
                for part in _parts(file):
                    await copy.write(part)
            await connection.fetch_one(
                """
                select count(*) as found, sum(a.amount) as amount
                from bare b join attempts a on a.merchant_id = %(merchant_id)s and a.reference = b.payment_intent_id
                """,
                {"merchant_id": columns.merchant_id},
            )
        return meter.used


def main(arguments: Sequence[str] | None = None) -> Result:
    """Run by these arguments, and say what came of it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--lines", type=int, default=LINES)
    parser.add_argument(
        "--disputes", type=int, default=0, help="how many lines of a thousand are of disputes"
    )
    parser.add_argument("--folder", type=Path, default=None, help="keep the world here for another run")
    given = parser.parse_args(arguments)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    folder: Path = given.folder or Path(tempfile.mkdtemp(prefix="recoup-bench-"))
    server = EmbeddedPostgres(folder / "postgres")
    try:
        url = server.start()
        postmaster = int((folder / "postgres" / "postgres" / "postmaster.pid").read_text().split()[0])
        result = asyncio.run(
            run(folder, url, lines=given.lines, disputes=given.disputes, postmaster=postmaster)
        )
    finally:
        server.stop()
        if given.folder is None:
            shutil.rmtree(folder, ignore_errors=True)
    print(result.told())
    return result


if __name__ == "__main__":
    main(sys.argv[1:])
