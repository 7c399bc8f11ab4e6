"""What Worldpay is asked for in a payment: the instrument, what the cardholder agreed to, what they authenticated."""

from __future__ import annotations

import re
from typing import Final

from recoup.connectors.base import (
    Account,
    Agreement,
    Authentication,
    Billing,
    Card,
    Charge,
    Initiator,
    Source,
)

_SCHEME_REFERENCE: Final = re.compile(r"[A-Za-z0-9]{1,56}")
_AGREEMENTS: Final = {Agreement.RECURRING: "subscription", Agreement.UNSCHEDULED: "unscheduled"}


def instruction(account: Account, source: Source, billing: Billing) -> dict[str, object]:
    return {
        "method": "card",
        "paymentInstrument": _instrument(source, billing),
        "narrative": {"line1": account.credential("narrative")[:24]},
    }


def agreement(charge: Charge) -> dict[str, str] | None:
    """What the cardholder agreed to: a first payment by which a card is stored, or a later one with it."""
    if charge.initiator is Initiator.MERCHANT:
        later = {"type": _AGREEMENTS[charge.agreement], "storedCardUsage": "subsequent"}
        network_id = charge.network_transaction_id
        if network_id is not None and _SCHEME_REFERENCE.fullmatch(network_id):
            later["schemeReference"] = network_id
        return later
    if charge.remember:
        return {"type": _AGREEMENTS[charge.agreement], "storedCardUsage": "first"}
    return (
        None if isinstance(charge.source, Card) else {"type": "cardOnFile", "storedCardUsage": "subsequent"}
    )


def authentication(known: Authentication) -> dict[str, str]:
    """What the customer's authentication came to elsewhere."""
    return {
        "type": "external",
        "version": known.version,
        "eci": known.eci,
        "authenticationValue": known.cryptogram.reveal(),
        "transactionId": known.ds_transaction_id,
    }


def _instrument(source: Source, billing: Billing) -> dict[str, object]:
    if not isinstance(source, Card):
        return {"type": "token", "href": source.value.reveal()}
    card: dict[str, object] = {
        "type": "plain",
        "cardNumber": source.number.reveal(),
        "expiryDate": {"month": source.exp_month, "year": source.exp_year},
    }
    if source.holder:
        card["cardHolderName"] = source.holder
    if source.cvc is not None:
        card["cvc"] = source.cvc.reveal()
    if billing.line1 and billing.city and billing.country:
        address = {
            "address1": billing.line1,
            "address2": billing.line2,
            "city": billing.city,
            "state": billing.state,
            "postalCode": billing.postal_code,
            "countryCode": billing.country,
        }
        card["billingAddress"] = {name: value for name, value in address.items() if value}
    return card
