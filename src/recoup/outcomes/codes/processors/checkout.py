"""Checkout.com's response codes: 20xxx may be approved later, 30xxx not, 40xxx its risk engine said.

Left out: 10xxx, which are approvals. Where its own division is harder than our word, the row says stop; where our word
is the harder one, it stays. What may have been carried out already (in progress, completed, approved in part, sent
twice) is never tried again by itself. Its risk engine's rules are the merchant's own, so no other processor is asked.
Below stand the errors by which a card is turned away unasked, and what a payment says of itself where no action says
more.
"""

from __future__ import annotations

from datetime import date
from typing import Final

from recoup.outcomes.codes.standard import STANDARD
from recoup.outcomes.codes.visa import CHECKOUT_57
from recoup.outcomes.codes.words import Advice, AdviceAction, CodeRow, Hardness

SOURCE: Final = "Checkout.com: API response codes"
ERRORS: Final = "Checkout.com: payments API reference"
AS_OF: Final = date(2022, 5, 1)
READ: Final = date(2026, 11, 22)
NEVER_FROM: Final = date(2026, 10, 25)

_STOP: Final = Advice(AdviceAction.STOP)

_MEANINGS: Final = {
    # 20xxx: the issuer or the network said no, for now.
    "call_issuer": "20001 20002 20060 20066",
    "do_not_honor": "20005 20046",
    "generic_decline": "20017 20099",
    "no_action_taken": "20021",
    "insufficient_funds": "20051",
    "card_velocity_exceeded": "20061 200P1 200P9 30021",
    "withdrawal_count_limit_exceeded": "20065 30022",
    "invalid_amount": "20013 30020",
    "incorrect_number": "20014 30015",
    "expired_card": "20054 30033",
    "invalid_expiry_year": "20100",
    "invalid_account": "20039 20042 20044 20052 20053 20056 20083 20101 30046",
    "new_account_information_available": "20108",
    "account_lifecycle": "20179",
    "issuer_policy": "20182",
    "verification_data_failed": "20087 2006P",
    "incorrect_cvc": "200N7 20124 40104",
    "incorrect_address": "20107 40111",
    "incorrect_zip": "40108",
    "incorrect_pin": "20055",
    "pin_try_exceeded": "20038 20075",
    "online_or_offline_pin_required": "200O5",
    "restricted_card": "20062 20078 200T5",
    "security_violation": "20063 20082 20105 20183",
    "fraudulent": "20059 30034",
    "transaction_not_allowed": "30016 30017 30018 30019",
    "service_not_allowed": "20040",
    "card_not_supported": "20031 200T3 20103 40102",
    "currency_not_supported": "20106",
    "regulatory_block": "20064 20093 30044",
    "surcharge_not_permitted": "20023",
    "stop_payment_order": "20018",
    "revocation_of_authorization": "200R1",
    "revocation_of_all_authorizations": "200R3",
    "reenter_transaction": "20019",
    "issuer_not_available": "20068 20091 20092 200N0",
    "processing_error": """20006 20020 20022 20024 20026 20027 20028 20029 20084 20085 20086 20088 20089 20090
        20095 20096 20097 20098 200S4 20153""",
    # The request, or how the merchant is set up.
    "format_error": "20030 200T2 20113 20115 20116 20117 20119 20120 20123 40109",
    "invalid_transaction": "20012 20025 20104 20109 20111 20156 20158 30045",
    "invalid_merchant": "20003 20058 20102 20112 20114 20121 20157",
    # Something under this payment may have been carried out.
    "duplicate_transaction": "20009 20010 20032 20094 20110 20118",
    # 3-D Secure.
    "authentication_required": "20154 40110",
    "authentication_failed": "20151 20152 20155",
    "authentication_not_handled": "20150",
    # The card is to be kept by whoever has it.
    "pickup_card": "20067 30004 30007 30035 30036 30037 30038",
    "lost_card": "30041",
    "stolen_card": "30043",
    # The risk engine: lists, countries that do not fit, and how often.
    "merchant_blacklist": "40103 40201 40202 40203 40204 40205",
    "highest_risk_level": """40101 40131 40132 40133 40134 40135 40136 40138 40139 40141 40149
        40150 40151 40152 40153 40154 40155 40160 40161 40162 40163 40164 40165 40170 40171
        40181 40182 40183 40184 40185 40186 40187
        40210 40211 40212 40213 40214 40215 40216 40217 40218 40219 40220 40221 40222 40223 40224 40225
        40226 40227 40228 40229 40230 40231 40232 40233 40234 40235 40236 40237 40238 40239""",
}
_GENERIC: Final = frozenset({"20001", "20002", "20005", "20021", "20046", "20060", "20066", "20099"})
_ADVICE: Final = {
    "20017": Advice(AdviceAction.ASK_CUSTOMER),
    "20090": Advice(AdviceAction.RETRY_LATER),
    "30033": _STOP,
}
_ERRORS: Final = (
    ("card_expired", "expired_card"),
    ("card_number_invalid", "invalid_number"),
    ("cvv_invalid", "invalid_cvc"),
    ("card_expiry_month_invalid", "invalid_expiry_month"),
    ("card_expiry_year_invalid", "invalid_expiry_year"),
)


def _advice(code: str, standard: str) -> Advice | None:
    """A hard code stops, where our word for it would not."""
    if code in _ADVICE:
        return _ADVICE[code]
    return _STOP if code.startswith("30") and STANDARD[standard].hardness is Hardness.SOFT else None


ROWS: Final = (
    *(
        CodeRow(
            code,
            standard,
            generic=code in _GENERIC,
            advice=_advice(code, standard),
            source=SOURCE,
            as_of=AS_OF,
        )
        for standard, codes in _MEANINGS.items()
        for code in codes.split()
    ),
    # Not permitted to this cardholder: since Visa's change, the issuer never approves it.
    CodeRow("20057", "transaction_not_allowed", source=SOURCE, as_of=AS_OF, until=NEVER_FROM),
    CodeRow(
        "20057",
        "transaction_not_allowed",
        advice=_STOP,
        source=CHECKOUT_57,
        as_of=date(2026, 9, 10),
        since=NEVER_FROM,
    ),
    *(CodeRow(code, standard, source=ERRORS, as_of=READ) for code, standard in _ERRORS),
    CodeRow("Declined", "generic_decline", generic=True, source=ERRORS, as_of=READ),
    # Whoever let go of the money did not want it charged again.
    *(CodeRow(code, "do_not_try_again", source=ERRORS, as_of=READ) for code in ("Canceled", "Voided")),
    # The customer did not come back in time.
    CodeRow("Expired", "authentication_failed", generic=True, source=ERRORS, as_of=READ),
)
