"""NMI's case: its replies stand in `replies/nmi/`."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from urllib.parse import parse_qsl

from tests.connectors.conformance import Webhooks, recorded_case

from recoup.connectors.base import Account, Delivery, HttpRequest
from recoup.connectors.base.webhooks import hmac_hex
from recoup.connectors.nmi import NMI
from recoup.kit.secret import Secret

NONCE: Final = "f3c1e9a2b7d84c15"


def asked(request: HttpRequest) -> dict[str, str]:
    """The form that was sent."""
    return dict(parse_qsl(request.body.decode(), strict_parsing=True))


def moves_money(request: HttpRequest) -> bool:
    """What Direct Post does, but for a validation, and for putting a card into the vault, which has no type."""
    return request.url.endswith("/transact.php") and asked(request).get("type", "validate") != "validate"


def sign(account: Account, body: bytes, at: datetime) -> Delivery:
    """As NMI signs: a nonce, a dot, the body; nothing of the time."""
    signature = hmac_hex(account.credential("signing_key").encode(), f"{NONCE}.".encode() + body)
    return Delivery(
        {"webhook-signature": f"t={NONCE},s={signature}"}, body, at, "https://pay.example/hooks/1"
    )


CASES: Final = (
    recorded_case(
        NMI,
        Account(
            "https://secure.nmi.com",
            {
                "security_key": Secret("security-key-of-nobody"),
                "signing_key": Secret("signing-key-of-nobody"),
                "checkout_key": Secret("checkout_public_of_nobody"),
                "three_d_secure": Secret("always"),
            },
        ),
        moves_money=moves_money,
        sent_amount=lambda request: (asked(request)["amount"], asked(request)["currency"]),
        amounts={"EUR": ("49.90", "EUR")},
        says_amounts=False,
        webhooks=Webhooks(sign, frozenset({"signing_key"})),
    ),
)
