"""What CyberSource is asked: bodies of payments, captures, refunds, reversals and searches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from recoup.connectors.base import (
    Agreement,
    Authenticated,
    Authentication,
    Billing,
    Card,
    Change,
    Charge,
    Initiator,
    Source,
    Verification,
)
from recoup.kit.money import Money

SEARCHED_MAX: Final = 20
"""How many transactions a search by our key may bring: there is one, or something is wrong."""
CARD_TYPES: Final = {
    "visa": "001",
    "mastercard": "002",
    "amex": "003",
    "discover": "004",
    "diners": "005",
    "jcb": "007",
    "cartes_bancaires": "036",
    "maestro": "042",
    "elo": "054",
    "unionpay": "062",
}

UCAF: Final = frozenset({"01", "02"})
"""The indicators of Mastercard, whose proof is its universal cardholder authentication field."""
PROGRAMMES: Final = {
    "visa": "vbv",
    "amex": "aesk",
    "discover": "dipb",
    "diners": "pb",
    "jcb": "js",
}
"""What the networks' authentication programmes are called as commerce indicators."""

Asked = dict[str, Any]


def payment(charge: Charge) -> Asked:
    """Take or hold money."""
    recurring = charge.initiator is Initiator.MERCHANT and charge.agreement == Agreement.RECURRING
    processing: Asked = {
        "capture": charge.capture,
        "commerceIndicator": "recurring" if recurring else "internet",
        **_remembering(remember=charge.remember),
        "authorizationOptions": {"partialAuthIndicator": False, **_initiator(charge)},
    }
    asked = {
        "clientReferenceInformation": {"code": charge.key, **_comments(charge.merchant_reference)},
        "processingInformation": processing,
        **_paying(charge.source),
        "orderInformation": {**_amount(charge.amount), **_bill_to(charge.billing, charge.source)},
    }
    if charge.browser is not None and charge.browser.ip:
        asked["deviceInformation"] = {"ipAddress": charge.browser.ip}
    if charge.authentication is not None:
        processing["commerceIndicator"] = _indicator(charge.authentication, brand=charge.source.brand)
        asked["consumerAuthenticationInformation"] = _authentication(charge.authentication)
    return asked


def _indicator(known: Authentication, *, brand: str) -> str:
    """The network's programme, and whether its authentication was only tried; Mastercard says that elsewhere."""
    if known.eci in UCAF:
        return "spa"
    programme = PROGRAMMES.get(brand, "vbv")
    return programme if known.status is Authenticated.FULLY else f"{programme}_attempted"


def _authentication(known: Authentication) -> Asked:
    """What the customer's authentication came to elsewhere, under the names that each network's proof has here."""
    proof = known.cryptogram.reveal()
    if known.eci in UCAF:
        proved = {"ucafAuthenticationData": proof, "ucafCollectionIndicator": known.eci[-1]}
    else:
        proved = {"cavv": proof}
    return {
        **proved,
        "eciRaw": known.eci,
        "paresStatus": known.status,
        "paSpecificationVersion": known.version,
        "directoryServerTransactionId": known.ds_transaction_id,
    }


def zero_amount(verification: Verification) -> Asked:
    """Ask the issuer about a card without holding anything."""
    stored = (
        {"initiator": {"type": "customer", "credentialStoredOnFile": True}} if verification.remember else {}
    )
    return {
        "clientReferenceInformation": {"code": verification.key},
        "processingInformation": {
            "capture": False,
            "commerceIndicator": "internet",
            **_remembering(remember=verification.remember),
            "authorizationOptions": {"partialAuthIndicator": False, **stored},
        },
        **_paying(verification.source),
        "orderInformation": {
            **_amount(Money(0, verification.currency)),
            **_bill_to(verification.billing, verification.source),
        },
    }


def amount_of(change: Change) -> Asked:
    """A capture or refund."""
    return {
        "clientReferenceInformation": {"code": change.key},
        "orderInformation": _amount(change.amount),
    }


def reversal(change: Change) -> Asked:
    """Let go of what is held."""
    return {
        "clientReferenceInformation": {"code": change.key},
        "reversalInformation": _amount(change.amount),
    }


def search(key: str) -> Asked:
    """Transactions that carry our key."""
    return {
        "save": False,
        "name": "by reference",
        "timezone": "GMT",
        "query": f"clientReferenceInformation.code:{key}",
        "offset": 0,
        "limit": SEARCHED_MAX,
        "sort": "submitTimeUtc:desc",
    }


def _amount(money: Money) -> Asked:
    total = f"{money.major():.{money.decimals}f}"
    return {"amountDetails": {"totalAmount": total, "currency": money.currency}}


def _paying(source: Source) -> Asked:
    if not isinstance(source, Card):
        customer = {"customer": {"id": source.customer}} if source.customer else {}
        return {"paymentInformation": {**customer, "paymentInstrument": {"id": source.value.reveal()}}}
    card: Asked = {
        "number": source.number.reveal(),
        "expirationMonth": f"{source.exp_month:02}",
        "expirationYear": f"{source.exp_year:04}",
    }
    if source.brand in CARD_TYPES:
        card["type"] = CARD_TYPES[source.brand]
    if source.cvc is not None:
        card["securityCode"] = source.cvc.reveal()
    return {"paymentInformation": {"card": card}}


def _bill_to(billing: Billing, source: Source) -> Asked:
    holder = source.holder if isinstance(source, Card) else None
    first, _, last = (billing.name or holder or "").rpartition(" ")
    fields: Mapping[str, str | None] = {
        "firstName": first[:60],
        "lastName": last[:60],
        "address1": (billing.line1 or "")[:60],
        "address2": (billing.line2 or "")[:60],
        "locality": (billing.city or "")[:50],
        "administrativeArea": (billing.state or "")[:20],
        "postalCode": (billing.postal_code or "")[:14],
        "country": billing.country,
        "email": billing.email,
        "phoneNumber": (billing.phone or "")[:15],
    }
    said = {name: value for name, value in fields.items() if value}
    return {"billTo": said} if said else {}


def _remembering(*, remember: bool) -> Asked:
    if not remember:
        return {}
    return {"actionList": ["TOKEN_CREATE"], "actionTokenTypes": ["customer", "paymentInstrument"]}


def _initiator(charge: Charge) -> Asked:
    """Which part this charge has in an agreement, in the words of the card networks' framework."""
    if charge.initiator is Initiator.MERCHANT:
        previous = charge.network_transaction_id
        link = {"merchantInitiatedTransaction": {"previousTransactionID": previous}} if previous else {}
        return {"initiator": {"type": "merchant", "storedCredentialUsed": True, **link}}
    if charge.remember:
        return {"initiator": {"type": "customer", "credentialStoredOnFile": True}}
    if not isinstance(charge.source, Card):
        return {"initiator": {"type": "customer", "storedCredentialUsed": True}}
    return {}


def _comments(reference: str | None) -> Asked:
    return {"comments": reference[:255]} if reference else {}
