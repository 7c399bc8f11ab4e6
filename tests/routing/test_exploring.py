"""Laws of exploration: its chances are stated, sum to one, stay under the cap, and nothing is tried for nothing."""

from __future__ import annotations

from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recoup.routing.core.exploring import BASIS_POINTS, Prospect, choose

PROSPECTS: Final = st.lists(
    st.builds(Prospect, st.floats(-1e9, 1e9), st.floats(0.0, 1e9)), min_size=1, max_size=10
)
CAPS: Final = st.integers(0, BASIS_POINTS)
DRAWS: Final = st.floats(0.0, 1.0, exclude_max=True)


@given(PROSPECTS, CAPS, DRAWS)
def test_chances_sum_to_one_and_no_more_than_the_cap_is_tried(
    prospects: list[Prospect], explore: int, draw: float
) -> None:
    chosen = choose(prospects, explore=explore, draw=draw)
    assert sum(chosen.propensities) == pytest.approx(1.0)
    assert all(0.0 <= one <= 1.0 for one in chosen.propensities)
    assert 1.0 - chosen.propensities[chosen.best] <= explore / BASIS_POINTS + 1e-12
    assert prospects[chosen.best].value == max(one.value for one in prospects)


@given(PROSPECTS, CAPS, DRAWS)
def test_everybody_has_one_place_and_those_behind_the_first_go_by_value(
    prospects: list[Prospect], explore: int, draw: float
) -> None:
    order = choose(prospects, explore=explore, draw=draw).order
    assert sorted(order) == list(range(len(prospects)))
    values = [prospects[one].value for one in order[1:]]
    assert values == sorted(values, reverse=True)


@given(PROSPECTS, CAPS, DRAWS)
def test_the_draw_decides_and_nothing_else(prospects: list[Prospect], explore: int, draw: float) -> None:
    chosen = choose(prospects, explore=explore, draw=draw)
    assert chosen == choose(prospects, explore=explore, draw=draw)
    assert chosen.propensities == choose(prospects, explore=explore, draw=0.0).propensities
    assert chosen.propensities[chosen.order[0]] > 0.0


@given(PROSPECTS, st.integers(1, 5_000))
def test_who_goes_first_has_the_stated_chance(prospects: list[Prospect], explore: int) -> None:
    """Over draws spread evenly, each account is first as often as its chance says."""
    draws = 400
    firsts = [choose(prospects, explore=explore, draw=n / draws).order[0] for n in range(draws)]
    for place, chance in enumerate(choose(prospects, explore=explore, draw=0.0).propensities):
        assert abs(firsts.count(place) / draws - chance) <= 1.5 / draws


@given(PROSPECTS, DRAWS)
def test_without_leave_nothing_is_tried(prospects: list[Prospect], draw: float) -> None:
    chosen = choose(prospects, explore=0, draw=draw)
    assert not chosen.is_trial and max(chosen.propensities) == 1.0


def test_what_is_surely_worse_is_not_tried() -> None:
    chosen = choose([Prospect(90.0, 1.0), Prospect(80.0, 1.0)], explore=1_000, draw=0.999)
    assert chosen.propensities == (1.0, 0.0)


def test_what_is_known_of_a_single_account_needs_no_trial() -> None:
    assert choose([Prospect(1.0, 100.0)], explore=BASIS_POINTS, draw=0.999).propensities == (1.0,)


def test_a_new_account_is_tried_first_of_those_that_may_be_better() -> None:
    """Of two that look equally worse, the one of which less is known gets most of the trials."""
    best, known, new = Prospect(90.0, 0.5), Prospect(89.0, 1.0), Prospect(89.0, 8.0)
    chances = choose([best, known, new], explore=200, draw=0.0).propensities
    assert chances[2] > 2 * chances[1] > 0.0 and chances[0] == pytest.approx(0.98)


def test_trials_fade_as_accounts_become_known() -> None:
    def tried(spread: float) -> float:
        return choose([Prospect(90.0, spread), Prospect(88.0, spread)], explore=5_000, draw=0.0).propensities[
            1
        ]

    assert tried(8.0) > tried(4.0) > tried(2.0) > tried(1.0) == 0.0


def test_equals_keep_their_order() -> None:
    """Before anything is known the merchant's own order holds."""
    assert choose([Prospect(1.0, 0.0)] * 4, explore=0, draw=0.5).order == (0, 1, 2, 3)


def test_a_smaller_cap_tries_a_part_of_the_same_cases() -> None:
    prospects = [Prospect(90.0, 5.0), Prospect(89.0, 5.0)]
    draws = [n / 1_000 for n in range(1_000)]
    few = {draw for draw in draws if choose(prospects, explore=100, draw=draw).is_trial}
    many = {draw for draw in draws if choose(prospects, explore=1_000, draw=draw).is_trial}
    assert few < many
