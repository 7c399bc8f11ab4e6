"""Another billing date over HTTP, on the test clock: proposed, agreed to on its page, charged on, put back."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from html import unescape
from itertools import pairwise
from typing import Any, Final

import aiohttp
from tests.acceptance.asking import NOBODYS, refused, stored
from tests.whole.served import Client

PATH: Final = "/v1/billing_date_changes"
PLAN: Final = {"name": "Pro <b>", "amount": 3000, "currency": "USD"}
PAYDAY: Final = {"cycle": "monthly", "day_of_month": 20}
PHONE: Final = {"user-agent": "Phone/1.0", "accept-language": "de-DE,de;q=0.9"}


async def now_of(shop: Client) -> datetime:
    """The merchant's present."""
    return datetime.fromisoformat((await shop.get("/v1/test_clock"))["now"])


async def advance(shop: Client, to: datetime) -> None:
    """Move on to a moment, month by month, and by as long at least as charges are spread over."""
    now, end = await now_of(shop), to + timedelta(minutes=20)
    while now < end:
        now = min(now + timedelta(days=35), end)
        await shop.post("/v1/test_clock/advance", {"to": now.isoformat()})


async def renewing(shop: Client, anchor: date, **customer: Any) -> dict[str, Any]:
    """A subscription in UTC that renews on that day, in its trial until then."""
    owner, method = await stored(shop, **customer)
    plan = await shop.post("/v1/plans", PLAN)
    trial = (anchor - (await now_of(shop)).date()).days
    body = {"customer": owner, "plan": plan["id"], "payment_method": method, "time_zone": "UTC"}
    made: dict[str, Any] = await shop.post("/v1/subscriptions", body | {"trial_days": trial})
    return made


async def invoices(shop: Client, subscription: dict[str, Any]) -> list[Any]:
    """Its invoices, oldest first."""
    found = await shop.every(f"/v1/invoices?subscription={subscription['id']}")
    return sorted(found, key=lambda one: one["number"])


async def visit(method: str, url: str, form: dict[str, str] | None = None) -> tuple[int, str]:
    """What a browser is shown, once it has followed where it was sent."""
    async with (
        aiohttp.ClientSession(headers=PHONE) as browser,
        browser.request(method, url, data=form) as answer,
    ):
        page = await answer.text()
        assert "default-src 'none'" in answer.headers["content-security-policy"] and "<script" not in page
        return answer.status, unescape(page)


async def proposed(shop: Client, anchor: date) -> tuple[dict[str, Any], dict[str, Any]]:
    """A subscription whose first month is paid, of a customer who told their payday, and the proposal to move to it."""
    subscription = await renewing(shop, anchor, payday=PAYDAY)
    await advance(shop, datetime.fromisoformat(f"{anchor + timedelta(days=1)}T09:00:00+00:00"))
    change: dict[str, Any] = await shop.post(PATH, {"subscription": subscription["id"], "to": "payday"})
    return subscription, change


async def agree(shop: Client, change: dict[str, Any]) -> dict[str, Any]:
    """Look at the page, answer something else, and then agree: once."""
    url, path = change["consent_url"], f"{PATH}/{change['id']}"
    status, page = await visit("GET", url)
    assert status == 200 and "Pro <b>" in page and "16,45 USD" in page and "Payday" not in page
    assert (await shop.get(path))["status"] == "proposed", "a look is no consent"
    (seen,) = re.findall('name="seen" value="([^"]+)"', page)
    for other in ("0" * 32, ""):
        status, page = await visit("POST", url, {"do": "accept", "seen": other})
        assert status == 409 and "Inzwischen hat sich etwas geändert" in page
    for do in ("accept", "decline"):
        status, page = await visit("POST", url, {"do": do, "seen": seen})
        assert status == 200 and "Der neue Tag gilt ab" in page, "what was agreed to stays so"
    agreed: dict[str, Any] = await shop.get(path)
    return agreed


def periods(bills: list[Any]) -> list[tuple[str, int]]:
    """When each begins, and what it comes to."""
    return [(one["period"]["start"], one["total"]) for one in bills]


async def test_a_customer_agrees_on_the_page_and_is_charged_on_the_new_day_until_it_is_put_back(
    shop: Client,
) -> None:
    """The 3rd becomes the payday, the 20th: the days between are billed by their days, once; and back again."""
    anchor = date((await now_of(shop)).year + 1, 3, 3)
    april, new = anchor.replace(month=4), anchor.replace(month=4, day=20)
    subscription, change = await proposed(shop, anchor)
    assert (change["status"], change["anchor_day"], change["to"]) == ("proposed", 20, "payday")
    assert change["expected"]["after"] > change["expected"]["before"] + 0.005
    assert (change["expected"]["reason"], change["cost_now"]) == ("stated_payday", 0)
    between = {"start": april.isoformat(), "end": new.isoformat(), "days": 17, "amount": 1645}
    assert change["bridge"] == between
    after = [(one["period_start"], one["total"]) for one in change["upcoming_after"]]
    assert after[:2] == [(april.isoformat(), 1645), (new.isoformat(), 3000)]
    agreed = await agree(shop, change)
    consent = agreed["consent"]
    assert (agreed["status"], agreed["consent_url"]) == ("applied", None)
    assert (consent["by"], consent["how"]) == ("customer", "page") and "Phone/1.0" in consent["evidence"]
    assert consent["shown"]["upcoming"] == change["upcoming_after"]
    assert (agreed["result"]["verdict"], agreed["result"]["before"]["charged"]) == ("too_few", 1)

    await shop.post("/v1/test/faults", {"kind": "decline", "decline_code": "insufficient_funds", "times": 1})
    await advance(shop, datetime.fromisoformat(f"{new.replace(month=6)}T09:00:00+00:00"))
    bills = await invoices(shop, subscription)
    assert periods(bills[1:]) == [*after, (new.replace(month=6).isoformat(), 3000)]
    result = (await shop.get(f"{PATH}/{change['id']}"))["result"]
    assert (result["after"]["charged"], result["after"]["refused_first"]) == (3, 0), (
        "the days between do not count"
    )
    undone = await shop.post(f"{PATH}/{change['id']}/undo", {"by": "support", "reason": "They asked for it."})
    back = undone["history"][-1]
    assert (undone["status"], back["did"], back["by"]) == ("undone", "undone", "support")
    july, august = new.replace(month=7), anchor.replace(month=8)
    assert (back["shown"]["first_new_date"], back["shown"]["bridge"]["days"]) == (august.isoformat(), 14)
    await advance(shop, datetime.fromisoformat(f"{august}T09:00:00+00:00"))
    bills = await invoices(shop, subscription)
    assert periods(bills[-2:]) == [
        (july.isoformat(), back["shown"]["bridge"]["amount"]),
        (august.isoformat(), 3000),
    ]
    assert all(one["period"]["end"] == two["period"]["start"] for one, two in pairwise(bills))
    events = [one["type"] for one in await shop.events() if one["data"]["object"]["id"] == change["id"]]
    facts = ("proposed", "accepted", "applied", "undone")
    assert events == [f"billing_date_change.{fact}" for fact in facts]


async def test_what_is_told_by_other_ways_is_recorded_and_what_cannot_be_is_refused(shop: Client) -> None:
    anchor = (await now_of(shop)).date() + timedelta(days=40)
    subscription = await renewing(shop, anchor.replace(day=5))
    body = {"subscription": subscription["id"]}
    wrong: tuple[tuple[dict[str, Any], str, str | None], ...] = (
        (body, "one_target", "anchor_day"),
        (body | {"anchor_day": 7, "to": "payday"}, "one_target", "anchor_day"),
        (body | {"date": "2020-01-01"}, "date_out_of_range", "date"),
        (body | {"anchor_day": 5}, "billing_date_unchanged", None),
        ({"subscription": f"sub_{NOBODYS}", "anchor_day": 5}, "resource_missing", "subscription"),
    )
    for sent, code, param in wrong:
        assert refused(await shop.send("POST", PATH, sent))[2:] == (code, param), sent
    change = await shop.post(PATH, body | {"anchor_day": 12, "by": "Ann", "metadata": {"why": "asked"}})
    one = f"{PATH}/{change['id']}"
    assert (
        refused(await shop.send("POST", PATH, body | {"anchor_day": 9}))[2] == "billing_date_change_pending"
    )
    future = {"by": "Jane", "at": "2100-01-01T00:00:00Z"}
    assert refused(await shop.send("POST", f"{one}/accept", future))[2:] == ("time_in_future", "at")
    renewed = await shop.post(f"{one}/renew", {"expires_in": 3600})
    assert renewed["status"] == "proposed" and renewed["consent_url"] != change["consent_url"]
    at = (await now_of(shop)).isoformat()
    said = {"by": "Jane, by telephone", "at": at, "evidence": "recording 17"}
    done = await shop.post(f"{one}/accept", said, once="consent")
    again = await shop.send("POST", f"{one}/accept", said, once="consent")
    assert again.replayed and again.json == done and done["status"] == "applied"
    assert (done["consent"]["by"], done["consent"]["evidence"]) == (said["by"], "recording 17")
    assert (await shop.get(f"/v1/subscriptions/{subscription['id']}"))["anchor"] == done["anchor"]
    for verb, sent in (("decline", {}), ("cancel", {}), ("renew", {}), ("accept", {"by": "x"})):
        answer = await shop.send("POST", f"{one}/{verb}", sent)
        assert refused(answer)[2] == "billing_date_change_unexpected_state"
    other = await shop.post(PATH, body | {"anchor_day": 20, "expires_in": 3600})
    await advance(shop, datetime.fromisoformat(other["expires_at"]))
    expired = await shop.get(f"{PATH}/{other['id']}")
    assert (expired["status"], expired["history"][-1]["how"]) == ("expired", "clock")
    status, page = await visit("GET", other["consent_url"])
    assert status == 404 and "Link" in page
    third = await shop.post(PATH, body | {"anchor_day": 21})
    status, page = await visit("POST", third["consent_url"], {"do": "decline"})
    assert status == 200 and "Alles bleibt, wie es ist." in page
    listed = await shop.get(f"{PATH}?subscription={subscription['id']}&status=declined")
    assert [each["id"] for each in listed["data"]] == [third["id"]]
