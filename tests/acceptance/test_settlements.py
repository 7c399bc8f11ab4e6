"""A report over HTTP: refused whole or matched line by line, as the how-to page says; nobody else's business."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any, Final

import msgspec
from tests.acceptance.asking import NOBODYS, payment, refused
from tests.settlements.reports import STRIPE, stripe_row, written
from tests.whole.served import Answered, Client, Served, client_of, opened

from recoup import sandboxed

PAGE: Final = (Path(__file__).parents[2] / "docs" / "how-to" / "reconcile-settlements.md").read_text("utf-8")
_LOOKS: Final = 400
_POLL_S: Final = 0.05


def block(language: str, place: int = 0) -> str:
    found = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return str(found[place])


async def upload(
    shop: Client,
    content: bytes,
    account: str,
    *,
    how: str = "format=stripe",
    once: str | None = None,
    **more: str,
) -> Answered:
    """Send a report."""
    path = f"/v1/settlements?processor_account={account}&{how}"
    headers = {"Content-Type": "text/csv"} | more
    return await shop.send("POST", path, raw=content, headers=headers, once=once)


async def done(shop: Client, settlement: str) -> Any:
    """The settlement when it is matched."""
    for _ in range(_LOOKS):
        found = await shop.get(f"/v1/settlements/{settlement}")
        if found["state"] == "done":
            return found
        await asyncio.sleep(_POLL_S)
    raise AssertionError(f"{settlement} is not matched")


async def test_the_how_to_page_does_what_it_says(shop: Client) -> None:
    paid = await shop.post("/v1/payments", payment())
    await shop.post("/v1/settlement_mappings", msgspec.json.decode(block("json")))
    content = block("text").replace("ATTEMPT", paid["attempts"][0]["id"]).encode()
    how = "format=generic&mapping=bank"
    made = await upload(shop, content, paid["processor_account"], how=how, once="payout-1")
    assert (made.status, made.json["object"], made.json["lines"]) == (201, "settlement", 3)
    again = await upload(shop, content, paid["processor_account"], how=how, once="payout-1")
    assert again.replayed and again.json["id"] == made.json["id"]
    settlement = await done(shop, made.json["id"])
    assert (settlement["lines_matched"], settlement["exceptions"]) == (1, 1)
    lines = (await shop.get(f"/v1/settlements/{settlement['id']}/lines"))["data"]
    assert [one["status"] for one in lines] == ["matched", "exception", "noted"]
    assert (lines[0]["payment"], lines[0]["fee"], lines[1]["reason"]) == (paid["id"], 175, "missing_here")
    only = await shop.get(f"/v1/settlements/{settlement['id']}/lines?status=exception")
    assert [one["number"] for one in only["data"]] == [2]
    (payout,) = (await shop.get(f"/v1/settlements/{settlement['id']}/payouts"))["data"]
    assert (payout["net"], payout["paid_out"]) == (5774, 5774)
    (exception,) = (await shop.get(f"/v1/settlements/{settlement['id']}/exceptions?state=open"))["data"]
    path = f"/v1/settlement_exceptions/{exception['id']}/resolve"
    ended = await shop.post(path, msgspec.json.decode(block("json", 1)))
    assert (ended["state"], ended["resolution"], ended["note"]) == (
        "resolved",
        "ignored",
        "sold at the counter",
    )
    assert refused(await shop.send("POST", path, {"resolution": "accept"}))[:3] == (
        409,
        "conflict",
        "exception_resolved",
    )
    assert settlement["id"] in [one["id"] for one in await shop.every("/v1/settlements")]
    types = [one["type"] for one in await shop.events()]
    assert types.count("settlement.completed") == 1
    assert [one["name"] for one in (await shop.get("/v1/settlement_mappings"))["data"]] == ["bank"]


async def test_a_wrong_upload_is_refused_and_says_what_to_mend(shop: Client) -> None:
    paid = await shop.post("/v1/payments", payment())
    account = paid["processor_account"]
    good = written(STRIPE, [stripe_row("charge", 4999)])
    before = await shop.every("/v1/settlements")
    broken = await upload(shop, good[:-9], account)
    assert refused(broken)[:3] == (400, "invalid_request", "unreadable_report")
    assert "Line 2" in broken.json["error"]["message"]
    assert (await upload(shop, good, account, how="format=excel")).code == "unknown_format"
    assert (await upload(shop, good, account, how="format=generic&mapping=no")).status == 404
    assert (await upload(shop, good, account, how="format=stripe&mapping=no")).code == "mapping_not_taken"
    assert (await upload(shop, good, f"pa_{NOBODYS}")).status == 404
    assert (await upload(shop, good, account, **{"Content-Type": "application/json"})).status == 415
    assert (await upload(shop, good, account, **{"Content-Encoding": "gzip"})).status == 415
    assert (await upload(shop, b"", account)).code == "unreadable_report"
    assert (await upload(shop, b"x" * ((16 << 20) + 1), account)).status == 413
    assert await shop.every("/v1/settlements") == before


async def test_a_stranger_uploads_reads_and_resolves_nothing_of_ours(
    shop: Client, served: Served, database_url: str
) -> None:
    paid = await shop.post("/v1/payments", payment())
    content = written(STRIPE, [stripe_row("charge", 1, description="ours")])
    made = (await upload(shop, content, paid["processor_account"])).json
    await done(shop, made["id"])
    (exception,) = (await shop.get(f"/v1/settlements/{made['id']}/exceptions"))["data"]
    async with opened(served, database_url) as service:
        key = (await sandboxed.make(service, name="Stranger")).reveal()
    async with client_of(served, key) as stranger:
        assert (await upload(stranger, content, paid["processor_account"])).status == 404
        for path in ("", "/lines", "/payouts", "/exceptions"):
            assert (await stranger.send("GET", f"/v1/settlements/{made['id']}{path}")).status == 404
        resolve = f"/v1/settlement_exceptions/{exception['id']}/resolve"
        assert (await stranger.send("POST", resolve, {"resolution": "accept"})).status == 404
        assert await stranger.every("/v1/settlement_exceptions") == []
        assert await stranger.every("/v1/settlements") == []
    assert (await shop.get(f"/v1/settlements/{made['id']}/exceptions"))["data"][0]["state"] == "open"
