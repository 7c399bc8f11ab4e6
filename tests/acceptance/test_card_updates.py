"""Cards that issuers replace: the account updater is asked, the vault is renewed, and the debt is paid after all."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any

from tests.acceptance.asking import payment, refused, stored
from tests.whole.served import Client

DAY = timedelta(days=1)
_WANTED = "predictable=true&currency=USD&brand=visa&limit=100"


async def people(shop: Client) -> list[dict[str, Any]]:
    """People with a visa card and money."""
    found = await shop.get(f"/v1/test/world/cards?{_WANTED}")
    return [one for one in found["data"] if one["balance"] > 10_000 and one["state"] == "active"]


async def kept(shop: Client, person: dict[str, Any], **changed: Any) -> str:
    """A customer's payment method: this person's card as the shop knows it."""
    given = {name: person[name] for name in ("exp_month", "exp_year", "number")} | changed
    owner, _ = await stored(shop, country="US")
    method = await shop.post("/v1/payment_methods", {"type": "card", "card": given, "customer": owner})
    return str(method["id"])


async def renewed(shop: Client, method: str) -> dict[str, Any]:
    body = payment(None, amount=100, payment_method=method, initiator="merchant")
    return dict(await shop.post("/v1/payments", body))


async def until(shop: Client, path: str, **wanted: Any) -> dict[str, Any]:
    """Read until it is so."""
    for _ in range(200):
        found = await shop.get(path)
        if wanted.items() <= found.items():
            return dict(found)
        await asyncio.sleep(0.1)
    raise AssertionError(f"{path} is {found}, not {wanted}")


async def forward(shop: Client, by: timedelta) -> None:
    now = datetime.fromisoformat((await shop.get("/v1/test_clock"))["now"])
    await shop.post("/v1/test_clock/advance", {"to": (now + by).isoformat()})


async def test_a_lost_card_is_replaced_and_the_renewal_is_paid(shop: Client) -> None:
    """The issuer tells of the new card a day after it made it; the recovery that waited is planned at once."""
    person = (await people(shop))[0]
    await shop.post("/v1/test/account_updater", {"coverage": 1.0, "delay_s": 86_400})
    method = await kept(shop, person)
    card = f"/v1/test/world/cards/{person['id']}"
    await shop.post(card, {"state": "lost"})
    declined = await renewed(shop, method)
    assert declined["decline"]["code"] == "lost_card"
    recovery = f"/v1/recoveries/{declined['recovery']}"
    waiting = await shop.get(recovery)
    assert (waiting["status"], waiting["plan"]["action"]) == ("awaiting_customer", "ask_customer")
    assert "another card" in waiting["plan"]["why"]

    await shop.post(card, {"reissued": True})
    present = await shop.get(card)
    await forward(shop, 5 * DAY)
    assert (await shop.get(recovery))["status"] == "recovered"
    paid = await shop.get(f"/v1/payments/{declined['id']}")
    assert (paid["status"], paid["attempts"][-1]["reason"]) == ("captured", "recovery")
    known = await shop.get(f"/v1/payment_methods/{method}")
    assert known["card"]["last4"] == present["last4"] != person["last4"]
    assert known["renewed_at"] is not None and known["closed_at"] is None
    [update] = (await shop.get(f"/v1/payment_methods/{method}/updates"))["data"]
    assert (update["kind"], update["told_by"]) == ("number", "updater")
    assert (update["before"]["last4"], update["after"]["last4"]) == (person["last4"], present["last4"])
    batch = await shop.get(f"/v1/updater/batches/{update['batch']}")
    assert (batch["cards"], batch["answered"], batch["format"]) == (1, 1, "visa_vau")
    told = [one for one in await shop.events() if one["data"]["object"]["id"] == method]
    assert [one["type"] for one in told][-1] == "payment_method.updated"
    assert present["number"] not in str(await shop.events())


async def test_an_expired_card_and_advice_of_new_account_information_are_mended_within_moments(
    shop: Client,
) -> None:
    await shop.post("/v1/test/account_updater", {"coverage": 1.0, "delay_s": 0})
    expired, replaced = (await people(shop))[1:3]
    old = await kept(shop, expired, exp_year=expired["exp_year"] - 1)
    declined = await renewed(shop, old)
    assert declined["decline"]["code"] == "expired_card"
    other = await kept(shop, replaced)
    await shop.post(f"/v1/test/world/cards/{replaced['id']}", {"reissued": True})
    advised = await renewed(shop, other)
    assert advised["decline"]["code"] == "new_account_information_available"
    for one, kind in ((declined, "expiry"), (advised, "number")):
        history = f"/v1/payment_methods/{one['payment_method']}/updates"
        planned = f"/v1/recoveries/{one['recovery']}"
        for _ in range(200):
            if [line["kind"] for line in (await shop.get(history))["data"]] == [kind]:
                break
            await asyncio.sleep(0.1)
        await forward(shop, DAY)  # nothing is tried in the customer's night
        await until(shop, planned, status="recovered")


async def test_a_closed_account_is_told_and_no_longer_charged(shop: Client) -> None:
    await shop.post("/v1/test/account_updater", {"coverage": 1.0, "delay_s": 0})
    person = (await people(shop))[3]
    method = await kept(shop, person)
    await shop.post(f"/v1/test/world/cards/{person['id']}", {"state": "closed"})
    declined = await renewed(shop, method)
    path = f"/v1/payment_methods/{method}"
    for _ in range(200):
        if (await shop.get(path))["closed_at"] is not None:
            break
        await asyncio.sleep(0.1)
    waiting = await until(shop, f"/v1/recoveries/{declined['recovery']}", status="awaiting_customer")
    assert waiting["plan"]["action"] == "ask_customer"
    again = await shop.send("POST", "/v1/payments", payment(None, payment_method=method))
    assert refused(again)[:3] == (409, "conflict", "payment_method_closed")
    told = [one["type"] for one in await shop.events() if one["data"]["object"]["id"] == method]
    assert told[-1] == "payment_method.closed"
    asked = await shop.send("POST", f"{path}/inquire", {})
    assert refused(asked)[2] == "payment_method_closed"


async def test_who_renews_a_card_by_hand_has_its_recoveries_planned_at_once(shop: Client) -> None:
    await shop.post("/v1/test/account_updater", {"coverage": 0.0, "delay_s": 0})
    person = (await people(shop))[4]
    method = await kept(shop, person, exp_year=person["exp_year"] - 1)
    declined = await renewed(shop, method)
    recovery = f"/v1/recoveries/{declined['recovery']}"
    await until(shop, recovery, status="awaiting_customer")
    renewal = {"card": {"exp_year": person["exp_year"], "exp_month": person["exp_month"]}}
    await shop.post(f"/v1/payment_methods/{method}", renewal)
    await forward(shop, DAY)
    await until(shop, recovery, status="recovered")
    [update] = (await shop.get(f"/v1/payment_methods/{method}/updates"))["data"]
    assert (update["kind"], update["told_by"]) == ("expiry", "person")
