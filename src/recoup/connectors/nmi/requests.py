"""What NMI is asked: forms for Direct Post and for the Query API."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode

from recoup.connectors.base import (
    Account,
    Agreement,
    Authenticated,
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


def post(account: Account, asked: Mapping[str, str], *, path: str = "transact") -> HttpRequest:
    """A form with the credentials first."""
    return HttpRequest(
        method="POST",
        url=f"{account.base_url}/api/{path}.php",
        headers={"Content-Type": "application/x-www-form-urlencoded"},
        body=urlencode({"security_key": account.credential("security_key"), **asked}).encode(),
    )


def query(account: Account, **asked: str) -> HttpRequest:
    """What is known of transactions."""
    return post(account, asked, path="query")


def _major(amount: Money) -> str:
    return f"{amount.major():.2f}"


def sale(charge: Charge) -> dict[str, str]:
    """Take or hold money."""
    by_merchant = charge.initiator is Initiator.MERCHANT
    asked = {
        "type": "sale" if charge.capture else "auth",
        "amount": _major(charge.amount),
        "currency": charge.amount.currency,
        "orderid": charge.key,
        "dup_seconds": "0",
        **_paying(charge.source, remember=charge.remember),
        **_billing(charge.billing),
    }
    if charge.merchant_reference:
        asked["order_description"] = charge.merchant_reference
    if charge.browser is not None and charge.browser.ip:
        asked["ipaddress"] = charge.browser.ip
    if charge.authentication is not None:
        asked |= _authentication(charge.authentication)
    if by_merchant or charge.remember or not isinstance(charge.source, Card):
        asked["initiated_by"] = charge.initiator.value
        asked["stored_credential_indicator"] = "stored" if charge.remember and not by_merchant else "used"
        if charge.agreement == Agreement.RECURRING:
            asked["billing_method"] = "recurring"
    return asked


def _authentication(known: Authentication) -> dict[str, str]:
    """What the customer's authentication came to, wherever it was made."""
    return {
        "cardholder_auth": "verified" if known.status is Authenticated.FULLY else "attempted",
        "cavv": known.cryptogram.reveal(),
        "eci": known.eci,
        "directory_server_id": known.ds_transaction_id,
        "three_ds_version": known.version,
    }


def _paying(source: Source, *, remember: bool) -> dict[str, str]:
    if not isinstance(source, Card):
        return {"customer_vault_id": source.value.reveal()}
    asked = {
        "payment": "creditcard",
        "ccnumber": source.number.reveal(),
        "ccexp": f"{source.exp_month:02}{source.exp_year % 100:02}",
    }
    if source.cvc is not None:
        asked["cvv"] = source.cvc.reveal()
    return asked | ({"customer_vault": "add_customer"} if remember else {})


def _billing(billing: Billing) -> dict[str, str]:
    first, _, last = (billing.name or "").rpartition(" ")
    fields = {
        "first_name": first,
        "last_name": last,
        "address1": billing.line1,
        "address2": billing.line2,
        "city": billing.city,
        "state": billing.state,
        "zip": billing.postal_code,
        "country": billing.country,
        "phone": billing.phone,
        "email": billing.email,
    }
    return {name: value for name, value in fields.items() if value}


def validation(verification: Verification) -> dict[str, str]:
    """Ask whether a card is good; no amount."""
    asked = {
        "type": "validate",
        "orderid": verification.key,
        **_paying(verification.source, remember=verification.remember),
        **_billing(verification.billing),
    }
    if verification.remember:
        asked |= {"initiated_by": "customer", "stored_credential_indicator": "stored"}
    return asked


def saving(charge: Charge) -> dict[str, str]:
    """Put a card into the customer vault, and ask nobody about it."""
    vaulted = _paying(charge.source, remember=True)
    return {**{name: value for name, value in vaulted.items() if name != "cvv"}, **_billing(charge.billing)}


def capture(change: Change) -> dict[str, str]:
    """Take what is held. No `orderid`: it could overwrite that of the charge."""
    return {"type": "capture", "amount": _major(change.amount), **_marked(change)}


def void(change: Change) -> dict[str, str]:
    """Let go of what is held."""
    return {"type": "void", **_marked(change)}


def refund(change: Change) -> dict[str, str]:
    """Give back what was taken."""
    return {
        "type": "refund",
        "transactionid": change.charge_reference,
        "amount": _major(change.amount),
        "orderid": change.key,
    }


def _marked(change: Change) -> dict[str, str]:
    return {"transactionid": change.charge_reference, "merchant_defined_field_1": change.key}
