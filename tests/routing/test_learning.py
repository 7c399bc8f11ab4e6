"""Laws of what is learned of approvals: the thin leans on the wide, the old is forgotten, no mix of traffic fools."""

from __future__ import annotations

from datetime import timedelta
from random import Random
from typing import Final
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.routing.tries import MINUTE, START, A, Account, B, in_turn, learned, paid, seen

from recoup.outcomes.codes.standard import ROWS
from recoup.outcomes.codes.words import Category
from recoup.routing.core.effects import CARDHOLDER, HALF_LIFE_S, ROUTE, keys, own_keys
from recoup.routing.core.facts import Facts
from recoup.routing.core.learning import (
    Cell,
    Layered,
    Observation,
    Told,
    correct,
    estimate,
    estimates,
    learn,
    told_by,
)

FACTS: Final = st.builds(
    paid,
    bin_=st.sampled_from([None, "431940", "43194012", "431941", "555555"]),
    country=st.sampled_from([None, "DE", "US"]),
    brand=st.sampled_from(["visa", "mastercard"]),
    initiator=st.sampled_from(["customer", "merchant"]),
    amount=st.integers(0, 10**9),
    turn=st.integers(1, 9),
)
TRIES: Final = st.builds(
    Observation,
    facts=FACTS,
    account=st.sampled_from([A, B, Account(UUID(int=0xC), None)]),
    told=st.sampled_from(Told),
    at=st.integers(0, 10**7).map(lambda seconds: START + timedelta(seconds=seconds)),
)


def p(
    cells: dict[int, Cell], account: Account = A, facts: Facts | None = None, *, days: float = 0.0
) -> float:
    at = START + timedelta(days=days)
    return estimate(cells, facts or paid(), account, at=at).probability


def tries(account: Account, facts: Facts, *, approved: int, of: int) -> list[Observation]:
    """One a minute, the declines spread evenly."""
    every = [Told.APPROVED] * approved + [Told.ROUTE] * (of - approved)
    Random(7).shuffle(every)
    return [Observation(facts, account, told, START + n * MINUTE) for n, told in enumerate(every)]


@given(st.lists(TRIES, max_size=40), FACTS)
def test_an_estimate_is_a_probability_within_its_interval(stream: list[Observation], facts: Facts) -> None:
    for one in estimates(learned(stream), facts, [A, B], at=START + timedelta(days=200)):
        assert 0.0 < one.low <= one.probability <= one.high < 1.0
        assert one.evidence >= 0.0 and one.spread > 0.0


@given(st.lists(TRIES, max_size=40))
def test_no_effect_is_less_certain_than_before_anything_was_known(stream: list[Observation]) -> None:
    widest = max(level.variance for side in (ROUTE, CARDHOLDER) for level in (*side.shared, *side.own))
    assert all(0.0 < variance <= widest for _, variance, _ in learned(stream).values())


@given(st.lists(TRIES, max_size=30))
def test_the_same_stream_makes_the_same_cells(stream: list[Observation]) -> None:
    """Also in batches over what was there: how events come together is the machine's matter."""
    half = len(stream) // 2
    under = learned(stream[:half])
    over = Layered(under)
    for one in stream[half:]:
        over.changed.update(learn(over, one))
    assert {**under, **over.changed} == learned(stream) == learned(stream)


@given(TRIES)
def test_a_try_changes_its_own_cells_only(one: Observation) -> None:
    assert set(learn({}, one)) <= set(keys(one.facts, one.account))
    assert bool(learn({}, one)) is (one.told is not Told.NOTHING)


@given(FACTS)
def test_accounts_share_what_the_payment_is_and_nothing_else(facts: Facts) -> None:
    of_a, of_b = set(keys(facts, A)), set(keys(facts, B))
    assert of_a - of_b == own_keys(facts, A) and of_b - of_a == own_keys(facts, B)
    assert len(of_a & of_b) == len(ROUTE.shared) + len(CARDHOLDER.shared)


def test_approvals_raise_and_declines_lower() -> None:
    nothing = p({})
    assert p(learned([seen()])) > nothing > p(learned([seen(told=Told.ROUTE)]))


def test_before_anything_is_known_accounts_are_equal() -> None:
    first, second = estimates({}, paid(), [A, B], at=START)
    assert first == second and 0.8 < first.probability < 0.95


def test_much_evidence_is_believed() -> None:
    """A thousand tries are worth more than any prior."""
    cells = learned(tries(A, paid(), approved=700, of=1000))
    found = estimate(cells, paid(), A, at=START)
    assert found.probability == pytest.approx(0.7, abs=0.03)
    assert found.low < 0.7 < found.high and found.high - found.low < 0.2
    assert found.evidence > 50.0


def test_a_handful_of_tries_moves_an_account_by_little() -> None:
    """Shrinkage, in order of magnitude: three declines at an account that is otherwise as good as the other are not
    thirty points, nor nothing."""
    cells = learned(tries(A, paid(), approved=900, of=1000) + tries(B, paid(), approved=900, of=1000))
    after = learned([seen(B, Told.ROUTE, at=START + timedelta(days=1)) for _ in range(3)], cells)
    lost = p(cells, B, days=1) - p(after, B, days=1)
    assert 0.002 < lost < 0.10


def test_a_thin_cell_leans_on_the_wider_ones() -> None:
    """An issuer never met at an account is judged by the account's others: its country, its funding, all."""
    good, bad = paid(bin_="431940"), paid(bin_="520082")
    cells = learned(
        tries(A, good, approved=95, of=100)
        + tries(A, bad, approved=95, of=100)
        + tries(B, good, approved=70, of=100)
        + tries(B, bad, approved=70, of=100)
    )
    unmet = paid(bin_="401200")
    assert p(cells, A, unmet) - p(cells, B, unmet) > 0.03


def test_neighbours_among_bins_are_told_apart_last() -> None:
    """An issuer holds ranges: eight digits lie in their first six, and say more of each other than strangers do."""
    cells = learned(tries(A, paid(bin_="43194011"), approved=60, of=100))
    assert (
        p(cells, A, paid(bin_="43194011"))
        < p(cells, A, paid(bin_="43194077"))
        < p(cells, A, paid(bin_="5200"))
    )


def test_an_account_that_gets_the_hard_payments_does_not_look_bad() -> None:
    """Two equal accounts, one with the easy issuers, one with the hard: judged by totals they are 20 points apart."""
    chance, stream = Random(3), []
    rates = {"411111": 0.97, "422222": 0.75}
    for number in range(6_000):
        account = A if number % 2 else B
        hard = chance.random() < (0.2 if account is A else 0.8)
        facts = paid(bin_="422222" if hard else "411111")
        told = Told.APPROVED if chance.random() < rates[str(facts.bin)] else Told.ROUTE
        stream.append(Observation(facts, account, told, START + number * MINUTE))
    cells = learned(stream)
    for bin_, rate in rates.items():
        of_a, of_b = p(cells, A, paid(bin_=bin_)), p(cells, B, paid(bin_=bin_))
        assert abs(of_a - of_b) < 0.035
        assert of_a == pytest.approx(rate, abs=0.035)


def test_an_issuer_that_prefers_one_account_is_found() -> None:
    """What routing by issuer lives of: equal accounts over all, and one issuer that approves at one of them."""
    one, other = paid(bin_="431940"), paid(bin_="520082")
    cells = learned(
        tries(A, one, approved=285, of=300)
        + tries(B, one, approved=240, of=300)
        + tries(A, other, approved=240, of=300)
        + tries(B, other, approved=285, of=300)
    )
    assert p(cells, A, one) > p(cells, B, one) + 0.05
    assert p(cells, B, other) > p(cells, A, other) + 0.05


def test_what_is_the_cardholder_s_does_not_move_the_comparison_much() -> None:
    """Ten lost cards at one account are bad luck; as many refusals by the route are a reason."""
    even = learned(tries(A, paid(), approved=90, of=100) + tries(B, paid(), approved=90, of=100))
    lost = learned(in_turn((A, paid(), Told.CARDHOLDER), times=10), even)
    refused = learned(in_turn((A, paid(), Told.ROUTE), times=10), even)
    assert 0.0 <= p(lost, B) - p(lost, A) < 0.25 * (p(refused, B) - p(refused, A))
    assert p(lost, B) < p(even, B), "of the payment it says something: at every account"


def test_an_account_that_calls_everything_insufficient_funds_is_found_out() -> None:
    declines = in_turn(*[(A, paid(), Told.APPROVED)] * 7, *[(A, paid(), Told.CARDHOLDER)] * 3, times=60)
    declines += in_turn(*[(B, paid(), Told.APPROVED)] * 9, (B, paid(), Told.ROUTE), times=60)
    cells = learned(sorted(declines, key=lambda one: one.at))
    assert p(cells, B) > p(cells, A) + 0.05


def test_what_was_learned_is_forgotten_by_halves() -> None:
    """With nothing new an account returns to what is thought of any."""
    cells = learned(tries(A, paid(), approved=100, of=200))
    half_lives = [p(cells, days=n * HALF_LIFE_S / 86_400) for n in range(1, 9)]
    assert half_lives == sorted(half_lives)
    assert half_lives[-1] == pytest.approx(p({}), abs=0.01)


def test_what_was_not_tried_for_long_is_uncertain_again() -> None:
    cells = learned(tries(A, paid(), approved=270, of=300))
    spreads = [estimate(cells, paid(), A, at=START + timedelta(days=days)).spread for days in (1, 90, 400)]
    assert spreads == sorted(spreads) and spreads[-1] > 2 * spreads[0]


def test_what_changed_is_followed() -> None:
    """After half a year at 95 % an issuer turns to 60 %: some hundred tries later that is known."""
    before = [
        Observation(paid(), A, Told.APPROVED if n % 20 else Told.ROUTE, START + n * timedelta(hours=2))
        for n in range(2_000)
    ]
    later = before[-1].at
    after = [
        Observation(paid(), A, Told.APPROVED if n % 5 < 3 else Told.ROUTE, later + n * timedelta(hours=2))
        for n in range(300)
    ]
    now = after[-1].at
    assert estimate(learned(before), paid(), A, at=later).probability == pytest.approx(0.95, abs=0.02)
    assert estimate(learned(before + after), paid(), A, at=now).probability == pytest.approx(0.6, abs=0.08)


def test_a_late_outcome_is_learned_and_turns_no_time_back() -> None:
    cells = learned([seen(at=START + timedelta(days=3))])
    late = learned([seen(told=Told.ROUTE, at=START)], cells)
    assert p(late, days=3) < p(cells, days=3)
    assert all(at >= (START + timedelta(days=3)).timestamp() for _, _, at in late.values())


@given(st.sampled_from([Told.APPROVED, Told.ROUTE, Told.CARDHOLDER]), st.sampled_from(Told))
def test_a_corrected_outcome_ends_near_where_it_would_have_begun(was: Told, told: Told) -> None:
    """Learning that a try was something else after all comes close to having known it from the start."""
    history = tries(A, paid(), approved=80, of=100)
    end = START + timedelta(days=1)
    wrong = learned([*history, seen(told=was, at=end)])
    right = learned([*history, seen(told=told, at=end)])
    corrected = {**wrong, **correct(wrong, seen(told=told, at=end), was=was)}
    assert (
        abs(p(corrected, days=1) - p(right, days=1)) <= 0.25 * abs(p(wrong, days=1) - p(right, days=1)) + 1e-3
    )


def test_a_technical_failure_says_nothing() -> None:
    assert learn({}, seen(told=Told.NOTHING)) == {}
    assert told_by(Category.PROCESSOR, "processing_error") is Told.NOTHING


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.code)
def test_every_standard_code_says_something_of_one_side(row: object) -> None:
    assert told_by(row.category, row.code) in {Told.ROUTE, Told.CARDHOLDER, Told.NOTHING}  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("insufficient_funds", Told.CARDHOLDER),
        ("expired_card", Told.CARDHOLDER),
        ("stolen_card", Told.CARDHOLDER),
        ("incorrect_number", Told.CARDHOLDER),
        ("do_not_honor", Told.ROUTE),
        ("fraudulent", Told.ROUTE),
        ("processing_error", Told.NOTHING),
    ],
)
def test_what_a_code_says(code: str, told: Told) -> None:
    row = next(row for row in ROWS if row.code == code)
    assert told_by(row.category, row.code) is told
