"""Plan changes and ends on a real database: what is given back is what came in, and previews say the same."""

from __future__ import annotations

from uuid import UUID

import pytest
from msgspec.structs import replace
from tests.billing.cases import START, day
from tests.billing.office import Office

from recoup.billing.core.changes import Proration
from recoup.billing.core.machine import InvoiceNews
from recoup.billing.core.records import Subscription
from recoup.payments.core import Status as PaymentStatus

CARD = UUID(int=7)
LATER = START + day(14)


async def ended(office: Office, subscription: Subscription, news: InvoiceNews) -> None:
    """Its first invoice is void, or given up."""
    assert subscription.latest_invoice_id is not None
    async with office.database.transaction() as connection:
        await office.invoices.end(connection, office.us, subscription.latest_invoice_id, news, now=START)


async def canceled(office: Office, subscription: Subscription) -> int:
    """End it today, with the unused days given back: what the customer's balance is then."""
    async with office.database.transaction() as connection:
        await office.subscriptions.cancel(
            connection, office.us, subscription.id, at_period_end=False, prorate=True, now=LATER
        )
    balances, _ = await office.invoices.credit(office.database, office.us, office.customer_id)
    return balances.get("USD", 0)


async def previewed(office: Office, subscription: Subscription, amount: int) -> int:
    """What the next invoice would be after a change that is billed at once."""
    dearer = replace(office.plan, amount=amount)
    invoice = await office.subscriptions.upcoming(
        office.database, office.us, subscription, (dearer, None), Proration.INVOICE, now=LATER
    )
    return invoice.subtotal


@pytest.mark.parametrize("news", [InvoiceNews.VOIDED, InvoiceNews.GIVEN_UP])
async def test_of_an_invoice_that_came_to_nothing_nothing_is_given_back(
    office: Office, news: InvoiceNews
) -> None:
    subscription = await office.subscribed(payment_method_id=CARD)
    await ended(office, subscription, news)
    assert await previewed(office, subscription, 5600) == 1300
    async with office.database.transaction() as connection:
        cheaper = replace(office.plan, amount=1000)
        changed = await office.subscriptions.change(
            connection, office.us, subscription.id, (cheaper, None), Proration.CREATE, now=LATER
        )
    assert sum(one.amount for one in changed.items) == 0
    assert await canceled(office, changed) == 0


async def test_an_open_invoice_that_nobody_collects_after_the_end_is_not_given_back(office: Office) -> None:
    """Where its payment is under way it counts as paid, for it may be."""
    subscription = await office.subscribed(payment_method_id=CARD)
    assert await previewed(office, subscription, 1000) == -1000, "it is collected"
    assert await canceled(office, subscription) == 0
    other = await office.subscribed(payment_method_id=CARD)
    assert other.latest_invoice_id is not None
    office.payments.answers.append(PaymentStatus.UNRESOLVED)
    await office.charging.charge(office.us, other.latest_invoice_id, START)
    assert await canceled(office, other) == 1500
