"""A merchant's routing policy over HTTP: saved in TOML or JSON, refused with every place, taken back, heard of."""

from __future__ import annotations

from typing import Any, Final

import pytest
from tests.acceptance.asking import payment, refused
from tests.whole.served import Client

PATH: Final = "/v1/routing/policy"
TOML: Final = """\
# Bravo takes what is large.
[[rules]]
name = "large"
when.amount = { at_least = 100000, currency = "USD" }
then = { ordered = ["Bravo"] }
"""


@pytest.fixture
async def labels(shop: Client) -> list[str]:
    """The labels of the sandbox's accounts."""
    return [one["label"] for one in await shop.every("/v1/processor_accounts")]


async def changes(shop: Client) -> list[dict[str, Any]]:
    """What was told of policies, oldest first."""
    events = (await shop.get("/v1/events?type=routing.policy_changed&limit=100"))["data"]
    return [one["data"]["object"] for one in reversed(events)]


async def test_before_anything_is_saved_accounts_are_asked_in_their_order(shop: Client) -> None:
    read = await shop.get(PATH)
    assert (read["version"], read["policy"], read["active"]) == (None, {}, True)
    missing = await shop.send("GET", f"{PATH}/versions/1")
    assert refused(missing)[:3] == (404, "not_found", "resource_missing")


async def test_a_policy_is_saved_read_replaced_and_taken_back(shop: Client, labels: list[str]) -> None:
    text = TOML.replace("Bravo", labels[1])
    first = await shop.post(PATH, {"toml": text, "note": "large amounts"})
    assert (first["active"], first["toml"], first["note"]) == (True, text, "large amounts")
    assert first["policy"]["rules"][0]["then"] == {"ordered": [labels[1]]}
    assert first["created_by"].startswith("key_")
    ids = [one["id"] for one in await shop.every("/v1/processor_accounts")]
    second = await shop.post(PATH, {"policy": {"default": {"split": {ids[0]: 70, labels[1]: 30}}}})
    assert (second["version"], second["toml"]) == (first["version"] + 1, None)
    assert (await shop.get(PATH))["version"] == second["version"]

    back = await shop.post(f"{PATH}/{first['version']}/activate", {})
    assert (back["version"], back["active"]) == (first["version"], True)
    same = await shop.post(f"{PATH}/{first['version']}/activate", {})
    assert same["activated_at"] == back["activated_at"], "it was in force already"
    versions = (await shop.get(f"{PATH}/versions?limit=1"))["data"]
    assert [(one["version"], one["active"]) for one in versions] == [(second["version"], False)]
    older = await shop.get(f"{PATH}/versions?starting_after={second['version']}")
    assert [one["version"] for one in older["data"]][:1] == [first["version"]]
    kept = await shop.get(f"{PATH}/versions/{second['version']}")
    assert (kept["active"], kept["policy"]["default"]) == (False, {"split": {ids[0]: 70, labels[1]: 30}})
    told = [one["version"] for one in await changes(shop)]
    assert told[-3:] == [first["version"], second["version"], first["version"]]


async def test_the_policy_in_force_routes_payments(shop: Client) -> None:
    accounts = await shop.every("/v1/processor_accounts")
    [bravo] = [one for one in accounts if one["label"] == "bravo"]
    rule = {"name": "nobody but bravo", "then": {"ordered": ["bravo"], "only": True}}
    saved = await shop.post(PATH, {"policy": {"rules": [rule]}})
    made = await shop.post("/v1/payments", payment())
    assert made["processor_account"] == bravo["id"]
    decision = await shop.get(f"/v1/decisions/{made['attempts'][0]['decision']}")
    assert decision["data"]["rule"] == "nobody but bravo"
    assert decision["data"]["policy_version"] == saved["version"]


async def test_a_wrong_policy_is_refused_with_every_place(shop: Client, labels: list[str]) -> None:
    wrong = f"""
[[rules]]
name = "one"
when.currency = "usd"
then.split = {{ "{labels[0]}" = 50, "Nobody" = 40 }}
"""
    before = await shop.get(PATH)
    answered = await shop.send("POST", PATH, {"toml": wrong})
    assert refused(answered) == (400, "invalid_request", "invalid_policy", "rules[0].when.currency")
    message = answered.json["error"]["message"]
    assert "for 3 reasons" in message
    assert (
        "line 4, rules[0].when.currency: 'usd' is no currency code of ISO 4217; did you mean `USD`?"
        in message
    )
    assert "line 5, rules[0].then.split: the shares sum to 90, not 100" in message
    assert "line 5, rules[0].then.split.Nobody: there is no account 'Nobody'" in message
    assert await shop.get(PATH) == before


async def test_a_check_saves_nothing(shop: Client, labels: list[str]) -> None:
    before = await shop.get(PATH)
    good = await shop.post(f"{PATH}/check", {"policy": {"default": {"ordered": labels}}})
    assert (good["valid"], good["problems"]) == (True, [])
    bad = await shop.post(f"{PATH}/check", {"policy": {"default": {"exclude": labels}}})
    assert not bad["valid"]
    assert [one["path"] for one in bad["problems"]] == ["default"]
    assert await shop.get(PATH) == before


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        ({}, "one_of_policy_and_toml", "policy"),
        ({"policy": {}, "toml": ""}, "one_of_policy_and_toml", "policy"),
        ({"policy": {"rule": []}}, "invalid_policy", "rule"),
        ({"toml": "rules = ["}, "invalid_policy", None),
        (
            {"policy": {"rules": [{"name": "a", "then": {"split": {}}}]}},
            "invalid_policy",
            "rules[0].then.split",
        ),
        ({"polcy": {}}, "unknown_field", "polcy"),
    ],
)
async def test_what_is_no_policy(shop: Client, body: dict[str, Any], code: str, param: str | None) -> None:
    answered = await shop.send("POST", PATH, body)
    assert refused(answered) == (400, "invalid_request", code, param)


async def test_a_repeated_request_saves_once(shop: Client) -> None:
    body = {"policy": {"margin_basis_points": 2500}}
    first = await shop.post(PATH, body, once="policy-once")
    again = await shop.send("POST", PATH, body, once="policy-once")
    assert (again.replayed, again.json["version"]) == (True, first["version"])


@pytest.mark.parametrize("version", ["0", "999999", "one", "-1", "٣"])
async def test_a_version_that_is_none_cannot_be_activated(shop: Client, version: str) -> None:
    answered = await shop.send("POST", f"{PATH}/{version}/activate", {})
    assert answered.status == 404


async def test_a_version_can_be_kept_without_being_put_in_force(shop: Client) -> None:
    """To be tried in an experiment first."""
    before = await shop.get("/v1/routing/policy")
    kept = await shop.post("/v1/routing/policy", {"policy": {}, "activate": False})
    assert kept["activated_at"] is None
    assert (await shop.get("/v1/routing/policy"))["version"] == before["version"] != kept["version"]
    assert (await shop.post(f"/v1/routing/policy/{kept['version']}/activate", {}))["activated_at"]
