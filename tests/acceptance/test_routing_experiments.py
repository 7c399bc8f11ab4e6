"""Policies tried side by side, judged by the log, and decisions made again: as a merchant and an operator meet them."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import msgspec
import psycopg
import pytest
from tests.acceptance.asking import refused
from tests.whole.served import Client, Served, payment_of

from recoup.kit.ids import Kind, parse
from recoup.lookingback import back

PATH: Final = "/v1/routing/experiments"
WAIT_S: Final = 20.0
PAYMENTS: Final = 16
DIFFERS: Final = 1
MISUSED: Final = 2


@pytest.fixture
async def versions(shop: Client) -> AsyncIterator[tuple[int, int]]:
    """Two policies: everything to the first account, and half to the second."""
    first, second, *_ = [one["id"] for one in await shop.every("/v1/processor_accounts")]
    b = await shop.post("/v1/routing/policy", {"policy": {"default": {"split": {first: 50, second: 50}}}})
    a = await shop.post("/v1/routing/policy", {"policy": {"default": {"ordered": [first, second]}}})
    yield a["version"], b["version"]
    for one in await shop.every(PATH):
        if one["status"] == "running":
            await shop.post(f"{PATH}/{one['id']}/stop", {})


async def begun(shop: Client, versions: tuple[int, int], **more: Any) -> dict[str, Any]:
    """An experiment with payments as its units, that is known to every process."""
    a, b = versions
    body = {"name": "Half to another", "policy_a": a, "policy_b": b, "unit": "payment", **more}
    experiment: dict[str, Any] = await shop.post(PATH, body)
    deadline = time.monotonic() + WAIT_S
    while (await decided(shop)).get("experiment", {}).get("id") != experiment["id"]:
        assert time.monotonic() < deadline, "no payment becomes part of the experiment"
        await asyncio.sleep(0.1)
    return experiment


async def decided(shop: Client) -> dict[str, Any]:
    """A payment's stored decision."""
    paid = await shop.post("/v1/payments", payment_of(900))
    record: dict[str, Any] = (await shop.get(f"/v1/decisions/{paid['attempts'][0]['decision']}"))["data"]
    return record


async def test_an_experiment_from_its_beginning_to_its_end(shop: Client, versions: tuple[int, int]) -> None:
    experiment = await begun(shop, versions, share_b=50)
    assert (experiment["status"], experiment["result"], experiment["share_b"]) == ("running", None, 50)
    records = [await decided(shop) for _ in range(PAYMENTS)]
    sides = Counter(one["experiment"]["arm"] for one in records)
    assert set(sides) == {"a", "b"}
    expected = {"a": versions[0], "b": versions[1]}
    assert all(one["policy_version"] == expected[one["experiment"]["arm"]] for one in records)

    now = datetime.fromisoformat((await shop.get("/v1/test_clock"))["now"])
    await shop.post("/v1/test_clock/advance", {"to": (now + timedelta(minutes=2)).isoformat()})
    read = await shop.get(f"{PATH}/{experiment['id']}")
    approval = read["result"]["approval_rate"]
    assert approval["a"]["payments"] + approval["b"]["payments"] >= PAYMENTS
    assert (approval["a"]["mean"], approval["b"]["mean"], approval["difference"]) == (1, 1, 0)
    assert approval["finding"] == "too_few" and read["result"]["is_balanced"]

    second = await shop.send("POST", PATH, {"name": "x", "policy_a": 1, "policy_b": 2})
    assert refused(second)[:3] == (409, "conflict", "experiment_running")
    stopped = await shop.post(f"{PATH}/{experiment['id']}/stop", {"reason": "seen enough"})
    assert (stopped["status"], stopped["stop_reason"]) == ("stopped", "seen enough")
    again = await shop.send("POST", f"{PATH}/{experiment['id']}/stop", {})
    assert refused(again)[:3] == (409, "conflict", "experiment_stopped")
    assert (await shop.get(f"{PATH}?limit=1"))["data"][0]["id"] == experiment["id"]
    told = [one["type"] for one in await shop.events() if one["type"].startswith("routing.experiment")]
    assert told[-2:] == ["routing.experiment_started", "routing.experiment_stopped"]


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ({"policy_b": 1}, (400, "invalid_request", "experiment_of_one")),
        ({"policy_b": 999}, (404, "not_found", "resource_missing")),
        ({"share_b": 0}, (400, "invalid_request", "invalid_value")),
        ({"share_b": 100}, (400, "invalid_request", "invalid_value")),
    ],
)
async def test_what_makes_no_sense_is_refused(
    shop: Client, versions: tuple[int, int], body: dict[str, Any], problem: tuple[int, str, str]
) -> None:
    answered = await shop.send("POST", PATH, {"name": "x", "policy_a": 1, "policy_b": 2, **body})
    assert refused(answered)[:2] == problem[:2]


def told(served: Served, *words: str) -> subprocess.CompletedProcess[str]:
    """What a command beside the server prints."""
    return subprocess.run(
        [sys.executable, "-m", "recoup", *words],
        cwd=served.folder.parent,
        env=served.environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


async def beside(served: Served, *words: str) -> subprocess.CompletedProcess[str]:
    return await asyncio.to_thread(told, served, *words)


async def test_a_policy_is_judged_by_the_log(
    served: Served, shop: Client, versions: tuple[int, int], tmp_path: Path
) -> None:
    """A few payments say nothing, and that is what is said."""
    for _ in range(PAYMENTS):
        await decided(shop)
    label = (await shop.every("/v1/processor_accounts"))[0]["label"]
    file = tmp_path / "new.toml"
    file.write_text(f'[default]\nordered = ["{label}"]\n', encoding="utf-8")
    done = await beside(served, "backtest", "routing", "--policy", str(file), "--since", "1d", "--json")
    assert done.returncode == 0, done.stderr
    [report] = msgspec.json.decode(done.stdout)
    assert report["decisions"] >= PAYMENTS
    assert report["approval_rate"]["outcome"]["verdict"] == "inconclusive"
    assert 0 <= report["approval_rate"]["snips"]["estimate"] <= 1

    read = await beside(served, "backtest", "routing", "--policy", str(file), "--since", "1d")
    for words in ("first asks", "Approval of the first ask", "the log cannot tell", "say little"):
        assert words in read.stdout
    file.write_text('[default]\nordered = ["Nobody"]\n', encoding="utf-8")
    wrong = await beside(served, "backtest", "routing", "--policy", str(file), "--since", "1d")
    assert wrong.returncode == MISUSED
    assert "line 2" in wrong.stderr and "Nobody" in wrong.stderr


async def test_decisions_are_made_again(
    served: Served, shop: Client, versions: tuple[int, int], database_url: str
) -> None:
    paid = await shop.post("/v1/payments", payment_of(900))
    decision = paid["attempts"][0]["decision"]
    await shop.post("/v1/test/faults", {"kind": "outage", "on": "charge", "times": 1})
    over = await shop.post("/v1/payments", payment_of(900))
    assert [one["reason"] for one in over["attempts"]] == ["initial", "failover"]
    done = await beside(served, "decisions", "replay", "--since", "1d")
    assert done.returncode == 0, done.stdout + done.stderr
    assert " 0 do not" in done.stdout

    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as connection:
        await connection.execute(
            """
            update decisions set data = jsonb_set(data::jsonb, '{rule}', '"another"')::json where id = %s
            """,
            [parse(Kind.DECISION, decision)],
        )
    differs = await beside(served, "decisions", "replay", decision)
    assert differs.returncode == DIFFERS, differs.stderr
    assert f"{decision} differs" in differs.stdout and "the rule was 'another'" in differs.stdout
    missing = await beside(served, "decisions", "replay", "dec_00000000000000000000000000")
    assert missing.returncode == MISUSED


@pytest.mark.parametrize(
    ("text", "expected"),
    [("12h", timedelta(hours=12)), ("90d", timedelta(days=90)), ("4w", timedelta(weeks=4))],
)
def test_lengths_of_time(text: str, expected: timedelta) -> None:
    assert back(text) == expected


@pytest.mark.parametrize("text", ["", "d", "0d", "1.5d", "1m", "999999d", "٣d"])
def test_what_is_no_length_of_time_ends_the_command(text: str) -> None:
    with pytest.raises(SystemExit) as ended:
        back(text)
    assert ended.value.code == MISUSED
