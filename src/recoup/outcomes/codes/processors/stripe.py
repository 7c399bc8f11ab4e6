"""Stripe's decline codes: its words are our standard codes, so each means itself.

Beside them stand the error codes that Stripe gives where there is no decline code. Its advice codes
(`confirm_card_data`, `do_not_try_again`, `try_again_later`) are no reasons: the connector passes them on in a decline's
raw fields as `advice_code`. Left out on purpose: the reasons of a refund's failure, which decline no payment.
"""

from __future__ import annotations

from typing import Final

from recoup.outcomes.codes.standard import READ, STRIPE_DOCS, STRIPES_WORDS
from recoup.outcomes.codes.words import CodeRow

_ERRORS: Final = "Stripe: error codes"
_TESTING: Final = "Stripe: testing"
_LIFECYCLE: Final = "Stripe: lifecycle of a PaymentIntent"

_SAYS_NO_MORE: Final = frozenset({"generic_decline"})


def _error(code: str, standard: str, *, source: str = _ERRORS, generic: bool = False) -> CodeRow:
    return CodeRow(code, standard, generic=generic, source=source, as_of=READ)


ROWS: Final = (
    *(
        CodeRow(row.code, row.code, generic=row.code in _SAYS_NO_MORE, source=row.source, as_of=row.as_of)
        for row in STRIPES_WORDS
    ),
    # The error code that stands beside the decline code, and alone where Stripe gives none.
    CodeRow("card_declined", "generic_decline", generic=True, source=STRIPE_DOCS, as_of=READ),
    # What was typed.
    _error("incorrect_postal_code", "incorrect_zip"),
    _error("postal_code_invalid", "incorrect_zip"),
    _error("invalid_card_type", "card_not_supported"),
    _error("expired_payment_method", "expired_card"),
    # Too many declines of this card in a short time: Stripe asks to wait a day.
    _error("card_decline_rate_limit_exceeded", "card_velocity_exceeded"),
    _error("payment_intent_rate_limit_exceeded", "card_velocity_exceeded"),
    # Authentication.
    _error("authentication_failure", "authentication_failed"),
    _error("payment_intent_authentication_failure", "authentication_failed"),
    _error("setup_intent_authentication_failure", "authentication_failed"),
    _error("payment_intent_action_required", "authentication_required"),
    _error("payment_intent_payment_attempt_expired", "authentication_not_handled"),
    _error("setup_intent_setup_attempt_expired", "authentication_not_handled"),
    _error("three_d_secure_authentication_not_supported", "authentication_failed"),
    _error("three_d_secure_authentication_upstream_error", "processing_error"),
    # An agreement that no longer holds.
    _error("payment_intent_mandate_invalid", "revocation_of_authorization"),
    _error("setup_intent_mandate_invalid", "revocation_of_authorization"),
    _error("india_recurring_payment_mandate_canceled", "revocation_of_authorization"),
    # Who says no is not told, or nobody did.
    _error("payment_intent_payment_attempt_failed", "generic_decline", generic=True),
    _error("setup_attempt_failed", "generic_decline", generic=True),
    _error("payment_method_customer_decline", "generic_decline", generic=True),
    _error("payment_method_provider_decline", "generic_decline", generic=True),
    _error("payment_method_provider_timeout", "issuer_not_available"),
    _error("payment_method_not_available", "processing_error"),
    _error("payment_method_restricted", "restricted_card"),
    # Test and live mixed up.
    _error("live_mode_test_card", "testmode_decline", source=_TESTING),
    _error("test_mode_live_card", "testmode_decline", source=_TESTING),
    # No code but a state: it was cancelled before anybody decided, or after its hold had run out.
    _error("canceled", "authentication_not_handled", source=_LIFECYCLE),
)
