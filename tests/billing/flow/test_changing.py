"""Plan changes and ends on a real database: what is given back is what came in, and previews say the same."""

from __future__ import annotations

from uuid import UUID

import pytest
from msgspec.structs import replace
from tests.billing.cases import START, day
from tests.billing.office import Office

from recoup.billing.core.amounts import LineKind
from recoup.billing.core.changes import Proration
from recoup.billing.core.machine import InvoiceNews, Status
from recoup.billing.core.records import Item, Subscription
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


@pytest.mark.parametrize("amount", [1500, -1500])
async def test_what_waits_for_an_invoice_is_billed_when_the_last_period_is_over(
    office: Office, amount: int
) -> None:
    """It would be lost: no invoice of a period comes after it. What is too much is the customer's."""
    item = Item(id=office.new_id(), kind=LineKind.ITEM, description="Setup", amount=amount)
    ending = await office.subscribed(payment_method_id=CARD)
    paying = await office.subscribed(payment_method_id=CARD, payments_total=1)
    assert ending.next_at is not None and ending.next_at == paying.next_at
    async with office.database.transaction() as connection:
        for one in (ending, paying):
            await office.subscriptions.add_item(connection, office.us, one.id, item, now=START)
        await office.subscriptions.cancel(
            connection, office.us, ending.id, at_period_end=True, prorate=False, now=START
        )
    for one in (ending, paying):
        held = await office.subscriptions.get(office.us, one.id)
        preview = await office.subscriptions.upcoming(
            office.database, office.us, held, (None, None), Proration.CREATE, now=START
        )
        assert (preview.subtotal, preview.due_at) == (amount, ending.next_at)
    await office.cycles.open_due(office.us, [ending.id, paying.id], ending.next_at)
    found = [await office.subscriptions.get(office.us, one.id) for one in (ending, paying)]
    assert [one.status for one in found] == [Status.CANCELED, Status.COMPLETED]
    for before, after in zip((ending, paying), found, strict=True):
        assert after.latest_invoice_id is not None and after.latest_invoice_id != before.latest_invoice_id
        last = await office.invoices.get(office.us, after.latest_invoice_id)
        assert (last.subtotal, last.amount_due, last.period) == (amount, max(amount, 0), None)
        assert last.charge_at == (ending.next_at if amount > 0 else None)
    balances, _ = await office.invoices.credit(office.database, office.us, office.customer_id)
    assert balances.get("USD", 0) == max(-2 * amount, 0)
