"""The change of a billing date: proposed, agreed to by the customer, applied, and put back.

A customer's billing date is theirs: it moves only once they have agreed to a proposal that says what it changes, and
what it costs. So a change keeps all of it: who proposed, who agreed and how, when, and what they were shown. A news
that the table does not list raises `IllegalMove`, and nothing changes.

Agreeing applies it, in the same transaction. Nobody agrees to something else than what they have seen: where the
subscription has changed since, so that the dates or the amounts are others now, the proposal is made anew first.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from enum import StrEnum
from hashlib import sha256
from typing import Any, Final
from uuid import UUID

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from recoup.billing.core.machine import IllegalMove
from recoup.kit.refusals import Refusal, conflict

EXPIRE: Final = "billing_date_change.expire"
"""The kind of due row that says: nobody agreed to this proposal in time."""
TRAIL_MAX: Final = 20
"""How much may happen to one change: who would propose it anew more often makes another."""


class Status(StrEnum):
    """Where a change stands."""

    PROPOSED = "proposed"
    ACCEPTED = "accepted"
    APPLIED = "applied"
    DECLINED = "declined"
    EXPIRED = "expired"
    CANCELED = "canceled"
    UNDONE = "undone"


class News(StrEnum):
    """What can happen to a change."""

    RENEWED = "renewed"
    """It was proposed anew, on the subscription as it is now."""
    ACCEPTED = "accepted"
    APPLIED = "applied"
    DECLINED = "declined"
    EXPIRED = "expired"
    CANCELED = "canceled"
    """The merchant took the proposal back."""
    UNDONE = "undone"
    """The old date holds again, from the next period on."""


MOVES: Final[Mapping[Status, Mapping[News, Status]]] = {
    Status.PROPOSED: {
        News.RENEWED: Status.PROPOSED,
        News.ACCEPTED: Status.ACCEPTED,
        News.DECLINED: Status.DECLINED,
        News.EXPIRED: Status.EXPIRED,
        News.CANCELED: Status.CANCELED,
    },
    Status.ACCEPTED: {News.APPLIED: Status.APPLIED},
    Status.APPLIED: {News.UNDONE: Status.UNDONE},
    Status.DECLINED: {},
    Status.EXPIRED: {},
    Status.CANCELED: {},
    Status.UNDONE: {},
}
PROPOSED: Final = "billing_date_change.proposed"
FACTS: Final[Mapping[News, str]] = {
    News.RENEWED: PROPOSED,
    News.ACCEPTED: "billing_date_change.accepted",
    News.APPLIED: "billing_date_change.applied",
    News.DECLINED: "billing_date_change.declined",
    News.EXPIRED: "billing_date_change.expired",
    News.CANCELED: "billing_date_change.canceled",
    News.UNDONE: "billing_date_change.undone",
}
"""What is told of each news."""


class Effective(StrEnum):
    """From when on the new date holds."""

    AFTER_PAID = "after_paid"
    """From the end of what is billed: nothing that was paid for changes, and nothing is charged before its day."""
    NOW = "now"
    """From today: what is left of the current period is given back, and the days until the new date are billed."""


class How(StrEnum):
    """By which way somebody said something."""

    API = "api"
    PAGE = "page"
    """On the page behind the link."""
    CLOCK = "clock"
    """Nobody did: time passed."""


class Target(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The date that is wished for: a day of the month, or a date. `payday`: it was chosen to be theirs."""

    day: int | None = None
    on: date | None = None
    payday: bool = False


class Bridge(Struct, frozen=True, kw_only=True):
    """The days between the old date and the new one, a short period of its own, billed by its days."""

    number: int
    start: date
    end: date
    amount: int

    @property
    def days(self) -> int:
        """How many days it has."""
        return (self.end - self.start).days


class Upcoming(Struct, frozen=True, kw_only=True):
    """An invoice as it would be: of which period, when it is due, and what it comes to after discounts."""

    number: int
    start: date
    end: date
    due_at: datetime
    total: int


class Offer(Struct, frozen=True, kw_only=True):
    """What a change does to a subscription: all that its customer is shown and agrees to.

    `on`: the local day from which the new dates hold; `anchor`: the date that they are counted from, and `old_anchor`
    the one before. `credit`: what is given back of what was paid. `now`: what is charged at once.
    """

    effective: Effective
    on: date
    anchor: date
    old_anchor: date
    last: int
    bridge: Bridge | None
    credit: int
    now: int
    before: tuple[Upcoming, ...]
    after: tuple[Upcoming, ...]

    @property
    def first(self) -> int:
        """The number of the first whole period on the new dates."""
        return self.last + 1 if self.bridge is None else self.bridge.number + 1

    @property
    def digest(self) -> str:
        """A short name for all of it: another offer has another."""
        return sha256(msgspec.json.encode(self)).hexdigest()[:32]


class Belief(Struct, frozen=True, kw_only=True):
    """How likely it is believed that the money is there when the next whole periods are due: on the old dates, and on
    the new ones; by what (`why`, a word of `chargeday.Why`), and in words."""

    before: float
    after: float
    why: str
    words: str


class Act(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something that was done with a change: what, by whom, by which way; when they said it, and when that was
    recorded; the evidence that they did; and what they were shown."""

    did: str
    by: str
    how: How
    at: datetime
    recorded_at: datetime
    evidence: str | None = None
    shown: Offer | None = None


class DateChange(Struct, frozen=True, kw_only=True):
    """A change of one subscription's billing date. `offer` is what is proposed, or was agreed to."""

    merchant_id: UUID
    id: UUID
    subscription_id: UUID
    customer_id: UUID
    currency: str
    status: Status
    version: int
    events_count: int
    target: Target
    offer: Offer
    believed: Belief
    expires_at: datetime
    trail: tuple[Act, ...]
    applied_at: datetime | None = None
    metadata: dict[str, str] = {}
    created_at: datetime
    updated_at: datetime


def moved(change: DateChange, news: News, act: Act, *, now: datetime, **changes: Any) -> DateChange:
    """The next version of a change after a news, which its trail keeps and its event tells."""
    target = MOVES[change.status].get(news)
    if target is None:
        raise IllegalMove(f"a billing date change that is {change.status} cannot take {news}")
    return replace(
        change,
        status=target,
        version=change.version + 1,
        events_count=change.events_count + 1,
        trail=(*change.trail, act),
        updated_at=now,
        **changes,
    )


def refuse_unless(change: DateChange, news: News, *, now: datetime) -> None:
    """Refuses what the state of a change forbids: only one that is proposed, and has not expired, can be answered."""
    if news not in MOVES[change.status]:
        raise unexpected(change)
    if change.status is Status.PROPOSED and now >= change.expires_at and news is not News.EXPIRED:
        raise conflict(
            "billing_date_change_expired", "Nobody agreed to this proposal in time: make another one."
        )
    if len(change.trail) >= TRAIL_MAX and news is News.RENEWED:
        raise conflict(
            "too_many_changes", "This was proposed anew too often: cancel it, and make another one."
        )


def unexpected(change: DateChange) -> Refusal:
    """The refusal of what its state forbids."""
    return conflict(
        "billing_date_change_unexpected_state",
        f"This billing date change is {change.status}: one that is proposed can be accepted, declined, renewed or "
        "canceled; one that is applied can be undone.",
    )


def outdated() -> Refusal:
    """The subscription is not any more what the proposal was made for."""
    return conflict(
        "billing_date_change_outdated",
        "The subscription has changed since this was proposed, and with it the dates or the amounts. Nobody has agreed "
        "to those: propose it anew (`POST …/renew`), and ask again.",
    )
