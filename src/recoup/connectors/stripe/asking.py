"""What is sent to Stripe: form-encoded bodies, and amounts as Stripe counts them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final
from urllib.parse import quote, quote_plus, urlencode

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
from recoup.kit.currencies import DECIMALS
from recoup.kit.money import Money

VERSION: Final = "2026-10-28.endive"
"""The version of the API that all of this is written for; Stripe answers by it whatever the account's own is."""

KEY: Final = "recoup_key"
"""Under this name an intent's or a refund's metadata carries our key."""

WITHDRAWN: Final = "recoup_withdrawn"
"""Under this name it stands in the metadata of the intent that burns a key (see the package's docstring)."""

_CURRENCIES: Final = """
    AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BHD BIF BMD BND BOB BRL BSD BWP BYN BZD CAD CDF CHF CLP CNY COP
    CRC CVE CZK DJF DKK DOP DZD EGP ETB EUR FJD FKP GBP GEL GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR ISK JMD
    JOD JPY KES KGS KHR KMF KRW KWD KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MUR MVR MWK MXN MYR MZN
    NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SEK SGD SHP SLE SOS SRD
    SZL THB TJS TND TOP TRY TTD TWD TZS UAH USD UYU UZS VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW
"""
CURRENCIES: Final = frozenset(_CURRENCIES.split())
"""What Stripe presents amounts in. UGX is left out on purpose: its documentation lists it as having no decimals in one
place and two in another, and a wrong guess is a hundredfold charge."""

_OF_A_HUNDRED: Final = frozenset({"ISK"})
"""No decimals by ISO, two at Stripe, which must be zeros."""
_WHOLE: Final = frozenset({"MGA"})
"""Two decimals by ISO, none at Stripe."""

_USAGE: Final = {Agreement.RECURRING: "recurring", Agreement.UNSCHEDULED: "unscheduled"}

Fields = Iterable[tuple[str, object]]


def counted(amount: Money) -> int | None:
    """The amount as Stripe counts it, or None where it cannot be said to Stripe."""
    if amount.currency not in CURRENCIES:
        return None
    if amount.currency in _OF_A_HUNDRED:
        return amount.minor * 100
    if amount.currency in _WHOLE:
        return None if amount.minor % 100 else amount.minor // 100
    return None if amount.decimals == 3 and amount.minor % 10 else amount.minor


def money(minor: int, currency: str) -> Money | None:
    """The money that Stripe means."""
    code = currency.upper()
    if code not in DECIMALS:
        return None
    if code in _OF_A_HUNDRED:
        return None if minor % 100 else Money(minor // 100, code)
    return Money(minor * 100 if code in _WHOLE else minor, code)


def get(account: Account, path: str, query: Fields = ()) -> HttpRequest:
    """A question."""
    asked = f"?{urlencode(list(query))}" if query else ""
    return HttpRequest("GET", f"{account.base_url}/v1/{path}{asked}", *_headers(account))


def post(account: Account, path: str, fields: Fields, *, key: str) -> HttpRequest:
    """A request that Stripe carries out once for this key."""
    plain, secret = _headers(account)
    return HttpRequest(
        "POST",
        f"{account.base_url}/v1/{path}",
        {**plain, "Content-Type": "application/x-www-form-urlencoded", "Idempotency-Key": key},
        secret,
        _form(fields),
    )


def named(reference: str) -> str:
    """A reference as part of a path."""
    return quote(reference, safe="")


def has_multicapture(account: Account) -> bool:
    """Whether Stripe has switched several captures on for the account, by the merchant's word."""
    return account.credential("multicapture").lower() in {"yes", "true", "on"}


def customer(asked: Charge | Verification) -> Fields:
    """Whose the saved card will be."""
    return (
        ("name", asked.billing.name),
        ("email", asked.billing.email),
        (f"metadata[{KEY}]", asked.key),
        ("metadata[recoup_customer]", asked.customer_key),
    )


def charge(account: Account, asked: Charge, *, amount: int, customer_id: str | None) -> Fields:
    """Create an intent and confirm it in the same request."""
    yield "amount", amount
    yield "currency", asked.amount.currency.lower()
    yield "confirm", "true"
    yield "capture_method", "automatic" if asked.capture else "manual"
    yield "payment_method_types[0]", "card"
    yield from _source(asked.source, asked.billing, customer_id)
    yield "expand[0]", "latest_charge"
    yield f"metadata[{KEY}]", asked.key
    yield "metadata[recoup_payment]", asked.payment_key
    yield "metadata[merchant_reference]", asked.merchant_reference
    options = "payment_method_options[card]"
    if not asked.capture and has_multicapture(account):
        yield f"{options}[request_multicapture]", "if_available"
    if asked.initiator is Initiator.MERCHANT:
        yield "off_session", "true"
        yield f"{options}[stored_credential_usage]", _USAGE[asked.agreement]
        if isinstance(asked.source, Card):
            yield f"{options}[mit_exemption][network_transaction_id]", asked.network_transaction_id
        return
    yield from _in_session(asked.return_url)
    if asked.authentication is not None:
        yield from _authentication(asked.authentication, options=options)
    if asked.remember:
        yield "setup_future_usage", "off_session"
        yield f"{options}[setup_credential_usage]", _USAGE[asked.agreement]


def _authentication(known: Authentication, *, options: str) -> Fields:
    """What the customer's authentication came to at another server; Stripe then asks for none."""
    three_d_secure = f"{options}[three_d_secure]"
    yield f"{three_d_secure}[version]", known.version
    yield f"{three_d_secure}[ares_trans_status]", known.status
    yield f"{three_d_secure}[electronic_commerce_indicator]", known.eci
    yield f"{three_d_secure}[cryptogram]", known.cryptogram.reveal()
    yield f"{three_d_secure}[transaction_id]", known.ds_transaction_id


def verification(asked: Verification, *, customer_id: str | None) -> Fields:
    """Set a card up for later use: Stripe asks the issuer for nothing, or for no more than zero."""
    yield "confirm", "true"
    yield "payment_method_types[0]", "card"
    yield "usage", "off_session"
    yield from _source(asked.source, asked.billing, customer_id)
    yield "expand[0]", "payment_method"
    yield f"metadata[{KEY}]", asked.key
    if asked.return_url is not None:
        yield "return_url", asked.return_url


def capture(account: Account, asked: Change, *, amount: int) -> Fields:
    """Take some or all of what is held."""
    yield "amount_to_capture", amount
    yield f"metadata[{asked.key}]", "capture"
    if not asked.final and has_multicapture(account):
        yield "final_capture", "false"


def refund(asked: Change, *, amount: int) -> Fields:
    """Give back."""
    return (
        ("payment_intent", asked.charge_reference),
        ("amount", amount),
        (f"metadata[{KEY}]", asked.key),
    )


def burning(key: str, amount: Money) -> Fields:
    """An intent that nobody confirms and that has nothing to pay with: it can never take money."""
    return (
        ("amount", counted(amount)),
        ("currency", amount.currency.lower()),
        ("payment_method_types[0]", "card"),
        (f"metadata[{WITHDRAWN}]", key),
    )


def _form(fields: Fields) -> bytes:
    """Names are ours and need no quoting; what is not known is left out."""
    known = ((name, value) for name, value in fields if value is not None and value != "")
    return "&".join(f"{name}={quote_plus(str(value))}" for name, value in known).encode()


def _in_session(return_url: str | None) -> Fields:
    """A challenge where the customer can come back from it, else a decline that asks for one."""
    if return_url is None:
        return (("error_on_requires_action", "true"),)
    return (("return_url", return_url),)


def _source(source: Source, billing: Billing, customer_id: str | None) -> Fields:
    yield "customer", customer_id
    if not isinstance(source, Card):
        yield "payment_method", source.value.reveal()
        return
    yield "payment_method_data[type]", "card"
    card = "payment_method_data[card]"
    yield f"{card}[number]", source.number.reveal()
    yield f"{card}[exp_month]", source.exp_month
    yield f"{card}[exp_year]", source.exp_year
    yield f"{card}[cvc]", source.cvc.reveal() if source.cvc is not None else None
    details = "payment_method_data[billing_details]"
    yield f"{details}[name]", source.holder or billing.name
    yield f"{details}[email]", billing.email
    yield f"{details}[phone]", billing.phone
    for name in ("line1", "line2", "city", "state", "postal_code", "country"):
        yield f"{details}[address][{name}]", getattr(billing, name)


def _headers(account: Account) -> tuple[dict[str, str], dict[str, str]]:
    return {"Stripe-Version": VERSION}, {"Authorization": f"Bearer {account.credential('api_key')}"}
