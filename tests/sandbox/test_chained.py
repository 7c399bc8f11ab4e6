"""Processors and the card network: what is answered when issuers or the network fail, and that nothing stays held."""

from __future__ import annotations

import asyncio
import random
from datetime import timedelta

import pytest
from tests.sandbox.town import Shop, Town, a_town, body, new_key

from recoup.db import Database
from recoup.kit.clock import ManualClock
from recoup.kit.money import Money
from recoup.outcomes.core import Approved, Declined, Done, Unknown, Unprocessed, Withdrawn
from recoup.sandbox.cards import PUBLISHED
from recoup.sandbox.chain.messages import Request, wire_key
from recoup.sandbox.core.faults import FaultKind
from recoup.sandbox.core.processors import ProcessorName
from recoup.sandbox.worlds.flow import Holder

PATIENCE_S = 30.0
ASKS = "4000002500003155"
FAULTS = (
    FaultKind.NETWORK_SILENT,
    FaultKind.ISSUER_DOWN,
    FaultKind.RESET_AFTER,
    FaultKind.RESET_BEFORE,
    FaultKind.GARBAGE,
    None,
    None,
)


async def payer(shop: Shop) -> Holder:
    return await shop.holder(predictable=True, currency="USD", balance_min=50_000)


async def all_told(shop: Shop) -> None:
    """Wait until nothing is left to tell."""
    async with asyncio.timeout(PATIENCE_S):
        while await waiting(shop):  # noqa: ASYNC110 - the database is asked, nobody tells
            await asyncio.sleep(0.02)


async def waiting(shop: Shop) -> int:
    row = await shop.town.database.fetch_one(
        "select count(*) from sandbox.advices where world_id = %(id)s", {"id": shop.merchant_id}
    )
    assert row is not None
    return int(row["count"])


def held_by_issuer(shop: Shop, holder: Holder, key: str) -> Request:
    """What a processor asked that died before it wrote the answer down."""
    return Request(
        world_id=shop.merchant_id,
        acquirer=ProcessorName.ALPHA,
        key=wire_key(key),
        card=f"person:{holder.who.index}:{holder.who.generation}",
        number=holder.number.reveal(),
        amount=Money(1000, "USD"),
        exp_month=holder.who.exp_month,
        exp_year=holder.who.exp_year,
        cvc_given=True,
    )


async def test_a_silent_network_is_a_decline_and_nothing_stays_held(shop: Shop) -> None:
    """The issuer has approved, and its answer was lost: the money must not be missing."""
    holder = await payer(shop)
    await shop.fault(FaultKind.NETWORK_SILENT, delay_s=1)
    key = new_key()
    outcome = await shop.charge(holder, key=key)
    assert isinstance(outcome, Declined)
    assert (outcome.decline.code, outcome.decline.network_code) == ("issuer_not_available", "91")
    assert await shop.ask("lookup", key) == outcome
    await all_told(shop)
    assert (await shop.again(holder)).balance == holder.balance
    assert await shop.counts() == (1, 0, 0)
    assert isinstance(await shop.charge(holder, payment="pay_2"), Approved)


async def test_the_network_stands_in_for_an_issuer_that_is_down(shop: Shop) -> None:
    holder = await payer(shop)
    await shop.fault(FaultKind.ISSUER_DOWN, left=2)
    assert isinstance(await shop.charge(holder, amount=5000), Approved)
    refused = await shop.charge(holder, amount=5001, payment="pay_2")
    assert isinstance(refused, Declined)
    assert refused.decline.network_code == "91"
    await all_told(shop)
    assert (await shop.again(holder)).balance == holder.balance - 5000
    assert await shop.counts() == (2, 1, 0)


async def test_what_the_network_approved_is_refunded_like_any_other(shop: Shop) -> None:
    holder, key = await payer(shop), new_key()
    await shop.fault(FaultKind.ISSUER_DOWN)
    assert isinstance(await shop.charge(holder, key=key), Approved)
    assert isinstance(await shop.change("refund", key, 400), Done)
    await all_told(shop)
    assert (await shop.again(holder)).balance == holder.balance - 600


async def test_a_processor_that_died_after_the_issuer_answered_lets_go(shop: Shop) -> None:
    """Nobody knows the charge, and its issuer holds the money: burning the key reverses it."""
    holder, key = await payer(shop), new_key()
    await shop.town.chain.acquirers.authorise(held_by_issuer(shop, holder, key))
    assert (await shop.again(holder)).balance == holder.balance - 1000
    assert isinstance(await shop.ask("withdraw", key), Withdrawn)
    await all_told(shop)
    assert (await shop.again(holder)).balance == holder.balance
    assert isinstance(await shop.charge(holder, key=key), Unprocessed)
    assert (await shop.again(holder)).balance == holder.balance
    assert await shop.counts() == (0, 0, 0)


async def test_a_processor_that_died_may_be_asked_again(shop: Shop) -> None:
    """The same key is the same authorisation, so the account is charged once."""
    holder, key = await payer(shop), new_key()
    await shop.town.chain.acquirers.authorise(held_by_issuer(shop, holder, key))
    assert isinstance(await shop.charge(holder, key=key), Approved)
    assert (await shop.again(holder)).balance == holder.balance - 1000
    assert await shop.counts() == (1, 1, 0)


async def test_another_request_under_a_key_that_its_issuer_knows_gets_no_promise(shop: Shop) -> None:
    holder, key = await payer(shop), new_key()
    await shop.town.chain.acquirers.authorise(held_by_issuer(shop, holder, key))
    reply = await shop.http("POST", "/alpha/charges", body(), key=key)
    assert (reply.status, reply.json["error"]["code"]) == (409, "key_reused")
    assert "processed" not in reply.json
    assert await shop.counts() == (0, 0, 0)


async def test_what_was_not_told_is_told_by_the_next_server(town: Town, database: Database) -> None:
    """A processor that dies between writing a refund down and telling the issuer has not forgotten it."""
    shop = await town.shop()
    holder, key = await payer(shop), new_key()
    await shop.charge(holder, key=key)
    for host in town.chain.issuers.values():
        await host.stop()
    await town.chain.network.stop()
    assert isinstance(await shop.change("refund", key, 1000), Done)
    assert (await shop.again(holder)).balance == holder.balance - 1000
    assert await waiting(shop) == 1
    async with a_town(database, clock=ManualClock(town.clock.now() + timedelta(minutes=1))):
        await all_told(shop)
        row = await database.fetch_one(
            "select balance from sandbox.accounts where world_id = %(id)s and account = %(account)s",
            {"id": shop.merchant_id, "account": f"person:{holder.who.index}"},
        )
    assert row is not None
    assert row["balance"] > holder.balance - 1000


async def test_without_a_network_everything_is_declined(shop: Shop) -> None:
    await shop.town.chain.network.stop()
    outcome = await shop.charge()
    assert isinstance(outcome, Declined)
    assert outcome.decline.network_code == "91"


@pytest.mark.parametrize("result", ["approve", "fail"])
async def test_a_charge_that_was_called_off_is_not_approved_by_its_customer(shop: Shop, result: str) -> None:
    """The reversal of what the customer might still do comes first, and holds."""
    key = new_key()
    outcome = await shop.charge(ASKS, key=key)
    await shop.ask("withdraw", key)
    url = getattr(outcome, "url", "")
    async with shop.town.session.request("POST", url, data={"result": result}) as response:
        assert "settled" in await response.text()
    assert isinstance(await shop.ask("lookup", key), Declined)
    await all_told(shop)
    assert await shop.counts() == (1, 0, 0)


async def test_no_card_number_is_kept_on_the_chain(shop: Shop) -> None:
    holder = await payer(shop)
    await shop.fault(FaultKind.ISSUER_DOWN)
    for card in (holder, "4111111111111111", ASKS):
        await shop.charge(card, amount=100)
    for host in shop.town.chain.issuers.values():
        await host.stop()
    await shop.charge("4242424242424242", amount=100)
    assert await waiting(shop)
    numbers = [holder.number.reveal(), "4111111111111111", *PUBLISHED]
    for table in ("authorisations", "advices"):
        rows = await shop.town.database.fetch_all(f"select t::text as row from sandbox.{table} t")
        text = "\n".join(row["row"] for row in rows)
        assert rows and not [number for number in numbers if number in text]


async def test_a_new_world_is_not_charged_for_the_old_one(shop: Shop) -> None:
    """What the network approved for somebody of the old world is nobody's in the new one."""
    holder = await payer(shop)
    stopped = [(host, host.port) for host in shop.town.chain.issuers.values()]
    for host, _ in stopped:
        await host.stop()
    assert isinstance(await shop.charge(holder, amount=100), Approved)
    async with shop.town.database.transaction() as connection:
        await shop.town.worlds.restart(connection, shop.merchant_id, seed=8)
    for host, port in stopped:
        await host.start(port=port)
    await all_told(shop)
    touched = await shop.town.database.fetch_all(
        "select 1 from sandbox.accounts where world_id = %(id)s and epoch = 2", {"id": shop.merchant_id}
    )
    assert touched == []


async def test_more_than_a_message_can_hold_is_an_invalid_amount(shop: Shop) -> None:
    outcome = await shop.charge(amount=10**12)
    assert isinstance(outcome, Declined)
    assert outcome.decline.code == "invalid_amount"


async def pay_somehow(shop: Shop, holder: Holder, number: int, chance: random.Random) -> str:
    """A charge with something wrong, and what a careful merchant does then: look, withdraw, or refund a part."""
    key, order = new_key(), f"order-{number}"
    fault = chance.choice(FAULTS)
    if fault is not None:
        given = {"delay_s": 0} if fault is FaultKind.NETWORK_SILENT else {}
        await shop.fault(fault, merchant_reference=order, **given)
    outcome = await shop.charge(
        holder, key=key, payment=order, merchant_reference=order, amount=chance.randrange(1, 4000)
    )
    if isinstance(outcome, Unknown) and chance.random() < 0.7:
        await shop.ask("withdraw", key)
    if isinstance(outcome, Approved) and chance.random() < 0.5:
        await shop.change("refund", key, 1)
    return key


async def test_accounts_are_charged_what_processors_say(shop: Shop) -> None:
    """Money is neither made nor lost, whatever goes wrong on the way: every account misses what was taken of it."""
    chance = random.Random(20261122)
    people = await shop.holders(4, predictable=True, currency="USD", balance_min=100_000)
    payers = [chance.choice(people) for _ in range(40)]
    keys = await asyncio.gather(
        *(pay_somehow(shop, holder, number, chance) for number, holder in enumerate(payers))
    )
    await shop.town.traffic.quiet()
    await all_told(shop)
    charges = await shop.town.worlds.charges(shop.merchant_id, order=None, after=None, limit=100)
    taken = {line.key: line.amount - line.refunded for line in charges if line.state == "approved"}
    assert len(taken) > 10
    for holder in people:
        own = [key for key, payer in zip(keys, payers, strict=True) if payer is holder]
        missing = holder.balance - (await shop.again(holder)).balance
        assert missing == sum(taken.get(key, 0) for key in own)
