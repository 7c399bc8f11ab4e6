"""After the end: payments are read again some times, and what is held is watched until its processor lets go."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from tests.payments.bank import Lost, no_funds
from tests.payments.house import House

from recoup.kit.ids import Kind, render
from recoup.merchants.core import Merchant
from recoup.outcomes.core import Approved, Refused
from recoup.payments.core import Status
from recoup.payments.core.lapse import read_spans
from recoup.payments.flow.rereading import EXPIRING, HOLD, REREAD
from recoup.payments.flow.tools import operation_key

BOUNCED = Refused("account_closed", "The account is closed.")


async def word(house: House, merchant: Merchant, object_id: UUID) -> dict[str, object]:
    row = await house.database.fetch_one(
        "select * from payment_evidence where merchant_id = %(merchant_id)s and object_id = %(object_id)s",
        {"merchant_id": merchant.id, "object_id": object_id},
    )
    assert row is not None
    return dict(row)


async def test_what_ended_is_read_again_after_an_hour_a_day_a_week_and_a_month(
    house: House, merchant: Merchant
) -> None:
    paid = await house.pay(merchant)
    assert (REREAD, paid.payment.id) not in await house.dues(merchant), "nothing of this is on the hot path"
    await house.payments.rereading.follow(merchant.id)
    ended = house.now
    for days in (1 / 24, 1, 7, 30):
        due_at = (await house.dues(merchant))[REREAD, paid.payment.id]["due_at"]
        assert due_at == ended + timedelta(days=days)
        house.clock.advance(due_at - house.now)
        asked = len(house.bank.asked)
        await house.work()
        assert house.bank.verbs()[asked:] == ["lookup"]
        kept = await word(house, merchant, paid.attempts[0].id)
        assert (kept["confirmed_at"], kept["source"]) == (house.now, "question")
        assert await house.payments.confirmed(merchant, [paid.payment.id]) == {paid.payment.id: house.now}
    assert (REREAD, paid.payment.id) not in await house.dues(merchant)


async def test_what_came_back_silently_is_found(house: House, merchant: Merchant) -> None:
    paid = await house.pay(merchant)
    refund = await house.refund(merchant, paid.payment.id, 300)
    await house.payments.rereading.follow(merchant.id)
    house.bank.settle(operation_key(refund), BOUNCED)
    await house.wait(hours=2)
    await house.work()
    assert (await house.snapshot(merchant, paid.payment.id)).payment.refunded == 0
    assert (await house.events(merchant, refund.id))[-1] == "refund.failed"


async def test_a_contradiction_found_by_reading_again_is_kept_for_a_person(
    house: House, merchant: Merchant
) -> None:
    house.bank.will("charge", no_funds())
    declined = await house.pay(merchant)
    await house.payments.rereading.follow(merchant.id)
    house.bank.settle(render(Kind.ATTEMPT, declined.attempts[0].id), Approved("ch-9", captured=True))
    await house.wait(hours=2)
    await house.work()
    kept = await word(house, merchant, declined.attempts[0].id)
    assert "void or refund" in str(kept["contradicts"])
    [(found, remedy)] = await house.payments.contradictions(
        merchant, since=house.now - timedelta(days=1), limit=10
    )
    assert (found.object_id, found.told, remedy) == (declined.attempts[0].id, "approved", kept["contradicts"])
    assert await house.payments.confirmed(merchant, [declined.payment.id]) == {}
    assert await house.snapshot(merchant, declined.payment.id) == declined


async def test_following_twice_and_by_two_makes_one_row(house: House, merchant: Merchant) -> None:
    await house.pay(merchant)
    other = house.another_process()
    assert await house.payments.rereading.follow(merchant.id) == 1
    assert await other.payments.rereading.follow(merchant.id) == 0
    assert await house.payments.rereading.rounds.go() == 0
    await other.close()


async def test_sync_asks_about_what_has_ended_too(house: House, merchant: Merchant) -> None:
    paid = await house.pay(merchant)
    key = await house.key_of(merchant)
    house.bank.settle(render(Kind.ATTEMPT, paid.attempts[0].id), no_funds())
    path = f"/v1/payments/{render(Kind.PAYMENT, paid.payment.id)}/sync"
    answered = await house.call("POST", path, {}, key=key, once="k1")
    assert answered.status == 200 and answered.json["status"] == "declined"
    assert answered.json["attempts"][0]["outcome"] == "reversed"
    again = await house.call("POST", path, {}, key=key, once="k1")
    assert again.json == answered.json


async def test_a_refund_can_be_asked_about(house: House, merchant: Merchant) -> None:
    paid = await house.pay(merchant)
    refund = await house.refund(merchant, paid.payment.id, 300)
    key, path = await house.key_of(merchant), f"/v1/refunds/{render(Kind.REFUND, refund.id)}/sync"
    assert (await house.call("POST", path, {}, key=key)).json["status"] == "succeeded"
    house.bank.settle(operation_key(refund), BOUNCED)
    answered = await house.call("POST", path, {}, key=key, once="k2")
    assert (answered.status, answered.json["status"]) == (200, "failed")
    assert (await house.call("POST", path, {}, key=key, once="k2")).json == answered.json
    missing = f"/v1/refunds/{render(Kind.REFUND, house.new_id())}/sync"
    assert (await house.call("POST", missing, {}, key=key)).status == 404


async def test_a_hold_is_warned_of_once_and_gone_only_when_its_processor_says_so(
    house: House, merchant: Merchant
) -> None:
    held = await house.pay(merchant, capture="manual")
    key = await house.key_of(merchant)
    path = f"/v1/payments/{render(Kind.PAYMENT, held.payment.id)}"
    assert (await house.call("GET", path, key=key)).json["capture_before"] == "2026-11-29T12:00:00.000Z"
    await house.payments.rereading.follow(merchant.id)
    await house.database.execute(
        "delete from due where merchant_id = %(merchant_id)s and kind = 'payment.reread'",
        {"merchant_id": merchant.id},
    )
    for _ in range(13):
        await house.wait(hours=12)
        await house.work()
    assert (await house.events(merchant, held.payment.id)).count(EXPIRING) == 1
    assert house.bank.verbs() == ["charge"], "before its time nobody is asked"
    house.bank.will("lookup", Lost())
    await house.wait(hours=13)
    await house.work()
    assert (await house.snapshot(merchant, held.payment.id)).payment.status is Status.AUTHORIZED
    house.bank.settle(render(Kind.ATTEMPT, held.attempts[0].id), no_funds())
    await house.wait(hours=26)
    await house.work()
    gone = await house.snapshot(merchant, held.payment.id)
    assert (gone.payment.status, gone.payment.amounts.capturable) == (Status.CANCELED, 0)
    assert (HOLD, held.payment.id) not in await house.dues(merchant)
    assert (await house.call("GET", path, key=key)).json["capture_before"] is None


@pytest.mark.parametrize("text", ["", "1", "h", "0h", "1w", "1h,,2h", "-1d", "1.5h", "1h;2h", "123456d"])
def test_what_is_no_span_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="span"):
        read_spans(text)


def test_spans_are_read_in_any_order() -> None:
    assert read_spans("1d, 30m,1h,1d") == (timedelta(minutes=30), timedelta(hours=1), timedelta(days=1))
