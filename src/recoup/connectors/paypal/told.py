"""PayPal's webhooks: signed with RSA over id, time, our webhook's id and a checksum of the body.

The certificate is fetched from the address in the header, which must be PayPal's own, of the account's side, under the
path that certificates have. The connection is what proves whose it is: its chain is not checked again, but that it is
in force and made out to PayPal. Asking PayPal for its verdict (`verify-webhook-signature`) was not taken: there PayPal
judges what it reads from our JSON, here we judge the bytes that we then read.

The checksum is CRC-32, which anybody can match with another body. So the signature is as good as nobody else having
seen the delivery within five minutes: TLS sees to that, and a second delivery of the same transmission is known by its
id. Not verified: whether PayPal signs a time of its own when it sends again; if not, what is sent again is refused.
"""

from __future__ import annotations

import re
import zlib
from base64 import b64decode
from binascii import Error as NoBase64
from datetime import datetime
from typing import Annotated, Final

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import NameOID
from msgspec import Meta, Struct

from recoup.connectors.base import (
    Account,
    Alert,
    AskAgain,
    CredentialNews,
    Delivery,
    DisputeNews,
    DisputeState,
    Notice,
    Subject,
)
from recoup.connectors.base.webhooks import is_stale
from recoup.connectors.paypal import meant, wire
from recoup.kit.secret import Secret
from recoup.outcomes.core import Done, Evidence, FollowUpEvidence, Pending, Refused

CERTIFICATE: Final = re.compile(
    r"https://(api\.paypal\.com|api\.sandbox\.paypal\.com)(/v1/notifications/certs/CERT-[0-9a-f-]{8,80})"
)
_ALGORITHM: Final = "SHA256withRSA"
_OWNER: Final = re.compile(r"(?:.+\.)?paypal\.com")
_BUYER_WON: Final = frozenset({"RESOLVED_BUYER_FAVOUR", "ACCEPTED"})
_SELLER_WON: Final = frozenset(
    {"RESOLVED_SELLER_FAVOUR", "CANCELED_BY_BUYER", "RESOLVED_WITH_PAYOUT", "DENIED"}
)
_NEWS: Final = {
    "PAYMENT.CAPTURE.COMPLETED",
    "PAYMENT.CAPTURE.DECLINED",
    "PAYMENT.CAPTURE.DENIED",
    "PAYMENT.CAPTURE.PENDING",
}
_REFUNDS: Final = {
    "PAYMENT.CAPTURE.REFUNDED",
    "PAYMENT.REFUND.COMPLETED",
    "PAYMENT.REFUND.PENDING",
    "PAYMENT.REFUND.FAILED",
}
_ORDERS: Final = {"CHECKOUT.ORDER.APPROVED", "CHECKOUT.ORDER.VOIDED", "CHECKOUT.PAYMENT-APPROVAL.REVERSED"}
_UP: Final = re.compile(r"/v2/payments/captures/([0-9A-Z]{8,40})\Z")

Moment = Annotated[datetime, Meta(tz=True)]


class _Event(Struct, frozen=True):
    id: wire.Name
    event_type: wire.Code
    create_time: Moment | None = None
    resource: msgspec.Raw = msgspec.Raw(b"{}")


class _Transaction(Struct, frozen=True):
    seller_transaction_id: wire.Name | None = None
    custom: str | None = None


class _Outcome(Struct, frozen=True):
    outcome_code: str | None = None


class Dispute(Struct, frozen=True):
    """A dispute, as events tell it and as it is shown."""

    dispute_id: wire.Name
    status: str | None = None
    reason: str | None = None
    dispute_life_cycle_stage: str | None = None
    dispute_channel: str | None = None
    dispute_amount: wire.Amount | None = None
    dispute_outcome: _Outcome = _Outcome()
    disputed_transactions: tuple[_Transaction, ...] = ()
    seller_response_due_date: Moment | None = None
    update_time: Moment | None = None


def certificate_url(account: Account, delivery: Delivery) -> str | None:
    """Where the certificate is, if that is PayPal's own address of the account's side."""
    given = CERTIFICATE.fullmatch(delivery.headers.get("paypal-cert-url", ""))
    if given is None or ("sandbox" in given[1]) is not ("sandbox" in account.base_url):
        return None
    return given[0]


def signed_text(account: Account, delivery: Delivery) -> bytes | None:
    """What the signature covers; nothing where we know no id of our webhook, or the time is long ago."""
    webhook, headers = account.credential("webhook_id"), delivery.headers
    id_, time = headers.get("paypal-transmission-id", ""), headers.get("paypal-transmission-time", "")
    try:
        at = msgspec.convert(time, Moment)
    except msgspec.ValidationError:
        return None
    if not webhook or not id_ or is_stale(at, delivery):
        return None
    return f"{id_}|{time}|{webhook}|{zlib.crc32(delivery.body)}".encode()


def key_of(certificate: bytes, at: datetime) -> RSAPublicKey | None:
    """The key of a certificate that is PayPal's and in force."""
    try:
        found = x509.load_pem_x509_certificates(certificate)[0]
        names = [str(one.value) for one in found.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
        key = found.public_key()
    except (ValueError, IndexError, TypeError):
        return None
    is_theirs = any(_OWNER.fullmatch(name) for name in names)
    if not is_theirs or not found.not_valid_before_utc <= at <= found.not_valid_after_utc:
        return None
    return key if isinstance(key, RSAPublicKey) else None


def is_signed(key: RSAPublicKey, delivery: Delivery, text: bytes) -> bool:
    """Whether the signature in the header is this key's over this text."""
    if delivery.headers.get("paypal-auth-algo") != _ALGORITHM:
        return False
    try:
        signature = b64decode(delivery.headers.get("paypal-transmission-sig", ""), validate=True)
        key.verify(signature, text, PKCS1v15(), SHA256())
    except (InvalidSignature, NoBase64, ValueError):
        return False
    return True


def read_notices(delivery: Delivery) -> tuple[Notice, ...]:
    """What an event says; nothing, where it cannot be read."""
    try:
        event = msgspec.json.decode(delivery.body, type=_Event)
        return (_notice(event),)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ()


def _notice(event: _Event) -> Notice:
    kind = event.event_type
    if kind.startswith("CUSTOMER.DISPUTE."):
        return of_dispute(event.id, event.create_time, msgspec.json.decode(event.resource, type=Dispute))
    if kind in _NEWS or kind.startswith("PAYMENT.AUTHORIZATION."):
        return _payment(event, msgspec.json.decode(event.resource, type=wire.Payment))
    if kind in _REFUNDS:
        return _refund(event, msgspec.json.decode(event.resource, type=wire.Payment))
    if kind == "VAULT.PAYMENT-TOKEN.DELETED":
        saved = msgspec.json.decode(event.resource, type=wire.Saved)
        gone = CredentialNews(token=Secret(saved.id), closed=True)
        return Notice(event.id, Subject.CREDENTIAL, gone, occurred_at=event.create_time)
    if kind in _ORDERS:
        order = msgspec.json.decode(event.resource, type=wire.Order)
        key = order.purchase_units[0].custom_id if order.purchase_units else None
        return Notice(event.id, Subject.CHARGE, AskAgain(), order.id, key=key, occurred_at=event.create_time)
    return Notice(event.id, Subject.OTHER, None, occurred_at=event.create_time)


def _payment(event: _Event, paid: wire.Payment) -> Notice:
    """An authorization; a capture of one, which carries the capture's key; or an order paid at once."""
    related, kind = paid.supplementary_data.related_ids, event.event_type
    is_capture = kind in _NEWS and related.authorization_id is not None
    about, meaning = Subject.CAPTURE if is_capture else Subject.CHARGE, _news(event, paid)
    if kind == "PAYMENT.AUTHORIZATION.VOIDED":
        about, meaning = Subject.CANCEL, Done(paid.id)
    elif is_capture:
        meaning = meant.changed(paid, amount=None)
    key = {Subject.CAPTURE: paid.invoice_id, Subject.CANCEL: None}.get(about, paid.custom_id)
    return Notice(
        event.id,
        about,
        meaning,
        reference=paid.id,
        charge_reference=related.authorization_id or paid.id,
        key=key,
        amount=paid.money(),
        occurred_at=event.create_time,
    )


def _news(event: _Event, paid: wire.Payment) -> Evidence | FollowUpEvidence | None:
    """What an event says of a charge."""
    match event.event_type.rpartition(".")[2]:
        case "CREATED":
            return meant.approved(paid, captured=False)
        case "COMPLETED":
            return meant.approved(paid, captured=True)
        case "PENDING":
            return Pending(paid.supplementary_data.related_ids.order_id or paid.id)
        case "DECLINED" | "DENIED" if event.create_time is not None:
            return meant.declined_payment(paid, brand="unknown", today=event.create_time.date())
        case _:
            return None


def _refund(event: _Event, refund: wire.Payment) -> Notice:
    meaning: FollowUpEvidence
    match event.event_type.rpartition(".")[2]:
        case "PENDING":
            meaning = Pending(refund.id)
        case "FAILED":
            reason = refund.status_details.reason if refund.status_details else None
            meaning = Refused(reason or refund.status, "PayPal could not carry the refund out.")
        case _:
            meaning = Done(refund.id)
    ups = (_UP.search(link.href) for link in refund.links if link.rel == "up")
    return Notice(
        event.id,
        Subject.REFUND,
        meaning,
        reference=refund.id,
        charge_reference=next((found[1] for found in ups if found), None),
        key=refund.custom_id or refund.invoice_id,
        amount=refund.money(),
        occurred_at=event.create_time,
    )


_ALERT: Final = "ALERT"
"""The channel of banks that ask before they charge back."""


def of_dispute(event_id: str, at: datetime | None, dispute: Dispute) -> Notice:
    """What a dispute says."""
    disputed = dispute.disputed_transactions[0] if dispute.disputed_transactions else _Transaction()
    amount = dispute.dispute_amount.money() if dispute.dispute_amount else None
    state = _state(dispute)
    news = DisputeNews(
        reference=dispute.dispute_id,
        state=state,
        amount=amount,
        reason=dispute.reason,
        evidence_due=dispute.seller_response_due_date,
        withdrawn=False if state is DisputeState.WARNING else None,
        alert=Alert.RAPID_RESOLUTION if dispute.dispute_channel == _ALERT else None,
        program=_ALERT.lower() if dispute.dispute_channel == _ALERT else None,
    )
    return Notice(
        event_id,
        Subject.DISPUTE,
        news,
        reference=dispute.dispute_id,
        charge_reference=disputed.seller_transaction_id,
        key=disputed.custom or None,
        amount=amount,
        occurred_at=at,
    )


def _state(dispute: Dispute) -> DisputeState:
    """How far it is. An alert comes from a bank that has not charged back yet."""
    outcome, is_alert = dispute.dispute_outcome.outcome_code, dispute.dispute_channel == _ALERT
    if dispute.status == "RESOLVED" or outcome is not None:
        if outcome in _BUYER_WON:
            return DisputeState.RESOLVED_EARLY if is_alert else DisputeState.LOST
        return DisputeState.WON if outcome in _SELLER_WON else DisputeState.CLOSED
    if is_alert:
        return DisputeState.WARNING
    if dispute.status == "UNDER_REVIEW":
        return DisputeState.SUBMITTED
    return DisputeState.INQUIRY if dispute.dispute_life_cycle_stage == "INQUIRY" else DisputeState.OPENED
