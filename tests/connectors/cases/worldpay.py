"""Worldpay's case. What is done to a charge is good when it is pending: Worldpay accepts first, and does it later."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Final

import msgspec
from tests.connectors.conformance import Case, Webhooks, recorded_case
from tests.connectors.recorded import CHARGE_KEY, recorded

from recoup.connectors.base import Account, Delivery, HttpRequest
from recoup.connectors.base.webhooks import hmac_hex
from recoup.connectors.worldpay import WORLDPAY
from recoup.kit.secret import Secret

ACCOUNT: Final = Account(
    "https://try.access.worldpay.com",
    {
        "username": Secret("no-real-user-0000"),
        "password": Secret("no-real-password-0000"),
        "entity": Secret("default"),
        "narrative": Secret("Recoup Tests"),
        "three_d_secure": Secret("on"),
        "webhook_secret": Secret("no-real-shared-secret-0000"),
    },
)


def sign(account: Account, body: bytes, at: datetime) -> Delivery:
    """A delivery as Worldpay signs it: the body alone, beside a signature by a secret that is being retired."""
    signature = hmac_hex(account.credential("webhook_secret").encode(), body)
    headers = {"event-signature": f"1/SHA256/{'0' * 64},2/SHA256/{signature}"}
    return Delivery(headers, body, at, "https://recoup.example/webhooks/worldpay")


def amount(request: HttpRequest) -> object:
    """What a payment is asked for."""
    return msgspec.json.decode(request.body)["instruction"]["value"]["amount"]


def moves_money(request: HttpRequest) -> bool:
    """Questions are read with GET, and a payment of nothing checks a card."""
    return request.method == "POST" and b'"amount":0}' not in request.body


def _case() -> Case:
    case = recorded_case(
        WORLDPAY,
        ACCOUNT,
        moves_money=moves_money,
        sent_amount=amount,
        amounts={"JPY": 4990, "EUR": 4990},
        says_amounts=False,
        charge_reference=CHARGE_KEY,
        webhooks=Webhooks(sign, frozenset({"webhook_secret"})),
    )
    waiting = {one.name: one.replies for one in recorded(case.name) if one.folder == "pending"}
    return replace(
        case, good={**case.good, **{verb: waiting[verb] for verb in ("capture", "cancel", "refund")}}
    )


CASES: Final = (_case(),)
