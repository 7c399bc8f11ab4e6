"""Where a recovery stands, and what may happen to it: one table.

A declined payment opens a recovery with its next try `scheduled`. When that is due it is `running` until the payment's
outcome is known: paid, and it is `recovered`; declined again, and it is planned again, or `exhausted` when nothing is
left to try, or `expired` when its time is up. Where only the customer can help it is `awaiting_customer` until they
do. A person may pause, resume and stop it. An end is final.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from recoup.payments.core import Status as PaymentStatus


class Status(StrEnum):
    """Where a recovery stands."""

    SCHEDULED = "scheduled"
    RUNNING = "running"
    AWAITING_CUSTOMER = "awaiting_customer"
    PAUSED = "paused"
    RECOVERED = "recovered"
    EXHAUSTED = "exhausted"
    EXPIRED = "expired"
    STOPPED = "stopped"


class News(StrEnum):
    """What can happen to a recovery."""

    RETRY_PLANNED = "retry_planned"
    RETRY_STARTED = "retry_started"
    CUSTOMER_NEEDED = "customer_needed"
    PAUSED = "paused"
    PAID = "paid"
    NOTHING_LEFT = "nothing_left"
    TIME_UP = "time_up"
    STOPPED = "stopped"


class EndReason(StrEnum):
    """Why a recovery ended."""

    PAID = "paid"
    TRIES_EXHAUSTED = "tries_exhausted"
    DECLINED_FOR_GOOD = "declined_for_good"
    NETWORK_LIMIT = "network_limit"
    DEADLINE = "deadline"
    NOT_WORTH_IT = "not_worth_it"
    REQUESTED = "requested"
    PAID_ELSEWHERE = "paid_elsewhere"
    PAYMENT_CANCELED = "payment_canceled"
    DISPUTED = "disputed"


_ENDS: Final[Mapping[News, Status]] = {
    News.PAID: Status.RECOVERED,
    News.NOTHING_LEFT: Status.EXHAUSTED,
    News.TIME_UP: Status.EXPIRED,
    News.STOPPED: Status.STOPPED,
}
_PLANS: Final[Mapping[News, Status]] = {
    News.RETRY_PLANNED: Status.SCHEDULED,
    News.CUSTOMER_NEEDED: Status.AWAITING_CUSTOMER,
}

MOVES: Final[Mapping[Status, Mapping[News, Status]]] = {
    Status.SCHEDULED: {
        **_PLANS,
        **_ENDS,
        News.RETRY_STARTED: Status.RUNNING,
        News.PAUSED: Status.PAUSED,
    },
    Status.RUNNING: {**_PLANS, **_ENDS, News.RETRY_STARTED: Status.RUNNING, News.PAUSED: Status.PAUSED},
    Status.AWAITING_CUSTOMER: {**_PLANS, **_ENDS, News.PAUSED: Status.PAUSED},
    Status.PAUSED: {**_PLANS, **_ENDS},
    Status.RECOVERED: {},
    Status.EXHAUSTED: {},
    Status.EXPIRED: {},
    Status.STOPPED: {},
}
"""`RUNNING` may start again: the process that ran it may have died before it asked for the payment."""

OPEN: Final = frozenset(status for status, news in MOVES.items() if news)


class IllegalMove(AssertionError):
    """A news that cannot come in this state: a bug. Nothing changed."""


def moved(status: Status, news: News) -> Status:
    """Where a recovery stands after a news."""
    target = MOVES[status].get(news)
    if target is None:
        raise IllegalMove(f"a recovery that is {status} cannot take {news}")
    return target


class Standing(StrEnum):
    """What a payment's status means to its recovery."""

    REFUSED = "refused"
    UNDER_WAY = "under_way"
    PAID = "paid"
    GONE = "gone"


STANDINGS: Final[Mapping[PaymentStatus, Standing]] = {
    PaymentStatus.REQUIRES_PAYMENT_METHOD: Standing.UNDER_WAY,
    PaymentStatus.REQUIRES_ACTION: Standing.UNDER_WAY,
    PaymentStatus.PROCESSING: Standing.UNDER_WAY,
    PaymentStatus.UNRESOLVED: Standing.UNDER_WAY,
    PaymentStatus.DECLINED: Standing.REFUSED,
    PaymentStatus.FAILED: Standing.REFUSED,
    PaymentStatus.AUTHORIZED: Standing.PAID,
    PaymentStatus.PARTIALLY_CAPTURED: Standing.PAID,
    PaymentStatus.CAPTURED: Standing.PAID,
    PaymentStatus.CANCELED: Standing.GONE,
}
"""Only `REFUSED` may be tried again: an unknown outcome blocks every path until evidence settles it."""
