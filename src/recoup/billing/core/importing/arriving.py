"""Makes a subscription of a line: one that the old biller has billed until a day, and that is billed here from then on.

The period that it is in was billed elsewhere: it is the subscription's first, and never billed here. The next begins on
the day that the line tells, and is the first that is. So nothing is charged before that day, whatever the anchor is,
and what is due then is found like every other cycle, by the grid of periods alone.

A line whose day is past says that somebody has not charged, or has and did not say so. Nobody can know which, so a
person has to: charge the period that it is now, or leave it out.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from recoup.billing.core.bills import Charge, Making
from recoup.billing.core.cycles import Open, Pass, opened, passed, turn_of
from recoup.billing.core.importing.lines import Late, Line, Token, Warn
from recoup.billing.core.machine import News, Status, moved
from recoup.billing.core.periods import (
    PHASES_MAX,
    Interval,
    Paused,
    Phase,
    Phases,
    Unit,
    checked,
    instant_at,
    period,
    period_at,
    period_of,
)
from recoup.billing.core.records import TERMS_MAX, ManagedBy, Off, Subscription, Terms
from recoup.billing.core.step import changed, scheduled
from recoup.elsewhere.core.importing.lines import BadField

ELSEWHERE: Final = 1
"""The number of the period that was billed elsewhere."""
AHEAD_MAX: Final = timedelta(days=3 * 366)
"""How far ahead the first charge may be: as long as a period may be."""
_DAY: Final = timedelta(days=1)
_HOUR: Final = timedelta(hours=1)
_LAST_HOUR: Final = 23
_STEPS_MAX: Final = 48
"""How far back a month is looked for that has the anchor's day: leap years are twelve apart at most, but for 1900s."""
_LONGEST_MONTH: Final = 31
_LONG_AGO: Final = date(1900, 1, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ids:
    """What a subscription is made with: its own id and those of what it names."""

    merchant_id: UUID
    subscription_id: UUID
    customer_id: UUID
    plan_id: UUID
    payment_method_id: UUID | None


@dataclass(frozen=True, slots=True)
class Placed:
    """Where a subscription's days lie: the periods, and what a person should know of it."""

    phases: Phases
    warnings: tuple[Warn, ...]


def anchored(day: date, interval: Interval, anchor_day: int | None) -> date | None:
    """A date whose grid of such intervals has that day on it, and falls on `anchor_day` in every month that has it.

    None where the day is not on such a grid: neither on that day of its month, nor on the last of a month without it.
    """
    if anchor_day is None or interval.unit not in (Unit.MONTH, Unit.YEAR):
        return day
    if not on_anchor_day(day, anchor_day):
        return None
    step = interval.count * (12 if interval.unit is Unit.YEAR else 1)
    best = day
    for back in range(_STEPS_MAX):
        years, month = divmod(day.year * 12 + day.month - 1 - back * step, 12)
        reached = min(anchor_day, monthrange(years, month + 1)[1])
        if reached > best.day:
            best = date(years, month + 1, reached)
        if best.day == anchor_day:
            break
    return best


def on_anchor_day(day: date, anchor_day: int) -> bool:
    """Whether a day is that of its month, or the last of a month that has no such day."""
    return day.day == min(anchor_day, monthrange(day.year, day.month)[1])


def placed(line: Line, *, late: Late | None, now: datetime) -> Placed:
    """The periods of a line; refuses a day that is past, unless it is said what to do."""
    interval, today = line.plan.interval, now.astimezone(ZoneInfo(line.zone)).date()
    anchor = anchored(line.next_on, interval, line.anchor_day)
    if anchor is None:
        what = f"is the {line.anchor_day}., and next_billing on the {line.next_on.day}. of its month"
        raise BadField("anchor_day", f"{what}: one of them is wrong, or leave anchor_day out")
    if line.next_on > today + AHEAD_MAX:
        raise BadField("next_billing", "is more than three years ahead")
    if line.trial_end is not None and line.trial_end > line.next_on:
        raise BadField("trial_end", "is after next_billing: the first charge is when the trial ends")
    grid = (Phase(ELSEWHERE, anchor, line.next_on, interval),)
    first, warnings = _first(line, grid, late, now)
    begun = min(_begun(line, first, anchor, interval), today - _DAY)
    phases = checked(
        (Phase(ELSEWHERE, begun, begun, interval), Phase(ELSEWHERE + 1, anchor, first, interval))
    )
    return Placed(phases, (*warnings, *_doubts(line)))


def arrived(line: Line, ids: Ids, at: Placed, *, now: datetime) -> Subscription:
    """The subscription of a line, which has not been here before."""
    first = period(at.phases, ELSEWHERE + 1).start
    ends, total = _end(line, at.phases, now)
    in_trial = line.trial_end is not None and line.trial_end == first
    status = Status.TRIALING if in_trial else Status.ACTIVE
    outside = line.managed_by is ManagedBy.OUTSIDE
    made = Subscription(
        merchant_id=ids.merchant_id,
        id=ids.subscription_id,
        customer_id=ids.customer_id,
        payment_method_id=None if outside else ids.payment_method_id,
        status=moved(status, News.PAUSED) if line.paused else status,
        version=1,
        events_count=1,
        managed_by=line.managed_by,
        currency=line.plan.currency,
        terms=(terms_of(line, ids.plan_id, now=now),),
        phases=at.phases,
        zone=line.zone,
        hour=line.hour,
        country=line.details.country,
        number=ELSEWHERE,
        opened=0,
        next_at=None,
        not_before=_within_the_hour(line),
        trial_end=first if in_trial else None,
        pauses=(Paused(now.astimezone(ZoneInfo(line.zone)).date()),) if line.paused else (),
        payments_total=total,
        discounts=_discounts(line, at.phases),
        cancel_at_period_end=ends,
        canceled_at=now if ends else None,
        metadata=dict(line.metadata),
        created_at=now,
        updated_at=now,
    )
    return scheduled(made, now=now)


def brought_up(
    held: Subscription, fresh: Subscription, facts: tuple[str, ...], *, now: datetime
) -> Subscription:
    """A subscription that is here and is not billed here yet, as a newer line has it (`fresh`, as if it were new).

    What an outside biller has reported of it stays: the periods from the new day on come after those.
    """
    first = period(fresh.phases, ELSEWHERE + 1).start
    is_untouched = held.opened == 0 and held.number == ELSEWHERE
    if not is_untouched and period(held.phases, held.number).start >= first:
        raise BadField(
            "next_billing", "lies before a period that is here already: what is billed stays billed"
        )
    same_price = replace(fresh.price, since=held.price.since) == held.price
    if not same_price and len(held.terms) >= TERMS_MAX:
        raise BadField("amount", "was changed too often here")
    status = held.status
    if status is Status.TRIALING and fresh.trial_end is None:
        status = moved(status, News.TRIAL_ENDED)
    if fresh.pauses:
        status = moved(status, News.PAUSED)
    after = changed(
        held,
        facts,
        now=now,
        managed_by=fresh.managed_by,
        payment_method_id=fresh.payment_method_id,
        status=status,
        terms=held.terms if same_price else (*held.terms, fresh.price),
        phases=fresh.phases if is_untouched else _gone_on(held, fresh),
        zone=fresh.zone,
        hour=fresh.hour,
        not_before=fresh.not_before,
        country=fresh.country,
        trial_end=fresh.trial_end if held.status is Status.TRIALING else None,
        pauses=(*held.pauses, *fresh.pauses),
        payments_total=None if fresh.payments_total is None else held.opened + fresh.payments_total,
        discounts=fresh.discounts,
        cancel_at_period_end=fresh.cancel_at_period_end,
        canceled_at=fresh.canceled_at,
        metadata=fresh.metadata,
    )
    return scheduled(after, now=now)


def _gone_on(held: Subscription, fresh: Subscription) -> Phases:
    """The periods that are here, and after the last that was opened those of a newer line."""
    kept = tuple(phase for phase in held.phases if phase.first_number <= held.number)
    new = fresh.phases[-1]
    if len(kept) >= PHASES_MAX:
        raise BadField("next_billing", "was moved too often here")
    return checked((*kept, Phase(held.number + 1, new.anchor, new.starts_on, new.interval)))


def has_ended(line: Line, *, now: datetime) -> bool:
    """Whether the day is there on which it ends at the old biller."""
    return line.cancel_at is not None and line.cancel_at <= now.astimezone(ZoneInfo(line.zone)).date()


def terms_of(line: Line, plan_id: UUID, *, now: datetime) -> Terms:
    """What is paid for each period."""
    plan = line.plan
    return Terms(plan_id=plan_id, name=plan.name, amount=plan.amount, quantity=line.quantity, since=now)


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What will be charged on a local day, before any credit of the customer's."""

    on: date
    amount: int


def foreseen(subscription: Subscription, *, until: datetime) -> Iterator[Foreseen]:
    """What will be charged by itself: everything by then, and the first charge, however late; by the steps that bill
    it when the time comes."""
    found = False
    while (at := subscription.next_at) is not None and (at <= until or not found):
        turn = turn_of(subscription, now=at)
        match turn:
            case Open():
                making = Making(
                    invoice_id=subscription.id, due=turn.due, charge=Charge(turn.due), balance=0, now=at
                )
                step = opened(subscription, turn, making)
                due = sum(one.amount_due for one in step.invoices)
                yield Foreseen(at.astimezone(ZoneInfo(subscription.zone)).date(), due)
                found = True
            case Pass():
                step = passed(subscription, turn, now=at)
            case _:
                return
        assert step.subscription is not None, "a period begins"
        subscription = step.subscription


def is_expired(token: Token, on: date) -> bool:
    """Whether the card behind a token is over by that day."""
    card = token.card
    if card.exp_year is None or card.exp_month is None:
        return False
    return (card.exp_year, card.exp_month) < (on.year, on.month)


def _first(line: Line, grid: Phases, late: Late | None, now: datetime) -> tuple[date, tuple[Warn, ...]]:
    """The first day that is charged here."""
    due = _within_the_hour(line) or _due(line)
    if min(due, line.not_before or due) > now:
        return line.next_on, ()
    turn = period_of(grid, now, zone=line.zone, hour=line.hour)
    number = ELSEWHERE if turn is None else turn.number
    if line.paused:
        return period(grid, number + 1).start, ()
    match late:
        case Late.SKIP:
            return period(grid, number + 1).start, (Warn.LATE_SKIPPED,)
        case Late.CHARGE:
            return period(grid, number).start, (Warn.LATE_CHARGED,)
        case None:
            raise BadField(
                "next_billing",
                "is past: export again, or say by --late what to do: charge (the period that it is now, at once) or "
                "skip (begin with the next one)",
            )


def _due(line: Line) -> datetime:
    return instant_at(line.next_on, line.zone, time(line.hour))


def _within_the_hour(line: Line) -> datetime | None:
    """The instant that was told, where it lies within the hour that it is charged at: the last of the day, for there is
    no whole hour after it."""
    told, due = line.not_before, _due(line)
    return told if told is not None and due < told < due + _HOUR and line.hour == _LAST_HOUR else None


def _begun(line: Line, first: date, anchor: date, interval: Interval) -> date:
    """When the period began that was billed elsewhere."""
    if line.period_start is not None and line.period_start < first:
        return line.period_start
    return period_at((Phase(ELSEWHERE, anchor, _LONG_AGO, interval),), first - _DAY).start


def _doubts(line: Line) -> Iterator[Warn]:
    """What cannot be known of the days."""
    last = monthrange(line.next_on.year, line.next_on.month)[1]
    counts_months = line.plan.interval.unit in (Unit.MONTH, Unit.YEAR)
    if line.anchor_day is None and counts_months and line.next_on.day == last < _LONGEST_MONTH:
        yield Warn.MONTH_END


def _end(line: Line, phases: Phases, now: datetime) -> tuple[bool, int | None]:
    """Whether it ends with the period that it is in, and else after how many charges here."""
    first = period(phases, ELSEWHERE + 1).start
    if line.cancel_at is None:
        return line.cancel_at_period_end, line.payments_left
    if has_ended(line, now=now):
        raise BadField("cancel_at", "is past: leave the line out")
    if line.cancel_at <= first:
        return True, line.payments_left
    charges = period_at(phases, line.cancel_at - _DAY).number - ELSEWHERE
    return line.cancel_at_period_end, min(charges, line.payments_left or charges)


def _discounts(line: Line, phases: Phases) -> tuple[Off, ...]:
    if line.discount is None or line.discount_until is None:
        return () if line.discount is None else (line.discount,)
    if line.discount_until <= period(phases, ELSEWHERE + 1).start:
        return ()
    charges = period_at(phases, line.discount_until - _DAY).number - ELSEWHERE
    return (replace(line.discount, times=min(charges, line.discount.times or charges)),)


def cancel_doubts(line: Line, phases: Phases) -> tuple[Warn, ...]:
    """Whether it ends later than the old biller said: periods are not cut."""
    if line.cancel_at is None or line.cancel_at == period_at(phases, line.cancel_at).start:
        return ()
    return (Warn.ENDS_WITH_PERIOD,)
