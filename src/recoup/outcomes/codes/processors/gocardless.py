"""GoCardless's causes: why a direct debit failed or was cancelled, and what each means in our words.

GoCardless gives a cause that is the same for all schemes, and beside it the scheme's own reason code. Two causes are
vague (`refer_to_payer`, `other`); where the reason code beside one of them says more, it has a row of its own here,
under the name that GoCardless gives it (`ACH_RETURN-R01`, `ARUDD-6`, `MS02`), and the connector passes that instead.
"""

from __future__ import annotations

from datetime import date
from typing import Final

from recoup.outcomes.codes.words import Advice, AdviceAction, CodeRow

_EVENTS: Final = "GoCardless: event types, details by cause"
_RETRIES: Final = "GoCardless: Success+, reason codes that are retried"
_STATES: Final = "GoCardless: errors, invalid state"
_READ: Final = date(2026, 11, 22)
_STOP: Final = Advice(AdviceAction.STOP)


def _cause(code: str, standard: str, advice: Advice | None = None) -> CodeRow:
    return CodeRow(code, standard, advice=advice, source=_EVENTS, as_of=_READ)


def _each(standard: str, *codes: str, source: str = _EVENTS) -> tuple[CodeRow, ...]:
    """Reason codes of schemes that mean the same."""
    return tuple(CodeRow(code, standard, source=source, as_of=_READ) for code in codes)


def _ach(*codes: str) -> tuple[str, ...]:
    return tuple(f"ACH_RETURN-{code}" for code in codes)


def _pad(*codes: str) -> tuple[str, ...]:
    return tuple(f"PAYMENT_STATUS_REPORT-{code}" for code in codes)


ROWS: Final = (
    # Money and limits.
    _cause("insufficient_funds", "insufficient_funds"),
    _cause("daily_payment_limit_reached", "withdrawal_count_limit_exceeded"),
    _cause("payment_violated_mandate_parameters", "invalid_amount"),
    # The bank says no, and hardly why.
    _cause("refer_to_payer", "do_not_honor"),
    _cause("bank_declined_payment", "generic_decline"),
    _cause("other", "generic_decline"),
    _cause("failed", "generic_decline"),
    _cause("test_failure", "generic_decline"),
    _cause("return_on_odfi_request", "do_not_try_again"),
    # The account's life.
    _cause("bank_account_closed", "invalid_account"),
    _cause("bank_account_disabled", "invalid_account"),
    _cause("bank_account_transferred", "new_account_information_available"),
    _cause("invalid_bank_details", "invalid_account"),
    _cause("payer_deceased", "do_not_try_again"),
    _cause("initial_one_off_payment_failed", "invalid_account"),
    _cause("mandate_expired", "invalid_account"),
    _cause("mandate_failed", "invalid_account"),
    _cause("mandate_consumed", "invalid_account"),
    _cause("mandate_blocked", "do_not_try_again"),
    # The account does not do this.
    _cause("direct_debit_not_enabled", "transaction_not_allowed"),
    _cause("account_blocked_for_any_financial_transaction", "restricted_card", _STOP),
    _cause("insufficient_payment_permissions", "not_permitted"),
    # The payer took the permission back.
    _cause("mandate_cancelled", "revocation_of_authorization"),
    _cause("mandate_suspended_by_payer", "revocation_of_authorization"),
    _cause("authorisation_disputed", "revocation_of_authorization"),
    _cause("customer_approval_denied", "stop_payment_order"),
    _cause("payment_stopped", "stop_payment_order"),
    _cause("refund_requested", "stop_payment_order"),
    # The merchant took it back.
    _cause("payment_cancelled", "do_not_try_again"),
    _cause("instalment_schedule_cancelled", "do_not_try_again"),
    # Refused when it was asked for: the mandate cannot be charged any more.
    *_each("invalid_account", "mandate_is_inactive", source=_STATES),
    *_each("new_account_information_available", "mandate_replaced", source=_STATES),
    # Reason codes beside a vague cause: ACH (United States).
    *_each("insufficient_funds", *_ach("R01", "R09"), source=_RETRIES),
    *_each("stop_payment_order", *_ach("R08")),
    *_each("revocation_of_authorization", *_ach("R05", "R07", "R10", "R11", "R29", "R51")),
    *_each("transaction_not_allowed", *_ach("R16", "R20", "R34", "R81")),
    *_each("do_not_try_again", *_ach("R06", "R23", "R32")),
    *_each("invalid_account", *_ach("R17", "R26")),
    *_each("duplicate_transaction", *_ach("R24")),
    *_each("processing_error", *_ach("R67", "R75", "R83", "R84", "R85")),
    *_each(
        "new_account_information_available",
        *_ach("C01", "C02", "C03", "C05", "C06", "C07"),
        *(f"NOTIFICATION_OF_CHANGE-C0{digit}" for digit in (1, 2, 3, 5, 6, 7, 8, 9)),
    ),
    *_each("stop_payment_order", "NOTIFICATION_OF_CHANGE-R08"),
    # Bacs (United Kingdom): returned payments.
    *_each("do_not_honor", "ARUDD-0", source=_RETRIES),
    *_each("invalid_account", "ARUDD-6"),
    *_each("try_again_later", "ARUDD-8"),
    *_each("invalid_transaction", "ARUDD-9", "ARUDD-A"),
    # SEPA.
    *_each("insufficient_funds", "AM04", source=_RETRIES),
    *_each("do_not_honor", "MS03", source=_RETRIES),
    *_each("regulatory_block", "RR04"),
    *_each("stop_payment_order", "MS02"),
    *_each("transaction_not_allowed", "SL01"),
    # Autogiro (Sweden), Betalingsservice (Denmark).
    *_each("insufficient_funds", "TK82-1", source=_RETRIES),
    *_each("stop_payment_order", "PAYMENT_INFORMATION-0237"),
    *_each("do_not_honor", "INFORMATION_LIST-0282"),
    *_each("revocation_of_authorization", "INFORMATION_LIST-0253"),
    # BECS NZ (New Zealand).
    *_each("insufficient_funds", "DISHONOUR-AM04", "NEGATIVE_ACKNOWLEDGEMENT-AM04", source=_RETRIES),
    *_each("stop_payment_order", "DISHONOUR-MS01"),
    *_each("transaction_not_allowed", "DISHONOUR-AM02"),
    *_each("revocation_of_authorization", "DISHONOUR-BE05"),
    # PAD (Canada).
    *_each("insufficient_funds", *_pad("901"), source=_RETRIES),
    *_each("transaction_not_allowed", *_pad("907", "911", "990")),
    *_each("stop_payment_order", *_pad("903")),
    *_each("do_not_honor", *_pad("908", "909", "914")),
    *_each("revocation_of_authorization", *_pad("916", "918", "919", "921")),
)
