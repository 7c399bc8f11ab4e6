"""What Adyen is asked: the bodies of payments and verifications."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from recoup.connectors.adyen.answers import Amount
from recoup.connectors.base import (
    Account,
    Agreement,
    Authentication,
    Billing,
    Browser,
    Card,
    Charge,
    Initiator,
    Source,
    Token,
    Verification,
)

NO_RETURN: Final = "https://return.invalid/"
"""Adyen wants an address to return to even where no challenge is possible."""
_TEXT_MAX: Final = 80


def charge_body(account: Account, charge: Charge, amount: Amount) -> dict[str, object]:
    """Take or hold money."""
    metadata = {"capture": "automatic" if charge.capture else "manual"}
    if charge.merchant_reference is not None and len(charge.merchant_reference) <= _TEXT_MAX:
        metadata["merchant_reference"] = charge.merchant_reference
    body = _common(account, charge.key, amount=amount, source=charge.source, billing=charge.billing)
    body |= _browser_fields(charge.browser) | _credential_fields(charge) | _capture_fields(charge)
    body |= _return_fields(charge.return_url, by_customer=charge.initiator is Initiator.CUSTOMER)
    body |= _authentication(charge.authentication)
    return {**body, "merchantOrderReference": charge.payment_key, "metadata": metadata}


def _authentication(known: Authentication | None) -> dict[str, object]:
    """What the customer's authentication came to elsewhere: Adyen then only authorises."""
    if known is None:
        return {}
    result = {
        "authenticationResponse": known.status,
        "directoryResponse": known.status,
        "cavv": known.cryptogram.reveal(),
        "eci": known.eci,
        "dsTransID": known.ds_transaction_id,
        "threeDSVersion": known.version,
    }
    return {"mpiData": result, "authenticationData": {"attemptAuthentication": "never"}}


def _capture_fields(charge: Charge) -> dict[str, object]:
    """When it is captured; and the network's name of the payment that was agreed to, which Adyen knows of its own."""
    more: dict[str, str] = {} if charge.capture else {"manualCapture": "true"}
    if charge.network_transaction_id is not None and isinstance(charge.source, Card):
        more["networkTxReference"] = charge.network_transaction_id
    fields: dict[str, object] = {"captureDelayHours": 0} if charge.capture else {}
    return {**fields, "additionalData": more} if more else fields


def verification_body(account: Account, asked: Verification, amount: Amount) -> dict[str, object]:
    """Ask about a card or token, over nothing."""
    body = _common(account, asked.key, amount=amount, source=asked.source, billing=asked.billing)
    body |= _browser_fields(asked.browser) | _return_fields(asked.return_url, by_customer=True)
    body["shopperInteraction"] = "Ecommerce"
    if asked.remember and isinstance(asked.source, Card):
        body |= {"storePaymentMethod": True, "recurringProcessingModel": "UnscheduledCardOnFile"}
    if (name := shopper(asked, otherwise=asked.key)) is not None:
        body["shopperReference"] = name
    return body


def _common(
    account: Account, key: str, *, amount: Amount, source: Source, billing: Billing
) -> dict[str, object]:
    """What every payment has, and who pays as far as known."""
    known = {
        "merchantAccount": account.credential("merchant_account"),
        "reference": key,
        "amount": amount,
        "paymentMethod": _payment_method(source, billing),
        "shopperEmail": billing.email,
        "telephoneNumber": billing.phone,
        "billingAddress": _billing_address(billing),
    }
    return {name: value for name, value in known.items() if value is not None}


def _payment_method(source: Source, billing: Billing) -> dict[str, str]:
    if isinstance(source, Token):
        return {"type": "scheme", "storedPaymentMethodId": source.value.reveal()}
    method = {
        "type": "scheme",
        "number": source.number.reveal(),
        "expiryMonth": f"{source.exp_month:02}",
        "expiryYear": f"{source.exp_year:04}",
    }
    if source.cvc is not None:
        method["cvc"] = source.cvc.reveal()
    if (holder := source.holder or billing.name) is not None:
        method["holderName"] = holder
    return method


def _credential_fields(charge: Charge) -> dict[str, object]:
    """Who started it, with a credential how stored; Adyen tells merchant- from customer-initiated by these."""
    model = "Subscription" if charge.agreement is Agreement.RECURRING else "UnscheduledCardOnFile"
    fields: dict[str, object] = {"shopperInteraction": "Ecommerce"}
    if charge.initiator is Initiator.MERCHANT:
        fields = {"shopperInteraction": "ContAuth", "recurringProcessingModel": model}
    elif isinstance(charge.source, Token):
        fields = {"shopperInteraction": "ContAuth", "recurringProcessingModel": "CardOnFile"}
    if charge.remember and isinstance(charge.source, Card):
        fields |= {"storePaymentMethod": True, "recurringProcessingModel": model}
    if (name := shopper(charge, otherwise=charge.payment_key)) is not None:
        fields["shopperReference"] = name
    return fields


def shopper(asked: Charge | Verification, *, otherwise: str) -> str | None:
    """The shopper reference: the token's own, or our name for the customer; what is to be stored must have one."""
    if isinstance(asked.source, Token):
        return asked.source.customer or asked.customer_key
    return asked.customer_key or (otherwise if asked.remember else None)


def _return_fields(return_url: str | None, *, by_customer: bool) -> dict[str, object]:
    """Where the customer comes back to; a challenge is only possible where they can."""
    if return_url is None or not by_customer:
        fields: dict[str, object] = {"returnUrl": return_url or NO_RETURN}
        return fields | ({"authenticationData": {"attemptAuthentication": "never"}} if by_customer else {})
    parts = urlsplit(return_url)
    return {
        "returnUrl": return_url,
        "origin": f"{parts.scheme}://{parts.netloc}",
        "channel": "Web",
        "authenticationData": {"threeDSRequestData": {"nativeThreeDS": "disabled"}},
    }


def _browser_fields(browser: Browser | None) -> dict[str, object]:
    if browser is None:
        return {}
    fields: dict[str, object] = {} if browser.ip is None else {"shopperIP": browser.ip}
    if browser.user_agent is not None:
        info = {"userAgent": browser.user_agent, "acceptHeader": browser.accept or "*/*"}
        fields["browserInfo"] = info | ({"language": browser.language} if browser.language else {})
    return fields


def _billing_address(billing: Billing) -> dict[str, str] | None:
    """Adyen takes a whole address or none; of the house it wants to be told at least that it is not told."""
    if not (billing.line1 and billing.city and billing.postal_code and billing.country):
        return None
    if billing.country in {"US", "CA"} and not billing.state:
        return None
    address = {
        "street": billing.line1,
        "houseNumberOrName": billing.line2 or "N/A",
        "city": billing.city,
        "postalCode": billing.postal_code,
        "country": billing.country,
    }
    return address | ({"stateOrProvince": billing.state} if billing.state else {})
