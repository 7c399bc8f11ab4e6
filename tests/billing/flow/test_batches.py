"""Charges of one moment share transactions, and each invoice is charged and settled as if it were alone."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Final
from uuid import UUID

from tests.billing.cases import START, day
from tests.billing.office import Office

from recoup.billing.core.machine import InvoiceNews, InvoiceStatus
from recoup.billing.core.records import Invoice
from recoup.payments.core import Status as PaymentStatus

CARD: Final = UUID(int=7)
SUBSCRIPTIONS: Final = 9


async def of(office: Office, invoice_id: UUID) -> Invoice:
    return await office.invoices.get(office.us, invoice_id)


async def due(office: Office) -> list[Invoice]:
    """An open invoice each, and a second one of the last subscription."""
    invoices = []
    for _ in range(SUBSCRIPTIONS):
        made = await office.subscribed(payment_method_id=CARD)
        assert made.latest_invoice_id is not None
        invoices.append(await of(office, made.latest_invoice_id))
    assert made.next_at is not None
    await office.cycles.cycle(office.us, made.id, made.next_at)
    later = (await office.subscriptions.get(office.us, made.id)).latest_invoice_id
    assert later not in (None, made.latest_invoice_id)
    return [*invoices, await of(office, later)] if later is not None else []


async def events(office: Office, kind: str) -> Counter[UUID]:
    rows = await office.database.fetch_all(
        "select object_id from events where merchant_id = %(us)s and type = %(kind)s",
        {"us": office.us.id, "kind": kind},
    )
    return Counter(row["object_id"] for row in rows)


async def test_invoices_of_one_moment_are_opened_and_settled_together_each_once(office: Office) -> None:
    """Of those that are charged at once one has moved on, and one is asked for twice: both are looked at again."""
    invoices, now = await due(office), START + day(40)
    moved_on = invoices.pop(0)
    async with office.database.transaction() as connection:
        await office.invoices.end(connection, office.us, moved_on.id, InvoiceNews.VOIDED, now=now)
    charging = office.charging._batches
    asked = [moved_on, *invoices, invoices[0]]
    opened = await asyncio.gather(*(charging.open(office.us, one, CARD, now=now) for one in asked))
    assert opened[0] is None and opened[-1] is None and None not in opened[1:-1]
    assert sum(office.payments.together) > len(invoices) // 2, "most share a transaction"
    payments = [one.payment for one in opened if one is not None]
    assert [(await of(office, one.id)).payment_id for one in invoices] == [one.id for one in payments]
    assert len(office.payments.known) == len(invoices)
    for payment in payments:
        office.payments.stands(payment.id, PaymentStatus.CAPTURED, tries=1)
    told = [payment.id for payment in payments for _ in range(2)]
    await asyncio.gather(*(office.charging.hear(office.us, one, now) for one in told))
    assert {(await of(office, one.id)).status for one in invoices} == {InvoiceStatus.PAID}
    assert await events(office, "invoice.paid") == Counter({one.id: 1 for one in invoices})


async def test_what_cannot_be_opened_fails_alone(office: Office) -> None:
    """A payment that cannot be written leaves the others of its moment to be written."""
    invoices, now = await due(office), START + day(40)
    office.payments.refuses = invoices[3].id
    asked = (office.charging._batches.open(office.us, one, CARD, now=now) for one in invoices)
    found = await asyncio.gather(*asked, return_exceptions=True)
    failed = [one for one in found if isinstance(one, BaseException)]
    assert len(failed) == 1 and found.index(failed[0]) == 3
    held = [(await of(office, one.id)).payment_id for one in invoices]
    assert held[3] is None and None not in held[:3] + held[4:]
