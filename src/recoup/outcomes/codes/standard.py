"""Our standard decline codes: Stripe's word where it has one, and our own for what it lacks.

What each is about decides what happens next, so every choice that is not plain from the word has its reason here:

* Lost, stolen and fraudulent cards are `fraud`, hard, and stop; the message never says so, for the one who holds the
  card may be the thief.
* An expired or closed card is `lifecycle` and hard until it is updated. What the customer typed wrong is
  `credential`, hard as it stands, and mended with other data. What needs authentication is soft: the same card may be
  approved once the customer has authenticated, but never without them.
* `duplicate_transaction` is `other` and hard: the first one may have been approved, so trying again could charge twice.
* `security_violation` and `restricted_card` are soft, since networks let them be tried again; they never fail over.
"""

from __future__ import annotations

from datetime import date
from typing import Final

from recoup.outcomes.codes.words import Advice, AdviceAction, Category, Hardness, StandardCode

STRIPE_DOCS: Final = "Stripe: decline codes"
STRIPE_CATALOGUE: Final = "Stripe: decline codes, as catalogued by API Evangelist"
STRIPE_RETRIES: Final = "Stripe: Smart Retries, codes that are not retried"
OWN_WORD: Final = "Recoup: a word for what card networks say and Stripe has none for"
READ: Final = date(2026, 11, 22)

FUNDS: Final = Category.FUNDS
LIMIT: Final = Category.LIMIT
ISSUER: Final = Category.ISSUER
FRAUD: Final = Category.FRAUD
CREDENTIAL: Final = Category.CREDENTIAL
LIFECYCLE: Final = Category.LIFECYCLE
AUTHENTICATION: Final = Category.AUTHENTICATION
NOT_PERMITTED: Final = Category.NOT_PERMITTED
CONFIGURATION: Final = Category.MERCHANT_CONFIGURATION
PROCESSOR: Final = Category.PROCESSOR
NETWORK: Final = Category.NETWORK

RETRY_NOW: Final = AdviceAction.RETRY_NOW
RETRY_LATER: Final = AdviceAction.RETRY_LATER
UPDATE_CARD: Final = AdviceAction.UPDATE_CARD
AUTHENTICATE: Final = AdviceAction.AUTHENTICATE
FIX_DATA: Final = AdviceAction.FIX_DATA
ASK_CUSTOMER: Final = AdviceAction.ASK_CUSTOMER
STOP: Final = AdviceAction.STOP
STOP_SERIES: Final = AdviceAction.STOP_SERIES

HARD: Final = Hardness.HARD
SOFT: Final = Hardness.SOFT

_OTHER_CARD = "Your card was declined. Use another card, or ask the bank that issued it why."
_TRY_AGAIN = "Your bank could not answer just now. Try again in a moment, or use another card."
_ASK_BANK = (
    "Your bank declined the payment. Ask the bank that issued the card, then try again, or use another card."
)
_NOT_FOR_THIS = "Your card does not allow this payment. Use another card, or ask your bank to allow it."
_FUNDS = "There is not enough money available on the card. Add money or use another card."
_LIMIT = (
    "The payment is over a limit of your card. Wait, ask your bank to raise the limit, or use another card."
)
_NUMBER = "The card number is not right. Check it and try again."
_CVC = "The security code is not right. Check the digits on your card and try again."
_EXPIRY = "The expiry date is not right. Check it and try again."
_ADDRESS = "The billing address does not match the card. Check it and try again."
_PIN = "The PIN is not right. Try again, or use another card."
_PIN_NEEDED = "Your card needs its PIN. Insert the card and enter the PIN."
_EXPIRED = "Your card has expired. Give the details of your new card or use another one."
_NEW_DETAILS = (
    "The details of this card are out of date. Give the details of your new card or use another one."
)
_AUTHENTICATE = (
    "Your bank wants to make sure that it is you. Confirm the payment with your bank and try again."
)
_WITHDRAWN = "You asked your bank to stop these payments. To pay, allow them again or use another card."
_AGAIN_LATER = "The payment could not be processed. Try again later or use another card."
_SHOP = "The payment could not be taken, through no fault of your card. Try again later or contact the shop."
_DUPLICATE = "The same payment was made a moment ago. Check whether it went through before you pay again."
_AMOUNT = "This amount cannot be charged to your card. Check the amount or use another card."


def _stripe(
    code: str, category: Category, hardness: Hardness, action: AdviceAction, message: str
) -> StandardCode:
    """A word of Stripe's, from its own page of decline codes."""
    return StandardCode(code, category, hardness, Advice(action), message, source=STRIPE_DOCS, as_of=READ)


def _catalogued(
    code: str, category: Category, hardness: Hardness, action: AdviceAction, message: str
) -> StandardCode:
    """A word of Stripe's, known from a public catalogue of its codes."""
    advice = Advice(action)
    catalogued = date(2026, 7, 14)
    return StandardCode(code, category, hardness, advice, message, source=STRIPE_CATALOGUE, as_of=catalogued)


def _own(
    code: str, category: Category, hardness: Hardness, action: AdviceAction, message: str
) -> StandardCode:
    """A word of ours."""
    return StandardCode(code, category, hardness, Advice(action), message, source=OWN_WORD, as_of=READ)


OTHER: Final = StandardCode(
    "other",
    Category.OTHER,
    SOFT,
    Advice(AdviceAction.NONE),
    _OTHER_CARD,
    source="Recoup: no table knows this code",
    as_of=READ,
)
"""What no table knows. Soft, as Visa counts codes it does not list among those that may be tried again."""

ROWS: Final = (
    OTHER,
    # Money and limits: time or the customer mends them, another processor does not.
    _stripe("insufficient_funds", FUNDS, SOFT, RETRY_LATER, _FUNDS),
    _stripe("card_velocity_exceeded", LIMIT, SOFT, RETRY_LATER, _LIMIT),
    _stripe("withdrawal_count_limit_exceeded", LIMIT, SOFT, RETRY_LATER, _LIMIT),
    _stripe("invalid_amount", LIMIT, SOFT, FIX_DATA, _AMOUNT),
    # The issuer says no and not why.
    _stripe("do_not_honor", ISSUER, SOFT, RETRY_LATER, _OTHER_CARD),
    _stripe("generic_decline", ISSUER, SOFT, RETRY_LATER, _OTHER_CARD),
    _stripe("no_action_taken", ISSUER, SOFT, RETRY_LATER, _OTHER_CARD),
    _stripe("try_again_later", ISSUER, SOFT, RETRY_LATER, _AGAIN_LATER),
    _stripe("approve_with_id", ISSUER, SOFT, RETRY_NOW, _AGAIN_LATER),
    _stripe("reenter_transaction", ISSUER, SOFT, RETRY_NOW, _AGAIN_LATER),
    _stripe("call_issuer", ISSUER, SOFT, ASK_CUSTOMER, _ASK_BANK),
    _stripe("do_not_try_again", ISSUER, HARD, STOP, _OTHER_CARD),
    _own("issuer_policy", ISSUER, SOFT, ASK_CUSTOMER, _ASK_BANK),
    # Fraud, and cards that are not in their owner's hands.
    _stripe("fraudulent", FRAUD, HARD, STOP, _OTHER_CARD),
    _stripe("lost_card", FRAUD, HARD, STOP, _OTHER_CARD),
    _stripe("stolen_card", FRAUD, HARD, STOP, _OTHER_CARD),
    _stripe("pickup_card", FRAUD, HARD, STOP, _OTHER_CARD),
    _stripe("merchant_blacklist", FRAUD, HARD, STOP, _OTHER_CARD),
    _stripe("security_violation", FRAUD, SOFT, ASK_CUSTOMER, _OTHER_CARD),
    StandardCode(
        "highest_risk_level", FRAUD, HARD, Advice(STOP), _OTHER_CARD, source=STRIPE_RETRIES, as_of=READ
    ),
    # What was typed does not fit the card.
    _stripe("incorrect_number", CREDENTIAL, HARD, FIX_DATA, _NUMBER),
    _stripe("invalid_number", CREDENTIAL, HARD, FIX_DATA, _NUMBER),
    _stripe("incorrect_cvc", CREDENTIAL, HARD, FIX_DATA, _CVC),
    _stripe("invalid_cvc", CREDENTIAL, HARD, FIX_DATA, _CVC),
    _stripe("incorrect_zip", CREDENTIAL, HARD, FIX_DATA, _ADDRESS),
    _stripe("invalid_expiry_month", CREDENTIAL, HARD, FIX_DATA, _EXPIRY),
    _stripe("invalid_expiry_year", CREDENTIAL, HARD, FIX_DATA, _EXPIRY),
    _catalogued("incorrect_address", CREDENTIAL, HARD, FIX_DATA, _ADDRESS),
    _own("verification_data_failed", CREDENTIAL, HARD, FIX_DATA, _ADDRESS),
    # The card's life: expired, closed, replaced.
    _stripe("expired_card", LIFECYCLE, HARD, UPDATE_CARD, _EXPIRED),
    _stripe("invalid_account", LIFECYCLE, HARD, UPDATE_CARD, _OTHER_CARD),
    _stripe("new_account_information_available", LIFECYCLE, HARD, UPDATE_CARD, _NEW_DETAILS),
    _own("account_lifecycle", LIFECYCLE, SOFT, UPDATE_CARD, _NEW_DETAILS),
    # The customer must show that it is them.
    _stripe("authentication_required", AUTHENTICATION, SOFT, AUTHENTICATE, _AUTHENTICATE),
    _catalogued("authentication_not_handled", AUTHENTICATION, SOFT, AUTHENTICATE, _AUTHENTICATE),
    _catalogued("mobile_device_authentication_required", AUTHENTICATION, SOFT, AUTHENTICATE, _AUTHENTICATE),
    _own("authentication_failed", AUTHENTICATION, SOFT, AUTHENTICATE, _AUTHENTICATE),
    _stripe("offline_pin_required", AUTHENTICATION, SOFT, AUTHENTICATE, _PIN_NEEDED),
    _stripe("online_or_offline_pin_required", AUTHENTICATION, SOFT, AUTHENTICATE, _PIN_NEEDED),
    _stripe("incorrect_pin", AUTHENTICATION, HARD, FIX_DATA, _PIN),
    _stripe("invalid_pin", AUTHENTICATION, HARD, FIX_DATA, _PIN),
    _stripe("pin_try_exceeded", AUTHENTICATION, SOFT, ASK_CUSTOMER, _ASK_BANK),
    # This card does not do this, whoever asks.
    _stripe("card_not_supported", NOT_PERMITTED, HARD, ASK_CUSTOMER, _NOT_FOR_THIS),
    _stripe("currency_not_supported", NOT_PERMITTED, HARD, ASK_CUSTOMER, _NOT_FOR_THIS),
    _stripe("not_permitted", NOT_PERMITTED, HARD, ASK_CUSTOMER, _NOT_FOR_THIS),
    _stripe("restricted_card", NOT_PERMITTED, SOFT, ASK_CUSTOMER, _NOT_FOR_THIS),
    _stripe("service_not_allowed", NOT_PERMITTED, HARD, ASK_CUSTOMER, _NOT_FOR_THIS),
    _stripe("transaction_not_allowed", NOT_PERMITTED, HARD, ASK_CUSTOMER, _NOT_FOR_THIS),
    _own("regulatory_block", NOT_PERMITTED, HARD, ASK_CUSTOMER, _NOT_FOR_THIS),
    # The cardholder took the permission back.
    _stripe("stop_payment_order", NOT_PERMITTED, HARD, STOP, _WITHDRAWN),
    _stripe("revocation_of_authorization", NOT_PERMITTED, HARD, STOP_SERIES, _WITHDRAWN),
    _stripe("revocation_of_all_authorizations", NOT_PERMITTED, HARD, STOP_SERIES, _WITHDRAWN),
    # The merchant's set-up at this processor; another processor may have it right.
    _stripe("testmode_decline", CONFIGURATION, HARD, FIX_DATA, "This is a test card. Use a real one."),
    _own("invalid_merchant", CONFIGURATION, SOFT, FIX_DATA, _SHOP),
    _own("invalid_transaction", CONFIGURATION, SOFT, FIX_DATA, _SHOP),
    _own("surcharge_not_permitted", CONFIGURATION, SOFT, FIX_DATA, _SHOP),
    # Technique; another processor often gets through.
    _stripe("processing_error", PROCESSOR, SOFT, RETRY_NOW, _AGAIN_LATER),
    _own("format_error", PROCESSOR, SOFT, FIX_DATA, _SHOP),
    _stripe("issuer_not_available", NETWORK, SOFT, RETRY_NOW, _TRY_AGAIN),
    # May have been paid already.
    _stripe("duplicate_transaction", Category.OTHER, HARD, AdviceAction.NONE, _DUPLICATE),
)

STANDARD: Final[dict[str, StandardCode]] = {row.code: row for row in ROWS}
"""Every standard code by its word."""

STRIPES_WORDS: Final = tuple(
    row for row in ROWS if row.source in {STRIPE_DOCS, STRIPE_CATALOGUE, STRIPE_RETRIES}
)
"""The standard codes that are Stripe's own."""

GENERIC: Final = frozenset(
    {"do_not_honor", "generic_decline", "no_action_taken", "try_again_later", "call_issuer"}
)
"""Standard codes that say no more than "no": they never stand in for a more exact one."""
