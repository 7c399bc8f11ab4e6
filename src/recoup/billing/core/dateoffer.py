"""What another billing date does to a subscription, thought through before anybody agrees to it.

The next invoices are not estimated: they are opened in thought, by what opens them in earnest. So whatever holds for
them (discounts, what waits for an invoice, an agreed end) holds for what a customer is shown.

A day of the month that a month lacks is its last, as everywhere; so the date that is counted from lies in a month that
has the day, even where the first such period begins earlier.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from itertools import islice
from typing import Final
from uuid import UUID

from msgspec.structs import replace

from recoup.billing.core.amounts import LineKind
from recoup.billing.core.bills import Charge, Making, is_billed, paid_for
from recoup.billing.core.cycles import Open, Pass, next_turn, opened, passed
from recoup.billing.core.datechange import Bridge, Effective, Offer, Target, Upcoming
from recoup.billing.core.machine import Status
from recoup.billing.core.periods import (
    PHASES_MAX,
    Interval,
    Phases,
    Unit,
    period,
    re_anchored,
    whole_of,
)
from recoup.billing.core.proration import unused
from recoup.billing.core.records import ITEMS_MAX, Item, ManagedBy, Subscription
from recoup.billing.core.step import Step, changed, cycle_row, due_of, local_day, scheduled
from recoup.kit.refusals import Refusal, conflict, invalid

SHOWN: Final = 3
"""How many of the next invoices are shown, before and after."""
CANDIDATES_MAX: Final = 31
"""How many days are looked at for a payday, at most: a month."""
_TURNS_MAX: Final = 200
"""How many periods are looked through for those that are billed: many in a row may be paused."""
_BY_MONTH: Final = frozenset({Unit.MONTH, Unit.YEAR})
_DAY: Final = timedelta(days=1)
_UPDATED: Final = "subscription.updated"
_NOBODY: Final = UUID(int=0)


def targets(subscription: Subscription, effective: Effective, *, now: datetime) -> list[Target]:
    """Every date that a subscription might be moved to: the days of a month, or the days of its own interval."""
    interval = subscription.phases[-1].interval
    if interval.unit in _BY_MONTH:
        return [Target(day=day, payday=True) for day in range(1, 32)]
    days = interval.count * (7 if interval.unit is Unit.WEEK else 1)
    on = begins(subscription, effective, now=now)
    return [Target(on=on + n * _DAY, payday=True) for n in range(min(days, CANDIDATES_MAX))]


def begins(subscription: Subscription, effective: Effective, *, now: datetime) -> date:
    """The local day from which new dates can hold; refuses where there is none."""
    _refuse_unmovable(subscription, now=now)
    spell = period(subscription.phases, subscription.number)
    if effective is Effective.AFTER_PAID or subscription.status is Status.TRIALING:
        return spell.end
    today = local_day(subscription, now)
    if subscription.opened == 0:
        raise unsettled(
            "What is paid of it was not billed here: its date can change `after_paid` all the same."
        )
    if subscription.owing:
        raise unsettled("An invoice of it is not paid: its date can change `after_paid` all the same.")
    if subscription.payments_total is not None:
        raise unsettled("It ends after an agreed number of whole payments: its date can change `after_paid`.")
    if today <= spell.start:
        raise conflict(
            "period_began_today",
            "The current period began today: let the change hold from tomorrow, or `after_paid`.",
            param="effective",
        )
    return today


def offered(subscription: Subscription, target: Target, effective: Effective, *, now: datetime) -> Offer:
    """What a change to that date comes to, as the subscription is now; refuses where no date can move."""
    on, phase = begins(subscription, effective, now=now), subscription.phases[-1]
    waits = phase.first_number > subscription.number and phase.starts_on != subscription.trial_end
    if subscription.payments_total is not None and waits:
        raise unsettled("An earlier change of its date has not begun: undo that first.")
    anchor = _anchor(target, on, subscription.phases[-1].interval)
    return offered_from(subscription, on, anchor, effective, now=now)


def offered_from(
    subscription: Subscription, on: date, anchor: date, effective: Effective, *, now: datetime
) -> Offer:
    """What new dates, counted from `anchor`, come to where they hold from the day `on`."""
    phases, old = re_anchored(subscription.phases, on=on, anchor=anchor), subscription.phases
    number = phases[-1].first_number
    first = period(phases, number)
    credit = _credit(subscription, on)
    offer = Offer(
        effective=effective,
        on=on,
        anchor=anchor,
        old_anchor=old[-1].anchor,
        last=number - 1,
        bridge=Bridge(number=number, start=first.start, end=first.end, amount=0)
        if _is_bridge(phases, number)
        else None,
        credit=0 if credit is None else -credit.amount,
        now=0,
        before=tuple(islice(_upcoming(subscription, now=now), SHOWN)),
        after=(),
    )
    after = tuple(islice(_upcoming(_moved(subscription, offer, credit), now=now), SHOWN))
    if not offer.before or not after:
        raise nothing_upcoming()
    if offer.bridge is not None:
        amount = _bridge_amount(subscription, offer, now=now)
        offer = replace(offer, bridge=replace(offer.bridge, amount=amount))
    at_once = effective is Effective.NOW and on <= local_day(subscription, now)
    return replace(offer, after=after, now=after[0].total if at_once else 0)


def on_dates(
    subscription: Subscription, target: Target, effective: Effective, *, now: datetime
) -> tuple[Subscription, list[Open]]:
    """The subscription on other dates, and its next whole periods: to think of when they would be charged."""
    on = begins(subscription, effective, now=now)
    anchor = _anchor(target, on, subscription.phases[-1].interval)
    moved = replace(subscription, phases=re_anchored(subscription.phases, on=on, anchor=anchor))
    number = moved.phases[-1].first_number
    bridged = _is_bridge(moved.phases, number)
    return moved, next_turns(moved, number + bridged)


def next_turns(subscription: Subscription, number: int) -> list[Open]:
    """The periods from a number on, each with when it is due; not further ahead than the year after."""
    turns = [
        Open(period(subscription.phases, one), due_of(subscription, one))
        for one in range(number, number + SHOWN)
    ]
    return [turn for turn in turns if turn.due.year <= turns[0].due.year + 1]


def changes_nothing(offer: Offer) -> bool:
    """Whether an offer leaves every date as it is."""
    return [one.start for one in offer.before] == [one.start for one in offer.after]


def first_of(offer: Offer) -> date:
    """The first day on the new dates."""
    return offer.on if offer.bridge is None else offer.bridge.end


def refuse_far(target: Target, offer: Offer) -> None:
    """Refuses a date on which no period would begin first: one that is past, or further than the next whole one."""
    if target.on is not None and first_of(offer) != target.on:
        raise invalid(
            "date_out_of_range",
            f"With `date` a period begins first on {first_of(offer).isoformat()}: send a date from "
            f"{offer.on.isoformat()} on, within one interval.",
            param="date",
        )


def refuse_day(subscription: Subscription) -> None:
    """Refuses a day of the month where periods are not counted in months."""
    unit = subscription.phases[-1].interval.unit
    if unit not in _BY_MONTH:
        raise invalid(
            "anchor_day_without_months",
            f"Periods of this subscription are counted in {unit}s, which have no day of the month: send `date`.",
            param="anchor_day",
        )


def applied(subscription: Subscription, offer: Offer, *, new_id: Callable[[], UUID], now: datetime) -> Step:
    """The subscription with its new dates, what is given back for the next invoice, and when that is.

    Where it was agreed to end after so many payments, the days between are not one of them.
    """
    credit = _credit(subscription, offer.on)
    if credit is not None:
        if len(subscription.items) >= ITEMS_MAX:
            raise conflict(
                "too_many_items", f"At most {ITEMS_MAX} items wait for an invoice; charge these first."
            )
        credit = replace(credit, id=new_id())
    moved = _moved(subscription, offer, credit)
    after = scheduled(changed(moved, (_UPDATED,), now=now), now=now)
    return Step(after, dues=(cycle_row(after),), happened=((_UPDATED, after),))


def undoing(subscription: Subscription, offer: Offer, *, now: datetime) -> tuple[Subscription, Offer]:
    """What it comes to to put the old dates back after what is billed, and what that is to be applied to.

    Refuses once other dates hold. Days between that were never billed are no payment beside the agreed ones any more.
    """
    phase = subscription.phases[-1]
    if (phase.anchor, phase.starts_on) != (offer.anchor, offer.on):
        raise conflict(
            "billing_date_change_superseded",
            "The subscription's dates were changed again since: undo that, or propose another date.",
        )
    on, total = begins(subscription, Effective.AFTER_PAID, now=now), subscription.payments_total
    if total is not None and offer.bridge is not None and subscription.number < offer.bridge.number:
        subscription = replace(subscription, payments_total=total - 1)
    return subscription, offered_from(subscription, on, offer.old_anchor, Effective.AFTER_PAID, now=now)


def unsettled(message: str) -> Refusal:
    """The refusal of what the state of a subscription forbids at present."""
    return conflict("subscription_unexpected_state", message)


def nothing_upcoming() -> Refusal:
    """Nothing more is billed, so that no date of it can move."""
    return conflict("no_upcoming_invoice", "Nothing more will be billed of this subscription as it stands.")


def _refuse_unmovable(subscription: Subscription, *, now: datetime) -> None:
    if subscription.has_ended:
        raise conflict(
            "subscription_ended", f"This subscription is {subscription.status}: nothing more is billed of it."
        )
    if subscription.status is Status.PAUSED:
        raise conflict("subscription_paused", "Resume this subscription before you move its billing date.")
    if subscription.managed_by is ManagedBy.OUTSIDE:
        raise conflict(
            "subscription_managed_outside", "Somebody else bills this subscription: change its date there."
        )
    if subscription.cancel_at_period_end:
        raise nothing_upcoming()
    if subscription.number == 0 or due_of(subscription, subscription.number + 1) <= now:
        raise conflict(
            "period_due",
            "The next period of this subscription is due and not billed yet: its date can move once it is.",
            retry_after_s=1 if subscription.managed_by is ManagedBy.RECOUP else None,
        )
    if len(subscription.phases) >= PHASES_MAX - 1:
        raise conflict("too_many_changes", "This subscription was changed too often; make a new one.")


def _moved(subscription: Subscription, offer: Offer, credit: Item | None) -> Subscription:
    """The subscription with the dates of an offer, before anything is written."""
    total = subscription.payments_total
    return replace(
        subscription,
        phases=_phases(subscription.phases, offer),
        items=subscription.items if credit is None else (*subscription.items, credit),
        payments_total=None if total is None else total + (offer.bridge is not None),
    )


def _phases(old: Phases, offer: Offer) -> Phases:
    return re_anchored(old, on=offer.on, anchor=offer.anchor)


def _bridge_amount(subscription: Subscription, offer: Offer, *, now: datetime) -> int:
    """What the days between cost by themselves: without what else waits for their invoice."""
    alone = replace(_moved(subscription, offer, None), items=())
    return next((one.total for one in _upcoming(alone, now=now) if one.number == offer.last + 1), 0)


def _upcoming(subscription: Subscription, *, now: datetime) -> Iterator[Upcoming]:
    """The next invoices of periods, one after the other, as nothing else happens meanwhile."""
    for _ in range(_TURNS_MAX):
        turn = next_turn(subscription, now=now)
        match turn:
            case Open(spell, due):
                making = Making(invoice_id=_NOBODY, due=due, charge=Charge(None), balance=0, now=now)
                step = opened(subscription, turn, making)
                total = step.invoices[0].total
                yield Upcoming(number=spell.number, start=spell.start, end=spell.end, due_at=due, total=total)
            case Pass():
                step = passed(subscription, turn, now=now)
            case _:
                return
        assert step.subscription is not None, "a period begins"
        subscription = step.subscription


def _credit(subscription: Subscription, on: date) -> Item | None:
    """What is given back where the current period, which is billed, is cut on a day."""
    if not is_billed(subscription, subscription.number):
        return None
    spell = period(subscription.phases, subscription.number)
    if on >= spell.end:
        return None
    paid = paid_for(subscription, subscription.price)
    share = unused(paid, spell, on=on, whole=whole_of(subscription.phases, spell.number))
    return Item(
        id=_NOBODY,
        kind=LineKind.PRORATION,
        description=f"Unused time: {subscription.price.name}",
        amount=share.amount.minor,
        start=share.start,
        end=share.end,
        discountable=False,
    )


def _is_bridge(phases: Phases, number: int) -> bool:
    return period(phases, number).start != whole_of(phases, number).start


def _anchor(target: Target, on: date, interval: Interval) -> date:
    if target.day is not None:
        return _anchor_of_day(target.day, on, interval)
    assert target.on is not None, "a target has a day or a date"
    return target.on


def _anchor_of_day(day: int, on: date, interval: Interval) -> date:
    """The date to count from so that the first period on that day of the month begins as soon as it can."""
    first = _in_month(on.year, on.month, day)
    if first < on:
        first = _later(on, 1, day)
    step = interval.count * (12 if interval.unit is Unit.YEAR else 1)
    whole = (_later(first, months * step, day) for months in range(12))
    return next((one for one in whole if one.day == day), first)


def _later(start: date, months: int, day: int) -> date:
    years, month = divmod(start.month - 1 + months, 12)
    return _in_month(start.year + years, month + 1, day)


def _in_month(year: int, month: int, day: int) -> date:
    return date(year, month, min(day, monthrange(year, month)[1]))
