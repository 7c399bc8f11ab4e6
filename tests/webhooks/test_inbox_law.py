"""The law of the inbox: whatever the order, and however often, the same news ends in the same state."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.payments.bank import Lost, decline
from tests.payments.house import House
from tests.webhooks.telling import (
    account_of,
    cases,
    results,
    rows,
    saying,
    send,
    telling,
)
from tests.webhooks.test_inbox import key_of, unresolved

from recoup.kit.ids import Kind, render
from recoup.outcomes.core import Approved, Done
from recoup.payments.core import Status


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.data())
async def test_any_order_and_doubling_ends_in_the_same_state(house: House, order: st.DataObject) -> None:
    """Processors promise neither order nor once. Two workers read at the same time."""
    telling(house, "teller", "teller_mute")
    merchant = await house.merchant(order.draw(st.sampled_from(["teller", "teller_mute"])))
    taken = await unresolved(house, merchant, Approved("ch-1", captured=True))
    lost = await unresolved(house, merchant, decline())
    paid = await house.pay(merchant)
    house.bank.will("refund", Lost(Done("re-1")))
    refund = await house.refund(merchant, paid.payment.id, 300)
    refund_key = render(Kind.REFUND, refund.id)
    told: list[dict[str, Any]] = [
        {"says": "pending", "key": key_of(taken), "reference": "ch-1"},
        {"says": "approved", "key": key_of(taken), "reference": "ch-1", "minor": 1000},
        {"says": "declined", "key": key_of(lost), "reference": "ch-2"},
        {"says": "done", "about": "refund", "key": refund_key, "reference": "re-1", "minor": 300},
        {"says": "approved", "key": "att_of_nobody", "reference": "ch-77", "minor": 5},
    ]
    await house.wait(minutes=5)
    bodies = [saying(f"{merchant.id}-{number}", one) for number, one in enumerate(told)]
    doubled = order.draw(st.lists(st.sampled_from(bodies), max_size=4))
    account = await account_of(house, merchant)
    for body in order.draw(st.permutations([*bodies, *doubled])):
        assert (await send(house, account, body)).status == 200
        if order.draw(st.booleans()):
            await both_work(house)
    await both_work(house)
    states = [(await house.snapshot(merchant, one.payment.id)).payment for one in (taken, lost, paid)]
    assert [one.status for one in states] == [Status.CAPTURED, Status.DECLINED, Status.CAPTURED]
    assert states[2].refunded == 300
    assert len(await rows(house, merchant)) == len(bodies)
    assert set(await results(house, merchant)) <= {"applied", "known", "foreign"}
    assert await cases(house, merchant) == []
    await house.check_rows()


async def both_work(house: House) -> None:
    """Until nothing is due, though some of it only later."""
    for _ in range(3):
        await house.work()
        house.clock.advance(timedelta(minutes=10))
