"""Our own PostgreSQL: starts the shipped server on a data folder, and never leaves one behind.

Everything lives in the data folder, readable by its owner alone:

    lock         held for as long as the Recoup process lives; names its pid
    beside       held together by the commands that use the server of another process
    password     of the roles `recoup` and `postgres`
    postgres/    PostgreSQL's own data, its socket and its logs
    start.log    what the server said at its last start
    socket       the path of the socket's folder, where that is another one (see `_reachable`)

The server listens on no network, knows no connection without a password, and is a child that gets SIGINT (a fast and
clean shutdown) from the kernel when the process that started it dies, even by `kill -9`. A server that is left all the
same is stopped by the next start. As root, the server runs as the unprivileged owner of `postgres/`.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import IO, Final

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from recoup.db._binaries import BinariesUnusable, folder_for
from recoup.db._cluster import (
    PORT,
    SETTINGS,
    SUPERUSER,
    ClusterUnusable,
    create,
    seen_from_inside,
    server_account,
    write_durably,
)
from recoup.db._processes import Account, Child, postgres_processes, postmaster_pid, stop_orphans

ROLE: Final = "recoup"
DATABASE: Final = "recoup"
_BESIDE: Final = "beside"

_READY_WAIT_S: Final = 120
"""How long recovery after a crash may take; 1 GB of log is read back in far less."""

_READY_POLL_S: Final = 0.01
_FAST_S: Final = 30.0
_IMMEDIATE_S: Final = 15.0
_STOP_STEPS: Final = ((signal.SIGINT, _FAST_S), (signal.SIGQUIT, _IMMEDIATE_S), (signal.SIGKILL, 5.0))
_SOCKET_FOLDER_BYTES_MAX: Final = 90
"""A socket's whole path has room for 107 bytes on Linux and 103 on macOS, and its name takes 14."""

_SAID_MAX: Final = 2000


class EmbeddedPostgresError(Exception):
    """The embedded server cannot be started; the message says why and what to do."""


class EmbeddedPostgres:
    """A PostgreSQL server of our own in one data folder; a context manager that gives its conninfo."""

    def __init__(self, data_dir: Path, *, settings: Mapping[str, str] | None = None) -> None:
        """`settings` win over the server settings that we choose (`_cluster.SETTINGS`)."""
        self._folder = data_dir.absolute()
        self._settings = {**SETTINGS, **(settings or {})}
        self._data = self._folder / "postgres"
        self._lock: IO[str] | None = None
        self._child: Child | None = None

    def start(self) -> str:
        """Start the server, made first where there is none, and return a libpq connection string.

        Raises `EmbeddedPostgresError` when another process uses the folder, or the server cannot run.
        """
        assert self._lock is None, "already started"
        try:
            self._lock = _take_lock(self._folder)
            password = _password(self._folder)
            account = server_account(self._data)
            binaries = folder_for(account)
            if not self._data.exists():
                create(self._data, binaries=binaries, account=account, password=password)
            self._clear_orphans()
            return self._run(binaries, account=account, password=password)
        except (ClusterUnusable, BinariesUnusable) as error:
            self.stop()
            raise EmbeddedPostgresError(str(error)) from error
        except (OSError, psycopg.Error) as error:
            self.stop()
            raise EmbeddedPostgresError(
                f"{self._folder} cannot be used: {error}. "
                "Start Recoup as the folder's owner, or choose another folder with RECOUP_DATA_DIR."
            ) from error
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Shut the server down cleanly and let go of the folder; does nothing when it is not running."""
        child, self._child = self._child, None
        try:
            if child is not None:
                child.stop(_STOP_STEPS)
                _forget_socket(self._folder)
        finally:
            lock, self._lock = self._lock, None
            if lock is not None:
                lock.close()

    def __enter__(self) -> str:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _clear_orphans(self) -> None:
        if not stop_orphans(self._data, fast_s=_FAST_S, immediate_s=_IMMEDIATE_S):
            raise EmbeddedPostgresError(
                f"A PostgreSQL server left from before still uses {self._data} and does not stop; end it by hand."
            )
        # Nobody is left, so a pid file is stale, whatever program may have its number by now.
        (self._data / "postmaster.pid").unlink(missing_ok=True)

    def _run(self, binaries: Path, *, account: Account | None, password: str) -> str:
        settings = [word for name, value in self._settings.items() for word in ("-c", f"{name}={value}")]
        command = [str(binaries / "postgres"), "-D", seen_from_inside(self._data), *settings]
        with (self._folder / "start.log").open("wb") as output:
            self._child = Child(
                command, cwd=self._data, account=account, output=output, death_signal=signal.SIGINT
            )
        host = _reachable(self._data, note=self._folder / "socket")
        superuser = _conninfo(host, user=SUPERUSER, dbname="postgres", password=password)
        with self._connected(superuser, child=self._child) as connection:
            _create_role_and_database(connection, password=password)
        return _conninfo(host, user=ROLE, dbname=DATABASE, password=password)

    def _connected(self, conninfo: str, *, child: Child) -> psycopg.Connection:
        """The first connection that the server takes: it is ready."""
        deadline = time.monotonic() + _READY_WAIT_S
        while True:
            try:
                return psycopg.connect(conninfo, autocommit=True, connect_timeout=5)
            except psycopg.OperationalError as error:
                if child.exit_code() is not None or time.monotonic() > deadline or _password_refused(error):
                    raise EmbeddedPostgresError(self._why_not(error)) from error
                time.sleep(_READY_POLL_S)

    def _why_not(self, error: psycopg.OperationalError) -> str:
        if _password_refused(error):
            return (
                f"The password in {self._folder / 'password'} is not the one that this server was made with. "
                "Restore that file, or move the folder away to start with an empty database."
            )
        said = (self._folder / "start.log").read_text(encoding="utf-8", errors="replace").strip()[-_SAID_MAX:]
        return (
            f"PostgreSQL did not start on {self._data}; its logs are in {self._data / 'log'}. It said: {said}"
        )


def conninfo_of_running(data_dir: Path) -> str | None:
    """How to reach the server that another Recoup process runs on this folder; None where none does."""
    folder = data_dir.absolute()
    data = folder / "postgres"
    if not data.exists() or postmaster_pid(data) not in postgres_processes(data):
        return None
    note = folder / "socket"
    host = note.read_text(encoding="utf-8") if note.exists() else str(data)
    return _conninfo(host, user=ROLE, dbname=DATABASE, password=_password(folder))


@contextmanager
def beside(data_dir: Path) -> Iterator[None]:
    """Be known to use the server of another process while the block runs, whatever becomes of that process."""
    with (data_dir.absolute() / _BESIDE).open("a") as held:
        fcntl.flock(held, fcntl.LOCK_SH)
        yield


def is_shared(data_dir: Path) -> bool:
    """Whether some process uses, or has used and will use again, a server on this folder that is not its own."""
    with (data_dir.absolute() / _BESIDE).open("a") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _take_lock(folder: Path) -> IO[str]:
    """The folder's lock, which the kernel gives back when we die."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = (folder / "lock").open("a+", encoding="utf-8")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.seek(0)
        holder = lock.read().strip() or "unknown"
        lock.close()
        raise EmbeddedPostgresError(
            f"{folder} is in use by the running process {holder}. "
            "Stop that one first, or choose another folder with RECOUP_DATA_DIR."
        ) from None
    lock.truncate(0)
    lock.write(f"{os.getpid()}\n")
    lock.flush()
    return lock


def _password(folder: Path) -> str:
    path = folder / "password"
    if not path.exists():
        write_durably(path, secrets.token_urlsafe(32))
    return path.read_text(encoding="utf-8").strip()


def _reachable(data: Path, *, note: Path) -> str:
    """The folder by which clients find the socket: the data folder, or a short link to it where its path is too long.

    The link lies in a fresh folder that only we may enter, and its path is noted for other programs.
    """
    _forget_socket(note.parent)
    if len(os.fsencode(data)) <= _SOCKET_FOLDER_BYTES_MAX:
        return str(data)
    base = tempfile.gettempdir()
    if len(os.fsencode(base)) >= 60:
        base = "/tmp"  # noqa: S108 - only to lay a fresh folder in
    short = Path(tempfile.mkdtemp(prefix="recoup-", dir=base))
    link = short / "s"
    link.symlink_to(data)
    note.write_text(str(link), encoding="utf-8")
    return str(link)


def _forget_socket(folder: Path) -> None:
    note = folder / "socket"
    if note.exists():
        link = Path(note.read_text(encoding="utf-8"))
        if link.is_symlink() and link.lstat().st_uid == os.geteuid():
            shutil.rmtree(link.parent, ignore_errors=True)
        note.unlink()


def _conninfo(host: str, *, user: str, dbname: str, password: str) -> str:
    return make_conninfo(host=host, port=PORT, user=user, dbname=dbname, password=password)


def _password_refused(error: psycopg.OperationalError) -> bool:
    return "password authentication failed" in str(error)


def _create_role_and_database(connection: psycopg.Connection, *, password: str) -> None:
    """Make what is missing: an ordinary role, so that revoked rights bind it, and the database that it owns."""
    role, database = sql.Identifier(ROLE), sql.Identifier(DATABASE)
    if connection.execute("select 1 from pg_roles where rolname = %s", [ROLE]).fetchone() is None:
        secret = connection.pgconn.encrypt_password(
            password.encode(), ROLE.encode(), b"scram-sha-256"
        ).decode()
        connection.execute(sql.SQL("create role {} login password {}").format(role, sql.Literal(secret)))
    if connection.execute("select 1 from pg_database where datname = %s", [DATABASE]).fetchone() is None:
        connection.execute(sql.SQL("create database {} owner {}").format(database, role))
