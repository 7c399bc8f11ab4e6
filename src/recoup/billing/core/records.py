"""What we know of plans, subscriptions and invoices: their rows as values.

A row is kept as JSON whole, so a record is a msgspec struct; what is as it is by default is left out of it, of
subscriptions and invoices. What a subscription pays is copied from its plan when it begins and at every change
(`Terms`), so that a plan may be edited or retired and nobody's price moves.
"""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from msgspec import Struct

from recoup.billing.core.amounts import LineKind
from recoup.billing.core.dunning import Dunning
from recoup.billing.core.machine import ENDED, InvoiceStatus, Status
from recoup.billing.core.periods import Interval, Paused, Period, Phases
from recoup.billing.core.risks import Ahead
from recoup.kit.money import Money

TERMS_MAX: Final = 1_000
"""How often what a subscription pays may be changed."""
PAUSES_MAX: Final = 1_000
ITEMS_MAX: Final = 100
"""The most items that wait for one invoice."""
PAYMENTS_MAX: Final = 50
"""The most payments one invoice may have had, one after the other."""


class ManagedBy(StrEnum):
    """Who opens the cycles of a subscription, and who charges."""

    RECOUP = "recoup"
    """We open each cycle when it is due, and charge."""
    MERCHANT = "merchant"
    """The merchant says when: `charge` opens the next cycle and charges at once."""
    OUTSIDE = "outside"
    """Somebody else bills and reports what came of it; we charge nothing."""


class Plan(Struct, frozen=True, kw_only=True):
    """An amount for an interval."""

    merchant_id: UUID
    id: UUID
    version: int
    events_count: int
    name: str
    amount: int
    currency: str
    interval: Interval
    trial_days: int
    active: bool
    metadata: dict[str, str]
    created_at: datetime
    updated_at: datetime


class Terms(Struct, frozen=True, kw_only=True):
    """What a subscription pays for each whole period, since when: the price of one, and how many."""

    plan_id: UUID
    name: str
    amount: int
    quantity: int
    since: datetime

    @property
    def whole(self) -> int:
        """What a whole period costs, before discounts."""
        return self.amount * self.quantity


class Item(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the next invoice takes in beside its period: a one-off item, or what a change credits or charges."""

    id: UUID
    kind: LineKind
    description: str
    amount: int
    quantity: int = 1
    start: date | None = None
    end: date | None = None
    discountable: bool = True


class Off(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A discount: a share (in hundredths of a percent) or an amount, off so many invoices; without `times`, off all."""

    id: str
    percent: int | None = None
    amount: int | None = None
    times: int | None = None
    used: int = 0


class Window(Struct, frozen=True, kw_only=True):
    """Around the due day, the days within which the customer agreed to be charged, and when they agreed."""

    after_days: int
    before_days: int
    agreed_at: datetime


class Subscription(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An agreement that bills.

    `number` is the period that it is in, or will be in first; `opened` counts the invoices of its periods. `owing` are
    its open invoices whose charge was refused, or that nobody tries to charge because it is unpaid. `now_off` are its
    discounts as they held when the current period was billed. `next_at`: when the next cycle opens by itself. `hour`:
    at which hour of the local day a period is due. `dunning_policy_id` names what holds when it falls behind;
    `dunning` is there while it owes anything. `ahead`: what was
    found when its next charge was looked at beforehand. `not_before`: nothing is billed before, though it is due.
    """

    merchant_id: UUID
    id: UUID
    customer_id: UUID
    payment_method_id: UUID | None
    status: Status
    version: int
    events_count: int
    managed_by: ManagedBy
    currency: str
    terms: tuple[Terms, ...]
    phases: Phases
    zone: str
    hour: int
    country: str | None
    number: int
    opened: int
    next_at: datetime | None
    not_before: datetime | None = None
    trial_end: date | None = None
    pauses: tuple[Paused, ...] = ()
    payments_total: int | None = None
    window: Window | None = None
    discounts: tuple[Off, ...] = ()
    now_off: tuple[Off, ...] = ()
    items: tuple[Item, ...] = ()
    owing: tuple[UUID, ...] = ()
    dunning_policy_id: UUID | None = None
    dunning: Dunning | None = None
    latest_invoice_id: UUID | None = None
    cancel_at_period_end: bool = False
    canceled_at: datetime | None = None
    ended_at: datetime | None = None
    description: str | None = None
    metadata: dict[str, str] = {}
    ahead: Ahead | None = None
    created_at: datetime
    updated_at: datetime

    @property
    def price(self) -> Terms:
        """What it pays now."""
        return self.terms[-1]

    @property
    def whole(self) -> Money:
        """What a whole period costs now, before discounts."""
        return Money(self.price.whole, self.currency)

    @property
    def has_ended(self) -> bool:
        """Whether nothing more is billed for good."""
        return self.status in ENDED

    @property
    def is_entitled(self) -> bool:
        """Whether its customer may use what it is for: while it is paid, and through the grace after that."""
        if self.status is Status.PAST_DUE:
            return self.dunning is None or not self.dunning.grace_over
        return self.status in (Status.TRIALING, Status.ACTIVE)


class Cut(Struct, frozen=True):
    """What one discount took off one line."""

    discount: str
    amount: int


class InvoiceLine(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of an invoice, as it is kept: `amount` before discounts, for all of `quantity`."""

    kind: LineKind
    description: str
    amount: int
    quantity: int = 1
    start: date | None = None
    end: date | None = None
    item_id: UUID | None = None
    discountable: bool = True
    cuts: tuple[Cut, ...] = ()

    @property
    def net(self) -> int:
        """What is really paid for it."""
        return self.amount - sum(cut.amount for cut in self.cuts)


class Failing(Struct, frozen=True):
    """Why an open invoice is not paid: the code and the words of what was refused, and at which try of its payment."""

    code: str
    message: str
    tries: int
    at: datetime


class Expected(Struct, frozen=True):
    """How likely it was believed, when an invoice was opened, that the money is there: when it is charged, and when it
    is due."""

    at_charge: float
    at_due: float


class Invoice(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is billed at once.

    `credit` is what the customer's balance paid of it, or, negative, what went to the balance. `charge_at` is when it
    is charged by itself; `charge_why` says why then, `charge_words` the same for people where it is moved, and
    `expected` what was believed. `payment_id` is the payment that it is paid by, remembered before anything is sent,
    and `payment_version` how far its news were heard; `payments` are those that were let go of before. One that is not
    `collecting` waits to be paid by hand: nothing charges it by itself, and nothing wins it back.
    """

    merchant_id: UUID
    id: UUID
    number: int | None
    customer_id: UUID
    subscription_id: UUID | None
    payment_method_id: UUID | None
    period: Period | None
    status: InvoiceStatus
    version: int
    events_count: int
    managed_by: ManagedBy
    currency: str
    lines: tuple[InvoiceLine, ...]
    subtotal: int
    discount: int
    total: int
    credit: int
    amount_due: int
    due_at: datetime | None
    charge_at: datetime | None
    charge_why: str | None = None
    charge_words: str | None = None
    expected: Expected | None = None
    payment_id: UUID | None = None
    payment_version: int = 0
    payments: tuple[UUID, ...] = ()
    failing: Failing | None = None
    opened_at: datetime | None = None
    paid_at: datetime | None = None
    paid_out_of_band: bool = False
    collecting: bool = True
    ended_at: datetime | None = None
    external_id: str | None = None
    description: str | None = None
    metadata: dict[str, str] = {}
    created_at: datetime
    updated_at: datetime

    @property
    def money(self) -> Money:
        """What is to be paid."""
        return Money(self.amount_due, self.currency)


class CreditChange(Struct, frozen=True, kw_only=True):
    """What was added to a customer's credit balance, or, negative, taken from it. `balance` is what it then was, once
    it is written."""

    id: UUID
    customer_id: UUID
    currency: str
    amount: int
    reason: str
    invoice_id: UUID | None
    created_at: datetime
    balance: int = 0
