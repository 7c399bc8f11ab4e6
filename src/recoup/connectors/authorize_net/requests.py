"""What Authorize.Net is sent: every object in the order of its schema, which it insists on."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from recoup.connectors.base import (
    Account,
    Agreement,
    Authentication,
    Billing,
    Card,
    Change,
    Charge,
    HttpRequest,
    Initiator,
    Source,
    Verification,
)
from recoup.kit.money import Money

DUPLICATE_WINDOW_S: Final = 28_800
"""The longest time for which the gateway compares a request with those before it."""
PAGE_ROWS: Final = 1000
DIGEST_LENGTH: Final = 20
"""As long as `refId` and `invoiceNumber` may be; our keys are longer."""

Asked = dict[str, Any]


def digest(key: str) -> str:
    """Our key in as few letters as the gateway can search by: eighty bits of a hash."""
    return hashlib.sha256(key.encode()).hexdigest()[:DIGEST_LENGTH]


def ask(account: Account, request: str, asked: Mapping[str, object]) -> HttpRequest:
    """Any request, under its name, with the credentials first."""
    authentication = {
        "name": account.credential("api_login_id"),
        "transactionKey": account.credential("transaction_key"),
    }
    return HttpRequest(
        method="POST",
        url=f"{account.base_url}/xml/v1/request.api",
        headers={"Content-Type": "application/json"},
        body=msgspec.json.encode({request: {"merchantAuthentication": authentication, **asked}}),
    )


def transaction(account: Account, key: str, asked: Asked) -> HttpRequest:
    """A request that moves money, or what is held."""
    return ask(account, "createTransactionRequest", {"refId": digest(key), "transactionRequest": asked})


def details(account: Account, transaction_id: str) -> HttpRequest:
    """What is known of a transaction."""
    return ask(account, "getTransactionDetailsRequest", {"transId": transaction_id})


def newest(account: Account, batch_id: str | None = None) -> HttpRequest:
    """The newest transactions of a batch, or of those that are in none yet."""
    page = {
        "sorting": {"orderBy": "submitTimeUTC", "orderDescending": True},
        "paging": {"limit": PAGE_ROWS, "offset": 1},
    }
    if batch_id is None:
        return ask(account, "getUnsettledTransactionListRequest", page)
    return ask(account, "getTransactionListRequest", {"batchId": batch_id, **page})


def sale(charge: Charge) -> Asked:
    """Take or hold money."""
    by_merchant = charge.initiator is Initiator.MERCHANT
    recurring = charge.agreement == Agreement.RECURRING and (by_merchant or charge.remember)
    return {
        "transactionType": "authCaptureTransaction" if charge.capture else "authOnlyTransaction",
        "amount": amount(charge.amount),
        "currencyCode": charge.amount.currency,
        **_paying(charge.source, remember=charge.remember),
        "order": _order(charge.key),
        **_customer(charge.key, charge.source, charge.billing, remember=charge.remember),
        **({"customerIP": charge.browser.ip} if charge.browser is not None and charge.browser.ip else {}),
        **_authentication(charge.authentication),
        "transactionSettings": _settings(recurring=recurring),
        **_user_fields(merchant_reference=charge.merchant_reference),
        **_stored_credential(charge, by_merchant=by_merchant),
    }


def zero_amount(verification: Verification) -> Asked:
    """Ask the issuer about a card without holding anything."""
    key, source = verification.key, verification.source
    return {
        "transactionType": "authOnlyTransaction",
        "amount": "0.00",
        "currencyCode": verification.currency,
        **_paying(source, remember=verification.remember),
        "order": _order(key),
        **_customer(key, source, verification.billing, remember=verification.remember),
        "transactionSettings": _settings(),
    }


def capture(change: Change) -> Asked:
    """Take what is held. No `order`: it could overwrite that of the charge."""
    return {
        "transactionType": "priorAuthCaptureTransaction",
        "amount": amount(change.amount),
        "currencyCode": change.amount.currency,
        "refTransId": change.charge_reference,
        **_user_fields(key=change.key),
    }


def void(change: Change) -> Asked:
    """Let go of what is held, or captured and not settled."""
    return {
        "transactionType": "voidTransaction",
        "refTransId": change.charge_reference,
        **_user_fields(key=change.key),
    }


def credit(change: Change, *, last4: str) -> Asked:
    """Give back what was settled."""
    return {
        "transactionType": "refundTransaction",
        "amount": amount(change.amount),
        "currencyCode": change.amount.currency,
        "payment": {"creditCard": {"cardNumber": last4, "expirationDate": "XXXX"}},
        "refTransId": change.charge_reference,
        "order": _order(change.key),
        "transactionSettings": _settings(),
    }


def amount(money: Money) -> str:
    """In whole units with two decimals, which all currencies have that the gateway takes."""
    return f"{money.major():.2f}"


def _order(key: str) -> Asked:
    return {"invoiceNumber": digest(key), "description": key}


def _paying(source: Source, *, remember: bool) -> Asked:
    if not isinstance(source, Card):
        method = {"paymentProfileId": source.value.reveal()}
        return {"profile": {"customerProfileId": source.customer, "paymentProfile": method}}
    card = {
        "cardNumber": source.number.reveal(),
        "expirationDate": f"{source.exp_year:04}-{source.exp_month:02}",
        **({"cardCode": source.cvc.reveal()} if source.cvc is not None else {}),
    }
    return {"payment": {"creditCard": card}, **({"profile": {"createProfile": True}} if remember else {})}


def _authentication(known: Authentication | None) -> Asked:
    """What the customer's authentication came to elsewhere; the gateway's schema has no place for its ids."""
    if known is None:
        return {}
    proof = known.cryptogram.reveal()
    return {
        "cardholderAuthentication": {
            "authenticationIndicator": known.eci,
            "cardholderAuthenticationValue": proof,
        }
    }


def _customer(key: str, source: Source, billing: Billing, *, remember: bool) -> Asked:
    """A profile brings its own address; a new one is made for each card, so that none is refused as a duplicate."""
    if not isinstance(source, Card):
        return {}
    first, _, last = (billing.name or source.holder or "").rpartition(" ")
    fields = {
        "firstName": first[:50],
        "lastName": last[:50],
        "address": " ".join(line for line in (billing.line1, billing.line2) if line)[:60],
        "city": (billing.city or "")[:40],
        "state": (billing.state or "")[:40],
        "zip": (billing.postal_code or "")[:20],
        "country": billing.country or "",
        "phoneNumber": (billing.phone or "")[:25],
    }
    return {
        **({"customer": {"type": "individual", "id": digest(key)}} if remember else {}),
        "billTo": {name: value for name, value in fields.items() if value},
    }


def _settings(*, recurring: bool = False) -> Asked:
    settings = {"allowPartialAuth": "false", "duplicateWindow": str(DUPLICATE_WINDOW_S)}
    if recurring:
        settings["recurringBilling"] = "true"
    return {"setting": [{"settingName": name, "settingValue": value} for name, value in settings.items()]}


def _user_fields(**fields: str | None) -> Asked:
    said = [{"name": name, "value": value} for name, value in fields.items() if value]
    return {"userFields": {"userField": said}} if said else {}


def _stored_credential(charge: Charge, *, by_merchant: bool) -> Asked:
    """Which part this charge has in an agreement, in the words of the card networks' framework."""
    if by_merchant:
        asked: Asked = {"processingOptions": {"isSubsequentAuth": True}}
        if charge.network_transaction_id:
            asked["subsequentAuthInformation"] = {"originalNetworkTransId": charge.network_transaction_id}
        return asked
    if charge.remember:
        recurring = charge.agreement == Agreement.RECURRING
        return {
            "processingOptions": {"isFirstRecurringPayment" if recurring else "isFirstSubsequentAuth": True}
        }
    return {} if isinstance(charge.source, Card) else {"processingOptions": {"isStoredCredentials": True}}
