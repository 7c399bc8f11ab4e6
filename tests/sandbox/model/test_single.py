"""One case at a time meets the answers of many at once, and is known by its card number."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from recoup.sandbox.cards import check_digit
from recoup.sandbox.core.people import POPULATION, holder_of, person
from recoup.sandbox.model import WORDS, Means, World
from recoup.sandbox.model.single import answer, case_of, number

WORLD = World(5, 200)
OTHER = World(6, 5)
WHEN_S = WORLD.failures().when_s


def moment(at_s: int) -> datetime:
    return datetime.fromtimestamp(at_s, UTC)


@given(case=st.integers(0, 199), days=st.lists(st.floats(0.05, 27), min_size=1, max_size=12, unique=True))
@settings(max_examples=60, deadline=None)
def test_tries_one_by_one_are_what_a_play_would_have_met(case: int, days: list[float]) -> None:
    """So what is won over HTTP is what is won in a contest."""
    play, tried = WORLD.play(), [moment(int(WHEN_S[case]))]
    for number_of_try, after in enumerate(sorted(days)):
        at_s, route = int(WHEN_S[case] + after * 86_400), number_of_try % 3
        many = play.try_(np.array([case]), np.array([at_s]), route=route)
        one = answer(WORLD, case, moment(at_s), tried=tried, route=route)
        assert (one is None) == bool(many.approved[0])
        if one is not None:
            assert one.code == WORDS[many.code[0]] and one.network_code == many.network_code[0]
            assert one.advice_code == (str(many.advice[0]) or None)
        tried.append(moment(at_s))


@given(case=st.integers(0, 199), means=st.sampled_from([Means.OLD, Means.UPDATED]))
@settings(deadline=None)
def test_a_number_tells_its_case_and_is_nobody_elses(case: int, means: Means) -> None:
    shown = number(WORLD, case, means=means)
    assert str(check_digit(shown[:-1])) == shown[-1]
    assert case_of(WORLD, shown) == (case, means)
    assert holder_of(5, shown, born=2026) is None
    assert case_of(OTHER, shown) is None


def test_people_of_the_sandbox_are_no_cases() -> None:
    for index in (0, 1, POPULATION - 1):
        assert case_of(WORLD, person(5, index, born=2026, generation=9).number) is None
