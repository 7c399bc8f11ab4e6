"""What requests of billing say."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from recoup.billing.core.amounts import DISCOUNTS_MAX
from recoup.billing.core.changes import Proration
from recoup.billing.core.chargeday import AGREED_DAYS_MAX
from recoup.billing.core.machine import InvoiceStatus, Status
from recoup.billing.core.periods import COUNT_MAX, Unit
from recoup.billing.core.records import ITEMS_MAX, ManagedBy
from recoup.http.fields import IdText, ListQuery, Metadata, Moment
from recoup.kit.money import MINOR_MAX

QUANTITY_MAX: Final = 1_000_000
TRIAL_DAYS_MAX: Final = COUNT_MAX[Unit.DAY]
HOUR_DEFAULT: Final = 9
"""At which hour of the local day periods are due, where nobody says: the customer is awake to act, and what was paid
overnight is on their account."""

Name = Annotated[str, Meta(min_length=1, max_length=200)]
Words = Annotated[str, Meta(min_length=1, max_length=500)]
Currency = Annotated[str, Meta(min_length=3, max_length=3, examples=["USD"])]
Price = Annotated[int, Meta(ge=0, le=MINOR_MAX, description="In the smallest unit of the currency.")]
Signed = Annotated[
    int,
    Meta(
        ge=-MINOR_MAX, le=MINOR_MAX, description="In the smallest unit of the currency; negative: credited."
    ),
]
Quantity = Annotated[int, Meta(ge=1, le=QUANTITY_MAX)]
TrialDays = Annotated[int, Meta(ge=0, le=TRIAL_DAYS_MAX)]


class Body(Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """What every body has in common."""


class CreatePlan(Body, frozen=True):
    """A new plan. What it costs cannot be changed later: make another."""

    name: Name
    amount: Price
    currency: Currency
    interval: Unit = Unit.MONTH
    interval_count: Annotated[int, Meta(ge=1, le=COUNT_MAX[Unit.DAY])] = 1
    trial_days: TrialDays = 0
    metadata: Metadata = msgspec.field(default_factory=dict)


class UpdatePlan(Body, frozen=True):
    """What to change; a field that is left out stays. Metadata is merged."""

    name: Name | UnsetType = UNSET
    active: bool | UnsetType = UNSET
    metadata: Metadata | UnsetType = UNSET


class PlanQuery(ListQuery, frozen=True):
    """Which plans."""

    active: bool | None = None


class DiscountData(Body, frozen=True):
    """A discount: a share or an amount, off so many invoices."""

    percent_off: Annotated[
        Annotated[float, Meta(gt=0, le=100)] | None, Meta(description="Percent, to hundredths.")
    ] = None
    amount_off: Annotated[int, Meta(ge=1, le=MINOR_MAX)] | None = None
    times: Annotated[
        Annotated[int, Meta(ge=1, le=1000)] | None, Meta(description="Off so many invoices; null: off all.")
    ] = None


class ChargeWindowData(Body, frozen=True):
    """For how many days after the due day the customer agreed to be charged."""

    after_days: Annotated[int, Meta(ge=1, le=AGREED_DAYS_MAX)]
    agreed_at: Annotated[Moment | None, Meta(description="When they agreed; now, where left out.")] = None


class ItemData(Body, frozen=True):
    """Something that is billed once. `amount` is for all of `quantity`."""

    description: Words
    amount: Signed
    quantity: Quantity = 1


class CreateSubscription(Body, frozen=True):
    """A new subscription; without a trial its first invoice is opened at once."""

    customer: IdText
    plan: IdText
    quantity: Quantity = 1
    payment_method: Annotated[
        IdText | None, Meta(description="The customer's; without one invoices wait to be paid by hand.")
    ] = None
    managed_by: ManagedBy = ManagedBy.RECOUP
    trial_days: Annotated[TrialDays | None, Meta(description="The plan's, where left out.")] = None
    anchor: Annotated[
        date | None,
        Meta(
            description="The local date that periods are counted from; the days until then are a shorter period, "
            "billed by its days. Today, where left out."
        ),
    ] = None
    time_zone: Annotated[
        Annotated[str, Meta(max_length=64)] | None,
        Meta(description="In which days are counted; the customer's, or their country's, where left out."),
    ] = None
    billing_hour: Annotated[
        int, Meta(ge=0, le=23, description="The hour of the local day at which periods are due.")
    ] = HOUR_DEFAULT
    payments_total: Annotated[
        Annotated[int, Meta(ge=1, le=10_000)] | None,
        Meta(description="It is completed after so many; null: open end."),
    ] = None
    charge_window: ChargeWindowData | None = None
    discounts: Annotated[list[DiscountData], Meta(max_length=DISCOUNTS_MAX)] = []
    items: Annotated[
        list[ItemData], Meta(max_length=ITEMS_MAX, description="What its first invoice takes in beside.")
    ] = []
    dunning_policy: Annotated[
        IdText | None,
        Meta(
            description="What is done when it falls behind; your default, or what is built in, where left out."
        ),
    ] = None
    description: Words | None = None
    metadata: Metadata = msgspec.field(default_factory=dict)


class UpdateSubscription(Body, frozen=True):
    """What to change; a field that is left out stays, null empties it. Metadata is merged."""

    plan: IdText | UnsetType = UNSET
    quantity: Quantity | UnsetType = UNSET
    proration_behavior: Annotated[
        Proration,
        Meta(
            description="What becomes of the difference for the current period, where plan or quantity change: it "
            "waits for the next invoice, is billed at once, or is let be."
        ),
    ] = Proration.CREATE
    payment_method: IdText | UnsetType | None = UNSET
    cancel_at_period_end: bool | UnsetType = UNSET
    payments_total: Annotated[int, Meta(ge=1, le=10_000)] | UnsetType | None = UNSET
    charge_window: ChargeWindowData | UnsetType | None = UNSET
    discounts: Annotated[list[DiscountData], Meta(max_length=DISCOUNTS_MAX)] | UnsetType = UNSET
    dunning_policy: IdText | UnsetType | None = UNSET
    description: Words | UnsetType | None = UNSET
    metadata: Metadata | UnsetType = UNSET


class CancelSubscription(Body, frozen=True):
    """When it ends, and whether the days that are left are given back."""

    at_period_end: bool = False
    prorate: Annotated[
        bool,
        Meta(description="Credit the days left of a period that was billed; goes to the credit balance."),
    ] = False


class ReportPeriod(Body, frozen=True):
    """What came of the next period at whoever else bills it."""

    outcome: Literal["paid", "payment_failed"]
    at: Annotated[Moment | None, Meta(description="When; now, where left out.")] = None
    external_id: Annotated[
        Annotated[str, Meta(min_length=1, max_length=255)] | None, Meta(description="Its name there.")
    ] = None
    code: Annotated[
        Annotated[str, Meta(min_length=1, max_length=60)] | None,
        Meta(description="Why it failed, such as `insufficient_funds`."),
    ] = None
    message: Words | None = None


class SubscriptionQuery(ListQuery, frozen=True):
    """Which subscriptions."""

    customer: IdText | None = None
    plan: IdText | None = None
    status: Status | None = None


class UpcomingQuery(Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """A change that is only thought of."""

    plan: IdText | None = None
    quantity: Quantity | None = None
    proration_behavior: Proration = Proration.CREATE


class CreateInvoice(Body, frozen=True):
    """A draft of an invoice that no subscription bills."""

    customer: IdText
    currency: Currency
    payment_method: Annotated[
        IdText | None, Meta(description="Charged when it is opened; without one it waits to be paid by hand.")
    ] = None
    items: Annotated[list[ItemData], Meta(max_length=ITEMS_MAX)] = []
    due_at: Moment | None = None
    description: Words | None = None
    metadata: Metadata = msgspec.field(default_factory=dict)


class PayInvoice(Body, frozen=True):
    """By what it is paid now."""

    payment_method: Annotated[IdText | None, Meta(description="Another than the one that it has.")] = None
    paid_out_of_band: Annotated[
        bool, Meta(description="It was paid by another way: nothing is charged for it any more.")
    ] = False


class InvoiceQuery(ListQuery, frozen=True):
    """Which invoices."""

    customer: IdText | None = None
    subscription: IdText | None = None
    status: InvoiceStatus | None = None


class ChangeCredit(Body, frozen=True):
    """What to add to a customer's credit balance, or, negative, to take from it."""

    amount: Signed
    currency: Currency
    reason: Annotated[str, Meta(min_length=1, max_length=300)]


def given(body: Struct) -> dict[str, Any]:
    """The fields that were sent."""
    return {name: value for name, value in msgspec.structs.asdict(body).items() if value is not UNSET}
