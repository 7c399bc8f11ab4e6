"""`recoup trigger`: makes things happen in the sandbox, through the API as a merchant's server would.

`TRIGGERS` says how each event is brought about; a new kind of event is one function and one line there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import msgspec
from msgspec import Struct

from recoup.calling import Api, CallRefused

WAIT_S: Final = 20.0
"""How long an event may take to come."""
POLL_S: Final = 0.1
APPROVED: Final = "4242424242424242"
DECLINED: Final = "4000000000000002"
NO_FUNDS: Final = "4000000000009995"
AUTHENTICATION: Final = "4000002500003155"


class _Named(Struct):
    id: str


class _Disputes(Struct):
    data: list[_Named]


_disputes: Final = msgspec.json.Decoder(_Disputes)
Trigger = Callable[[Api], Awaitable[object]]


def _card(number: str) -> dict[str, Any]:
    return {"type": "card", "card": {"number": number, "exp_month": 12, "exp_year": 2034, "cvc": "123"}}


async def _payment(api: Api, number: str, **more: Any) -> Any:
    body = {"amount": 4999, "currency": "USD", "payment_method_data": _card(number)}
    return await api.post("/v1/payments", body | more)


async def _captured(api: Api) -> Any:
    return await _payment(api, APPROVED)


async def _held(api: Api) -> Any:
    return await _payment(api, APPROVED, capture="manual")


async def _declined(api: Api) -> Any:
    return await _payment(api, DECLINED)


async def _asked_to_act(api: Api) -> Any:
    return await _payment(api, AUTHENTICATION)


async def _canceled(api: Api) -> Any:
    held = await _held(api)
    return await api.post(f"/v1/payments/{held['id']}/cancel", {})


async def _partially_captured(api: Api) -> Any:
    held = await _held(api)
    return await api.post(f"/v1/payments/{held['id']}/capture", {"amount": 1000})


async def _refunded(api: Api) -> Any:
    paid = await _captured(api)
    return await api.post("/v1/refunds", {"payment": paid["id"], "amount": 1000})


async def _customer(api: Api) -> Any:
    return await api.post("/v1/customers", {"name": "Jenny Rosen", "email": "jenny@example.com"})


async def _method(api: Api) -> Any:
    return await api.post("/v1/payment_methods", _card(APPROVED))


async def _attached(api: Api) -> Any:
    customer, method = await _customer(api), await _method(api)
    return await api.post(f"/v1/payment_methods/{method['id']}/attach", {"customer": customer["id"]})


async def _renewal_declined(api: Api) -> Any:
    """A payment that the merchant starts, by agreement, with a card that has no money on it."""
    customer = await _customer(api)
    stored = _card(NO_FUNDS) | {"customer": customer["id"]}
    method = await api.post("/v1/payment_methods", stored)
    return await api.post(
        "/v1/payments",
        {
            "amount": 4999,
            "currency": "USD",
            "initiator": "merchant",
            "customer": customer["id"],
            "payment_method": method["id"],
        },
    )


async def _contested(api: Api, **words: Any) -> Any:
    """A captured payment that is disputed at its simulated processor, which tells so by webhook."""
    paid = await _captured(api)
    return await api.post("/v1/test/disputes", {"payment": paid["id"]} | words)


async def _warned(api: Api) -> Any:
    return await _contested(api, kind="warning")


async def _inquired(api: Api) -> Any:
    return await _contested(api, kind="inquiry")


async def _won(api: Api) -> Any:
    return await _contested(api, then="won", then_after_s=1)


async def _lost(api: Api) -> Any:
    return await _contested(api, then="lost", then_after_s=1)


async def _reversed(api: Api) -> Any:
    return await _contested(api, then="reversed", then_after_s=1)


async def _submitted(api: Api) -> Any:
    path = await _heard_of(api, await _contested(api))
    await api.post(f"{path}/evidence", {"fields": {"uncategorized_text": "winning_evidence"}})
    return await api.post(f"{path}/submit", {})


async def _accepted(api: Api) -> Any:
    path = await _heard_of(api, await _contested(api))
    return await api.post(f"{path}/accept", {})


async def _heard_of(api: Api, contested: Any) -> str:
    """The path of a dispute once it was told."""
    for _ in range(round(WAIT_S / POLL_S)):
        found = _disputes.decode(await api.get(f"/v1/disputes?payment={contested['order']}")).data
        if found:
            return f"/v1/disputes/{found[0].id}"
        await asyncio.sleep(POLL_S)
    raise CallRefused(f"No dispute came within {WAIT_S:g} s: is the worker running?")


TRIGGERS: Final[Mapping[str, Trigger]] = {
    "payment.created": _captured,
    "payment.captured": _captured,
    "payment.authorized": _held,
    "payment.partially_captured": _partially_captured,
    "payment.declined": _declined,
    "payment.requires_action": _asked_to_act,
    "payment.canceled": _canceled,
    "payment.refunded": _refunded,
    "refund.created": _refunded,
    "refund.succeeded": _refunded,
    "customer.created": _customer,
    "payment_method.created": _method,
    "payment_method.attached": _attached,
    "dispute.opened": _contested,
    "dispute.warning": _warned,
    "dispute.inquiry": _inquired,
    "dispute.submitted": _submitted,
    "dispute.accepted": _accepted,
    "dispute.won": _won,
    "dispute.lost": _lost,
    "dispute.reversed": _reversed,
    "recovery.opened": _renewal_declined,
    "recovery.retry_scheduled": _renewal_declined,
}
"""What makes each event happen."""


class Happened(Struct, frozen=True):
    """An event that came of it."""

    id: str
    type: str
    sequence: int


class _Page(Struct):
    data: list[Happened]
    latest_sequence: int


_page: Final = msgspec.json.Decoder(_Page)


async def trigger(api: Api, type_: str) -> Happened:
    """Make an event happen and wait until it is in the stream; refuses types that nothing here makes."""
    make = TRIGGERS.get(type_)
    if make is None:
        raise CallRefused(f"Nothing here makes {type_!r} happen. There are: {', '.join(sorted(TRIGGERS))}.")
    before = _page.decode(await api.get("/v1/events?limit=1")).latest_sequence
    await make(api)
    for _ in range(round(WAIT_S / POLL_S)):
        page = _page.decode(await api.get(f"/v1/events?limit=100&after_sequence={before}&type={type_}"))
        if page.data:
            return page.data[0]
        await asyncio.sleep(POLL_S)
    raise CallRefused(f"No {type_} came within {WAIT_S:g} s: is the worker running?")
