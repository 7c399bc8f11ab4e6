"""CyberSource's case: its replies stand in `replies/cybersource/`."""

from __future__ import annotations

import base64
from datetime import datetime
from typing import Final

import msgspec
from tests.connectors.conformance import NOW, Webhooks, recorded_case

from recoup.connectors.base import Account, Delivery, HttpRequest
from recoup.connectors.base.webhooks import hmac_bytes
from recoup.connectors.cybersource import CYBERSOURCE
from recoup.kit.secret import Secret

SHARED_SECRET: Final = base64.b64encode(b"a shared secret of nobody").decode()
WEBHOOK_KEY: Final = base64.b64encode(b"a webhook key of nobody").decode()


def moves_money(request: HttpRequest) -> bool:
    """All that is posted to payments and what follows them, but for a payment of nothing."""
    if request.method != "POST" or "/pts/v2/" not in request.url:
        return False
    details = msgspec.json.decode(request.body).get("orderInformation", {}).get("amountDetails", {})
    return float(details.get("totalAmount", 1)) != 0


def sign(account: Account, body: bytes, at: datetime) -> Delivery:
    """As CyberSource signs: milliseconds, a dot, the body."""
    stamp = str(int(at.timestamp() * 1000))
    key = base64.b64decode(account.credential("webhook_key") + "==", validate=False)
    signature = base64.b64encode(hmac_bytes(key, f"{stamp}.".encode() + body)).decode()
    header = f"t={stamp};keyId=bf44c857-b182-bb05-e053-34b8d30a7a72;sig={signature}"
    return Delivery({"v-c-signature": header}, body, at, "https://pay.example/hooks/1")


def sent_amount(request: HttpRequest) -> object:
    """What a charge asked for."""
    details = msgspec.json.decode(request.body)["orderInformation"]["amountDetails"]
    return (details["totalAmount"], details["currency"])


CASES: Final = (
    recorded_case(
        CYBERSOURCE,
        Account(
            "https://apitest.cybersource.com",
            {
                "merchant_id": Secret("shop_of_nobody"),
                "key_id": Secret("08c94330-f618-42a3-b09d-e1e43be5efda"),
                "shared_secret": Secret(SHARED_SECRET),
                "webhook_key": Secret(WEBHOOK_KEY),
                "payer_authentication": Secret("on"),
            },
            now=NOW,
        ),
        moves_money=moves_money,
        sent_amount=sent_amount,
        amounts={"JPY": ("4990", "JPY"), "EUR": ("49.90", "EUR"), "KWD": ("4.990", "KWD")},
        webhooks=Webhooks(sign, frozenset({"webhook_key"}), stamped=True),
    ),
)
