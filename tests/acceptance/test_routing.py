"""Routing, as a merchant meets it: a policy decides, its reasons are told, and nobody is asked who cannot do it."""

from __future__ import annotations

from tests.acceptance.asking import card, payment, reference, refused, stored
from tests.whole.served import Client

GENERIC = "4000000000000002"
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


async def test_a_payment_that_says_its_category_goes_where_that_is_taken(shop: Client) -> None:
    """By what accounts take, by the policy, and again at a later try; one that does not say goes anywhere."""
    ids = await labels(shop)
    await shop.post(f"/v1/processor_accounts/{ids['alpha']}", {"merchant_categories": ["5411"]})
    try:
        declined = await shop.post("/v1/payments", payment(GENERIC, merchant_category="5999"))
        paid = await shop.post("/v1/payments", payment(merchant_category="5999"))
        silent = await shop.post("/v1/payments", payment())
        asked = {"amount": 4999, "currency": "USD", "merchant_category": "5999", **CARD}
        told = await shop.post("/v1/routing/explain", asked)
    finally:
        await shop.post(f"/v1/processor_accounts/{ids['alpha']}", {"merchant_categories": None})
    assert (paid["processor_account"], paid["merchant_category"]) == (ids["bravo"], "5999")
    assert (silent["processor_account"], silent["merchant_category"]) == (ids["alpha"], None)
    assert told["chosen"] == ids["bravo"] and "merchant category 5999" in str(told["data"]["candidates"])
    rule = {"name": "what", "when": {"merchant_category": "5999"}, "then": {"ordered": ["bravo"]}}
    await shop.post("/v1/routing/policy", {"policy": {"rules": [rule]}})
    again = await shop.post(f"/v1/payments/{declined['id']}/confirm", {"payment_method_data": card()})
    why = (await shop.get(f"/v1/decisions/{again['attempts'][-1]['decision']}"))["data"]
    assert (why["rule"], why["facts"]["merchant_category"]) == ("what", "5999")
    wrong = await shop.send("POST", "/v1/payments", payment(merchant_category="54x1"))
    assert refused(wrong)[:2] == (400, "invalid_request") and refused(wrong)[3] == "merchant_category"


async def test_who_must_authenticate_goes_where_that_can_be_done(shop: Client) -> None:
    """Once an issuer has asked for the customer, the next try with that card passes over who has no 3-D Secure."""
    ids = await labels(shop)
    await shop.post(f"/v1/processor_accounts/{ids['alpha']}", {"three_d_secure": False})
    order, (_, method) = reference(), await stored(shop)
    wanted = {"kind": "decline", "decline_code": "authentication_required", "network_code": "1A"}
    try:
        await shop.post("/v1/test/faults", wanted | {"merchant_reference": order})
        said = payment(None, payment_method=method, merchant_reference=order)
        declined = await shop.post("/v1/payments", said)
        assert [one["processor_account"] for one in declined["attempts"]] == [ids["alpha"]]
        again = await shop.post(f"/v1/payments/{declined['id']}/confirm", {"payment_method": method})
        asked = {"amount": 4999, "currency": "USD", "needs_challenge": True, **CARD}
        told = await shop.post("/v1/routing/explain", asked)
    finally:
        await shop.post(f"/v1/processor_accounts/{ids['alpha']}", {"three_d_secure": None})
    assert again["attempts"][-1]["processor_account"] == told["chosen"] == ids["bravo"]
    why = (await shop.get(f"/v1/decisions/{again['attempts'][-1]['decision']}"))["data"]
    assert why["facts"]["needs_challenge"] is True
    assert "cannot have the customer authenticated" in str(why["candidates"])


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


async def test_a_card_s_network_is_read_from_its_first_digits(shop: Client) -> None:
    """Who explains a route need not know the network: the payment's would be read from the card too."""
    told = await shop.post("/v1/routing/explain", {"amount": 100, "currency": "USD", "bin": "424242"})
    assert told["data"]["facts"]["brand"] == "visa"


async def test_what_cannot_be_explained_is_refused_by_name(shop: Client) -> None:
    """A wrong currency, an account that is not there."""
    wrong = await shop.send("POST", "/v1/routing/explain", {"amount": 1, "currency": "XXX"})
    assert refused(wrong)[:2] == (400, "invalid_request")
    unknown = {"amount": 1, "currency": "USD", "processor_accounts": ["pa_0000000000000000000000000z"]}
    assert (await shop.send("POST", "/v1/routing/explain", unknown)).status == 404
