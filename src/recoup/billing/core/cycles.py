"""The cycle of a subscription: what its turn is when it is due, and the step that opens its next period.

A period is opened once: opening it moves the subscription on to it, under the subscription's own lock, and the database
refuses a second invoice of its number. What was missed meanwhile (nobody worked, or a clock was moved far) is opened
period by period, each with the day on which it was due.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TypeAlias
from uuid import UUID

from msgspec.structs import replace

from recoup.billing.core.bills import Bill, Making, billed, facts_of, is_billed, period_line
from recoup.billing.core.machine import InvoiceStatus, News, Status, moved, takes
from recoup.billing.core.periods import Interval, Period, begun, billed_from, period
from recoup.billing.core.records import Item, ManagedBy, Off, Subscription, Terms, Window
from recoup.billing.core.step import (
    CHARGE,
    Due,
    Step,
    Told,
    changed,
    cycle_row,
    due_of,
    scheduled,
)


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing is due before `until`; never, where there is none."""

    until: datetime | None


@dataclass(frozen=True, slots=True)
class End:
    """The subscription ends here."""

    news: News


@dataclass(frozen=True, slots=True)
class Pass:
    """The next period begins, and costs nothing."""

    number: int


@dataclass(frozen=True, slots=True)
class Open:
    """The next period begins, and is billed; `due`, when it was due."""

    period: Period
    due: datetime


Turn: TypeAlias = Wait | End | Pass | Open


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSubscription:
    """What a new subscription is made of, parsed. `starts_on` is the local day on which it begins."""

    merchant_id: UUID
    id: UUID
    customer_id: UUID
    payment_method_id: UUID | None
    managed_by: ManagedBy
    terms: Terms
    currency: str
    interval: Interval
    zone: str
    hour: int
    country: str | None
    starts_on: date
    anchor: date | None
    trial_days: int
    payments_total: int | None
    window: Window | None
    discounts: tuple[Off, ...]
    items: tuple[Item, ...]
    description: str | None
    metadata: dict[str, str]
    dunning_policy_id: UUID | None = None


def began(new: NewSubscription, *, now: datetime) -> Subscription:
    """A subscription before its first period; one that begins with a trial is in it."""
    phases = begun(new.starts_on, new.interval, anchor=new.anchor, trial_days=new.trial_days)
    trial_end = new.starts_on + timedelta(days=new.trial_days) if new.trial_days else None
    made = Subscription(
        merchant_id=new.merchant_id,
        id=new.id,
        customer_id=new.customer_id,
        payment_method_id=new.payment_method_id,
        status=Status.ACTIVE if trial_end is None else Status.TRIALING,
        version=1,
        events_count=1,
        managed_by=new.managed_by,
        currency=new.currency,
        terms=(new.terms,),
        phases=phases,
        zone=new.zone,
        hour=new.hour,
        country=new.country,
        number=0 if trial_end is None else 1,
        opened=0,
        next_at=None,
        trial_end=trial_end,
        payments_total=new.payments_total,
        window=new.window,
        discounts=new.discounts,
        items=new.items,
        description=new.description,
        metadata=new.metadata,
        dunning_policy_id=new.dunning_policy_id,
        created_at=now,
        updated_at=now,
    )
    if trial_end is None and new.managed_by is ManagedBy.RECOUP:
        return replace(made, next_at=now)
    return scheduled(made, now=now)


def turn_of(subscription: Subscription, *, now: datetime) -> Turn:
    """What is due of a subscription by itself."""
    if subscription.next_at is None or now < subscription.next_at:
        return Wait(subscription.next_at)
    if subscription.cancel_at_period_end:
        return End(News.CANCELED)
    if subscription.managed_by is not ManagedBy.RECOUP:
        return Wait(None)
    return next_turn(subscription, now=now)


def next_turn(subscription: Subscription, *, now: datetime) -> Turn:
    """What comes after the period that a subscription is in, whoever asks for it."""
    if subscription.payments_total is not None and subscription.opened >= subscription.payments_total:
        return End(News.RAN_OUT)
    number = subscription.number + 1
    if not is_billed(subscription, number):
        return Pass(number)
    spell = period(subscription.phases, number)
    begins_now = number == 1 or billed_from(spell, subscription.pauses) != spell.start
    return Open(spell, now if begins_now else due_of(subscription, number))


def opened(subscription: Subscription, turn: Open, making: Making) -> Step:
    """The next period with its invoice: what waited for an invoice is on it. One of an unpaid subscription is not
    charged by itself: it is owed like those before it."""
    number, now = turn.period.number, making.now
    by_hand = waits(subscription)
    if by_hand:
        making = dataclasses.replace(making, collecting=False)
    lines = [period_line(subscription, number)]
    bill = billed(subscription, lines, subscription.items, making, spell=turn.period)
    status, told = _status_in(subscription)
    facts = ("subscription.updated",) if told else ()
    owed = (bill.invoice.id,) if by_hand and bill.invoice.status is InvoiceStatus.OPEN else ()
    after = changed(
        subscription,
        facts,
        now=now,
        status=status,
        number=number,
        owing=(*subscription.owing, *owed),
        opened=subscription.opened + 1,
        items=(),
        discounts=bill.discounts,
        now_off=subscription.discounts,
        latest_invoice_id=bill.invoice.id,
    )
    return billing_step(scheduled(after, now=_scheduling(after)), bill, facts)


def passed(subscription: Subscription, turn: Pass, *, now: datetime) -> Step:
    """The next period, which costs nothing."""
    status, told = _status_in(subscription)
    facts = ("subscription.updated",) if told else ()
    after = changed(subscription, facts, now=now, status=status, number=turn.number)
    after = scheduled(after, now=_scheduling(after))
    return Step(after, dues=(cycle_row(after),), happened=tuple((fact, after) for fact in facts))


def left_over(subscription: Subscription, making: Making) -> Bill | None:
    """What waits for an invoice that would never come, billed when the subscription ends; None where nothing does."""
    if not subscription.items:
        return None
    making = dataclasses.replace(making, collecting=making.collecting and not waits(subscription))
    return billed(subscription, [], subscription.items, making)


def ended(subscription: Subscription, news: News, *, now: datetime, extra: Bill | None = None) -> Step:
    """The end of a subscription, with what is still to be billed."""
    assert news in (News.CANCELED, News.RAN_OUT), "only these end it"
    facts = ("subscription.canceled" if news is News.CANCELED else "subscription.completed",)
    after = changed(
        subscription,
        facts,
        now=now,
        status=moved(subscription.status, news),
        next_at=None,
        canceled_at=subscription.canceled_at or (now if news is News.CANCELED else None),
        ended_at=now,
        items=(),
        latest_invoice_id=subscription.latest_invoice_id if extra is None else extra.invoice.id,
    )
    return billing_step(after, extra, facts)


def billing_step(after: Subscription, bill: Bill | None, facts: Sequence[str]) -> Step:
    """A subscription that was changed, with what was billed by it."""
    told: tuple[Told, ...] = tuple((fact, after) for fact in facts)
    if bill is None:
        return Step(after, dues=(cycle_row(after),), happened=told)
    invoice = bill.invoice
    dues = [cycle_row(after)]
    if invoice.charge_at is not None:
        dues.append(Due(CHARGE, invoice.id, invoice.charge_at))
    return Step(after, (invoice,), bill.credits, tuple(dues), (*told, *facts_of(invoice)))


def waits(subscription: Subscription) -> bool:
    """Whether what is billed of it waits to be paid by hand."""
    return subscription.status is Status.UNPAID and subscription.managed_by is ManagedBy.RECOUP


def _status_in(subscription: Subscription) -> tuple[Status, bool]:
    """Where a subscription stands in its next period, and whether that is news."""
    if not takes(subscription.status, News.TRIAL_ENDED):
        return subscription.status, False
    return moved(subscription.status, News.TRIAL_ENDED), True


def _scheduling(after: Subscription) -> datetime:
    """From when the next cycle may open: what was missed is opened at once, each with its own due time."""
    return due_of(after, after.number)
