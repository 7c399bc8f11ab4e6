"""What Braintree's statuses and errors mean."""

from __future__ import annotations

from datetime import date
from typing import Final

from recoup.connectors.base import HttpResponse, Verification, no_readable_answer
from recoup.connectors.braintree import wire
from recoup.kit.money import Money
from recoup.kit.secret import Secret
from recoup.outcomes.core import (
    Approved,
    Checks,
    Declined,
    Done,
    Evidence,
    FollowUpEvidence,
    Outcome,
    Pending,
    Refused,
    Unknown,
    Unprocessed,
)
from recoup.outcomes.core.classify import declined

NAME: Final = "braintree"
HELD: Final = "AUTHORIZED"
TAKEN: Final = frozenset(
    {"SUBMITTED_FOR_SETTLEMENT", "SETTLING", "SETTLED", "SETTLEMENT_PENDING", "SETTLEMENT_CONFIRMED"}
)
NOT_SETTLED: Final = frozenset({HELD, "SUBMITTED_FOR_SETTLEMENT"})
REJECTED: Final = "GATEWAY_REJECTED"
REFUSED: Final = frozenset({"PROCESSOR_DECLINED", "FAILED", "SETTLEMENT_DECLINED", REJECTED})
LET_GO: Final = frozenset({"VOIDED", "AUTHORIZATION_EXPIRED"})
DUPLICATES: Final = frozenset({"DUPLICATE", "2016", "2069", "2094"})

_UNHEARD: Final = wire.UNDONE - {"VALIDATION", "NOT_FOUND"}
_BAD_CARD: Final = frozenset({"81707", "81709", "81750", *(str(code) for code in range(81710, 81717))})
_CHECKS: Final = {
    "MATCHES": "pass",
    "DOES_NOT_MATCH": "fail",
    **dict.fromkeys(("NOT_VERIFIED", "ISSUER_DOES_NOT_PARTICIPATE", "SYSTEM_ERROR"), "unavailable"),
}


def charged(one: wire.Transaction, *, brand: str, today: date, alone: bool = False) -> Evidence:
    """What a charge came to. `alone`: nothing else is there under its key that could be what it doubles."""
    if one.partially_authorized:
        return Unknown("less was approved than asked")
    if one.status in TAKEN and one.amount.money() != one.asked():
        return Unknown("less was taken than asked")
    if one.status == HELD or one.status in TAKEN:
        snapshot, method = one.payment_method_snapshot, one.payment_method
        held = next((event for event in one.status_history or () if event.status == HELD), wire.Event())
        return Approved(
            one.id,
            captured=one.status in TAKEN,
            network_transaction_id=snapshot.network_transaction_id if snapshot else None,
            checks=_checks(held.processor_response),
            token=Secret(method.id) if method else None,
            token_customer=method.customer.id if method and method.customer else None,
        )
    if one.status == "AUTHORIZING":
        return Pending(one.id)
    if one.status in REFUSED or one.status in LET_GO:
        return _declined(one, brand=brand, today=today, alone=alone)
    return Unknown(f"the charge is in a status that is not known: {one.status[:40]}")


def _declined(one: wire.Transaction, *, brand: str, today: date, alone: bool) -> Declined | Unknown:
    event = one.event()
    said = event.processor_response or wire.Processor()
    code = event.gateway_rejection_reason if one.status == REJECTED else said.legacy_code
    if one.status in LET_GO:
        code = one.status
    if code is None:
        return Unknown(f"{one.status} without a reason")
    other = event.duplicate_of.order_id if event.duplicate_of else None
    if code in DUPLICATES and (other == one.order_id or (other is None and not alone)):
        return Unknown("Braintree took it for a duplicate of this order, or does not say of what")
    network, advice = event.network_response, event.merchant_advice_code_response
    raw = {
        "status": one.status,
        "legacyCode": said.legacy_code,
        "additionalInformation": said.additional_information,
        "declineType": event.decline_type,
        "gatewayRejectionReason": event.gateway_rejection_reason,
        "networkResponse.message": network.message if network else None,
        "merchantAdviceCodeResponse.message": advice.message if advice else None,
    }
    return declined(
        NAME,
        code,
        on=today,
        network_code=network.code if network else None,
        advice_code=advice.code if advice else None,
        brand=brand,
        text=said.message,
        raw={name: value for name, value in raw.items() if value},
        reference=one.id,
        checks=_checks(said),
    )


def _checks(said: wire.Processor | None) -> Checks:
    """What was not asked is None."""
    if said is None:
        return Checks()
    return Checks(
        cvc=_CHECKS.get(said.cvv_response or ""),
        postal_code=_CHECKS.get(said.avs_postal_code_response or ""),
        address=_CHECKS.get(said.avs_street_address_response or ""),
    )


def not_charged(error: wire.Error, *, brand: str, today: date) -> Declined | Unprocessed:
    """An error instead of a charge: what the card cannot be is declined, everything else was not processed."""
    if error.code in _BAD_CARD:
        return declined(NAME, error.code, on=today, brand=brand, text=error.message)
    return Unprocessed(f"Braintree refused the request: {error.code}")


def not_changed(error: wire.Error) -> Refused | Unprocessed:
    """An error instead of a change."""
    if error.code in _UNHEARD:
        return Unprocessed(f"Braintree refused the request: {error.code}")
    return Refused(error.code, f"Braintree does not do this: {error.message}")


def captured(one: wire.Transaction, amount: Money) -> FollowUpEvidence:
    """What a capture came to, by its charge."""
    if one.status in TAKEN:
        return Done(one.id) if one.amount.money() == amount else Unknown("another amount is captured")
    if one.status in REFUSED or one.status in LET_GO:
        said = one.event().processor_response
        return Refused((said and said.legacy_code) or one.status, "The charge was not captured.")
    return Unknown(f"the charge is {one.status[:40]}")


def refunded(one: wire.Refund, amount: Money | None) -> FollowUpEvidence:
    """What a refund came to."""
    if amount is not None and one.amount.money() != amount:
        return Unknown("another amount is refunded")
    if one.status in TAKEN:
        return Done(one.id)
    if one.status in {HELD, "AUTHORIZING"}:
        return Pending(one.id)
    if one.status in REFUSED or one.status in LET_GO:
        return Refused(one.status, "The refund was not carried out.")
    return Unknown(f"the refund is {one.status[:40]}")


def reversed_(payload: wire.Payload, *, charge: str, amount: Money) -> FollowUpEvidence:
    """What a reversal came to: the charge voided, or, where it settled meanwhile, a refund."""
    kind = (payload.reversal or {}).get("__typename")
    if kind == "Refund" and isinstance(refund := wire.read(payload.reversal, wire.Refund), wire.Refund):
        return refunded(refund, amount)
    voided = wire.read(payload.reversal, wire.Transaction) if kind == "Transaction" else None
    if isinstance(voided, wire.Transaction) and voided.id == charge and voided.status == "VOIDED":
        return Done(voided.id)
    return Unknown("the answer does not say that the charge is voided")


def verified(response: HttpResponse, name: str, asked: Verification) -> Outcome:
    """What checking a card came to; the saved card comes along where it was stored."""
    if error := wire.refused(response):
        return not_charged(error, brand=asked.source.brand, today=asked.today)
    payload = wire.payload(response, name)
    one = payload.verification if payload and payload.client_mutation_id == asked.key else None
    if payload is None or one is None:
        return no_readable_answer(response)
    said, method = one.processor_response or wire.Processor(), payload.payment_method
    code = one.gateway_rejection_reason if one.status == REJECTED else said.legacy_code
    if one.status == "VERIFIED":
        return Approved(
            one.id,
            checks=_checks(said),
            token=Secret(method.id) if method else None,
            token_customer=method.customer.id if method and method.customer else None,
        )
    if one.status not in REFUSED or code is None:
        return Unknown(f"the verification is {one.status[:40]}")
    return declined(
        NAME,
        code,
        on=asked.today,
        network_code=one.network_response.code if one.network_response else None,
        brand=asked.source.brand,
        text=said.message,
        reference=one.id,
        checks=_checks(said),
    )
