"""The service as its user runs it: a PostgreSQL, two API processes, a worker, and processors that outlive them all.

Each can be ended in any way at any time and started again. What they print and log is kept in one folder.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Final

from tests.whole.served import MASTER_KEY, free_port

from recoup.db._processes import postmaster_pid
from recoup.db.embedded import EmbeddedPostgres

APIS: Final = 2
READY_S: Final = 120.0
ENDED_S: Final = 40.0
POLL_S: Final = 0.02
SETTINGS: Final = {
    "RECOUP_MASTER_KEY": MASTER_KEY,
    "RECOUP_PROCESSOR_TIMEOUT_S": "1",
    "RECOUP_PROCESSOR_CONNECT_TIMEOUT_S": "0.5",
    "RECOUP_WORKER_POLL_S": "0.2",
    "RECOUP_DATABASE_CONNECTIONS_MAX": "16",
    "RECOUP_LOG_FORMAT": "json",
    "RECOUP_LOG_LEVEL": "warning",
    "RECOUP_REREAD_AFTER": "2d",
}
POSTGRES: Final = {"fsync": "off", "max_connections": "160"}
"""A machine that keeps its power: what was committed outlives every end of PostgreSQL, as it must, and costs less."""
_LIBC: Final = ctypes.CDLL(None)
_PR_SET_PDEATHSIG: Final = 1
Command = Sequence[str]
SERVE: Final[Command] = ("-m", "recoup", "serve")
WORK: Final[Command] = ("-m", "recoup", "work")
PROCESSORS: Final[Command] = (str(Path(__file__).with_name("processors.py")),)


def free_ports(count: int) -> list[int]:
    """Ports that are free for the whole run (see `free_port`), held all at once so that they differ."""
    with ExitStack() as stack:
        held = [stack.enter_context(socket.create_server(("127.0.0.1", free_port()))) for _ in range(count)]
        return [one.getsockname()[1] for one in held]


def cpu_of(pid: int) -> float:
    """Seconds of CPU that a living process has taken; 0 where the system does not tell."""
    with suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return 0.0


def _die_with_us() -> None:
    """A simulation that is killed leaves nobody behind (on Linux)."""
    if sys.platform == "linux":
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


class Process:
    """One program, started and ended again and again. `url` is where it answers; empty where it does not."""

    def __init__(self, name: str, command: Command, *, folder: Path, url: str = "", **settings: str) -> None:
        self.name, self.url = name, url
        self._command = command
        self._folder = folder
        self._settings = settings
        self._process: subprocess.Popen[bytes] | None = None
        self.cpu_s = 0.0
        """What its ended lives took."""

    @property
    def environment(self) -> Mapping[str, str]:
        """The variables of the process: what this machine sets for Recoup stays out."""
        own = {name: value for name, value in os.environ.items() if not name.startswith("RECOUP_")}
        return {**own, **SETTINGS, "RECOUP_DATA_DIR": str(self._folder / self.name), **self._settings}

    @property
    def runs(self) -> bool:
        """Whether it was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    @property
    def log(self) -> Path:
        """What it printed and logged in all its lives."""
        return self._folder / f"{self.name}.log"

    def start(self) -> None:
        """Start it, and do not wait."""
        assert not self.runs, f"{self.name} runs"
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, *self._command],
                cwd=self._folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_die_with_us,  # noqa: PLW1509 - one call of the kernel's, and no lock is taken
            )

    def kill(self) -> None:
        """`kill -9`, at whatever it is doing."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """Ask it to stop, as Ctrl-C does; one that does not is killed."""
        try:
            self._end(signal.SIGINT)
        except subprocess.TimeoutExpired:
            self._end(signal.SIGKILL)

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None:
            self.cpu_s += cpu_of(self._process.pid)
            self._process.send_signal(how)
            self._process.wait(ENDED_S)
            self._process = None

    async def ready(self) -> None:
        """Wait until it answers; a process that ended is started again, as a supervisor does."""
        deadline = time.monotonic() + READY_S
        while not await asyncio.to_thread(self._answers):
            if not self.runs:
                self.start()
            assert time.monotonic() < deadline, f"{self.name} is not ready: {self.log.read_text()[-3000:]}"
            await asyncio.sleep(POLL_S)

    def _answers(self) -> bool:
        if not self.url:
            return self.runs
        with suppress(OSError), urllib.request.urlopen(f"{self.url}/health/ready", timeout=2) as answer:
            return bool(answer.status == 200)
        return False


class Postgres:
    """The database server, which can be restarted politely or at once."""

    def __init__(self, folder: Path) -> None:
        self._data = folder / "database"
        self._server = EmbeddedPostgres(self._data, settings=POSTGRES)
        self.conninfo = ""

    def start(self) -> None:
        """Start it, after a crash with what was committed."""
        self.conninfo = self._server.start()

    def stop(self) -> None:
        """Shut it down: connections are cut, transactions under way are undone."""
        self._server.stop()

    def crash(self) -> None:
        """End it at once (an immediate shutdown): the next start recovers from its log."""
        pid = postmaster_pid(self._data / "postgres")
        assert pid is not None, "it runs"
        os.kill(pid, signal.SIGQUIT)
        self._server.stop()


class House:
    """All processes of one run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.postgres = Postgres(folder)
        self.processors_port, *self._api_ports = free_ports(1 + APIS)
        self.processors_url = f"http://127.0.0.1:{self.processors_port}"
        self.apis: list[Process] = []
        self.worker = Process("worker", WORK, folder=folder)
        self.processors = Process("processors", PROCESSORS, folder=folder)

    @property
    def processes(self) -> list[Process]:
        """Those that die and live again."""
        return [*self.apis, self.worker]

    async def open(self) -> None:
        """Start everything beside each other, and wait until it is up."""
        await asyncio.to_thread(self.postgres.start)
        given = {"RECOUP_DATABASE_URL": self.postgres.conninfo}
        self.apis = [
            Process(
                f"api-{number}",
                SERVE,
                folder=self.folder,
                url=f"http://127.0.0.1:{port}",
                RECOUP_PORT=port,
                **given,
            )
            for number, port in enumerate(map(str, self._api_ports))
        ]
        public = self.apis[0].url
        self.worker = Process("worker", WORK, folder=self.folder, RECOUP_PUBLIC_URL=public, **given)
        port = str(self.processors_port)
        self.processors = Process(
            "processors", PROCESSORS, folder=self.folder, RECOUP_SANDBOX_PORT=port, **given
        )
        for process in [self.processors, *self.processes]:
            process.start()
        await self._said("ready")
        await self.all_up()

    async def _said(self, word: str) -> None:
        deadline = time.monotonic() + READY_S
        while word not in self.processors.log.read_text():
            assert self.processors.runs, self.processors.log.read_text()[-3000:]
            assert time.monotonic() < deadline, "the processors are not ready"
            await asyncio.sleep(POLL_S)

    async def all_up(self) -> None:
        """Start whatever is down."""
        for process in self.processes:
            await process.ready()

    def close(self) -> None:
        """End everything."""
        for process in [*self.processes, self.processors]:
            process.kill()
        self.postgres.stop()

    def complaints(self) -> list[str]:
        """Lines that a bug leaves in a log: tracebacks of what was not expected."""
        return [
            line
            for process in [*self.processes, self.processors]
            if process.log.exists()
            for line in process.log.read_text(errors="replace").splitlines()
            if "connector_bug" in line or "AssertionError" in line
        ]


@contextmanager
def _short_folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="recoup-sim-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # the database does not run as root
        yield folder


@asynccontextmanager
async def housed() -> AsyncIterator[House]:
    """A house that is up while the block runs, in a folder of its own with a short name."""
    with _short_folder() as folder:
        house = House(folder)
        try:
            await house.open()
            yield house
        finally:
            await asyncio.to_thread(house.close)
