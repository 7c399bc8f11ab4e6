"""What a person decides of a line is posted as the line would have been: its fee, and what differs."""

from __future__ import annotations

from typing import Final

import pytest
from tests.payments.bank import lost_card
from tests.settlements.desk import Desk, attempt_of, charged
from tests.settlements.reports import stripe_row

from recoup.kit.money import Money
from recoup.kit.refusals import Refusal
from recoup.ledger.core import AccountKind
from recoup.merchants.core import Fees
from recoup.merchants.flow import NewAccount
from recoup.settlements.core.reasons import ExceptionState, Resolution

OWED: Final = (AccountKind.RECEIVABLE, AccountKind.FEES, AccountKind.DIFFERENCES, AccountKind.IN_TRANSIT)


async def priced(desk: Desk) -> Desk:
    """The desk of an account whose contract is known: 2.9 % and 30 cents."""
    house = desk.house
    async with house.database.transaction() as connection:
        fees = Fees(basis_points=290, fixed=30, currency="USD")
        new = NewAccount("south", label="Priced", credentials={}, fees=fees, country="US")
        account = await house.accounts.create(connection, desk.merchant, new, now=house.now)
    house.accounts._remembered.forget(desk.merchant.id)
    return Desk(house, desk.merchant, account.id)


async def test_what_is_accepted_is_posted_as_a_difference(desk: Desk) -> None:
    paid = await desk.paid()
    report = await desk.stripe(charged(paid, 990, 0), stripe_row("charge", 77))
    differs, unknown = await desk.exceptions(report)
    await desk.resolved(differs.id, Resolution.ACCEPTED)
    await desk.resolved(unknown.id, Resolution.ACCEPTED)
    kinds = (AccountKind.RECEIVABLE, AccountKind.DIFFERENCES, AccountKind.IN_TRANSIT)
    assert await desk.balances(*kinds) == [0, 10 - 77, 1067]
    with pytest.raises(Refusal, match="resolved already"):
        await desk.resolved(differs.id, Resolution.ACCEPTED)


async def test_an_exception_is_linked_or_ignored_with_a_reason(desk: Desk) -> None:
    paid = await desk.paid()
    report = await desk.stripe(stripe_row("charge", 1000), stripe_row("charge", 5))
    one, other = await desk.exceptions(report)
    linked = await desk.resolved(one.id, Resolution.LINKED, payment_id=paid.payment.id)
    assert (linked.state, linked.payment_id) == (ExceptionState.RESOLVED, paid.payment.id)
    assert (await desk.lines(report))[0].payment_id == paid.payment.id
    with pytest.raises(Refusal, match="why"):
        await desk.resolved(other.id, Resolution.IGNORED, note=" ")
    ignored = await desk.resolved(other.id, Resolution.IGNORED, note="made at the counter")
    assert ignored.note == "made at the counter"
    with pytest.raises(Refusal, match="no payment"):
        await desk.resolved(other.id, Resolution.LINKED, payment_id=desk.house.new_id())


@pytest.mark.parametrize(
    ("gross", "fee", "net"),
    [(990, 40, 950), (1015, 45, 970), (1000, 40, 955)],
    ids=["less", "more", "sums differ"],
)
async def test_accepting_a_difference_posts_the_fee_too(desk: Desk, gross: int, fee: int, net: int) -> None:
    """The processor owes nothing once what it paid out was accepted: its fee is a fee, the rest a difference."""
    paid = await desk.paid()
    row = charged(paid, gross, fee) | {"net": f"{net // 100}.{net % 100:02}"}
    report = await desk.stripe(row)
    (found,) = await desk.exceptions(report)
    assert await desk.balances(*OWED) == [1000 - net, 0, 0, net]
    await desk.resolved(found.id, Resolution.ACCEPTED)
    assert await desk.balances(*OWED) == [0, fee, 1000 - fee - net, net]


async def test_accepting_what_is_not_known_here_posts_its_fee_as_a_fee(desk: Desk) -> None:
    report = await desk.stripe(stripe_row("charge", 500, 20), stripe_row("refund", -100, 3))
    for found in await desk.exceptions(report):
        await desk.resolved(found.id, Resolution.ACCEPTED)
    assert await desk.balances(*OWED) == [0, 23, -400, 377]


async def test_accepting_a_converted_line_converts_it(desk: Desk) -> None:
    paid = await desk.paid(money=Money(5000, "JPY"))
    converted = {"customer_facing_amount": "4990", "customer_facing_currency": "jpy"}
    (found,) = await desk.exceptions(await desk.stripe(charged(paid, 3290, 96, **converted)))
    await desk.resolved(found.id, Resolution.ACCEPTED)
    kinds = (AccountKind.RECEIVABLE, AccountKind.EXCHANGE, AccountKind.DIFFERENCES)
    assert await desk.balances(*kinds, currency="JPY") == [0, 4990, 10]
    assert await desk.balances(AccountKind.RECEIVABLE, AccountKind.FEES, AccountKind.EXCHANGE) == [
        0,
        96,
        -3290,
    ]


async def test_linking_a_line_posts_its_fee(desk: Desk) -> None:
    paid = await desk.paid()
    (found,) = await desk.exceptions(await desk.stripe(stripe_row("charge", 1000, 30)))
    await desk.resolved(found.id, Resolution.LINKED, payment_id=paid.payment.id)
    assert await desk.balances(*OWED) == [0, 30, 0, 970]


async def test_a_fee_that_differs_is_posted_once(desk: Desk) -> None:
    """It was taken in any case: accepting it changes nothing of the money."""
    desk = await priced(desk)
    paid = await desk.paid(routing=(desk.account_id,))
    assert await desk.balances(AccountKind.FEES) == [59]
    (found,) = await desk.exceptions(await desk.stripe(charged(paid, fee=200)))
    assert (found.reason, found.expected, found.found) == ("fee_differs", 59, 200)
    assert await desk.balances(*OWED) == [0, 200, 0, 800]
    await desk.resolved(found.id, Resolution.ACCEPTED)
    assert await desk.balances(*OWED) == [0, 200, 0, 800]


async def test_a_fee_takes_the_place_of_the_one_that_was_expected(desk: Desk) -> None:
    """Whoever decides, and when: the expected fee is given back once, though two lines are about the payment."""
    desk = await priced(desk)
    paid = await desk.paid(routing=(desk.account_id,))
    report = await desk.stripe(stripe_row("charge", 1000, 61), charged(paid, 990, 62))
    unknown, differs = await desk.exceptions(report)
    await desk.resolved(differs.id, Resolution.ACCEPTED)
    assert await desk.balances(AccountKind.FEES) == [62]
    await desk.resolved(unknown.id, Resolution.LINKED, payment_id=paid.payment.id)
    assert await desk.balances(AccountKind.FEES) == [62 + 61]


async def test_captures_in_part_give_the_expected_fee_back_once(desk: Desk) -> None:
    desk = await priced(desk)
    payment_id = (await desk.paid(routing=(desk.account_id,), capture="manual")).payment.id
    await desk.house.capture(desk.merchant, payment_id, 400, final=False)
    await desk.house.capture(desk.merchant, payment_id, 300, final=True)
    held = await desk.house.snapshot(desk.merchant, payment_id)
    keys = {"payment_metadata[recoup_key]": attempt_of(held)}
    for rows in ([stripe_row("charge", 400, 20, **keys)], [stripe_row("charge", 300, 15, **keys)]):
        assert (await desk.stripe(*rows)).exceptions == 0
    assert await desk.balances(AccountKind.RECEIVABLE, AccountKind.FEES) == [0, 35]


async def test_accepting_a_charge_that_we_have_as_declined_posts_its_fee_alone(desk: Desk) -> None:
    """The charge itself is posted by the payment, when that is put right."""
    desk.house.bank.will("charge", lost_card())
    declined = await desk.paid()
    (found,) = await desk.exceptions(await desk.stripe(charged(declined, 1000, 30)))
    await desk.resolved(found.id, Resolution.ACCEPTED)
    assert await desk.balances(*OWED) == [-1000, 30, 0, 970]
