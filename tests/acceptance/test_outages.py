"""An outage as a merchant meets it: a few failures, then others first; news of it; and back when it is over."""

from __future__ import annotations

from typing import Any

from tests.acceptance.asking import payment
from tests.whole.served import Client

FAILURES_MAX = 6
PAYMENTS_MAX = 200


async def first_asked(shop: Client) -> str:
    """The account that a new payment asks first."""
    paid = await shop.post("/v1/payments", payment())
    return str(paid["attempts"][0]["processor_account"])


async def health_of(shop: Client, account: str) -> Any:
    listed = await shop.get("/v1/routing/health")
    return next(one for one in listed["data"] if (one["processor_account"], one["scope"]) == (account, "*"))


async def test_others_go_first_while_a_processor_is_out_and_it_comes_back(shop: Client) -> None:
    account = await first_asked(shop)
    label = (await shop.get(f"/v1/processor_accounts/{account}"))["label"]
    assert (await health_of(shop, account))["since"] is None
    fault = await shop.post("/v1/test/faults", {"kind": "outage", "processor": label, "times": 1000})
    asked = [await first_asked(shop) for _ in range(FAILURES_MAX)]
    assert asked[0] == account
    elsewhere = [await first_asked(shop) for _ in range(10)]
    assert elsewhere.count(account) < 5, "a probe now and then"
    found = await health_of(shop, account)
    assert found["health"] == "degraded" and "technical failures" in found["why"]
    await shop.send("DELETE", f"/v1/test/faults/{fault['id']}")
    for _ in range(PAYMENTS_MAX):
        await shop.post("/v1/payments", payment(routing={"processor_accounts": [account]}))
        if (await health_of(shop, account))["health"] == "good":
            break
    assert await first_asked(shop) == account
    told = [one for one in await shop.events() if one["type"].startswith("processor.")]
    assert [one["type"] for one in told] == ["processor.degraded", "processor.recovered"]
    assert {one["data"]["object"]["processor_account"] for one in told} == {account}
