"""Child processes that die with us, and the finding and stopping of those that did not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

_LAUNCHER: Final = Path(__file__).with_name("_launch.py")
_POLL_S: Final = 0.01
_CHILD_ENVIRONMENT: Final = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}
"""All that a child sees of our environment, which may hold secrets."""

LINUX: Final = sys.platform == "linux"


@dataclass(frozen=True, slots=True)
class Account:
    """An operating system user to run as."""

    uid: int
    gid: int


class Child:
    """A running program that gets `death_signal` when this process dies, however it dies (on Linux).

    The kernel ties that promise to the thread that forked, so a thread of its own forks and then waits until
    `release`: a child may be made from any thread, and outlives it.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        cwd: Path,
        account: Account | None,
        output: IO[bytes],
        given: IO[bytes] | None = None,
        death_signal: signal.Signals,
    ) -> None:
        uid, gid = (account.uid, account.gid) if account else (-1, -1)
        launch = [sys.executable, "-I", "-S", str(_LAUNCHER), str(int(death_signal)), str(uid), str(gid)]
        self._command = [*launch, str(os.getpid()), *command]
        self._cwd, self._given, self._output = cwd, given, output
        self._process: subprocess.Popen[bytes] | None = None
        self._failure: OSError | None = None
        self._started, self._released = threading.Event(), threading.Event()
        threading.Thread(target=self._keep, name="recoup-child", daemon=True).start()
        self._started.wait()
        if self._failure is not None:
            raise self._failure

    def _keep(self) -> None:
        try:
            self._process = subprocess.Popen(  # noqa: S603 - a list, no shell, all of it ours
                self._command,
                cwd=self._cwd,
                env=_CHILD_ENVIRONMENT,
                stdin=self._given or subprocess.DEVNULL,
                stdout=self._output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # the terminal's Ctrl-C is for us; we stop the child ourselves
            )
        except OSError as error:
            self._failure = error
        finally:
            self._started.set()
        self._released.wait()

    @property
    def pid(self) -> int:
        """The process id."""
        assert self._process is not None, "a child that did not start has raised"
        return self._process.pid

    def exit_code(self) -> int | None:
        """The exit code, or None while it runs."""
        assert self._process is not None, "a child that did not start has raised"
        return self._process.poll()

    def wait(self, timeout_s: float) -> int | None:
        """The exit code, or None when it still runs after so many seconds."""
        assert self._process is not None, "a child that did not start has raised"
        try:
            return self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return None

    def stop(self, steps: Sequence[tuple[signal.Signals, float]]) -> bool:
        """Send each signal in turn, with its seconds to obey; True when the program ended."""
        for step, timeout_s in steps:
            if self.exit_code() is not None:
                break
            os.kill(self.pid, step)
            self.wait(timeout_s)
        self._released.set()
        return self.exit_code() is not None

    def release(self) -> None:
        """Let go of a program that has ended."""
        self._released.set()


def postgres_processes(data: Path) -> list[int]:
    """Every living PostgreSQL process of this data folder: they all work inside it.

    Only Linux can tell; elsewhere the server's own pid file has to do.
    """
    if not LINUX:
        return _by_pid_file(data)
    folder = data.stat()
    return [pid for pid in _pids() if _works_in(pid, folder) and _name(pid).startswith("postgres")]


def _pids() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal()]


def _works_in(pid: int, folder: os.stat_result) -> bool:
    try:
        # Other people's processes cannot be read; ours, and as root everybody's, can.
        return os.path.samestat(Path(f"/proc/{pid}/cwd").stat(), folder)
    except OSError:
        return False


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _by_pid_file(data: Path) -> list[int]:
    pid = postmaster_pid(data)
    if pid is None:
        return []
    shown = subprocess.run(  # noqa: S603 - a number is the only thing that varies
        ["/bin/ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return [pid] if "postgres" in shown.stdout and str(data) in shown.stdout else []


def postmaster_pid(data: Path) -> int | None:
    """The process id in the server's own pid file, which may be stale; None where there is none."""
    try:
        first_line = (data / "postmaster.pid").read_text(encoding="utf-8").partition("\n")[0]
    except FileNotFoundError:
        return None
    return int(first_line) if first_line.strip().isdecimal() else None


def stop_orphans(data: Path, *, fast_s: float, immediate_s: float) -> bool:
    """Stop a server that outlived the process that started it; True when none is left.

    First fast (SIGINT: roll back and write everything out), then immediate (SIGQUIT: the next start recovers), and
    processes without a postmaster get the latter at once.
    """
    orphans = postgres_processes(data)
    if not orphans:
        return True
    if postmaster_pid(data) in orphans:
        _signal([postmaster_pid(data) or 0], signal.SIGINT)
        if _gone(data, timeout_s=fast_s):
            return True
    _signal(postgres_processes(data), signal.SIGQUIT)
    return _gone(data, timeout_s=immediate_s)


def _signal(pids: Sequence[int], number: signal.Signals) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue


def _gone(data: Path, *, timeout_s: float) -> bool:
    deadline = time.monotonic() + timeout_s
    while postgres_processes(data):
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_S)
    return True
