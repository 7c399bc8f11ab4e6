"""One command starts everything, Ctrl-C stops everything, and `kill -9` costs nothing but the restart."""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from tests.whole.served import MASTER_KEY, Client, NotServing, Served, client_of, payment_of, serving

from recoup.db._processes import postgres_processes

READY_MAX_S: Final = 15.0
GONE_S: Final = 30.0


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data folder that does not exist yet, in a path with a space."""
    return tmp_path / "my shop" / "data folder"


@pytest.fixture
def served(folder: Path) -> Iterator[Served]:
    """A server on its embedded PostgreSQL."""
    with serving(folder) as served:
        yield served


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server that stays up for several tests."""
    with serving(tmp_path_factory.mktemp("standing") / "data folder") as served:
        yield served


def postgres_of(served: Served) -> list[int]:
    """The processes of the server's embedded PostgreSQL."""
    return list(postgres_processes(served.folder / "postgres"))


async def test_it_starts_stops_and_starts_again(served: Served) -> None:
    """Both starts are quick, the stop is clean, and what was paid is still paid."""
    first_s, key = served.ready_s, served.key
    async with client_of(served) as client:
        paid = await client.post("/v1/payments", payment_of(4999), once="k")
        assert postgres_of(served)
        assert served.stop(signal.SIGINT) == 0
        assert postgres_of(served) == []
        served.start()
        assert served.key == key
        assert await client.get(f"/v1/payments/{paid['id']}") == paid
    assert served.stop(signal.SIGTERM) == 0
    assert postgres_of(served) == []
    print(f"ready after {first_s:.1f} s the first time, {served.ready_s:.1f} s the second")
    assert max(first_s, served.ready_s) < READY_MAX_S


async def test_a_second_start_on_a_live_folder_says_so(standing: Served) -> None:
    """It names the folder, the process that uses it and the way out, and disturbs nobody."""
    second = Served(standing.folder)
    with pytest.raises(NotServing) as refused:
        second.start()
    assert refused.value.code == 1
    for words in (str(standing.folder), str(standing.pid), "in use", "RECOUP_DATA_DIR"):
        assert words in refused.value.said
    assert "Traceback" not in refused.value.said
    async with client_of(standing) as client:
        await client.post("/v1/payments", payment_of(100))


async def test_a_taken_port_says_so(standing: Served, tmp_path: Path) -> None:
    """The message is one sentence, and no database is left running."""
    second = Served(tmp_path / "other", RECOUP_PORT=standing.base_url.rpartition(":")[2])
    with pytest.raises(NotServing) as refused:
        second.start()
    assert refused.value.code == 1
    assert "Traceback" not in refused.value.said
    assert "RECOUP_PORT" in refused.value.said
    assert postgres_of(second) == []


async def test_after_kill_9_nothing_is_lost(served: Served) -> None:
    """No orphan holds the folder, the next start recovers, and the same request gets the same answer."""
    async with client_of(served) as client:
        before = await client.send("POST", "/v1/payments", payment_of(4999), once="k")
        served.kill()
        served.start()
        again = await client.send("POST", "/v1/payments", payment_of(4999), once="k")
        assert (again.replayed, again.body) == (True, before.body)
        assert len(await client.every("/v1/payments")) == 1
        served.kill()
    await gone(served)


async def gone(served: Served) -> None:
    """Wait until the embedded server has followed its parent."""
    deadline = time.monotonic() + GONE_S
    while postgres_of(served):
        assert time.monotonic() < deadline, "PostgreSQL outlives Recoup"
        await asyncio.sleep(0.05)


async def test_a_stop_waits_for_what_has_begun(served: Served) -> None:
    """A payment that is at its processor when Ctrl-C comes is answered first."""
    async with client_of(served) as client:
        await client.post("/v1/test/faults", {"kind": "slow", "delay_s": 2})
        paying = asyncio.create_task(client.send("POST", "/v1/payments", payment_of(700)))
        await begun(client)
        assert await asyncio.to_thread(served.stop) == 0
        paid = await paying
        assert (paid.status, paid.json["status"]) == (201, "captured")


async def begun(client: Client) -> None:
    """Wait until there is a payment."""
    deadline = time.monotonic() + GONE_S
    while not await client.every("/v1/payments"):
        assert time.monotonic() < deadline, "no payment begins"
        await asyncio.sleep(0.02)


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl")
def test_the_printed_curl_works_when_pasted(standing: Served) -> None:
    """As a newcomer pastes it: into a shell, as it stands."""
    printed = standing.announced()
    command = printed[printed.index("curl ") : printed.index("\n\nOther cards")]
    pasted = subprocess.run(["bash", "-c", command], capture_output=True, timeout=30, check=True)
    paid = json.loads(pasted.stdout)
    assert (paid["object"], paid["status"], paid["amount"]) == ("payment", "captured", 4999)


async def test_two_servers_start_at_once_on_one_empty_database(
    tmp_path: Path, empty_database_url: str
) -> None:
    """One migrates, the other waits; then both serve the same data."""
    settings = {"RECOUP_DATABASE_URL": empty_database_url, "RECOUP_MASTER_KEY": MASTER_KEY}
    pair = [Served(tmp_path / name, **settings) for name in ("a", "b")]
    try:
        for served in pair:
            served.spawn()
        for served in pair:
            await asyncio.to_thread(served.wait_until_ready)
        async with client_of(pair[0]) as here, client_of(pair[1], pair[0].key) as there:
            paid = await here.post("/v1/payments", payment_of(900))
            assert await there.get(f"/v1/payments/{paid['id']}") == paid
            again = {"amount": 900, "currency": "USD", "payment_method": paid["payment_method"]}
            assert (await there.post("/v1/payments", again))["status"] == "captured"
    finally:
        for served in pair:
            served.kill()


async def test_a_start_with_another_master_key_says_so(tmp_path: Path, empty_database_url: str) -> None:
    """A data folder that was lost, or another machine's: nothing written before could be read."""
    with serving(tmp_path / "first", RECOUP_DATABASE_URL=empty_database_url) as served:
        assert served.stop() == 0
    second = Served(tmp_path / "second", RECOUP_DATABASE_URL=empty_database_url)
    with pytest.raises(NotServing) as refused:
        second.start()
    assert refused.value.code == 1
    assert "RECOUP_MASTER_KEY" in refused.value.said
    assert "Traceback" not in refused.value.said
