"""What a merchant does to a subscription: change what it pays, pause it, let it go on, end it. Refusals come first.

A change in the middle of a period that is billed gives back the days that are left at the old price and charges them
at the new one, both as they are really paid, discounts taken off. What nobody paid is not given back (`givenback`).
Where the interval changes too, a new grid of periods begins on that day.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from msgspec.structs import replace

from recoup.billing.core.amounts import Line, LineKind, proration_lines
from recoup.billing.core.bills import Bill, Charge, Making, billed, item_of, paid_for
from recoup.billing.core.cycles import billing_step, ended, waits
from recoup.billing.core.dunning import BUILT_IN, DUNNING, Dunning, Ruling, begun
from recoup.billing.core.givenback import difference, really_paid
from recoup.billing.core.machine import News, Status, moved, takes
from recoup.billing.core.periods import (
    PHASES_MAX,
    Interval,
    Paused,
    period,
    period_at,
    re_anchored,
    whole_of,
)
from recoup.billing.core.proration import Change, Share, unused
from recoup.billing.core.proration import changed as change_of
from recoup.billing.core.records import (
    ITEMS_MAX,
    PAUSES_MAX,
    TERMS_MAX,
    Invoice,
    Item,
    ManagedBy,
    Subscription,
    Terms,
)
from recoup.billing.core.step import Due, Step, changed, cycle_row, local_day, scheduled
from recoup.kit.money import MINOR_MAX, Money
from recoup.kit.refusals import conflict, invalid

UPDATED: Final = "subscription.updated"


class Proration(StrEnum):
    """What becomes of the difference when a change comes in the middle of a period."""

    CREATE = "create_prorations"
    """It waits for the next invoice."""
    INVOICE = "always_invoice"
    """It is billed at once."""
    NONE = "none"
    """Nothing is credited or charged for the current period."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Billing:
    """With what a change that bills at once is billed, and whether that is charged by itself. `unpaid`: the invoices of
    the subscription that are not paid."""

    new_id: Callable[[], UUID]
    balance: int
    collecting: bool = True
    unpaid: Sequence[Invoice] = ()


def updated(subscription: Subscription, changes: dict[str, Any], *, now: datetime) -> Step:
    """Other fields of a subscription that goes on."""
    refuse_ended(subscription)
    after = changed(subscription, (UPDATED,), now=now, **changes)
    if "cancel_at_period_end" in changes:
        after = scheduled(after, now=now)
    return Step(after, dues=(cycle_row(after),), happened=((UPDATED, after),))


def with_item(subscription: Subscription, item: Item, *, now: datetime) -> Step:
    """One more item for the next invoice."""
    refuse_ended(subscription)
    if len(subscription.items) >= ITEMS_MAX:
        raise conflict(
            "too_many_items", f"At most {ITEMS_MAX} items wait for an invoice; charge these first."
        )
    after = changed(subscription, (UPDATED,), now=now, items=(*subscription.items, item))
    return Step(after, happened=((UPDATED, after),))


def paused(subscription: Subscription, *, now: datetime) -> Step:
    """Nothing is billed from today on."""
    refuse_ended(subscription)
    if not takes(subscription.status, News.PAUSED):
        raise conflict("subscription_unexpected_state", "This subscription is paused already.")
    if len(subscription.pauses) >= PAUSES_MAX:
        raise conflict(
            "too_many_pauses", f"A subscription is paused {PAUSES_MAX} times at most; make a new one."
        )
    facts = ("subscription.paused",)
    after = changed(
        subscription,
        facts,
        now=now,
        status=moved(subscription.status, News.PAUSED),
        next_at=None,
        pauses=(*subscription.pauses, Paused(local_day(subscription, now))),
    )
    return billing_step(after, None, facts)


def resumed(subscription: Subscription, *, now: datetime, ruling: Ruling = BUILT_IN) -> Step:
    """Billing goes on: with the days that are left of the current period, unless those are paid for, then as ever.

    What it owed before it owes still. Where it was paused for that, it gets another grace, by what holds now.
    """
    if subscription.status is not Status.PAUSED:
        message = f"This subscription is {subscription.status}; only a paused one can be resumed."
        raise conflict("subscription_unexpected_state", message)
    today, (*earlier, last) = local_day(subscription, now), subscription.pauses
    current = max(period_at(subscription.phases, today).number, 1)
    news = News.RESUMED_BEHIND if subscription.owing else News.RESUMED
    if subscription.trial_end is not None and today < subscription.trial_end:
        news = News.RESUMED_IN_TRIAL
    facts = ("subscription.resumed",)
    after = changed(
        subscription,
        facts,
        now=now,
        status=moved(subscription.status, news),
        pauses=(*earlier, Paused(last.start, today)),
        number=max(subscription.number, current - 1),
        dunning=_dunning_of_resumed(subscription, ruling, now),
    )
    step = billing_step(scheduled(after, now=now), None, facts)
    if after.dunning is None:
        return step
    return dataclasses.replace(step, dues=(*step.dues, Due(DUNNING, after.id, now)))


def _dunning_of_resumed(subscription: Subscription, ruling: Ruling, now: datetime) -> Dunning | None:
    dunning = subscription.dunning
    if not subscription.owing or (dunning is not None and dunning.acted_at is None):
        return dunning
    return begun(ruling, now)


def canceled(subscription: Subscription, *, prorate: bool, billing: Billing, now: datetime) -> Step:
    """Its end, now: what waited for an invoice is billed; with `prorate` the days left of the period are credited."""
    refuse_ended(subscription)
    lines = _unused_lines(subscription, billing.unpaid, now) if prorate else []
    bill = None
    if lines or subscription.items:
        billing = dataclasses.replace(billing, collecting=billing.collecting and not waits(subscription))
        bill = _billed_now(subscription, lines, subscription.items, billing, now)
    return ended(subscription, News.CANCELED, now=now, extra=bill)


def changed_terms(
    subscription: Subscription,
    terms: Terms,
    interval: Interval,
    *,
    proration: Proration,
    billing: Billing,
    now: datetime,
) -> Step:
    """Another plan, or another quantity."""
    refuse_ended(subscription)
    if subscription.status is Status.PAUSED:
        raise conflict("subscription_paused", "Resume this subscription before you change what it pays.")
    refuse_too_much(terms)
    if len(subscription.terms) >= TERMS_MAX or len(subscription.phases) >= PHASES_MAX - 1:
        raise conflict("too_many_changes", "This subscription was changed too often; make a new one.")
    lines: Sequence[Line] = ()
    if proration is not Proration.NONE:
        lines = change_lines(subscription, terms, interval, unpaid=billing.unpaid, now=now)
    after = replace(_regrided(subscription, interval, now), terms=(*subscription.terms, terms))
    items = tuple(item_of(line, billing.new_id()) for line in lines)
    bill = None
    if proration is Proration.INVOICE and items:
        bill = _billed_now(after, [], (*subscription.items, *items), billing, now)
    elif len(subscription.items) + len(items) > ITEMS_MAX:
        raise conflict(
            "too_many_items", f"At most {ITEMS_MAX} items wait for an invoice; charge these first."
        )
    after = changed(
        after,
        (UPDATED,),
        now=now,
        items=() if bill is not None else (*subscription.items, *items),
        discounts=subscription.discounts if bill is None else bill.discounts,
        latest_invoice_id=subscription.latest_invoice_id if bill is None else bill.invoice.id,
    )
    return billing_step(scheduled(after, now=now), bill, (UPDATED,))


def change_lines(
    subscription: Subscription,
    terms: Terms,
    interval: Interval,
    *,
    unpaid: Sequence[Invoice] = (),
    now: datetime,
) -> Sequence[Line]:
    """What a change credits and charges for the current period."""
    if not _is_billed_through(subscription, now):
        return ()
    spell = period(subscription.phases, subscription.number)
    whole, today = whole_of(subscription.phases, spell.number), local_day(subscription, now)
    old, old_name = paid_for(subscription, subscription.price), _named(subscription.price)
    new, new_name = paid_for(subscription, terms), _named(terms)
    if interval == _interval_of(subscription):
        change = difference(change_of(old, new, spell, on=today, whole=whole), spell, unpaid)
        return proration_lines(change, old=old_name, new=new_name)
    credit = really_paid(unused(old, spell, on=today, whole=whole), spell, unpaid)
    if today > spell.start:  # the new period begins today, and is billed by its own cycle
        nothing = Share(Money(0, subscription.currency), credit.start, credit.end)
        return proration_lines(Change(credit, nothing), old=old_name, new=new_name)
    grid = _regrided(subscription, interval, now)
    longer = period(grid.phases, subscription.number)
    return proration_lines(Change(credit, Share(new, longer.start, longer.end)), old=old_name, new=new_name)


def refuse_ended(subscription: Subscription) -> None:
    """Refuses what has ended for good."""
    if subscription.has_ended:
        raise conflict(
            "subscription_ended",
            f"This subscription is {subscription.status}: its end is final. Make a new one.",
        )


def refuse_too_much(terms: Terms) -> None:
    """Refuses a price that no payment could have."""
    if terms.whole > MINOR_MAX:
        message = f"Amount times quantity is more than {MINOR_MAX}, the most that a payment takes."
        raise invalid("amount_too_large", message, param="quantity")


def _regrided(subscription: Subscription, interval: Interval, now: datetime) -> Subscription:
    """The same, with a grid of another interval from today on; a trial that goes on keeps its end."""
    if interval == _interval_of(subscription):
        return subscription
    today = local_day(subscription, now)
    if subscription.trial_end is not None and today < subscription.trial_end:
        today = subscription.trial_end
    phases = re_anchored(subscription.phases, on=today, anchor=today, interval=interval)
    return replace(subscription, phases=phases)


def _interval_of(subscription: Subscription) -> Interval:
    return subscription.phases[-1].interval


def _is_billed_through(subscription: Subscription, now: datetime) -> bool:
    """Whether the days that are left of the current period were billed."""
    if subscription.number == 0 or subscription.managed_by is ManagedBy.OUTSIDE:
        return False
    if subscription.status in (Status.TRIALING, Status.PAUSED) or subscription.opened == 0:
        return False
    spell = period(subscription.phases, subscription.number)
    return spell.start <= local_day(subscription, now) < spell.end


def _unused_lines(subscription: Subscription, unpaid: Sequence[Invoice], now: datetime) -> list[Line]:
    """What is given back of the days that are left."""
    if not _is_billed_through(subscription, now):
        return []
    spell = period(subscription.phases, subscription.number)
    paid, whole = paid_for(subscription, subscription.price), whole_of(subscription.phases, spell.number)
    share = really_paid(unused(paid, spell, on=local_day(subscription, now), whole=whole), spell, unpaid)
    if not share.amount.minor:
        return []
    line = Line(
        kind=LineKind.PRORATION,
        description=f"Unused time: {_named(subscription.price)}",
        amount=share.amount,
        discountable=False,
    )
    return [line]


def _billed_now(
    subscription: Subscription,
    lines: Sequence[Line],
    items: Sequence[Item],
    billing: Billing,
    now: datetime,
) -> Bill:
    making = Making(
        invoice_id=billing.new_id(),
        due=now,
        charge=Charge(now),
        balance=billing.balance,
        now=now,
        collecting=billing.collecting,
    )
    return billed(subscription, lines, items, making)


def _named(terms: Terms) -> str:
    return terms.name if terms.quantity == 1 else f"{terms.quantity} × {terms.name}"
