"""Braintree's case: documents to one address, webhooks as a signed form."""

from __future__ import annotations

import hashlib
import hmac
from base64 import encodebytes
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlencode

import msgspec
from tests.connectors.conformance import Webhooks, recorded_case

from recoup.connectors.base import Account, Delivery, HttpRequest
from recoup.connectors.braintree import BRAINTREE
from recoup.kit.secret import Secret

ACCOUNT: Final = Account(
    "https://payments.sandbox.braintree-api.com",
    {
        "public_key": Secret("public_key_of_a_test"),
        "private_key": Secret("0000private0000key0000of0000test"),
        "merchant_accounts": Secret("EUR=acme_eur, JPY=acme_jpy, KWD=acme_kwd"),
        "three_d_secure": Secret("on"),
    },
)
MOVING: Final = (
    "CreditCard(",
    "PaymentMethod(",
    "captureTransaction(",
    "reverseTransaction(",
    "refundTransaction(",
)
HARMLESS: Final = ("tokenizeCreditCard(", "vaultCreditCard(", "verifyCreditCard(")


def sign(account: Account, body: bytes, at: datetime) -> Delivery:
    """A notification as Braintree posts it: the XML in base64, in lines, signed."""
    payload = encodebytes(body)
    key = hashlib.sha1(account.credential("private_key").encode()).digest()
    signature = hmac.new(key, payload, "sha1").hexdigest()
    fields = {"bt_signature": f"{account.credential('public_key')}|{signature}", "bt_payload": payload}
    headers = {"content-type": "application/x-www-form-urlencoded"}
    return Delivery(headers, urlencode(fields).encode(), at, "https://pay.example/webhooks/braintree")


def said(request: HttpRequest) -> dict[str, Any]:
    """The document and its variables."""
    body: dict[str, Any] = msgspec.json.decode(request.body)
    return body


def moves_money(request: HttpRequest) -> bool:
    """Whether it is a mutation that charges, captures, voids or refunds."""
    query = said(request)["query"]
    return any(name in query for name in MOVING) and not any(name in query for name in HARMLESS)


def settles(request: HttpRequest) -> bool:
    """Whether it hands evidence in or accepts a dispute."""
    return b"finalizeDispute(" in request.body or b"acceptDispute(" in request.body


def sent_amount(request: HttpRequest) -> object:
    """The amount of a charge."""
    return said(request)["variables"]["input"]["transaction"]["amount"]


def tampered(body: bytes) -> Iterable[bytes]:
    """One byte changed, at forty places."""
    for place in range(0, len(body), max(1, len(body) // 40)):
        yield body[:place] + bytes([body[place] ^ 1]) + body[place + 1 :]


CASES: Final = (
    recorded_case(
        BRAINTREE,
        ACCOUNT,
        moves_money=moves_money,
        sent_amount=sent_amount,
        amounts={"JPY": "4990", "EUR": "49.90", "KWD": "4.990"},
        webhooks=Webhooks(sign, frozenset({"private_key"}), tampered=tampered),
        dispute_reference="7x9k2d4m",
        settles=settles,
    ),
)
