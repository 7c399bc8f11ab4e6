"""The words that processors use for a reason in place of a network's code."""

from __future__ import annotations

from typing import Final

from recoup.disputes.codes.words import READ, STRIPE, Category, ReasonCode

_PAYPAL: Final = "PayPal: Disputes API, dispute reasons (developer.paypal.com/docs/api/customer-disputes)"
_SQUARE: Final = "Square: Disputes API, DisputeReason (developer.squareup.com)"
_BRAINTREE: Final = (
    "Braintree: dispute reasons (developer.paypal.com/braintree/docs/reference/response/dispute)"
)
_CHECKOUT: Final = "Checkout.com: dispute categories (checkout.com/docs)"
_GOCARDLESS: Final = "GoCardless: chargebacks (developer.gocardless.com)"


def _word(word: str, category: Category, meaning: str, source: str) -> ReasonCode:
    return ReasonCode(word, category, meaning, source, READ)


_C = Category
_FRAUD: Final = "The cardholder did not agree to it."
_NOT_RECEIVED: Final = "Goods or services did not come."
_NOT_AS_DESCRIBED: Final = "Goods or services were not as described, or broken."
_CANCELED: Final = "A series was charged on after it was canceled."
_NO_CREDIT: Final = "A refund that was due did not come."
_TWICE: Final = "The same sale was taken twice, or had been paid in another way."
_AMOUNT: Final = "It was booked with another amount than was agreed."
_ERROR: Final = "It was booked wrongly."
_UNKNOWN: Final = "The cardholder does not recognise it."
_OTHER: Final = "No reason that has a name of its own."

PROCESSORS: Final = (
    _word("fraudulent", _C.FRAUDULENT, _FRAUD, STRIPE),
    _word("unrecognized", _C.UNRECOGNIZED, _UNKNOWN, STRIPE),
    _word("product_not_received", _C.PRODUCT_NOT_RECEIVED, _NOT_RECEIVED, STRIPE),
    _word("product_unacceptable", _C.PRODUCT_UNACCEPTABLE, _NOT_AS_DESCRIBED, STRIPE),
    _word("subscription_canceled", _C.SUBSCRIPTION_CANCELED, _CANCELED, STRIPE),
    _word("credit_not_processed", _C.CREDIT_NOT_PROCESSED, _NO_CREDIT, STRIPE),
    _word("duplicate", _C.DUPLICATE, _TWICE, STRIPE),
    _word("noncompliant", _C.NONCOMPLIANT, "A rule of the network is said to be broken.", STRIPE),
    _word("general", _C.GENERAL, _OTHER, STRIPE),
    _word(
        "customer_initiated", _C.GENERAL, "The payer's bank gives no more than that the payer asked.", STRIPE
    ),
    _word("debit_not_authorized", _C.FRAUDULENT, "The payer did not agree to the debit.", STRIPE),
    _word(
        "bank_cannot_process", _C.PROCESSING_ERROR, "The payer's bank could not carry out the debit.", STRIPE
    ),
    _word("check_returned", _C.PROCESSING_ERROR, "The payer's bank returned it.", STRIPE),
    _word("incorrect_account_details", _C.PROCESSING_ERROR, "The account's details were wrong.", STRIPE),
    _word("insufficient_funds", _C.PROCESSING_ERROR, "The account did not hold enough.", STRIPE),
    # Early fraud warnings of Stripe (Radar) say how the fraud was made.
    _word("made_with_stolen_card", _C.FRAUDULENT, "The card was stolen.", STRIPE),
    _word("made_with_lost_card", _C.FRAUDULENT, "The card was lost.", STRIPE),
    _word("unauthorized_use_of_card", _C.FRAUDULENT, "Somebody else used the card.", STRIPE),
    _word("card_never_received", _C.FRAUDULENT, "The card was taken on its way to the cardholder.", STRIPE),
    _word("fraudulent_card_application", _C.FRAUDULENT, "The card was got under a false name.", STRIPE),
    _word("made_with_counterfeit_card", _C.FRAUDULENT, "A copied card was used.", STRIPE),
    _word("misc", _C.FRAUDULENT, "Fraud of another kind.", STRIPE),
    _word("merchandise_or_service_not_received", _C.PRODUCT_NOT_RECEIVED, _NOT_RECEIVED, _PAYPAL),
    _word("merchandise_or_service_not_as_described", _C.PRODUCT_UNACCEPTABLE, _NOT_AS_DESCRIBED, _PAYPAL),
    _word("unauthorised", _C.FRAUDULENT, _FRAUD, _PAYPAL),
    _word("duplicate_transaction", _C.DUPLICATE, _TWICE, _PAYPAL),
    _word("incorrect_amount", _C.PROCESSING_ERROR, _AMOUNT, _PAYPAL),
    _word("payment_by_other_means", _C.DUPLICATE, "The sale had been paid in another way.", _PAYPAL),
    _word("canceled_recurring_billing", _C.SUBSCRIPTION_CANCELED, _CANCELED, _PAYPAL),
    _word("problem_with_remittance", _C.GENERAL, "Money sent on did not arrive.", _PAYPAL),
    _word("other", _C.GENERAL, _OTHER, _PAYPAL),
    _word("amount_differs", _C.PROCESSING_ERROR, _AMOUNT, _SQUARE),
    _word("cancelled", _C.CREDIT_NOT_PROCESSED, "It was canceled or returned, and no refund came.", _SQUARE),
    _word("customer_requests_credit", _C.CREDIT_NOT_PROCESSED, _NO_CREDIT, _SQUARE),
    _word("emv_liability_shift", _C.FRAUDULENT, "A chip card was used where the chip was not read.", _SQUARE),
    _word("no_knowledge", _C.FRAUDULENT, _FRAUD, _SQUARE),
    _word("not_as_described", _C.PRODUCT_UNACCEPTABLE, _NOT_AS_DESCRIBED, _SQUARE),
    _word("not_received", _C.PRODUCT_NOT_RECEIVED, _NOT_RECEIVED, _SQUARE),
    _word("paid_by_other_means", _C.DUPLICATE, "The sale had been paid in another way.", _SQUARE),
    _word("unauthorized", _C.FRAUDULENT, _FRAUD, _SQUARE),
    _word("cancelled_recurring_transaction", _C.SUBSCRIPTION_CANCELED, _CANCELED, _BRAINTREE),
    _word("fraud", _C.FRAUDULENT, _FRAUD, _BRAINTREE),
    _word("invalid_account", _C.PROCESSING_ERROR, "The card number was wrong.", _BRAINTREE),
    _word("not_recognized", _C.UNRECOGNIZED, _UNKNOWN, _BRAINTREE),
    _word("product_unsatisfactory", _C.PRODUCT_UNACCEPTABLE, _NOT_AS_DESCRIBED, _BRAINTREE),
    _word("retrieval", _C.GENERAL, "The issuer asks for documents.", _BRAINTREE),
    _word("transaction_amount_differs", _C.PROCESSING_ERROR, _AMOUNT, _BRAINTREE),
    _word("authorisation_related", _C.AUTHORIZATION, "There was no valid approval for it.", _CHECKOUT),
    _word("processing_error", _C.PROCESSING_ERROR, _ERROR, _CHECKOUT),
    _word("canceled_recurring", _C.SUBSCRIPTION_CANCELED, _CANCELED, _CHECKOUT),
    _word("payment_charged_back", _C.GENERAL, "The payer's bank took the debit back.", _GOCARDLESS),
)
