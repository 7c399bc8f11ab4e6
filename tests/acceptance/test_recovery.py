"""Recovery of declined renewals, the clock that moves it, and the events that tell of it."""

from __future__ import annotations

from datetime import datetime, timedelta

from tests.acceptance.asking import NO_FUNDS, card, payment, refused, renewal, stored
from tests.whole.served import Client


async def test_the_answer_to_a_declined_renewal_names_its_recovery(shop: Client) -> None:
    declined = await renewal(shop)
    recovery = await shop.get(f"/v1/recoveries/{declined['recovery']}")
    assert (recovery["status"], recovery["payment"]) == ("scheduled", declined["id"])
    assert recovery["next_retry_at"] and recovery["plan"]["why"]
    lost = await shop.get(f"/v1/recoveries/{(await renewal(shop, '4000000000009987'))['recovery']}")
    assert lost["status"] == "awaiting_customer", "another card is needed"
    assert (await renewal(shop, "4100000000000019"))["recovery"] is None, "fraud is not tried again"
    assert (await shop.post("/v1/payments", payment(NO_FUNDS)))["recovery"] is None, "the customer is there"


async def test_a_test_card_is_not_used_up(shop: Client) -> None:
    """More renewals than a network allows one card in a month, each of another customer with the same number."""
    assert all([(await renewal(shop))["recovery"] for _ in range(18)])


async def test_a_recovery_is_paused_resumed_hastened_and_stopped(shop: Client) -> None:
    path = f"/v1/recoveries/{(await renewal(shop))['recovery']}"
    assert (await shop.post(f"{path}/pause", {}))["status"] == "paused"
    assert refused(await shop.send("POST", f"{path}/retry", {}))[:2] == (409, "conflict")
    assert (await shop.post(f"{path}/resume", {}))["status"] == "scheduled"
    assert (await shop.post(f"{path}/retry", {}))["status"] == "scheduled"
    stopped = await shop.post(f"{path}/stop", {})
    assert (stopped["status"], stopped["end_reason"]) == ("stopped", "requested")
    assert refused(await shop.send("POST", f"{path}/resume", {}))[:3] == (409, "conflict", "recovery_ended")


async def test_another_card_ends_the_recovery(shop: Client) -> None:
    declined = await renewal(shop)
    paid = await shop.post(f"/v1/payments/{declined['id']}/confirm", {"payment_method_data": card()})
    assert paid["status"] == "captured"
    assert (await shop.get(f"/v1/recoveries/{declined['recovery']}"))["status"] == "recovered"


async def test_the_clock_runs_what_is_due_and_payday_brings_the_money(shop: Client) -> None:
    """A late answer comes, a card that its customer took back is theirs to mend, and a renewal is paid on payday."""
    people = await shop.get("/v1/test/world/cards?payday_cycle=monthly&predictable=true&currency=USD&limit=1")
    person = people["data"][0]
    await shop.post(f"/v1/test/world/cards/{person['id']}", {"balance": 0})
    day = datetime.fromisoformat(person["next_payday"])
    owner, _ = await stored(shop, payday={"cycle": "monthly", "day_of_month": day.day}, country="US")
    given = {name: person[name] for name in ("exp_month", "exp_year", "number")}
    method = await shop.post("/v1/payment_methods", {"type": "card", "card": given, "customer": owner})
    body = payment(None, amount=100, payment_method=method["id"], initiator="merchant")
    declined = await shop.post("/v1/payments", body)
    assert declined["decline"]["code"] == "insufficient_funds"
    taken_back = await renewal(shop)
    await shop.post(f"/v1/payment_methods/{taken_back['payment_method']}/detach", {})
    await shop.post("/v1/test/faults", {"kind": "late_decline", "merchant_reference": "late"})
    late = await shop.post("/v1/payments", payment(merchant_reference="late"))
    assert late["status"] == "processing"

    now = datetime.fromisoformat((await shop.get("/v1/test_clock"))["now"])
    to = max(now, day) + timedelta(days=5)
    moved = await shop.post("/v1/test_clock/advance", {"to": to.isoformat()})
    assert datetime.fromisoformat(moved["now"]) >= to and moved["ran"] > 0
    paid = await shop.get(f"/v1/payments/{declined['id']}")
    assert (paid["status"], paid["attempts"][-1]["reason"]) == ("captured", "recovery")
    assert (await shop.get(f"/v1/recoveries/{declined['recovery']}"))["status"] == "recovered"
    assert (await shop.get(f"/v1/payments/{late['id']}"))["status"] == "declined"
    waiting = await shop.get(f"/v1/recoveries/{taken_back['recovery']}")
    assert waiting["status"] == "awaiting_customer"
    back = await shop.send("POST", "/v1/test_clock/advance", {"to": now.isoformat()})
    assert refused(back) == (400, "invalid_request", "clock_goes_back", "to")


async def test_events_have_no_gaps(shop: Client) -> None:
    counts: dict[str, int] = {}
    for sequence, event in enumerate(await shop.events(), start=1):
        about = event["data"]["object"]["id"]
        counts[about] = counts.get(about, 0) + 1
        assert (event["sequence"], event["object_sequence"]) == (sequence, counts[about])
