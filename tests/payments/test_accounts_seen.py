"""What a connector may know of the account that it speaks for."""

from __future__ import annotations

from datetime import timedelta

from tests.payments.house import House

from recoup.merchants.core import Merchant


async def test_a_connector_is_told_the_wall_clocks_time_whatever_the_merchants_clock_says(
    house: House, merchant: Merchant
) -> None:
    """Some processors want requests signed with the time, and they live in the present."""
    paid = await house.pay(merchant)
    ahead = Merchant(merchant.id, merchant.livemode, timedelta(days=40))
    _, _, account = await house._tools().account(ahead, paid.attempts[0].processor_account_id)
    assert account.now == house.clock.now()
