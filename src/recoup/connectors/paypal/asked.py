"""Builds what PayPal is asked."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

import msgspec

from recoup.connectors.base import Account, Agreement, Billing, Card, Charge, HttpRequest, Initiator, Token
from recoup.kit.money import Money

CURRENCIES: Final = frozenset(
    {
        *("AUD", "BRL", "CAD", "CHF", "CNY", "CZK", "DKK", "EUR", "GBP", "HKD", "HUF", "ILS", "INR"),
        *("JPY", "MXN", "MYR", "NOK", "NZD", "PHP", "PLN", "SEK", "SGD", "THB", "TWD", "USD"),
    }
)
NO_DECIMALS: Final = frozenset({"HUF", "JPY", "TWD"})
"""The currencies that PayPal counts in whole units, whatever ISO 4217 says."""

PAYPAL: Final = "paypal"
_NETWORKS: Final = {
    "visa": "VISA",
    "mastercard": "MASTERCARD",
    "amex": "AMEX",
    "discover": "DISCOVER",
    "diners": "DINERS",
    "jcb": "JCB",
    "maestro": "MAESTRO",
    "unionpay": "CHINA_UNION_PAY",
    "elo": "ELO",
}
_BANKNET: Final = 9
"""How long Mastercard's own reference is; its trace id ends with the date, `MMDD`."""

Body = dict[str, object]


def token(account: Account) -> HttpRequest:
    """The OAuth step: an access token for this exchange."""
    pair = f"{account.credential('client_id')}:{account.credential('client_secret')}"
    return HttpRequest(
        method="POST",
        url=f"{account.base_url}/v1/oauth2/token",
        headers={"Content-Type": "application/x-www-form-urlencoded"},
        secret_headers={"Authorization": f"Basic {b64encode(pair.encode()).decode()}"},
        body=b"grant_type=client_credentials",
    )


def post(account: Account, access: str, path: str, *, key: str, body: Mapping[str, object]) -> HttpRequest:
    """A request that is done once by its key."""
    return HttpRequest(
        method="POST",
        url=f"{account.base_url}{path}",
        headers={
            "Content-Type": "application/json",
            "PayPal-Request-Id": key,
            "Prefer": "return=representation",
        },
        secret_headers={"Authorization": f"Bearer {access}"},
        body=msgspec.json.encode(body),
    )


def get(account: Account, access: str, path: str) -> HttpRequest:
    """A question."""
    return HttpRequest(
        method="GET",
        url=f"{account.base_url}{path}",
        secret_headers={"Authorization": f"Bearer {access}"},
    )


def path(*parts: str) -> str:
    """A path whose parts may hold anything."""
    return "".join(f"/{quote(part, safe='')}" for part in parts)


def order(account: Account, access: str, *, key: str, amount: Money, capture: bool) -> HttpRequest:
    """An order that nobody has said yet with what to pay: harmless, and the same order when asked for again."""
    unit = {"custom_id": key, "invoice_id": key, "amount": money(amount)}
    body: Body = {"intent": "CAPTURE" if capture else "AUTHORIZE", "purchase_units": [unit]}
    return post(account, access, "/v2/checkout/orders", key=f"{key}-order", body=body)


def money(amount: Money) -> Body:
    """An amount as PayPal writes it."""
    decimals = 0 if amount.currency in NO_DECIMALS else amount.decimals
    return {"currency_code": amount.currency, "value": f"{amount.major():.{decimals}f}"}


def can_be_said(amount: Money) -> bool:
    """Whether PayPal takes this currency, and it has no parts that PayPal does not count."""
    if amount.currency not in CURRENCIES:
        return False
    return amount.currency not in NO_DECIMALS or amount.minor % 10**amount.decimals == 0


def source(charge: Charge) -> Body:
    """With what is paid."""
    pays = charge.source
    if isinstance(pays, Token) and pays.brand == PAYPAL:
        wallet = {"payment_initiator": charge.initiator.upper(), "usage": "SUBSEQUENT"}
        return {"paypal": {"vault_id": pays.value.reveal(), "stored_credential": wallet}}
    whole: Body = card(pays, charge.billing) if isinstance(pays, Card) else {"vault_id": pays.value.reveal()}
    attributes: Body = {}
    if charge.remember and isinstance(pays, Card):
        attributes["vault"] = {"store_in_vault": "ON_SUCCESS"}
    if charge.return_url and charge.initiator == Initiator.CUSTOMER:
        attributes["verification"] = {"method": "SCA_WHEN_REQUIRED"}
        whole["experience_context"] = {"return_url": charge.return_url, "cancel_url": charge.return_url}
    if attributes:
        whole["attributes"] = attributes
    if stored := _stored(charge):
        whole["stored_credential"] = stored
    return {"card": whole}


def card(one: Card, billing: Billing) -> Body:
    """A card with its billing address, which must name a country."""
    address = {
        "address_line_1": billing.line1,
        "address_line_2": billing.line2,
        "admin_area_2": billing.city,
        "admin_area_1": billing.state,
        "postal_code": billing.postal_code,
        "country_code": billing.country,
    }
    return _without_gaps(
        {
            "number": one.number.reveal(),
            "expiry": f"{one.exp_year:04d}-{one.exp_month:02d}",
            "security_code": one.cvc.reveal() if one.cvc is not None else None,
            "name": one.holder,
            "billing_address": _without_gaps(address) if billing.country else None,
        }
    )


def _stored(charge: Charge) -> Body | None:
    """What card networks want to know of a stored credential; nothing of a card that is used once."""
    series = "RECURRING" if charge.agreement == Agreement.RECURRING else "UNSCHEDULED"
    if charge.initiator == Initiator.MERCHANT:
        said: Body = {"payment_initiator": "MERCHANT", "payment_type": series, "usage": "SUBSEQUENT"}
        if charge.network_transaction_id and isinstance(charge.source, Card):
            said["previous_network_transaction_reference"] = _network_transaction(charge)
        return said
    if charge.remember:
        return {"payment_initiator": "CUSTOMER", "payment_type": series, "usage": "FIRST"}
    if isinstance(charge.source, Token):
        return {"payment_initiator": "CUSTOMER", "payment_type": "ONE_TIME", "usage": "SUBSEQUENT"}
    return None


def _network_transaction(charge: Charge) -> Body:
    """Mastercard's trace id is taken apart: PayPal wants its date beside it."""
    id_, brand = charge.network_transaction_id or "", charge.source.brand
    said: Body = {"id": id_, "network": _NETWORKS.get(brand)}
    if brand == "mastercard" and len(id_) == _BANKNET + 4 and id_[_BANKNET:].isdigit():
        said |= {"id": id_[:_BANKNET], "date": id_[_BANKNET:]}
    return _without_gaps(said)


def _without_gaps(body: Mapping[str, object]) -> Body:
    return {name: value for name, value in body.items() if value is not None}
