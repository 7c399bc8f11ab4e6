"""Dunning over HTTP, on the test clock: a month of it to its end, one that is saved on the last day, and by whom."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import aiohttp
import msgspec
from tests.acceptance.asking import APPROVED, NO_FUNDS, NOBODYS, card, refused
from tests.acceptance.test_billing import advance, again, invoices, subscribed, told
from tests.whole.served import Client

PAGE: Final = (Path(__file__).parents[2] / "docs" / "how-to" / "dunning.md").read_text("utf-8")
(STANDARD,) = (msgspec.json.decode(one) for one in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL))
TWICE: Final = {"name": "twice", "method": "schedule", "days": [10, 20]}
ASKS: Final = {
    "enabled": True,
    "channel": "webhook",
    "sender_name": "Shop",
    "quiet_from": "00:00",
    "quiet_until": "00:00",
    "days_while_retrying": [1],
}
QUARTERLY: Final = {"name": "Quarterly", "amount": 9000, "currency": "USD", "interval_count": 3}
"""Billed every three months, so that a month of dunning is about one invoice."""


async def policy(shop: Client, **more: Any) -> dict[str, Any]:
    """A dunning policy."""
    made: dict[str, Any] = await shop.post("/v1/dunning_policies", {"name": "Test"} | more)
    return made


async def behind(shop: Client, **rules: Any) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """A subscription whose first charge was refused, its invoice, and the recovery of that."""
    await shop.post("/v1/recovery/policies", {"policy": TWICE})
    named = (await policy(shop, **rules))["id"]
    subscription = await subscribed(shop, NO_FUNDS, plan=QUARTERLY, dunning_policy=named)
    await advance(shop)
    (bill,) = await invoices(shop, subscription)
    payment = await shop.get(f"/v1/payments/{bill['payment']}")
    return await again(shop, subscription), bill, await shop.get(f"/v1/recoveries/{payment['recovery']}")


async def test_a_month_of_dunning_to_its_end(shop: Client) -> None:
    """Refused, asked, tried in vain, and canceled once: its invoice stays open, and nothing charges it."""
    await shop.post("/v1/message_policy", {"policy": ASKS})
    before, bill, recovery = await behind(shop, **STANDARD, recovery_policy=TWICE["name"])
    assert (before["status"], before["entitled"], recovery["policy"]) == ("past_due", True, TWICE["name"])
    since = datetime.fromisoformat(before["past_due_since"])
    assert datetime.fromisoformat(before["grace_until"]) == since + timedelta(days=7)
    await advance(shop, to=since + timedelta(days=7))
    late = await again(shop, before)
    assert (late["status"], late["entitled"], late["dunning"]["grace_ended"]) == ("past_due", False, True)
    assert await shop.every(f"/v1/messages?recovery={recovery['id']}"), "its customer was asked"
    await advance(shop, to=since + timedelta(days=22))
    assert (await shop.get(f"/v1/recoveries/{recovery['id']}"))["status"] == "exhausted"
    ended = await again(shop, before)
    assert (ended["status"], ended["entitled"]) == ("canceled", False)
    left = await shop.get(f"/v1/invoices/{bill['id']}")
    assert (left["status"], left["collecting"], left["charge_at"], left["payment"]) == (
        "open",
        False,
        None,
        None,
    )
    assert (await shop.get(f"/v1/payments/{bill['payment']}"))["status"] == "canceled"
    await advance(shop, days=100)
    facts = [one for one in await told(shop, before["id"]) if one != "subscription.created"]
    assert facts == ["subscription.past_due", "subscription.grace_ended", "subscription.canceled"]
    assert len(await invoices(shop, before)) == 1, "nothing more is billed"
    new = await shop.post("/v1/payment_methods", {**card(), "customer": before["customer"]})
    paid = await shop.post(f"/v1/invoices/{bill['id']}/pay", {"payment_method": new["id"]})
    assert paid["status"] == "paid" and (await again(shop, before))["status"] == "canceled"


async def test_saved_on_the_last_day_by_the_customer_s_own_hand(shop: Client) -> None:
    """Paid a day before it would be given up: recovery, dunning and messages end at once, and nothing comes after."""
    await shop.post("/v1/message_policy", {"policy": ASKS})
    before, bill, recovery = await behind(shop, grace_days=35, final_action="cancel", messages=False)
    since = datetime.fromisoformat(before["past_due_since"])
    await advance(shop, to=since + timedelta(days=34))
    last = await again(shop, before)
    assert (last["status"], last["entitled"]) == ("past_due", True), "its recovery is over, its grace is not"
    assert (await shop.get(f"/v1/recoveries/{recovery['id']}"))["status"] in {"exhausted", "expired"}
    assert await shop.every(f"/v1/messages?recovery={recovery['id']}") == [], "its policy asks nobody"
    new = await shop.post("/v1/payment_methods", {**card(), "customer": before["customer"]})
    assert (await shop.post(f"/v1/invoices/{bill['id']}/pay", {"payment_method": new["id"]}))[
        "status"
    ] == "paid"
    await advance(shop, days=10)
    saved = await again(shop, before)
    fields = ("status", "entitled", "past_due_since", "grace_until", "dunning")
    assert [saved[name] for name in fields] == ["active", True, None, None, None]
    facts = [one for one in await told(shop, before["id"]) if one != "subscription.created"]
    assert facts == ["subscription.past_due", "subscription.recovered"]


async def test_paid_on_the_page_of_a_message_ends_everything_at_once(shop: Client) -> None:
    """The customer's own hand: recovered, active, and nobody is asked or tried any more."""
    await shop.post("/v1/message_policy", {"policy": ASKS | {"days_while_retrying": [1, 3, 5]}})
    before, bill, recovery = await behind(shop, recovery_policy=TWICE["name"])
    await advance(shop, days=1)
    path = f"/v1/messages?recovery={recovery['id']}"
    (message,) = await shop.every(path)
    async with aiohttp.ClientSession() as browser:
        async with browser.get(message["link"]) as page:
            seen = re.findall('name="seen" value="([^"]*)"', await page.text())[0]
        form = {"do": "pay", "seen": seen, "number": APPROVED, "expiry": "12/30", "cvc": "123"}
        async with browser.post(message["link"], data=form) as paid:
            assert paid.status == 200, await paid.text()
    await advance(shop, days=12)
    assert (await shop.get(f"/v1/invoices/{bill['id']}"))["status"] == "paid"
    assert (await shop.get(f"/v1/recoveries/{recovery['id']}"))["status"] == "recovered"
    assert len(await shop.every(path)) == 1
    attempts = (await shop.get(f"/v1/payments/{bill['payment']}"))["attempts"]
    assert [one["reason"] for one in attempts] == ["renewal", "manual"]
    assert (await again(shop, before))["status"] == "active"


async def test_paid_by_another_way_ends_it_however_it_is_told(shop: Client) -> None:
    """To the invoice, or to its recovery: the payment is canceled, the invoice paid, the subscription active."""
    for tell in ("invoice", "recovery"):
        before, bill, recovery = await behind(shop)
        assert before["dunning"]["rules"]["final_action"] == "mark_unpaid", "what is left out is as built in"
        if tell == "invoice":
            await shop.post(f"/v1/invoices/{bill['id']}/pay", {"paid_out_of_band": True})
        else:
            await shop.post(f"/v1/recoveries/{recovery['id']}/reported", {"outcome": "paid_elsewhere"})
        await advance(shop)
        paid, after = await shop.get(f"/v1/invoices/{bill['id']}"), await again(shop, before)
        assert (paid["status"], paid["paid_out_of_band"], after["status"]) == ("paid", True, "active"), tell
        assert (await shop.get(f"/v1/payments/{bill['payment']}"))["status"] == "canceled"
        assert (await shop.get(f"/v1/recoveries/{recovery['id']}"))["status"] == "stopped"


async def test_a_subscription_that_is_canceled_is_charged_no_more(shop: Client) -> None:
    before, bill, recovery = await behind(shop)
    await shop.post(f"/v1/subscriptions/{before['id']}/cancel", {})
    left = await shop.get(f"/v1/invoices/{bill['id']}")
    assert (left["status"], left["collecting"], left["payment"]) == ("open", False, None)
    await advance(shop)
    stopped = await shop.get(f"/v1/recoveries/{recovery['id']}")
    assert (stopped["status"], stopped["end_reason"]) == ("stopped", "payment_canceled")
    declined = await shop.post(f"/v1/invoices/{bill['id']}/pay", {})
    assert declined["status"] == "open" and declined["payment_failure"]["code"] == "insufficient_funds"
    assert (await shop.get(f"/v1/payments/{declined['payment']}"))["recovery"] is None, "by hand only"


async def test_policies_are_made_changed_and_refused(shop: Client) -> None:
    one, two = await policy(shop, default=True), await policy(shop, default=True, grace_days=0)
    found = await shop.get("/v1/dunning_policies")
    assert found["default"] == two["id"] and found["built_in"]["final_action"] == "mark_unpaid"
    assert not (await shop.get(f"/v1/dunning_policies/{one['id']}"))["default"]
    path = f"/v1/dunning_policies/{two['id']}"
    changed = await shop.post(path, {"default": False, "grace_days": 3, "metadata": {"why": "mild"}})
    assert (changed["default"], changed["grace_days"], changed["metadata"]) == (False, 3, {"why": "mild"})
    assert (await shop.get("/v1/dunning_policies"))["default"] is None
    for body, param in (
        ({"open_invoices": "uncollectible", "final_action": "mark_unpaid"}, "open_invoices"),
        ({"recovery_policy": "nobody"}, "recovery_policy"),
    ):
        assert refused(await shop.send("POST", path, body))[3] == param
    subscription = await subscribed(shop, trial_days=3)
    nobodys = {"dunning_policy": f"dun_{NOBODYS}"}
    answered = await shop.send("POST", f"/v1/subscriptions/{subscription['id']}", nobodys)
    assert refused(answered)[2:] == ("resource_missing", "dunning_policy")
    named = await shop.post(f"/v1/subscriptions/{subscription['id']}", {"dunning_policy": one["id"]})
    assert named["dunning_policy"] == one["id"]
    freed = await shop.post(f"/v1/subscriptions/{subscription['id']}", {"dunning_policy": None})
    assert freed["dunning_policy"] is None
