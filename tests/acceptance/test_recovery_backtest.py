"""A policy of recovery judged by the log of a server, as an operator does it before the policy goes live."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from tests.acceptance.asking import renewal
from tests.acceptance.test_routing_experiments import MISUSED, beside
from tests.whole.served import Client, Served

RENEWALS: Final = 4
STEP_DAYS: Final = 4
PAST_DAYS: Final = 32
REACHED: Final = re.compile(r"choice (\d+): (\d+) recoveries come to it, (\d+) of them")


async def test_a_policy_is_judged_by_logged_recoveries(served: Served, shop: Client, tmp_path: Path) -> None:
    """The policy in force, asked again from what was stored, chooses what it chose; another one is told how little is
    known of it."""
    for _ in range(RENEWALS):
        await renewal(shop, country="US")
    now = datetime.fromisoformat((await shop.get("/v1/test_clock"))["now"])
    for days in range(STEP_DAYS, PAST_DAYS + 1, STEP_DAYS):
        await shop.post("/v1/test_clock/advance", {"to": (now + timedelta(days=days)).isoformat()})

    file = tmp_path / "same.toml"
    file.write_text('name = "same"\n', encoding="utf-8")
    words = ("backtest", "recovery", "--policy", str(file), "--since", "60d", "--mode", "test")
    same = await beside(served, *words, "--report", str(tmp_path))
    assert same.returncode == 0, same.stderr
    assert f"{RENEWALS} recoveries judged" in same.stdout, same.stdout
    reached = REACHED.findall(same.stdout)
    assert reached and all(come == made for _, come, made in reached), same.stdout
    assert "fewer than 300 say little" in same.stdout
    assert "By your log" in (tmp_path / "recovery-backtest.html").read_text(encoding="utf-8")

    file.write_text('name = "other"\nmethod = "schedule"\ndays = [2, 20]\nat = "20:00"\n', encoding="utf-8")
    other = await beside(served, *words)
    assert "verdict on recovered payments: none; the log cannot tell" in other.stdout, other.stdout
    assert "leave nothing to chance" in other.stdout
    file.write_text('name = "other"\nmethod = "schedule"\n', encoding="utf-8")
    wrong = await beside(served, *words)
    assert wrong.returncode == MISUSED
    assert "lacks `days`" in wrong.stderr
