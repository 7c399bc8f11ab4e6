"""Adyen's refusal reasons: by their number, as answers give it, and by their word, as webhooks give it.

Left out: 0, which goes with an approval. 43 to 45 are those of terminals. Beside them stand the errors by which Adyen
turns a card away unasked, and the two steps of a challenge that only Adyen's own page parts can show.

Where the number and the network's response code both say something exact, the network's is read first; so 5 (blocked)
and 14, 20, 22, 31 (fraud) stop whatever else came with them.
"""

from __future__ import annotations

from datetime import date
from typing import Final

from recoup.outcomes.codes.words import Advice, AdviceAction, CodeRow

REASONS: Final = "Adyen: refusal reasons"
ERRORS: Final = "Adyen: error codes and messages"
RESULTS: Final = "Adyen: result codes"
AS_OF: Final = date(2026, 7, 14)
READ: Final = date(2026, 11, 22)

_REASONS: Final = (
    ("2", "Refused", "generic_decline"),
    ("3", "Referral", "call_issuer"),
    ("4", "Acquirer Error", "processing_error"),
    ("5", "Blocked Card", "pickup_card"),
    ("6", "Expired Card", "expired_card"),
    ("7", "Invalid Amount", "invalid_amount"),
    ("8", "Invalid Card Number", "invalid_number"),
    ("9", "Issuer Unavailable", "issuer_not_available"),
    ("10", "Not supported", "transaction_not_allowed"),
    ("11", "3D Not Authenticated", "authentication_failed"),
    ("12", "Not enough balance", "insufficient_funds"),
    ("14", "Acquirer Fraud", "fraudulent"),
    ("15", "Cancelled", "generic_decline"),
    ("16", "Shopper Cancelled", "authentication_failed"),
    ("17", "Invalid Pin", "incorrect_pin"),
    ("18", "Pin tries exceeded", "pin_try_exceeded"),
    ("19", "Pin validation not possible", "processing_error"),
    ("20", "FRAUD", "highest_risk_level"),
    ("21", "Not Submitted", "invalid_transaction"),
    ("22", "FRAUD-CANCELLED", "highest_risk_level"),
    ("23", "Transaction Not Permitted", "transaction_not_allowed"),
    ("24", "CVC Declined", "incorrect_cvc"),
    ("25", "Restricted Card", "restricted_card"),
    ("26", "Revocation Of Auth", "revocation_of_authorization"),
    ("27", "Declined Non Generic", "generic_decline"),
    ("28", "Withdrawal amount exceeded", "card_velocity_exceeded"),
    ("29", "Withdrawal count exceeded", "withdrawal_count_limit_exceeded"),
    ("31", "Issuer Suspected Fraud", "fraudulent"),
    ("32", "AVS Declined", "incorrect_address"),
    ("33", "Card requires online pin", "online_or_offline_pin_required"),
    ("34", "No checking account available on Card", "card_not_supported"),
    ("35", "No savings account available on Card", "card_not_supported"),
    ("36", "Mobile pin required", "mobile_device_authentication_required"),
    ("37", "Contactless fallback", "reenter_transaction"),
    ("38", "Authentication required", "authentication_required"),
    ("39", "RReq not received from DS", "authentication_failed"),
    ("40", "Current AID is in Penalty Box", "issuer_not_available"),
    ("41", "CVM Required Restart Payment", "online_or_offline_pin_required"),
    ("42", "3DS Authentication Error", "authentication_failed"),
    ("43", "Online PIN required", "online_or_offline_pin_required"),
    ("44", "Try another interface", "reenter_transaction"),
    ("45", "Chip downgrade mode", "reenter_transaction"),
    ("46", "Transaction blocked by Adyen to prevent excessive retry fees", "do_not_try_again"),
    ("50", "Token Revoked", "revocation_of_authorization"),
)
_GENERIC: Final = frozenset({"2", "3", "15", "27"})
_ADVICE: Final = {
    # Adyen asks for another way to pay, not for the same at once.
    "10": Advice(AdviceAction.ASK_CUSTOMER),
    "16": Advice(AdviceAction.ASK_CUSTOMER),
    # A network that cannot be reached now will not be in a moment.
    "40": Advice(AdviceAction.RETRY_LATER),
}
_CARD_ERRORS: Final = (
    ("101", "invalid_number"),
    ("103", "invalid_cvc"),
    ("129", "invalid_expiry_year"),
    ("140", "invalid_expiry_year"),
    ("141", "invalid_expiry_year"),
    ("153", "invalid_cvc"),
)
_CHALLENGES: Final = ("IdentifyShopper", "ChallengeShopper")

ROWS: Final = (
    *(
        CodeRow(
            code,
            standard,
            generic=number in _GENERIC,
            advice=_ADVICE.get(number),
            source=REASONS,
            as_of=AS_OF,
        )
        for number, word, standard in _REASONS
        for code in (number, word)
    ),
    *(CodeRow(code, standard, source=ERRORS, as_of=READ) for code, standard in _CARD_ERRORS),
    *(CodeRow(code, "authentication_not_handled", source=RESULTS, as_of=READ) for code in _CHALLENGES),
)
