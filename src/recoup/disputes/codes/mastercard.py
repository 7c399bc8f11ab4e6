"""Mastercard's chargeback reasons: four broad ones are in use, with older ones that some processors still send."""

from __future__ import annotations

from typing import Final

from recoup.disputes.codes.words import NORTH, READ, STRIPE, YUNO, Category, ReasonCode


def _code(code: str, category: Category, meaning: str, source: str = STRIPE) -> ReasonCode:
    return ReasonCode(code, category, meaning, source, READ)


_FRAUD, _AUTH, _ERROR = Category.FRAUDULENT, Category.AUTHORIZATION, Category.PROCESSING_ERROR

MASTERCARD: Final = (
    _code("4807", _AUTH, "The card was on a list of cards not to be taken.", YUNO),
    _code("4808", _AUTH, "There was no valid approval for it.", NORTH),
    _code("4812", _AUTH, "The account number belongs to no cardholder.", NORTH),
    _code(
        "4831", _ERROR, "It was booked with another amount than was agreed, or paid in another way.", NORTH
    ),
    _code("4834", _ERROR, "It was booked wrongly: twice, late, in another currency or amount.", NORTH),
    _code("4837", _FRAUD, "The cardholder did not agree to it."),
    _code("4840", _FRAUD, "One sale was made into several that the cardholder did not agree to."),
    _code("4841", Category.SUBSCRIPTION_CANCELED, "A series was charged on after it was canceled."),
    _code("4842", _ERROR, "It was presented too late.", NORTH),
    _code("4846", _ERROR, "It was booked in a wrong currency.", NORTH),
    _code("4849", _FRAUD, "Mastercard's own audit named the merchant for fraud."),
    _code("4853", Category.PRODUCT_UNACCEPTABLE, "The cardholder disputes goods, services, or a refund."),
    _code("4854", Category.GENERAL, "The cardholder disputes it under a rule of their country.", NORTH),
    _code("4855", Category.PRODUCT_NOT_RECEIVED, "Goods or services did not come."),
    _code(
        "4859",
        Category.PRODUCT_NOT_RECEIVED,
        "A service was not given, or a no-show or addendum is disputed.",
    ),
    _code("4860", Category.CREDIT_NOT_PROCESSED, "A refund that was promised did not come."),
    _code("4863", Category.UNRECOGNIZED, "The cardholder does not recognise it and suspects fraud."),
    _code("4870", _FRAUD, "A copied chip card was used where the chip was not read."),
    _code("4871", _FRAUD, "A lost or stolen chip card was used where no PIN was asked for."),
)
