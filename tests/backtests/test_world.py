"""A back-test in the world: the same from the same seed however it is run, with honest intervals, and its report."""

from __future__ import annotations

from dataclasses import replace
from datetime import time, timedelta
from pathlib import Path
from typing import Final
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from recoup.backtests import command
from recoup.backtests.findings import Findings
from recoup.backtests.fixed import after
from recoup.backtests.matches import FEE, Ground
from recoup.backtests.measures import Sums, counted, summed
from recoup.backtests.page import Report, World, page
from recoup.backtests.players import Player, beside, played, scheduled
from recoup.backtests.plots import pictures
from recoup.backtests.shards import (
    RayMissing,
    Shard,
    here,
    in_processes,
    layout_of,
    on_ray,
    run,
    shards,
    sums_of,
)
from recoup.outcomes.core import Category
from recoup.recovery.core.policy import BASELINE, DEFAULT, Hours

CASES: Final = 60
RESAMPLES: Final = 200
WEEK: Final = replace(DEFAULT, name="week", window=timedelta(days=7), tries_max=1)
EARLY: Final = replace(
    BASELINE, name="early", window=timedelta(days=7), tries_max=2, days=(1, 3), asking=False
)
NEW: Final = Player("new", WEEK)
PLAYERS: Final = (NEW, Player("in place", EARLY), *beside(NEW))


@pytest.fixture(scope="module")
def ground() -> Ground:
    return Ground(5, 150)


@pytest.fixture(scope="module")
def sums() -> Sums:
    return sums_of(Shard(3, 0, CASES, PLAYERS, RESAMPLES))


@pytest.fixture(scope="module")
def found(sums: Sums) -> Findings:
    return Findings(PLAYERS, sums, layout_of(PLAYERS), fee=FEE)


def test_the_sums_are_those_of_the_play(ground: Ground) -> None:
    """What is counted case by case must be what the bench counts as a whole."""
    player = Player("early", EARLY)
    score = ground.play(scheduled(ground, EARLY), days=7, tries=2)
    layout = layout_of([player])
    counts = counted(ground, played(ground, player), layout)
    told = Findings([player], summed(counts[None], seed=(1,), resamples=50), layout, fee=FEE)
    assert told.net(0).value == pytest.approx(score.net)
    assert told.paid(0).value == pytest.approx(score.paid)
    assert told.tries_each(0).value == pytest.approx(score.tries_each)
    assert told.curve(0)[-1].value == pytest.approx(100 * score.recovered / score.owed)
    assert sum(one.made for one in told.attempts(0)) == score.tries
    assert sum(one.back.value for one in told.attempts(0)) == pytest.approx(told.curve(0)[-1].value)
    assert sum(one.owed for one in told.codes()) == score.owed


def test_the_interval_is_that_of_the_binomial() -> None:
    """The one case in which the width is known otherwise: a share of equal cases."""
    layout = layout_of([NEW])
    counts = np.zeros((1, 400, layout.width))
    counts[0, :, 0] = 1.0
    counts[0, :120, 3] = 1.0
    told = Findings([NEW], summed(counts, seed=(7,)), layout, fee=FEE)
    half = 196 * (0.3 * 0.7 / 400) ** 0.5
    paid = told.paid(0)
    assert paid.value == pytest.approx(30.0)
    assert (paid.high - paid.low) / 2 == pytest.approx(half, rel=0.15)


def test_the_same_seed_gives_the_same_sums_in_one_process_or_more() -> None:
    """Else a result could not be told from the machine that it was made on."""
    two = [
        replace(one, resamples=20) for one in (Shard(3, 0, 30, PLAYERS[1:3]), Shard(3, 1, 30, PLAYERS[1:3]))
    ]
    alone, many = run(two, here), run(two[::-1], in_processes(2))
    assert np.array_equal(alone.seen, many.seen)
    assert np.array_equal(alone.resampled, many.resampled)
    assert not np.array_equal(alone.seen, run([replace(one, seed=4) for one in two], here).seen)


def test_ray_gives_the_same_sums_or_says_that_it_is_missing() -> None:
    two = [replace(one, resamples=20) for one in shards(3, 40, PLAYERS[1:2])]
    try:
        told = run(two, on_ray(None))
    except RayMissing as missing:
        assert "recoup[ray]" in str(missing)
    else:
        assert np.array_equal(told.seen, run(two, here).seen)


def test_shards_are_of_one_size_and_cover_all() -> None:
    assert [one.cases for one in shards(1, 1_200, PLAYERS)] == [500, 500, 200]


def test_nobody_is_above_the_oracle_and_the_new_policy_is_held_against_all(found: Findings) -> None:
    oracle = len(PLAYERS) - 1
    assert all(found.net(oracle).value >= found.net(place).value for place in range(oracle))
    assert found.ahead(oracle, 0).value == pytest.approx(found.net(oracle).value - found.net(0).value)
    assert found.curve_ahead(0, 1)[-1].value == pytest.approx(
        found.curve(0)[-1].value - found.curve(1)[-1].value
    )
    closed = found.gap_closed(oracle, 2, oracle)
    assert closed is None or closed.value == pytest.approx(100.0)


def test_asking_wins_no_less(ground: Ground) -> None:
    quiet = played(ground, Player("quiet", EARLY))
    asking = played(ground, Player("asking", replace(EARLY, asking=True)))
    assert (asking.won_s >= 0).sum() > (quiet.won_s >= 0).sum()
    assert asking.by_customer.any() and not quiet.by_customer.any()


def test_a_schedule_keeps_to_the_hours_and_to_what_it_takes_on(ground: Ground) -> None:
    calendar, zones = ground.world.nature.tables, ground.world.who.zone[ground.open]
    nine = replace(EARLY, at=time(9, 30), hours=Hours(time(8), time(12)))
    local = calendar.local_s(zones, scheduled(ground, nine)(ground.open, 0).when_s.astype(np.int64))
    assert {*(local % 86_400).tolist()} == {9 * 3_600 + 1_800}
    early = replace(EARLY, hours=Hours(time(8), time(12)))
    second = (
        calendar.local_s(zones, scheduled(ground, early)(ground.open, 0).when_s.astype(np.int64)) % 86_400
    )
    assert ((second >= 8 * 3_600) & (second < 12 * 3_600)).all()
    plain = after(ground, (1.0,))(ground.open, 0).when_s
    assert (scheduled(ground, early)(ground.open, 0).when_s - plain < 86_400).all()
    none = played(
        ground, Player("none", replace(EARLY, declines=frozenset({Category.MERCHANT_CONFIGURATION})))
    )
    assert none.tries.sum() == 0


def test_the_report_is_the_same_twice_and_its_pictures_are_pictures(found: Findings) -> None:
    report = Report(WEEK, "week.toml", world=World(3, CASES, found))
    written = page(report)
    assert written == page(report)
    for words in ("Net value, in points", "the difference is that", "insufficient_funds", "oracle"):
        assert words in written
    for drawn in pictures(found).values():
        assert ET.fromstring(drawn).tag.endswith("svg")


def test_the_command_says_what_it_found_and_writes_its_report(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, folder = tmp_path / "new.toml", tmp_path / "report"
    file.write_text('name = "new"\nmethod = "schedule"\ndays = [2]\nwindow_days = 7\n', encoding="utf-8")
    command.recovery(policy=file, world=3, cases=40, processes=1, report=folder)
    said = capsys.readouterr().out
    assert "seed 3" in said
    assert "Net value, in points of what was owed" in said
    first = (folder / command.REPORT).read_text(encoding="utf-8")
    command.recovery(policy=file, world=3, cases=40, processes=1, report=folder)
    assert (folder / command.REPORT).read_text(encoding="utf-8") == first
    file.write_text('name = "new"\nmethod = "guess"\n', encoding="utf-8")
    with pytest.raises(SystemExit) as stopped:
        command.recovery(policy=file, world=3, cases=40, processes=1)
    assert stopped.value.code == 2
    assert "guess" in capsys.readouterr().err
