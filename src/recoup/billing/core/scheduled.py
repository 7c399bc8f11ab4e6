"""A scheduled payment: one payment at one time, executed once.

It is `scheduled` until its time, and may be changed or canceled until then. At its time it remembers its payment before
anything is sent, and is `processing` while nobody knows what became of that. A refusal is not the end: recovery tries
the payment as any other, so `failed` becomes `paid` where that comes to something; and money that came back makes
`paid` fail after all. A news that the table does not list raises `IllegalMove`, and nothing changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from recoup.billing.core.machine import IllegalMove
from recoup.billing.core.records import Failing
from recoup.kit.money import Money
from recoup.kit.refusals import Refusal, conflict
from recoup.payments.core import NewPayment

EXECUTE: Final = "scheduled_payment.execute"
"""The kind of due row that says: execute this scheduled payment."""


class Status(StrEnum):
    """Where a scheduled payment stands."""

    SCHEDULED = "scheduled"
    PROCESSING = "processing"
    PAID = "paid"
    FAILED = "failed"
    CANCELED = "canceled"


class News(StrEnum):
    """What can happen to a scheduled payment. `LET_GO`: its payment was canceled, and holds no money."""

    STARTED = "started"
    CANCELED = "canceled"
    PAID = "paid"
    REFUSED = "refused"
    LET_GO = "let_go"


MOVES: Final[Mapping[Status, Mapping[News, Status]]] = {
    Status.SCHEDULED: {News.STARTED: Status.PROCESSING, News.CANCELED: Status.CANCELED},
    Status.PROCESSING: {
        News.PAID: Status.PAID,
        News.REFUSED: Status.FAILED,
        News.LET_GO: Status.CANCELED,
    },
    Status.FAILED: {News.PAID: Status.PAID, News.REFUSED: Status.FAILED, News.LET_GO: Status.CANCELED},
    Status.PAID: {News.REFUSED: Status.FAILED},
    Status.CANCELED: {},
}
FACTS: Final[Mapping[Status, str]] = {
    Status.PROCESSING: "scheduled_payment.processing",
    Status.PAID: "scheduled_payment.paid",
    Status.FAILED: "scheduled_payment.failed",
    Status.CANCELED: "scheduled_payment.canceled",
}
"""What is told where one comes to stand there."""


class ScheduledPayment(Struct, frozen=True, kw_only=True):
    """One payment at a time.

    `payment_id` is remembered before anything is sent; `payment_version` says how far the payment's news were heard.
    """

    merchant_id: UUID
    id: UUID
    status: Status
    version: int
    events_count: int
    customer_id: UUID
    payment_method_id: UUID
    amount: int
    currency: str
    at: datetime
    payment_id: UUID | None = None
    payment_version: int = 0
    failing: Failing | None = None
    paid_at: datetime | None = None
    canceled_at: datetime | None = None
    description: str | None = None
    metadata: dict[str, str] = {}
    created_at: datetime
    updated_at: datetime

    @property
    def money(self) -> Money:
        """What is to be paid."""
        return Money(self.amount, self.currency)


def takes(status: Status, news: News) -> bool:
    """Whether one that stands there can take a news."""
    return news in MOVES[status]


def moved(one: ScheduledPayment, news: News, *, now: datetime, **changes: Any) -> ScheduledPayment:
    """The next version after a news, of which its event tells."""
    target = MOVES[one.status].get(news)
    if target is None:
        raise IllegalMove(f"a scheduled payment that is {one.status} cannot take {news}")
    return _next(one, now=now, status=target, **changes)


def changed(one: ScheduledPayment, fields: Mapping[str, Any], *, now: datetime) -> ScheduledPayment:
    """Other fields, while nothing has been sent; refuses later."""
    _refuse_begun(one)
    return _next(one, now=now, **fields)


def canceled(one: ScheduledPayment, *, now: datetime) -> ScheduledPayment:
    """Never executed; refuses what was begun."""
    _refuse_begun(one)
    return moved(one, News.CANCELED, now=now, canceled_at=now)


def started(one: ScheduledPayment, payment_id: UUID, *, now: datetime) -> ScheduledPayment:
    """With the payment that it is, which nobody has tried."""
    return moved(one, News.STARTED, now=now, payment_id=payment_id)


def payment_of(one: ScheduledPayment, payment_id: UUID, *, reference: str) -> NewPayment:
    """The payment that it is: the customer agreed to it before, and is not there."""
    return NewPayment(
        id=payment_id,
        merchant_id=one.merchant_id,
        money=one.money,
        capture="automatic",
        initiator="merchant",
        customer_id=one.customer_id,
        merchant_reference=reference,
        return_url=None,
        routing=None,
        recovery_policy=None,
        metadata={},
        agreement="unscheduled",
    )


def paid(one: ScheduledPayment, *, version: int, at: datetime, now: datetime) -> ScheduledPayment | None:
    """The money is there; None where that is known."""
    if not takes(one.status, News.PAID):
        return None
    return moved(one, News.PAID, now=now, payment_version=version, paid_at=at, failing=None)


def refused(
    one: ScheduledPayment, failing: Failing, *, version: int, now: datetime
) -> ScheduledPayment | None:
    """A try was refused, or what was paid came back; None where that is known."""
    known = one.failing
    if not takes(one.status, News.REFUSED):
        return None
    if known is not None and (known.tries, known.code) == (failing.tries, failing.code):
        return None
    return moved(one, News.REFUSED, now=now, payment_version=version, paid_at=None, failing=failing)


def let_go(one: ScheduledPayment, *, version: int, now: datetime) -> ScheduledPayment | None:
    """Its payment was canceled; None where that is known."""
    if not takes(one.status, News.LET_GO):
        return None
    return moved(one, News.LET_GO, now=now, payment_version=version, canceled_at=now)


def _next(one: ScheduledPayment, *, now: datetime, **changes: Any) -> ScheduledPayment:
    version, events = one.version + 1, one.events_count + 1
    return replace(one, version=version, events_count=events, updated_at=now, **changes)


def _refuse_begun(one: ScheduledPayment) -> None:
    if one.status is not Status.SCHEDULED:
        raise unexpected(one)


def unexpected(one: ScheduledPayment) -> Refusal:
    """The refusal of what its state forbids."""
    return conflict(
        "scheduled_payment_unexpected_state",
        f"This scheduled payment is {one.status}: only until it is executed may it be changed or canceled. Its payment "
        "may still be canceled or refunded, as any other.",
    )
