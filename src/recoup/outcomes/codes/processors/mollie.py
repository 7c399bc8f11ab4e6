"""Mollie's words for why a payment failed, and what each means in ours.

Card payments give a `failureReason`; payments that carry a `statusReason` give the card scheme's word, or why the
merchant's account or a terminal said no; SEPA direct debits give the bank's reason code. What ended without anybody's
verdict has its status for a code: `canceled` and `expired`.
"""

from __future__ import annotations

from datetime import date
from typing import Final

from recoup.outcomes.codes.words import Advice, AdviceAction, CodeRow

_FAILURES: Final = "Mollie: payment details, failure reasons of cards"
_STATUSES: Final = "Mollie: payment status reasons"
_BANKS: Final = "Mollie: SEPA direct debit, bank reason codes"
_READ: Final = date(2026, 11, 22)
_STOP: Final = Advice(AdviceAction.STOP)


def _failure(code: str, standard: str, *, generic: bool = False) -> CodeRow:
    return CodeRow(code, standard, generic=generic, source=_FAILURES, as_of=_READ)


def _each(
    standard: str, *codes: str, generic: bool = False, advice: Advice | None = None
) -> tuple[CodeRow, ...]:
    """Status reasons that mean the same."""
    return tuple(
        CodeRow(code, standard, generic=generic, advice=advice, source=_STATUSES, as_of=_READ)
        for code in codes
    )


def _bank(standard: str, *codes: str) -> tuple[CodeRow, ...]:
    return tuple(CodeRow(code, standard, source=_BANKS, as_of=_READ) for code in codes)


ROWS: Final = (
    # Failure reasons of cards.
    _failure("authentication_abandoned", "authentication_not_handled"),
    _failure("authentication_failed", "authentication_failed"),
    _failure("authentication_required", "authentication_required"),
    _failure("authentication_unavailable_acs", "authentication_failed"),
    _failure("card_declined", "generic_decline", generic=True),
    _failure("card_expired", "expired_card"),
    _failure("inactive_card", "invalid_account"),
    _failure("insufficient_funds", "insufficient_funds"),
    _failure("invalid_cvv", "incorrect_cvc"),
    _failure("invalid_card_holder_name", "verification_data_failed"),
    _failure("invalid_card_number", "incorrect_number"),
    _failure("invalid_card_type", "card_not_supported"),
    _failure("possible_fraud", "fraudulent"),
    _failure("refused_by_issuer", "do_not_honor", generic=True),
    _failure("unknown_reason", "generic_decline", generic=True),
    # What ended without a verdict, and mandates that are no more.
    *_each("generic_decline", "failed", generic=True),
    *_each("authentication_not_handled", "canceled", "expired"),
    *_each("invalid_account", "mandate_invalid"),
    # Status reasons of card schemes: money and limits.
    *_each(
        "withdrawal_count_limit_exceeded", "exceeds_withdrawal_amount_limit", "exceeds_withdrawal_count_limit"
    ),
    *_each(
        "invalid_amount",
        "invalid_amount",
        "transaction_amount_exceeds_pre_authorized_amount",
        "partial_approval",
    ),
    # The issuer says no and not why.
    *_each("do_not_honor", "do_not_honor", generic=True),
    *_each("generic_decline", "error", "no_reason_to_decline", generic=True),
    *_each(
        "call_issuer",
        *("refer_to_card_issuer", "refer_to_card_issuer_special_condition", "contact_card_issuer"),
        generic=True,
    ),
    *_each("approve_with_id", "honor_with_id", "vip_approval"),
    *_each("no_action_taken", "no_action_taken", "unable_to_locate_record", generic=True),
    *_each("reenter_transaction", "re_enter_transaction"),
    *_each("issuer_policy", "policy_related"),
    # Fraud.
    *_each("lost_card", "lost_card"),
    *_each("stolen_card", "stolen_card"),
    *_each("pickup_card", "capture_card", "pick_up_card_special_condition"),
    *_each("fraudulent", "suspected_fraud", "fraud_security_related"),
    *_each("security_violation", "security_violation", "card_authentication_failed"),
    # What does not fit the card.
    *_each("invalid_number", "invalid_account_number", "invalid_card_id"),
    *_each("incorrect_cvc", "decline_for_cvv2_failure"),
    *_each("invalid_cvc", "missing_cvv2_cvc2"),
    # The card's life.
    *_each("expired_card", "expired_card"),
    *_each(
        "invalid_account",
        *("closed_account", "no_credit_account", "no_checking_account", "no_savings_account"),
        *("invalid_nonexistent_account_specified", "invalid_nonexistent_to_account_specified"),
        *("invalid_nonexistent_from_account_specified", "blocked_first_used"),
        *("card_does_not_exist", "card_is_not_active", "card_not_available"),
    ),
    *_each("new_account_information_available", "card_is_transferred"),
    *_each("account_lifecycle", "lifecycle_related", "invalid_authorization_life_cycle"),
    # Authentication and PINs.
    *_each("authentication_required", "additional_customer_authentication_required"),
    *_each("incorrect_pin", "invalid_pin", "unacceptable_pin", "unsafe_pin", "pin_not_changed"),
    *_each(
        "pin_try_exceeded", "allowable_number_of_pin_tries_exceeded", "pin_change_unblock_request_declined"
    ),
    *_each("online_or_offline_pin_required", "pin_data_required", "cannot_verify_pin"),
    # This card does not do this.
    *_each("restricted_card", "restricted_card"),
    *_each("restricted_card", "card_is_blocked", advice=_STOP),
    *_each(
        "transaction_not_allowed",
        *("transaction_not_permitted_to_cardholder", "domestic_debit_transaction_not_allowed"),
        *("purchase_amount_only_no_cash_back_allowed", "cash_service_not_available"),
        "cashback_request_exceeds_issuer_limit",
    ),
    *_each("regulatory_block", "violation_of_law", "transaction_does_not_fulfill_aml_requirement"),
    *_each("stop_payment_order", "stop_payment_order"),
    *_each("revocation_of_authorization", "revocation_of_authorization"),
    *_each("revocation_of_all_authorizations", "revocation_of_all_authorizations"),
    # The merchant's set-up.
    *_each(
        "invalid_merchant",
        *(
            "invalid_merchant",
            "merchant_id_not_found",
            "merchant_account_closed",
            "sub_merchant_account_closed",
        ),
        *(
            "terminal_id_not_found",
            "terminal_closed",
            "agreement_terminal_not_related",
            "invalid_processor_id",
        ),
        *("invalid_merchant_data", "invalid_category_code", "merchant_not_registered_vbv"),
        *("merchant_not_registered_for_amex", "invalid_retailer", "invalid_biller_information"),
        *("login_failed_without_reason", "login_failed_unknown_user", "login_failed_invalid_password"),
        "authorization_error",
    ),
    *_each("currency_not_supported", "invalid_currency", "wrong_currency"),
    *_each(
        "invalid_transaction",
        *(
            "invalid_transaction",
            "transaction_not_allowed_at_terminal",
            "transaction_not_permitted_at_terminal",
        ),
        *("cvv2_not_allowed", "invalid_operation", "incorrect_purchase_value", "invalid_ean_code"),
    ),
    # Technique.
    *_each(
        "processing_error",
        *("system_malfunction", "cryptographic_failure", "pin_cryptographic_error_found", "force_stip"),
        *(
            "negative_online_cam_result",
            "unable_to_go_online",
            "forward_to_issuer_xa",
            "forward_to_issuer_xd",
        ),
        *("file_temporarily_unavailable", "terminal_busy", "terminal_unreachable", "service_failed"),
        *("unable_to_locate_previous_message", "previous_message_located_inconsistent_data"),
        "transaction_reversed",
    ),
    *_each("format_error", "format_error"),
    *_each(
        "issuer_not_available",
        *("issuer_unavailable", "credit_issuer_unavailable", "unable_to_route_transaction", "invalid_issuer"),
    ),
    *_each("duplicate_transaction", "duplicate_transaction"),
    # SEPA: the bank's reason code.
    *_bank("insufficient_funds", "AM04"),
    *_bank("do_not_honor", "MS03"),
    *_bank("invalid_account", "AC01", "AC04", "AC13", "BE05", "BE06", "MD07", "RC01"),
    *_bank("transaction_not_allowed", "AC06", "AG01", "AG02", "SL01"),
    *_bank("revocation_of_authorization", "MD01", "MD02"),
    *_bank("stop_payment_order", "MD06", "MS02"),
    *_bank("duplicate_transaction", "AM05"),
    *_bank("regulatory_block", "RR01", "RR02", "RR03", "RR04"),
    *_bank("format_error", "FF01", "FF05", "CNOR", "DNOR"),
)
