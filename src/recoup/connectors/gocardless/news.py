"""What GoCardless tells unasked: events about payments, refunds and mandates, as notices.

Of chargebacks it is one of two sources: GoCardless lists its events again (`listing.py`).
"""

from __future__ import annotations

from datetime import date
from typing import Final

import msgspec

from recoup.connectors.base import (
    AskAgain,
    CredentialNews,
    Delivery,
    DisputeNews,
    DisputeState,
    Notice,
    Subject,
    shaped,
)
from recoup.connectors.gocardless.replies import (
    Delivered,
    Event,
)
from recoup.kit.secret import Secret
from recoup.outcomes.core import Approved, Declined, Done, Pending, Refused

EVENTS_MAX: Final = 250
DISPUTES: Final = {
    "charged_back": DisputeState.OPENED,
    "chargeback_settled": DisputeState.LOST,
    "chargeback_cancelled": DisputeState.WON,
}
"""A charge back cannot be fought: the bank takes the money back, and either changes its mind or keeps it."""
_Told = Approved | Declined | Pending | Done | Refused | DisputeNews | CredentialNews | AskAgain | None


def notices_of(delivery: Delivery) -> tuple[Notice, ...]:
    """One notice an event; what is no event is left out."""
    try:
        delivered = msgspec.json.decode(delivery.body, type=Delivered)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ()
    events = (shaped(each, Event) for each in delivered.events[:EVENTS_MAX])
    return tuple(notice_of(event, delivery.received_at.date()) for event in events if event is not None)


def notice_of(event: Event, today: date) -> Notice:
    """What an event means. One that changes nothing for us is about something else."""
    links = event.links
    told: _Told = None
    reference = charge = None
    match event.resource_type:
        case "payments":
            reference = charge = links.get("payment")
            told = None if reference is None else _payment_news(event, reference, today)
        case "refunds":
            reference, charge = links.get("refund"), links.get("payment")
            told = None if reference is None else _refund_news(event, reference)
        case "mandates":
            told = _mandate_news(event)
        case _:
            pass
    return Notice(
        event_id=event.id,
        about=_about(told, event),
        meaning=told,
        reference=reference,
        charge_reference=charge,
        key=event.key,
        occurred_at=event.created_at,
    )


def _about(told: _Told, event: Event) -> Subject:
    match told:
        case None:
            return Subject.OTHER
        case DisputeNews():
            return Subject.DISPUTE
        case CredentialNews():
            return Subject.CREDENTIAL
        case _:
            return Subject.REFUND if event.resource_type == "refunds" else Subject.CHARGE


def _payment_news(
    event: Event, payment: str, today: date
) -> Approved | Declined | Pending | DisputeNews | AskAgain | None:
    details = event.details
    if event.action in DISPUTES:
        reason = (details.reason_code or details.cause) if event.action == "charged_back" else None
        taken = event.action != "chargeback_cancelled"
        return DisputeNews(payment, DISPUTES[event.action], reason=reason, withdrawn=taken)
    match event.action:
        case "confirmed" | "paid_out":
            return Approved(payment, captured=True)
        case "failed" | "cancelled" | "customer_approval_denied":
            return Pending(payment) if details.will_attempt_retry else details.declined(today, payment)
        case "created" | "submitted" | "customer_approval_granted" | "resubmission_requested":
            return Pending(payment)
        case "late_failure_settled":
            return AskAgain()
        case _:
            return None


def _refund_news(event: Event, refund: str) -> Done | Refused | Pending | None:
    match event.action:
        case "paid":
            return Done(refund)
        case "created":
            return Pending(refund)
        case "failed" | "bounced" | "cancelled" | "funds_returned":
            why = event.details.description or "The refund did not reach the customer's bank account."
            return Refused(event.details.cause, why)
        case _:
            return None


def _mandate_news(event: Event) -> CredentialNews | None:
    mandate, new = event.links.get("mandate"), event.links.get("new_mandate")
    if mandate is None:
        return None
    if event.action == "replaced" and new is not None:
        return CredentialNews(Secret(mandate), new_token=Secret(new))
    closed = event.action in {"cancelled", "failed", "expired", "consumed", "blocked"}
    return CredentialNews(Secret(mandate), closed=True) if closed else None
