"""What becomes of an invoice: paid, refused, given up or void; and of the subscription that owes it.

`owing` names the open invoices of a subscription whose charge was refused. The first of them has it fall behind, and
its dunning begins; when the last one goes, it has caught up, and that is over. Whether an invoice is paid follows the
payment that it is paid by, wherever that stands: under an unknown outcome it stays open, and nothing else may be
charged for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from recoup.billing.core.dunning import BUILT_IN, DUNNING, RECOVERY_OPENS_WITHIN, Ruling, begun, look_at
from recoup.billing.core.machine import (
    InvoiceNews,
    InvoiceStatus,
    News,
    Status,
    invoice_moved,
    invoice_takes,
    moved,
    takes,
)
from recoup.billing.core.records import PAYMENTS_MAX, Failing, Invoice, Subscription
from recoup.billing.core.step import CHARGE, Credit, Due, Step, Told, changed, changed_invoice, cycle_row
from recoup.kit.refusals import Refusal, conflict

PAID: Final = "invoice.paid"
PAYMENT_FAILED: Final = "invoice.payment_failed"
UPDATED: Final = "invoice.updated"
_ENDS: Final = {
    InvoiceNews.VOIDED: "invoice.voided",
    InvoiceNews.GIVEN_UP: "invoice.uncollectible",
}


def remembers(invoice: Invoice, payment_id: UUID, *, method_id: UUID | None, now: datetime) -> Invoice:
    """The invoice, with the payment that it is to be paid by. It has one at a time, which may hold money."""
    assert invoice.payment_id is None, "a payment is let go of before another is made"
    return changed_invoice(
        invoice, now=now, payment_id=payment_id, payment_method_id=method_id or invoice.payment_method_id
    )


def let_go(invoice: Invoice, *, now: datetime) -> Invoice:
    """The invoice, whose payment was canceled and holds no money."""
    if invoice.payment_id is None:
        return invoice
    if len(invoice.payments) >= PAYMENTS_MAX:
        raise conflict(
            "too_many_payments", "Too many payments of this invoice were canceled; make a new one."
        )
    kept = (*invoice.payments, invoice.payment_id)
    return changed_invoice(invoice, now=now, payment_id=None, payment_version=0, payments=kept)


def paid(
    invoice: Invoice,
    subscription: Subscription | None,
    *,
    at: datetime,
    now: datetime,
    out_of_band: bool = False,
    version: int = 0,
) -> Step | None:
    """The money is there; None where that is known."""
    if not invoice_takes(invoice.status, InvoiceNews.PAID):
        return None
    after = changed_invoice(
        invoice,
        (PAID,),
        now=now,
        status=invoice_moved(invoice.status, InvoiceNews.PAID),
        paid_at=at,
        paid_out_of_band=out_of_band,
        payment_version=version,
        failing=None,
        charge_at=None,
    )
    return _step(after, (PAID,), _without(subscription, invoice.id, now=now, fact="subscription.recovered"))


def refused(
    invoice: Invoice,
    subscription: Subscription | None,
    failing: Failing,
    *,
    now: datetime,
    version: int = 0,
    ruling: Ruling = BUILT_IN,
) -> Step | None:
    """A try was refused, or what was paid came back; None where that is known. `ruling` holds where its subscription
    falls behind by it."""
    if invoice.status is InvoiceStatus.PAID and not invoice.paid_out_of_band:
        status = invoice_moved(invoice.status, InvoiceNews.RETURNED)
    elif invoice.status is InvoiceStatus.OPEN:
        known = invoice.failing
        if known is not None and (known.tries, known.code) == (failing.tries, failing.code):
            return None
        status = invoice.status
    else:
        return None
    after = changed_invoice(
        invoice,
        (PAYMENT_FAILED,),
        now=now,
        status=status,
        failing=failing,
        payment_version=version,
        paid_at=None,
        charge_at=None,
    )
    return _step(after, (PAYMENT_FAILED,), _behind(subscription, invoice.id, ruling, now=now))


def ended(invoice: Invoice, subscription: Subscription | None, news: InvoiceNews, *, now: datetime) -> Step:
    """Void, or given up. What the credit balance paid of a void one goes back."""
    if not invoice_takes(invoice.status, news):
        raise unexpected(invoice)
    fact = _ENDS[news]
    after = changed_invoice(
        invoice,
        (fact,),
        now=now,
        status=invoice_moved(invoice.status, news),
        ended_at=now,
        charge_at=None,
    )
    back: tuple[Credit, ...] = ()
    if news is InvoiceNews.VOIDED and invoice.credit and invoice.status is not InvoiceStatus.DRAFT:
        words = "given back for a void invoice"
        back = (Credit(invoice.customer_id, invoice.currency, invoice.credit, words, invoice.id),)
    changed_subscription = _without(subscription, invoice.id, now=now, fact="subscription.updated")
    return _step(after, (fact,), changed_subscription, credited=back)


def uncollected(invoices: Sequence[Invoice], *, now: datetime) -> Step:
    """Open invoices that wait to be paid by hand from now on."""
    facts = (UPDATED,)
    stopped = tuple(
        changed_invoice(one, facts, now=now, collecting=False, charge_at=None) for one in invoices
    )
    dues = tuple(Due(CHARGE, one.id, None) for one in stopped)
    return Step(None, stopped, (), dues, tuple((UPDATED, one) for one in stopped))


def unexpected(invoice: Invoice) -> Refusal:
    """The refusal of what an invoice's state forbids."""
    return conflict(
        "invoice_unexpected_state", f"This invoice is {invoice.status}, which does not allow that."
    )


@dataclass(frozen=True, slots=True)
class _Owes:
    """A subscription whose invoice was settled or refused: as it is since, what that is called, and when to see how far
    its dunning has come."""

    subscription: Subscription
    facts: tuple[str, ...] = ()
    dues: tuple[Due, ...] = ()


def _step(
    after: Invoice, facts: Sequence[str], owes: _Owes | None, *, credited: tuple[Credit, ...] = ()
) -> Step:
    told: tuple[Told, ...] = tuple((fact, after) for fact in facts)
    dues = (Due(CHARGE, after.id, None),)
    if owes is None:
        return Step(None, (after,), credited, dues, told)
    subscription = owes.subscription
    told = (*told, *((fact, subscription) for fact in owes.facts))
    return Step(subscription, (after,), credited, (*dues, *owes.dues), told)


def _behind(
    subscription: Subscription | None, invoice_id: UUID, ruling: Ruling, *, now: datetime
) -> _Owes | None:
    if subscription is None or invoice_id in subscription.owing:
        return None
    falls = takes(subscription.status, News.FELL_BEHIND)
    facts = ("subscription.past_due",) if falls else ()
    status = moved(subscription.status, News.FELL_BEHIND) if falls else subscription.status
    owing, dunning = (*subscription.owing, invoice_id), subscription.dunning
    dues: tuple[Due, ...] = ()
    if status is Status.PAST_DUE:
        dunning = dunning or begun(ruling, now)
        if dunning.acted_at is None:  # one more may be hopeless long before what was refused earlier is
            at = max(look_at(dunning), now + RECOVERY_OPENS_WITHIN)
            dues = (Due(DUNNING, subscription.id, at),)
    after = changed(subscription, facts, now=now, status=status, owing=owing, dunning=dunning)
    return _Owes(after, facts, dues)


def _without(
    subscription: Subscription | None, invoice_id: UUID, *, now: datetime, fact: str
) -> _Owes | None:
    if subscription is None or invoice_id not in subscription.owing:
        return None
    owing = tuple(one for one in subscription.owing if one != invoice_id)
    if owing:
        return _Owes(changed(subscription, now=now, owing=owing))
    catches_up = takes(subscription.status, News.CAUGHT_UP)
    status = moved(subscription.status, News.CAUGHT_UP) if catches_up else subscription.status
    facts = (fact,) if catches_up else ()
    after = changed(subscription, facts, now=now, status=status, owing=(), dunning=None)
    dues: tuple[Due, ...] = (Due(DUNNING, subscription.id, None),)
    if subscription.status is Status.UNPAID and catches_up:
        dues = (*dues, cycle_row(after))  # it is charged by itself again: with its cycle goes the look ahead
    return _Owes(after, facts, dues)
