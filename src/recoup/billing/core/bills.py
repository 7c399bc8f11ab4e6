"""What an invoice has on it: lines from a period and from what waited, discounts, and the customer's credit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from msgspec.structs import replace

from recoup.billing.core.amounts import (
    AmountOff,
    Discount,
    Line,
    LineKind,
    PercentOff,
    PricedLine,
    Totals,
    discounted,
    invoiced,
)
from recoup.billing.core.machine import InvoiceNews, InvoiceStatus, invoice_moved
from recoup.billing.core.periods import Period, billed_from, period, whole_of
from recoup.billing.core.proration import price_of
from recoup.billing.core.records import (
    Cut,
    Expected,
    Invoice,
    InvoiceLine,
    Item,
    ManagedBy,
    Off,
    Subscription,
    Terms,
)
from recoup.billing.core.step import Credit
from recoup.kit.money import Money


@dataclass(frozen=True, slots=True)
class Charge:
    """When an invoice is charged by itself, and why then; without a time, never. Where it is moved, `words` say why,
    and `expected` what was believed."""

    at: datetime | None
    why: str | None = None
    words: str | None = None
    expected: Expected | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Making:
    """With what an invoice is made: its id, when it is due and charged, the customer's credit balance before it, and
    whether it is charged by itself at all."""

    invoice_id: UUID
    due: datetime
    charge: Charge
    balance: int
    now: datetime
    collecting: bool = True


@dataclass(frozen=True, slots=True)
class Bill:
    """An invoice, the discounts as they are once it is open, and what it does to the credit balance."""

    invoice: Invoice
    discounts: tuple[Off, ...]
    credits: tuple[Credit, ...]


def is_billed(subscription: Subscription, number: int) -> bool:
    """Whether a period costs anything at all: not where it is the trial, nor where it was paused altogether."""
    spell = period(subscription.phases, number)
    if subscription.trial_end is not None and spell.end <= subscription.trial_end:
        return False
    return billed_from(spell, subscription.pauses) is not None


def period_line(subscription: Subscription, number: int) -> Line:
    """The line of a period, for the days of it that are billed."""
    spell = period(subscription.phases, number)
    start = billed_from(spell, subscription.pauses)
    assert start is not None, "somebody has asked whether it is billed"
    amount = price_of(subscription.whole, spell, whole=whole_of(subscription.phases, number), used_from=start)
    terms = subscription.price
    return Line(
        kind=LineKind.SUBSCRIPTION,
        description=terms.name,
        amount=amount,
        quantity=terms.quantity,
        start=start,
        end=spell.end,
    )


def paid_for(subscription: Subscription, terms: Terms) -> Money:
    """What is really paid for a whole period at these terms, with the discounts that hold in the current period."""
    whole = Money(terms.whole, subscription.currency)
    return discounted(whole, [_discount(one, subscription.currency) for one in subscription.now_off])


def totals_of(lines: Sequence[Line], *, currency: str, discounts: Sequence[Off], balance: int) -> Totals:
    """What lines come to."""
    return invoiced(
        lines,
        currency=currency,
        discounts=[_discount(one, currency) for one in discounts],
        balance=Money(balance, currency),
    )


def billed(
    subscription: Subscription,
    lines: Sequence[Line],
    items: Sequence[Item],
    making: Making,
    *,
    spell: Period | None = None,
) -> Bill:
    """An open invoice of a subscription for these lines and items; where nothing is left to pay, a paid one."""
    rows = [*lines, *(line_of(item, subscription.currency) for item in items)]
    totals = totals_of(
        rows, currency=subscription.currency, discounts=subscription.discounts, balance=making.balance
    )
    draft = Invoice(
        merchant_id=subscription.merchant_id,
        id=making.invoice_id,
        number=None,
        customer_id=subscription.customer_id,
        subscription_id=subscription.id,
        payment_method_id=subscription.payment_method_id,
        period=spell,
        status=InvoiceStatus.DRAFT,
        version=0,
        events_count=0,
        managed_by=subscription.managed_by,
        currency=subscription.currency,
        lines=tuple(stored_line(one, None) for one in totals.lines[: len(lines)])
        + tuple(
            stored_line(one, item.id) for one, item in zip(totals.lines[len(lines) :], items, strict=True)
        ),
        subtotal=0,
        discount=0,
        total=0,
        credit=0,
        amount_due=0,
        due_at=making.due,
        charge_at=None,
        collecting=making.collecting,
        created_at=making.now,
        updated_at=making.now,
    )
    opened = opened_with(draft, totals, charge=making.charge, now=making.now)
    return Bill(opened, _offs(totals), credits_of(opened))


def opened_with(draft: Invoice, totals: Totals, *, charge: Charge, now: datetime) -> Invoice:
    """A draft, opened with what its lines come to; where nothing is left to pay it is paid."""
    status = invoice_moved(draft.status, InvoiceNews.OPENED)
    is_paid = totals.amount_due.minor == 0
    if is_paid:
        status = invoice_moved(status, InvoiceNews.PAID)
    will_charge = not is_paid and draft.collecting and draft.managed_by is not ManagedBy.OUTSIDE
    return replace(
        draft,
        status=status,
        version=draft.version + 1,
        events_count=draft.events_count + 1 + is_paid,
        subtotal=totals.subtotal.minor,
        discount=totals.discount.minor,
        total=totals.total.minor,
        credit=totals.balance_before.minor - totals.balance_after.minor,
        amount_due=totals.amount_due.minor,
        charge_at=charge.at if will_charge else None,
        charge_why=charge.why if will_charge else None,
        charge_words=charge.words if will_charge else None,
        expected=charge.expected if will_charge else None,
        opened_at=now,
        paid_at=now if is_paid else None,
        updated_at=now,
    )


def credits_of(invoice: Invoice) -> tuple[Credit, ...]:
    """What opening an invoice does to the customer's credit balance."""
    if invoice.credit == 0:
        return ()
    words = "taken for an invoice" if invoice.credit > 0 else "left over from an invoice"
    return (Credit(invoice.customer_id, invoice.currency, -invoice.credit, words, invoice.id),)


def facts_of(opened: Invoice) -> tuple[tuple[str, Invoice], ...]:
    """What happened to an invoice that was just opened."""
    facts = [("invoice.opened", opened)]
    if opened.status is InvoiceStatus.PAID:
        facts.append(("invoice.paid", opened))
    return tuple(facts)


def line_of(item: Item, currency: str) -> Line:
    """The line of something that waited."""
    return Line(
        kind=item.kind,
        description=item.description,
        amount=Money(item.amount, currency),
        quantity=item.quantity,
        start=item.start,
        end=item.end,
        discountable=item.discountable,
    )


def kept_line(line: InvoiceLine, currency: str) -> Line:
    """A line that is kept in a draft, to be counted."""
    return Line(
        kind=line.kind,
        description=line.description,
        amount=Money(line.amount, currency),
        quantity=line.quantity,
        start=line.start,
        end=line.end,
        discountable=line.discountable,
    )


def item_of(line: Line, item_id: UUID) -> Item:
    """A line that waits for the next invoice."""
    return Item(
        id=item_id,
        kind=line.kind,
        description=line.description,
        amount=line.amount.minor,
        quantity=line.quantity,
        start=line.start,
        end=line.end,
        discountable=line.discountable,
    )


def stored_line(row: PricedLine, item_id: UUID | None) -> InvoiceLine:
    """A counted line as it is kept."""
    line = row.line
    return InvoiceLine(
        kind=line.kind,
        description=line.description,
        amount=line.amount.minor,
        quantity=line.quantity,
        start=line.start,
        end=line.end,
        item_id=item_id,
        discountable=line.discountable,
        cuts=tuple(Cut(one.discount, one.amount.minor) for one in row.taken),
    )


def _discount(off: Off, currency: str) -> Discount:
    if off.percent is not None:
        return Discount(id=off.id, off=PercentOff(off.percent), times=off.times, used=off.used)
    assert off.amount is not None, "a discount takes a share or an amount"
    return Discount(id=off.id, off=AmountOff(Money(off.amount, currency)), times=off.times, used=off.used)


def _offs(totals: Totals) -> tuple[Off, ...]:
    return tuple(
        Off(
            id=one.id,
            percent=one.off.hundredths if isinstance(one.off, PercentOff) else None,
            amount=one.off.amount.minor if isinstance(one.off, AmountOff) else None,
            times=one.times,
            used=one.used,
        )
        for one in totals.discounts
    )
