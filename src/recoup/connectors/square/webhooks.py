"""What Square tells unasked: its signature, and its events."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final

import msgspec
from msgspec import Struct, field

from recoup.connectors.base import (
    Authentic,
    CredentialNews,
    Delivery,
    DisputeNews,
    DisputeState,
    Forged,
    Notice,
    Subject,
    shaped,
)
from recoup.connectors.base.webhooks import body_digest, hmac_bytes, same
from recoup.connectors.square.reading import (
    BRANDS,
    Asked,
    CardObject,
    Code,
    Id,
    Payment,
    Refund,
    Sum,
    meaning,
    refunded,
    saved,
)
from recoup.outcomes.core import Done

_DISPUTES: Final = {
    "INQUIRY_EVIDENCE_REQUIRED": DisputeState.INQUIRY,
    "INQUIRY_PROCESSING": DisputeState.INQUIRY,
    "INQUIRY_CLOSED": DisputeState.CLOSED,
    "EVIDENCE_REQUIRED": DisputeState.OPENED,
    "PROCESSING": DisputeState.SUBMITTED,
    "WON": DisputeState.WON,
    "LOST": DisputeState.LOST,
    "ACCEPTED": DisputeState.ACCEPTED,
}
_CLOSED: Final = frozenset({"card.disabled", "card.forgotten"})
_CARD_CLOSED: Final = "ISSUER_ALERT_CARD_CLOSED"


class _About(Struct, frozen=True):
    payment: dict[str, object] | None = None
    refund: dict[str, object] | None = None
    dispute: dict[str, object] | None = None
    card: dict[str, object] | None = None


class _Data(Struct, frozen=True):
    id: str | None = None
    about: _About = field(name="object", default=_About())


class _Event(Struct, frozen=True):
    event_id: Id
    type: str
    created_at: datetime | None = None
    data: _Data = _Data()

    @property
    def at(self) -> datetime | None:
        return None if self.created_at is None or self.created_at.tzinfo is None else self.created_at


class _DisputedPayment(Struct, frozen=True):
    payment_id: str | None = None


class Dispute(Struct, frozen=True, kw_only=True):
    """A dispute, as events tell it and as it is shown."""

    id: Id | None = None
    dispute_id: Id | None = None
    state: str
    amount_money: Sum | None = None
    reason: Code | None = None
    due_at: datetime | None = None
    card_brand: str | None = None
    disputed_payment: _DisputedPayment = _DisputedPayment()
    updated_at: datetime | None = None

    @property
    def name(self) -> str | None:
        """What Square calls it; its older versions said so in another place."""
        return self.id or self.dispute_id


def authenticated(secret: str, delivery: Delivery) -> Authentic | Forged:
    """Whether this was signed with the subscription's key, over the address that it went to and the body.

    Square signs no time, so an old delivery is known only by its event's name.
    """
    if not secret:
        return Forged("the account has no webhook_signature_key")
    given = delivery.headers.get("x-square-hmacsha256-signature", "")
    expected = b64encode(hmac_bytes(secret.encode(), delivery.url.encode() + delivery.body)).decode()
    if not same(expected, given):
        return Forged("the signature is wrong or missing")
    event = _event(delivery)
    return Authentic(event.event_id if event is not None else body_digest(delivery))


def notices(delivery: Delivery) -> tuple[Notice, ...]:
    """What the event says."""
    event = _event(delivery)
    if event is None:
        return ()
    kind = event.type.partition(".")[0]
    said = _READERS.get(kind, _other)(event, delivery)
    return (said or _other(event, delivery),)


def _event(delivery: Delivery) -> _Event | None:
    try:
        return msgspec.json.decode(delivery.body, type=_Event)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _other(event: _Event, delivery: Delivery) -> Notice:
    return Notice(event.event_id, Subject.OTHER, None, reference=event.data.id, occurred_at=event.at)


def _payment(event: _Event, delivery: Delivery) -> Notice | None:
    """A payment moved. One without a reference is not ours."""
    payment = shaped(event.data.about.payment, Payment)
    if payment is None or payment.reference_id is None:
        return None
    card = payment.card_details.card
    day = (event.at or delivery.received_at).astimezone(UTC).date()
    asked = Asked(payment.reference_id, card.brand if card is not None else "unknown", day)
    let_go = payment.status == "CANCELED"
    return Notice(
        event.event_id,
        Subject.CANCEL if let_go else Subject.CHARGE,
        Done(payment.id) if let_go else meaning(payment, asked),
        reference=payment.id,
        charge_reference=payment.id,
        key=None if let_go else payment.reference_id,
        amount=payment.amount_money.money,
        occurred_at=event.at,
    )


def _refund(event: _Event, delivery: Delivery) -> Notice | None:
    refund = shaped(event.data.about.refund, Refund)
    if refund is None:
        return None
    return Notice(
        event.event_id,
        Subject.REFUND,
        refunded(refund),
        reference=refund.id,
        charge_reference=refund.payment_id,
        key=refund.reason,
        amount=refund.amount_money.money,
        occurred_at=event.at,
    )


def _dispute(event: _Event, delivery: Delivery) -> Notice | None:
    dispute = shaped(event.data.about.dispute, Dispute)
    if dispute is None or dispute.name is None or dispute.state not in _DISPUTES:
        return None
    return of_dispute(dispute, dispute.name, event.event_id, event.at)


def of_dispute(dispute: Dispute, name: str, event_id: str, at: datetime | None) -> Notice:
    """What a dispute says; of a state that nobody knows, nothing."""
    state = _DISPUTES.get(dispute.state)
    amount = dispute.amount_money.money if dispute.amount_money is not None else None
    due = dispute.due_at if dispute.due_at is not None and dispute.due_at.tzinfo is not None else None
    news = (
        None
        if state is None
        else DisputeNews(
            name,
            state,
            amount=amount,
            reason=dispute.reason,
            network=BRANDS.get(dispute.card_brand or ""),
            evidence_due=due,
            withdrawn=False if dispute.state.startswith("INQUIRY_") else None,
        )
    )
    return Notice(
        event_id,
        Subject.DISPUTE,
        news,
        reference=name,
        charge_reference=dispute.disputed_payment.payment_id,
        amount=amount,
        occurred_at=at,
    )


def _card(event: _Event, delivery: Delivery) -> Notice | None:
    card = shaped(event.data.about.card, CardObject)
    token = saved(card) if card is not None else None
    if card is None or token is None or event.type == "card.created":
        return None
    news = CredentialNews(
        token,
        exp_month=card.exp_month,
        exp_year=card.exp_year,
        last4=card.last4,
        brand=card.brand,
        closed=event.type in _CLOSED or card.enabled is False or card.issuer_alert == _CARD_CLOSED,
    )
    return Notice(event.event_id, Subject.CREDENTIAL, news, occurred_at=event.at)


_READERS: Final[Mapping[str, Callable[[_Event, Delivery], Notice | None]]] = {
    "payment": _payment,
    "refund": _refund,
    "dispute": _dispute,
    "card": _card,
}
