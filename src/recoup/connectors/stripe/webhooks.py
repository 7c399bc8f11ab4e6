"""What Stripe tells unasked: its signature, and its events."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct

from recoup.connectors.base import (
    Alert,
    AskAgain,
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
from recoup.connectors.base.webhooks import any_same, body_digest, hmac_hex, is_stale
from recoup.connectors.stripe.asking import KEY, money
from recoup.connectors.stripe.objects import Code, Id, Intent, Method, RefundObject
from recoup.connectors.stripe.reading import (
    BRANDS,
    Asked,
    brand_of,
    meaning,
    refunded,
)
from recoup.kit.money import Money
from recoup.kit.secret import Secret
from recoup.outcomes.core import Done

_DIGITS_MAX: Final = 11
_SIGNATURES_MAX: Final = 20
_Moment = Annotated[int, Meta(ge=0, lt=10**_DIGITS_MAX)]

_DISPUTES: Final = {
    "warning_needs_response": DisputeState.INQUIRY,
    "warning_under_review": DisputeState.INQUIRY,
    "warning_closed": DisputeState.CLOSED,
    "needs_response": DisputeState.OPENED,
    "under_review": DisputeState.SUBMITTED,
    "won": DisputeState.WON,
    "lost": DisputeState.LOST,
    "prevented": DisputeState.RESOLVED_EARLY,
    "charge_refunded": DisputeState.CLOSED,
}
_EARLY: Final = frozenset({"block", "resolution"})
"""Cases that are settled before they are disputes."""
_MOVED: Final = {"charge.dispute.funds_withdrawn": True, "charge.dispute.funds_reinstated": False}


class _Data(Struct, frozen=True):
    about: dict[str, object] = msgspec.field(name="object")


class _Event(Struct, frozen=True):
    id: Id
    type: str
    data: _Data
    created: _Moment

    @property
    def at(self) -> datetime:
        return datetime.fromtimestamp(self.created, UTC)

    @property
    def day(self) -> date:
        return self.at.date()


class _Named(Struct, frozen=True):
    id: Id


class _EvidenceDetails(Struct, frozen=True):
    due_by: _Moment | None = None


class _CardOfDispute(Struct, frozen=True):
    brand: str | None = None
    network_reason_code: Code | None = None
    case_type: str | None = None


class _DetailsOfDispute(Struct, frozen=True):
    card: _CardOfDispute | None = None


class _Movement(Struct, frozen=True):
    """A balance transaction: below nought it takes money from the merchant. `fee` is on top of the amount."""

    amount: int
    currency: str
    fee: int = 0


class Dispute(Struct, frozen=True, kw_only=True):
    """A dispute, as events tell it and as it is shown."""

    id: Id
    status: str
    amount: int
    currency: str
    reason: Code | None = None
    payment_intent: str | None = None
    evidence_details: _EvidenceDetails | None = None
    payment_method_details: _DetailsOfDispute | None = None
    balance_transactions: list[_Movement] = []

    @property
    def fee(self) -> Money | None:
        """What Stripe keeps for the dispute itself, where it has moved money."""
        currencies = {moved.currency for moved in self.balance_transactions}
        taken = sum(moved.fee for moved in self.balance_transactions)
        return money(max(taken, 0), currencies.pop()) if len(currencies) == 1 else None

    def is_withdrawn(self, event_type: str = "") -> bool | None:
        """Whether the money is out of the merchant's hands: by the event's name, else by what moved until then."""
        if event_type in _MOVED:
            return _MOVED[event_type]
        if self.status.startswith("warning_"):
            return False
        if not self.balance_transactions:
            return None
        return sum(moved.amount for moved in self.balance_transactions) < 0


class FraudWarning(Struct, frozen=True, kw_only=True):
    """An issuer's report of fraud, as events tell it and as it is shown."""

    id: Id
    created: _Moment | None = None
    fraud_type: Code | None = None
    payment_intent: str | None = None


class _Charge(Struct, frozen=True, kw_only=True):
    id: Id
    currency: str
    amount_captured: int | None = None
    amount_refunded: int | None = None
    payment_intent: str | None = None
    metadata: dict[str, str] = {}


def authenticated(secret: str, delivery: Delivery) -> Authentic | Forged:
    """Whether this was signed with the endpoint's secret, now: any of its `v1` signatures, over time and body."""
    if not secret:
        return Forged("the account has no webhook_secret")
    signed_at, signatures = _signature(delivery.headers.get("stripe-signature", ""))
    if signed_at is None or not signatures:
        return Forged("there is no signature to read")
    if is_stale(datetime.fromtimestamp(int(signed_at), UTC), delivery):
        return Forged("the signature is too old, or from the future")
    expected = hmac_hex(secret.encode(), f"{signed_at}.".encode() + delivery.body)
    if not any_same(expected, signatures):
        return Forged("the signature is wrong")
    event = _event(delivery)
    return Authentic(event.id if event is not None else body_digest(delivery))


def notices(delivery: Delivery) -> tuple[Notice, ...]:
    """What the event says."""
    event = _event(delivery)
    if event is None:
        return ()
    said = _READERS.get(event.type, _other)(event)
    return (said or _other(event),)


def _signature(header: str) -> tuple[str | None, list[str]]:
    """The signed time, as it was written, and the signatures of the scheme that counts."""
    signed_at: str | None = None
    signatures: list[str] = []
    for part in header.split(",")[:_SIGNATURES_MAX]:
        name, _, value = part.strip().partition("=")
        if name == "t" and value.isascii() and value.isdigit() and len(value) <= _DIGITS_MAX:
            signed_at = value
        elif name == "v1" and value:
            signatures.append(value)
    return signed_at, signatures


def _event(delivery: Delivery) -> _Event | None:
    try:
        return msgspec.json.decode(delivery.body, type=_Event)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _other(event: _Event) -> Notice:
    known = shaped(event.data.about, _Named)
    return Notice(event.id, Subject.OTHER, None, reference=known.id if known else None, occurred_at=event.at)


def _intent(event: _Event) -> Notice | None:
    """An intent moved. Only those that carry a key of ours are news."""
    intent = shaped(event.data.about, Intent)
    if intent is None or intent.key is None:
        return None
    failure = intent.last_payment_error
    card = failure.payment_method.card if failure is not None and failure.payment_method is not None else None
    asked = Asked(intent.key, brand_of(card.brand if card is not None else None), event.day)
    let_go = event.type == "payment_intent.canceled" and failure is None
    return Notice(
        event.id,
        Subject.CANCEL if let_go else Subject.CHARGE,
        Done(intent.id) if let_go else meaning(intent, asked),
        reference=intent.id,
        charge_reference=intent.id,
        key=None if let_go else intent.key,
        amount=intent.money,
        occurred_at=event.at,
    )


def _captured(event: _Event) -> Notice | None:
    charge = shaped(event.data.about, _Charge)
    if charge is None or charge.payment_intent is None:
        return None
    taken = charge.amount_captured
    return Notice(
        event.id,
        Subject.CAPTURE,
        Done(charge.payment_intent),
        reference=charge.payment_intent,
        charge_reference=charge.payment_intent,
        amount=money(taken, charge.currency) if taken is not None else None,
        occurred_at=event.at,
    )


def _refunded(event: _Event) -> Notice | None:
    """The charge as it is after a refund; which refund that was, it does not say."""
    charge = shaped(event.data.about, _Charge)
    if charge is None or charge.payment_intent is None:
        return None
    return Notice(
        event.id,
        Subject.REFUND,
        AskAgain(),
        charge_reference=charge.payment_intent,
        occurred_at=event.at,
    )


def _refund(event: _Event) -> Notice | None:
    refund = shaped(event.data.about, RefundObject)
    if refund is None:
        return None
    return Notice(
        event.id,
        Subject.REFUND,
        refunded(refund),
        reference=refund.id,
        charge_reference=refund.payment_intent,
        key=refund.metadata.get(KEY),
        amount=money(refund.amount, refund.currency),
        occurred_at=event.at,
    )


def _dispute(event: _Event) -> Notice | None:
    dispute = shaped(event.data.about, Dispute)
    if dispute is None or dispute.status not in _DISPUTES:
        return None
    return of_dispute(dispute, event.id, event.at, withdrawn=dispute.is_withdrawn(event.type))


def of_dispute(dispute: Dispute, event_id: str, at: datetime, *, withdrawn: bool | None) -> Notice:
    """What a dispute says; of a status that nobody knows, nothing."""
    due = dispute.evidence_details.due_by if dispute.evidence_details is not None else None
    card = dispute.payment_method_details.card if dispute.payment_method_details is not None else None
    amount = money(dispute.amount, dispute.currency)
    state, case_type = _DISPUTES.get(dispute.status), card.case_type if card is not None else None
    is_early = case_type in _EARLY or state is DisputeState.RESOLVED_EARLY
    news = (
        None
        if state is None
        else DisputeNews(
            dispute.id,
            state,
            amount=amount,
            fee=dispute.fee,
            reason=(card.network_reason_code if card is not None else None) or dispute.reason,
            network=card.brand if card is not None and card.brand in BRANDS else None,
            evidence_due=datetime.fromtimestamp(due, UTC) if due is not None else None,
            withdrawn=withdrawn,
            alert=Alert.RAPID_RESOLUTION if is_early else None,
            program=case_type if is_early else None,
        )
    )
    return Notice(
        event_id,
        Subject.DISPUTE,
        news,
        reference=dispute.id,
        charge_reference=dispute.payment_intent,
        amount=amount,
        occurred_at=at,
    )


def _fraud_warning(event: _Event) -> Notice | None:
    """The issuer reported fraud: a dispute may follow, under a name of its own."""
    warning = shaped(event.data.about, FraudWarning)
    return None if warning is None else of_fraud_warning(warning, event.id, event.at)


def of_fraud_warning(warning: FraudWarning, event_id: str, at: datetime) -> Notice:
    """What a report of fraud says. Of which network it is, Stripe leaves out."""
    news = DisputeNews(
        warning.id,
        DisputeState.WARNING,
        reason=warning.fraud_type,
        withdrawn=False,
        alert=Alert.FRAUD_REPORT,
        program="radar.early_fraud_warning",
    )
    return Notice(
        event_id,
        Subject.DISPUTE,
        news,
        reference=warning.id,
        charge_reference=warning.payment_intent,
        occurred_at=at,
    )


def _card(event: _Event) -> Notice | None:
    """A saved card was renewed by its network, or taken from its customer, after which it pays no more."""
    method = shaped(event.data.about, Method)
    if method is None or method.card is None:
        return None
    news = CredentialNews(
        Secret(method.id),
        exp_month=method.card.exp_month,
        exp_year=method.card.exp_year,
        last4=method.card.last4,
        brand=brand_of(method.card.brand),
        closed=event.type == "payment_method.detached",
    )
    return Notice(event.id, Subject.CREDENTIAL, news, occurred_at=event.at)


_READERS: Final[Mapping[str, Callable[[_Event], Notice | None]]] = {
    **dict.fromkeys(
        (
            "payment_intent.succeeded",
            "payment_intent.amount_capturable_updated",
            "payment_intent.payment_failed",
            "payment_intent.requires_action",
            "payment_intent.processing",
            "payment_intent.canceled",
        ),
        _intent,
    ),
    "charge.captured": _captured,
    "charge.refunded": _refunded,
    **dict.fromkeys(("refund.created", "refund.updated", "refund.failed", "charge.refund.updated"), _refund),
    **dict.fromkeys(
        (
            "charge.dispute.created",
            "charge.dispute.updated",
            "charge.dispute.closed",
            "charge.dispute.funds_withdrawn",
            "charge.dispute.funds_reinstated",
        ),
        _dispute,
    ),
    **dict.fromkeys(
        ("radar.early_fraud_warning.created", "radar.early_fraud_warning.updated"), _fraud_warning
    ),
    "payment_method.automatically_updated": _card,
    "payment_method.detached": _card,
}
