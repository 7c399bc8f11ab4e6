"""The yardsticks of recovery: what they know, what they do not, and how their section comes into the page."""

from __future__ import annotations

import numpy as np
import pytest
from bench.recovery.ceiling import SLOTS, Belief, Thinking, believed, cells
from bench.recovery.foreseen import foreseen
from bench.recovery.sections import BEGINS, ENDS, POLICIES, kept, section, spliced
from bench.recovery.shares import Sample, pooled
from bench.recovery.yardsticks import BUDGETS, anywhere, obeying, outcome

from recoup.backtests.matches import Ground
from recoup.sandbox.model import ROUTES
from recoup.sandbox.model.calendar import SLOTS_A_DAY

CASES = 3


@pytest.fixture(scope="module")
def ground() -> Ground:
    found = Ground(3, 60)
    found.open = found.open[:CASES]
    return found


@pytest.fixture(scope="module")
def beliefs(ground: Ground) -> list[tuple[int, Belief]]:
    every = ground.open.tolist()
    guessed = [(case, believed(ground, case, drawn=(3_000,), kept=100)) for case in every]
    return guessed + [(case, foreseen(ground, case, futures=20)) for case in every]


def test_what_is_believed_is_a_chance_and_the_renewal_itself_is_not_won_again(
    ground: Ground, beliefs: list[tuple[int, Belief]]
) -> None:
    for case, belief in beliefs:
        alone = Thinking(ground, case, belief).alone
        assert belief.all_weights().sum() == pytest.approx(1.0)
        assert alone.shape == (SLOTS * ROUTES,)
        assert alone[0] == 0.0 and alone.min() >= 0.0 and alone.max() <= 1.0


def test_nobody_wins_more_than_luck_lets_them_nor_tries_more_often_than_they_may(
    ground: Ground, beliefs: list[tuple[int, Belief]]
) -> None:
    """Yardsticks that could do more than any policy would be no yardsticks."""
    places = {case: place for place, case in enumerate(ground.open.tolist())}
    for case, belief in beliefs:
        thinking = Thinking(ground, case, belief)
        for days, tries, routes in BUDGETS[:4]:
            won, made = outcome(thinking, (days, tries, routes), anywhere)
            would = ground.approvals[places[case], : days * SLOTS_A_DAY + 1, :routes]
            assert won <= int(would.any()) and made <= tries


def test_who_is_bound_by_recoups_manners_tries_by_day_and_after_what_was_advised(
    ground: Ground, beliefs: list[tuple[int, Belief]]
) -> None:
    case, belief = beliefs[0]
    allowed = obeying(Thinking(ground, case, belief), 28, 0, "26")
    own = int(ground.world.who.slot[case])
    assert all((own + slot) % SLOTS_A_DAY for slot in np.flatnonzero(allowed).tolist())
    assert np.flatnonzero(allowed).min() >= 2 * SLOTS_A_DAY
    assert len(cells(28, 1)) == len(allowed)


def test_shares_of_a_gap_are_ratios_of_sums_over_all_worlds() -> None:
    def made(first: int, second: int) -> dict[tuple[int, int, int], tuple[list[int], list[int]]]:
        return {(7, 1, 1): ([first, second], [1, 1])}

    one = Sample(np.array([1000, 3000]), {"low": made(1, 0), "own": made(0, 1), "high": made(1, 1)})
    both = pooled([one, one])
    assert both.percent("own", (7, 1, 1)).value == pytest.approx(100 * 2980 / 4000)
    assert both.closed("own", (7, 1, 1), floor="low", ceiling="high").value == pytest.approx(100 * 2 / 3)
    assert both.tries("own", (7, 1, 1)) == 2.0


def test_a_section_takes_the_place_of_the_older_one_and_nothing_else_changes() -> None:
    made = {budget: ([1, 0, 1], [1, 1, 1]) for budget in BUDGETS[:2]}
    told = section(Sample(np.array([900, 800, 700]), dict.fromkeys(POLICIES, made)), seeds=(1, 2))
    page = "# Page\n\n## 7 days\n\ntables\n"
    once = spliced(page, told)
    assert once.index(BEGINS) < once.index("## 7 days") and kept(once) == told and told.endswith(ENDS)
    assert spliced(once, told) == once
    assert kept(page) is None
