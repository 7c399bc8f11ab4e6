"""What the merchant should know and do about each standard code: for their support desk, never for the cardholder."""

from __future__ import annotations

from typing import Final

_TYPED: Final = "Ask the customer for it again; the same data will be declined again."
_SILENT: Final = (
    "The issuer gives no reason. Half of these are a lack of money: try again later, or ask for another card."
)
_NOT_SAY: Final = (
    "Do not try again, and do not tell the customer why: whoever holds the card may not be its owner."
)
_NEW_CARD: Final = "Get new card details, from an account updater or from the customer, before another try."
_CUSTOMERS_BANK: Final = "Only the customer and their bank can lift this. Ask for another card meanwhile."
_OUR_SETUP: Final = "Look at your set-up at this processor; another processor may take the payment."
_PIN: Final = "The card wants a PIN, which no online payment can give. Ask for another card."
_TECHNICAL: Final = "Technique, not the card: another try soon, or another processor, often gets through."
_REVOKED: Final = (
    "The cardholder took back their permission. Stop charging this card; trying on is fined by the networks."
)

MERCHANT_WORDS: Final[dict[str, str]] = {
    "other": "No table knows this code. Its raw fields are kept; tell us what it means, or set an override.",
    "insufficient_funds": "There was not enough money. Try again when there is: after a payday, early in the day.",
    "card_velocity_exceeded": "The card is over its limit of amount or number. It eases with time: try again later.",
    "withdrawal_count_limit_exceeded": "The card was used too often for today. Try again later.",
    "invalid_amount": "The amount is none that this card or processor takes. Check it before another try.",
    "do_not_honor": _SILENT,
    "generic_decline": _SILENT,
    "no_action_taken": _SILENT,
    "try_again_later": "The issuer could not decide. Try again later.",
    "approve_with_id": "The issuer wants to see identification. Try once more, or ask for another card.",
    "reenter_transaction": "The issuer wants the request again. Try once more now.",
    "call_issuer": "The issuer wants to speak with the cardholder. Ask the customer to call their bank.",
    "do_not_try_again": "The issuer will not approve this. Ask for another card.",
    "issuer_policy": "The issuer's rules forbid it. The customer's bank can say why; another card may pass.",
    "fraudulent": _NOT_SAY,
    "lost_card": _NOT_SAY,
    "stolen_card": _NOT_SAY,
    "pickup_card": _NOT_SAY,
    "merchant_blacklist": "The card is on your own block list at the processor. Remove it there if that is wrong.",
    "security_violation": "The issuer suspects something. Ask the customer to speak with their bank.",
    "highest_risk_level": "The processor's risk check blocked it. Review the payment there before allowing it.",
    "incorrect_number": f"The card number is wrong. {_TYPED}",
    "invalid_number": f"The card number is none. {_TYPED}",
    "incorrect_cvc": f"The security code is wrong. {_TYPED}",
    "invalid_cvc": f"The security code is none. {_TYPED}",
    "incorrect_zip": f"The postal code does not match. {_TYPED}",
    "invalid_expiry_month": f"The expiry month is wrong. {_TYPED}",
    "invalid_expiry_year": f"The expiry year is wrong. {_TYPED}",
    "incorrect_address": f"The address does not match. {_TYPED}",
    "verification_data_failed": f"Address or security code do not match. {_TYPED}",
    "expired_card": f"The card has expired. {_NEW_CARD}",
    "invalid_account": f"The account is closed or never was. {_NEW_CARD}",
    "new_account_information_available": f"The networks have newer details of this card. {_NEW_CARD}",
    "account_lifecycle": f"The card was replaced, has expired or is not active yet. {_NEW_CARD}",
    "authentication_required": "The issuer wants the customer to authenticate. Bring them back for 3-D Secure.",
    "authentication_not_handled": "Authentication was asked for and not done. Bring the customer back for it.",
    "mobile_device_authentication_required": "The wallet must be confirmed on the customer's device. Ask them to.",
    "authentication_failed": "The customer did not pass authentication. Let them try again, or ask for another card.",
    "offline_pin_required": _PIN,
    "online_or_offline_pin_required": _PIN,
    "incorrect_pin": "The PIN was wrong. The customer must enter it again.",
    "invalid_pin": "The PIN was wrong. The customer must enter it again.",
    "pin_try_exceeded": f"The PIN was wrong too often. {_CUSTOMERS_BANK}",
    "card_not_supported": "This card does not do this kind of payment. Ask for another card.",
    "currency_not_supported": "The card does not take this currency. Ask for another card, or charge another currency.",
    "not_permitted": f"The issuer does not permit this payment. {_CUSTOMERS_BANK}",
    "restricted_card": f"The card is restricted, perhaps by country or use. {_CUSTOMERS_BANK}",
    "service_not_allowed": f"The card may not be used so. {_CUSTOMERS_BANK}",
    "transaction_not_allowed": f"The card may not be used so. {_CUSTOMERS_BANK}",
    "regulatory_block": "Law or sanctions forbid it. Do not try to get round it.",
    "stop_payment_order": _REVOKED,
    "revocation_of_authorization": _REVOKED,
    "revocation_of_all_authorizations": _REVOKED,
    "testmode_decline": "A test card was used in live mode.",
    "invalid_merchant": f"The acquirer does not know you as you present yourself. {_OUR_SETUP}",
    "invalid_transaction": f"The processor does not take this kind of transaction from you. {_OUR_SETUP}",
    "surcharge_not_permitted": f"The surcharge is not allowed here. {_OUR_SETUP}",
    "processing_error": _TECHNICAL,
    "format_error": f"The processor could not read the request. {_OUR_SETUP}",
    "issuer_not_available": _TECHNICAL,
    "duplicate_transaction": "The same payment came a moment before. See whether that one was approved; do not repeat.",
}
"""By standard code; every code has its words (a test sees to it)."""
