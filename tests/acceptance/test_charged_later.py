"""What is charged on a later day, over HTTP and on the test clock: on paydays, and when it was scheduled."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any, Final

from tests.acceptance.asking import NO_FUNDS, NOBODYS, card, refused, stored
from tests.whole.served import Client

PLAN: Final = {"name": "Pro", "amount": 3000, "currency": "USD"}
PATH: Final = "/v1/scheduled_payments"
PAYDAY: Final = {"cycle": "monthly", "day_of_month": 28}
_WORKING_DAYS: Final = range(1, 4)
"""Tuesday to Thursday: pay comes on the day itself."""


async def now_of(shop: Client) -> datetime:
    """The merchant's present."""
    return datetime.fromisoformat((await shop.get("/v1/test_clock"))["now"])


async def advance(shop: Client, to: datetime) -> None:
    """Move on to a moment; by a minute at least."""
    moment = max(to, await now_of(shop)) + timedelta(minutes=1)
    await shop.post("/v1/test_clock/advance", {"to": moment.isoformat()})


def plain_month(today: date) -> date:
    """The 24th of a coming month whose 28th is a working day, far from holidays."""
    months = (date(today.year + n // 12, n % 12 + 1, 24) for n in range(today.month, today.month + 60))
    return next(
        one
        for one in months
        if one.month not in (5, 11, 12) and one.replace(day=28).weekday() in _WORKING_DAYS
    )


async def renewing(shop: Client, anchor: date, **more: Any) -> dict[str, Any]:
    """A subscription of a customer who told their payday, which renews on that day."""
    owner, method = await stored(shop, payday=PAYDAY)
    plan = await shop.post("/v1/plans", PLAN)
    body = {"customer": owner, "plan": plan["id"], "payment_method": method, "time_zone": "UTC"}
    made: dict[str, Any] = await shop.post("/v1/subscriptions", body | {"anchor": anchor.isoformat()} | more)
    return made


async def bill_of(shop: Client, subscription: dict[str, Any]) -> Any:
    """Its latest invoice."""
    latest = (await shop.get(f"/v1/subscriptions/{subscription['id']}"))["latest_invoice"]
    return await shop.get(f"/v1/invoices/{latest}")


async def test_who_agreed_is_charged_on_payday_and_who_did_not_when_it_is_due(shop: Client) -> None:
    """The period stays as it is; the invoice says when it is charged, why, and what was believed."""
    anchor = plain_month((await now_of(shop)).date())
    due = datetime.fromisoformat(f"{anchor}T09:00:00+00:00")
    moved = await renewing(shop, anchor, charge_window={"after_days": 7})
    other = await renewing(shop, anchor)
    assert [(await bill_of(shop, one))["charge_reason"] for one in (moved, other)] == [None, None], "at once"
    preview = await shop.get(f"/v1/subscriptions/{moved['id']}/upcoming")
    await advance(shop, due + timedelta(hours=1))
    waiting, paid = await bill_of(shop, moved), await bill_of(shop, other)
    assert (paid["status"], paid["charge_reason"], paid["expected"]) == ("paid", "no_window_agreed", None)
    assert datetime.fromisoformat(paid["paid_at"]) - due < timedelta(minutes=20)
    assert (waiting["status"], waiting["payment"], waiting["charge_reason"]) == (
        "open",
        None,
        "stated_payday",
    )
    assert waiting["period"] == paid["period"] and waiting["due_at"] == paid["due_at"]
    assert waiting["expected"]["at_charge"] > waiting["expected"]["at_due"]
    assert f"Charged on {anchor.replace(day=28)} instead of {anchor}" in waiting["charge_explanation"]
    charge_at = datetime.fromisoformat(waiting["charge_at"])
    assert charge_at.date() == anchor.replace(day=28)
    assert preview["charge_reason"] == "stated_payday" and preview["charge_at"] > preview["due_at"]
    typed = await shop.post("/v1/payment_methods", {**card(NO_FUNDS), "customer": moved["customer"]})
    early = await shop.post(f"/v1/invoices/{waiting['id']}/pay", {"payment_method": typed["id"]})
    assert early["payment_failure"]["code"] == "insufficient_funds"
    (tried,) = early["canceled_payments"]
    assert (await shop.get(f"/v1/payments/{tried}"))["recovery"] is None
    assert {**early, "payment_failure": None, "canceled_payments": []} == waiting, "it moves nothing"
    assert (await shop.get(f"/v1/subscriptions/{moved['id']}"))["status"] == "active"
    await advance(shop, charge_at)
    paid = await bill_of(shop, moved)
    assert paid["status"] == "paid" and paid["charge_reason"] == "stated_payday"
    (attempt,) = (await shop.get(f"/v1/payments/{paid['payment']}"))["attempts"]
    assert (attempt["reason"], paid["payment_method"]) == ("renewal", waiting["payment_method"])
    assert datetime.fromisoformat(paid["paid_at"]).date() == anchor.replace(day=28)


async def scheduled(shop: Client, **more: Any) -> dict[str, Any]:
    """A payment for in two days, of a new customer."""
    owner, method = await stored(shop)
    on = (await now_of(shop)).date() + timedelta(days=2)
    body = {"amount": 4200, "currency": "USD", "customer": owner, "payment_method": method}
    made: dict[str, Any] = await shop.post(PATH, body | {"date": on.isoformat()} | more)
    return made


async def again(shop: Client, one: dict[str, Any]) -> Any:
    """It as it is now."""
    return await shop.get(f"{PATH}/{one['id']}")


async def told(shop: Client, one: dict[str, Any]) -> list[str]:
    """What happened to it."""
    events = await shop.events()
    return [
        event["type"].removeprefix("scheduled_payment.")
        for event in events
        if event["data"]["object"]["id"] == one["id"]
    ]


async def test_a_scheduled_payment_is_executed_once_at_its_time(shop: Client) -> None:
    """As it then is; and one that was canceled never."""
    before = (await shop.get("/v1/test/world"))["charges_made"]
    one, other = await scheduled(shop), await scheduled(shop)
    assert (one["status"], one["payment"], one["at"][11:19]) == ("scheduled", None, "09:00:00")
    at = datetime.fromisoformat(one["at"]) + timedelta(hours=3)
    later = {"amount": 4300, "at": at.isoformat(), "metadata": {"why": "more"}}
    changed = await shop.post(f"{PATH}/{one['id']}", later)
    assert (changed["amount"], datetime.fromisoformat(changed["at"])) == (4300, at)
    canceled = await shop.post(f"{PATH}/{other['id']}/cancel", {})
    assert (canceled["status"], await told(shop, other)) == ("canceled", ["created", "canceled"])
    await advance(shop, at - timedelta(minutes=2))
    assert (await again(shop, one))["status"] == "scheduled"
    await advance(shop, at)
    paid = await again(shop, one)
    payment = await shop.get(f"/v1/payments/{paid['payment']}")
    assert (paid["status"], payment["status"], payment["amount"]) == ("paid", "captured", 4300)
    assert (payment["initiator"], payment["merchant_reference"]) == ("merchant", one["id"])
    assert await told(shop, one) == ["created", "updated", "processing", "paid"]
    assert (await again(shop, other))["payment"] is None
    assert (await shop.get("/v1/test/world"))["charges_made"] == before + 1
    for path, body in ((f"{PATH}/{one['id']}", {"amount": 1}), (f"{PATH}/{other['id']}/cancel", {})):
        assert refused(await shop.send("POST", path, body))[2] == "scheduled_payment_unexpected_state"
    listed = await shop.get(f"{PATH}?customer={one['customer']}&status=paid")
    assert [each["id"] for each in listed["data"]] == [one["id"]]


async def test_a_scheduled_payment_that_is_refused_may_be_recovered(shop: Client) -> None:
    one = await scheduled(shop)
    await shop.post("/v1/test/faults", {"kind": "decline", "decline_code": "insufficient_funds", "times": 1})
    await advance(shop, datetime.fromisoformat(one["at"]))
    failed = await again(shop, one)
    assert (failed["status"], failed["payment_failure"]["code"]) == ("failed", "insufficient_funds")
    recovery = (await shop.get(f"/v1/payments/{failed['payment']}"))["recovery"]
    retry_at = (await shop.get(f"/v1/recoveries/{recovery}"))["next_retry_at"]
    await advance(shop, datetime.fromisoformat(retry_at))
    paid = await again(shop, one)
    assert (paid["status"], paid["payment"], paid["payment_failure"]) == ("paid", failed["payment"], None)
    assert await told(shop, one) == ["created", "processing", "failed", "paid"]


async def test_what_cannot_be_scheduled_is_refused_by_name(shop: Client) -> None:
    one = await scheduled(shop)
    _, others = await stored(shop)
    path, at = f"{PATH}/{one['id']}", one["at"]
    wrong: tuple[tuple[dict[str, Any], str, str], ...] = (
        ({"date": "2020-01-01"}, "time_in_past", "date"),
        ({"date": "9999-12-31"}, "time_too_far", "date"),
        ({"at": "2020-01-01T00:00:00Z"}, "time_in_past", "at"),
        ({"date": at[:10], "at": at}, "date_or_at", "date"),
        ({"payment_method": others}, "payment_method_of_another_customer", "payment_method"),
    )
    for body, code, param in wrong:
        assert refused(await shop.send("POST", path, body))[2:] == (code, param)
    whole = {name: one[name] for name in ("amount", "currency", "customer", "payment_method")}
    assert refused(await shop.send("POST", PATH, whole))[2] == "date_or_at"
    nobody = whole | {"customer": f"cus_{NOBODYS}", "at": at}
    assert refused(await shop.send("POST", PATH, nobody))[2:] == ("resource_missing", "customer")
    assert await again(shop, one) == one
