"""The hours of issuers: one that declines at night is charged by day, one to which hours are all the same not."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recoup.billing.core.hours import (
    EVERYBODY,
    HALF_LIFE,
    HOURS,
    LATEST,
    IssuerHours,
    Renewed,
    best_hour,
    issuer_of,
    learned,
)

NOW: Final = datetime(2027, 3, 1, tzinfo=UTC)
NIGHT: Final = range(6)
SEEDS: Final = 60
USUAL: Final = 0.88


def world(
    seed: int, *, chance: Callable[[str, int], float], issuers: int = 6, tries: int = 900
) -> dict[str, IssuerHours]:
    """What was learned of some issuers: a third of their renewals is due at three in the night, a third at nine, the
    others at any hour."""
    luck = np.random.default_rng(seed)
    made = np.full(HOURS, tries // 3 // HOURS)
    made[[3, 9]] += tries // 3
    known = {}
    for number in range(issuers):
        issuer = f"visa 4{number:04}"
        good = luck.binomial(made, [chance(issuer, hour) for hour in range(HOURS)])
        known[issuer] = IssuerHours(tuple(made.tolist()), tuple(good.tolist()), NOW)
    sums = [sum(one.approvals[hour] for one in known.values()) for hour in range(HOURS)]
    known[EVERYBODY] = IssuerHours(tuple((made * issuers).tolist()), tuple(sums), NOW)
    return known


def test_an_issuer_that_declines_at_night_is_asked_by_day_and_no_other_is() -> None:
    """What all do together weighs little where much is known of one: of the others fewer than one in fifty is moved."""
    sleeper = "visa 40002"

    def chance(issuer: str, hour: int) -> float:
        return 0.6 if issuer == sleeper and hour in NIGHT else USUAL

    others = 0
    for seed in range(SEEDS):
        known = world(seed, chance=chance)
        moved = best_hour(known[sleeper], known[EVERYBODY], due_hour=3)
        assert moved is not None and moved not in NIGHT, f"seed {seed}: {moved}"
        assert best_hour(known[sleeper], known[EVERYBODY], due_hour=9) is None
        awake = set(known) - {sleeper, EVERYBODY}
        others += sum(best_hour(known[one], known[EVERYBODY], due_hour=3) is not None for one in awake)
    assert others <= SEEDS * len(awake) / 50


def test_where_hours_do_not_matter_next_to_nobody_is_moved() -> None:
    """By luck at most: fewer than one in fifty, of hundreds of issuers over many draws."""
    moved = asked = 0
    for seed in range(SEEDS):
        known = world(seed, chance=lambda issuer, hour: USUAL)
        for issuer, hours in known.items():
            if issuer != EVERYBODY:
                asked += 1
                moved += best_hour(hours, known[EVERYBODY], due_hour=3) is not None
    assert moved <= asked / 50, f"{moved} of {asked}"


def test_an_issuer_of_which_little_is_known_is_taken_to_be_like_all() -> None:
    known = world(1, chance=lambda issuer, hour: 0.5 if hour in NIGHT else USUAL, tries=4000)
    assert best_hour(None, known[EVERYBODY], due_hour=3) in range(6, LATEST + 1)
    few = learned(None, [Renewed("visa 49999", 9, True, NOW)])
    assert best_hour(few, few, due_hour=3) is None, "with so little nothing is chosen"
    assert best_hour(None, None, due_hour=3) is None


@pytest.mark.parametrize(
    ("brand", "digits", "issuer"),
    [
        ("visa", "42424242", "visa 424242"),
        ("visa", "424242", "visa 42424"),
        ("sepa_debit", None, "sepa_debit"),
    ],
)
def test_an_issuer_is_the_range_that_its_cards_begin_with(
    brand: str, digits: str | None, issuer: str
) -> None:
    assert issuer_of(brand, digits) == issuer


tries = st.lists(
    st.builds(
        Renewed,
        issuer=st.just("visa 42424"),
        hour=st.integers(0, HOURS - 1),
        approved=st.booleans(),
        at=st.integers(0, 1000).map(lambda hours: NOW + timedelta(hours=hours)),
    ),
    min_size=1,
    max_size=30,
)


@given(tries, tries, st.integers(0, HOURS - 1))
def test_what_is_learned_fades_and_what_is_chosen_lies_later_on_the_same_day(
    first: list[Renewed], second: list[Renewed], due_hour: int
) -> None:
    once = learned(None, first)
    assert (sum(once.tries), sum(once.approvals)) == (len(first), sum(one.approved for one in first))
    both = learned(once, second)
    assert both.learned_at >= once.learned_at
    assert len(second) <= sum(both.tries) <= len(first) + len(second) + 1e-9
    assert all(0 <= good <= made for good, made in zip(both.approvals, both.tries, strict=True))
    much = IssuerHours(
        tuple(100 * one for one in both.tries), tuple(100 * one for one in both.approvals), both.learned_at
    )
    chosen = best_hour(much, much, due_hour=due_hour)
    assert chosen is None or due_hour < chosen <= LATEST
    later = learned(once, [Renewed("visa 42424", 0, True, once.learned_at + HALF_LIFE)])
    assert abs(sum(later.tries) - (len(first) / 2 + 1)) < 1e-9
