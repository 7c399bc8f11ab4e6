"""Renewals that would have been declined, and are not: over HTTP, on the test clock, in the simulated world."""

from __future__ import annotations

from datetime import datetime, timedelta

from tests.acceptance.test_billing import MONTHLY, advance, again, invoices, now_of
from tests.acceptance.test_card_updates import kept, people
from tests.whole.served import Client


async def test_a_card_that_expires_is_renewed_ahead_of_its_renewal_which_is_paid_at_the_first_try(
    shop: Client,
) -> None:
    """The old expiry would have been declined. What rules ask to be said before the first charge is told in time."""
    await shop.post("/v1/test/account_updater", {"coverage": 1.0, "delay_s": 0})
    now = await now_of(shop)
    person = (await people(shop))[0]
    method = await kept(shop, person, exp_month=now.month, exp_year=now.year)
    owner = (await shop.get(f"/v1/payment_methods/{method}"))["customer"]
    plan = await shop.post("/v1/plans", MONTHLY)
    begun = {"customer": owner, "plan": plan["id"], "payment_method": method, "time_zone": "UTC"}
    subscription = await shop.post("/v1/subscriptions", begun | {"trial_days": 40})
    due = datetime.fromisoformat(subscription["next_billing_at"])
    await advance(shop, to=due - timedelta(days=10))
    told = [one for one in await shop.events() if one["data"]["object"]["id"] == subscription["id"]]
    expiring = [one["type"] for one in told].count("subscription.payment_method_expiring")
    [upcoming] = [one["data"]["object"] for one in told if one["type"] == "invoice.upcoming"]
    assert expiring == 1
    assert (upcoming["object"], upcoming["amount_due"]) == ("upcoming_invoice", 3000)
    notices = {one["rule"]: one for one in upcoming["notice_required"]}
    assert set(notices) == {"visa_trial", "us_california_trial"}
    assert all(one["in_time"] and one["source"].startswith("https://") for one in notices.values())
    assert datetime.fromisoformat(notices["visa_trial"]["send_by"]) == due - timedelta(days=7)

    await advance(shop, to=due - timedelta(days=6))
    shown = await again(shop, subscription)
    assert "card_expires" not in [one["code"] for one in shown["risks"]]
    renewed = (await shop.get(f"/v1/payment_methods/{method}"))["card"]
    assert (renewed["exp_month"], renewed["exp_year"]) == (person["exp_month"], person["exp_year"])
    await advance(shop, to=due)
    [bill] = await invoices(shop, subscription)
    paid = await shop.get(f"/v1/payments/{bill['payment']}")
    assert (bill["status"], len(paid["attempts"])) == ("paid", 1)
