"""Response codes (field 39) on an acquirer link: what the networks' own tables leave open for a card.

A link gives the network's code and no other. It is read by the network's table first (`recoup.outcomes.codes.iso8583`);
the rows here hold for the codes that a network has no row for, and say what the edition of 1987 and acquirers mean.

Left out on purpose, for none of them is a decline: 00, 08, 11, 16, 85 and 87 (approvals), 09 (in progress), 10 and 32
(approved in part), 68 (answered too late). 94 (seen before) is here to be looked up only: to the connector it says as
little as those.
"""

from __future__ import annotations

from datetime import date
from typing import Final

from recoup.outcomes.codes.iso8583 import ACQUIRER_TABLE, READ
from recoup.outcomes.codes.standard import GENERIC
from recoup.outcomes.codes.words import CodeRow

ACQUIRER_LIST: Final = "Response codes that an acquirer documents for its gateway"

_LISTED: Final = {
    "01": "call_issuer",
    "02": "call_issuer",
    "03": "invalid_merchant",
    "04": "pickup_card",
    "05": "do_not_honor",
    "06": "processing_error",
    "07": "pickup_card",
    "12": "invalid_transaction",
    "13": "invalid_amount",
    "14": "incorrect_number",
    "15": "incorrect_number",
    "17": "generic_decline",  # the customer cancelled
    "18": "do_not_try_again",  # the customer disputes it
    "19": "reenter_transaction",
    "20": "processing_error",
    "21": "no_action_taken",
    "22": "processing_error",
    "23": "surcharge_not_permitted",
    "24": "invalid_transaction",  # 24 to 29 answer changes of files, and should come for no payment
    "25": "invalid_transaction",
    "26": "duplicate_transaction",
    "27": "format_error",
    "28": "processing_error",
    "29": "processing_error",
    "30": "format_error",
    "31": "issuer_not_available",
    "33": "pickup_card",  # expired, and to be kept: the stop counts
    "34": "fraudulent",
    "35": "pickup_card",
    "36": "pickup_card",
    "37": "pickup_card",
    "38": "pickup_card",
    "39": "invalid_account",
    "40": "service_not_allowed",
    "41": "lost_card",
    "42": "invalid_account",
    "43": "stolen_card",
    "44": "invalid_account",
    "46": "invalid_account",
    "50": "do_not_try_again",  # the mandate is not renewed
    "51": "insufficient_funds",
    "52": "invalid_account",
    "53": "invalid_account",
    "54": "expired_card",
    "55": "incorrect_pin",
    "56": "invalid_account",
    "57": "transaction_not_allowed",
    "58": "invalid_merchant",
    "59": "fraudulent",
    "60": "call_issuer",  # the acquirer, not the issuer, wants to be asked: it says no more than no
    "61": "card_velocity_exceeded",
    "62": "restricted_card",
    "63": "security_violation",
    "64": "invalid_amount",
    "65": "withdrawal_count_limit_exceeded",
    "66": "security_violation",
    "67": "pickup_card",
    "70": "call_issuer",
    "71": "incorrect_pin",
    "75": "pin_try_exceeded",
    "76": "incorrect_pin",
    "77": "invalid_transaction",
    "78": "restricted_card",
    "79": "account_lifecycle",
    "80": "issuer_not_available",
    "81": "processing_error",
    "82": "incorrect_cvc",
    "83": "generic_decline",
    "84": "invalid_transaction",
    "86": "processing_error",
    "88": "processing_error",
    "89": "authentication_failed",
    "91": "issuer_not_available",
    "92": "issuer_not_available",
    "93": "regulatory_block",
    "94": "duplicate_transaction",
    "95": "invalid_transaction",
    "96": "processing_error",
    "97": "generic_decline",
    "1A": "authentication_required",
    "N3": "service_not_allowed",
    "N4": "card_velocity_exceeded",
    "N7": "incorrect_cvc",
    "R0": "stop_payment_order",
    "R1": "revocation_of_authorization",
    "R3": "revocation_of_all_authorizations",
}
_OF_ONE_NETWORK: Final = {
    "1Z": "issuer_not_available",
    "5C": "transaction_not_allowed",
    "6P": "verification_data_failed",
    "74": "processing_error",
    "90": "processing_error",
    "9G": "restricted_card",
    "B1": "surcharge_not_permitted",
    "B2": "surcharge_not_permitted",
    "N0": "issuer_not_available",
    "N5": "do_not_try_again",
    "N8": "invalid_amount",
    "P5": "not_permitted",
    "P6": "not_permitted",
    "Q1": "authentication_failed",
    "R2": "not_permitted",
    "Z3": "issuer_not_available",
    "Z5": "invalid_amount",
}
"""One network's codes, come with another's card."""


def _rows(codes: dict[str, str], *, source: str, as_of: date) -> tuple[CodeRow, ...]:
    return tuple(
        CodeRow(code, standard, generic=standard in GENERIC, source=source, as_of=as_of)
        for code, standard in codes.items()
    )


ROWS: Final = (
    *_rows(_LISTED, source=ACQUIRER_LIST, as_of=READ),
    *_rows(_OF_ONE_NETWORK, source=ACQUIRER_TABLE, as_of=READ),
)
