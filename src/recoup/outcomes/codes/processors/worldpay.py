"""Worldpay's refusal codes, and what each means in our words: numbers near to ISO 8583's, without a leading zero.

Beside them stand the outcomes by which Access Worldpay says no without a code: 3-D Secure that failed or was asked for,
and FraudSight; and the events by which a payment was let go of before we heard of it. Not had: the newest list of codes
as a whole; what is not in it here is kept raw, and never fails over.
"""

from __future__ import annotations

from datetime import date
from typing import Final

from recoup.outcomes.codes.words import Advice, AdviceAction, CodeRow

_CODES: Final = "Worldpay: refusal and ISO 8583 return codes"
_QUERIES: Final = "Access Worldpay: Payment Queries, last events"
_OUTCOMES: Final = "Access Worldpay: Payments API, outcomes"
_READ: Final = date(2026, 11, 22)
_STOP: Final = Advice(AdviceAction.STOP)


def _each(
    standard: str, *codes: str, generic: bool = False, source: str = _CODES, advice: Advice | None = None
) -> tuple[CodeRow, ...]:
    """Codes that mean the same."""
    return tuple(
        CodeRow(code, standard, generic=generic, source=source, advice=advice, as_of=_READ) for code in codes
    )


ROWS: Final = (
    # Money and limits.
    *_each("insufficient_funds", "51"),
    *_each("card_velocity_exceeded", "61"),
    *_each("invalid_amount", "13", "64", "10"),
    # The issuer says no and not why.
    *_each("do_not_honor", "5", "85", generic=True),
    *_each("generic_decline", "6", "17", generic=True),
    *_each("call_issuer", "1", "2", generic=True),
    *_each("no_action_taken", "21", generic=True),
    *_each("approve_with_id", "8"),
    *_each("reenter_transaction", "19"),
    # Fraud.
    *_each("pickup_card", "4", "7", "67"),
    *_each("lost_card", "41"),
    *_each("stolen_card", "43"),
    *_each("fraudulent", "34", "59", "97"),
    *_each("security_violation", "63"),
    # What does not fit the card.
    *_each("incorrect_number", "14", "15", "56"),
    *_each("incorrect_cvc", "38", "55", "75", "82"),
    # The card's life.
    *_each("expired_card", "33", "54"),
    *_each("invalid_account", "39", "46", "52", "53", "78"),
    # Authentication.
    *_each("authentication_required", "65"),
    # This card does not do this.
    *_each("transaction_not_allowed", "57"),
    *_each("restricted_card", "62"),
    *_each("restricted_card", "36", "76", advice=_STOP),
    *_each("card_not_supported", "92"),
    # The cardholder took the permission back.
    *_each("stop_payment_order", "972"),
    *_each("revocation_of_authorization", "973"),
    *_each("revocation_of_all_authorizations", "975"),
    # The merchant's set-up.
    *_each("invalid_merchant", "3", "28", "31", "58"),
    *_each("invalid_transaction", "12", "24", "25", "27", "29", "40", "80"),
    # Technique.
    *_each("processing_error", "20", "68", "96"),
    *_each("format_error", "30"),
    *_each("issuer_not_available", "91"),
    *_each("duplicate_transaction", "26", "94"),
    # Outcomes without a code.
    *_each("generic_decline", "refused", generic=True, source=_OUTCOMES),
    *_each("processing_error", "authorizationFailed", "saleFailed", source=_OUTCOMES),
    *_each("do_not_try_again", "cancellationRequestSubmitted", "reversalRequestSubmitted", source=_QUERIES),
    *_each("highest_risk_level", "fraudHighRisk", source=_OUTCOMES),
    *_each("authentication_failed", "3dsAuthenticationFailed", "3dsUnavailable", source=_OUTCOMES),
    *_each("authentication_required", "3dsDeviceDataRequired", "3dsChallenged", source=_OUTCOMES),
)
