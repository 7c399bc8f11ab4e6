"""Nobody tries a card more often than its network allows: whoever asks and carries it, and however many at once."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from importlib.resources import files
from typing import Any, Final

import pytest
from tests.payments.bank import Gate, Lost, decline, no_funds
from tests.payments.house import House

from recoup.budgets.core import PastTry, next_try
from recoup.kit.money import Money
from recoup.kit.refusals import Refusal
from recoup.merchants.core import Merchant
from recoup.outcomes.core import Approved, Declined, Unprocessed
from recoup.payments import store
from recoup.payments.core import Reason, Snapshot, Status
from recoup.payments.flow.verifying import NewVerification, Verifying

VISA: Final = "4012888888881881"
MASTERCARD: Final = "5425233430109903"
TEN: Final = Money(1000, "USD")
TWENTY: Final = Money(2000, "USD")


async def pay(
    house: House, merchant: Merchant, number: str = VISA, money: Money = TEN, **changes: Any
) -> Snapshot:
    """Charge this card, as a payment method that is new."""
    means = await house.means(merchant, number)
    new = house.new_payment(merchant, money=money, **changes)
    return await house.payments.create(merchant, new, means, claim=None, now=house.now)


async def refused(house: House, merchant: Merchant, number: str = VISA, money: Money = TEN) -> str:
    """The code of the refusal of a payment, of which nothing is written."""
    before = len(await house.payments_of(merchant))
    with pytest.raises(Refusal) as caught:
        await pay(house, merchant, number, money)
    assert len(await house.payments_of(merchant)) == before
    return caught.value.code


async def test_the_seventeenth_decline_of_a_visa_card_in_a_month_is_not_asked_for(
    house: House, merchant: Merchant
) -> None:
    """The first is free, fifteen may follow: over processors, customers and merchants' tries, for one amount."""
    house.bank.will("charge", *[no_funds()] * 17, Approved("ok", captured=True))
    for number in range(16):
        assert (await pay(house, merchant, initiator=("customer", "merchant")[number % 2])).payment.decline
        await house.wait(hours=1)
    assert await refused(house, merchant) == "card_tries_exhausted"
    assert (await pay(house, merchant, money=TWENTY)).payment.status is Status.DECLINED
    other = await house.merchant()
    assert (await pay(house, other)).payment.status is Status.CAPTURED, "another merchant's tries are its own"
    await house.wait(days=30)
    assert (await pay(house, merchant)).payment.status is Status.CAPTURED


async def test_a_failover_stops_where_the_card_has_no_try_left(house: House, merchant: Merchant) -> None:
    house.bank.will("charge", *[no_funds()] * 6, *[decline()] * 2)
    for _ in range(6):
        await pay(house, merchant, MASTERCARD)
    tried = await pay(house, merchant, MASTERCARD)
    assert [one.reason for one in tried.attempts] == [Reason.INITIAL]
    assert await refused(house, merchant, MASTERCARD) == "card_tries_exhausted"


async def test_neither_a_person_nor_a_recovery_may_try_a_card_too_often(
    house: House, merchant: Merchant
) -> None:
    house.bank.will("charge", *[no_funds()] * 7)
    tried = [await pay(house, merchant, MASTERCARD) for _ in range(7)][-1]
    with pytest.raises(Refusal, match="mastercard_declines_24h: 7 of 7 declines in a day"):
        await house.confirm(merchant, tried.payment.id)
    with pytest.raises(Refusal, match="Cielo: card brands retry program, as of 2026-11-22"):
        await house.payments.retry(
            merchant, tried.payment.id, reason=Reason.RECOVERY, accounts=None, now=house.now
        )
    found = await house.snapshot(merchant, tried.payment.id)
    assert (len(found.attempts), found.payment.version) == (1, tried.payment.version)


async def test_what_stops_a_card_is_told_by_rule_source_and_date_and_leaves_the_key(
    house: House, merchant: Merchant
) -> None:
    """The shop may send the same key again, with a card that is good."""
    house.bank.will("charge", Declined(replace(no_funds().decline, rule="visa_category_1")))
    await pay(house, merchant)
    key = await house.key_of(merchant)
    body = {
        "amount": 1000,
        "currency": "USD",
        "payment_method_data": {
            "type": "card",
            "card": {"number": VISA, "exp_month": 12, "exp_year": 2030, "cvc": "123"},
        },
    }
    answer = await house.call("POST", "/v1/payments", body, key=key, once="k")
    error = answer.json["error"]
    assert (answer.status, error["type"], error["code"]) == (409, "conflict", "card_stopped_by_network")
    assert "visa_category_1" in error["message"] and "TabaPay" in error["message"]
    assert error["param"] == "payment_method"
    assert await house.stored_key(merchant, "k") is None
    body["payment_method_data"]["card"]["number"] = MASTERCARD  # type: ignore[index]
    assert (await house.call("POST", "/v1/payments", body, key=key, once="k")).status == 201


async def test_approvals_and_what_was_never_processed_use_up_nothing(
    house: House, merchant: Merchant
) -> None:
    """And what is kept of them stays small."""
    for number in range(30):
        house.bank.will("charge", *[Unprocessed("not sent")] * (2 * (number % 2)))
        await pay(house, merchant, MASTERCARD)
    row = await house.database.fetch_one(
        "select cardinality(tries) as tries, room from card_tries where merchant_id = %(id)s",
        {"id": merchant.id},
    )
    assert row is not None and row["tries"] <= row["room"] == 7


async def test_verifications_are_counted_like_payments(house: House, merchant: Merchant) -> None:
    house.bank.will("verify", *[no_funds()] * 7)
    made = await pay(house, merchant, MASTERCARD)
    method = made.payment.payment_method_id
    assert method is not None
    verifying = Verifying(house._tools())

    async def verify() -> Any:
        new = NewVerification(house.new_id(), method, "USD")
        return await verifying.verify(
            merchant, new, claim=house.claim(str(new.id), "v", new.id), now=house.now
        )

    for _ in range(7):
        assert (await verify()).status == "declined"
    with pytest.raises(Refusal) as caught:
        await verify()
    assert caught.value.code == "card_tries_exhausted"
    assert await refused(house, merchant, MASTERCARD) == "card_tries_exhausted"
    stop = Declined(replace(no_funds().decline, rule="mastercard_mac_03"))
    await house.wait(days=2)
    house.bank.will("verify", stop)
    assert (await verify()).status == "declined"
    with pytest.raises(Refusal, match="mastercard_mac_03"):
        await verify()
    assert (await pay(house, merchant, MASTERCARD)).payment.status is Status.CAPTURED, "another amount"


@pytest.mark.parametrize("used", [0, 6])
async def test_of_many_at_once_no_more_are_made_than_are_left(
    house: House, merchant: Merchant, used: int
) -> None:
    """Two processes, twelve payments of one card, seven tries a day; all are held until every one has been asked."""
    house.bank.will("charge", *[no_funds()] * used)
    for _ in range(used):
        await pay(house, merchant, MASTERCARD)
    other = house.another_process()
    gates = [Gate(no_funds()) for _ in range(12)]
    house.bank.will("charge", *gates)
    asked = [asyncio.create_task(pay((house, other)[place % 2], merchant, MASTERCARD)) for place in range(12)]
    left = 7 - used
    ended = [asyncio.ensure_future(_first(asked, 12 - left))]
    await asyncio.wait(ended, timeout=60)
    for gate in gates:
        gate.opened.set()
    ends = await asyncio.gather(*asked, return_exceptions=True)
    codes = Counter(one.code for one in ends if isinstance(one, Refusal))
    assert [type(one) for one in ends].count(Snapshot) == left, ends
    assert codes.total() == 12 - left
    assert codes["card_tries_under_way"] > 0
    await other.close()


async def _first(asked: Sequence[asyncio.Task[Snapshot]], number: int) -> None:
    """Until so many have an end."""
    for _, one in zip(range(number), asyncio.as_completed(asked), strict=False):
        with suppress(Refusal):
            await one


@pytest.mark.parametrize("seed", range(3))
async def test_no_window_is_ever_overdrawn_and_nothing_refused_without_need(
    house: House, merchant: Merchant, seed: int
) -> None:
    """Against all attempts there are, by the rules' own words, for many days of all kinds of answers."""
    chance = random.Random(seed)
    number, brand = ((VISA, "visa"), (MASTERCARD, "mastercard"))[seed % 2]
    history: list[PastTry] = []
    for _ in range(60):
        await house.wait(minutes=chance.choice([1, 10, 60, 600, 2000]))
        money = chance.choice([TEN, TEN, TEN, TWENTY])
        answer = chance.choice([no_funds(), no_funds(), no_funds(), Approved("ok", captured=True), Lost()])
        house.bank.will("charge", answer)
        budget = next_try(history, brand=brand, amount=money, region=None, now=house.now)
        try:
            await pay(house, merchant, number, money)
        except Refusal as refusal:
            assert not budget.allowed, refusal.message
            house.bank._scripts["charge"].clear()
        else:
            assert budget.allowed, budget.why
            history.append(PastTry(house.now, money, declined=not isinstance(answer, Approved)))


async def test_what_was_tried_before_the_counting_began_counts(house: House, merchant: Merchant) -> None:
    """The migration's own statement, on attempts of today."""
    stop = Declined(replace(no_funds().decline, rule="visa_category_1"))
    house.bank.will("charge", stop, *[no_funds()] * 7)
    await pay(house, merchant)
    for _ in range(7):
        await pay(house, merchant, MASTERCARD)
    before = await _kept(house, merchant)
    await house.database.execute("delete from card_tries where merchant_id = %(id)s", {"id": merchant.id})
    folder = files("recoup.db") / "migrations"
    (file,) = [one for one in folder.iterdir() if one.name.endswith("_card_tries.sql")]
    backfill = file.read_text().split("--;")[1]
    real = "timestamptz '2026-11-22'"
    await house.database.execute(backfill.replace("now()", real) + " on conflict do nothing")
    assert {card: tries for card, tries in (await _kept(house, merchant)).items() if card in before} == before
    assert await refused(house, merchant) == "card_stopped_by_network"
    assert await refused(house, merchant, MASTERCARD) == "card_tries_exhausted"


async def _kept(house: House, merchant: Merchant) -> dict[bytes, set[Any]]:
    rows = await house.database.fetch_all(
        "select card, tries from card_tries where merchant_id = %(id)s", {"id": merchant.id}
    )
    return {bytes(row["card"]): set(row["tries"]) for row in rows}


async def test_an_answer_that_stops_a_card_holds_the_card_before_the_events(
    house: House, merchant: Merchant
) -> None:
    """As whoever counts does: in another order two processes would wait for each other."""
    gate = Gate(Declined(replace(no_funds().decline, rule="visa_category_1")))
    house.bank.will("charge", gate)
    first = asyncio.create_task(pay(house, merchant))
    await gate.entered.wait()
    ours = {"id": merchant.id}
    async with house.database.transaction() as connection:
        held = await connection.fetch_one(
            "select pg_backend_pid() as pid from event_streams where merchant_id = %(id)s for update", ours
        )
        waiting = "select pid from pg_stat_activity where %(pid)s = any(pg_blocking_pids(pid))"
        gate.opened.set()
        async with asyncio.timeout(30):
            while not await house.database.fetch_one(waiting, held):  # noqa: ASYNC110 - in the database
                await asyncio.sleep(0.01)
        free = await house.database.fetch_all(
            "select card from card_tries where merchant_id = %(id)s for update skip locked", ours
        )
    assert free == [] and (await first).payment.status is Status.DECLINED


async def test_a_stop_in_the_same_group_is_seen_by_what_comes_after(house: House, merchant: Merchant) -> None:
    """A decline that stops a card, and a payment with it, written at the same moment."""
    gate = Gate(Declined(replace(no_funds().decline, rule="visa_category_1")))
    house.bank.will("charge", gate)
    first = asyncio.create_task(pay(house, merchant))
    await gate.entered.wait()
    gate.opened.set()
    rest = await asyncio.gather(*[pay(house, merchant) for _ in range(5)], first, return_exceptions=True)
    assert all(isinstance(one, Snapshot | Refusal) for one in rest)
    assert await refused(house, merchant) == "card_stopped_by_network"
    record = await store.on_record(
        house.database, merchant_id=merchant.id, card=first.result().attempts[0].fingerprint
    )
    assert record is not None and any(one.past.rule == "visa_category_1" for one in record.tries)
