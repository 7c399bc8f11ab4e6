"""Adyen's case. Webhooks are signed by Adyen's own library; changes are good when they are taken in."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

import Adyen.util  # type: ignore[import-untyped]
import msgspec
from tests.connectors.conformance import Case, Webhooks, recorded_case
from tests.connectors.disputing import documents
from tests.connectors.recorded import recorded

from recoup.connectors.adyen import ADYEN
from recoup.connectors.base import Account, Delivery, HttpRequest
from recoup.kit.secret import Secret

HMAC_KEY: Final = "00112233445566778899AABBCCDDEEFF00112233445566778899AABBCCDDEEFF"
ACCOUNT: Final = Account(
    "https://checkout-test.adyen.com/v71",
    {
        "api_key": Secret("AQE-0000-no-real-api-key-0000"),
        "merchant_account": Secret("RecoupExampleECOM"),
        "live_prefix": Secret("0000000000000000-RecoupExample"),
        "hmac_key": Secret(HMAC_KEY),
    },
)
SIGNED: Final = ("pspReference", "originalReference", "merchantReference", "eventCode", "success")


def sign(account: Account, body: bytes, at: datetime) -> Delivery:
    """A delivery as Adyen signs it: each item of a standard webhook, or else the whole body in a header."""
    key = _hexadecimal(account.credential("hmac_key"))
    headers = {"content-type": "application/json"}
    told = _decoded(body)
    if isinstance(told, dict) and "notificationItems" in told:
        for each in told["notificationItems"]:
            item = each["NotificationRequestItem"]
            bare = {name: value for name, value in item.items() if name != "additionalData"}
            signature = Adyen.util.generate_notification_sig(bare, key).decode()
            item["additionalData"] = {**item["additionalData"], "hmacSignature": signature}
        body = msgspec.json.encode(told)
    else:
        headers |= {
            "hmacsignature": Adyen.util.generate_payload_sig(body, key).decode(),
            "protocol": "HmacSHA256",
        }
    return Delivery(headers, body, at, "https://recoup.example/webhooks/adyen")


def tampered(body: bytes) -> Iterable[bytes]:
    """Each signed value changed by one sign, in every item; of a body that is signed whole, one byte after another."""
    told = _decoded(body)
    if "notificationItems" not in told:
        yield from (body[:place] + bytes([body[place] ^ 1]) + body[place + 1 :] for place in range(len(body)))
        return
    for at, each in enumerate(told["notificationItems"]):
        item = each["NotificationRequestItem"]
        yield _with(body, at, {"amount": {**item["amount"], "value": item["amount"]["value"] + 1}})
        yield _with(body, at, {"amount": {**item["amount"], "currency": "GBP"}})
        for name in SIGNED:
            yield _with(body, at, {name: f"{item.get(name, '')}X"})


def _with(body: bytes, at: int, changes: dict[str, Any]) -> bytes:
    told = _decoded(body)
    told["notificationItems"][at]["NotificationRequestItem"] |= changes
    return msgspec.json.encode(told)


def _decoded(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _hexadecimal(key: str) -> str:
    """A key that is none stands for a stranger's."""
    try:
        return base64.b16encode(bytes.fromhex(key)).decode()
    except ValueError:
        return key.encode().hex()


def _body(request: HttpRequest) -> Any:
    return msgspec.json.decode(request.body)


def sent_amount(request: HttpRequest) -> object:
    """What a payment is asked for."""
    return _body(request)["amount"]["value"]


def moves_money(request: HttpRequest) -> bool:
    """Everything that is posted, but for an authorisation of nothing."""
    amount = _body(request).get("amount")
    return amount is None or amount["value"] > 0


def settles(request: HttpRequest) -> bool:
    """Whether it defends or accepts a dispute."""
    return request.url.endswith(("/defendDispute", "/acceptDispute"))


def _case() -> Case:
    case = recorded_case(
        ADYEN,
        ACCOUNT,
        moves_money=moves_money,
        sent_amount=sent_amount,
        amounts={"JPY": 4990, "EUR": 4990, "KWD": 4990},
        webhooks=Webhooks(sign, frozenset({"hmac_key"}), tampered=tampered),
        dispute_reference="9915555555555555",
        settles=settles,
        submission={"evidence": documents(receipt="TIDorInvoice", shipping_documentation="ProofOfDelivery")},
    )
    taken_in = {one.name: one.replies for one in recorded(case.name) if one.folder == "pending"}
    return replace(
        case, good={**case.good, **{verb: taken_in[verb] for verb in ("capture", "cancel", "refund")}}
    )


CASES: Final = (_case(),)
