"""Every published test card does what its number promises, over real HTTP."""

from __future__ import annotations

import pytest
from tests.sandbox.town import START, Shop, new_key

from recoup.connectors.base import Initiator
from recoup.outcomes.core import ActionRequired, Approved, Checks, Declined, Done, Pending, Refused
from recoup.sandbox import cards
from recoup.sandbox.cards import PUBLISHED, Authentication, Check, RefundCourse, check_digit, luhn_valid
from recoup.sandbox.core.charges import REFUND_TAKES

DECLINES = {
    "4000000000000002": ("generic_decline", "05"),
    "4000000000009995": ("insufficient_funds", "51"),
    "4000000000009987": ("lost_card", "41"),
    "4000000000009979": ("stolen_card", "43"),
    "4000000000000069": ("expired_card", "54"),
    "4000000000000127": ("incorrect_cvc", "N7"),
    "4000000000000119": ("processing_error", "96"),
    "4242424242424241": ("incorrect_number", "14"),
    "4000000000006975": ("card_velocity_exceeded", "61"),
    "4000000000000341": ("generic_decline", "05"),
    "4100000000000019": ("fraudulent", "59"),
    "4000000000004954": ("fraudulent", "59"),
    "4000000000000101": ("incorrect_cvc", "N7"),
    "4000058400307872": ("incorrect_cvc", "N7"),
    "4000008400001280": ("generic_decline", "05"),
}
ASK = [card for card in PUBLISHED.values() if card.authentication is not Authentication.NEVER]


def test_no_number_is_there_twice_and_only_one_cannot_be_a_number() -> None:
    parts = (
        cards._DECLINES,
        cards._RISKS,
        cards._DISPUTES,
        cards._REFUNDS,
        cards._AUTHENTICATION,
        cards._OTHERS,
    )
    plain = f"{cards._BY_BRAND}{cards._BY_COUNTRY}".strip().splitlines()
    assert len(PUBLISHED) == sum(map(len, parts)) + len([line for line in plain if line.strip()])
    assert [number for number in PUBLISHED if not luhn_valid(number)] == ["4242424242424241"]


def test_the_check_digit_is_that_of_the_formula() -> None:
    assert [
        check_digit(number[:-1]) for number in ("4242424242424242", "378282246310005", "79927398713")
    ] == [2, 5, 3]
    assert not luhn_valid("")
    assert not luhn_valid("42424242x")


async def test_every_card_that_approves_is_approved(shop: Shop) -> None:
    fine = [
        number
        for number, card in PUBLISHED.items()
        if number not in DECLINES and card.authentication is Authentication.NEVER
    ]
    assert len(fine) > 110
    outcomes = {number: await shop.charge(number, payment=number) for number in fine}
    assert {number: each for number, each in outcomes.items() if not isinstance(each, Approved)} == {}
    assert all(isinstance(each, Approved) and each.captured for each in outcomes.values())
    assert await shop.counts() == (len(fine), len(fine), 0)


async def test_every_card_that_declines_says_why(shop: Shop) -> None:
    for number, (code, network_code) in DECLINES.items():
        outcome = await shop.charge(number)
        assert isinstance(outcome, Declined), number
        decline = outcome.decline
        assert (decline.processor_code, decline.code, decline.network_code) == (code, code, network_code), (
            number
        )
        assert decline.recognised
    assert await shop.counts() == (len(DECLINES), 0, 0)


async def test_a_check_that_nothing_was_given_to_cannot_fail(shop: Shop) -> None:
    """Stripe's own rule: without a security code the cards of a wrong one are approved."""
    for number in ("4000000000000127", "4000000000000101"):
        assert isinstance(await shop.charge(number, cvc=None), Approved)


@pytest.mark.parametrize(
    ("number", "postal_code", "address"),
    [
        ("4000000000000036", "fail", None),
        ("4000058400306072", "fail", None),
        ("4000000000000028", "pass", "fail"),
        ("4000000000000010", "fail", "fail"),
        ("4000000000000044", "unavailable", "unavailable"),
        ("4242424242424242", "pass", None),
    ],
)
async def test_what_the_checks_say(shop: Shop, number: str, postal_code: str, address: str | None) -> None:
    outcome = await shop.charge(number, postal_code="94103")
    assert isinstance(outcome, Approved)
    assert outcome.checks == Checks(cvc="pass", postal_code=postal_code, address=address)


async def test_a_card_expires(shop: Shop) -> None:
    last_month = (START.month - 1, START.year)
    for number in ("4242424242424242", "4000002500003155", "4000000000009995"):
        outcome = await shop.charge(number, expiry=last_month)
        assert isinstance(outcome, Declined)
        assert outcome.decline.code == "expired_card"
    assert isinstance(await shop.charge(expiry=(START.month, START.year)), Approved)


async def test_the_customer_is_asked_where_the_card_wants_it(shop: Shop) -> None:
    asked = {card.number for card in ASK if isinstance(await shop.charge(card.number), ActionRequired)}
    assert asked == {card.number for card in ASK} - {"4000008400001280"}
    assert isinstance(await shop.charge("4000000032200000"), Approved), "authentication that nobody notices"


@pytest.mark.parametrize(
    ("number", "code"),
    [
        ("4000002500003155", "authentication_required"),
        ("4000002760003184", "authentication_required"),
        ("4000000000003220", "authentication_required"),
        ("4000003800000446", None),
        ("4000008260003178", "insufficient_funds"),
        ("4000000000003055", None),
        ("4000000000003097", None),
        ("4000008400001629", "authentication_required"),
    ],
)
async def test_payments_that_the_merchant_starts(shop: Shop, number: str, code: str | None) -> None:
    """Nobody is there to authenticate: what needs it is declined, with the network's soft decline."""
    outcome = await shop.charge(number, initiator=Initiator.MERCHANT)
    if code is None:
        assert isinstance(outcome, Approved)
    else:
        assert isinstance(outcome, Declined)
        assert outcome.decline.code == code


async def test_a_pending_refund_is_done_later(shop: Shop) -> None:
    key, refund = new_key(), new_key()
    await shop.charge("4000000000007726", key=key)
    pending = await shop.change("refund", key, 400, key=refund)
    assert isinstance(pending, Pending)
    assert await shop.ask("lookup_change", refund) == pending
    await shop.wait(REFUND_TAKES)
    assert await shop.ask("lookup_change", refund) == Done(pending.reference)
    assert (await shop.summary()).counts.refunded == {"USD": 400}


async def test_a_refund_that_was_done_fails_later(shop: Shop) -> None:
    key, refund = new_key(), new_key()
    await shop.charge("4000000000005126", key=key)
    assert isinstance(await shop.change("refund", key, 400, key=refund), Done)
    assert (await shop.summary()).counts.refunded == {"USD": 400}
    await shop.wait(REFUND_TAKES)
    failed = await shop.ask("lookup_change", refund)
    assert isinstance(failed, Refused)
    assert failed.code == "refund_failed"
    assert (await shop.summary()).counts.refunded == {"USD": 0}


async def test_a_number_that_nobody_has_is_declined(shop: Shop) -> None:
    for number in ("4111111111111111", "6011000990139425", "340000000000009"):
        outcome = await shop.charge(number)
        assert isinstance(outcome, Declined)
        assert (outcome.decline.code, outcome.decline.network_code) == ("incorrect_number", "14")


def test_only_the_cards_of_the_list_take_their_time_with_refunds() -> None:
    slow = {number for number, card in PUBLISHED.items() if card.refund is not RefundCourse.AT_ONCE}
    assert slow == {"4000000000007726", "4000000000005126"}
    wrong_codes = {number for number, card in PUBLISHED.items() if card.cvc is Check.FAIL}
    assert wrong_codes == {"4000000000000127", "4000000000000101", "4000058400307872"}
