"""Builds what Braintree is asked: one address, a document, its variables."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Mapping
from typing import Final

import msgspec

from recoup.connectors.base import (
    Account,
    Agreement,
    Authentication,
    Billing,
    Browser,
    Card,
    Charge,
    Completion,
    HttpRequest,
    Initiator,
)
from recoup.kit.money import Money

VERSION: Final = "2025-02-12"
DECIMALS_MAX: Final = 3

_MERCHANT_ACCOUNT: Final = re.compile(r"([A-Z]{3})\s*=\s*([^\s,]+)")
_ONE_USE: Final = "token"
"""How the ids begin of what Braintree's script in the browser made, for one use."""
_WORDS_MAX: Final = 50
_POSTAL_CODE_MAX: Final = 10
_REGION_MAX: Final = 3

Body = dict[str, object]
_STORE: Final = {"when": "ON_SUCCESSFUL_TRANSACTION"}


def request(account: Account, query: str, **variables: object) -> HttpRequest:
    """One document with its variables."""
    keys = f"{account.credential('public_key')}:{account.credential('private_key')}"
    return HttpRequest(
        method="POST",
        url=f"{account.base_url}/graphql",
        headers={
            "Accept": "application/json",
            "Braintree-Version": VERSION,
            "Content-Type": "application/json",
        },
        secret_headers={"Authorization": f"Basic {b64encode(keys.encode()).decode()}"},
        body=msgspec.json.encode({"query": query, "variables": variables}),
    )


def merchant_account(account: Account, currency: str) -> str | None:
    """The merchant account that has this currency."""
    return dict(_MERCHANT_ACCOUNT.findall(account.credential("merchant_accounts"))).get(currency)


def amount(money: Money) -> str:
    """Major units: a whole number, or one with all its decimals."""
    return f"{money.major():.{money.decimals}f}"


def card(one: Card, billing: Billing) -> Body:
    """A card with its billing address."""
    return _without_gaps(
        {
            "number": one.number.reveal(),
            "expirationMonth": f"{one.exp_month:02d}",
            "expirationYear": f"{one.exp_year:04d}",
            "cvv": one.cvc.reveal() if one.cvc is not None else None,
            "cardholderName": one.holder,
            "billingAddress": _address(billing) or None,
        }
    )


def charge(one: Charge, *, method: str, account: str) -> Body:
    """A charge of a method, at a merchant account."""
    whole: Body = {
        "clientMutationId": one.key,
        "paymentMethodId": method,
        "transaction": _transaction(one, account),
    }
    by_merchant = one.initiator == Initiator.MERCHANT
    if isinstance(one.source, Card) and by_merchant:
        link = {"status": "VAULTED", "verifyingNetworkTransactionId": one.network_transaction_id}
        whole["options"] = {"externalVault": _without_gaps(link)}
    elif one.authentication is not None and authenticated(one):
        whole["options"] = {
            "threeDSecureAuthentication": {"passThrough": _authentication(one.authentication)}
        }
    return whole


def lookup(one: Charge, browser: Browser, *, method: str, account: str) -> Body:
    """Whether the issuer wants the customer to authenticate."""
    billing = one.billing
    seen: Mapping[str, object] = {
        "javaEnabled": browser.java_enabled,
        "javascriptEnabled": True,
        "acceptHeader": browser.accept,
        "language": browser.language,
        "colorDepth": browser.color_depth,
        "screenHeight": browser.screen_height,
        "screenWidth": browser.screen_width,
        "timeZone": browser.time_zone_offset,
        "userAgent": browser.user_agent,
    }
    about: Mapping[str, object] = {
        "email": _plain(billing.email, at_most=255),
        "phoneNumber": _digits(billing.phone),
        "ipAddress": browser.ip,
        "deviceChannel": "BROWSER",
        "browserInformation": _without_gaps(seen),
    }
    whole: Body = {
        "clientMutationId": one.key,
        "merchantAccountId": account,
        "paymentMethodId": method,
        "amount": amount(one.amount),
        "transactionInformation": _without_gaps(about),
    }
    cardholder = _cardholder(billing)
    return {**whole, "cardholderInformation": {"billingAddress": cardholder}} if cardholder else whole


def completion(one: Completion, *, method: str, account: str, initiator: str | None, keep: bool) -> Body:
    """The charge that goes on once its customer has authenticated."""
    transaction: Mapping[str, object] = {
        "amount": amount(one.amount),
        "merchantAccountId": account,
        "orderId": one.key,
        "paymentInitiator": initiator,
        "vaultPaymentMethodAfterTransacting": _STORE if keep else None,
    }
    return {
        "clientMutationId": one.key,
        "paymentMethodId": method,
        "transaction": _without_gaps(transaction),
    }


def _cardholder(billing: Billing) -> Body:
    """Letters that are not ASCII are refused, and with them the whole request: what has any is left out."""
    given, _, family = (billing.name or "").rpartition(" ")
    region = billing.state or ""
    return _without_gaps(
        {
            "givenName": _plain(given),
            "surname": _plain(family),
            "phoneNumber": _digits(billing.phone),
            "line1": _plain(billing.line1),
            "line2": _plain(billing.line2),
            "locality": _plain(billing.city),
            "region": _plain(region) if len(region) <= _REGION_MAX else None,
            "countryCode": billing.country,
            "postalCode": _plain(billing.postal_code, at_most=_POSTAL_CODE_MAX),
        }
    )


def _plain(text: str | None, *, at_most: int = _WORDS_MAX) -> str | None:
    said = text or ""
    return said[:at_most] or None if said.isascii() and said.isprintable() else None


def _digits(text: str | None) -> str | None:
    return "".join(letter for letter in text or "" if letter in "0123456789") or None


def authenticated(one: Charge) -> bool:
    """Whether the customer's authentication, made elsewhere, goes along; a payment by the merchant has none."""
    return one.authentication is not None and one.initiator == Initiator.CUSTOMER


def _authentication(known: Authentication) -> Body:
    """What the customer's authentication came to elsewhere."""
    return {
        "eciFlag": known.eci,
        "cavv": known.cryptogram.reveal(),
        "threeDSecureServerTransactionId": known.ds_transaction_id,
        "version": known.version,
        "directoryServerResponse": known.status,
    }


def _transaction(one: Charge, account: str) -> Body:
    source, browser, billing = one.source, one.browser, one.billing
    own_card = isinstance(source, Card)
    keep = is_stored(one)
    risk = _without_gaps({"customerIp": browser.ip, "customerBrowser": browser.user_agent}) if browser else {}
    return _without_gaps(
        {
            "amount": amount(one.amount),
            "merchantAccountId": account,
            "orderId": one.key,
            "paymentInitiator": initiator(one),
            "riskData": risk or None,
            "customerDetails": _without_gaps({"email": billing.email, "phoneNumber": billing.phone}) or None
            if own_card
            else None,
            "vaultPaymentMethodAfterTransacting": _STORE if keep else None,
        }
    )


def is_stored(one: Charge) -> bool:
    """Whether the charge stores what it charges."""
    return one.remember and (isinstance(one.source, Card) or _is_for_one_use(one))


def initiator(one: Charge) -> str | None:
    """Nothing for the customer's own purchase, unless it is the first of a series."""
    recurring = one.agreement == Agreement.RECURRING
    if one.initiator == Initiator.MERCHANT:
        return "RECURRING" if recurring else "UNSCHEDULED"
    return "RECURRING_FIRST" if recurring and one.remember else None


def _is_for_one_use(one: Charge) -> bool:
    return not isinstance(one.source, Card) and one.source.value.reveal().startswith(_ONE_USE)


def _address(billing: Billing) -> Body:
    return _without_gaps(
        {
            "addressLine1": billing.line1,
            "addressLine2": billing.line2,
            "adminArea2": billing.city,
            "adminArea1": billing.state,
            "postalCode": billing.postal_code,
            "countryCode": billing.country,
        }
    )


def _without_gaps(body: Mapping[str, object]) -> Body:
    return {name: value for name, value in body.items() if value is not None}
