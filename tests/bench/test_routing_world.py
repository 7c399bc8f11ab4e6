"""The simulated world is fair and as published, and the rivals in it do what their descriptions say."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from random import Random
from statistics import fmean, median

import pytest
from bench.routing import world as worlds
from bench.routing.contest import BEST_STATIC, OURS, RIVALS, Task, contest
from bench.routing.drill import DrillTask, drill
from bench.routing.hyperswitch import CalibratedSuccessRates, SuccessRates
from bench.routing.intervals import closed, mean_of
from bench.routing.ours import Ours
from bench.routing.page import page
from bench.routing.play import Play, fixed_choices
from bench.routing.plots import pictures
from bench.routing.results import Results
from bench.routing.rivals import (
    NOBODY,
    AtRandom,
    DiscountedUcb,
    Oracle,
    SlidingWindowUcb,
    Static,
    Thompson,
    ThompsonByBin,
)
from bench.routing.scenarios import INCIDENTS_A_DAY, SCENARIOS, cut_short
from bench.routing.world import DAY_S, MINUTE_S, Answer, Kind, Parameters, Payment, World, make

SMALL = Parameters(days=0.5, payments_a_minute=5.0, gap_points=3.0, affinity_logit=0.4)
YES = worlds.APPROVED[0]
NO = Answer(Kind.DECLINED, "do_not_honor", 1.0)


def payment(at_s: float = 0.0, *, bin_: str = "400000") -> Payment:
    return Payment(0, at_s, 4_000, bin_, "visa", "credit", "DE", "customer")


@pytest.fixture(scope="module")
def small() -> World:
    return make(SMALL, 7)


def test_the_same_seed_makes_the_same_world_and_another_seed_another(small: World) -> None:
    assert make(SMALL, 7) == small
    assert make(SMALL, 8).payments != small.payments


class Noting(AtRandom):
    """Chooses at random, and keeps what it is told."""

    def __init__(self, acquirers: int, random: Random) -> None:
        super().__init__(acquirers, random)
        self.told: dict[tuple[int, int], Answer] = {}

    def learn(self, payment: Payment, acquirer: int, answer: Answer, *, at_s: float) -> None:
        self.told[payment.index, acquirer] = answer


def test_luck_is_the_payments_and_the_acquirers_whoever_asks(small: World) -> None:
    """Two policies that make the same choice for a payment meet the same answer, whatever they chose before."""
    one, other = Noting(4, Random(1)), Noting(4, Random(2))
    Play(small, one).run()
    Play(small, other).run()
    both = one.told.keys() & other.told.keys()
    assert len(both) > 500
    assert all(one.told[key] == other.told[key] for key in both)


def test_an_outage_changes_only_what_it_hits(small: World) -> None:
    """As much luck is drawn with it as without, so that everything else stays as it was."""
    hit = worlds.Incident(2, 3_600.0, 7_200.0, 1.0, worlds.REFUSED)
    struck = make(SMALL, 7, [hit])
    for seen, before, after in zip(small.payments, small.answers, struck.answers, strict=True):
        within = 3_600.0 <= seen.at_s < 7_200.0
        assert [one for index, one in enumerate(before) if index != 2 or not within] == [
            one for index, one in enumerate(after) if index != 2 or not within
        ]
        assert not within or after[2].kind is Kind.UNPROCESSED


def test_what_happens_is_as_likely_as_the_truth_says(small: World) -> None:
    for acquirer in range(4):
        happened = fmean(answers[acquirer].is_approved for answers in small.answers)
        assert happened == pytest.approx(fmean(chances[acquirer] for chances in small.chances), abs=0.025)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_nobody_beats_the_oracle(seed: int) -> None:
    """By true probabilities nobody can; by luck nobody does beyond noise (0.85 points are two deviations here)."""
    scores = contest(Task(replace(SMALL, days=1.0), seed))
    best = scores["Oracle"]
    for name, score in scores.items():
        assert score.expected <= best.expected + 1e-6, name
        assert score.rate <= best.rate + 0.85, name
        assert score.payments == best.payments
    assert all(
        score.expected_worth <= scores["Oracle for value"].expected_worth + 1 for score in scores.values()
    )


def test_outages_are_as_many_and_as_long_as_published() -> None:
    """34 incidents in 177 days, 63 minutes in the median, for each acquirer."""
    parameters = Parameters(days=177 * 20, payments_a_minute=1e-4, incidents_a_day=INCIDENTS_A_DAY)
    incidents = make(parameters, 1).incidents
    each = Counter(one.acquirer for one in incidents)
    assert all(each[acquirer] / 20 == pytest.approx(34, abs=3.5) for acquirer in range(4))
    assert median((one.to_s - one.from_s) / MINUTE_S for one in incidents) == pytest.approx(63, abs=5)
    assert all(0.5 <= one.share <= 1.0 for one in incidents)
    answers = Counter(one.answer[0].kind for one in incidents)
    assert answers[Kind.UNPROCESSED] / len(incidents) == pytest.approx(0.6, abs=0.05)


def test_payments_come_at_their_rate_from_issuers_of_their_size() -> None:
    world = make(replace(SMALL, days=2.0), 3)
    assert len(world.payments) == pytest.approx(2 * 24 * 60 * 5, rel=0.05)
    assert all(0 <= one.at_s < 2 * DAY_S for one in world.payments)
    assert median(one.amount for one in world.payments) == pytest.approx(4_000, rel=0.05)
    issuers = Counter((int(one.bin) - 400_000) // 37 for one in world.payments)
    assert len(issuers) == 40
    assert issuers[0] > 3 * issuers[39]


def test_drift_moves_affinities_and_stillness_does_not() -> None:
    """With everything else equal, the same card's chances stay where nothing drifts."""
    still = make(replace(SMALL, days=3.0), 5)
    moving = make(replace(SMALL, days=3.0, drift_half_life_days=1.0), 5)

    def change(world: World) -> float:
        early = [
            p[0] - p[1] for one, p in zip(world.payments, world.chances, strict=True) if one.at_s < DAY_S
        ]
        late = [
            p[0] - p[1] for one, p in zip(world.payments, world.chances, strict=True) if one.at_s > 2 * DAY_S
        ]
        return abs(fmean(early) - fmean(late))

    assert change(still) < 0.005 < change(moving)


def test_a_border_costs_approval_abroad_only() -> None:
    world = make(Parameters(days=0.5, cross_border_logit=0.6, abroad_share=0.65), 4)
    for seen, chances in zip(world.payments, world.chances, strict=True):
        home = [one.country == seen.issuer_country for one in world.acquirers]
        if any(home):
            assert chances[home.index(True)] == max(chances)


def test_best_static_and_the_oracle_agree_where_issuers_do_not_care() -> None:
    scores = contest(Task(cut_short(SCENARIOS["point"].parameters), 1, only=("Random",)))
    assert scores[BEST_STATIC].expected == pytest.approx(scores["Oracle"].expected)
    assert scores["Random"].expected < scores[BEST_STATIC].expected


def test_a_second_try_is_made_after_a_technical_failure_only() -> None:
    dead = worlds.Incident(0, 0.0, DAY_S, 1.0, worlds.REFUSED)
    hung = worlds.Incident(0, 0.0, DAY_S, 1.0, worlds.HUNG)
    refused, unknown = (make(SMALL, 7, [one]) for one in (dead, hung))
    once = Play(refused, Static(4, 0)).run()
    twice = Play(refused, Static(4, 0), tries=2).run()
    assert once.approved == 0
    assert twice.approved == fixed_choices(refused, 1).approved
    assert Play(unknown, Static(4, 0), tries=2).run().approved == 0


# the rivals on streams so small that their descriptions say what must come


def test_success_rates_start_perfect_and_count_the_last_window() -> None:
    rival = SuccessRates(2, Random(1))
    assert rival.scores == [1.0, 1.0]
    for _ in range(25):
        rival.learn(payment(), 0, NO, at_s=0.0)
    assert rival.scores == [0.8, 1.0]
    for _ in range(125):
        rival.learn(payment(), 0, YES, at_s=0.0)
    assert rival.scores == [1.0, 1.0]


def test_success_rates_hedge_and_bring_laggards_back_to_three_deviations() -> None:
    """Below 1 - 3 sqrt(0.09 / 125) = 0.9195 a laggard is put back: of 125 outcomes, floor(10.06) are failures."""
    rival = SuccessRates(2, Random(1))
    for _ in range(60):
        rival.learn(payment(), 0, NO, at_s=0.0)
    chosen = Counter(rival.choose(payment()) for _ in range(4_000))
    assert chosen[0] / 4_000 == pytest.approx(0.05, abs=0.012)
    assert rival.scores[0] == pytest.approx(1 - 10 / 125)


def test_calibration_follows_the_traffic_of_an_hour() -> None:
    """1,200 payments an hour and three others: a window of 5 sqrt(400) = 100, and 3 x 100 / 1,200 of hedging."""
    rival = CalibratedSuccessRates(4, Random(1))
    for second in range(0, 7_200, 3):
        rival.choose(payment(float(second)))
    assert rival.window == 100
    assert rival.hedging == pytest.approx(0.25, abs=0.01)


def test_bounds_play_everybody_once_and_forget() -> None:
    for rival in (SlidingWindowUcb(3, Random(1), window=4), DiscountedUcb(3, Random(1), discount=0.6)):
        seen = []
        for _ in range(3):
            one = rival.choose(payment())
            seen.append(one)
            rival.learn(payment(), one, YES if one == 1 else NO, at_s=0.0)
        assert sorted(seen) == [0, 1, 2]
    window = SlidingWindowUcb(2, Random(1), window=2)
    for acquirer in (0, 1, 1):
        window.learn(payment(), acquirer, YES, at_s=0.0)
    assert window.choose(payment()) == 0, "what left the window is as if it had never been played"


def test_discounts_make_old_outcomes_light() -> None:
    """What was seen first weighs 0.5^9 of what was seen last, so a turn of luck turns the choice."""
    quick, slow = (Thompson(2, Random(1), discount=discount) for discount in (0.5, 1.0))
    for rival in (quick, slow):
        for _ in range(100):
            rival.learn(payment(), 0, YES, at_s=0.0)
            rival.learn(payment(), 1, NO, at_s=0.0)
        for _ in range(20):
            rival.learn(payment(), 0, NO, at_s=0.0)
    assert slow.choose(payment()) == 0
    assert Counter(quick.choose(payment()) for _ in range(500))[1] > 200


def test_samplers_of_bins_share_nothing() -> None:
    rival = ThompsonByBin(2, Random(1))
    for _ in range(200):
        rival.learn(payment(bin_="400000"), 0, YES, at_s=0.0)
        rival.learn(payment(bin_="400000"), 1, NO, at_s=0.0)
    assert {rival.choose(payment(bin_="400000")) for _ in range(50)} == {0}
    assert {rival.choose(payment(bin_="411111")) for _ in range(50)} == {0, 1}


@pytest.mark.parametrize("name", RIVALS)
def test_who_is_left_out_is_not_chosen(name: str, small: World) -> None:
    for seen in small.payments[:50]:
        policy = RIVALS[name](small, Random(1))
        first = policy.choose(seen)
        assert policy.choose(seen, without=first) not in {first, NOBODY}


def test_the_oracle_for_value_weighs_fees() -> None:
    world = make(replace(SCENARIOS["fees"].parameters, days=0.5), 1)
    by_value, by_chance = (Play(world, Oracle(world, for_value=flag)).run() for flag in (True, False))
    assert by_value.expected_worth > by_chance.expected_worth
    assert by_value.expected < by_chance.expected


# ours


def test_the_real_code_pays_what_the_world_charges() -> None:
    """The contract that the merchant wrote down is the one that the world bills by, to a thousandth of a cent."""
    world = make(replace(SCENARIOS["fees"].parameters, days=0.1), 1)
    ours = Ours(world, Random(1))
    for seen in world.payments[:200]:
        for acquirer, price in enumerate(ours.prices(seen)):
            own = world.acquirers[acquirer]
            assert price.approved == pytest.approx(own.fees.approved(seen, home=own.country), abs=2)
            assert price.declined == own.fees.declined


def test_the_real_code_learns_the_same_twice_and_more_than_chance(small: World) -> None:
    one, other = (Play(small, Ours(small, Random(1))).run() for _ in range(2))
    assert one == other
    assert one.expected > Play(small, AtRandom(4, Random(1))).run().expected


def test_the_real_code_leaves_a_dead_acquirer_within_twenty_payments() -> None:
    """A drill cut to a third: at a thousand a minute, twenty payments are 1.2 seconds."""
    parameters = Parameters(days=6 / 1440, payments_a_minute=1_000.0, gap_points=6.0)
    drilled = drill(DrillTask("refuses everything", 1, (OURS,), parameters))[OURS]
    assert drilled.lost_before_opening is not None
    assert drilled.lost_before_opening <= 20
    assert drilled.share_before > 0.5


# what is made of the numbers


def test_intervals_are_students_and_gaps_are_ratios_of_sums() -> None:
    mean = mean_of([1.0, 2.0, 3.0])
    assert mean.value == 2.0
    assert mean.half == pytest.approx(4.303 / 3**0.5)
    assert mean_of([5.0]).half == 0.0
    gap = closed([3.0, 5.0], [1.0, 1.0], [5.0, 7.0])
    assert gap.value == pytest.approx(60.0)
    assert closed([3.0, 3.0], [1.0, 1.0], [5.0, 5.0]).half == pytest.approx(0.0)


def test_the_page_is_the_same_from_the_same_numbers_and_names_its_goals() -> None:
    short = {name: cut_short(replace(SCENARIOS[name].parameters, days=0.1)) for name in ("point", "drift")}
    results = Results((1, 2))
    for name, parameters in short.items():
        results.scenarios[name] = [contest(Task(parameters, seed)) for seed in (1, 2)]
    written = page(results)
    assert written == page(results)
    assert "seeds 1 to 2" in written
    assert "of the gap closed" in written
    assert all(drawn.startswith("<svg") for drawn in pictures(results).values())
