"""What issuers say, and in which order their reasons come."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recoup.kit.money import Money
from recoup.outcomes.codes.standard import STANDARD
from recoup.outcomes.core import AdviceAction, Hardness
from recoup.outcomes.core.classify import declined
from recoup.sandbox.core.balances import Balance, balance
from recoup.sandbox.core.codes import codes, no_funds
from recoup.sandbox.core.issuer import (
    Approval,
    Asked,
    CardState,
    Challenge,
    Refusal,
    Standing,
    Verdict,
    local_day,
    person_says,
)
from recoup.sandbox.core.people import POPULATION, Person, person
from recoup.sandbox.core.processors import ALPHA, BRAVO, CHARLIE, Processor

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
CROWD = [person(7, index, born=2026) for index in range(POPULATION)]
PLAIN = next(
    one for one in CROWD if not (one.looked_at or one.authenticates or one.hides_funds or one.dormant)
)
RICH = Standing(known=Balance(10**9, NOW))
POOR = Standing(known=Balance(0, NOW))


def says(who: Person = PLAIN, standing: Standing = RICH, **asked: Any) -> Verdict:
    fields: dict[str, Any] = {
        "processor": ALPHA,
        "amount": Money(1000, who.currency),
        "exp_month": who.exp_month,
        "exp_year": who.exp_year,
        "cvc_given": True,
        "postal_code_given": False,
        "by_merchant": False,
        "now": NOW,
    }
    return person_says(who, standing, Asked(**fields | asked))


def why(verdict: Verdict) -> str:
    assert isinstance(verdict, Refusal)
    return verdict.codes.code


def test_money_that_is_there_is_held() -> None:
    verdict = says()
    assert isinstance(verdict, Approval)
    assert verdict.held == 1000


def test_money_that_is_not_there_is_insufficient_funds() -> None:
    assert why(says(standing=POOR)) == "insufficient_funds"
    left = balance(PLAIN, None, NOW).minor
    assert isinstance(says(standing=Standing(), amount=Money(left, PLAIN.currency)), Approval)
    assert why(says(standing=Standing(), amount=Money(left + 1, PLAIN.currency))) == "insufficient_funds"


def test_some_issuers_do_not_say_that_money_is_missing() -> None:
    """About half of "do not honor" is hidden insufficient funds."""
    hiding = next(one for one in CROWD if one.hides_funds and not one.authenticates)
    assert why(says(hiding, POOR)) == "do_not_honor"


@pytest.mark.parametrize(
    ("state", "code"),
    [
        (CardState.LOST, "lost_card"),
        (CardState.STOLEN, "stolen_card"),
        (CardState.EXPIRED, "expired_card"),
        (CardState.CLOSED, "invalid_account"),
    ],
)
def test_a_dead_card_says_so_before_anything_else(state: CardState, code: str) -> None:
    assert why(says(standing=replace(POOR, state=state))) == code


def test_a_reissued_card_has_newer_details() -> None:
    assert why(says(standing=replace(RICH, generation=1))) == "new_account_information_available"
    newer = person(7, PLAIN.index, born=2026, generation=1)
    assert isinstance(says(newer, replace(RICH, generation=1)), Approval)
    assert why(says(newer, RICH)) == "incorrect_number", "a number that was not issued yet"


def test_expiry_dates_are_compared() -> None:
    assert why(says(exp_year=PLAIN.exp_year + 1)) == "expired_card"
    assert why(says(now=PLAIN.valid_until)) == "expired_card"
    assert isinstance(says(now=PLAIN.valid_until - timedelta(seconds=1)), Approval)


def test_limits() -> None:
    assert why(says(amount=Money(PLAIN.payment_max + 1, PLAIN.currency))) == "card_velocity_exceeded"
    today = replace(RICH, day=local_day(PLAIN, NOW), day_payments=PLAIN.day_payments_max)
    assert why(says(standing=today)) == "withdrawal_count_limit_exceeded"
    assert isinstance(says(standing=replace(today, day="2026-11-22")), Approval)


def test_authentication_comes_before_money() -> None:
    asking = next(one for one in CROWD if one.authenticates)
    assert isinstance(says(asking, POOR), Challenge)
    assert why(says(asking, RICH, by_merchant=True)) == "authentication_required"
    assert not isinstance(says(asking, RICH, authenticated=True), Challenge)
    assert not isinstance(says(asking, replace(RICH, set_up=True), by_merchant=True), Challenge)


@given(
    index=st.integers(0, POPULATION - 1),
    hour=st.integers(0, 23),
    processor=st.sampled_from([ALPHA, BRAVO, CHARLIE]),
)
def test_luck_belongs_to_card_route_and_day(index: int, hour: int, processor: Processor) -> None:
    """Trying again on the same day by the same route cannot help; that is what makes timing worth learning."""
    who = replace(CROWD[index], authenticates=False)
    amount = Money(min(1000, who.payment_max), who.currency)
    start = NOW.replace(hour=0)
    answers = {
        type(
            says(who, Standing(known=Balance(10**9, moment)), processor=processor, amount=amount, now=moment)
        )
        for moment in (start + timedelta(hours=hour, minutes=n) for n in (0, 20, 40))
        if local_day(who, moment) == local_day(who, start + timedelta(hours=hour))
    }
    assert len(answers) == 1


def test_another_route_or_another_day_can_help() -> None:
    wary = [one for one in CROWD if one.looked_at and not one.authenticates]
    refused = [one for one in wary if isinstance(says(one, RICH), Refusal)]
    assert 0 < len(refused) < len(wary) // 4
    assert sum(isinstance(says(one, RICH, processor=BRAVO), Approval) for one in refused) > len(refused) // 2
    tomorrow = [
        says(one, replace(RICH, known=Balance(10**9, NOW + timedelta(days=1))), now=NOW + timedelta(days=1))
        for one in refused
    ]
    assert sum(isinstance(each, Approval) for each in tomorrow) > len(refused) // 2


def test_home_is_where_payments_are_liked() -> None:
    """Local acquiring: over many days, a processor at home is refused less."""
    germans = [one for one in CROWD if one.facts.country == "DE" and one.looked_at and not one.authenticates]
    days = [NOW + timedelta(days=day) for day in range(60)]

    def refusals(processor: Processor) -> int:
        return sum(
            isinstance(says(one, Standing(known=Balance(10**9, day)), processor=processor, now=day), Refusal)
            for one in germans
            for day in days
        )

    assert refusals(CHARLIE) < refusals(ALPHA)


def test_who_is_not_looked_at_is_never_unlucky() -> None:
    calm = [one for one in CROWD if not (one.looked_at or one.authenticates)]
    assert not [
        one for one in calm if not isinstance(says(one, RICH, amount=Money(500, one.currency)), Approval)
    ]


@pytest.mark.parametrize("brand", ["visa", "mastercard", "amex", "discover"])
@pytest.mark.parametrize("code", sorted(set(STANDARD) - {"other"}))
def test_every_standard_code_can_be_asked_for_and_is_understood(code: str, brand: str) -> None:
    said = codes(code, brand)
    assert len(said.network_code) == 2
    meant = declined(
        "alpha",
        said.code,
        on=NOW.date(),
        network_code=said.network_code,
        advice_code=said.advice_code,
        brand=brand,
    ).decline
    assert meant.recognised
    assert meant.code == code


def test_mastercards_issuers_say_when_to_come_back() -> None:
    waits = {
        timedelta(minutes=30): "24",
        timedelta(hours=20): "25",
        timedelta(days=3): "27",
        timedelta(days=20): "30",
    }
    for wait, advice in waits.items():
        assert no_funds("insufficient_funds", "mastercard", until_payday=wait).advice_code == advice
    assert no_funds("insufficient_funds", "mastercard", until_payday=None).advice_code == "30"
    assert no_funds("insufficient_funds", "visa", until_payday=timedelta(days=3)).advice_code is None
    said = no_funds("insufficient_funds", "mastercard", until_payday=timedelta(hours=30))
    meant = declined(
        "alpha", said.code, on=NOW.date(), network_code="51", advice_code=said.advice_code, brand="mastercard"
    )
    assert meant.decline.advice.action is AdviceAction.RETRY_LATER
    assert meant.decline.advice.wait == timedelta(days=2)


def test_wrapped_codes_of_mastercard_mean_what_is_in_them() -> None:
    stops = {"fraudulent": "83", "transaction_not_allowed": "82", "invalid_account": "79"}
    for code, wrapper in stops.items():
        said = codes(code, "mastercard")
        assert said.network_code == wrapper
        meant = declined(
            "alpha",
            code,
            on=NOW.date(),
            network_code=wrapper,
            advice_code=said.advice_code,
            brand="mastercard",
        )
        assert meant.decline.hardness is Hardness.HARD
