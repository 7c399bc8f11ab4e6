"""Words that the acceptance tests share: cards, payments, and what a refusal says."""

from __future__ import annotations

import itertools
from typing import Any, Final

from tests.whole.served import Answered, Client

APPROVED: Final = "4242424242424242"
NO_FUNDS: Final = "4000000000009995"
LOST: Final = "4000000000009987"
ASKS: Final = "4000002500003155"
NOBODYS: Final = "01kaq3v8e7f0t9m2c4x6z8b1d5"
"""An id's letters that stand for nothing."""
_numbers: Final = itertools.count(1)


def card(number: str = APPROVED) -> dict[str, Any]:
    """A payment method as it comes with a request."""
    return {"type": "card", "card": {"number": number, "exp_month": 12, "exp_year": 2030, "cvc": "123"}}


def payment(number: str | None = APPROVED, **more: Any) -> dict[str, Any]:
    """The body of a payment."""
    body: dict[str, Any] = {"amount": 4999, "currency": "USD"}
    return body | ({} if number is None else {"payment_method_data": card(number)}) | more


def reference() -> str:
    """A merchant's reference that no other payment has."""
    return f"order-{next(_numbers)}"


def refused(answered: Answered) -> tuple[int, str, str, str | None]:
    """Status, type, code and parameter of a refusal, which has the shape that every refusal has."""
    error = answered.json["error"]
    assert set(error) == {"type", "code", "message", "param", "doc_url", "request_id"}
    assert error["request_id"] == answered.headers["Request-Id"]
    return answered.status, error["type"], error["code"], error["param"]


async def stored(shop: Client, number: str = APPROVED, **customer: Any) -> tuple[str, str]:
    """A customer with a stored card: both ids."""
    owner = await shop.post("/v1/customers", customer)
    method = await shop.post("/v1/payment_methods", {**card(number), "customer": owner["id"]})
    return owner["id"], method["id"]


async def renewal(shop: Client, number: str = NO_FUNDS, **customer: Any) -> dict[str, Any]:
    """A merchant-initiated payment with a stored card."""
    _, method = await stored(shop, number, **customer)
    body = payment(None, payment_method=method, initiator="merchant")
    made: dict[str, Any] = await shop.post("/v1/payments", body)
    return made
