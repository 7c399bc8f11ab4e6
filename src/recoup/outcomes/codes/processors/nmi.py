"""NMI's response codes 200 to 461, and two words of ours: of a charge that was voided, and of one that was not asked
for because its customer did not authenticate. 100 is an approval and has no row.

What the codes leave open the text beside them often tells (`300`: rejected by the gateway, for whatever reason). NMI
publishes no hardness; 264 asks for "a few days", which is read as three.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Final

from recoup.outcomes.codes.words import Advice, AdviceAction, CodeRow

SOURCE: Final = "NMI: Direct Post API, response code lookup table"
READ: Final = date(2026, 11, 22)

_GENERIC: Final = frozenset({"200", "201", "240", "260", "300", "400"})
_ADVICE: Final = {"264": Advice(AdviceAction.RETRY_LATER, timedelta(days=3))}
_MEANINGS: Final = {
    "200": "generic_decline",
    "201": "do_not_honor",
    "202": "insufficient_funds",
    "203": "card_velocity_exceeded",
    "204": "transaction_not_allowed",
    "220": "invalid_account",
    "221": "invalid_number",
    "222": "invalid_account",
    "223": "expired_card",
    "224": "invalid_expiry_year",
    "225": "incorrect_cvc",
    "226": "incorrect_pin",
    "240": "call_issuer",
    "250": "pickup_card",
    "251": "lost_card",
    "252": "stolen_card",
    "253": "fraudulent",
    "260": "generic_decline",
    "261": "revocation_of_all_authorizations",
    "262": "revocation_of_authorization",
    "263": "new_account_information_available",
    "264": "try_again_later",
    "300": "generic_decline",
    "400": "processing_error",
    "410": "invalid_merchant",
    "411": "invalid_merchant",
    "420": "processing_error",
    "421": "issuer_not_available",
    "430": "duplicate_transaction",
    "440": "format_error",
    "441": "invalid_transaction",
    "460": "invalid_merchant",
    "461": "invalid_merchant",
}

_VOIDED: Final = CodeRow("voided", "do_not_try_again", source="NMI: Query API, actions", as_of=READ)
_UNAUTHENTICATED: Final = CodeRow(
    "unauthenticated", "authentication_required", source="NMI: Gateway.js, ThreeDSecureUI", as_of=READ
)

ROWS: Final[tuple[CodeRow, ...]] = (
    *(
        CodeRow(code, standard, generic=code in _GENERIC, advice=_ADVICE.get(code), source=SOURCE, as_of=READ)
        for code, standard in _MEANINGS.items()
    ),
    _VOIDED,
    _UNAUTHENTICATED,
)
