"""What an issuer's refusal looks like on the network: response codes, and merchant advice codes on Mastercard.

The processors of the sandbox speak our standard codes; every decline also carries a network code (ISO 8583 field 39),
so that what reads them is exercised.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from recoup.outcomes.codes.standard import OTHER, STANDARD


@dataclass(frozen=True, slots=True)
class Codes:
    """A refusal as it travels: the processor's word, the network's response code, the merchant advice code."""

    code: str
    network_code: str
    advice_code: str | None = None


UNSPECIFIC: Final = "05"
"""Do not honor: what a network says when no better code is known."""
UNHEARD_OF: Final = Codes("unheard_of", "XX")
"""Said by nobody: beside a word or a code that we do not know either, so that an unknown decline can be tried out."""

_RESPONSES: Final = {
    "insufficient_funds": "51",
    "card_velocity_exceeded": "61",
    "withdrawal_count_limit_exceeded": "65",
    "invalid_amount": "13",
    "do_not_honor": UNSPECIFIC,
    "generic_decline": UNSPECIFIC,
    "no_action_taken": "21",
    "call_issuer": "01",
    "reenter_transaction": "19",
    "fraudulent": "59",
    "highest_risk_level": "59",
    "lost_card": "41",
    "stolen_card": "43",
    "pickup_card": "04",
    "security_violation": "63",
    "incorrect_number": "14",
    "invalid_number": "14",
    "testmode_decline": UNSPECIFIC,
    "incorrect_cvc": "63",
    "invalid_cvc": "63",
    "expired_card": "54",
    "invalid_account": "46",
    "new_account_information_available": "54",
    "authentication_required": "1A",
    "authentication_not_handled": "1A",
    "authentication_failed": "63",
    "incorrect_pin": "55",
    "invalid_pin": "55",
    "pin_try_exceeded": "75",
    "card_not_supported": "57",
    "currency_not_supported": "57",
    "not_permitted": "57",
    "service_not_allowed": "57",
    "transaction_not_allowed": "57",
    "restricted_card": "62",
    "invalid_merchant": "03",
    "invalid_transaction": "12",
    "format_error": "30",
    "processing_error": "96",
    "issuer_not_available": "91",
    "duplicate_transaction": "94",
}
_VISA: Final = {
    "incorrect_cvc": "N7",
    "invalid_cvc": "N7",
    "authentication_required": "1A",
    "authentication_not_handled": "1A",
    "authentication_failed": "Q1",
    "verification_data_failed": "6P",
    "invalid_account": "46",
    "stop_payment_order": "R0",
    "revocation_of_authorization": "R1",
    "revocation_of_all_authorizations": "R3",
}
_MASTERCARD: Final = {
    "generic_decline": (UNSPECIFIC, "02"),
    "do_not_honor": (UNSPECIFIC, "02"),
    "try_again_later": (UNSPECIFIC, "02"),
    "do_not_try_again": (UNSPECIFIC, "03"),
    "card_velocity_exceeded": ("61", "02"),
    "withdrawal_count_limit_exceeded": ("65", "02"),
    "expired_card": ("54", "01"),
    "new_account_information_available": ("79", "01"),
    "invalid_account": ("79", "03"),
    "lost_card": ("41", "03"),
    "stolen_card": ("43", "03"),
    "fraudulent": ("83", "03"),
    "authentication_required": ("83", "01"),
    "transaction_not_allowed": ("82", "03"),
    "stop_payment_order": (UNSPECIFIC, "21"),
    "revocation_of_authorization": ("79", "21"),
    "revocation_of_all_authorizations": ("79", "21"),
}
_WAITS: Final = (
    (timedelta(hours=1), "24"),
    (timedelta(days=1), "25"),
    (timedelta(days=2), "26"),
    (timedelta(days=4), "27"),
    (timedelta(days=6), "28"),
    (timedelta(days=8), "29"),
)
_LONGEST_WAIT: Final = "30"


def codes(code: str, brand: str) -> Codes:
    """How a refusal with this standard code reads on a card of this brand."""
    if brand == "mastercard" and code in _MASTERCARD:
        return Codes(code, *_MASTERCARD[code])
    if brand == "visa" and code in _VISA:
        return Codes(code, _VISA[code])
    known = STANDARD.get(code, OTHER) is not OTHER
    return Codes(code, _RESPONSES.get(code, UNSPECIFIC if known else UNHEARD_OF.network_code))


def no_funds(code: str, brand: str, *, until_payday: timedelta | None) -> Codes:
    """Insufficient funds, in the word that the issuer has for it.

    Mastercard's issuers say when to come back, in the steps that the codes 24 to 30 have (1 hour to 10 days).
    """
    if brand != "mastercard" or code != "insufficient_funds":
        return codes(code, brand)
    wait = next((advice for most, advice in _WAITS if until_payday and until_payday <= most), _LONGEST_WAIT)
    return Codes(code, _RESPONSES[code], wait)
