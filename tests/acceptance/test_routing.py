"""Routing, as a merchant meets it: a policy decides, its reasons are told, and nobody is asked who cannot do it."""

from __future__ import annotations

from tests.acceptance.asking import payment, reference, refused
from tests.whole.served import Client

CARD = {"brand": "visa", "funding": "credit", "issuer_country": "US", "bin": "42424242"}


async def labels(shop: Client) -> dict[str, str]:
    return {one["label"]: one["id"] for one in (await shop.get("/v1/processor_accounts"))["data"]}


async def test_what_is_explained_is_what_is_done(shop: Client) -> None:
    """A rule of the policy sends large payments elsewhere; explaining it moves nothing, and the payment follows it."""
    ids = await labels(shop)
    rule = {
        "name": "large ones",
        "when": {"amount": {"currency": "USD", "at_least": 90_000}},
        "then": {"ordered": ["bravo"]},
    }
    saved = await shop.post("/v1/routing/policy", {"policy": {"rules": [rule]}})
    told = await shop.post("/v1/routing/explain", {"amount": 95_000, "currency": "USD", **CARD})
    assert told["chosen"] == ids["bravo"]
    assert (told["data"]["rule"], told["data"]["policy_version"]) == ("large ones", saved["version"])
    small = await shop.post("/v1/routing/explain", {"amount": 500, "currency": "USD", **CARD})
    assert small["chosen"] == ids["alpha"]
    paid = await shop.post("/v1/payments", payment(amount=95_000))
    assert paid["processor_account"] == ids["bravo"]
    why = (await shop.get(f"/v1/decisions/{paid['attempts'][0]['decision']}"))["data"]
    assert (why["rule"], why["policy_version"]) == ("large ones", saved["version"])
    assert why["seed"] and why["candidates"][1]["place"] == 1
    assert {one["label"] for one in why["candidates"]} == set(ids)


async def test_the_caller_s_own_order_goes_before_the_policy(shop: Client) -> None:
    """What a request says of its routing is obeyed."""
    ids = await labels(shop)
    asked = {"processor_accounts": [ids["bravo"], ids["alpha"]]}
    paid = await shop.post("/v1/payments", payment(routing=asked))
    assert paid["processor_account"] == ids["bravo"]
    told = await shop.post("/v1/routing/explain", {"amount": 100, "currency": "USD", **CARD, **asked})
    assert (told["chosen"], told["data"]["rule"]) == (ids["bravo"], "requested")


async def test_a_drained_account_is_the_last_resort(shop: Client) -> None:
    """New payments go elsewhere, and come back when a person says so."""
    ids = await labels(shop)
    await shop.post(f"/v1/processor_accounts/{ids['alpha']}", {"drained": True})
    try:
        assert (await shop.post("/v1/payments", payment()))["processor_account"] != ids["alpha"]
    finally:
        await shop.post(f"/v1/processor_accounts/{ids['alpha']}", {"drained": False})
    assert (await shop.post("/v1/payments", payment()))["processor_account"] == ids["alpha"]


async def test_where_nobody_can_do_it_everybody_s_reason_is_told(shop: Client) -> None:
    """And explaining it tells the same without refusing."""
    ids = await labels(shop)
    for account_id in ids.values():
        await shop.post(f"/v1/processor_accounts/{account_id}", {"amount_limits": {"JPY": {"min": 500}}})
    answer = await shop.send("POST", "/v1/payments", payment(amount=100, currency="JPY"))
    assert refused(answer)[0] == 400
    said = answer.json["error"]["message"]
    assert all(f"{label}: " in said for label in ids), said
    told = await shop.post("/v1/routing/explain", {"amount": 100, "currency": "JPY", **CARD})
    assert told["chosen"] is None
    assert all(one["place"] is None and "no less" in one["why"] for one in told["data"]["candidates"])


async def test_a_failure_goes_on_at_another_acquirer(shop: Client) -> None:
    """Not merely at the next account: the same acquirer would bring the same request to the same issuer."""
    ids = await labels(shop)
    for label in ("alpha", "bravo"):
        await shop.post(f"/v1/processor_accounts/{ids[label]}", {"acquirer": "First Bank"})
    other = {"connector": "bravo", "label": "elsewhere", "acquirer": "Second Bank"}
    elsewhere = await shop.post("/v1/processor_accounts", other | {"credentials": {"api_key": "any"}})
    try:
        order = reference()
        await shop.post("/v1/test/faults", {"kind": "outage", "merchant_reference": order})
        paid = await shop.post("/v1/payments", payment(merchant_reference=order))
        assert [one["processor_account"] for one in paid["attempts"]] == [ids["alpha"], elsewhere["id"]]
    finally:
        await shop.send("DELETE", f"/v1/processor_accounts/{elsewhere['id']}")


async def test_what_cannot_be_explained_is_refused_by_name(shop: Client) -> None:
    """A wrong currency, an account that is not there."""
    wrong = await shop.send("POST", "/v1/routing/explain", {"amount": 1, "currency": "XXX"})
    assert refused(wrong)[:2] == (400, "invalid_request")
    unknown = {"amount": 1, "currency": "USD", "processor_accounts": ["pa_0000000000000000000000000z"]}
    assert (await shop.send("POST", "/v1/routing/explain", unknown)).status == 404
