"""What Checkout.com tells unasked: whether a delivery is genuine, and what its event says."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

import msgspec
from msgspec import Struct

from recoup.connectors.base import (
    Alert,
    AskAgain,
    CredentialNews,
    Delivery,
    DisputeNews,
    DisputeState,
    Notice,
    Subject,
    decoded,
)
from recoup.connectors.base.webhooks import hmac_hex, same
from recoup.connectors.checkout.answers import (
    Name,
    Payment,
    approved,
    money_of,
    refusal,
)
from recoup.kit.secret import Secret
from recoup.outcomes.core import Approved, Done, Evidence, FollowUpEvidence, Pending, Refused


class Event(Struct, frozen=True):
    """A delivery: one event."""

    id: Name
    type: str
    data: msgspec.Raw = msgspec.Raw()
    created_on: str | None = None
    timestamp: str | None = None


class Told(Payment, frozen=True):
    """What is told of a payment: what it looks like now, and which action did that."""

    action_id: Name | None = None


class Dispute(Struct, frozen=True):
    """What is told of a dispute."""

    id: Name
    payment_id: Name | None = None
    payment_reference: str | None = None
    amount: int | None = None
    currency: str | None = None
    reason_code: str | None = None
    category: str | None = None
    evidence_required_by: str | None = None
    payment_method: str | None = None
    resolved_reason: str | None = None

    def notice(self, event_id: str, state: DisputeState | None, at: datetime | None) -> Notice:
        """What it says where it stands so; nothing, where nobody knows how it stands."""
        amount = money_of(self.amount, self.currency)
        is_rapid = self.resolved_reason == _RAPIDLY
        news = (
            None
            if state is None
            else DisputeNews(
                reference=self.id,
                state=state,
                amount=amount,
                reason=self.reason_code or self.category,
                network=_brand(self.payment_method),
                evidence_due=moment(self.evidence_required_by),
                withdrawn=_WITHDRAWN.get(self.resolved_reason or ""),
                alert=Alert.RAPID_RESOLUTION if is_rapid else None,
                program=self.resolved_reason if is_rapid else None,
            )
        )
        return Notice(
            event_id=event_id,
            about=Subject.DISPUTE,
            meaning=news,
            reference=self.id,
            charge_reference=self.payment_id,
            key=self.payment_reference,
            amount=amount,
            occurred_at=at,
        )


class CardDetails(Struct, frozen=True):
    """A card as an update tells it."""

    scheme: str | None = None
    last4: str | None = None
    expiry_month: int | None = None
    expiry_year: int | None = None


class Instrument(Struct, frozen=True):
    """A saved card by its name."""

    id: Name


class CardUpdate(Struct, frozen=True):
    """What is told of saved cards that were replaced or closed."""

    sources: list[Instrument]
    reason_type: str | None = None
    replacement_card: CardDetails | None = None


News = Evidence | FollowUpEvidence | DisputeNews | CredentialNews | AskAgain | None

_SAYS_YES: Final = frozenset({"payment_approved", "card_verified"})
_SAYS_NO: Final = frozenset({"payment_declined", "card_verification_declined"})
_SAYS_NOTHING_SURE: Final = frozenset(
    {
        *("payment_expired", "payment_canceled", "payment_retry_scheduled"),
        "payment_authentication_failed",
    }
)
"""They may come before an approval, or after one: the payment itself tells."""
_CHANGES: Final = {
    "payment_captured": (Subject.CAPTURE, Done),
    "payment_capture_pending": (Subject.CAPTURE, Pending),
    "payment_capture_declined": (Subject.CAPTURE, Refused),
    "payment_voided": (Subject.CANCEL, Done),
    "payment_void_declined": (Subject.CANCEL, Refused),
    "payment_refunded": (Subject.REFUND, Done),
    "payment_refund_pending": (Subject.REFUND, Pending),
    "payment_refund_declined": (Subject.REFUND, Refused),
}
_DISPUTES: Final = {
    "dispute_received": DisputeState.OPENED,
    "dispute_evidence_required": DisputeState.OPENED,
    "dispute_evidence_submitted": DisputeState.SUBMITTED,
    "dispute_evidence_acknowledged_by_scheme": DisputeState.SUBMITTED,
    "dispute_arbitration_sent_to_scheme": DisputeState.SUBMITTED,
    "dispute_won": DisputeState.WON,
    "dispute_arbitration_won": DisputeState.WON,
    "dispute_lost": DisputeState.LOST,
    "dispute_arbitration_lost": DisputeState.LOST,
    "dispute_expired": DisputeState.EXPIRED,
    "dispute_accepted": DisputeState.ACCEPTED,
    "dispute_canceled": DisputeState.CLOSED,
    "dispute_resolved": DisputeState.RESOLVED_EARLY,
}
"""Resolved: the customer was paid back, by you before or by Visa's rapid resolution with your money. None of the others
says by itself whether money moved."""
_RAPIDLY: Final = "rapid_dispute_resolution"
_WITHDRAWN: Final = {_RAPIDLY: True, "already_refunded": False}
_BRANDS: Final[Mapping[str, str]] = {
    "visa": "visa",
    "mastercard": "mastercard",
    "american express": "amex",
    "amex": "amex",
    "discover": "discover",
    "diners club international": "diners",
    "jcb": "jcb",
    "maestro": "maestro",
    "unionpay": "unionpay",
}


def is_genuine(delivery: Delivery, key: str) -> bool:
    """Whether the signature is that of our key over the whole body."""
    given = delivery.headers.get("cko-signature", "")
    return same(hmac_hex(key.encode(), delivery.body), given.strip().lower())


def notices_in(delivery: Delivery) -> tuple[Notice, ...]:
    """What an event says: one notice, or one for each saved card."""
    event = decoded(delivery.body, Event)
    if event is None:
        return ()
    if event.type == "card_updated":
        return _card_updates(event)
    if event.type.startswith("dispute_"):
        return _dispute(event)
    told = decoded(bytes(event.data), Told)
    if told is None or not event.type.startswith(("payment_", "card_")):
        return (Notice(event.id, Subject.OTHER, None, occurred_at=_when(event)),)
    about, meaning = _payment(event, told)
    of_the_charge = about is Subject.CHARGE
    return (
        Notice(
            event_id=event.id,
            about=about,
            meaning=meaning,
            reference=told.id if of_the_charge else told.action_id,
            charge_reference=told.id,
            key=told.reference,
            amount=money_of(told.amount, told.currency),
            occurred_at=_when(event),
        ),
    )


def _payment(event: Event, told: Told) -> tuple[Subject, News]:
    match event.type:
        case kind if kind in _SAYS_YES:
            yes = approved(told, capture=False if kind == "card_verified" else None, remember=None)
            return Subject.CHARGE, yes if isinstance(yes, Approved) else AskAgain()
        case kind if kind in _SAYS_NO:
            when = _when(event)
            brand = _brand(told.source.scheme if told.source is not None else None) or "unknown"
            return Subject.CHARGE, None if when is None else refusal(told, on=when.date(), brand=brand)
        case "payment_pending":
            return Subject.CHARGE, Pending(told.id)
        case kind if kind in _SAYS_NOTHING_SURE:
            return Subject.CHARGE, AskAgain()
        case kind if kind in _CHANGES and told.action_id is not None:
            about, how = _CHANGES[kind]
            if how is Refused:
                why = told.response_summary or "Checkout.com gave no reason."
                return about, Refused(told.response_code or kind, why)
            return about, Done(told.action_id) if how is Done else Pending(told.action_id)
        case _:
            return Subject.OTHER, None


def _dispute(event: Event) -> tuple[Notice, ...]:
    told = decoded(bytes(event.data), Dispute)
    state = _DISPUTES.get(event.type)
    if told is None or state is None:
        return (Notice(event.id, Subject.OTHER, None, occurred_at=_when(event)),)
    return (told.notice(event.id, state, _when(event)),)


def _card_updates(event: Event) -> tuple[Notice, ...]:
    told = decoded(bytes(event.data), CardUpdate)
    if told is None:
        return (Notice(event.id, Subject.OTHER, None, occurred_at=_when(event)),)
    card = told.replacement_card or CardDetails()
    return tuple(
        Notice(
            event_id=f"{event.id}:{at}",
            about=Subject.CREDENTIAL,
            meaning=CredentialNews(
                Secret(saved.id),
                exp_month=card.expiry_month,
                exp_year=card.expiry_year,
                last4=card.last4,
                brand=_brand(card.scheme),
                closed=told.reason_type == "card_closed",
            ),
            occurred_at=_when(event),
        )
        for at, saved in enumerate(told.sources)
    )


def _brand(scheme: str | None) -> str | None:
    return _BRANDS.get((scheme or "").lower())


def _when(event: Event) -> datetime | None:
    return moment(event.created_on) or moment(event.timestamp)


def moment(text: str | None) -> datetime | None:
    """A time with its offset, of which some have more digits of a second than we read; None where there is none."""
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None
