"""A processor account that was given another address or other credentials may be an account somewhere else."""

from __future__ import annotations

from typing import Any

import pytest
from tests.payments.bank import Lost
from tests.payments.house import House

from recoup.kit.refusals import Refusal
from recoup.merchants.core import Merchant
from recoup.outcomes.core import ActionRequired
from recoup.payments.core import OperationState, Status


async def change(house: House, merchant: Merchant, account_id: Any, **changes: Any) -> None:
    """Change an account."""
    await house.wait(seconds=1)
    async with house.database.transaction() as connection:
        await house.accounts.update(connection, merchant, account_id, changes=changes, now=house.now)
    await house.wait(seconds=1)


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"label": "Renamed", "enabled": False}, Status.FAILED),
        ({"base_url": "http://127.0.0.1:2"}, Status.UNRESOLVED),
    ],
    ids=["renamed", "repointed"],
)
async def test_a_charge_can_be_withdrawn_only_where_it_was_sent(
    house: House, merchant: Merchant, changes: dict[str, Any], status: Status
) -> None:
    """Somebody else's promise that our key does nothing would free a payment that may have been charged."""
    house.bank.will("charge", Lost())
    lost = await house.pay(merchant)
    await change(house, merchant, lost.attempts[0].processor_account_id, **changes)
    await house.work()
    assert (await house.snapshot(merchant, lost.payment.id)).payment.status is status
    assert ("withdraw" in house.bank.verbs()) == (status is Status.FAILED)


async def test_so_can_a_refund(house: House, merchant: Merchant) -> None:
    paid = await house.pay(merchant)
    house.bank.will("refund", Lost())
    await house.refund(merchant, paid.payment.id)
    await change(house, merchant, paid.attempts[0].processor_account_id, base_url="http://127.0.0.1:2")
    await house.work()
    (refund,) = (await house.snapshot(merchant, paid.payment.id)).operations
    assert refund.state is OperationState.UNKNOWN
    assert "withdraw_change" not in house.bank.verbs()


async def test_so_can_a_charge_that_awaits_its_customer(house: House, merchant: Merchant) -> None:
    house.bank.will("charge", ActionRequired("ref-1", "https://bank.example/3ds"))
    waiting = await house.pay(merchant)
    await change(house, merchant, waiting.attempts[0].processor_account_id, base_url="http://127.0.0.1:2")
    with pytest.raises(Refusal) as refused:
        await house.cancel(merchant, waiting.payment.id)
    assert refused.value.code == "cannot_be_withdrawn"
