"""A step of billing: the records as they will be, what happened to them, and what is to be looked at when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any, Final, TypeAlias
from uuid import UUID
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from recoup.billing.core.machine import Status
from recoup.billing.core.notices import Upcoming
from recoup.billing.core.periods import Phases, due_at, period
from recoup.billing.core.records import Invoice, ManagedBy, Subscription

CYCLE: Final = "subscription.cycle"
"""The kind of due row that says: the next cycle of this subscription opens."""
CHARGE: Final = "invoice.charge"
"""The kind of due row that says: charge this invoice."""


@dataclass(frozen=True, slots=True)
class Credit:
    """What is added to a customer's credit balance, or, negative, taken from it."""

    customer_id: UUID
    currency: str
    amount: int
    reason: str
    invoice_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Due:
    """When to look at what; without a time, never again."""

    kind: str
    object_id: UUID
    at: datetime | None


Told: TypeAlias = tuple[str, Subscription | Invoice | Upcoming]
"""What happened, and to what, as it was since."""


@dataclass(frozen=True, slots=True)
class Step:
    """A planned change, written whole or not at all: each record as it will be, and what happened, in order."""

    subscription: Subscription | None = None
    invoices: tuple[Invoice, ...] = ()
    credits: tuple[Credit, ...] = ()
    dues: tuple[Due, ...] = ()
    happened: tuple[Told, ...] = ()


def joined(first: Step, then: Step) -> Step:
    """Two steps as one; the second was planned from what the first leads to."""
    return Step(
        then.subscription or first.subscription,
        (*first.invoices, *then.invoices),
        (*first.credits, *then.credits),
        (*first.dues, *then.dues),
        (*first.happened, *then.happened),
    )


def local_day(subscription: Subscription, now: datetime) -> date:
    """The day that it is where the subscription's days are counted."""
    return now.astimezone(ZoneInfo(subscription.zone)).date()


def due_of(subscription: Subscription, number: int) -> datetime:
    """When a period of the subscription is due."""
    return _due(subscription.phases, number, subscription.zone, subscription.hour)


@lru_cache(maxsize=8192)
def _due(phases: Phases, number: int, zone: str, hour: int) -> datetime:
    """Remembered: of one subscription it is asked again and again, and many have the same."""
    return due_at(period(phases, number), zone, hour).astimezone(UTC)


def next_due(subscription: Subscription, *, now: datetime) -> datetime | None:
    """When the next cycle opens by itself, or a cancellation takes hold; None where neither does."""
    if subscription.has_ended or subscription.status is Status.PAUSED:
        return None
    if subscription.managed_by is not ManagedBy.RECOUP and not subscription.cancel_at_period_end:
        return None
    return max(due_of(subscription, subscription.number + 1), subscription.not_before or now, now)


def scheduled(subscription: Subscription, *, now: datetime) -> Subscription:
    """The same, with the time of its next cycle."""
    return replace(subscription, next_at=next_due(subscription, now=now))


def cycle_row(subscription: Subscription) -> Due:
    """The due row of its next cycle."""
    return Due(CYCLE, subscription.id, subscription.next_at)


def changed(
    subscription: Subscription, facts: Sequence[str] = (), *, now: datetime, **changes: Any
) -> Subscription:
    """The next version of a subscription, to which so much happened."""
    return replace(
        subscription,
        version=subscription.version + 1,
        events_count=subscription.events_count + len(facts),
        updated_at=now,
        **changes,
    )


def changed_invoice(invoice: Invoice, facts: Sequence[str] = (), *, now: datetime, **changes: Any) -> Invoice:
    """The next version of an invoice, to which so much happened."""
    return replace(
        invoice,
        version=invoice.version + 1,
        events_count=invoice.events_count + len(facts),
        updated_at=now,
        **changes,
    )
