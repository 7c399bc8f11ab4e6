"""Amounts by days: what a part of a period costs, and what a change in the middle of one credits and charges.

Every day of a period has a share of its amount. The share is what is reached by the end of the day, rounded, less what
was reached by its beginning, rounded; so shares differ by a minor unit at most, and those of any run of days add up
to the same, however the run is cut. Whoever changes a plan ten times within a period pays to the cent the sum, over
its days, of each day's share of the amount that held on that day.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise

from recoup.billing.core.periods import Period
from recoup.kit.money import Money


@dataclass(frozen=True, slots=True)
class Share:
    """What some days of a period cost: from `start` to the day before `end`. Negative where it is credited."""

    amount: Money
    start: date
    end: date


@dataclass(frozen=True, slots=True)
class Change:
    """What a change gives back for the days that are left, and what it charges for them."""

    credit: Share
    charge: Share

    @property
    def net(self) -> Money:
        """What is to be paid for the change; negative where it is owed to the customer."""
        return self.credit.amount + self.charge.amount


def prorated(amount: Money, period: Period, used_from: date, used_to: date) -> Money:
    """The share of a whole period's amount for the days from `used_from` to the day before `used_to`.

    What lies outside the period costs nothing.
    """
    first, last = _within(period, used_from), _within(period, used_to)
    return Money(
        _reached(amount.minor, last, period) - _reached(amount.minor, first, period), amount.currency
    )


def price_of(amount: Money, period: Period, *, whole: Period, used_from: date | None = None) -> Money:
    """What a period costs at a price for the `whole` stretch of the grid it lies in (`periods.whole_of`).

    A period that is the whole costs the price; a short one, and one used from a later day on (`periods.billed_from`),
    its share. One that was lengthened costs no more than before, for its days were given.
    """
    return prorated(amount, whole, used_from or period.start, period.end)


def unused(paid: Money, period: Period, *, on: date, whole: Period | None = None) -> Share:
    """What is given back when a period that was paid for ends on an earlier day.

    `paid`: for the whole stretch of the grid, after discounts; `whole` where the period is not itself the whole.
    """
    start = max(on, period.start)
    back = prorated(paid, whole or period, start, period.end)
    return Share(Money(-back.minor, back.currency), start, period.end)


def changed(old: Money, new: Money, period: Period, *, on: date, whole: Period | None = None) -> Change:
    """The change from one amount for a period to another, from the day `on` to the period's end.

    Amounts are for the whole stretch of the grid, and as they are really paid: quantity counted, discounts taken off.
    """
    credit = unused(old, period, on=on, whole=whole)
    return Change(
        credit, Share(prorated(new, whole or period, credit.start, period.end), credit.start, period.end)
    )


def by_price(prices: Sequence[tuple[date, Money]], period: Period) -> tuple[Share, ...]:
    """What each of several amounts costs for the days on which it held; each holds from its day to the next one's.

    The first holds from the period's start. What is charged and credited by `changed`, one change after another, adds
    up to the sum of these.
    """
    days = [period.start, *(_clamped(period, day) for day, _ in prices[1:]), period.end]
    return tuple(
        Share(prorated(amount, period, start, end), start, end)
        for (_, amount), (start, end) in zip(prices, pairwise(days), strict=True)
    )


def _reached(minor: int, days: int, period: Period) -> int:
    """What is reached after so many days, rounded half up."""
    return (2 * minor * days + period.days) // (2 * period.days)


def _within(period: Period, day: date) -> int:
    return (_clamped(period, day) - period.start).days


def _clamped(period: Period, day: date) -> date:
    return min(max(day, period.start), period.end)
