"""The dispute reasons of Discover and Diners Club."""

from __future__ import annotations

from typing import Final

from recoup.disputes.codes.words import ANTOM, READ, Category, ReasonCode


def _code(code: str, category: Category, meaning: str) -> ReasonCode:
    return ReasonCode(code, category, meaning, ANTOM, READ)


_FRAUD, _AUTH, _ERROR = Category.FRAUDULENT, Category.AUTHORIZATION, Category.PROCESSING_ERROR

DISCOVER: Final = (
    _code("AA", Category.UNRECOGNIZED, "The cardholder does not recognise it."),
    _code("AP", Category.SUBSCRIPTION_CANCELED, "A series was charged on after it was canceled."),
    _code("AT", _AUTH, "The rules for approvals were not kept."),
    _code("AW", _ERROR, "It was booked with another amount than was agreed."),
    _code("CD", _ERROR, "A credit was booked as a sale, or a sale as a credit."),
    _code("DA", _AUTH, "It was taken although the issuer had declined."),
    _code("DP", Category.DUPLICATE, "The same sale was taken twice."),
    _code("EX", _AUTH, "It was taken after the card had expired."),
    _code("IC", Category.GENERAL, "The receipt that was sent cannot be read."),
    _code("IN", _ERROR, "The card number is not one of theirs."),
    _code("LP", _ERROR, "It was presented too late."),
    _code("NA", _AUTH, "There was no approval."),
    _code("NC", Category.GENERAL, "The cardholder disputes it for another reason."),
    _code("NF", Category.PRODUCT_NOT_RECEIVED, "Cash from a machine did not come."),
    _code("PM", Category.DUPLICATE, "The sale had been paid in another way."),
    _code("RG", Category.PRODUCT_NOT_RECEIVED, "Goods or services did not come."),
    _code("RM", Category.PRODUCT_UNACCEPTABLE, "Goods or services were not as described, or broken."),
    _code("RN2", Category.CREDIT_NOT_PROCESSED, "A refund that was promised did not come."),
    _code("UA01", _FRAUD, "The cardholder took no part in a sale at which a card was present."),
    _code("UA02", _FRAUD, "The cardholder took no part in a sale without a card."),
    _code("UA05", _FRAUD, "A copied chip card was used."),
    _code("UA06", _FRAUD, "A lost or stolen chip card was used."),
    _code("UA10", _FRAUD, "A receipt is wanted for a swiped sale that is said to be fraud."),
    _code("UA11", _FRAUD, "A swiped sale without signature is said to be fraud."),
)
