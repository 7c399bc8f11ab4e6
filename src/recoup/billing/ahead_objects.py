"""What `invoice.upcoming` tells: the next invoice as it will be, and the notices that rules ask for before it."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from recoup.billing.core.notices import Notice, Sender, Upcoming
from recoup.billing.objects import InvoiceObject, invoice_object
from recoup.billing.risk_objects import Risks, risk_objects
from recoup.kit.clock import rfc3339
from recoup.kit.ids import Kind, render


class NoticeObject(Struct, kw_only=True, frozen=True):
    """A notice that a rule may ask for: whether it binds you is yours to judge."""

    rule: Annotated[str, Meta(examples=["mastercard_long_period"])]
    title: str
    sent_by: Annotated[
        Sender, Meta(description="`issuer`: the customer's bank sends it; have the charge announced to it.")
    ]
    send_from: Annotated[str | None, Meta(description="Not before; null: however early.")]
    send_by: str
    in_time: Annotated[bool, Meta(description="Whether it can still be in time.")]
    must_say: list[str]
    since: Annotated[str, Meta(description="The day from which the rule holds.")]
    source: str
    read_on: Annotated[str, Meta(description="The day on which the source was read.")]


class UpcomingInvoiceObject(Struct, kw_only=True, frozen=True):
    """The next invoice of a subscription, some days before it is opened."""

    id: Annotated[str, Meta(description="The subscription's: it has none of its own.")]
    object: Literal["upcoming_invoice"] = "upcoming_invoice"
    customer: str
    due_at: str
    charge_at: str | None
    amount_due: Annotated[
        int,
        Meta(
            description="With the customer's credit balance as it is now, all of it, taken off. Where another of their "
            "invoices takes that before, up to `preview.total` is charged: say that, where a notice must name the most."
        ),
    ]
    currency: str
    notice_required: list[NoticeObject]
    risks: Risks
    preview: Annotated[
        InvoiceObject, Meta(description="The invoice as it will be; its id is not its own yet.")
    ]
    livemode: bool


def upcoming_object(upcoming: Upcoming, *, livemode: bool) -> UpcomingInvoiceObject:
    """What is told of it."""
    invoice = invoice_object(upcoming.invoice, livemode=livemode, hosted=None)
    subscription = upcoming.subscription
    assert invoice.due_at is not None, "what is looked ahead at is due"
    return UpcomingInvoiceObject(
        id=render(Kind.SUBSCRIPTION, subscription.id),
        customer=render(Kind.CUSTOMER, subscription.customer_id),
        due_at=invoice.due_at,
        charge_at=invoice.charge_at,
        amount_due=invoice.amount_due,
        currency=invoice.currency,
        notice_required=[_notice(one) for one in upcoming.notices],
        risks=risk_objects(subscription),
        preview=invoice,
        livemode=livemode,
    )


def _notice(notice: Notice) -> NoticeObject:
    rule = notice.rule
    return NoticeObject(
        rule=rule.id,
        title=rule.title,
        sent_by=rule.sender,
        send_from=None if notice.send_from is None else rfc3339(notice.send_from),
        send_by=rfc3339(notice.send_by),
        in_time=notice.in_time,
        must_say=list(rule.must_say),
        since=rule.since.isoformat(),
        source=rule.source,
        read_on=rule.read.isoformat(),
    )
