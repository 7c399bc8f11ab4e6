"""Braintree's webhooks: a form with a signature and XML in base64.

The signature is `public key|HMAC-SHA1 of the payload under the SHA-1 of the private key`. It covers the time of the
notification, but Braintree sends a notification again for a day and does not say that it signs anew: so its age proves
nothing, and a replay is known by its digest. References are GraphQL ids, which for transactions and refunds are the
base64 of their kind and their older id.

When a webhook is set up, Braintree may first ask its address with GET and `bt_challenge`; that is no delivery, and is
not answered here.
"""

from __future__ import annotations

import hashlib
import re
from base64 import b64decode, b64encode
from binascii import Error as NoBase64
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Final
from urllib.parse import parse_qs

from recoup.connectors.base import (
    Account,
    Alert,
    CredentialNews,
    Delivery,
    DisputeNews,
    DisputeState,
    Notice,
    Subject,
)
from recoup.connectors.base.webhooks import any_same, body_digest, hmac_hex
from recoup.connectors.base.xml import read_xml
from recoup.kit.currencies import DECIMALS
from recoup.kit.money import Money, parse_major
from recoup.kit.secret import Secret
from recoup.outcomes.core import Approved, Done, Evidence, FollowUpEvidence, Refused
from recoup.outcomes.core.classify import declined

_PAYLOAD: Final = re.compile(rb"[A-Za-z0-9+/=\n]+")
_FIELDS_MAX: Final = 10
_DISPUTES: Final = {
    "dispute_opened": DisputeState.OPENED,
    "dispute_disputed": DisputeState.SUBMITTED,
    "dispute_under_review": DisputeState.SUBMITTED,
    "dispute_won": DisputeState.WON,
    "dispute_lost": DisputeState.LOST,
    "dispute_expired": DisputeState.EXPIRED,
    **dict.fromkeys(("dispute_accepted", "dispute_auto_accepted"), DisputeState.ACCEPTED),
}
_RAPIDLY: Final = "visa_rdr"
_WITHDRAWN: Final = {DisputeState.INQUIRY: False, DisputeState.RESOLVED_EARLY: True}
"""Visa's rapid resolution pays the customer back with the merchant's money. Of other states nothing is told."""
_BEFORE_A_FIGHT: Final = frozenset({DisputeState.OPENED, DisputeState.ACCEPTED})
_NETWORKS: Final = {
    "visa": "visa",
    "mastercard": "mastercard",
    "american express": "amex",
    "discover": "discover",
    "jcb": "jcb",
    "maestro": "maestro",
    "unionpay": "unionpay",
}
_REVOKED: Final = frozenset({"payment_method_revoked_by_customer", "granted_payment_method_revoked"})
_SUBJECT: Final = "notification/subject/"


def form(delivery: Delivery) -> Mapping[str, str]:
    """The fields of the form that came, of those that came once."""
    try:
        fields = parse_qs(delivery.body.decode("ascii"), max_num_fields=_FIELDS_MAX)
    except ValueError:
        return {}
    return {name: values[0] for name, values in fields.items() if len(values) == 1}


def is_signed(account: Account, delivery: Delivery) -> bool:
    """Whether the payload is signed with our private key, under our public key."""
    private, public = account.credential("private_key"), account.credential("public_key")
    said = form(delivery)
    signature, payload = said.get("bt_signature", ""), said.get("bt_payload", "").encode()
    if not private or not public or not _PAYLOAD.fullmatch(payload):
        return False
    given = [
        digest for key, _, digest in (pair.partition("|") for pair in signature.split("&")) if key == public
    ]
    key = hashlib.sha1(private.encode()).digest()  # noqa: S324 - Braintree's signature is made so
    expected = (hmac_hex(key, payload, "sha1"), hmac_hex(key, payload + b"\n", "sha1"))
    return any(any_same(one, given) for one in expected)


def read_notices(delivery: Delivery) -> tuple[Notice, ...]:
    """What a notification says; nothing, where it cannot be read."""
    try:
        xml = read_xml(b64decode(form(delivery).get("bt_payload", "")))
    except (NoBase64, ValueError):
        return ()
    kind = (xml or {}).get("notification/kind", "")
    if xml is None or not kind:
        return ()
    about = {path.removeprefix(_SUBJECT): text for path, text in xml.items() if path.startswith(_SUBJECT)}
    event_id, at = body_digest(delivery), _moment(xml.get("notification/timestamp", ""))
    if kind in _DISPUTES:
        return (_dispute(event_id, at, about, state=_DISPUTES[kind]),)
    if kind in _REVOKED and (token := _token(about)):
        news = CredentialNews(token=Secret(token), closed=True)
        return (Notice(event_id, Subject.CREDENTIAL, news, occurred_at=at),)
    if kind in {"transaction_settled", "transaction_settlement_declined", "refund_failed"}:
        return (_transaction(delivery, at, _inside(about, "transaction"), kind=kind),)
    return (Notice(event_id, Subject.OTHER, None, occurred_at=at),)


def _transaction(delivery: Delivery, at: datetime | None, said: Mapping[str, str], *, kind: str) -> Notice:
    refund = kind == "refund_failed" or said.get("type") == "credit"
    reference = said.get("global-id") or global_id("refund" if refund else "transaction", said.get("id", ""))
    charged = global_id("transaction", said.get("refunded-transaction-id", "")) if refund else reference
    return Notice(
        body_digest(delivery),
        Subject.REFUND if refund else Subject.CHARGE,
        _meaning(reference, said, kind=kind, refund=refund, on=(at or delivery.received_at).date()),
        reference=reference,
        charge_reference=charged,
        key=said.get("order-id") or None,
        amount=_money(said),
        occurred_at=at,
    )


def _meaning(
    reference: str | None, said: Mapping[str, str], *, kind: str, refund: bool, on: date
) -> Evidence | FollowUpEvidence | None:
    if reference is None:
        return None
    if kind == "transaction_settled":
        return Done(reference) if refund else Approved(reference, captured=True)
    code = said.get("processor-settlement-response-code") or said.get("processor-response-code")
    text = said.get("processor-settlement-response-text") or said.get("processor-response-text")
    if refund:
        return Refused(code or said.get("status") or kind, text or "The refund failed at the processor.")
    return declined("braintree", code or "4001", on=on, brand="unknown", text=text, reference=reference)


def _dispute(event_id: str, at: datetime | None, about: Mapping[str, str], *, state: DisputeState) -> Notice:
    said, charge = _inside(about, "dispute"), _inside(about, "dispute/transaction")
    if state is DisputeState.OPENED and said.get("kind") == "retrieval":
        state = DisputeState.INQUIRY
    program = said.get("pre-dispute-program")
    is_rapid = program == _RAPIDLY
    if is_rapid and state in _BEFORE_A_FIGHT:
        state = DisputeState.RESOLVED_EARLY
    news = DisputeNews(
        reference=said.get("id", ""),
        state=state,
        amount=_money({**said, "amount": said.get("amount-disputed") or said.get("amount", "")}),
        reason=said.get("reason-code") or said.get("reason") or None,
        network=_NETWORKS.get(charge.get("payment-instrument-subtype", "").lower()),
        evidence_due=_moment(said.get("reply-by-date", "")),
        withdrawn=_WITHDRAWN.get(state),
        alert=Alert.RAPID_RESOLUTION if is_rapid else None,
        program=program if is_rapid else None,
    )
    return Notice(
        event_id,
        Subject.DISPUTE,
        news if news.reference else None,
        reference=news.reference or None,
        charge_reference=charge.get("global-id") or global_id("transaction", charge.get("id", "")),
        key=charge.get("order-id") or None,
        amount=news.amount,
        occurred_at=at,
    )


def _inside(about: Mapping[str, str], name: str) -> dict[str, str]:
    return {
        path.removeprefix(f"{name}/"): text for path, text in about.items() if path.startswith(f"{name}/")
    }


def _token(about: Mapping[str, str]) -> str | None:
    """The saved method's id in GraphQL, else its older token."""
    for name in ("global-id", "token"):
        for path, text in about.items():
            if text and path.count("/") == 1 and path.endswith(f"/{name}"):
                return text
    return None


def global_id(kind: str, id_: str) -> str | None:
    """The name in GraphQL of what has this older name."""
    return b64encode(f"{kind}_{id_}".encode()).decode().rstrip("=") if id_ else None


def _money(said: Mapping[str, str]) -> Money | None:
    currency = said.get("currency-iso-code", "")
    return parse_major(said.get("amount", ""), currency) if currency in DECIMALS else None


def _moment(text: str) -> datetime | None:
    """A time or a day; a day ends with its last second."""
    try:
        if len(text) == len("2026-11-22"):
            return datetime.combine(date.fromisoformat(text), datetime.max.time(), UTC).replace(microsecond=0)
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
