"""What Adyen tells unasked: whether an item or a delivery is genuine, and what it says.

Of disputes it is the only source: Adyen's API answers them and lists none; its reports do, which
are not read here.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import datetime
from typing import Final

import msgspec
from msgspec import Struct

from recoup.connectors.adyen.answers import (
    Amount,
    Name,
    approved,
    refusal,
    said,
)
from recoup.connectors.base import (
    Alert,
    CredentialNews,
    Delivery,
    DisputeNews,
    DisputeState,
    Notice,
    Subject,
    decoded,
)
from recoup.connectors.base.webhooks import hmac_bytes
from recoup.kit.secret import Secret
from recoup.outcomes.core import Done, Evidence, FollowUpEvidence, Refused


class Item(Struct, frozen=True, rename="camel"):
    """One notification of a standard webhook."""

    event_code: str
    psp_reference: str
    success: str
    merchant_account_code: str
    merchant_reference: str | None = None
    original_reference: str | None = None
    amount: Amount | None = None
    event_date: str | None = None
    reason: str | None = None
    payment_method: str | None = None
    additional_data: Mapping[str, object] | None = None

    def said(self, name: str) -> str | None:
        """A field of `additionalData`, where it is text."""
        return said(self.additional_data or {}, name)

    def signed_text(self) -> str:
        """What the HMAC of this item covers: eight values, as they are, between colons."""
        value, currency = ("", "") if self.amount is None else (self.amount.value, self.amount.currency)
        return ":".join(
            str(each)
            for each in (
                *(self.psp_reference, self.original_reference or "", self.merchant_account_code),
                *(self.merchant_reference or "", value, currency, self.event_code, self.success),
            )
        )


class Wrapped(Struct, frozen=True):
    """How an item stands in the list."""

    item: Item = msgspec.field(name="NotificationRequestItem")


class Standard(Struct, frozen=True, rename="camel"):
    """A delivery of the standard webhook."""

    notification_items: list[Wrapped]


class TokenData(Struct, frozen=True, rename="camel"):
    """Which token."""

    merchant_account: str
    stored_payment_method_id: Name
    shopper_reference: str | None = None


class TokenEvent(Struct, frozen=True, rename="camel"):
    """A delivery about a token."""

    type: str
    event_id: Name
    data: TokenData
    created_at: str | None = None


def hmac_of(key: bytes, message: bytes) -> str:
    """HMAC with SHA-256, in base64."""
    return base64.b64encode(hmac_bytes(key, message)).decode()


def items_of(delivery: Delivery) -> tuple[Item, ...]:
    """The notifications in a delivery; none where it cannot be read."""
    standard = decoded(delivery.body, Standard)
    return () if standard is None else tuple(each.item for each in standard.notification_items)


def item_notice(item: Item) -> Notice:
    """What a notification says. Adyen knows a second telling of the same by event, reference and success."""
    about, meaning = _meaning(item)
    is_the_charge = item.event_code == "AUTHORISATION"
    return Notice(
        event_id=f"{item.event_code}:{item.psp_reference}:{item.success}",
        about=about,
        meaning=meaning,
        reference=item.psp_reference,
        charge_reference=item.psp_reference if is_the_charge else item.original_reference,
        key=item.merchant_reference,
        amount=None if item.amount is None else item.amount.money(),
        occurred_at=_moment(item.event_date),
    )


_News = tuple[Subject, Evidence | FollowUpEvidence | DisputeNews | CredentialNews | None]
_CHANGES: Final = {
    **dict.fromkeys(("CAPTURE", "CAPTURE_FAILED"), Subject.CAPTURE),
    **dict.fromkeys(("CANCELLATION", "TECHNICAL_CANCEL"), Subject.CANCEL),
    **dict.fromkeys(("REFUND", "REFUND_FAILED", "REFUNDED_REVERSED", "REFUND_WITH_DATA"), Subject.REFUND),
}
_UNDONE: Final = frozenset({"CAPTURE_FAILED", "REFUND_FAILED", "REFUNDED_REVERSED"})
"""What was carried out and then failed after all: told with `success` true."""
_TAKEN_AGAIN: Final = frozenset({"SECOND_CHARGEBACK", "PREARBITRATION_LOST"})
"""After these, what `CHARGEBACK_REVERSED` gave back is gone for good."""
_DISPUTES: Final = {
    "REQUEST_FOR_INFORMATION": DisputeState.INQUIRY,
    "NOTIFICATION_OF_FRAUD": DisputeState.WARNING,
    "NOTIFICATION_OF_CHARGEBACK": DisputeState.OPENED,
    "CHARGEBACK": DisputeState.OPENED,
    "INFORMATION_SUPPLIED": DisputeState.SUBMITTED,
    "CHARGEBACK_REVERSED": DisputeState.SUBMITTED,
    "ISSUER_RESPONSE_TIMEFRAME_EXPIRED": DisputeState.WON,
    "PREARBITRATION_WON": DisputeState.WON,
    **dict.fromkeys(_TAKEN_AGAIN, DisputeState.REVERSED),
    "DISPUTE_DEFENSE_PERIOD_ENDED": DisputeState.EXPIRED,
}
"""A reversed chargeback is not won yet: the issuer may still charge back a second time."""
_REPORTED_IN: Final = {"visa": "tc40", "mastercard": "safe"}
"""What the networks call issuers' reports of fraud."""
_DISPUTE_STATUSES: Final = {
    "won": DisputeState.WON,
    "lost": DisputeState.LOST,
    "accepted": DisputeState.ACCEPTED,
    "expired": DisputeState.EXPIRED,
}
_WITHDRAWN: Final = {
    **dict.fromkeys(("REQUEST_FOR_INFORMATION", "NOTIFICATION_OF_FRAUD"), False),
    **dict.fromkeys(
        ("CHARGEBACK_REVERSED", "PREARBITRATION_WON", "ISSUER_RESPONSE_TIMEFRAME_EXPIRED"), False
    ),
    **dict.fromkeys(("CHARGEBACK", *_TAKEN_AGAIN), True),
}
"""Of the others it does not say itself whether money moved."""


def _meaning(item: Item) -> _News:
    """What is told, and about what; what changes nothing for us has no meaning."""
    match item.event_code:
        case "AUTHORISATION":
            return Subject.CHARGE, _authorisation(item)
        case "CANCEL_OR_REFUND":
            about = Subject.CANCEL if item.said("modification.action") == "cancel" else Subject.REFUND
            return about, _changed(item)
        case code if code in _CHANGES:
            return _CHANGES[code], _changed(item)
        case code if code in _DISPUTES:
            return Subject.DISPUTE, _dispute(item)
        case "RECURRING_CONTRACT" if item.success == "true" and item.psp_reference:
            return Subject.CREDENTIAL, CredentialNews(Secret(item.psp_reference))
        case _:
            return Subject.OTHER, None


def _authorisation(item: Item) -> Evidence | None:
    if item.success == "true":
        captured = item.said("metadata.capture") == "automatic"
        return approved(item.psp_reference, item.additional_data or {}, captured=captured)
    occurred = _moment(item.event_date)
    if item.success != "false" or occurred is None:
        return None
    return refusal(
        item.said("refusalReasonCode") or item.reason or "Refused",
        item.additional_data or {},
        on=occurred.date(),
        brand=_BRANDS.get(item.payment_method or "", "unknown"),
        reason=item.reason,
        reference=item.psp_reference,
    )


_BRANDS: Final = {
    **{name: name for name in ("visa", "amex", "discover", "diners", "jcb", "maestro", "elo")},
    "mc": "mastercard",
    "cup": "unionpay",
    "cartebancaire": "cartes_bancaires",
}


def _changed(item: Item) -> FollowUpEvidence | None:
    if item.success not in {"true", "false"}:
        return None
    if item.success == "true" and item.event_code not in _UNDONE:
        return Done(item.psp_reference)
    return Refused(item.event_code.lower(), item.reason or "Adyen gave no reason.")


def _dispute(item: Item) -> DisputeNews:
    """How far it is: by its status, where it has one; what is taken again is so whatever the status says."""
    status = _DISPUTE_STATUSES.get((item.said("disputeStatus") or "").lower())
    state = _DISPUTES[item.event_code]
    network = _BRANDS.get(_of_its_kind(item, "SchemeCode") or item.payment_method or "")
    is_report = state is DisputeState.WARNING
    return DisputeNews(
        reference=item.psp_reference,
        state=state if status is None or state is DisputeState.REVERSED else status,
        amount=None if item.amount is None else item.amount.money(),
        reason=(_of_its_kind(item, "ReasonCode") or item.reason or "").strip() or None,
        network=network,
        evidence_due=_moment(item.said("defensePeriodEndsAt")),
        withdrawn=_WITHDRAWN.get(item.event_code),
        alert=Alert.FRAUD_REPORT if is_report else None,
        program=_REPORTED_IN.get(network or "") if is_report else None,
    )


def _of_its_kind(item: Item, name: str) -> str | None:
    """A field that is called after what the notification is: a chargeback, a question, a report of fraud."""
    return next((told for kind in ("chargeback", "rfi", "nof") if (told := item.said(f"{kind}{name}"))), None)


def token_notice(event: TokenEvent) -> Notice:
    """Adyen's own word for a token is all that is told of it, so nothing but its end changes anything."""
    news = CredentialNews(
        Secret(event.data.stored_payment_method_id), closed=event.type == "recurring.token.disabled"
    )
    known = event.type.startswith("recurring.token.")
    return Notice(
        event_id=f"{event.type}:{event.event_id}",
        about=Subject.CREDENTIAL if known else Subject.OTHER,
        meaning=news if known else None,
        occurred_at=_moment(event.created_at),
    )


def _moment(text: str | None) -> datetime | None:
    """A time with its offset; None where there is none."""
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None
