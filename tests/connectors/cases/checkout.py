"""Checkout.com's case. Its library cannot sign webhooks, so they are signed here; changes are good when accepted."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

import msgspec
from tests.connectors.conformance import Case, Webhooks, recorded_case
from tests.connectors.recorded import recorded

from recoup.connectors.base import Account, Delivery, HttpRequest
from recoup.connectors.checkout import CHECKOUT
from recoup.kit.secret import Secret

ACCOUNT: Final = Account(
    "https://recoupex.api.sandbox.checkout.com",
    {
        "secret_key": Secret("sk_sbox_0000-no-real-key-0000"),
        "prefix": Secret("recoupex"),
        "processing_channel_id": Secret("pc_zzzzexample"),
        "webhook_key": Secret("no-real-signature-key-0000"),
    },
)


def sign(account: Account, body: bytes, at: datetime) -> Delivery:
    """A delivery as Checkout.com signs it: the whole body."""
    key = account.credential("webhook_key").encode()
    signature = hmac.new(key, body, hashlib.sha256).hexdigest()
    headers = {"cko-signature": signature, "content-type": "application/json"}
    return Delivery(headers, body, at, "https://recoup.example/webhooks/checkout")


def _body(request: HttpRequest) -> Any:
    return msgspec.json.decode(request.body)


def sent_amount(request: HttpRequest) -> object:
    """What a payment is asked for."""
    return _body(request)["amount"]


def moves_money(request: HttpRequest) -> bool:
    """Everything that is posted, but for a payment of nothing."""
    return request.method == "POST" and _body(request).get("amount") != 0


def settles(request: HttpRequest) -> bool:
    """Whether it hands evidence in or accepts a dispute."""
    return request.method == "POST" and "/disputes/" in request.url


def _case() -> Case:
    case = recorded_case(
        CHECKOUT,
        ACCOUNT,
        moves_money=moves_money,
        sent_amount=sent_amount,
        amounts={"JPY": 4990, "EUR": 4990, "KWD": 4990},
        webhooks=Webhooks(sign, frozenset({"webhook_key"})),
        dispute_reference="dsp_9rjdlsd4epepfjyyf9vl",
        settles=settles,
    )
    taken_in = {one.name: one.replies for one in recorded(case.name) if one.folder == "pending"}
    return replace(
        case, good={**case.good, **{verb: taken_in[verb] for verb in ("capture", "cancel", "refund")}}
    )


CASES: Final = (_case(),)
