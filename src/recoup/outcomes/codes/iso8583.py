"""Response codes of card networks (field 39 of ISO 8583), and where networks mean different things by one code.

Approvals (00, 08, 10, 11, 85, 87) are left out on purpose: a decline that carries one is not understood.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Final

from recoup.outcomes.codes.words import MASTERCARD, VISA, Advice, AdviceAction, CodeRow

ACQUIRER_TABLE: Final = "Public table of an acquirer: response codes by network, with Visa's categories"
ISO: Final = "ISO 8583:1987, response codes"
CIELO_5C_9G: Final = "Cielo: new retry codes of Visa, 5C and 9G"
TABAPAY_VISA: Final = "TabaPay: Visa response code updates"
BRAINTREE_ADYEN: Final = "Public rebilling notes that cite Visa, Braintree and Adyen"
PXP_REASONS: Final = "PXP: Mastercard decline reason code service"
READ: Final = date(2026, 11, 22)
MASTERCARD_REASONS_START: Final = date(2021, 11, 2)


def _all(code: str, standard: str, *, source: str = ACQUIRER_TABLE) -> CodeRow:
    return CodeRow(code, standard, source=source, as_of=READ)


def _visa(
    code: str, standard: str, *, source: str = ACQUIRER_TABLE, as_of: date = READ, since: date | None = None
) -> CodeRow:
    return CodeRow(code, standard, VISA, source=source, as_of=as_of, since=since)


def _mastercard(code: str, standard: str, *, advice: Advice | None = None) -> CodeRow:
    return CodeRow(code, standard, MASTERCARD, advice=advice, source=ACQUIRER_TABLE, as_of=READ)


def _wrapper(code: str, standard: str) -> CodeRow:
    """One of the codes that hide the issuer's reason; `mastercard.WRAPPED` tells it by the advice code."""
    return CodeRow(code, standard, MASTERCARD, source=PXP_REASONS, as_of=READ, since=MASTERCARD_REASONS_START)


ROWS: Final = (
    _all("01", "call_issuer"),
    _all("02", "call_issuer"),
    _all("03", "invalid_merchant"),
    _all("04", "pickup_card"),
    _all("05", "do_not_honor"),
    _visa("06", "processing_error"),
    _visa("07", "pickup_card"),
    _all("12", "invalid_transaction"),
    _all("13", "invalid_amount"),
    _all("14", "incorrect_number"),
    _all("15", "incorrect_number"),  # no such issuer: the number begins with digits that nobody has
    _visa("19", "reenter_transaction"),
    _visa("21", "no_action_taken"),
    _visa("25", "invalid_transaction"),
    _visa("28", "processing_error"),
    _all("30", "format_error", source=ISO),
    _visa("39", "invalid_account"),
    _all("41", "lost_card"),
    _all("43", "stolen_card"),
    _visa("46", "invalid_account"),  # closed; since 2026 also a network token that was switched off
    _all("51", "insufficient_funds"),
    _visa("52", "invalid_account"),
    _visa("53", "invalid_account"),
    _all("54", "expired_card"),
    _all("55", "incorrect_pin"),
    _all("57", "transaction_not_allowed"),
    _all("58", "invalid_merchant"),  # not permitted to this terminal: the merchant's set-up, not the card
    _all("59", "fraudulent"),
    _all("61", "card_velocity_exceeded"),
    _all("62", "restricted_card"),
    # Networks use it for a wrong security code too, so a processor that says that is more exact.
    replace(_all("63", "security_violation"), generic=True),
    _visa("64", "regulatory_block"),
    _all("65", "withdrawal_count_limit_exceeded"),
    _visa("70", "online_or_offline_pin_required"),
    _mastercard("70", "call_issuer"),
    _mastercard("71", "incorrect_pin"),
    _all("74", "processing_error"),
    _all("75", "pin_try_exceeded"),
    _visa("76", "invalid_transaction"),
    _mastercard("76", "invalid_account"),
    _mastercard("77", "invalid_account"),
    _visa("78", "restricted_card"),  # a new card that its owner has not unblocked yet
    _mastercard("78", "invalid_account"),
    _visa("79", "invalid_transaction"),
    _wrapper("79", "account_lifecycle"),
    _visa("80", "invalid_transaction"),
    _mastercard("80", "issuer_not_available"),
    _visa("81", "processing_error"),
    _mastercard("81", "transaction_not_allowed"),
    _visa("82", "incorrect_cvc"),
    _wrapper("82", "issuer_policy"),
    _visa("83", "fraudulent", source=TABAPAY_VISA, as_of=date(2026, 5, 31), since=date(2026, 10, 25)),
    _wrapper("83", "security_violation"),
    _mastercard("84", "invalid_transaction"),
    _all("86", "processing_error"),
    _mastercard("88", "processing_error"),
    _visa("89", "not_permitted"),
    _mastercard("89", "incorrect_pin"),
    _mastercard("90", "processing_error", advice=Advice(AdviceAction.RETRY_LATER)),  # the day is being closed
    _all("91", "issuer_not_available"),
    _all("92", "issuer_not_available"),
    _visa("93", "regulatory_block"),
    _all("94", "duplicate_transaction"),
    _all("96", "processing_error"),
    _visa("1A", "authentication_required"),
    _mastercard("1Z", "issuer_not_available"),
    _visa("5C", "transaction_not_allowed", source=CIELO_5C_9G, since=date(2025, 4, 11)),
    _visa("6P", "verification_data_failed"),
    _visa("9G", "restricted_card", source=CIELO_5C_9G, since=date(2025, 4, 11)),
    _visa("B1", "surcharge_not_permitted"),
    _visa("B2", "surcharge_not_permitted"),
    _visa("N0", "issuer_not_available"),
    _visa("N3", "service_not_allowed"),
    _visa("N4", "card_velocity_exceeded"),
    _visa("N5", "do_not_try_again"),  # not eligible for resubmission
    _visa("N7", "incorrect_cvc"),
    _visa("N8", "invalid_amount"),
    _visa("P5", "not_permitted"),
    _visa("P6", "not_permitted"),
    _visa("Q1", "authentication_failed"),
    _visa("R0", "stop_payment_order"),
    _visa("R1", "revocation_of_authorization"),
    _visa("R2", "not_permitted"),
    _visa("R3", "revocation_of_all_authorizations"),
    _visa("Z3", "issuer_not_available"),
    _visa("Z5", "invalid_amount", source=BRAINTREE_ADYEN),
)
