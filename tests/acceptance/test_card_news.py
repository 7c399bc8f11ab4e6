"""A simulated processor renews the card behind its token, and tells of it by webhook."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.acceptance.asking import payment, stored
from tests.whole.served import Client


async def until(shop: Client, method: str, name: str) -> dict[str, Any]:
    """The one change of a payment method, once it was of that kind."""
    for _ in range(200):
        found = (await shop.get(f"/v1/payment_methods/{method}/updates"))["data"]
        if found and found[0]["kind"] == name:
            return dict(found[0])
        await asyncio.sleep(0.1)
    raise AssertionError(f"its changes are {found}, none is of {name}")


async def test_the_new_card_behind_a_token_is_told_and_charged(shop: Client) -> None:
    await shop.post("/v1/test/webhooks", {"enabled": True})
    listed = await shop.get("/v1/test/world/cards?predictable=true&currency=USD&brand=visa&limit=100")
    rich = [one for one in listed["data"] if one["balance"] > 10_000 and one["state"] == "active"]
    person, number = rich[-1], {name: rich[-1][name] for name in ("exp_month", "exp_year", "number")}
    owner, _ = await stored(shop, country="US")
    body = {"type": "card", "card": number, "customer": owner}
    method = (await shop.post("/v1/payment_methods", body))["id"]
    first = await shop.post("/v1/payments", payment(None, amount=100, payment_method=method))
    assert first["status"] == "captured"
    assert (await shop.get(f"/v1/payment_methods/{method}"))["processor_tokens"] != []
    card = f"/v1/test/world/cards/{person['id']}"
    await shop.post(card, {"reissued": True})
    told = await until(shop, method, "number")
    newer = await shop.get(card)
    assert (told["told_by"], told["after"]["last4"]) == ("processor", newer["last4"])
    renewal = payment(None, amount=100, payment_method=method, initiator="merchant", agreement="recurring")
    paid = await shop.post("/v1/payments", renewal)
    assert paid["status"] == "captured", "its token stands for the new card"
    await shop.post(card, {"state": "closed"})
    await until(shop, method, "closed")
