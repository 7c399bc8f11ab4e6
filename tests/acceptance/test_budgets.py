"""What card networks allow, told over HTTP, and what holds a recovery's try: switches, and the merchant's check."""

from __future__ import annotations

import asyncio
import csv
import io
from typing import Any, Final

import msgspec
from standardwebhooks.webhooks import Webhook
from tests.acceptance.asking import NOBODYS, payment, refused, renewal, stored
from tests.webhooks.receiver import Receiver, Says
from tests.whole.served import Client

SWITCHES: Final = "/v1/recovery/kill_switches"
CHECK: Final = "/v1/recovery/check"


async def test_a_budget_tells_what_is_left_by_each_rule_and_proves_every_try(shop: Client) -> None:
    """A test card that everybody uses has a budget for each payment method."""
    _, method = await stored(shop, "4000000000009995")
    path = f"/v1/payment_methods/{method}/budget"
    fresh = await shop.get(path)
    assert (fresh["allowed"], fresh["left"], fresh["amount"], fresh["rule"]) == (
        True,
        16,
        None,
        "visa_reattempts_30d",
    )
    charge = payment(None, payment_method=method)
    declined = [await shop.post("/v1/payments", charge) for _ in range(16)]
    assert {one["status"] for one in declined} == {"declined"}
    over = refused(await shop.send("POST", "/v1/payments", charge))
    assert over == (409, "conflict", "card_tries_exhausted", "payment_method")
    used = await shop.get(path)
    assert (used["allowed"], used["left"], used["amount"], used["currency"]) == (False, 0, 4999, "USD")
    assert (used["excess_fee"]["amount"], used["excess_fee"]["abroad"]) == (10, 25)
    (rule,) = used["rules"]
    assert (rule["used"], rule["tries"]) == (15, 15) and rule["source"] and rule["as_of"]
    assert (await shop.get(f"{path}?amount=77&currency=USD"))["left"] == 16, "another amount"
    assert refused(await shop.send("GET", f"{path}?amount=77"))[2] == "currency_missing"
    assert refused(await shop.send("GET", f"{path}?processor_account=pa_{NOBODYS}"))[0] == 404

    listed = await shop.get(f"{path}/proof?limit=100")
    assert [one["id"] for one in listed["data"]] == [one["attempts"][0]["id"] for one in reversed(declined)]
    assert [one["rules"][0]["used"] for one in listed["data"]] == [*range(14, -1, -1), 0]
    assert all(one["allowed"] and one["state"] == "declined" for one in listed["data"])
    sheet = await shop.send("GET", f"{path}/proof?limit=100&format=csv")
    assert sheet.headers["Content-Type"] == "text/csv; charset=utf-8"
    lines = list(csv.DictReader(io.StringIO(sheet.body.decode())))
    assert len(lines) == 16 and lines[0]["rule"] == "visa_reattempts_30d" and lines[0]["source"]


async def due_now(shop: Client, recovery: str) -> None:
    """Make a recovery's try due, as a person does."""
    await shop.post(f"/v1/recoveries/{recovery}/retry", {})


async def seen(shop: Client, recovery: str, *, why: str) -> Any:
    """The recovery, once its plan or end says so."""
    async with asyncio.timeout(30):
        while True:
            found = await shop.get(f"/v1/recoveries/{recovery}")
            decision = await shop.get(f"/v1/decisions/{found['decision']}")
            if why in decision["data"]["why"]:
                return found
            await asyncio.sleep(0.1)


async def attempts(shop: Client, declined: Any) -> int:
    return len((await shop.get(f"/v1/payments/{declined['id']}"))["attempts"])


async def test_a_kill_switch_holds_tries_until_it_is_lifted(shop: Client) -> None:
    """By code, by account and for everything; customers' payments go on."""
    declined = await renewal(shop)
    code = {"scope": "decline_code", "decline_code": "insufficient_funds", "reason": "salaries are late"}
    switch = await shop.post(SWITCHES, code)
    await due_now(shop, declined["recovery"])
    held = await seen(shop, declined["recovery"], why="salaries are late")
    assert held["status"] == "scheduled" and switch["id"] in held["plan"]["why"]
    assert await attempts(shop, declined) == 1
    assert (await shop.post("/v1/payments", payment()))["status"] == "captured"
    accounts = [one["id"] for one in (await shop.get("/v1/processor_accounts"))["data"]]
    others = [
        await shop.post(SWITCHES, {"scope": "processor_account", "processor_account": one})
        for one in accounts
    ]
    lifted = await shop.post(f"{SWITCHES}/{switch['id']}/lift", {})
    assert lifted["lifted_at"]
    await due_now(shop, declined["recovery"])
    await seen(shop, declined["recovery"], why="its processor account")
    for one in others[1:]:
        await shop.post(f"{SWITCHES}/{one['id']}/lift", {})
    await due_now(shop, declined["recovery"])
    async with asyncio.timeout(30):
        while await attempts(shop, declined) == 1:  # noqa: ASYNC110 - over the API
            await asyncio.sleep(0.1)
    tried = (await shop.get(f"/v1/payments/{declined['id']}"))["attempts"]
    assert tried[1]["processor_account"] != accounts[0] or len(accounts) == 1
    await shop.post(f"{SWITCHES}/{others[0]['id']}/lift", {})
    listed = await shop.get(SWITCHES)
    assert {one["id"] for one in listed["data"]} >= {switch["id"], *(one["id"] for one in others)}
    types = [event["type"] for event in await shop.events()]
    assert (
        types.count("recovery.kill_switch_set")
        == types.count("recovery.kill_switch_lifted")
        == 1 + len(others)
    )


async def test_switches_that_make_no_sense_are_refused(shop: Client) -> None:
    wrong = [
        ({"scope": "merchant", "decline_code": "lost_card"}, (400, "scope_mismatch")),
        ({"scope": "decline_code"}, (400, "scope_mismatch")),
        ({"scope": "decline_code", "decline_code": "nonsense"}, (400, "unknown_decline_code")),
        ({"scope": "processor_account", "processor_account": f"pa_{NOBODYS}"}, (404, "resource_missing")),
    ]
    for body, expected in wrong:
        answer = refused(await shop.send("POST", SWITCHES, body))
        assert (answer[0], answer[2]) == expected
    assert refused(await shop.send("POST", f"{SWITCHES}/ksw_{NOBODYS}/lift", {}))[0] == 404
    assert refused(await shop.send("GET", CHECK))[0] == 404


async def test_the_merchant_s_own_check_is_asked_before_every_try(shop: Client) -> None:
    """Signed like webhooks; `wait`, silence and nonsense hold, `stop` ends, `allow` lets it be made."""
    answers = [
        Says(body=b'{"decision": "wait", "reason": "the parcel is on its way", "wait_s": 60}'),
        Says(body=b"certainly"),
        Says(body=b'{"decision": "allow"}'),
    ]
    async with Receiver() as receiver:
        got = receiver.got
        receiver.answer = lambda _: answers[min(len(got), len(answers)) - 1]
        first = {"url": receiver.url(), "timeout_ms": 2000}
        check = await shop.post(CHECK, first, once="a-check")
        assert check["secret"].startswith("whsec_") and check["default"] == "wait"
        assert (await shop.get(CHECK))["secret"] == check["secret"]
        again = await shop.post(CHECK, first, once="a-check")
        assert again == check | {"secret": None}, "no secret is kept where answers are"
        declined = await renewal(shop)
        await due_now(shop, declined["recovery"])
        await seen(shop, declined["recovery"], why="the parcel is on its way")
        await due_now(shop, declined["recovery"])
        await seen(shop, declined["recovery"], why="no clear answer")
        assert await attempts(shop, declined) == 1
        await due_now(shop, declined["recovery"])
        async with asyncio.timeout(30):
            while await attempts(shop, declined) == 1:  # noqa: ASYNC110 - over the API
                await asyncio.sleep(0.1)
        asked = Webhook(check["secret"]).verify(got[0].body.decode(), dict(got[0].headers))
        assert (asked["type"], asked["payment"], asked["attempt_number"], asked["decline_code"]) == (
            "recovery.check",
            declined["id"],
            2,
            "insufficient_funds",
        )
        answers[:] = [Says(body=msgspec.json.encode({"decision": "stop", "reason": "they went to court"}))]
        stopped = await renewal(shop)
        await due_now(shop, stopped["recovery"])
        ended = await seen(shop, stopped["recovery"], why="they went to court")
        assert (ended["status"], ended["end_reason"]) == ("stopped", "requested")
    silent = await shop.post(CHECK, {"url": receiver.url(), "timeout_ms": 500, "default": "allow"})
    assert silent["secret"] == check["secret"]
    unheard = await renewal(shop)
    await due_now(shop, unheard["recovery"])
    async with asyncio.timeout(30):
        while await attempts(shop, unheard) == 1:  # noqa: ASYNC110 - over the API
            await asyncio.sleep(0.1)
    await shop.send("DELETE", CHECK)
    assert refused(await shop.send("GET", CHECK))[0] == 404
