"""Stripe's case: how it is asked, and how it signs."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from urllib.parse import parse_qs

from tests.connectors.conformance import Webhooks, recorded_case

from recoup.connectors.base import Account, Delivery, HttpRequest
from recoup.connectors.base.webhooks import hmac_hex
from recoup.connectors.stripe import STRIPE
from recoup.kit.secret import Secret

ACCOUNT: Final = Account(
    "https://api.stripe.com",
    {
        "api_key": Secret("sk_test_notakey0000000000000000"),
        "webhook_secret": Secret("whsec_notasecret000000000000000"),
        "multicapture": Secret("yes"),
    },
)


def sign(account: Account, body: bytes, at: datetime) -> Delivery:
    """A delivery as Stripe makes it; `v0` is a scheme of the past that proves nothing."""
    stamp = str(int(at.timestamp()))
    secret = account.credential("webhook_secret").encode()
    signature = hmac_hex(secret, f"{stamp}.".encode() + body)
    headers = {"stripe-signature": f"t={stamp},v1={signature},v0={'0' * 64}"}
    return Delivery(headers, body, at, "https://pay.example/webhooks/stripe")


def moves_money(request: HttpRequest) -> bool:
    """All that is posted, but for customers, set-ups, and what burns a key."""
    if request.method != "POST" or request.url.endswith(("/v1/customers", "/v1/setup_intents")):
        return False
    return b"recoup_withdrawn" not in request.body and not request.headers["Idempotency-Key"].endswith(
        "-withdrawn"
    )


def settles(request: HttpRequest) -> bool:
    """Whether it hands evidence in, or closes the dispute."""
    return b"submit=true" in request.body or request.url.endswith("/close")


def sent_amount(request: HttpRequest) -> object:
    """The amount of a charge."""
    return parse_qs(request.body.decode())["amount"]


CASES: Final = (
    recorded_case(
        STRIPE,
        ACCOUNT,
        moves_money=moves_money,
        sent_amount=sent_amount,
        amounts={"JPY": ["4990"], "EUR": ["4990"], "KWD": ["4990"]},
        webhooks=Webhooks(sign, frozenset({"webhook_secret"}), stamped=True),
        dispute_reference="dp_1SXq1kRecoup0dispute001",
        settles=settles,
    ),
)
