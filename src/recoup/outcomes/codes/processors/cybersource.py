"""CyberSource's reasons: the words of its REST answers, and the three digits that its transaction search tells.

Left out, since they are no refusals: 100 (approved), 110 (approved in part), 151, 152 and 250 (timed out: nobody
knows), 480 and its word (held for review). What the processor calls a soft decline by its own fraud rules (400, 520)
stays hard here: trying such a card again does not make it safe.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Final

from recoup.outcomes.codes.words import CodeRow

SOURCE: Final = "CyberSource: REST API reason codes"
READ: Final = date(2026, 11, 22)

_MAY_BE_REFINED: Final = frozenset({"generic_decline", "pickup_card"})
"""What says no more than "declined", or lost and stolen in one."""
_MEANINGS: Final[Mapping[str, str]] = {
    "generic_decline": "203 PROCESSOR_DECLINED 220 DECLINED_CHECK PAYMENT_REFUSED 233 GENERAL_DECLINE 248",
    "call_issuer": "201 CONTACT_PROCESSOR",
    "expired_card": "202 EXPIRED_CARD",
    "insufficient_funds": "204 INSUFFICIENT_FUND",
    "card_velocity_exceeded": "210 EXCEEDS_CREDIT_LIMIT",
    "withdrawal_count_limit_exceeded": "251",
    "pickup_card": "205 STOLEN_LOST_CARD",
    "issuer_not_available": "207 ISSUER_UNAVAILABLE",
    "transaction_not_allowed": "208 UNAUTHORIZED_CARD",
    "incorrect_cvc": "209 CVN_NOT_MATCH 211 INVALID_CVN 230 CV_FAILED",
    "incorrect_address": "200 AVS_FAILED 450 451 452 453 454 455 456 457 458 459 460",
    "stop_payment_order": "BLOCKED_BY_CARDHOLDER",
    "merchant_blacklist": "221 BLACKLISTED_CUSTOMER",
    "restricted_card": "222 SUSPENDED_ACCOUNT",
    "invalid_number": "231 INVALID_ACCOUNT INVALID_CARD 240 INVALID_CARD_TYPE",
    "invalid_account": "244 ACH_VERIFICATION_FAILED",
    "pin_try_exceeded": "ALLOWABLE_PIN_RETRIES_EXCEEDED",
    "authentication_required": """
        475 478 CONSUMER_AUTHENTICATION_REQUIRED CUSTOMER_AUTHENTICATION_REQUIRED PENDING_AUTHENTICATION
    """,
    "authentication_failed": "476 CONSUMER_AUTHENTICATION_FAILED",
    "highest_risk_level": "400 SCORE_EXCEEDS_THRESHOLD 481 DECISION_PROFILE_REJECT 520",
    "regulatory_block": """
        700 701 702 703 CUSTOMER_WATCHLIST_MATCH ADDRESS_COUNTRY_WATCHLIST_MATCH EMAIL_COUNTRY_WATCHLIST_MATCH
        IP_COUNTRY_WATCHLIST_MATCH
    """,
    "invalid_merchant": """
        232 CARD_TYPE_NOT_ACCEPTED 234 INVALID_MERCHANT_CONFIGURATION 254 ACCOUNT_NOT_ALLOWED_CREDIT 255 490
        DAGGREJECTED 491 DAGGDENIED
    """,
    "invalid_amount": "235 EXCEEDS_AUTH_AMOUNT 239 INVALID_AMOUNT",
    "invalid_transaction": """
        237 AUTH_ALREADY_REVERSED 238 TRANSACTION_ALREADY_SETTLED 241 INVALID_PAYMENT_ID 242 MISSING_AUTH 243
        TRANSACTION_ALREADY_REVERSED_OR_SETTLED 246 NOT_VOIDABLE 247 CAPTURE_ALREADY_VOIDED NOT_SUPPORTED
    """,
    "format_error": "101 MISSING_FIELD 102 INVALID_DATA 461",
    "processing_error": "150 SYSTEM_ERROR 236 PROCESSOR_UNAVAILABLE PROCESSOR_ERROR DSYSREJECTED",
    "duplicate_transaction": "104 DUPLICATE_REQUEST",
}

ROWS: Final[tuple[CodeRow, ...]] = tuple(
    CodeRow(code, standard, generic=standard in _MAY_BE_REFINED, source=SOURCE, as_of=READ)
    for standard, codes in _MEANINGS.items()
    for code in codes.split()
)
