"""Visa's dispute conditions, in force since 2018-04-13: 10 fraud, 11 authorization, 12 processing, 13 consumers."""

from __future__ import annotations

from typing import Final

from recoup.disputes.codes.words import NORTH, READ, STRIPE, Category, ReasonCode


def _code(code: str, category: Category, meaning: str, source: str = STRIPE) -> ReasonCode:
    return ReasonCode(code, category, meaning, source, READ)


_FRAUD, _AUTH, _ERROR = Category.FRAUDULENT, Category.AUTHORIZATION, Category.PROCESSING_ERROR

VISA: Final = (
    _code("10.1", _FRAUD, "A copied chip card was used where the chip was not read."),
    _code("10.2", _FRAUD, "A stolen chip card was used where neither chip nor PIN was asked for."),
    _code("10.3", _FRAUD, "The cardholder took no part in a sale at which a card was present."),
    _code("10.4", _FRAUD, "The cardholder took no part in a sale without a card, such as online."),
    _code("10.5", _FRAUD, "Visa's own fraud monitoring named the sale."),
    _code("11.1", _AUTH, "The card was on a list of cards not to be taken.", NORTH),
    _code("11.2", _AUTH, "It was taken although the issuer had declined.", NORTH),
    _code("11.3", _AUTH, "It was taken without a valid approval, or for more than was approved.", NORTH),
    _code("12.1", _ERROR, "It was presented too late.", NORTH),
    _code(
        "12.2", _ERROR, "It was booked as the wrong kind of transaction, such as a sale for a refund.", NORTH
    ),
    _code("12.3", _ERROR, "It was booked in a currency that was not agreed.", NORTH),
    _code("12.4", _ERROR, "It was booked on the wrong card number.", NORTH),
    _code("12.5", _ERROR, "It was booked with another amount than was agreed.", NORTH),
    _code("12.6", Category.DUPLICATE, "It was taken twice, or had been paid in another way."),
    _code("12.6.1", Category.DUPLICATE, "The same sale was taken twice."),
    _code("12.6.2", Category.DUPLICATE, "The sale had been paid in another way."),
    _code("12.7", _ERROR, "The approval was asked for with wrong data.", NORTH),
    _code("13.1", Category.PRODUCT_NOT_RECEIVED, "Goods or services did not come."),
    _code("13.2", Category.SUBSCRIPTION_CANCELED, "A series was charged on after it was canceled."),
    _code("13.3", Category.PRODUCT_UNACCEPTABLE, "Goods or services were not as described, or broken."),
    _code("13.4", Category.PRODUCT_UNACCEPTABLE, "The goods were counterfeit."),
    _code("13.5", Category.PRODUCT_UNACCEPTABLE, "The terms of the sale were misrepresented."),
    _code("13.6", Category.CREDIT_NOT_PROCESSED, "A refund that was promised did not come."),
    _code("13.7", Category.CREDIT_NOT_PROCESSED, "It was canceled or returned, and no refund came."),
    _code("13.8", Category.GENERAL, "A credit sent to the card was not accepted."),
    _code("13.9", Category.PRODUCT_NOT_RECEIVED, "Cash from a machine, or value to be loaded, did not come."),
)
