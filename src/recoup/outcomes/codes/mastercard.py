"""Mastercard's merchant advice codes, and the response codes whose meaning is in the advice code.

Since 2021-11-02 the issuer's reason comes wrapped: in 79 (life cycle: 14, 54), 82 (policy: 03, 13, 57, 61, 62, 65) or
83 (security: 41, 43, 55, 63), and the advice code tells the merchant what to make of it.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Final

from recoup.outcomes.codes.iso8583 import MASTERCARD_REASONS_START, PXP_REASONS, READ
from recoup.outcomes.codes.words import Advice, AdviceAction, AdviceCode, WrappedCode

BRAINTREE: Final = "Braintree: merchant advice codes"
SOLIDGATE: Final = "Solidgate: merchant advice codes"
CYBERSOURCE: Final = "Cybersource: Mastercard decline reason mandate"
CARDPOINTE: Final = "CardPointe: merchant advice codes"
RECURLY: Final = "Recurly: merchant advice codes"
MAAST: Final = "Maast: Mastercard's decline code grouping and MAC"

TRY_LATER_WAIT: Final = timedelta(hours=72)
"""How long "try again later" (02) asks to wait: 72 hours, by Cielo and Solidgate."""

STOP: Final = Advice(AdviceAction.STOP)
STOP_SERIES: Final = Advice(AdviceAction.STOP_SERIES)
UPDATE_CARD: Final = Advice(AdviceAction.UPDATE_CARD)
TRY_LATER: Final = Advice(AdviceAction.RETRY_LATER, TRY_LATER_WAIT)
AUTHENTICATE: Final = Advice(AdviceAction.AUTHENTICATE)
OTHER_FORM: Final = Advice(AdviceAction.CHANGE_CREDENTIAL_FORM)


def _code(
    code: str, advice: Advice | None, *, source: str = BRAINTREE, as_of: date = READ, rule: str | None = None
) -> AdviceCode:
    return AdviceCode(code, advice, rule, source=source, as_of=as_of)


def _after(code: str, *, hours: int) -> AdviceCode:
    """An exact wait, given with response code 51 for payments that the merchant starts."""
    return _code(code, Advice(AdviceAction.RETRY_LATER, timedelta(hours=hours)))


ADVICE: Final = (
    _code("01", UPDATE_CARD),
    _code("02", TRY_LATER, source=SOLIDGATE),
    _code("03", STOP, rule="mastercard_mac_03"),
    _code("04", OTHER_FORM),
    _code("05", None, source=CYBERSOURCE),  # sources disagree on what it says, so nothing is taken from it
    _code("07", STOP, source=CARDPOINTE),
    _code("08", STOP, source=CYBERSOURCE, as_of=date(2023, 4, 14)),
    _code("21", STOP_SERIES, rule="mastercard_mac_21"),
    _code("22", STOP, source=SOLIDGATE),
    _after("24", hours=1),
    _after("25", hours=24),
    _after("26", hours=2 * 24),
    _after("27", hours=4 * 24),
    _after("28", hours=6 * 24),
    _after("29", hours=8 * 24),
    _after("30", hours=10 * 24),
    _code("40", UPDATE_CARD),  # a prepaid card that nobody can reload: ask for another one
    _code("41", UPDATE_CARD),  # a virtual number for one use: ask for another one
    _code("42", STOP, source=RECURLY),
    _code("43", None),  # a virtual number for many uses: good to know, nothing to do
)


def _wrapped(
    code: str, advice_code: str, *, standard: str, advice: Advice, source: str = PXP_REASONS
) -> WrappedCode:
    since = MASTERCARD_REASONS_START
    return WrappedCode(code, advice_code, standard, advice, source=source, as_of=READ, since=since)


WRAPPED: Final = (
    # 79 and 82 with 01: Mastercard's updater has newer details of this card; with 03: it has none, so it ends here.
    _wrapped("79", "01", standard="new_account_information_available", advice=UPDATE_CARD),
    _wrapped("79", "02", standard="account_lifecycle", advice=TRY_LATER),
    _wrapped("79", "03", standard="invalid_account", advice=STOP),
    _wrapped("79", "21", standard="revocation_of_authorization", advice=STOP_SERIES, source=MAAST),
    _wrapped("82", "01", standard="new_account_information_available", advice=UPDATE_CARD),
    _wrapped("82", "02", standard="issuer_policy", advice=TRY_LATER),
    _wrapped("82", "03", standard="transaction_not_allowed", advice=STOP),
    _wrapped("82", "21", standard="revocation_of_authorization", advice=STOP_SERIES, source=MAAST),
    # 83 with 01: authentication makes approval likelier; with 03: fraud is suspected.
    _wrapped("83", "01", standard="authentication_required", advice=AUTHENTICATE),
    _wrapped("83", "02", standard="security_violation", advice=TRY_LATER),
    _wrapped("83", "03", standard="fraudulent", advice=STOP),
    _wrapped("83", "21", standard="revocation_of_authorization", advice=STOP_SERIES, source=MAAST),
)
