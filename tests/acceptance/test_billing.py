"""Subscriptions over HTTP, on the test clock: what is billed once, what is refused, and what becomes of both."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from tests.acceptance.asking import APPROVED, NO_FUNDS, NOBODYS, card, refused, stored
from tests.whole.served import ANSWER_S, RETRY_S, Client, client_of, serving

MONTHLY: Final = {"name": "Pro", "amount": 3000, "currency": "USD"}


async def now_of(shop: Client) -> datetime:
    """The merchant's present."""
    return datetime.fromisoformat((await shop.get("/v1/test_clock"))["now"])


async def advance(shop: Client, *, to: datetime | None = None, days: int = 0) -> None:
    """Move on to a moment, or by so many days, month by month; by as long at least as charges are spread over."""
    now = await now_of(shop)
    end = max(to or now, now) + timedelta(days=days, minutes=20)
    while now < end:
        now = min(now + timedelta(days=35), end)
        await shop.post("/v1/test_clock/advance", {"to": now.isoformat()})


async def subscribed(
    shop: Client, number: str | None = APPROVED, *, plan: Mapping[str, Any] = MONTHLY, **more: Any
) -> dict[str, Any]:
    """A new subscription in UTC, of a new customer with a stored card."""
    owner, method = await stored(shop, number or APPROVED)
    made = await shop.post("/v1/plans", plan)
    body = {"customer": owner, "plan": made["id"], "time_zone": "UTC", "payment_method": method} | more
    if number is None:
        del body["payment_method"]
    subscription: dict[str, Any] = await shop.post("/v1/subscriptions", body)
    return subscription


async def invoices(shop: Client, subscription: Mapping[str, Any]) -> list[Any]:
    """Its invoices, oldest first."""
    found = await shop.every(f"/v1/invoices?subscription={subscription['id']}")
    return sorted(found, key=lambda one: one["number"])


async def again(shop: Client, subscription: Mapping[str, Any]) -> Any:
    """The subscription as it is now."""
    return await shop.get(f"/v1/subscriptions/{subscription['id']}")


async def until_paid(shop: Client, invoice: str) -> None:
    """Wait for whoever charges it by itself."""
    async with asyncio.timeout(ANSWER_S):
        while (await shop.get(f"/v1/invoices/{invoice}"))["status"] != "paid":  # noqa: ASYNC110 - over the API
            await asyncio.sleep(RETRY_S)


async def told(shop: Client, *about: str) -> list[str]:
    """The types of the events of some objects."""
    return [one["type"] for one in await shop.events() if one["data"]["object"].get("id") in about]


async def test_a_year_of_renewals_is_billed_once_each_on_the_day_that_there_is(shop: Client) -> None:
    """From the 31st to the end of February and back, each period with one invoice, one payment and one number."""
    today = (await now_of(shop)).date()
    january = date(today.year + 1, 1, 31)
    trial = (january - today).days
    subscription = await subscribed(shop, trial_days=trial, payments_total=12)
    await advance(shop, to=datetime.fromisoformat(f"{january.year + 1}-01-15T00:00:00+00:00"))
    bills = await invoices(shop, subscription)
    starts = [date.fromisoformat(one["period"]["start"]) for one in bills]
    last = 29 if january.year % 4 == 0 else 28
    assert [day.day for day in starts] == [31, last, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
    assert {(one["status"], one["amount_due"]) for one in bills} == {("paid", 3000)}
    assert all(one["due_at"] == f"{one['period']['start']}T09:00:00.000Z" for one in bills)
    everything = await shop.every("/v1/invoices")
    numbers = sorted(one["number"] for one in everything if one["number"])
    assert numbers == list(range(1, len(numbers) + 1)), "no number is left out"
    payments = [one["payment"] for one in bills]
    assert len(set(payments)) == len(bills)
    paid = await shop.get(f"/v1/payments/{payments[-1]}")
    assert (paid["status"], paid["initiator"], paid["agreement"]) == ("captured", "merchant", "recurring")
    assert [one["reason"] for one in paid["attempts"]] == ["renewal"]
    assert (await again(shop, subscription))["status"] == "active", "its last period is not over"
    await advance(shop, days=17)
    ended = await again(shop, subscription)
    assert (ended["status"], ended["payments_made"], ended["next_billing_at"]) == ("completed", 12, None)


async def test_a_refused_renewal_that_is_recovered_is_paid_and_its_subscription_active(shop: Client) -> None:
    subscription = await subscribed(shop, trial_days=3)
    assert (subscription["status"], subscription["latest_invoice"]) == ("trialing", None)
    await shop.post("/v1/test/faults", {"kind": "decline", "decline_code": "insufficient_funds", "times": 1})
    await advance(shop, days=4)
    behind = await again(shop, subscription)
    assert behind["status"] == "past_due" and behind["unpaid_invoices"] == [behind["latest_invoice"]]
    bill = await shop.get(f"/v1/invoices/{behind['latest_invoice']}")
    assert (bill["status"], bill["payment_failure"]["code"]) == ("open", "insufficient_funds")
    recovery = (await shop.get(f"/v1/payments/{bill['payment']}"))["recovery"]
    await advance(
        shop, to=datetime.fromisoformat((await shop.get(f"/v1/recoveries/{recovery}"))["next_retry_at"])
    )
    assert (await shop.get(f"/v1/recoveries/{recovery}"))["status"] == "recovered"
    paid = await shop.get(f"/v1/invoices/{bill['id']}")
    assert (paid["status"], paid["payment_failure"], paid["amount_paid"]) == ("paid", None, 3000)
    assert (await again(shop, subscription))["status"] == "active"
    happened = await told(shop, bill["id"], subscription["id"])
    assert [one for one in happened if one != "subscription.grace_ended"] == [
        "subscription.created",
        "subscription.at_risk",
        "invoice.upcoming",
        "subscription.updated",
        "invoice.opened",
        "invoice.payment_failed",
        "subscription.past_due",
        "invoice.paid",
        "subscription.recovered",
    ]


async def test_what_is_paid_by_hand_ends_its_recovery(shop: Client) -> None:
    subscription = await subscribed(shop, NO_FUNDS)
    await advance(shop)
    bill = (await invoices(shop, subscription))[0]
    path = f"/v1/invoices/{bill['id']}"
    declined = await shop.post(f"{path}/pay", {})
    assert declined["status"] == "open" and declined["payment_failure"]["code"] == "insufficient_funds"
    _, others = await stored(shop)
    answered = await shop.send("POST", f"{path}/pay", {"payment_method": others})
    assert refused(answered)[2:] == ("payment_method_of_another_customer", "payment_method")
    new = await shop.post("/v1/payment_methods", {**card(), "customer": subscription["customer"]})
    both = [
        await shop.send("POST", f"{path}/pay", {"payment_method": new["id"]}, once="by-hand") for _ in "12"
    ]
    assert both[0].json == both[1].json and both[1].replayed
    assert both[0].json["status"] == "paid" and both[0].json["payment"] == bill["payment"]
    payment = await shop.get(f"/v1/payments/{bill['payment']}")
    assert (await shop.get(f"/v1/recoveries/{payment['recovery']}"))["status"] == "recovered"
    assert (await again(shop, subscription))["status"] == "active"
    assert refused(await shop.send("POST", f"{path}/void", {}))[2] == "invoice_unexpected_state"


async def test_while_nobody_knows_what_became_of_it_nothing_else_is_charged(shop: Client) -> None:
    before = (await shop.get("/v1/test/world"))["charges_made"]
    await shop.post("/v1/test/faults", {"kind": "timeout_after_success", "times": 1})
    subscription = await subscribed(shop, managed_by="merchant")
    assert subscription["latest_invoice"] is None
    charged = await shop.post(f"/v1/subscriptions/{subscription['id']}/charge", {}, once="now")
    replayed = await shop.send("POST", f"/v1/subscriptions/{subscription['id']}/charge", {}, once="now")
    assert charged["status"] in {"open", "paid"} and replayed.replayed, "the worker may have asked by now"
    path = f"/v1/invoices/{charged['id']}"
    for verb in ("void", "mark_uncollectible"):
        answered = await shop.send("POST", f"{path}/{verb}", {})
        assert answered.code in {"invoice_payment_under_way", "invoice_unexpected_state"}, answered.body
    await shop.post(f"/v1/payments/{charged['payment']}/sync", {})
    await advance(shop)
    assert (await shop.get(path))["status"] == "paid"
    twice = await shop.send("POST", f"/v1/subscriptions/{subscription['id']}/charge", {})
    assert refused(twice)[2] == "period_not_begun"
    assert (await shop.get("/v1/test/world"))["charges_made"] == before + 1


async def test_a_change_in_the_middle_is_paid_to_the_day(shop: Client) -> None:
    """What is charged and credited is what each day costs; the preview says the same, and credits are never lost."""
    weekly = MONTHLY | {"name": "Week", "amount": 700, "interval": "week"}
    subscription = await subscribed(shop, plan=weekly, quantity=2)
    await advance(shop, days=3)
    path, double = f"/v1/subscriptions/{subscription['id']}", {"quantity": 4}
    days_left = (date.fromisoformat(subscription["current_period"]["end"]) - (await now_of(shop)).date()).days
    preview = await shop.get(f"{path}/upcoming?quantity=4")
    changed = await shop.post(path, double)
    waiting = [one["amount"] for one in changed["pending_items"]]
    assert waiting == [-200 * days_left, 400 * days_left]
    assert preview["total"] == 2800 + sum(waiting) == (await shop.get(f"{path}/upcoming"))["total"]
    less = await shop.post(path, {"quantity": 1, "proration_behavior": "always_invoice"})
    assert less["pending_items"] == []
    balance = await shop.get(f"/v1/customers/{subscription['customer']}/credit_balance")
    owed = 200 * days_left - 300 * days_left
    assert balance["balances"] == {"USD": -owed}
    await shop.post(f"{path}/items", {"description": "Support", "amount": 50})
    await advance(shop, days=7)
    bill = (await invoices(shop, subscription))[-1]
    assert bill["amount_due"] == 700 + 50 + owed and bill["credit_applied"] == -owed
    taken = await shop.get(f"/v1/customers/{subscription['customer']}/credit_balance")
    assert taken["balances"] == {"USD": 0} and [one["amount"] for one in taken["changes"]] == [owed, -owed]


async def test_pauses_ends_and_what_cannot_be(shop: Client) -> None:
    subscription = await subscribed(shop, discounts=[{"percent_off": 50, "times": 1}])
    path = f"/v1/subscriptions/{subscription['id']}"
    await shop.post(f"{path}/pause", {})
    assert refused(await shop.send("POST", f"{path}/pause", {}))[2] == "subscription_unexpected_state"
    await advance(shop, days=70)
    assert len(await invoices(shop, subscription)) == 1, "nothing is billed in a pause"
    resumed = await shop.post(f"{path}/resume", {})
    await advance(shop)
    first, second = await invoices(shop, subscription)
    assert first["amount_due"] == 1500 and 0 < second["amount_due"] < 3000
    assert resumed["status"] == "active" and second["period"]["number"] == 3
    await shop.post(path, {"cancel_at_period_end": True, "metadata": {"why": "moved"}})
    assert refused(await shop.send("GET", f"{path}/upcoming"))[2] == "no_upcoming_invoice"
    await advance(shop, days=32)
    ended = await again(shop, subscription)
    assert (ended["status"], ended["metadata"]) == ("canceled", {"why": "moved"})
    assert refused(await shop.send("POST", path, {"quantity": 2}))[2] == "subscription_ended"
    body = {"customer": subscription["customer"], "plan": f"plan_{NOBODYS}"}
    assert refused(await shop.send("POST", "/v1/subscriptions", body))[2:] == ("resource_missing", "plan")
    body = {"customer": f"cus_{NOBODYS}", "plan": subscription["plan"]}
    assert refused(await shop.send("POST", "/v1/subscriptions", body))[2:] == ("resource_missing", "customer")
    await shop.post(f"/v1/plans/{subscription['plan']}", {"active": False})
    body["customer"] = subscription["customer"]
    assert refused(await shop.send("POST", "/v1/subscriptions", body))[2:] == ("plan_inactive", "plan")


async def test_an_outside_biller_reports_and_drafts_are_drawn_up_by_hand(shop: Client) -> None:
    subscription = await subscribed(shop, None, managed_by="outside")
    path = f"/v1/subscriptions/{subscription['id']}/report"
    failed = {"outcome": "payment_failed", "code": "insufficient_funds", "external_id": "in_1"}
    bill = await shop.post(path, failed)
    assert (bill["status"], bill["external_id"], bill["charge_at"]) == ("open", "in_1", None)
    assert (await again(shop, subscription))["status"] == "past_due"
    paid = await shop.post(f"/v1/invoices/{bill['id']}/pay", {"paid_out_of_band": True})
    assert paid["status"] == "paid" and paid["paid_out_of_band"]
    assert (await again(shop, subscription))["status"] == "active"
    assert refused(await shop.send("POST", path, {"outcome": "paid"}))[2] == "period_not_begun"

    credit = {"amount": 500, "currency": "USD", "reason": "goodwill"}
    owner = subscription["customer"]
    await shop.post(f"/v1/customers/{owner}/credit_balance", credit)
    too_much = await shop.send("POST", f"/v1/customers/{owner}/credit_balance", credit | {"amount": -501})
    assert refused(too_much)[2:] == ("credit_balance_too_low", "amount")
    draft = await shop.post("/v1/invoices", {"customer": owner, "currency": "USD"})
    one = f"/v1/invoices/{draft['id']}"
    assert refused(await shop.send("POST", f"{one}/finalize", {}))[2] == "invoice_empty"
    await shop.post(f"{one}/items", {"description": "Setup", "amount": 900})
    opened = await shop.post(f"{one}/finalize", {})
    assert (draft["number"], opened["status"], opened["amount_due"]) == (None, "open", 400)
    assert refused(await shop.send("POST", f"{one}/pay", {}))[2:] == (
        "payment_method_missing",
        "payment_method",
    )
    await shop.post(f"{one}/void", {})
    balance = await shop.get(f"/v1/customers/{owner}/credit_balance")
    assert balance["balances"] == {"USD": 500}, "a void invoice gives back what credit paid"


async def test_a_death_between_opening_and_charging_charges_once(tmp_path: Path) -> None:
    """The invoice is there and its charge is due: whoever starts next charges it, and nobody twice."""
    with serving(tmp_path / "data", RECOUP_WORKER_POLL_S="5") as other:
        async with client_of(other) as shop:
            made = (await shop.get("/v1/test/world"))["charges_made"]
            subscription = await subscribed(shop)
            await asyncio.to_thread(other.kill)
            await asyncio.to_thread(other.start)
            await until_paid(shop, subscription["latest_invoice"])
            world = await shop.get("/v1/test/world")
            assert (world["charges_made"], world["double_charges"]) == (made + 1, 0)
            assert len(await invoices(shop, subscription)) == 1
