"""Turns planned steps into the one write that they are: invoices get numbers, events their order and their ids."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import msgspec
from msgspec.structs import replace

from recoup.billing import store
from recoup.billing.ahead_objects import upcoming_object
from recoup.billing.core.ahead import rows_ahead
from recoup.billing.core.machine import InvoiceStatus
from recoup.billing.core.notices import Upcoming
from recoup.billing.core.records import CreditChange, Invoice, Subscription
from recoup.billing.core.step import Step
from recoup.billing.links import InvoiceLinks
from recoup.billing.objects import invoice_object, subscription_object
from recoup.db import Connection
from recoup.events.core import NewEvent
from recoup.merchants.core import Merchant

_NUMBERED = frozenset({InvoiceStatus.OPEN, InvoiceStatus.PAID, InvoiceStatus.UNCOLLECTIBLE})


@dataclass(frozen=True, slots=True)
class Scribe:
    """Writes steps of billing in a transaction that holds what they change."""

    new_id: Callable[[], UUID]
    links: InvoiceLinks

    async def write(
        self, connection: Connection, merchant: Merchant, steps: Sequence[Step], *, now: datetime
    ) -> dict[UUID, Invoice]:
        """Write it all; the invoices, with their numbers."""
        invoices = {one.id: one for step in steps for one in step.invoices}
        opened = [one.id for one in invoices.values() if one.number is None and one.status in _NUMBERED]
        if opened:
            first = await store.take_numbers(connection, merchant_id=merchant.id, count=len(opened))
            invoices |= {
                id_: replace(invoices[id_], number=number) for number, id_ in enumerate(opened, first)
            }
        numbers = {id_: one.number for id_, one in invoices.items()}
        await store.write(
            connection,
            merchant.id,
            store.Writes(
                subscriptions=[step.subscription for step in steps if step.subscription is not None],
                invoices=list(invoices.values()),
                credits=[
                    CreditChange(
                        id=self.new_id(),
                        customer_id=one.customer_id,
                        currency=one.currency,
                        amount=one.amount,
                        reason=one.reason,
                        invoice_id=one.invoice_id,
                        created_at=now,
                    )
                    for step in steps
                    for one in step.credits
                ],
                dues=[
                    store.DueRow(due.kind, due.object_id, due.at)
                    for step in steps
                    for due in (*step.dues, *rows_ahead(step, now=now))
                ],
                events=self._events(merchant, steps, numbers, now=now),
            ),
        )
        return invoices

    def _events(
        self,
        merchant: Merchant,
        steps: Sequence[Step],
        numbers: dict[UUID, int | None],
        *,
        now: datetime,
    ) -> list[NewEvent]:
        """Events in the order in which things happened; each object's are numbered up to what it counts."""
        left = Counter(one.id for step in steps for _, one in step.happened)
        last = {one.id: one.events_count for step in steps for one in _records(step)}
        events = []
        for fact, one in (told for step in steps for told in step.happened):
            left[one.id] -= 1
            shown = self._shown(one, numbers, livemode=merchant.livemode, now=now)
            events.append(NewEvent(self.new_id(), fact, one.id, last[one.id] - left[one.id], shown, now))
        return events

    def _shown(
        self,
        one: Subscription | Invoice | Upcoming,
        numbers: dict[UUID, int | None],
        *,
        livemode: bool,
        now: datetime,
    ) -> bytes:
        if isinstance(one, Subscription):
            return msgspec.json.encode(subscription_object(one, livemode=livemode))
        if isinstance(one, Upcoming):
            return msgspec.json.encode(upcoming_object(one, livemode=livemode))
        numbered = replace(one, number=numbers.get(one.id, one.number))
        hosted = self.links.of(numbered, now=now)
        return msgspec.json.encode(invoice_object(numbered, livemode=livemode, hosted=hosted))


def _records(step: Step) -> Sequence[Subscription | Invoice]:
    return (*step.invoices, *(() if step.subscription is None else (step.subscription,)))
