"""PayPal's case: an OAuth step before everything, webhooks signed with a certificate of our own making."""

from __future__ import annotations

import zlib
from base64 import b64encode
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from tests.connectors.conformance import NOW, Webhooks, recorded_case

from recoup.connectors.base import Account, Delivery, HttpRequest, HttpResponse
from recoup.connectors.paypal import PAYPAL
from recoup.kit.clock import rfc3339
from recoup.kit.secret import Secret

ACCOUNT: Final = Account(
    "https://api-m.sandbox.paypal.com",
    {
        "client_id": Secret("client_id_of_a_test"),
        "client_secret": Secret("0000client0000secret0000of0000test"),
        "webhook_id": Secret("4JH00000D0000000G"),
    },
)
KEY: Final = generate_private_key(65537, 2048)
CERTIFICATE_URL: Final = (
    "https://api.sandbox.paypal.com/v1/notifications/certs/CERT-360caa42-fca2a594-a5cafa77"
)


def certificate(
    key: RSAPrivateKey = KEY,
    *,
    owner: str = "messageverificationcerts.paypal.com",
    start: datetime = NOW - timedelta(days=30),
    days: int = 365,
) -> HttpResponse:
    """A certificate of PayPal's, signed by itself."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, owner)])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), 1)
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=days))
        .sign(key, SHA256())
    )
    return HttpResponse(200, {"content-type": "application/x-pem-file"}, made.public_bytes(Encoding.PEM))


def sign(account: Account, body: bytes, at: datetime) -> Delivery:
    """A transmission as PayPal signs it."""
    id_, time = "103e3700-8b0c-11e6-8695-6b62a8a99ac4", rfc3339(at)
    text = f"{id_}|{time}|{account.credential('webhook_id')}|{zlib.crc32(body)}"
    headers = {
        "content-type": "application/json",
        "paypal-auth-algo": "SHA256withRSA",
        "paypal-cert-url": CERTIFICATE_URL,
        "paypal-transmission-id": id_,
        "paypal-transmission-sig": b64encode(KEY.sign(text.encode(), PKCS1v15(), SHA256())).decode(),
        "paypal-transmission-time": time,
    }
    return Delivery(headers, body, at, "https://pay.example/webhooks/paypal")


def moves_money(request: HttpRequest) -> bool:
    """Whether it pays an order, or captures, voids or refunds; making an order moves nothing."""
    return request.method == "POST" and request.url.endswith(("/capture", "/authorize", "/void", "/refund"))


def said(request: HttpRequest) -> dict[str, Any]:
    """The body of a request."""
    body: dict[str, Any] = msgspec.json.decode(request.body)
    return body


def settles(request: HttpRequest) -> bool:
    """Whether it hands evidence in or accepts a claim."""
    return request.url.endswith(("/provide-evidence", "/accept-claim"))


CASES: Final = (
    recorded_case(
        PAYPAL,
        ACCOUNT,
        moves_money=moves_money,
        sent_amount=lambda request: said(request)["purchase_units"][0]["amount"]["value"],
        amount_at=1,  # the order's; the last request pays the order, whatever it is about
        amounts={"JPY": "4990", "EUR": "49.90"},
        webhooks=Webhooks(sign, frozenset({"webhook_id"}), stamped=True, replies=(certificate(),)),
        dispute_reference="PP-D-27803",
        settles=settles,
    ),
)
