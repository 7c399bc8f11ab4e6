"""Plans, subscriptions and invoices as the API and the events show them."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from recoup.billing.core.machine import InvoiceStatus, Status
from recoup.billing.core.periods import Unit, period
from recoup.billing.core.records import Invoice, ManagedBy, Plan, Subscription
from recoup.billing.dunning_objects import DunningObject, dunning_object
from recoup.billing.line_objects import (
    DiscountObject,
    InvoiceLineObject,
    ItemObject,
    Minor,
    PeriodObject,
    day_of,
    discount_object,
    item_object,
    line_object,
    moment,
    period_object,
)
from recoup.billing.links import Hosted
from recoup.billing.risk_objects import Risks, risk_objects
from recoup.kit.clock import rfc3339
from recoup.kit.ids import Kind, render


class BillingPlanObject(Struct, kw_only=True, frozen=True):
    """An amount for an interval."""

    id: str
    object: Literal["plan"] = "plan"
    name: str
    amount: Minor
    currency: str
    interval: Unit
    interval_count: int
    trial_days: int
    active: Annotated[bool, Meta(description="Whether new subscriptions may take it.")]
    metadata: dict[str, str]
    created_at: str
    livemode: bool


class ChargeWindowObject(Struct, kw_only=True, frozen=True):
    """The days around the due day within which the customer agreed to be charged."""

    after_days: int
    before_days: int
    agreed_at: str


class SubscriptionObject(Struct, kw_only=True, frozen=True):
    """An agreement that bills."""

    id: str
    object: Literal["subscription"] = "subscription"
    status: Status
    customer: str
    payment_method: str | None
    managed_by: Annotated[
        ManagedBy,
        Meta(
            description="`recoup`: cycles open and are charged by themselves. `merchant`: when you say so. `outside`: "
            "somebody else bills, and reports."
        ),
    ]
    plan: str
    name: Annotated[str, Meta(description="What invoices call it.")]
    amount: Annotated[int, Meta(description="For one, for a whole period; as it was when it was agreed.")]
    quantity: int
    currency: str
    interval: Unit
    interval_count: int
    time_zone: str
    billing_hour: Annotated[int, Meta(description="The hour of the local day at which periods are due.")]
    anchor: Annotated[str, Meta(description="The local date that the periods are counted from.")]
    current_period: Annotated[PeriodObject | None, Meta(description="Null before the first.")]
    next_billing_at: Annotated[
        str | None, Meta(description="When the next period opens by itself; null where none does.")
    ]
    risks: Risks
    trial_end: Annotated[str | None, Meta(description="The first local day after the trial.")]
    payments_total: Annotated[int | None, Meta(description="After so many it is completed; null: open end.")]
    payments_made: Annotated[int, Meta(description="Periods that were billed.")]
    charge_window: ChargeWindowObject | None
    discounts: list[DiscountObject]
    pending_items: list[ItemObject]
    entitled: Annotated[
        bool,
        Meta(
            description="Whether the customer may use what it is for: in trial, active, and through the grace when "
            "it is behind. It changes with an event, never silently."
        ),
    ]
    unpaid_invoices: Annotated[
        list[str],
        Meta(
            description="Open invoices whose charge was refused, or that an unpaid subscription was billed."
        ),
    ]
    past_due_since: Annotated[
        str | None, Meta(description="Since when it owes anything; null: it owes nothing.")
    ]
    grace_until: Annotated[str | None, Meta(description="Until when access is to be kept all the same.")]
    dunning_policy: Annotated[
        str | None, Meta(description="What it names for when it falls behind; null: your default holds.")
    ]
    dunning: Annotated[DunningObject | None, Meta(description="What is being done about what it owes.")]
    latest_invoice: str | None
    paused_since: Annotated[str | None, Meta(description="The local day from which nothing is billed.")]
    cancel_at_period_end: bool
    canceled_at: str | None
    ended_at: str | None
    description: str | None
    metadata: dict[str, str]
    created_at: str
    livemode: bool


class PaymentFailureObject(Struct, kw_only=True, frozen=True):
    """Why the last try to charge an invoice was refused."""

    code: str
    message: str
    at: str


class ExpectedObject(Struct, kw_only=True, frozen=True):
    """The chance, as it was believed when an invoice was opened, that the money is there."""

    at_charge: Annotated[float, Meta(description="When it is charged.")]
    at_due: Annotated[float, Meta(description="When it is due.")]


class InvoiceObject(Struct, kw_only=True, frozen=True):
    """What is billed at once."""

    id: str
    object: Literal["invoice"] = "invoice"
    number: Annotated[int | None, Meta(description="Yours, without gaps; given when it is opened.")]
    status: InvoiceStatus
    customer: str
    subscription: str | None
    payment_method: str | None
    period: PeriodObject | None
    lines: list[InvoiceLineObject]
    currency: str
    subtotal: Minor
    discount: Minor
    total: Minor
    credit_applied: Annotated[
        int,
        Meta(
            description="What the credit balance paid of it; negative: what was left over to the balance. In a preview "
            "what it would pay as it is now, all of it: another invoice of the customer may take it before."
        ),
    ]
    amount_due: Minor
    amount_paid: Minor
    due_at: str | None
    charge_at: Annotated[str | None, Meta(description="When it is charged by itself; null: not by itself.")]
    charge_reason: Annotated[
        str | None,
        Meta(
            description="Why then: `no_window_agreed` or `due_is_best` where it is charged when it is due; "
            "`stated_payday`, `learned_payday`, `usual_payday`, `pay_there_by_morning` or `hour_of_issuer` where it is "
            "moved within what the customer agreed to; `opened_late`. null: at once, or not by itself.",
            examples=["stated_payday"],
        ),
    ]
    charge_explanation: Annotated[str | None, Meta(description="The same in words, where it is moved.")]
    expected: Annotated[ExpectedObject | None, Meta(description="null: there was nothing to choose.")]
    payment: Annotated[str | None, Meta(description="The payment that it is paid by.")]
    canceled_payments: Annotated[list[str], Meta(description="Payments of it that were let go of before.")]
    payment_failure: PaymentFailureObject | None
    collecting: Annotated[
        bool,
        Meta(
            description="Whether it is charged and won back by itself; false: it waits to be paid by hand, because its "
            "subscription was canceled, or is unpaid."
        ),
    ]
    opened_at: str | None
    paid_at: str | None
    paid_out_of_band: bool
    ended_at: Annotated[str | None, Meta(description="When it became void or uncollectible.")]
    hosted_invoice_url: Annotated[
        str | None,
        Meta(
            description="Where this customer sees it and pays it, once it is open. It is theirs alone: do not log "
            "it. It works until `hosted_invoice_until`; read the invoice again for one that works longer."
        ),
    ]
    hosted_invoice_until: str | None
    invoice_pdf: Annotated[str | None, Meta(description="Where it is a PDF, by the same link.")]
    external_id: Annotated[str | None, Meta(description="Its name at whoever else bills.")]
    description: str | None
    metadata: dict[str, str]
    created_at: str
    livemode: bool


def plan_object(plan: Plan, *, livemode: bool) -> BillingPlanObject:
    """A plan as it is now."""
    return BillingPlanObject(
        id=render(Kind.PLAN, plan.id),
        name=plan.name,
        amount=plan.amount,
        currency=plan.currency,
        interval=plan.interval.unit,
        interval_count=plan.interval.count,
        trial_days=plan.trial_days,
        active=plan.active,
        metadata=plan.metadata,
        created_at=rfc3339(plan.created_at),
        livemode=livemode,
    )


def subscription_object(subscription: Subscription, *, livemode: bool) -> SubscriptionObject:
    """A subscription as it is now."""
    terms, phase, method = subscription.price, subscription.phases[-1], subscription.payment_method_id
    current = period(subscription.phases, subscription.number) if subscription.number else None
    latest, window = subscription.latest_invoice_id, subscription.window
    pause = subscription.pauses[-1] if subscription.status is Status.PAUSED else None
    dunning, named = subscription.dunning, subscription.dunning_policy_id
    return SubscriptionObject(
        id=render(Kind.SUBSCRIPTION, subscription.id),
        status=subscription.status,
        customer=render(Kind.CUSTOMER, subscription.customer_id),
        payment_method=None if method is None else render(Kind.PAYMENT_METHOD, method),
        managed_by=subscription.managed_by,
        plan=render(Kind.PLAN, terms.plan_id),
        name=terms.name,
        amount=terms.amount,
        quantity=terms.quantity,
        currency=subscription.currency,
        interval=phase.interval.unit,
        interval_count=phase.interval.count,
        time_zone=subscription.zone,
        billing_hour=subscription.hour,
        anchor=phase.anchor.isoformat(),
        current_period=None if current is None else period_object(current),
        next_billing_at=moment(subscription.next_at),
        risks=risk_objects(subscription),
        trial_end=day_of(subscription.trial_end),
        payments_total=subscription.payments_total,
        payments_made=subscription.opened,
        charge_window=None
        if window is None
        else ChargeWindowObject(
            after_days=window.after_days, before_days=window.before_days, agreed_at=rfc3339(window.agreed_at)
        ),
        discounts=[discount_object(one) for one in subscription.discounts],
        pending_items=[item_object(one) for one in subscription.items],
        entitled=subscription.is_entitled,
        unpaid_invoices=[render(Kind.INVOICE, one) for one in subscription.owing],
        past_due_since=None if dunning is None else rfc3339(dunning.since),
        grace_until=None if dunning is None else rfc3339(dunning.grace_until),
        dunning_policy=None if named is None else render(Kind.DUNNING_POLICY, named),
        dunning=dunning_object(dunning),
        latest_invoice=None if latest is None else render(Kind.INVOICE, latest),
        paused_since=None if pause is None else pause.start.isoformat(),
        cancel_at_period_end=subscription.cancel_at_period_end,
        canceled_at=moment(subscription.canceled_at),
        ended_at=moment(subscription.ended_at),
        description=subscription.description,
        metadata=subscription.metadata,
        created_at=rfc3339(subscription.created_at),
        livemode=livemode,
    )


def invoice_object(invoice: Invoice, *, livemode: bool, hosted: Hosted | None) -> InvoiceObject:
    """An invoice as it is now. `hosted`: where it is shown to its customer."""
    failing, method = invoice.failing, invoice.payment_method_id
    return InvoiceObject(
        id=render(Kind.INVOICE, invoice.id),
        number=invoice.number,
        status=invoice.status,
        customer=render(Kind.CUSTOMER, invoice.customer_id),
        subscription=None
        if invoice.subscription_id is None
        else render(Kind.SUBSCRIPTION, invoice.subscription_id),
        payment_method=None if method is None else render(Kind.PAYMENT_METHOD, method),
        period=None if invoice.period is None else period_object(invoice.period),
        lines=[line_object(one) for one in invoice.lines],
        currency=invoice.currency,
        subtotal=invoice.subtotal,
        discount=invoice.discount,
        total=invoice.total,
        credit_applied=invoice.credit,
        amount_due=invoice.amount_due,
        amount_paid=invoice.amount_due if invoice.status is InvoiceStatus.PAID else 0,
        due_at=moment(invoice.due_at),
        charge_at=moment(invoice.charge_at),
        charge_reason=invoice.charge_why,
        charge_explanation=invoice.charge_words,
        expected=None
        if invoice.expected is None
        else ExpectedObject(at_charge=invoice.expected.at_charge, at_due=invoice.expected.at_due),
        payment=None if invoice.payment_id is None else render(Kind.PAYMENT, invoice.payment_id),
        canceled_payments=[render(Kind.PAYMENT, one) for one in invoice.payments],
        payment_failure=None
        if failing is None
        else PaymentFailureObject(code=failing.code, message=failing.message, at=rfc3339(failing.at)),
        collecting=invoice.collecting,
        opened_at=moment(invoice.opened_at),
        paid_at=moment(invoice.paid_at),
        paid_out_of_band=invoice.paid_out_of_band,
        ended_at=moment(invoice.ended_at),
        hosted_invoice_url=None if hosted is None else hosted.url,
        hosted_invoice_until=None if hosted is None else rfc3339(hosted.until),
        invoice_pdf=None if hosted is None else hosted.pdf,
        external_id=invoice.external_id,
        description=invoice.description,
        metadata=invoice.metadata,
        created_at=rfc3339(invoice.created_at),
        livemode=livemode,
    )
