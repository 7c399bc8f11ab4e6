"""A part of what is owed charged first, and the rest later, as a merchant whose policy allows it meets them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from tests.acceptance.asking import payment, refused, stored
from tests.whole.served import Client

OWED: Final = 9_000
POLICY: Final = {"name": "default", "partial": {"min_share_basis_points": 4000}}
EXPLAIN: Final = "/v1/recovery/explain?code=insufficient_funds&country=US&amount=9000&tries_left=2"


async def until(shop: Client, moment: datetime) -> None:
    """Move on to a moment."""
    await shop.post("/v1/test_clock/advance", {"to": moment.isoformat()})


async def short_on_payday(shop: Client) -> tuple[str, dict[str, Any]]:
    """Somebody whose pay was not enough, on the very day of it: their card in the world, and the refused payment."""
    found = await shop.get("/v1/test/world/cards?payday_cycle=monthly&predictable=true&currency=USD&limit=1")
    person = found["data"][0]
    payday = datetime.fromisoformat(person["next_payday"])
    owner, _ = await stored(shop, payday={"cycle": "monthly", "day_of_month": payday.day}, country="US")
    given = {name: person[name] for name in ("exp_month", "exp_year", "number")}
    method = await shop.post("/v1/payment_methods", {"type": "card", "card": given, "customer": owner})
    await until(shop, payday + timedelta(hours=15))
    await shop.post(f"/v1/test/world/cards/{person['id']}", {"balance": 0})
    body = payment(None, amount=OWED, payment_method=method["id"], initiator="merchant")
    declined = await shop.post("/v1/payments", body)
    assert (declined["status"], declined["part"], declined["part_of"]) == ("declined", None, None)
    return person["id"], declined


async def test_a_part_is_paid_first_and_the_rest_later(shop: Client) -> None:
    await shop.post("/v1/recovery/policies", {"policy": POLICY})
    person, declined = await short_on_payday(shop)
    path = f"/v1/recoveries/{declined['recovery']}"
    recovery = await shop.get(path)
    part = recovery["plan"]["part"]
    assert 0.4 * OWED <= part < OWED and recovery["plan"]["facts"]["part"]["amount"] == part
    assert (recovery["amount"], recovery["amount_received"], recovery["amount_remaining"]) == (OWED, 0, OWED)

    due = datetime.fromisoformat(recovery["next_retry_at"])
    await until(shop, due - timedelta(minutes=1))
    await shop.post(f"/v1/test/world/cards/{person}", {"balance": (part + OWED) // 2})
    await until(shop, due + timedelta(minutes=1))
    recovery, whole = await shop.get(path), await shop.get(f"/v1/payments/{declined['id']}")
    assert (recovery["status"], recovery["tries_made"], recovery["plan"]["part"]) == ("scheduled", 1, None)
    assert (recovery["amount_received"], recovery["amount_remaining"]) == (part, OWED - part)
    assert (whole["status"], whole["amount"], whole["amount_captured"]) == ("declined", OWED, 0)
    assert whole["part"]["status"] == "received" and whole["part"]["amount_received"] == part
    paid = await shop.get(f"/v1/payments/{whole['part']['payment']}")
    assert (paid["amount"], paid["status"], paid["part_of"]) == (part, "captured", declined["id"])

    await shop.post(f"/v1/test/world/cards/{person}", {"balance": 100_000_00})
    done = await shop.post(f"/v1/payments/{declined['id']}/confirm", {})
    assert (done["status"], done["amount"], done["amount_captured"]) == ("captured", OWED, OWED - part)
    recovery = await shop.get(path)
    assert (recovery["status"], recovery["amount_received"], recovery["amount_remaining"]) == (
        "recovered",
        OWED,
        0,
    )
    told = [one["type"] for one in await shop.events() if one["data"]["object"].get("id") == recovery["id"]]
    expected = ["opened", "retry_scheduled", "part_received", "retry_scheduled", "recovered"]
    assert told == [f"recovery.{one}" for one in expected]
    for one in (paid["id"], declined["id"]):
        await shop.post("/v1/refunds", {"payment": one})
    again = await shop.send("POST", "/v1/refunds", {"payment": declined["id"], "amount": part})
    assert refused(again)[0] in (400, 409), "each gives back what it took"


async def test_what_a_part_would_be_can_be_asked(shop: Client) -> None:
    """Of whoever lacks money on their payday; where the policy allows none, none is spoken of."""
    now = datetime.fromisoformat((await shop.get("/v1/test_clock"))["now"])
    asked = f"{EXPLAIN}&payday_cycle=monthly&day_of_month={now.day}"
    await shop.post("/v1/recovery/policies", {"policy": {"name": "default"}})
    whole = await shop.get(asked)
    assert (whole["plan"]["part"], whole["weighed"]["part"]) == (None, None)
    await shop.post("/v1/recovery/policies", {"policy": POLICY})
    found = await shop.get(asked)
    assert found["plan"]["part"] == found["weighed"]["part"]["amount"] < OWED
