"""What is read of customers' earlier tries: what has an outcome, whatever it was paid with, and nobody else's."""

from __future__ import annotations

from uuid import UUID

from tests.payments.bank import Lost, no_funds
from tests.payments.house import House

from recoup.merchants.core import Merchant
from recoup.outcomes.core import Approved
from recoup.payments.flow.past import tries_of_customers


async def customer(house: House, merchant: Merchant, place: int) -> UUID:
    """Somebody who can pay."""
    customer_id = UUID(int=place)
    await house.database.execute(
        """
        insert into customers (merchant_id, id, metadata, created_at, updated_at)
        values (%(merchant_id)s, %(id)s, '{}', %(now)s, %(now)s)
        """,
        {"merchant_id": merchant.id, "id": customer_id, "now": house.now},
    )
    return customer_id


async def test_a_customer_s_tries_come_in_order_with_what_came_of_them(
    house: House, merchant: Merchant
) -> None:
    """An unknown outcome tells nothing about money; a decline says of which kind it was."""
    one, other = [await customer(house, merchant, place) for place in (1, 2)]
    house.bank.will(
        "charge", no_funds(), Approved("ok", captured=True), Lost(), Approved("ok2", captured=True)
    )
    for customer_id, card in (
        (one, "4012888888881881"),
        (one, "5425233430109903"),
        (one, None),
        (other, None),
    ):
        means = await house.means(merchant, *([] if card is None else [card]))
        new = house.new_payment(merchant, customer_id=customer_id)
        await house.payments.create(merchant, new, means, claim=None, now=house.now)
        await house.wait(hours=1)
    found = await tries_of_customers(house.database, merchant, [one, other, UUID(int=3)])
    told = {who: [(each.approved, each.category) for each in tries] for who, tries in found.items()}
    assert told == {one: [(False, "funds"), (True, "")], other: [(True, "")]}
    assert [each.at for each in found[one]] == sorted(each.at for each in found[one])
    elsewhere = await house.merchant()
    assert not await tries_of_customers(house.database, elsewhere, [one])
