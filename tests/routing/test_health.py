"""The short clock of an account: how soon it sees an outage, what ends one, and how it asks meanwhile."""

from __future__ import annotations

import random
from collections import Counter
from itertools import pairwise
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.routing.outages import (
    COUNTRIES,
    FAILED,
    FINE,
    REFUSED,
    START,
    answered,
    fine,
    in_health,
    opened,
    probes,
    seconds,
    until_moved,
)

from recoup.routing.core.breaker import (
    MOVES,
    NEW,
    PROBE_EVERY_MAX_S,
    PROBE_SHARE,
    PROBE_SHARE_HOPEFUL,
    IllegalMove,
    News,
    Transition,
    moved,
)
from recoup.routing.core.health import (
    COUNTRIES_MAX,
    UNHEARD,
    WHOLE,
    AccountHealth,
    heard,
    standing,
    told,
)
from recoup.routing.core.symptoms import OVERDUE, Answer, Said
from recoup.routing.core.words import Health

LOST_MAX: Final = 20
"""The goal: at 1000 payments a minute, an outage costs no more before the breaker opens."""
SEEDS: Final = range(40)


def delays(account: AccountHealth, failing: float, *, per_minute: float) -> list[tuple[int, float]]:
    """What outages cost before the breaker opened: payments lost, and seconds."""
    found, wrongly_placed = [], 0
    for seed in SEEDS:
        chance, at, lost, state = random.Random(seed), START, 0, account
        moves: tuple[Transition, ...] = ()
        while not moves:
            at += seconds(chance.expovariate(per_minute / 60))
            answer = answered(chance, failing)
            lost += answer is FAILED
            state, moves = heard(state, answer, at, country=chance.choice(COUNTRIES))
        assert moves[0].news is News.FAILING
        wrongly_placed += moves[0].scope != WHOLE
        found.append((lost, (at - START).total_seconds()))
    assert wrongly_placed <= len(SEEDS) / 10, "an outage that all meet is one country's"
    return found


@pytest.mark.parametrize(("failing", "seconds_max"), [(0.3, 6.0), (0.5, 3.0), (1.0, 1.0)])
def test_an_outage_costs_few_payments_and_seconds(failing: float, seconds_max: float) -> None:
    found = delays(in_health(1), failing, per_minute=1000)
    assert max(lost for lost, _ in found) <= LOST_MAX
    assert sorted(took for _, took in found)[len(found) // 2] <= seconds_max


@pytest.mark.parametrize("per_minute", [1, 10, 100, 1000])
def test_what_an_outage_costs_does_not_depend_on_the_traffic(per_minute: float) -> None:
    """The test counts answers, so an account with little traffic loses no more payments, only more time."""
    assert max(lost for lost, _ in delays(in_health(2), 1.0, per_minute=per_minute)) <= 6


@pytest.mark.parametrize("account", [UNHEARD, in_health(3, failing=0.001), in_health(4, failing=0.01)])
def test_a_few_failures_in_a_row_open_it(account: AccountHealth) -> None:
    _, count, moves = until_moved(account, [FAILED] * 50)
    assert 3 <= count <= 6
    assert moves[0].health is Health.DEGRADED and moves[0].news is News.FAILING
    assert f"{count} of the last {count} answers" in moves[0].why and "unprocessed" in moves[0].why


def test_refusals_by_issuers_say_that_all_is_well() -> None:
    account, _, moves = until_moved(in_health(1), [REFUSED] * 500)
    assert not moves and standing(account, START).health is Health.GOOD


def test_nothing_ends_an_outage_but_answers() -> None:
    account = opened()
    assert standing(account, START + seconds(10 * 365 * 86_400.0)).health is Health.DEGRADED


def test_a_few_good_answers_in_a_row_end_a_total_outage() -> None:
    account = opened(in_health(1))
    for _ in range(30):
        account, _ = heard(account, FAILED, START + seconds(60))
    account, count, moves = until_moved(account, [FINE] * 50, at=START + seconds(120))
    assert 3 <= count <= 6
    assert [(one.health, one.news) for one in moves] == [(Health.GOOD, News.RECOVERED)]
    assert standing(account, START + seconds(200)).health is Health.GOOD


def test_good_answers_between_failures_do_not_end_an_outage() -> None:
    account, chance = opened(in_health(1)), random.Random(5)
    stayed = sum(until_moved(account, [answered(chance, 0.5) for _ in range(20)])[2] == () for _ in SEEDS)
    assert stayed >= len(SEEDS) * 0.75


def test_an_end_that_came_too_soon_makes_the_next_one_harder() -> None:
    account, counts = opened(in_health(1)), list[int]()
    for _ in range(3):
        account, count, _ = until_moved(account, [FINE] * 50)
        counts.append(count)
        account = opened(account)
    assert counts == sorted(set(counts))


def test_slow_answers_are_half_a_failure_each() -> None:
    slow = Answer(Said.WELL, "approved", 6000, approved=True)
    _, count, moves = until_moved(in_health(1), [slow] * 50)
    assert 6 <= count <= 13 and "but slow" in moves[0].why
    assert not until_moved(in_health(1), [Answer(Said.WELL, "approved", 900, approved=True)] * 50)[2]


def test_what_is_slow_for_good_becomes_usual() -> None:
    """A processor that answers later than it did, and well, is taken back."""
    slow = Answer(Said.WELL, "approved", 4000, approved=True)
    account, _, _ = until_moved(in_health(1), [slow] * 50)
    _, count, moves = until_moved(account, [slow] * 300)
    assert moves and moves[0].health is Health.GOOD and count < 200


def test_cards_that_are_always_slow_are_not_ill() -> None:
    """One card in fifty takes 3 seconds, and always did: those of one country."""
    chance, account = random.Random(9), UNHEARD
    for _ in range(20_000):
        is_slow = chance.random() < 0.02
        answer = Answer(Said.WELL, "approved", 3000, approved=True) if is_slow else fine(chance)
        account, moves = heard(account, answer, START, country="BR" if is_slow else "US")
        assert not moves
    assert account.usual.failure_rate < 0.02 and not any(account.degraded())


def test_requests_that_hang_count_before_they_time_out() -> None:
    _, count, moves = until_moved(in_health(1), [OVERDUE] * 50)
    assert count <= 6 and "no answer yet" in moves[0].why


def test_an_outage_that_one_country_meets_is_that_country_s() -> None:
    """Its cards go elsewhere; the account keeps the rest, and what the country explains does not count against it."""
    scopes = Counter[str]()
    for seed in SEEDS:
        chance, account = random.Random(seed), in_health(1)
        moves: tuple[Transition, ...] = ()
        while not moves:
            country = chance.choice(COUNTRIES)
            answer = FAILED if country == "US" else fine(chance)
            account, moves = heard(account, answer, START, country=country)
        scopes[moves[0].scope] += 1
        if moves[0].scope == WHOLE:
            continue
        account, _, moves = until_moved(account, [FAILED] * 30, country="US")
        assert not moves
        assert standing(account, START, country="US").health is Health.DEGRADED
        assert standing(account, START, country="DE").health is Health.GOOD
        assert standing(account, START).health is Health.GOOD
    assert set(scopes) <= {"US", WHOLE} and scopes["US"] >= len(SEEDS) * 0.9


def test_an_outage_that_spreads_becomes_the_account_s() -> None:
    account = in_health(1)
    for _ in range(6):
        account, _ = heard(account, FAILED, START, country="US")
        account, _ = heard(account, FINE, START, country="DE")
    assert standing(account, START, country="US").health is Health.DEGRADED
    for country in ("DE", "BR") * 6:
        account, _ = heard(account, FAILED, START, country=country)
    assert account.whole.health is Health.DEGRADED


def test_a_country_recovers_by_itself() -> None:
    account = in_health(1)
    moves: tuple[Transition, ...] = ()
    for _ in range(6):
        account, more = heard(account, FAILED, START, country="US")
        account, _ = heard(account, FINE, START, country="DE")
        moves += more
    assert [one.scope for one in moves] == ["US"]
    account, _, moves = until_moved(account, [FINE] * 20, country="US")
    assert [(one.scope, one.health) for one in moves] == [("US", Health.GOOD)]
    assert standing(account, START, country="US").health is Health.GOOD


def test_countries_in_memory_are_bounded() -> None:
    account = in_health(1)
    for number in range(500):
        account, _ = heard(account, FAILED, START, country=f"{number:03}"[-2:])
        account, _ = heard(account, FINE, START)
    assert len(account.countries) <= COUNTRIES_MAX


@pytest.mark.parametrize("per_minute", [10, 100, 1000])
def test_an_hour_of_outage_is_probed_seldom_and_steadily(per_minute: float) -> None:
    """Once an interval, and a few payments more until one is chosen."""
    each_s = 60 / per_minute
    _, asked_at = probes(opened(in_health(1)), random.Random(7), per_second=1 / each_s, answer=FAILED)
    few = 3600 / (PROBE_EVERY_MAX_S + each_s / PROBE_SHARE)
    assert few / 2 <= len(asked_at) <= 130
    most_s = 3 * PROBE_EVERY_MAX_S + 5 * each_s / PROBE_SHARE
    assert max(later - sooner for sooner, later in pairwise(asked_at)) < most_s


def test_probes_that_are_heard_of_when_they_answer_only_are_few_too() -> None:
    opened_ = opened(in_health(1))
    _, asked_at = probes(opened_, random.Random(7), per_second=16, answer=FAILED, told=False)
    assert len(asked_at) <= 400


@pytest.mark.parametrize("per_minute", [10, 100, 1000])
def test_the_end_of_an_outage_is_seen_within_a_few_intervals(per_minute: float) -> None:
    each_s, waits = 60 / per_minute, list[float]()
    for seed in range(9):
        chance, account = random.Random(seed), opened(in_health(1))
        account, _ = probes(account, chance, per_second=1 / each_s, answer=FAILED, lasting_s=200)
        account, asked_at = probes(account, chance, per_second=1 / each_s, answer=FINE, since_s=300)
        assert account.whole.health is Health.GOOD
        waits.append(asked_at[-1] - 300)
    assert sorted(waits)[4] < 2 * PROBE_EVERY_MAX_S + 3 * each_s / PROBE_SHARE


def test_with_little_traffic_probes_stay_a_small_part() -> None:
    account = opened(in_health(1))
    _, asked_at = probes(account, random.Random(7), per_second=1 / 60, lasting_s=100 * 3600, answer=FAILED)
    assert PROBE_SHARE / 2 * 6000 <= len(asked_at) <= 1.2 * PROBE_SHARE * 6000


def test_where_nobody_else_can_be_asked_real_traffic_ends_the_outage() -> None:
    """Routing asks it then whatever its probe share, and every answer counts."""
    account, count, _ = until_moved(opened(), [FINE] * 50)
    assert count <= 6 and account.whole.health is Health.GOOD


def collapsed(chance: random.Random, approving: float, *, expected: float) -> Answer:
    approved = chance.random() < approving
    return Answer(Said.WELL, "approved" if approved else "no", 240, approved, expected)


@pytest.mark.parametrize("expected", [0.5, 0.7, 0.85, 0.95])
def test_a_collapse_of_approvals_opens_it_more_slowly(expected: float) -> None:
    counts = []
    for seed in SEEDS:
        chance = random.Random(seed)
        answers = [collapsed(chance, 0.1 * expected, expected=expected) for _ in range(400)]
        _, count, moves = until_moved(in_health(1), answers)
        assert [one.news for one in moves] == [News.DECLINING]
        counts.append(count)
    assert min(counts) >= 15 and max(counts) <= 120


@pytest.mark.parametrize("expected", [0.5, 0.7, 0.85, 0.95])
def test_a_bad_day_is_no_collapse(expected: float) -> None:
    """Approvals a tenth lower than expected, for a long while."""
    chance = random.Random(11)
    answers = [collapsed(chance, 0.9 * expected, expected=expected) for _ in range(10_000)]
    assert not until_moved(in_health(1), answers)[2]


def test_a_collapse_ends_by_approvals_alone() -> None:
    bad = Answer(Said.WELL, "do_not_honor", 240, approved=False, expected=0.9)
    good = Answer(Said.WELL, "approved", 240, approved=True, expected=0.9)
    account, _, moves = until_moved(in_health(1), [bad] * 50)
    assert "declined" in moves[0].why
    account, _, moves = until_moved(account, [bad] * 50)
    assert not moves
    account, count, moves = until_moved(account, [good] * 50)
    assert 3 <= count <= 8 and moves[0].health is Health.GOOD


def test_without_estimates_a_collapse_ends_too() -> None:
    bad = Answer(Said.WELL, "do_not_honor", 240, approved=False, expected=0.9)
    account, _, _ = until_moved(in_health(1), [bad] * 50)
    assert until_moved(account, [FINE] * 50)[2][0].health is Health.GOOD


def test_what_others_wrote_is_taken_over() -> None:
    account = told(UNHEARD, WHOLE, health=Health.DEGRADED, since=START, why="it is down", cause="failing")
    later = START + seconds(86_400)
    found = standing(account, later)
    assert (found.health, found.why, found.probe_share) == (Health.DEGRADED, "it is down", 0.0)
    account, asked_at = probes(account, random.Random(3), per_second=10, answer=FINE, since_s=90_000)
    assert account.whole.health is Health.GOOD and len(asked_at) < 20
    account = told(account, WHOLE, health=Health.DEGRADED, since=later, why="again", cause="declining")
    account = told(account, WHOLE, health=Health.GOOD, since=later, why="well", cause=None)
    assert account.whole.health is Health.GOOD


@pytest.mark.parametrize("health", Health)
@pytest.mark.parametrize("news", News)
def test_only_what_the_table_lists_moves_a_breaker(health: Health, news: News) -> None:
    breaker = NEW if health is Health.GOOD else opened().whole
    if (target := MOVES[health].get(news)) is not None:
        assert moved(breaker, news, why="", at=START).health is target
    else:
        with pytest.raises(IllegalMove):
            moved(breaker, news, why="", at=START)


ANSWERS = st.tuples(
    st.sampled_from(
        [
            FAILED,
            FINE,
            REFUSED,
            OVERDUE,
            Answer(Said.NOTHING, "late", 30_000),
            Answer(Said.DOUBTFUL, "issuer_not_available", 300),
            Answer(Said.WELL, "no", 10**6, approved=False, expected=0.99),
            Answer(Said.WELL, "yes", 0, approved=True, expected=0.0),
        ]
    ),
    st.sampled_from([None, "US", "DE"]),
    st.floats(0, 100),
)


@given(st.lists(ANSWERS, max_size=120))
def test_whatever_comes_moves_alternate_and_shares_are_small(
    answers: list[tuple[Answer, str | None, float]],
) -> None:
    account, at, health = UNHEARD, START, Counter[str]()
    for answer, country, wait_s in answers:
        at += seconds(wait_s)
        account, moves = heard(account, answer, at, country=country)
        for one in moves:
            health[one.scope] += 1
            assert one.health is (Health.DEGRADED if health[one.scope] % 2 else Health.GOOD)
        found = standing(account, at, country=country)
        assert 0 <= found.probe_share <= (PROBE_SHARE_HOPEFUL if found.health is Health.DEGRADED else 0)
        assert account.whole.failing >= 0 and account.whole.declining >= 0
        assert {scope for scope, _ in account.degraded()} == {one for one in health if health[one] % 2}
