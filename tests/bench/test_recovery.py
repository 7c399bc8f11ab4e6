"""The contest of recovery: its laws in a small world, and the page that is made of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from bench.recovery.__main__ import run, tasks, write
from bench.recovery.contest import (
    BEST_FIXED,
    BEST_FIXED_ROUTES,
    ORACLE,
    ORACLE_TIME,
    OURS,
    OURS_TIME,
    Task,
    contest,
)
from bench.recovery.page import page
from bench.recovery.results import Results, goals

from recoup.backtests.fixed import HYPERSWITCH, SCHEDULES, after, oracle
from recoup.backtests.matches import FEE, STOPS, Ground
from recoup.sandbox.model import ROUTES

SMALL = Task(3, 60, 300, (7,), (1, 2))


@pytest.fixture(scope="module")
def ground() -> Ground:
    return Ground(3, 200)


@pytest.fixture(scope="module")
def quick() -> Results:
    return run(tasks(is_quick=True), processes=1)


def test_nobody_is_above_the_oracle_of_the_same_powers(quick: Results) -> None:
    """Otherwise the gap would be no gap, and the part of it that is closed a number without meaning."""
    for found in quick.contests:
        for scores in found.values():
            assert all(scores[ORACLE].net >= score.net for score in scores.values())
            of_time = (*SCHEDULES, BEST_FIXED, OURS_TIME)
            assert all(scores[ORACLE_TIME].net >= scores[name].net for name in of_time)


def test_the_best_fixed_schedule_is_as_good_as_every_listed_one(quick: Results) -> None:
    for found in quick.contests:
        for scores in found.values():
            assert all(scores[BEST_FIXED].net >= scores[name].net for name in SCHEDULES)
            assert scores[BEST_FIXED_ROUTES].net >= scores[BEST_FIXED].net


def test_nobody_has_more_tries_than_the_budget_and_tries_are_paid_for(quick: Results) -> None:
    for found in quick.contests:
        for (_, tries), scores in found.items():
            for score in scores.values():
                assert score.won <= score.tries <= tries * score.cases
                assert sum(score.by_day) == score.recovered
                assert score.net == pytest.approx(100 * (score.recovered - FEE * score.tries) / score.owed)


def test_the_same_seed_gives_the_same_contest() -> None:
    assert contest(SMALL) == contest(SMALL)


def test_the_oracle_is_right_about_every_try(ground: Ground) -> None:
    """What it says would be approved is approved when played, so it promises nothing that no policy could have."""
    would = ground.approvals
    for slot, route in ((1, 0), (9, 3), (40, 1)):
        when_s = ground.world.middles_s(
            ground.open, ground.world.slots(ground.open, ground.seen.when_s[ground.open]) + slot
        )
        played = ground.world.play().try_(ground.open, when_s, route=route)
        assert np.array_equal(played.approved, would[:, slot, route])


def test_more_routes_and_more_days_win_no_less(ground: Ground) -> None:
    found = [
        oracle(ground, days=days, routes=routes).recovered for days, routes in ((7, 1), (14, 1), (14, ROUTES))
    ]
    assert found == sorted(found)
    assert found[0] < found[-1]


def test_nobody_is_tried_whom_networks_forbid(ground: Ground) -> None:
    assert not np.isin(ground.seen.answers.advice[ground.open], STOPS).any()


def test_tries_behind_the_window_are_not_made(ground: Ground) -> None:
    score = ground.play(after(ground, SCHEDULES["Kill Bill, 8/8/8"]), days=7, tries=4)
    assert (score.tries, score.recovered) == (0, 0)


def test_hyperswitchs_ladder_has_fifteen_tries_in_less_than_six_days() -> None:
    assert len(HYPERSWITCH) == 15
    assert HYPERSWITCH[-1] * 24 * 60 == pytest.approx(1 + 141 * 60)


def test_the_page_tells_missed_goals_first_and_is_the_same_twice(quick: Results, tmp_path: Path) -> None:
    write(quick, tmp_path)
    written = (tmp_path / "explanation" / "recovery-bench.md").read_text(encoding="utf-8")
    assert written == page(quick)
    assert f"**{OURS}**" in written
    assert (tmp_path / "images" / "recovery-by-day.svg").read_text(encoding="utf-8").startswith("<svg")
    met = [goal.is_met for goal in goals(quick)]
    assert met == sorted(met)
