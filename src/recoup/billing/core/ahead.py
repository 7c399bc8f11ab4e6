"""The look ahead: some days before a subscription's next charge, what will it meet, and who must be told of it?

It is a due row beside that of the next cycle, and moves with it, whatever moves that (`rows_ahead`). The first look is
early enough for every notice that rules may ask for, or a week ahead; where it was earlier, or the card that was found
to expire may have been renewed meanwhile, there is another. What it found is kept in the subscription, of one charge
and not of those before. What is as it was is not told again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from recoup.billing.core.bills import Charge, Making
from recoup.billing.core.cycles import Open, next_turn, opened
from recoup.billing.core.machine import Status
from recoup.billing.core.notices import Notice, Renewal, Upcoming, lead_of, notices_of
from recoup.billing.core.periods import period
from recoup.billing.core.records import Invoice, ManagedBy, Subscription
from recoup.billing.core.risks import Ahead, Risk, risks_of
from recoup.billing.core.step import CYCLE, Due, Step, Told, changed
from recoup.vault.core import PaymentMethod

AHEAD: Final = "subscription.ahead"
"""The kind of due row that says: look what the next charge of this subscription will meet."""
UNSEEN: Final = "subscription.unseen"
"""The kind of due row that says: subscriptions after this one may have no time of their first look yet."""
CLOSE: Final = timedelta(days=7)
"""How long before a charge it is looked at at the latest: account updaters asked by file answer within days, and a
customer needs some for a new card."""
MENDED_AFTER: Final = timedelta(days=2)
"""How soon it is looked at once more where the card expires."""
LAST_LOOK: Final = timedelta(hours=12)
"""Nearer to a charge than this nobody could do anything any more."""
UPCOMING: Final = "invoice.upcoming"
_FACTS: Final = {Risk.EXPIRES: "subscription.payment_method_expiring"}
_OTHER: Final = "subscription.at_risk"
_STATE_LETTERS: Final = 2


@dataclass(frozen=True, slots=True)
class Coming:
    """A charge that is to come: of which subscription, and what its turn will be."""

    subscription: Subscription
    turn: Open


def rows_ahead(step: Step, *, now: datetime) -> tuple[Due, ...]:
    """The due row of the look ahead, wherever that of the next cycle is set or dropped."""
    subscription = step.subscription
    if subscription is None or not any(due.kind == CYCLE for due in step.dues):
        return ()
    return (Due(AHEAD, subscription.id, first_look(subscription, now=now)),)


def first_look(subscription: Subscription, *, now: datetime) -> datetime | None:
    """When the next charge is first looked at; None where nothing is charged by itself, or it is due already."""
    due = subscription.next_at
    if due is None or due <= now or not _charges_by_itself(subscription):
        return None
    lead = lead_of(
        subscription.phases[-1].interval,
        trial_days=trial_days_before(subscription),
        currency=subscription.currency,
        country=subscription.country,
        on=due.date(),
    )
    return max(due - max(lead, CLOSE), now)


def is_near(subscription: Subscription, *, now: datetime) -> bool:
    """Whether its next charge is so near that what changes now is looked at now."""
    return first_look(subscription, now=now) == now


def trial_days_before(subscription: Subscription) -> int | None:
    """How long the trial is at whose end the next period is charged; None: that does not end a trial."""
    if subscription.trial_end is None or subscription.number < 1:
        return None
    spell = period(subscription.phases, subscription.number)
    return spell.days if spell.end == subscription.trial_end else None


def coming(subscription: Subscription, *, now: datetime) -> Coming | None:
    """The charge that a subscription is to be looked at for; None where none is to come, or it is due already."""
    due = subscription.next_at
    if due is None or due <= now or not _charges_by_itself(subscription):
        return None
    turn = next_turn(subscription, now=due)
    return Coming(subscription, turn) if isinstance(turn, Open) else None


def found_ahead(
    one: Coming, method: PaymentMethod | None, *, hour: int | None, now: datetime
) -> tuple[Ahead, Sequence[Notice]]:
    """What is the matter with a charge that is to come, and which notices it needs. Its amount is not known yet."""
    subscription, before = one.subscription, _before(one)
    notices = notices_of(_renewal(one, method), now=now)
    known = () if before is None else before.rules
    too_late = [
        one.rule.id for one in notices if not one.in_time
    ]  # those known were told while there was time, or late
    was_late = before is not None and Risk.NOTICE_LATE in before.risks
    is_late = was_late or any(rule not in known for rule in too_late)
    risks = risks_of(method, last_day=_last_day(one))
    ahead = Ahead(
        number=one.turn.period.number,
        due=one.turn.due,
        amount=0,
        method_id=subscription.payment_method_id,
        risks=(*risks, Risk.NOTICE_LATE) if is_late else risks,
        rules=tuple(one.rule.id for one in notices),
        hour=hour,
    )
    return ahead, notices


def preview(one: Coming, making: Making) -> Invoice:
    """The invoice as it will be, as far as is known now."""
    return opened(one.subscription, one.turn, making).invoices[0]


def making_of(one: Coming, charge: Charge, *, balance: int, now: datetime) -> Making:
    """With what a preview is made: it bears the id of its subscription, for it is no invoice yet."""
    return Making(invoice_id=one.subscription.id, due=one.turn.due, charge=charge, balance=balance, now=now)


def looked(
    one: Coming, ahead: Ahead, invoice: Invoice, notices: Sequence[Notice], *, now: datetime
) -> Step | None:
    """What follows from a look: what is new is kept and told; None where all is as it was."""
    before, ahead = _before(one), replace(ahead, amount=invoice.amount_due)
    if not invoice.total:
        ahead = replace(ahead, risks=())  # what costs nothing is not charged
    if ahead == before:
        return None
    same_card = before is not None and before.method_id == ahead.method_id
    known = before.risks if before is not None and same_card else ()
    facts = tuple(dict.fromkeys(_FACTS.get(risk, _OTHER) for risk in ahead.risks if risk not in known))
    if before is None or before.amount != ahead.amount or not set(ahead.rules) <= set(before.rules):
        facts = (*facts, UPCOMING)
    unchanged_at = one.subscription.updated_at  # a look changes nothing of what was agreed
    after = changed(one.subscription, facts, now=unchanged_at, ahead=ahead)
    told: tuple[Told, ...] = tuple(
        (fact, Upcoming(after, invoice, notices) if fact == UPCOMING else after) for fact in facts
    )
    return Step(after, happened=told)


def next_look(one: Coming, ahead: Ahead, *, now: datetime) -> datetime | None:
    """When to look again: a week before the charge, or soon where the card may be renewed by then; None: no more."""
    due = one.turn.due
    at = due - CLOSE if now < due - CLOSE else None
    if at is None and Risk.EXPIRES in ahead.risks:
        at = now + MENDED_AFTER
    return at if at is not None and at <= due - LAST_LOOK else None


def current(subscription: Subscription) -> Ahead | None:
    """What is known of the charge that comes next; None where nothing is, or it was of another payment method."""
    ahead = subscription.ahead
    if ahead is None or subscription.has_ended or ahead.number != subscription.number + 1:
        return None
    return ahead if ahead.method_id == subscription.payment_method_id else None


def _before(one: Coming) -> Ahead | None:
    """What was found of this very charge before."""
    before = one.subscription.ahead
    if before is None or (before.number, before.due) != (one.turn.period.number, one.turn.due):
        return None
    return before


def _charges_by_itself(subscription: Subscription) -> bool:
    if subscription.status is Status.UNPAID:
        return False
    return subscription.managed_by is ManagedBy.RECOUP and not subscription.cancel_at_period_end


def _last_day(one: Coming) -> date:
    """The last local day on which it may be charged."""
    window = one.subscription.window
    day = one.turn.due.astimezone(ZoneInfo(one.subscription.zone)).date()
    moved = day if window is None else day + timedelta(days=window.after_days)
    return min(moved, one.turn.period.end)


def _renewal(one: Coming, method: PaymentMethod | None) -> Renewal:
    """What rules go by. Where somebody lives is as the subscription says, else their card's billing address."""
    subscription = one.subscription
    address = None if method is None else method.billing.address
    return Renewal(
        due=one.turn.due,
        interval=subscription.phases[-1].interval,
        currency=subscription.currency,
        trial_days=trial_days_before(subscription),
        brand=None if method is None else method.brand,
        issued_in=None if method is None else method.issuer_country,
        country=subscription.country or (None if address is None else address.country),
        state=None if address is None else _code(address.state),
    )


def _code(state: str | None) -> str | None:
    """A state as its two letters; None where it is written otherwise, or not at all."""
    code = "" if state is None else state.strip().upper()
    return code if len(code) == _STATE_LETTERS else None
