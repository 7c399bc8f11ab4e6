"""Policies of recovery, the hold-out and experiments, and decisions made again, as a merchant meets them."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from datetime import datetime, timedelta
from typing import Any, Final

from tests.acceptance.asking import refused, renewal
from tests.whole.served import Client, Served

POLICIES: Final = "/v1/recovery/policies"
EXPERIMENTS: Final = "/v1/recovery/experiments"
HOLD_OUT: Final = "/v1/recovery/hold_out"


async def recovery_of(shop: Client) -> dict[str, Any]:
    """The recovery of a renewal that was declined just now."""
    found: dict[str, Any] = await shop.get(f"/v1/recoveries/{(await renewal(shop))['recovery']}")
    return found


async def test_a_policy_is_checked_saved_and_gone_by(shop: Client) -> None:
    wrong = await shop.post(f"{POLICIES}/check", {"toml": 'name = "default"\nmethod = "jiont"'})
    assert (wrong["valid"], wrong["problems"][0]["path"], wrong["problems"][0]["line"]) == (
        False,
        "method",
        2,
    )
    other = {"name": "default", "routes": ["pa_01kaq3v8e7f0t9m2c4x6z8b1d3"]}
    bad = await shop.send("POST", POLICIES, {"policy": other})
    assert refused(bad) == (400, "invalid_request", "invalid_policy", "routes[0]")
    assert "is no account of yours" in bad.json["error"]["message"]
    weekly = {"name": "weekly", "method": "schedule", "days": [2, 9], "at": "10:00"}
    saved = await shop.post(POLICIES, {"policy": weekly, "note": "as before"})
    assert (saved["version"], saved["policy"]["tries_max"], saved["note"]) == (1, 2, "as before")
    assert (await shop.post(POLICIES, {"toml": 'name = "weekly"\nwindow_days = 40'}))["version"] == 2
    assert (await shop.get(f"{POLICIES}/weekly?version=1"))["policy"]["days"] == [2, 9]
    listed = {one["name"]: one["version"] for one in (await shop.get(POLICIES))["data"]}
    assert listed == {"baseline": None, "default": None, "weekly": 2}
    assert refused(await shop.send("GET", f"{POLICIES}/none"))[:2] == (404, "not_found")
    assert (await recovery_of(shop))["policy_version"] is None

    await shop.post(POLICIES, {"policy": weekly | {"name": "default"}})
    recovery = await recovery_of(shop)
    assert (recovery["policy"], recovery["policy_version"], recovery["tries_max"]) == ("default", 1, 2)
    assert "day 2 of the schedule 2, 9" in recovery["plan"]["why"]
    events = [one for one in await shop.events() if one["type"] == "recovery.policy_saved"]
    assert [one["data"]["object"]["name"] for one in events] == ["weekly", "weekly", "default"]
    await shop.post(POLICIES, {"policy": {"name": "default"}})


async def test_an_experiment_holds_its_arms_against_those_held_out(shop: Client) -> None:
    assert refused(await shop.send("GET", HOLD_OUT))[:2] == (404, "not_found"), (
        "a test merchant holds nobody out"
    )
    assert (await shop.post(HOLD_OUT, {"share": 50}))["hold_out_share"] == 50
    await shop.post(POLICIES, {"policy": {"name": "patient", "window_days": 40}})
    arms = [{"name": "longer", "policy": "patient", "share": 100}]
    begun = await shop.post(EXPERIMENTS, {"name": "Longer", "arms": arms})
    assert (begun["status"], begun["hold_out_share"], begun["age_days"]) == ("running", 50, 40)
    again = await shop.send("POST", EXPERIMENTS, {"name": "Longer", "arms": arms})
    assert refused(again)[:3] == (409, "conflict", "experiment_running")
    recoveries = [await recovery_of(shop) for _ in range(20)]
    named = [one["experiment"]["arm"] for one in recoveries if one["experiment"]["id"] == begun["id"]]
    assert {*named} == {"hold-out", "longer"}, "twenty people of whom half are held out"
    told = (await shop.get(f"/v1/decisions/{recoveries[0]['decision']}"))["data"]
    assert told["experiment"] == recoveries[0]["experiment"] and len(told["experiment"]["seeds"]) == 2

    now = datetime.fromisoformat((await shop.get("/v1/test_clock"))["now"])
    await shop.post("/v1/test_clock/advance", {"to": (now + timedelta(days=2)).isoformat()})
    shown = (await shop.get(f"{EXPERIMENTS}/{begun['id']}?age_days=1"))["result"]
    assert (shown["recoveries"], shown["age_days"], shown["complete"]) == (20, 1, True)
    totals = {one["arm"]: one["totals"] for one in shown["arms"]}
    assert {arm: one["opened"] for arm, one in totals.items()} == {arm: named.count(arm) for arm in totals}
    assert totals["hold-out"]["tries"] == named.count("hold-out"), "the baseline tries on the first day"
    [recovered, *others] = [one for one in shown["uplift"] if one["category"] is None]
    assert (recovered["metric"], recovered["finding"]) == ("recovered", "too_few")
    assert recovered["held_out"]["recoveries"] == named.count("hold-out")
    assert {one["currency"] for one in others} == {"USD"}
    ended = await shop.post(f"{EXPERIMENTS}/{begun['id']}/end", {})
    assert ended["status"] == "ended"
    ends = await shop.send("POST", f"{EXPERIMENTS}/{(await shop.get(HOLD_OUT))['id']}/end", {})
    assert refused(ends)[:3] == (409, "conflict", "hold_out_stands")
    assert (await shop.post(HOLD_OUT, {"share": 0}))["hold_out_share"] == 0
    assert (await recovery_of(shop))["experiment"] is None


def replayed(served: Served, *asked: str) -> subprocess.CompletedProcess[str]:
    """What the command prints."""
    return subprocess.run(
        [sys.executable, "-m", "recoup", "decisions", "replay", *asked],
        cwd=served.folder.parent,
        env=served.environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


async def test_decisions_about_recoveries_are_made_again_on_the_command_line(
    served: Served, shop: Client
) -> None:
    decision = (await recovery_of(shop))["decision"]
    for asked in ([decision], ["--since", "90d"]):
        done = await asyncio.to_thread(replayed, served, *asked)
        assert done.returncode == 0, done.stdout + done.stderr
        assert " 0 do not" in done.stdout and not done.stdout.startswith("0 come"), done.stdout
