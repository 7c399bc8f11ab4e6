"""American Express's chargeback reasons: A authorization, C cardholder, F fraud, P processing, and its programmes."""

from __future__ import annotations

from typing import Final

from recoup.disputes.codes.words import ANTOM, BRAINTREE, NORTH, READ, STRIPE, Category, ReasonCode


def _code(code: str, category: Category, meaning: str, source: str = STRIPE) -> ReasonCode:
    return ReasonCode(code, category, meaning, source, READ)


_FRAUD, _AUTH, _ERROR = Category.FRAUDULENT, Category.AUTHORIZATION, Category.PROCESSING_ERROR

AMEX: Final = (
    _code("A01", _AUTH, "More was charged than was approved.", NORTH),
    _code("A02", _AUTH, "There was no valid approval.", NORTH),
    _code("A08", _AUTH, "The approval had lapsed.", NORTH),
    _code("C02", Category.CREDIT_NOT_PROCESSED, "A refund that was promised did not come.", BRAINTREE),
    _code(
        "C04", Category.CREDIT_NOT_PROCESSED, "Goods were returned or refused, and no refund came.", BRAINTREE
    ),
    _code("C05", Category.CREDIT_NOT_PROCESSED, "It was canceled, and no refund came.", BRAINTREE),
    _code("C08", Category.PRODUCT_NOT_RECEIVED, "Goods or services did not come, or not all.", BRAINTREE),
    _code("C14", Category.DUPLICATE, "The sale had been paid in another way.", NORTH),
    _code(
        "C18",
        Category.CREDIT_NOT_PROCESSED,
        "A reservation was canceled, or charged as a no-show.",
        BRAINTREE,
    ),
    _code("C28", Category.SUBSCRIPTION_CANCELED, "A series was charged on after it was canceled.", BRAINTREE),
    _code("C31", Category.PRODUCT_UNACCEPTABLE, "Goods or services were not as described.", BRAINTREE),
    _code("C32", Category.PRODUCT_UNACCEPTABLE, "Goods came damaged or broken.", BRAINTREE),
    _code("F10", _FRAUD, "The card was not imprinted or read.", ANTOM),
    _code("F14", _FRAUD, "There is no signature.", ANTOM),
    _code("F24", _FRAUD, "The cardholder did not agree to it.", ANTOM),
    _code("F29", _FRAUD, "The cardholder took no part in a sale without a card.", ANTOM),
    _code("F30", _FRAUD, "A copied chip card was used.", ANTOM),
    _code("F31", _FRAUD, "A lost or stolen chip card was used.", ANTOM),
    _code("FR2", _FRAUD, "The merchant is in the programme that charges all fraud back at once.", ANTOM),
    _code(
        "FR4", Category.GENERAL, "The merchant is in the programme that charges back without asking.", ANTOM
    ),
    _code(
        "FR6",
        Category.GENERAL,
        "The merchant is in the programme that charges some back without asking.",
        ANTOM,
    ),
    _code("M10", Category.GENERAL, "Capital damages, theft or loss of a hired vehicle are disputed.", NORTH),
    _code("P01", _ERROR, "The card number is not one of theirs.", NORTH),
    _code("P03", _ERROR, "A sale should have been a credit.", NORTH),
    _code("P04", _ERROR, "A credit should have been a sale.", NORTH),
    _code("P05", _ERROR, "It was booked with another amount than was agreed.", BRAINTREE),
    _code("P07", _ERROR, "It was presented too late.", NORTH),
    _code("P08", Category.DUPLICATE, "The same sale was taken twice.", BRAINTREE),
    _code("P22", _ERROR, "The card numbers do not match.", NORTH),
    _code("P23", _ERROR, "It was booked in a wrong currency.", NORTH),
    _code("R03", Category.GENERAL, "An inquiry was answered with too little.", BRAINTREE),
    _code("R13", Category.GENERAL, "An inquiry was not answered.", BRAINTREE),
)
