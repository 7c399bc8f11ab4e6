"""The simulated processors' case: their replies are few and regular, so they stand here and not in files."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import msgspec
from tests.connectors.conformance import Case, Raw, Webhooks
from tests.connectors.disputing import DISPUTE
from tests.connectors.recorded import KEY

from recoup.connectors import sandbox
from recoup.connectors.base import Account, Delivery, HttpRequest, HttpResponse
from recoup.kit.secret import Secret
from recoup.sandbox.flow.herald import signature

CHARGE: Final[Mapping[str, Any]] = {
    "object": "charge",
    "id": "ch_1",
    "key": KEY,
    "order": "pay_1",
    "processor": "alpha",
    "state": "approved",
    "amount": 4999,
    "currency": "EUR",
    "capture": True,
    "captured": 4999,
    "released": 0,
    "refunded": 0,
    "fee": 76,
    "checks": {"cvc": "pass", "postal_code": "fail", "address": None},
    "created_at": "2026-11-23T05:00:00.000Z",
    "decline": None,
    "network_transaction_id": "141544217307196",
    "authentication_url": None,
}
CHANGE: Final[Mapping[str, Any]] = {
    "object": "capture",
    "id": "cp_1",
    "key": KEY,
    "charge": "ch_1",
    "processor": "alpha",
    "state": "done",
    "amount": 1000,
    "currency": "EUR",
    "created_at": "2026-11-23T05:00:00.000Z",
    "code": None,
    "message": None,
}
VERIFICATION: Final[Mapping[str, Any]] = {
    "object": "verification",
    "id": "vf_1",
    "key": KEY,
    "processor": "alpha",
    "state": "approved",
    "currency": "EUR",
    "checks": {"cvc": "pass", "postal_code": "fail", "address": None},
    "created_at": "2026-11-23T05:00:00.000Z",
    "decline": None,
    "network_transaction_id": "141544217307196",
    "token": "saved_vf_1_0123456789",
}
DISPUTE_ANSWER: Final[Mapping[str, Any]] = {
    "object": "dispute_answer",
    "key": KEY,
    "dispute": DISPUTE,
    "processor": "alpha",
    "state": "done",
    "created_at": "2026-11-23T05:00:00.000Z",
    "code": None,
    "message": None,
}
DISPUTED: Final[Mapping[str, Any]] = {
    "object": "dispute_found",
    "since": "2026-11-23T04:00:00.000Z",
    "dispute": {
        "object": "dispute",
        "id": DISPUTE,
        "key": KEY,
        "charge": "ch_1",
        "order": "pay_1",
        "processor": "alpha",
        "kind": "chargeback",
        "state": "opened",
        "reason": "fraudulent",
        "network": "visa",
        "amount": 4999,
        "currency": "EUR",
        "fee": 1500,
        "withdrawn": True,
        "evidence_due_at": "2026-12-07T04:00:00.000Z",
        "created_at": "2026-11-23T04:00:00.000Z",
    },
}
LISTED: Final[Mapping[str, Any]] = {"object": "disputes", "data": [DISPUTED], "next": None}
WITHDRAWN: Final[Mapping[str, Any]] = {
    "object": "withdrawal",
    "key": KEY,
    "processor": "alpha",
    "state": "withdrawn",
    "created_at": "2026-11-23T05:00:00.000Z",
}


def reply(body: Mapping[str, Any] | bytes, *, status: int = 200) -> HttpResponse:
    """An answer of a processor."""
    encoded = body if isinstance(body, bytes) else msgspec.json.encode(body)
    return HttpResponse(status, {"content-type": "application/json"}, encoded)


def charge_reply(**changes: Any) -> HttpResponse:
    """An answer about a charge."""
    return reply({**CHARGE, **changes})


def change_reply(**changes: Any) -> HttpResponse:
    """An answer about a change."""
    return reply({**CHANGE, **changes})


def refusal(status: int, code: str, *, processed: bool | None = False) -> HttpResponse:
    """An error, with or without the promise that nothing was done."""
    promise = {} if processed is None else {"processed": processed}
    return reply({"error": {"code": code, "message": "no"}, **promise}, status=status)


def declined_reply(code: str, network_code: str | None, advice_code: str | None) -> Raw:
    """A decline with these codes."""
    said = {"code": code, "network_code": network_code, "advice_code": advice_code}
    return Raw(charge_reply(state="declined", decline=said), code, network_code, advice_code)


def sandbox_case(connector: sandbox.Sandbox) -> Case:
    """A simulated processor."""
    return Case(
        connector=connector,
        account=Account("http://127.0.0.1:9", {"api_key": Secret("sbx_0000secret0000")}),
        good={
            "charge": [charge_reply()],
            "verify": [reply(VERIFICATION)],
            "capture": [change_reply()],
            "complete": [charge_reply()],
            "cancel": [change_reply(object="cancellation")],
            "refund": [change_reply(object="refund")],
            "lookup": [charge_reply()],
            "lookup_change": [change_reply()],
            "withdraw": [reply(WITHDRAWN)],
            "withdraw_change": [reply(WITHDRAWN)],
            "submit_evidence": [reply(DISPUTE_ANSWER)],
            "accept_dispute": [reply(DISPUTE_ANSWER)],
            "list_disputes": [reply(LISTED)],
            "read_dispute": [reply(DISPUTED)],
        },
        declines=[
            declined_reply("insufficient_funds", "51", "25"),
            declined_reply("a_code_nobody_knows", "Ü", None),
            declined_reply("generic_decline", "N7", None),
            declined_reply("do_not_honor", None, "03"),
        ],
        at_the_door=[refusal(503, "unavailable"), refusal(422, "not_supported"), refusal(409, "withdrawn")],
        moves_money=_moves_money,
        settles=_settles,
        webhooks=Webhooks(sign, frozenset({"api_key"}), stamped=True),
    )


def sign(account: Account, body: bytes, at: datetime) -> Delivery:
    """A webhook as a simulated processor sends it."""
    digest = hashlib.sha256(account.credential("api_key").encode()).digest()
    headers = {"sandbox-signature": signature(digest, body, at=at)}
    return Delivery(headers, body, at, "https://pay.example/v1/inbound/pa_1")


def news(data: Mapping[str, Any], *, id_: str = "ev_1", at: str = "2026-11-23T05:00:00.000Z") -> bytes:
    """The body of a webhook about a charge or a change."""
    type_ = f"{data['object']}.{data['state']}"
    return msgspec.json.encode({"id": id_, "type": type_, "occurred_at": at, "data": data})


_ANSWERS: Final = ("/evidence", "/acceptance")


def _moves_money(request: HttpRequest) -> bool:
    return request.method == "POST" and not request.url.endswith(("/withdraw", "/verifications", *_ANSWERS))


def _settles(request: HttpRequest) -> bool:
    return request.url.endswith(_ANSWERS)


CASES: Final = tuple(sandbox_case(connector) for connector in sandbox.SANDBOXES)
