"""GoCardless's case. A payment and a refund are good when they are pending, for a direct debit takes days."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Final

import msgspec
from tests.connectors.conformance import Case, Webhooks, recorded_case
from tests.connectors.recorded import recorded

from recoup.connectors.base import Account, Delivery, HttpRequest
from recoup.connectors.base.webhooks import hmac_hex
from recoup.connectors.gocardless import GOCARDLESS
from recoup.kit.secret import Secret

ACCOUNT: Final = Account(
    "https://api-sandbox.gocardless.com",
    {
        "access_token": Secret("sandbox_0000-no-real-access-token-0000"),
        "webhook_secret": Secret("no-real-webhook-secret-0000"),
    },
)


def sign(account: Account, body: bytes, at: datetime) -> Delivery:
    """A delivery as GoCardless signs it: the body alone."""
    signature = hmac_hex(account.credential("webhook_secret").encode(), body)
    headers = {"webhook-signature": signature, "content-type": "application/json"}
    return Delivery(headers, body, at, "https://recoup.example/webhooks/gocardless")


def amount(request: HttpRequest) -> object:
    """What a payment is asked for."""
    return msgspec.json.decode(request.body)["payments"]["amount"]


def moves_money(request: HttpRequest) -> bool:
    """Questions are read with GET."""
    return request.method == "POST"


def _case() -> Case:
    case = recorded_case(
        GOCARDLESS,
        ACCOUNT,
        moves_money=moves_money,
        sent_amount=amount,
        amounts={"EUR": 4990},
        webhooks=Webhooks(sign, frozenset({"webhook_secret"})),
        dispute_reference="PM01REC0UP",
    )
    waiting = {one.name: one.replies for one in recorded(case.name) if one.folder == "pending"}
    return replace(case, good={**case.good, **{verb: waiting[verb] for verb in ("charge", "refund")}})


CASES: Final = (_case(),)
