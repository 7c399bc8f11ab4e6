"""The embedded server: it keeps what was committed, whoever dies, and nobody else gets in."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from recoup.db import _binaries, _processes
from recoup.db._processes import Account
from recoup.db.embedded import EmbeddedPostgres, EmbeddedPostgresError, conninfo_of_running
from recoup.server import database_beside, database_of
from recoup.settings import Settings

pytestmark = pytest.mark.postgres
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="is about root")

HOLD = """
import sys, time
from pathlib import Path
from recoup.db.embedded import EmbeddedPostgres
print(EmbeddedPostgres(Path(sys.argv[1])).start(), flush=True)
time.sleep(600)
"""


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """A data folder that is made once; each test starts and stops the server on it."""
    with tempfile.TemporaryDirectory(prefix="recoup data ") as made:
        yield Path(made) / ".recoup"


def ask(conninfo: str, query: bytes) -> object:
    with psycopg.connect(conninfo, autocommit=True) as connection:
        cursor = connection.execute(query)
        row = cursor.fetchone() if cursor.description else None
        return row[0] if row else None


def hold(folder: Path) -> tuple[subprocess.Popen[str], str]:
    """Another process that runs the server until it is killed."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, folder], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, process.stdout.readline().strip()


def kill(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


def test_what_was_committed_is_there_after_a_clean_stop(folder: Path) -> None:
    with EmbeddedPostgres(folder) as conninfo:
        ask(conninfo, b"create table if not exists kept (n int)")
        ask(conninfo, b"insert into kept values (1)")
    with EmbeddedPostgres(folder) as conninfo:
        assert ask(conninfo, b"select count(*) from kept") == 1
        ask(conninfo, b"drop table kept")


def test_nobody_gets_in_but_by_the_socket_and_the_password(folder: Path) -> None:
    with EmbeddedPostgres(folder) as conninfo:
        assert ask(conninfo, b"show listen_addresses") == ""
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(make_conninfo(conninfo, password="wrong"))
        with pytest.raises(psycopg.OperationalError, match="no password"):
            psycopg.connect(make_conninfo(conninfo, password=""))
        assert stat.S_IMODE((folder / "password").stat().st_mode) == 0o600
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert stat.S_IMODE((folder / "postgres").stat().st_mode) == 0o700


def test_recoup_s_own_role_is_bound_by_revoked_rights(folder: Path) -> None:
    with EmbeddedPostgres(folder) as conninfo:
        assert ask(conninfo, b"select current_user") == "recoup"
        assert ask(conninfo, b"select rolsuper from pg_roles where rolname = current_user") is False


def test_text_is_utf8_and_sorts_the_same_everywhere(folder: Path) -> None:
    with EmbeddedPostgres(folder) as conninfo:
        assert ask(conninfo, b"show server_encoding") == "UTF8"
        assert (
            ask(conninfo, b"select string_agg(x, '' order by x) from unnest(array['b', 'A', 'a', 'B']) x")
            == "ABab"
        )


def test_the_terminal_s_ctrl_c_does_not_reach_the_server(folder: Path) -> None:
    with EmbeddedPostgres(folder):
        server = _processes.postmaster_pid(folder / "postgres")
        assert server is not None
        assert os.getpgid(server) != os.getpgid(0)
        assert os.getsid(server) != os.getsid(0)


def test_a_second_start_on_a_live_folder_names_who_has_it(folder: Path) -> None:
    with EmbeddedPostgres(folder) as conninfo:
        with pytest.raises(EmbeddedPostgresError, match=f"in use by the running process {os.getpid()}"):
            EmbeddedPostgres(folder).start()
        assert ask(conninfo, b"select 1") == 1


def test_a_running_server_can_be_reached_by_other_programs(folder: Path) -> None:
    with EmbeddedPostgres(folder) as conninfo:
        assert conninfo_of_running(folder) == conninfo
    assert conninfo_of_running(folder) is None
    assert conninfo_of_running(folder / "nowhere") is None


def test_a_server_outlives_the_thread_that_started_it(folder: Path) -> None:
    server = EmbeddedPostgres(folder)
    started: list[str] = []
    thread = threading.Thread(target=lambda: started.append(server.start()))
    thread.start()
    thread.join()
    try:
        assert ask(started[0], b"select 1") == 1
    finally:
        server.stop()


def test_after_kill_9_nothing_is_lost_and_no_server_is_left(folder: Path) -> None:
    process, conninfo = hold(folder)
    try:
        ask(conninfo, b"create table survives (n int)")
        ask(conninfo, b"insert into survives values (7)")
    finally:
        kill(process)
    with EmbeddedPostgres(folder) as again:
        assert ask(again, b"select n from survives") == 7
        ask(again, b"drop table survives")
        assert process.pid != _processes.postmaster_pid(folder / "postgres")
    assert _processes.postgres_processes(folder / "postgres") == []


@pytest.mark.skipif(not _processes.LINUX, reason="the kernel's promise is Linux's")
def test_the_server_goes_by_itself_when_its_process_is_killed(folder: Path) -> None:
    process, _conninfo = hold(folder)
    kill(process)
    deadline = time.monotonic() + 20
    while _processes.postgres_processes(folder / "postgres"):
        assert time.monotonic() < deadline, "the server is still there"
        time.sleep(0.02)


def test_a_server_left_by_other_means_is_stopped_first(folder: Path) -> None:
    with EmbeddedPostgres(folder):
        pass
    data = folder / "postgres"
    owner = data.stat()
    account = Account(owner.st_uid, owner.st_gid) if os.geteuid() == 0 else None
    program = _binaries.folder_for(account) / "postgres"
    here = "/proc/self/cwd" if _processes.LINUX else data
    orphan = subprocess.Popen(
        [program, "-D", here, "-c", "listen_addresses=", "-c", "unix_socket_directories=."],
        cwd=data,
        stderr=subprocess.DEVNULL,
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
    )
    try:
        deadline = time.monotonic() + 20
        while _processes.postmaster_pid(data) != orphan.pid:
            assert time.monotonic() < deadline, "the orphan did not start"
            time.sleep(0.02)
        with EmbeddedPostgres(folder) as conninfo:
            assert ask(conninfo, b"select 1") == 1
            assert orphan.wait(10) == 0
    finally:
        orphan.kill()
        orphan.wait()


def test_a_stale_pid_file_whose_number_another_program_has_is_no_obstacle(folder: Path) -> None:
    with EmbeddedPostgres(folder):
        pass
    owner = (folder / "postgres").stat()
    bystander = subprocess.Popen(["/bin/sleep", "60"], user=owner.st_uid if os.geteuid() == 0 else None)
    try:
        stale = folder / "postgres" / "postmaster.pid"
        stale.write_text(f"{bystander.pid}\n{folder}\n0\n5432\n.\n\n\n")
        os.chown(stale, owner.st_uid, owner.st_gid)
        with EmbeddedPostgres(folder) as conninfo:
            assert ask(conninfo, b"select 1") == 1
        assert bystander.poll() is None, "a bystander was stopped"
    finally:
        bystander.kill()
        bystander.wait()


def test_a_start_that_was_cut_off_while_making_the_folder_is_made_good(tmp_path: Path) -> None:
    unfinished = tmp_path / "unfinished-x"
    unfinished.mkdir()
    (unfinished / "PG_VERSION").write_text("18\n")
    with EmbeddedPostgres(tmp_path) as conninfo:
        assert ask(conninfo, b"select 1") == 1
    assert not unfinished.exists()


def test_a_lost_password_is_told(folder: Path) -> None:
    with EmbeddedPostgres(folder):
        kept = (folder / "password").read_text()
    (folder / "password").unlink()
    try:
        with pytest.raises(EmbeddedPostgresError, match="Restore that file"):
            EmbeddedPostgres(folder).start()
    finally:
        (folder / "password").write_text(kept)
    with EmbeddedPostgres(folder) as conninfo:
        assert ask(conninfo, b"select 1") == 1


def test_a_server_that_cannot_start_says_why(folder: Path) -> None:
    with pytest.raises(EmbeddedPostgresError, match=r"did not start.*shared_buffers"):
        EmbeddedPostgres(folder, settings={"shared_buffers": "many"}).start()
    with EmbeddedPostgres(folder) as conninfo:
        assert ask(conninfo, b"select 1") == 1


def test_a_path_too_long_for_a_socket_works_and_leaves_no_litter(folder: Path) -> None:
    with EmbeddedPostgres(folder):
        pass
    deep = folder.parent / ("a deep folder " * 5) / ("another " * 8)
    deep.mkdir(parents=True)
    moved = deep / ".recoup"
    folder.rename(moved)
    try:
        with EmbeddedPostgres(moved) as conninfo:
            assert ask(conninfo, b"select 1") == 1
            link = Path(str(conninfo_to_dict(conninfo)["host"]))
            assert stat.S_IMODE(link.parent.stat().st_mode) == 0o700
            assert conninfo_of_running(moved) == conninfo
        assert not link.parent.exists()
    finally:
        moved.rename(folder)


@as_root
def test_as_root_the_server_runs_as_nobody_below_a_folder_only_root_may_enter(folder: Path) -> None:
    private = folder.parent
    assert stat.S_IMODE(private.stat().st_mode) == 0o700 and private.stat().st_uid == 0
    with EmbeddedPostgres(folder):
        server = _processes.postmaster_pid(folder / "postgres")
        assert server is not None
        assert Path(f"/proc/{server}").stat().st_uid == pwd.getpwnam("nobody").pw_uid
    assert stat.S_IMODE(private.stat().st_mode) == 0o700 and private.stat().st_uid == 0


@as_root
def test_as_root_programs_that_nobody_can_reach_are_copied_once(tmp_path: Path) -> None:
    nobody = Account(pwd.getpwnam("nobody").pw_uid, pwd.getpwnam("nobody").pw_gid)
    package = _binaries.installed_folder().parents[1]
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    shutil.copytree(package, private / package.name, symlinks=True)
    shutil.copytree(f"{package}.libs", private / f"{package.name}.libs", symlinks=True)
    with tempfile.TemporaryDirectory(prefix="recoup-copies-") as copies:
        Path(copies).chmod(0o755)
        installed = private / package.name / "pginstall" / "bin"
        copied = _binaries.folder_for(nobody, installed=installed, copies=Path(copies))
        assert copied.is_relative_to(copies)
        made = copied.stat().st_ctime_ns
        again = _binaries.folder_for(nobody, installed=installed, copies=Path(copies))
        assert (again, again.stat().st_ctime_ns) == (copied, made)
        ran = subprocess.run(
            [copied / "postgres", "--version"], capture_output=True, check=True, cwd="/", user="nobody"
        )
        assert b"PostgreSQL" in ran.stdout
        Path(copies).chmod(0o777)
        with pytest.raises(_binaries.BinariesUnusable, match="can be changed by others"):
            _binaries.folder_for(nobody, installed=installed, copies=Path(copies))


def test_a_child_that_ignores_polite_signals_is_ended(tmp_path: Path) -> None:
    with (tmp_path / "out").open("wb") as output:
        child = _processes.Child(
            ["/bin/sh", "-c", "trap '' INT; echo ready; while :; do sleep 1; done"],
            cwd=tmp_path,
            account=None,
            output=output,
            death_signal=signal.SIGKILL,
        )
    deadline = time.monotonic() + 20
    while "ready" not in (tmp_path / "out").read_text():
        assert time.monotonic() < deadline, "the child did not start"
        time.sleep(0.01)
    assert child.stop([(signal.SIGINT, 0.1), (signal.SIGKILL, 10)])
    assert child.exit_code() == -signal.SIGKILL


def test_a_child_sees_nothing_of_our_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECOUP_MASTER_KEY", "a secret")
    with (tmp_path / "out").open("wb") as output:
        child = _processes.Child(
            ["/usr/bin/env"], cwd=tmp_path, account=None, output=output, death_signal=signal.SIGKILL
        )
    assert child.wait(10) == 0
    child.release()
    assert "a secret" not in (tmp_path / "out").read_text()


def test_a_start_is_not_alone_while_a_worker_from_before_lives(folder: Path) -> None:
    """A worker beside a server outlives it, and goes on with the next: what it is at work on is not left alone."""
    settings = Settings(data_dir=folder)
    with ExitStack() as worker:
        with database_of(settings) as store:
            assert store.alone
            assert "password" not in repr(store)
            assert not worker.enter_context(database_beside(settings)).alone
        with database_of(settings) as store:
            assert not store.alone
    with database_of(settings) as store:
        assert store.alone
