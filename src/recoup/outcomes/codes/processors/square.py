"""Square's error codes that decline a card, most of them of its category `PAYMENT_METHOD_ERROR`.

Left out on purpose: errors of requests, access and Square's own service, which decline nothing; those of refunds; those
of bank transfers (`PLAID_…`, `BUYER_REFUSED_PAYMENT` aside), loyalty, orders and gift-card set-ups.
"""

from __future__ import annotations

from typing import Final

from recoup.outcomes.codes.standard import READ
from recoup.outcomes.codes.words import Advice, AdviceAction, CodeRow

_ERRORS: Final = "Square: error codes of API version 2026-09-16"
_PAYMENT: Final = "Square: states of a payment"
_NEW_TOKEN: Final = Advice(AdviceAction.ASK_CUSTOMER)


def _row(code: str, standard: str, *, generic: bool = False, advice: Advice | None = None) -> CodeRow:
    return CodeRow(code, standard, generic=generic, advice=advice, source=_ERRORS, as_of=READ)


ROWS: Final = (
    # No, and not why.
    _row("GENERIC_DECLINE", "generic_decline", generic=True),
    _row("CARD_DECLINED", "generic_decline", generic=True),
    _row("READER_DECLINED", "generic_decline", generic=True),
    _row("RESERVATION_DECLINED", "generic_decline", generic=True),
    _row("BUYER_REFUSED_PAYMENT", "generic_decline", generic=True),
    _row("CARD_DECLINED_CALL_ISSUER", "call_issuer", generic=True),
    _row("VOICE_FAILURE", "call_issuer", generic=True),
    # Money and limits.
    _row("INSUFFICIENT_FUNDS", "insufficient_funds"),
    _row("GIFT_CARD_AVAILABLE_AMOUNT", "insufficient_funds"),
    _row("TRANSACTION_LIMIT", "invalid_amount"),
    _row("AMOUNT_TOO_HIGH", "invalid_amount"),
    _row("AMOUNT_TOO_LOW", "invalid_amount"),
    # The limit is the seller's, so another processor may take the payment.
    _row("PAYMENT_LIMIT_EXCEEDED", "invalid_merchant"),
    # What was typed.
    _row("PAN_FAILURE", "invalid_number"),
    _row("INVALID_CARD", "invalid_number"),
    _row("INVALID_CARD_DATA", "incorrect_number"),
    _row("CARD_MISMATCH", "incorrect_number"),
    _row("CVV_FAILURE", "incorrect_cvc"),
    _row("VERIFY_CVV_FAILURE", "incorrect_cvc"),
    _row("ADDRESS_VERIFICATION_FAILURE", "incorrect_zip"),
    _row("VERIFY_AVS_FAILURE", "incorrect_zip"),
    _row("INVALID_POSTAL_CODE", "incorrect_zip"),
    _row("INVALID_EXPIRATION", "invalid_expiry_year"),
    _row("INVALID_EXPIRATION_DATE", "invalid_expiry_year"),
    _row("INVALID_EXPIRATION_YEAR", "invalid_expiry_year"),
    _row("BAD_EXPIRATION", "invalid_expiry_year"),
    # The card's life. The date given is wrong, or was right and is past.
    _row("CARD_EXPIRED", "expired_card"),
    _row("EXPIRATION_FAILURE", "expired_card"),
    _row("INVALID_ACCOUNT", "invalid_account"),
    _row("ACCOUNT_UNUSABLE", "invalid_account"),
    # A token that is used up or too old: the card may be good, but must be given again.
    _row("CARD_TOKEN_EXPIRED", "account_lifecycle", advice=_NEW_TOKEN),
    _row("CARD_TOKEN_USED", "account_lifecycle", advice=_NEW_TOKEN),
    _row("SOURCE_EXPIRED", "account_lifecycle", advice=_NEW_TOKEN),
    _row("SOURCE_USED", "account_lifecycle", advice=_NEW_TOKEN),
    # The customer must show that it is them.
    _row("CARD_DECLINED_VERIFICATION_REQUIRED", "authentication_required"),
    _row("CARD_PRESENCE_REQUIRED", "offline_pin_required"),
    _row("CHIP_INSERTION_REQUIRED", "offline_pin_required"),
    _row("APPLE_TTP_PIN_TOKEN", "offline_pin_required"),
    _row("MISSING_PIN", "online_or_offline_pin_required"),
    _row("INVALID_PIN", "invalid_pin"),
    _row("ALLOWABLE_PIN_TRIES_EXCEEDED", "pin_try_exceeded"),
    # This card does not do this.
    _row("CARD_NOT_SUPPORTED", "card_not_supported"),
    _row("UNSUPPORTED_CARD_BRAND", "card_not_supported"),
    _row("UNSUPPORTED_ENTRY_METHOD", "card_not_supported"),
    _row("UNSUPPORTED_INSTRUMENT_TYPE", "card_not_supported"),
    _row("UNSUPPORTED_SOURCE_TYPE", "card_not_supported"),
    _row("MANUALLY_ENTERED_PAYMENT_NOT_SUPPORTED", "card_not_supported"),
    _row("CARDHOLDER_INSUFFICIENT_PERMISSIONS", "transaction_not_allowed"),
    _row("CURRENCY_MISMATCH", "currency_not_supported"),
    # The seller's set-up at Square.
    _row("CARD_PROCESSING_NOT_ENABLED", "invalid_merchant"),
    _row("INSUFFICIENT_PERMISSIONS", "invalid_merchant"),
    _row("INVALID_LOCATION", "invalid_merchant"),
    _row("LOCATION_MISMATCH", "invalid_merchant"),
    _row("PAYMENT_SOURCE_NOT_ENABLED_FOR_TARGET", "invalid_merchant"),
    # Technique.
    _row("INVALID_ENCRYPTED_CARD", "format_error"),
    _row("INVALID_FEES", "format_error"),
    _row("MISSING_ACCOUNT_TYPE", "format_error"),
    _row("PAYMENT_AMOUNT_MISMATCH", "format_error"),
    _row("TEMPORARY_ERROR", "processing_error"),
    # A hold that came to nothing.
    _row("DELAYED_TRANSACTION_EXPIRED", "no_action_taken", generic=True),
    _row("DELAYED_TRANSACTION_CANCELED", "no_action_taken", generic=True),
    _row("DELAYED_TRANSACTION_FAILED", "generic_decline", generic=True),
    # No code but a state.
    CodeRow("FAILED", "generic_decline", generic=True, source=_PAYMENT, as_of=READ),
    # Whoever let go of the money did not want it charged again.
    CodeRow("CANCELED", "do_not_try_again", source=_PAYMENT, as_of=READ),
)
