"""Mollie's case. The laws of webhooks are kept by the signed ones; the classic ones are tested by themselves."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec
from tests.connectors.conformance import Webhooks, recorded_case

from recoup.connectors.base import Account, Delivery, HttpRequest
from recoup.connectors.base.webhooks import hmac_hex
from recoup.connectors.mollie import MOLLIE
from recoup.kit.secret import Secret

ACCOUNT: Final = Account(
    "https://api.mollie.com",
    {
        "api_key": Secret("test_0000noRealApiKeyOfMollie0000"),
        "webhook_secret": Secret("no-real-signing-secret-0000"),
    },
)


def sign(account: Account, body: bytes, at: datetime) -> Delivery:
    """A delivery as Mollie signs it: the body alone."""
    signature = hmac_hex(account.credential("webhook_secret").encode(), body)
    headers = {"x-mollie-signature": f"sha256={signature}", "content-type": "application/json"}
    return Delivery(headers, body, at, "https://recoup.example/webhooks/mollie")


def amount(request: HttpRequest) -> object:
    """What a payment is asked for."""
    return msgspec.json.decode(request.body)["amount"]["value"]


def moves_money(request: HttpRequest) -> bool:
    """Questions are read with GET; making a customer moves nothing."""
    return request.method != "GET" and not request.url.endswith("/v2/customers")


CASES: Final = (
    recorded_case(
        MOLLIE,
        ACCOUNT,
        moves_money=moves_money,
        sent_amount=amount,
        amounts={"JPY": "4990", "EUR": "49.90"},
        webhooks=Webhooks(sign, frozenset({"webhook_secret"})),
        dispute_reference="chb_Rec0up",
    ),
)
