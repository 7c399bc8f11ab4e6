"""Makes the embedded server's data folder, whole or not at all, and says how the server is run on it."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from recoup.db._processes import LINUX, Account, Child

SUPERUSER: Final = "postgres"
PORT: Final = 5432
"""Names the socket file only: the server listens on no network."""

_UNFINISHED: Final = "unfinished-"
_INITDB_WAIT_S: Final = 120
_SAID_MAX: Final = 2000

SETTINGS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "listen_addresses": "",
        "port": str(PORT),
        "unix_socket_directories": ".",
        "unix_socket_permissions": "0700",
        "cluster_name": "recoup",
        "max_connections": "100",
        "shared_buffers": "128MB",
        "fsync": "on",
        "synchronous_commit": "on",
        "full_page_writes": "on",
        "max_wal_size": "1GB",
        # Files of the log are used again: while a new one is made, every commit waits for 16 MB to reach the disk.
        "min_wal_size": "256MB",
        "checkpoint_timeout": "5min",
        "autovacuum": "on",
        "jit": "off",
        "max_parallel_workers_per_gather": "0",
        "timezone": "UTC",
        # One file a weekday, written anew a week later: at most seven are ever kept.
        "logging_collector": "on",
        "log_directory": "log",
        "log_filename": "postgresql-%a.log",
        "log_rotation_age": "1d",
        "log_rotation_size": "0",
        "log_truncate_on_rotation": "on",
        "log_timezone": "UTC",
        "log_line_prefix": "%m [%p] ",
        "log_min_messages": "warning",
        # A row or a statement may hold what no log may: terse leaves out the row, panic the statement.
        "log_error_verbosity": "terse",
        "log_min_error_statement": "panic",
    }
)


class ClusterUnusable(Exception):
    """The data folder cannot be made or used; the message says what to do."""


def server_account(data: Path) -> Account | None:
    """Who runs the server: None for ourselves; as root, which PostgreSQL refuses, the folder's owner or `nobody`."""
    owner = data.stat().st_uid if data.exists() else None
    if os.geteuid() != 0:
        _refuse_foreign(data, owner=owner)
        return None
    if not LINUX:
        raise ClusterUnusable("PostgreSQL does not run as root: run Recoup as an ordinary user.")
    if owner is None:
        return _nobody()
    if owner == 0:
        raise ClusterUnusable(
            f"{data} belongs to root, and PostgreSQL does not run as root. "
            f"Give it to an ordinary user first: chown -R nobody '{data}'"
        )
    return Account(owner, data.stat().st_gid)


def _nobody() -> Account:
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        raise ClusterUnusable(
            "PostgreSQL does not run as root, and this system has no user `nobody`: run Recoup as an ordinary user."
        ) from None
    return Account(nobody.pw_uid, nobody.pw_gid)


def _refuse_foreign(data: Path, *, owner: int | None) -> None:
    if owner is not None and owner != os.geteuid():
        raise ClusterUnusable(
            f"{data} belongs to user {owner}, and you are user {os.geteuid()}. "
            "Start Recoup as the user that made it, or choose another folder with RECOUP_DATA_DIR."
        )


def create(data: Path, *, binaries: Path, account: Account | None, password: str) -> None:
    """Run initdb in a folder beside the final one and rename it when it is complete."""
    _refuse_nameless(account)
    for leftover in data.parent.glob(f"{_UNFINISHED}*"):
        shutil.rmtree(leftover, ignore_errors=True)
    unfinished = Path(tempfile.mkdtemp(prefix=_UNFINISHED, dir=data.parent))
    try:
        if account:
            os.chown(unfinished, account.uid, account.gid)
        _initdb(unfinished, binaries=binaries, account=account, password=password)
        _write_access_rules(unfinished, account=account)
        unfinished.rename(data)
        sync(data.parent)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _refuse_nameless(account: Account | None) -> None:
    uid = account.uid if account else os.geteuid()
    try:
        pwd.getpwuid(uid)
    except KeyError:
        raise ClusterUnusable(
            f"PostgreSQL needs a user with a name, and user {uid} has none in /etc/passwd. "
            "Add a line for it, or set RECOUP_DATABASE_URL to a server of your own."
        ) from None


def _initdb(folder: Path, *, binaries: Path, account: Account | None, password: str) -> None:
    command = [
        *(str(binaries / "initdb"), "--pgdata", seen_from_inside(folder), "--pwfile", "/dev/stdin"),
        *("--username", SUPERUSER, "--auth", "scram-sha-256", "--encoding", "UTF8", "--no-instructions"),
        *("--locale", "C", "--locale-provider", "builtin", "--builtin-locale", "C.UTF-8"),
    ]
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as output:
        given.write(password.encode())
        given.seek(0)
        if account:
            os.fchown(given.fileno(), account.uid, account.gid)  # /dev/stdin is opened anew, by that user
        child = Child(
            command, cwd=folder, account=account, given=given, output=output, death_signal=signal.SIGTERM
        )
        try:
            exit_code = child.wait(_INITDB_WAIT_S)
        finally:
            child.stop([(signal.SIGTERM, 5), (signal.SIGKILL, 5)])
        if exit_code != 0:
            output.seek(0)
            said = output.read().decode(errors="replace").strip()[-_SAID_MAX:]
            raise ClusterUnusable(f"PostgreSQL could not make its data folder in {folder.parent}: {said}")


def _write_access_rules(folder: Path, *, account: Account | None) -> None:
    rules = folder / "pg_hba.conf"
    write_durably(rules, "local all all scram-sha-256\n")
    if account:
        os.chown(rules, account.uid, account.gid)


def write_durably(path: Path, text: str) -> None:
    """Write a file that only its owner may read, whole or not at all, and on the disk when this returns."""
    unfinished = path.with_name(f"{path.name}.new")
    unfinished.unlink(missing_ok=True)
    unfinished.touch(mode=0o600)
    with unfinished.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    unfinished.rename(path)
    sync(path.parent)


def sync(folder: Path) -> None:
    """Put the folder's own entries on the disk: a rename is not there until then."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def seen_from_inside(folder: Path) -> str:
    """The name by which a process whose working folder this is can open it.

    The folder may lie below one that only root may enter, such as /root. The working folder is inherited as an open
    folder, so a server that has given up root still reaches it by this name, and nobody's rights are widened.
    """
    return "/proc/self/cwd" if LINUX else str(folder)
