"""Authorize.Net's case: its replies stand in `replies/authorize_net/`."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec
from tests.connectors.conformance import Webhooks, recorded_case

from recoup.connectors.authorize_net import AUTHORIZE_NET
from recoup.connectors.base import Account, Delivery, HttpRequest
from recoup.connectors.base.webhooks import hmac_hex
from recoup.kit.secret import Secret

SIGNATURE_KEY: Final = "0A1B2C3D4E5F60718293A4B5C6D7E8F90A1B2C3D4E5F60718293A4B5C6D7E8F9"


def moves_money(request: HttpRequest) -> bool:
    """A transaction for more than nothing, or one that changes another."""
    asked = (
        msgspec.json.decode(request.body).get("createTransactionRequest", {}).get("transactionRequest", {})
    )
    return bool(asked) and asked.get("amount") != "0.00"


def sign(account: Account, body: bytes, at: datetime) -> Delivery:
    """As the gateway signs: nothing of the time."""
    signature = hmac_hex(account.credential("signature_key").encode(), body, "sha512").upper()
    return Delivery({"x-anet-signature": f"sha512={signature}"}, body, at, "https://pay.example/hooks/1")


def sent_amount(request: HttpRequest) -> object:
    """What a charge asked for."""
    return msgspec.json.decode(request.body)["createTransactionRequest"]["transactionRequest"]["amount"]


CASES: Final = (
    recorded_case(
        AUTHORIZE_NET,
        Account(
            "https://apitest.authorize.net",
            {
                "api_login_id": Secret("login-id-of-nobody"),
                "transaction_key": Secret("transaction-key-of-nobody"),
                "signature_key": Secret(SIGNATURE_KEY),
            },
        ),
        moves_money=moves_money,
        sent_amount=sent_amount,
        amounts={"EUR": "49.90"},
        says_amounts=False,
        webhooks=Webhooks(sign, frozenset({"signature_key"})),
    ),
)
