"""What becomes of an invoice: paid, refused, given up or void; and of the subscription that owes it.

`owing` names the open invoices of a subscription whose charge was refused. The first of them has it fall behind, and
its dunning begins; when the last one goes, it has caught up, and that is over. Whether an invoice is paid follows the
payment that it is paid by, wherever that stands: under an unknown outcome it stays open, and nothing else may be
charged for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from uuid import UUID

from recoup.billing.core.dunning import (
    BUILT_IN,
    DUNNING,
    RECOVERY_OPENS_WITHIN,
    FinalAction,
    Ruling,
    begun,
    look_at,
)
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


def remembers(invoice: Invoice, payment_id: UUID, *, now: datetime) -> Invoice:
    """The invoice, with the payment that it is to be paid by. It has one at a time, which may hold money; with what
    that is tried is the payment's own, so that a card typed once is not what the invoice is charged with later."""
    assert invoice.payment_id is None, "a payment is let go of before another is made"
    return changed_invoice(invoice, now=now, payment_id=payment_id)


def may_have_another(invoice: Invoice, *, now: datetime) -> bool:
    """Whether one more payment may be made of an invoice. The last is kept for the charge that is planned, whoever has
    tried before it."""
    return len(invoice.payments) < (PAYMENTS_MAX - 1 if is_early(invoice, now) else PAYMENTS_MAX)


def too_many() -> Refusal:
    """The refusal of one more payment."""
    return conflict(
        "too_many_payments", "Too many payments of this invoice were canceled: void it, and bill it anew."
    )


def let_go(invoice: Invoice, *, now: datetime) -> Invoice:
    """The invoice, whose payment was canceled and holds no money. How often that may be is asked before a payment is
    made: one that is there can always be let go of."""
    if invoice.payment_id is None:
        return invoice
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
    charge_at: datetime | None = None,
) -> Step | None:
    """A try was refused, or what was paid came back; None where that is known. `ruling` holds where its subscription
    falls behind by it; `charge_at` is kept where the charge that was planned is still to come."""
    collecting = invoice.collecting
    if invoice.status is InvoiceStatus.PAID and not invoice.paid_out_of_band:
        status = invoice_moved(invoice.status, InvoiceNews.RETURNED)
        collecting = collecting and (subscription is None or stopped_at(subscription) is None)
    elif invoice.status is InvoiceStatus.OPEN:
        if _is_heard(invoice, failing):
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
        collecting=collecting,
        paid_at=None,
        charge_at=charge_at,
    )
    return _step(after, (PAYMENT_FAILED,), _behind(subscription, invoice.id, ruling, now=now))


def is_early(invoice: Invoice, made_at: datetime) -> bool:
    """Whether a payment that was made then is the customer's own, ahead of the charge that is planned."""
    return (
        invoice.status is InvoiceStatus.OPEN and invoice.charge_at is not None and made_at < invoice.charge_at
    )


def refused_early(invoice: Invoice, failing: Failing, *, now: datetime) -> Step:
    """A try of the customer's own was refused ahead of the charge that is planned, and its payment is let go of. The
    charge comes as it was planned, with what the invoice is charged with; at once where its time has come by now."""
    assert invoice.payment_id is None and invoice.charge_at is not None, "nothing holds up the charge"
    after = changed_invoice(invoice, (PAYMENT_FAILED,), now=now, failing=failing)
    dues = (Due(CHARGE, after.id, after.charge_at),)
    return Step(None, (after,), dues=dues, happened=((PAYMENT_FAILED, after),))


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


def stopped(invoices: Sequence[Invoice], *, now: datetime) -> Step:
    """The same where their subscriptions end; of a subscription that has more of them those are looked for later."""
    step = uncollected(invoices, now=now)
    owners = sorted({one.subscription_id for one in invoices if one.subscription_id is not None})
    return replace(step, dues=(*step.dues, *(Due(DUNNING, owner, now) for owner in owners)))


def stopped_at(subscription: Subscription) -> datetime | None:
    """Since when nobody collects what a subscription owes: since it was canceled, or given up in any way but `keep`."""
    if subscription.status is Status.CANCELED:
        return subscription.ended_at
    dunning = subscription.dunning
    if dunning is None or dunning.rules.final_action is FinalAction.KEEP:
        return None
    return dunning.acted_at


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


def _is_heard(invoice: Invoice, failing: Failing) -> bool:
    """Whether this very refusal of its payment was heard. Of a payment of which nothing was heard all is new, however
    much it is like what became of the one before it."""
    known = invoice.failing
    if known is None or not invoice.payment_version:
        return False
    return (known.tries, known.code) == (failing.tries, failing.code)


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
    dues: tuple[Due, ...] = ()
    if (
        stopped_at(subscription) is None
    ):  # else it is looked at once more for what was too much for one transaction
        dues = (Due(DUNNING, subscription.id, None),)
    if subscription.status is Status.UNPAID and catches_up:
        dues = (*dues, cycle_row(after))  # it is charged by itself again: with its cycle goes the look ahead
    return _Owes(after, facts, dues)
