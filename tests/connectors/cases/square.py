"""Square's case: how it is asked, and how it signs."""

from __future__ import annotations

from base64 import b64encode
from datetime import datetime
from typing import Final

import msgspec
from tests.connectors.conformance import Webhooks, recorded_case

from recoup.connectors.base import Account, Delivery, HttpRequest
from recoup.connectors.base.webhooks import hmac_bytes
from recoup.connectors.square import SQUARE
from recoup.kit.secret import Secret

ACCOUNT: Final = Account(
    "https://connect.squareupsandbox.com",
    {
        "access_token": Secret("EAAAnotatoken000000000000000000"),
        "location_id": Secret("LR3C0UP000001"),
        "webhook_signature_key": Secret("notakey00000000000000A"),
        "application_id": Secret("sandbox-sq0idb-recoup00000000000000"),
        "three_d_secure": Secret("when_asked"),
    },
)
URL: Final = "https://pay.example/webhooks/square"


def sign(account: Account, body: bytes, at: datetime) -> Delivery:
    """A delivery as Square makes it: the signature covers the address, and no time."""
    key = account.credential("webhook_signature_key").encode()
    signature = b64encode(hmac_bytes(key, URL.encode() + body)).decode()
    return Delivery({"x-square-hmacsha256-signature": signature}, body, at, URL)


def moves_money(request: HttpRequest) -> bool:
    """All that is posted, but for customers and cards on file; lowering a hold (`PUT`) takes nothing."""
    return request.method == "POST" and "/v2/customers" not in request.url and "/v2/cards" not in request.url


def sent_amount(request: HttpRequest) -> object:
    """The amount of a charge."""
    return msgspec.json.decode(request.body)["amount_money"]["amount"]


def settles(request: HttpRequest) -> bool:
    """Whether it hands evidence in or accepts a dispute."""
    return request.url.endswith(("/submit-evidence", "/accept"))


CASES: Final = (
    recorded_case(
        SQUARE,
        ACCOUNT,
        moves_money=moves_money,
        sent_amount=sent_amount,
        amounts={"JPY": 4990, "EUR": 4990},
        webhooks=Webhooks(sign, frozenset({"webhook_signature_key"})),
        dispute_reference="dR3c0upDispute0000001",
        nothing_listed=b"{}",
        settles=settles,
    ),
)
