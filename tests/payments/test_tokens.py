"""Payments with what processors keep: each account is charged with its own token, and what comes back is kept."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any, Final
from uuid import UUID

from tests.payments.bank import Gate, Lost, decline
from tests.payments.house import House

from recoup.connectors.base import Card, Charge, Token
from recoup.db import Database
from recoup.kit.ids import Kind, render
from recoup.kit.secret import Secret
from recoup.merchants.core import Merchant
from recoup.outcomes.core import Approved
from recoup.payments.core import Snapshot, Status
from recoup.payments.flow import Means
from recoup.vault.core import CustomerDetails
from recoup.vault.wire import KnownCard, TokenData, TokenMethodData

TAKEN: Final = Approved("ch-1", captured=True, token=Secret("tok_given"), token_customer="cus_given")


async def accounts(house: House, merchant: Merchant) -> dict[str, UUID]:
    return {one.connector: one.id for one in await house.accounts.accounts_of(merchant.id)}


async def token_means(
    house: House, merchant: Merchant, at: str = "north", token: str = "tok_north", **card: Any
) -> Means:
    """A processor's token that comes with a payment."""
    account = render(Kind.PROCESSOR_ACCOUNT, (await accounts(house, merchant))[at])
    data = TokenMethodData(processor_account=account, token=Secret(token), card=KnownCard(**card))
    return await house.wallet.open_new_card(merchant, data, None, house.now)


async def pay_with(house: House, merchant: Merchant, means: Means, **changes: Any) -> Snapshot:
    new = house.new_payment(merchant, **changes)
    return await house.payments.create(merchant, new, means, claim=None, now=house.now)


async def customers_card(house: House, merchant: Merchant) -> Means:
    """A new card of a customer."""
    async with house.database.transaction() as connection:
        customer = await house.customers.create(connection, merchant, CustomerDetails(), now=house.now)
    means = await house.means(merchant)
    assert means.new_card is not None
    return replace(means, customer_id=customer.id, new_card={**means.new_card, "customer_id": customer.id})


async def add(house: House, merchant: Merchant, method_id: UUID, at: str, token: str) -> None:
    account = render(Kind.PROCESSOR_ACCOUNT, (await accounts(house, merchant))[at])
    data = TokenData(processor_account=account, token=Secret(token), processor_customer="cus_9")
    async with house.database.transaction() as connection:
        await house.methods.put_token(connection, merchant, method_id, data, now=house.now)


def charged(house: House) -> list[Charge]:
    return list(house.bank.charges.values())


async def test_only_who_keeps_it_is_asked(house: House, merchant: Merchant) -> None:
    """A decline in which another processor helps goes nowhere: no other has anything to charge."""
    house.bank.will("charge", decline())
    paid = await pay_with(house, merchant, await token_means(house, merchant))
    assert paid.payment.status is Status.DECLINED
    assert [one.processor for one in house.bank.asked] == ["north"]
    assert charged(house)[0].source == Token(Secret("tok_north"), None, "unknown")


async def test_failover_goes_from_token_to_token(house: House, merchant: Merchant) -> None:
    first = await pay_with(house, merchant, await token_means(house, merchant, brand="visa"))
    method_id = first.payment.payment_method_id
    assert method_id is not None
    await add(house, merchant, method_id, "south", "tok_south")
    means, _ = await house.payments.stored_means(merchant, method_id)
    house.bank.will("charge", decline())
    paid = await pay_with(house, merchant, means)
    assert paid.payment.status is Status.CAPTURED
    sources = [one.source for one in charged(house)[1:]]
    assert sources == [
        Token(Secret("tok_north"), None, "visa"),
        Token(Secret("tok_south"), "cus_9", "visa"),
    ]


async def test_a_card_goes_to_those_who_have_no_token(house: House, merchant: Merchant) -> None:
    stored = await house.pay(merchant)
    method_id = stored.payment.payment_method_id
    assert method_id is not None
    await add(house, merchant, method_id, "north", "tok_north")
    means, _ = await house.payments.stored_means(merchant, method_id)
    house.bank.will("charge", decline())
    await pay_with(house, merchant, means)
    by_token, by_card = [one.source for one in charged(house)[1:]]
    assert isinstance(by_token, Token)
    assert isinstance(by_card, Card)


async def test_the_same_token_is_the_same_card_however_often_it_is_sent(
    house: House, merchant: Merchant
) -> None:
    """Networks count by card, and a merchant may send the token anew with each payment."""
    one, same = await token_means(house, merchant), await token_means(house, merchant)
    other = await token_means(house, merchant, token="tok_other")
    elsewhere = await token_means(house, merchant, at="south")
    assert one.fingerprint == same.fingerprint
    assert len({one.fingerprint, other.fingerprint, elsewhere.fingerprint}) == 3


async def test_a_customer_s_card_is_to_be_remembered_once(house: House, merchant: Merchant) -> None:
    house.bank.will("charge", TAKEN)
    first = await pay_with(house, merchant, await customers_card(house, merchant))
    assert charged(house)[0].remember
    assert first.payment.payment_method_id is not None
    means, owner = await house.payments.stored_means(merchant, first.payment.payment_method_id)
    assert owner is not None
    await pay_with(house, merchant, means, customer_id=owner)
    again = charged(house)[1]
    assert (again.source, again.remember) == (Token(Secret("tok_given"), "cus_given", "visa"), False)
    assert again.customer_key == render(Kind.CUSTOMER, owner)


async def test_nobody_s_card_and_an_absent_customer_s_are_not(house: House, merchant: Merchant) -> None:
    await house.pay(merchant)
    await pay_with(house, merchant, await customers_card(house, merchant), initiator="merchant")
    assert [one.remember for one in charged(house)] == [False, False]


async def test_a_token_in_an_answer_that_was_lost_is_found_with_it(house: House, merchant: Merchant) -> None:
    house.bank.will("charge", Lost(TAKEN))
    lost = await pay_with(house, merchant, await customers_card(house, merchant))
    await house.wait(seconds=2)
    await house.work()
    assert (await house.snapshot(merchant, lost.payment.id)).payment.status is Status.CAPTURED
    assert lost.payment.payment_method_id is not None
    means, _ = await house.payments.stored_means(merchant, lost.payment.payment_method_id)
    assert [one.value for one in means.tokens.values()] == [Secret("tok_given")]


async def test_a_token_that_comes_after_others_found_the_approval_is_kept(
    house: House, merchant: Merchant
) -> None:
    gate = Gate(TAKEN)
    house.bank.will("charge", gate)
    means = await customers_card(house, merchant)
    new = house.new_payment(merchant)
    paying = asyncio.create_task(house.payments.create(merchant, new, means, claim=None, now=house.now))
    await gate.entered.wait()
    await house.wait(seconds=45)
    house.bank.will("lookup", replace(TAKEN, token=None))
    await house.another_process().settle(merchant, new.id)
    house.bank.settle(house.bank.keys("charge")[0], TAKEN)
    gate.opened.set()
    assert (await paying).payment.status is Status.CAPTURED
    kept, _ = await house.payments.stored_means(merchant, means.payment_method_id)
    assert [one.value for one in kept.tokens.values()] == [Secret("tok_given")]


async def test_a_renewed_card_is_not_what_processors_remember(house: House, merchant: Merchant) -> None:
    """They have its old expiry; what the merchant brought stays."""
    house.bank.will("charge", TAKEN)
    paid = await pay_with(house, merchant, await customers_card(house, merchant))
    method_id = paid.payment.payment_method_id
    assert method_id is not None
    await add(house, merchant, method_id, "south", "tok_south")
    async with house.database.transaction() as connection:
        await house.methods.update(connection, merchant, method_id, exp_year=2034, now=house.now)
    means, _ = await house.payments.stored_means(merchant, method_id)
    assert [one.value for one in means.tokens.values()] == [Secret("tok_south")]


async def test_changes_say_what_there_is(house: House, merchant: Merchant) -> None:
    """Whole and final are what processors may void or close by, so they are said of the whole charge alone."""
    payment_id = await house.authorized(merchant)
    await house.capture(merchant, payment_id, 400)
    await house.wait(seconds=1)
    await house.capture(merchant, payment_id, 100)
    await house.cancel(merchant, payment_id)
    await house.refund(merchant, payment_id, 200)
    await house.refund(merchant, payment_id)
    changes = [change for _, change in house.bank.changes.values()]
    assert [(one.amount.minor, one.whole, one.final) for one in changes] == [
        (400, False, False),
        (100, False, False),
        (500, False, True),
        (200, False, True),
        (300, False, True),
    ]
    assert [one.last4 for one in changes] == [None, None, None, "4242", "4242"]
    second = [key for key, (verb, _) in house.bank.changes.items() if verb == "capture"][1]
    assert changes[-1].capture_reference == f"capture-{second}"
    taken = await house.pay(merchant)
    await house.refund(merchant, taken.payment.id)
    last = [change for _, change in house.bank.changes.values()][-1]
    assert (last.whole, last.final, last.capture_reference) == (True, True, None)


async def test_a_token_is_put_with_one_connection(
    house: House, merchant: Merchant, database_url: str
) -> None:
    """Requests that hold a connection and wait for another would hold up each other."""
    paid = await house.pay(merchant)
    method_id = paid.attempts[0].payment_method_id
    account = render(Kind.PROCESSOR_ACCOUNT, (await accounts(house, merchant))["north"])
    data = TokenData(processor_account=account, token=Secret("tok_put"))
    async with await Database.open(database_url, connections_max=1, wait_s=0.2) as database:
        other = house.another_process(database)
        async with database.transaction() as connection:
            put = await other.methods.put_token(connection, merchant, method_id, data, now=house.now)
    assert len(put.tokens) == 1
