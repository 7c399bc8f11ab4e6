"""Subscriptions as billing's tests want them: monthly, in UTC, due at nine, begun on a January morning."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid5

from recoup.billing.core.bills import Charge, Making
from recoup.billing.core.cycles import (
    End,
    NewSubscription,
    Open,
    Pass,
    Wait,
    began,
    ended,
    opened,
    passed,
    turn_of,
)
from recoup.billing.core.periods import Interval, Unit
from recoup.billing.core.records import Invoice, ManagedBy, Subscription, Terms
from recoup.billing.core.step import Step
from recoup.billing.links import InvoiceLinks
from recoup.kit.secret import Secret
from recoup.messages.links import Links

START: Final = datetime(2027, 1, 31, 12, tzinfo=UTC)
LINKS: Final = InvoiceLinks(Links(Secret("s" * 40), lambda: "https://pay.example"))
MERCHANT: Final = UUID(int=1)
_NAMES: Final = UUID(int=2)


def named(name: object) -> UUID:
    """An id that is always the same for a name."""
    return uuid5(_NAMES, str(name))


def new(**more: Any) -> NewSubscription:
    """A new subscription of 30.00 a month."""
    fields: dict[str, Any] = {
        "merchant_id": MERCHANT,
        "id": named("subscription"),
        "customer_id": named("customer"),
        "payment_method_id": named("card"),
        "managed_by": ManagedBy.RECOUP,
        "terms": Terms(plan_id=named("plan"), name="Pro", amount=3000, quantity=1, since=START),
        "currency": "USD",
        "interval": Interval(Unit.MONTH, 1),
        "zone": "UTC",
        "hour": 9,
        "country": None,
        "starts_on": date(2027, 1, 31),
        "anchor": None,
        "trial_days": 0,
        "payments_total": None,
        "window": None,
        "discounts": (),
        "items": (),
        "description": None,
        "metadata": {},
    }
    return NewSubscription(**fields | more)


def worked(subscription: Subscription, *, until: datetime) -> tuple[Subscription, list[Invoice]]:
    """Everything that is due of it by then, each at its time: as it then is, and what was billed."""
    bills: list[Invoice] = []
    balance = 0
    while subscription.next_at is not None and subscription.next_at <= until:
        now = subscription.next_at
        step = turned(subscription, now=now, balance=balance, place=len(bills))
        assert step is not None and step.subscription is not None, "what is due is done"
        balance += sum(one.amount for one in step.credits)
        bills += step.invoices
        subscription = step.subscription
    return subscription, bills


def turned(subscription: Subscription, *, now: datetime, balance: int = 0, place: int = 0) -> Step | None:
    """The step of its turn."""
    match turn_of(subscription, now=now):
        case Wait():
            return None
        case End(news=news):
            return ended(subscription, news, now=now)
        case Pass() as turn:
            return passed(subscription, turn, now=now)
        case Open() as turn:
            making = Making(
                invoice_id=named(f"invoice {subscription.version} {place}"),
                due=turn.due,
                charge=Charge(turn.due),
                balance=balance,
                now=now,
            )
            return opened(subscription, turn, making)


def running(*, at: datetime = START, **more: Any) -> Subscription:
    """A subscription whose first period is billed."""
    subscription, bills = worked(began(new(**more), now=at), until=at)
    assert bills or subscription.trial_end is not None
    return subscription


def day(number: int) -> timedelta:
    """So many days."""
    return timedelta(days=number)
