"""What a payment costs: payments per second, latency added, and CPU, beside what PostgreSQL alone could do.

    python -m bench.payments [--seconds 8] [--clients 64]

One API process (`recoup serve`, with its worker) on an embedded PostgreSQL with its usual settings, a processor that
approves at once, and a load generator, each a process of its own. The bare limit is `pgbench` writing the same rows
with the same number of clients on the same server, one transaction after the other. Runs alternate, so that a machine
whose speed drifts does so for both; ratios are of medians.
"""

from __future__ import annotations

import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import psycopg
from cyclopts import App, Parameter
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from rich.console import Console
from rich.table import Table

from bench.stretches import busy_s, cpu_s, cpu_with_children_s, postmaster_of
from recoup.db._binaries import installed_folder
from recoup.db._cluster import SUPERUSER
from recoup.db.embedded import EmbeddedPostgres

ROUNDS: Final = 3
READY_S: Final = 30.0
SETTLED_S: Final = 16.0
"""How long after a change of accounts every request reads them anew (see `recoup.merchants.flow`)."""
_SCRIPT: Final = Path(__file__).with_name("bare.sql")

app = App(name="bench.payments", help=__doc__)
_out: Final = Console(highlight=False)


@dataclass(frozen=True, slots=True)
class Run:
    """One measured stretch: CPU seconds by process beside what the load generator saw."""

    seen: dict[str, float]
    api_s: float
    postgres_s: float
    processor_s: float
    others_s: float
    """What programs that are no part of this took meanwhile: a figure is worth little where this is much."""

    @property
    def rate(self) -> float:
        """Payments a second."""
        return self.seen["payments"] / self.seen["seconds"]

    def us(self, seconds: float) -> float:
        """Microseconds of CPU per payment."""
        return seconds / self.seen["payments"] * 1e6


@app.default
def main(
    *,
    seconds: Annotated[float, Parameter(help="How long each stretch lasts.")] = 8.0,
    clients: Annotated[int, Parameter(help="Payments under way at once.")] = 64,
) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory(prefix="recoup-bench-") as folder:
        Path(folder).chmod(0o755)
        with (
            EmbeddedPostgres(Path(folder) / "data") as conninfo,
            _fake_processor() as (processor, processor_port),
            _api(conninfo, Path(folder)) as (api, port, key),
        ):
            _use_only(port, key, processor_port)
            pids = (api.pid, postmaster_of(Path(folder) / "data"), processor.pid)
            time.sleep(SETTLED_S)
            _load(port, key, "closed", clients, 2.0)  # warm: statements prepared, keys made
            bare, full = _compare(conninfo, port, key, pids, seconds=seconds, clients=clients)
            _checkpoint(conninfo)
            half = statistics.median(run.rate for run in full) / 2
            steady = _measured(pids, lambda: _load(port, key, "open", half, seconds))
            _print(bare, full, steady, clients=clients)


def _checkpoint(conninfo: str) -> None:
    """As a server that has run for five minutes: with files of the log to use again. In the first minutes each new one
    has to be filled with 16 MB of zeros, while every commit waits."""
    superuser = make_conninfo(conninfo, user=SUPERUSER, dbname="postgres")
    with psycopg.connect(superuser, autocommit=True) as connection:
        connection.execute("checkpoint")


def _compare(
    conninfo: str, port: int, key: str, pids: tuple[int, int, int], *, seconds: float, clients: int
) -> tuple[list[float], list[Run]]:
    bare: list[float] = []
    full: list[Run] = []
    for _ in range(ROUNDS):
        bare.append(_pgbench(conninfo, clients=clients, seconds=seconds))
        full.append(_measured(pids, lambda: _load(port, key, "closed", clients, seconds)))
    return bare, full


def _measured(pids: tuple[int, int, int], work: Any) -> Run:
    before = [cpu_s(pids[0]), cpu_with_children_s(pids[1]), cpu_s(pids[2]), busy_s()]
    seen = work()
    after = [cpu_s(pids[0]), cpu_with_children_s(pids[1]), cpu_s(pids[2]), busy_s()]
    api_s, postgres_s, processor_s, all_s = (end - start for start, end in zip(before, after, strict=True))
    others_s = max(0.0, all_s - api_s - postgres_s - processor_s - seen["cpu_s"])
    return Run(seen, api_s, postgres_s, processor_s, others_s)


def _load(port: int, key: str, mode: str, amount: float, seconds: float) -> dict[str, float]:
    command = [sys.executable, "-m", "bench.load", str(port), key, mode, str(amount), str(seconds)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, timeout=seconds + 60)
    seen: dict[str, float] = json.loads(done.stdout)
    assert seen["failures"] == 0, f"{seen['failures']} payments were not captured"
    return seen


def _pgbench(conninfo: str, *, clients: int, seconds: float) -> float:
    """Payments a second that PostgreSQL writes when nothing else is done."""
    given = conninfo_to_dict(conninfo)
    environment = os.environ | {"PGPASSWORD": str(given.get("password", ""))}
    with psycopg.connect(conninfo) as connection:
        row = connection.execute(
            "select p.merchant_id, p.id, d.id from processor_accounts p join data_keys d using (merchant_id) limit 1"
        ).fetchone()
        assert row is not None, "the sandbox merchant is there"
        shown = connection.execute(
            "select data::text from events where type = 'payment.captured' limit 1"
        ).fetchone()
        decided = connection.execute("select data::text from decisions limit 1").fetchone()
        assert shown is not None and decided is not None, "the service has warmed up"
    variables = {
        "merchant": row[0],
        "account": row[1],
        "data_key": row[2],
        "object": shown[0],
        "decision": decided[0],
    }
    command = [
        str(installed_folder() / "pgbench"),
        *(
            "-n",
            "-M",
            "prepared",
            "-c",
            str(clients),
            "-j",
            "1",
            "-T",
            str(round(seconds)),
            "-f",
            str(_SCRIPT),
        ),
        *(part for name, value in variables.items() for part in ("-D", f"{name}={value}")),
        *("-h", str(given["host"]), "-U", str(given["user"]), str(given["dbname"])),
    ]
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False, timeout=seconds + 60
    )
    found = re.search(r"tps = ([0-9.]+)", done.stdout)
    assert found is not None, f"pgbench failed: {done.stderr[-500:]}"
    return float(found[1])


@contextmanager
def _fake_processor() -> Iterator[tuple[subprocess.Popen[str], int]]:
    command = [sys.executable, "-m", "bench.fake_processor"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None, "piped"
        try:
            yield process, int(process.stdout.readline())
        finally:
            process.kill()


@contextmanager
def _api(conninfo: str, folder: Path) -> Iterator[tuple[subprocess.Popen[str], int, str]]:
    environment = os.environ | {
        "RECOUP_DATABASE_URL": conninfo,
        "RECOUP_DATA_DIR": str(folder / "api"),
        "RECOUP_PORT": "0",
        "RECOUP_SANDBOX_PORT": "0",
        "RECOUP_SANDBOX_LINK_PORT": "0",
        "RECOUP_LOG_FORMAT": "json",
    }
    log = (folder / "api.log").open("w")
    command = [sys.executable, "-m", "recoup", "serve"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True, env=environment) as process:
        try:
            yield process, *_announced(process)
        finally:
            process.terminate()
            process.wait(READY_S)


def _announced(process: subprocess.Popen[str]) -> tuple[int, str]:
    assert process.stdout is not None, "piped"
    port, key = 0, ""
    ends = time.monotonic() + READY_S
    while not (port and key) and process.poll() is None and time.monotonic() < ends:
        line = process.stdout.readline()
        if found := re.search(r"127\.0\.0\.1:([0-9]+)", line):
            port = port or int(found[1])
        if found := re.search(r"sk_test_[a-z0-9]+", line):
            key = found[0]
    assert port and key, "the service did not start"
    return port, key


def _use_only(port: int, key: str, processor_port: int) -> None:
    """Send every payment to the fake processor."""
    for account in _call(port, key, "GET", "/v1/processor_accounts")["data"]:
        _call(port, key, "DELETE", f"/v1/processor_accounts/{account['id']}")
    wanted = {
        "connector": "alpha",
        "label": "bench",
        "base_url": f"http://127.0.0.1:{processor_port}",
        "credentials": {"api_key": "bench"},
    }
    _call(port, key, "POST", "/v1/processor_accounts", wanted)


def _call(port: int, key: str, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}{path}",
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=READY_S) as response:
        answer: dict[str, Any] = json.load(response)
        return answer


def _print(bare: list[float], full: list[Run], steady: Run, *, clients: int) -> None:
    rate, limit = statistics.median(run.rate for run in full), statistics.median(bare)
    middle = sorted(full, key=lambda run: run.rate)[len(full) // 2]
    table = Table(title=f"One API process, {clients} payments under way, {os.cpu_count()} cores")
    for column in ("", "figure", "goal"):
        table.add_column(column, justify="left" if not column else "right")
    table.add_row("bare limit (pgbench, same rows)", f"{limit:,.0f}/s", "")
    table.add_row("payments", f"{rate:,.0f}/s", "")
    table.add_row("share of the bare limit", f"{rate / limit:.2f}", "0.50 or more")
    table.add_row("p50, p99 at full load", f"{middle.seen['p50_ms']:.1f}, {middle.seen['p99_ms']:.1f} ms", "")
    half = steady.seen["payments"] / steady.seen["seconds"]
    table.add_row(
        f"p50, p99 added at half load ({half:,.0f}/s)",
        f"{steady.seen['p50_ms']:.1f}, {steady.seen['p99_ms']:.1f} ms",
        "p99 under 25 ms",
    )
    api, postgres = middle.us(middle.api_s), middle.us(middle.postgres_s)
    table.add_row("CPU per payment: API", f"{api:,.0f} us", "")
    table.add_row("CPU per payment: PostgreSQL", f"{postgres:,.0f} us", "")
    table.add_row("CPU per payment: both", f"{api + postgres:,.0f} us", "1,500 us or less")
    for name, seconds in (("fake processor", middle.processor_s), ("load generator", middle.seen["cpu_s"])):
        share = seconds / middle.seen["seconds"]
        table.add_row(f"{name}: share of a core", f"{share:.0%} ({middle.us(seconds):,.0f} us)", "")
    shares = [run.others_s / run.seen["seconds"] for run in (*full, steady)]
    table.add_row("other programs: share of a core", f"{min(shares):.0%} to {max(shares):.0%}", "")
    _out.print(table)
    _out.print(
        "bare: "
        + ", ".join(f"{one:,.0f}" for one in bare)
        + "; payments: "
        + ", ".join(f"{run.rate:,.0f}" for run in full)
    )


if __name__ == "__main__":
    app()
