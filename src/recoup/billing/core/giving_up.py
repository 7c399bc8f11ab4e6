"""Where a subscription that is behind is given up: what is still to be expected of each invoice, and the final action.

The action is a step like any other, planned from what is held: the subscription, and those of its open invoices that it
changes, already without the payments that hold no money. What may hold some stays with its invoice, and settles it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, assert_never
from uuid import UUID

from msgspec.structs import replace

from recoup.billing.core import changes, settling
from recoup.billing.core.changes import Billing
from recoup.billing.core.dunning import (
    RECOVERY_OPENS_WITHIN,
    FinalAction,
    Hope,
    OpenInvoices,
    Outlook,
    Rules,
    acted,
    after_grace,
)
from recoup.billing.core.machine import InvoiceNews, News, Status, moved
from recoup.billing.core.records import Invoice, ManagedBy, Subscription
from recoup.billing.core.step import Step, changed, joined
from recoup.payments.core import Payment
from recoup.payments.core import Status as PaymentStatus
from recoup.recovery.core import NO_RECOVERY, STANDINGS, Recovery, Standing

UNPAID: Final = "subscription.unpaid"
GRACE_ENDED: Final = "subscription.grace_ended"
LATE: Final = timedelta(hours=1)
"""How long after its deadline the end of a recovery may come, before it is looked for."""
PAYING: Final = timedelta(hours=1)
"""How soon a payment under way is looked at again, should the news of it be lost."""
COMES_BACK_WITHIN: Final = timedelta(days=1)
"""How long a customer whom their bank asks something may take: who does not come back by then has left."""
SOON: Final = timedelta(minutes=10)
_UNKNOWN: Final = frozenset({PaymentStatus.PROCESSING, PaymentStatus.UNRESOLVED})


class _Fate(StrEnum):
    """What becomes of an open invoice by the final action."""

    FORGIVEN = "forgiven"
    UNCOLLECTED = "uncollected"
    OWED = "owed"


def is_watched(subscription: Subscription) -> bool:
    """Whether anything is still to be done about what a subscription owes. Who bills outside decides that there: we
    only say until when access is kept."""
    dunning = subscription.dunning
    if subscription.status is not Status.PAST_DUE or dunning is None or dunning.acted_at is not None:
        return False
    return not (subscription.managed_by is ManagedBy.OUTSIDE and dunning.grace_over)


def outlook(
    invoice: Invoice, payment: Payment | None, recovery: Recovery | None, *, now: datetime
) -> Outlook | None:
    """What is to be expected for an invoice that was refused; None where its payment has news that it has not heard."""
    if invoice.managed_by is ManagedBy.OUTSIDE:
        return Outlook(Hope.LIVES, now + PAYING)
    if payment is None or payment.status is PaymentStatus.REQUIRES_PAYMENT_METHOD:
        return Outlook(Hope.GONE, now)  # there was nothing to try, and nobody tries it again
    match STANDINGS[payment.status]:
        case Standing.PAID | Standing.GONE:
            return None
        case Standing.UNDER_WAY:
            came_back_by = payment.updated_at + COMES_BACK_WITHIN
            left = payment.status not in _UNKNOWN and now >= came_back_by
            return Outlook(Hope.GONE, now) if left else Outlook(Hope.UNDER_WAY, now + PAYING)
        case Standing.REFUSED:
            return _refused(payment, recovery, now=now)
        case other:
            assert_never(other)


def _refused(payment: Payment, recovery: Recovery | None, *, now: datetime) -> Outlook:
    if recovery is not None:
        ends_at = recovery.deadline + LATE
        return Outlook(Hope.LIVES, max(ends_at, now + SOON)) if recovery.is_open else Outlook(Hope.GONE, now)
    opens_until = payment.updated_at + RECOVERY_OPENS_WITHIN
    if payment.recovery_policy == NO_RECOVERY or now >= opens_until:
        return Outlook(Hope.GONE, now)
    return Outlook(Hope.LIVES, opens_until)


def grace_ended(subscription: Subscription, *, now: datetime) -> Step:
    """Access need not be kept any more."""
    assert subscription.dunning is not None, "it is behind"
    after = changed(subscription, (GRACE_ENDED,), now=now, dunning=after_grace(subscription.dunning))
    return Step(after, happened=((GRACE_ENDED, after),))


def touched(subscription: Subscription, invoices: Sequence[Invoice]) -> tuple[Invoice, ...]:
    """Those of its open invoices that the final action changes, or an end, or that these have left to be changed."""
    return tuple(one for one in invoices if _fate(subscription, one))


def forgiven(subscription: Subscription) -> Sequence[UUID]:
    """What it owes, where the final action gives that up."""
    rules = _rules(subscription)
    gives_up = rules is not None and rules.open_invoices is OpenInvoices.UNCOLLECTIBLE
    return subscription.owing if gives_up else ()


def _rules(subscription: Subscription) -> Rules | None:
    """By what it is given up; None where it was canceled by another hand."""
    dunning = subscription.dunning
    if dunning is None or (subscription.has_ended and dunning.acted_at != subscription.ended_at):
        return None
    return dunning.rules


def _fate(subscription: Subscription, invoice: Invoice) -> _Fate | None:
    """An end, a pause and what is unpaid stop the collecting of all of them: of what was refused, and of what was not
    tried yet, which is owed from then on. Only where the merchant says what is charged, that still is."""
    if invoice.id in forgiven(subscription):
        return _Fate.FORGIVEN
    if not invoice.collecting:
        return None
    rules = _rules(subscription)
    match FinalAction.CANCEL if rules is None else rules.final_action:
        case FinalAction.CANCEL:
            return _Fate.UNCOLLECTED
        case FinalAction.PAUSE | FinalAction.MARK_UNPAID:
            if invoice.id in subscription.owing:
                return _Fate.UNCOLLECTED
            return _Fate.OWED if subscription.managed_by is ManagedBy.RECOUP else None
        case FinalAction.KEEP:
            return None
        case other:
            assert_never(other)


def given_up(
    subscription: Subscription, invoices: Sequence[Invoice], *, billing: Billing, now: datetime
) -> Step:
    """The final action, with what becomes of the open invoices that it touches."""
    assert is_watched(subscription), "it is given up once"
    assert subscription.dunning is not None, "it is behind"
    fates = _fates(subscription, invoices)
    done = replace(
        subscription, dunning=acted(subscription.dunning, now), owing=_owing_then(subscription, fates)
    )
    step = _ACTIONS[subscription.dunning.rules.final_action](done, billing, now)
    assert step.subscription is not None, "every action changes it"
    return _fated(step, step.subscription, fates, now=now)


def left_over(subscription: Subscription, invoices: Sequence[Invoice], *, now: datetime) -> Step:
    """The same for open invoices that were too many for the transaction that gave it up, or ended it."""
    fates = _fates(subscription, invoices)
    owing = _owing_then(subscription, fates)
    after = subscription if owing == subscription.owing else changed(subscription, now=now, owing=owing)
    return _fated(Step(None if after is subscription else after), after, fates, now=now)


def _fates(subscription: Subscription, invoices: Sequence[Invoice]) -> Sequence[tuple[Invoice, _Fate | None]]:
    return [(one, _fate(subscription, one)) for one in invoices]


def _owing_then(
    subscription: Subscription, fates: Sequence[tuple[Invoice, _Fate | None]]
) -> tuple[UUID, ...]:
    return (*subscription.owing, *(one.id for one, fate in fates if fate is _Fate.OWED))


def _fated(
    step: Step,
    subscription: Subscription,
    fates: Sequence[tuple[Invoice, _Fate | None]],
    *,
    now: datetime,
) -> Step:
    for invoice, fate in fates:
        if fate is _Fate.FORGIVEN and invoice.payment_id is None:
            news, owner = InvoiceNews.GIVEN_UP, step.subscription or subscription
            step = joined(step, settling.ended(invoice, owner, news, now=now))
        elif fate is not None and invoice.collecting:
            step = joined(step, settling.uncollected([invoice], now=now))
    return step


def _canceled(subscription: Subscription, billing: Billing, now: datetime) -> Step:
    """What waited for an invoice is on a last one, which nobody tries to charge."""
    return changes.canceled(
        subscription, prorate=False, billing=dataclasses.replace(billing, collecting=False), now=now
    )


def _paused(subscription: Subscription, billing: Billing, now: datetime) -> Step:
    del billing
    return changes.paused(subscription, now=now)


def _marked_unpaid(subscription: Subscription, billing: Billing, now: datetime) -> Step:
    del billing
    status = moved(subscription.status, News.GIVEN_UP)
    after = changed(subscription, (UNPAID,), now=now, status=status)
    return Step(after, happened=((UNPAID, after),))


def _kept(subscription: Subscription, billing: Billing, now: datetime) -> Step:
    del billing
    after = changed(subscription, (changes.UPDATED,), now=now)
    return Step(after, happened=((changes.UPDATED, after),))


_ACTIONS: Final[dict[FinalAction, Callable[[Subscription, Billing, datetime], Step]]] = {
    FinalAction.CANCEL: _canceled,
    FinalAction.PAUSE: _paused,
    FinalAction.MARK_UNPAID: _marked_unpaid,
    FinalAction.KEEP: _kept,
}
