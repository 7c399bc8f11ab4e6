"""How payments count in the sums of what is confirmed: by when they began, by how they stand, by who else says so.

Sums are kept by spans of time: by the hour for the last days, then by the day, then by the month, so that however long
a merchant's history is, a question reads few rows. A payment's share of a sum is taken out and put in as it changes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntFlag, StrEnum
from typing import Final, NamedTuple
from uuid import UUID

HOURS_KEPT: Final = timedelta(days=2)
"""For how long sums are told by the hour, at least."""
DAYS_KEPT: Final = timedelta(days=92)
"""For how long by the day."""
NOWHERE: Final = UUID(int=0)
"""Stands for the processor account of a payment that has none yet."""


class Source(IntFlag):
    """Who confirmed a payment, beside the answer that it was given its end by."""

    WEBHOOK = 1
    QUESTION = 2
    SETTLEMENT = 4


class Standing(StrEnum):
    """What there is to confirm."""

    OPEN = "open"
    """It has no end yet."""
    APPROVED = "approved"
    """Money was held or taken."""
    DECLINED = "declined"
    NOTHING = "nothing"
    """No processor had a say in it: it has no attempt, or none was processed."""


_STANDINGS: Final[Mapping[str, Standing]] = {
    "processing": Standing.OPEN,
    "requires_action": Standing.OPEN,
    "unresolved": Standing.OPEN,
    "authorized": Standing.APPROVED,
    "partially_captured": Standing.APPROVED,
    "captured": Standing.APPROVED,
    "declined": Standing.DECLINED,
}


def standing_of(status: str, *, authorized: int) -> Standing:
    """What there is to confirm of a payment. One that was canceled had its money held, or had not."""
    if status == "canceled" and authorized:
        return Standing.APPROVED
    return _STANDINGS.get(status, Standing.NOTHING)


class Group(NamedTuple):
    """Payments that are counted together."""

    began_at: datetime
    processor_account_id: UUID
    currency: str
    standing: Standing
    sources: Source
    differs: bool


class Sum(NamedTuple):
    """How many payments, and over how much."""

    payments: int
    amount: int


@dataclass(frozen=True, slots=True)
class Counted:
    """How one payment counts. `began_at` is its own; `differs`: somebody says another end than we hold. `waits`:
    something of it has no end yet."""

    payment_id: UUID
    began_at: datetime
    processor_account_id: UUID
    currency: str
    standing: Standing
    sources: Source
    differs: bool
    waits: bool
    amount: int

    def group(self, today: datetime) -> Group:
        """With whom it is counted."""
        return Group(
            span_of(self.began_at, today),
            self.processor_account_id,
            self.currency,
            self.standing,
            self.sources,
            self.differs,
        )


def day_of(moment: datetime) -> datetime:
    """When its day began, in UTC."""
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


def hours_from(today: datetime) -> datetime:
    """From when on sums are by the hour, on a day."""
    return today - HOURS_KEPT


def days_from(today: datetime) -> datetime:
    """From when on sums are by the day, or by the hour."""
    return (today - DAYS_KEPT).replace(day=1)


def span_of(began_at: datetime, today: datetime) -> datetime:
    """The beginning of the span that a moment is counted in, on a day (`day_of`)."""
    if began_at < days_from(today):
        return day_of(began_at).replace(day=1)
    if began_at < hours_from(today):
        return day_of(began_at)
    return began_at.replace(minute=0, second=0, microsecond=0)


def changes(pairs: Iterable[tuple[Counted | None, Counted]], today: datetime) -> dict[Group, Sum]:
    """By how much the sums change where payments counted so before (None: not at all), and now count so."""
    found: dict[Group, Sum] = defaultdict(lambda: Sum(0, 0))
    for before, now in pairs:
        for one, sign in ((before, -1), (now, 1)):
            if one is not None and one.standing is not Standing.NOTHING:
                group = one.group(today)
                held = found[group]
                found[group] = Sum(held.payments + sign, held.amount + sign * one.amount)
    return {group: change for group, change in found.items() if change != (0, 0)}


class Age(StrEnum):
    """How long ago payments began: to the hour for two days, then to the day."""

    HOUR = "under_1_hour"
    DAY = "1_to_24_hours"
    WEEK = "1_to_7_days"
    MONTH = "7_to_30_days"
    QUARTER = "30_to_90_days"
    OLDER = "over_90_days"


AGES: Final[Mapping[Age, timedelta | None]] = {
    Age.HOUR: timedelta(hours=1),
    Age.DAY: timedelta(days=1),
    Age.WEEK: timedelta(days=7),
    Age.MONTH: timedelta(days=30),
    Age.QUARTER: timedelta(days=90),
    Age.OLDER: None,
}
"""Up to which age; the youngest first."""


def bounds(now: datetime) -> list[datetime]:
    """Since when the payments of each age but the oldest began, the youngest first."""
    return [now - upto for upto in AGES.values() if upto is not None]


@dataclass(frozen=True, slots=True)
class AgeSum:
    """A sum of payments of one age."""

    age: Age
    processor_account_id: UUID
    currency: str
    standing: Standing
    sources: Source
    differs: bool
    payments: int
    amount: int
