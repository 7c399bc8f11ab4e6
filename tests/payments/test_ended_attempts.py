"""What is learned from: attempts that ended, with their decisions."""

from __future__ import annotations

from tests.payments.house import House

from recoup.merchants.core import Merchant
from recoup.payments.flow.learning import EndedAttempts


async def test_a_decision_that_cannot_be_read_hides_no_other(house: House, merchant: Merchant) -> None:
    """Written by another version, say. Else nothing of this merchant would be learned or booked any more."""
    paid = [await house.pay(merchant), await house.pay(merchant)]
    old, young = (one.attempts[0] for one in paid)
    await house.database.execute(
        """
        update decisions set data = '{"facts": {"currency": "USD"}}'
        where merchant_id = %(merchant_id)s and id = %(id)s
        """,
        {"merchant_id": merchant.id, "id": old.decision_id},
    )
    ended = EndedAttempts(house.database, house.accounts)
    found = await ended.observations(merchant.id, [one.payment.id for one in paid])
    assert [one.attempt_id for one in found] == [young.id]
