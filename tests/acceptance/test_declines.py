"""Codes that no table knows, and a merchant's own reading of codes."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.acceptance.asking import payment, refused
from tests.whole.served import Client, Served


async def declined_with(shop: Client, code: str, **more: Any) -> dict[str, Any]:
    """A payment that the next processor declines with this code."""
    fault = {"kind": "decline", "decline_code": code, "times": 1, "processor": "alpha", **more}
    await shop.post("/v1/test/faults", fault)
    made: dict[str, Any] = await shop.post("/v1/payments", payment())
    return made


async def test_what_came_beside_a_code_is_read_with_it(shop: Client) -> None:
    path = "/v1/declines/stripe/card_declined"
    alone = await shop.get(path)
    assert (alone["standard_code"], alone["decided_by"], alone["override"]) == (
        "generic_decline",
        "processor_code",
        None,
    )
    beside = await shop.get(f"{path}?raw=51%20:%20Insufficient%20funds")
    assert (beside["standard_code"], beside["decided_by"]) == ("insufficient_funds", "network_code")
    advised = await shop.get(f"{path}?network_code=05&advice_code=03&brand=mastercard")
    assert advised["advice"]["action"] == "stop"
    assert advised["network_rule"] == "mastercard_mac_03"
    assert advised["message"] != advised["merchant_message"]


async def test_an_unseen_code_is_counted_and_opens_a_case_until_it_is_read(shop: Client) -> None:
    first = await declined_with(shop, "zz_unseen_1")
    assert (first["status"], first["decline"]["code"]) == ("declined", "other")
    assert len(first["attempts"]) == 1, "nothing speaks for another processor"
    await declined_with(shop, "zz_unseen_1")
    cases = (await shop.get("/v1/audit/cases?state=open"))["data"]
    [case] = [one for one in cases if one["details"]["processor_code"] == "zz_unseen_1"]
    assert (case["kind"], case["payment"]) == ("unseen_code", first["id"])
    assert "/v1/declines/alpha/zz_unseen_1/override" in case["remedy"]
    metrics = (await shop.send("GET", "/metrics")).body.decode()
    assert 'recoup_unrecognised_decline_codes_total{connector="alpha"} 2.0' in metrics

    override = {"standard_code": "insufficient_funds", "note": "asked their support"}
    made = await shop.post("/v1/declines/alpha/zz_unseen_1/override", override)
    assert (made["version"], made["in_force"], made["standard_code"]) == (1, True, "insufficient_funds")
    assert made["set_by"].startswith("key_")
    resolved = await shop.post(f"/v1/audit/cases/{case['id']}/resolve", {"resolution": "read"})
    assert (resolved["state"], resolved["resolution"]) == ("resolved", "read")
    again = await shop.send("POST", f"/v1/audit/cases/{case['id']}/resolve", {})
    assert refused(again)[:3] == (409, "conflict", "audit_case_resolved")

    known = await declined_with(shop, "zz_unseen_1")
    decline = known["decline"]
    assert (decline["code"], decline["decided_by"]) == ("insufficient_funds", "merchant_override")
    types = [one["type"] for one in (await shop.get("/v1/events?limit=100"))["data"]]
    assert {"audit.case_opened", "audit.case_resolved"} <= set(types)


async def test_an_override_has_a_history_and_can_be_taken_back(shop: Client) -> None:
    path = "/v1/declines/bravo/do_not_honor"
    await shop.post(f"{path}/override", {"hardness": "hard", "advice": {"action": "ask_customer"}})
    await shop.post(f"{path}/override", {"category": "funds"})
    read = await shop.get(path)
    assert read["category"] == "issuer", "what the tables say"
    assert (read["override"]["version"], read["override"]["category"]) == (2, "funds")
    removed = await shop.post(f"{path}/override/remove", {})
    assert (removed["version"], removed["in_force"]) == (3, False)
    history = (await shop.get(f"{path}/override/history"))["data"]
    assert [one["version"] for one in history] == [3, 2, 1]
    assert (await shop.get(path))["override"] is None
    gone = await shop.send("POST", f"{path}/override/remove", {})
    assert refused(gone)[:2] == (404, "not_found")


@pytest.mark.parametrize(
    ("path", "body", "expected"),
    [
        (
            "alpha/lost_card",
            {"advice": {"action": "retry_now"}},
            (409, "override_loosens_a_stop", "advice.action"),
        ),
        (
            "visa/41",
            {"standard_code": "insufficient_funds"},
            (409, "override_loosens_a_stop", "advice.action"),
        ),
        ("alpha/zz", {}, (400, "override_empty", "standard_code")),
        ("alpha/zz", {"standard_code": "zz"}, (400, "unknown_value", "standard_code")),
        ("alpha/zz", {"hardness": "solid"}, (400, None, "hardness")),
        ("acme/zz", {"hardness": "soft"}, (404, None, None)),
    ],
)
async def test_what_may_not_be_overridden(
    shop: Client, path: str, body: dict[str, Any], expected: tuple[int, str | None, str | None]
) -> None:
    answered = await shop.send("POST", f"/v1/declines/{path}/override", body)
    status, _, code, param = refused(answered)
    assert (status, param) == (expected[0], expected[2])
    assert expected[1] in {None, code}


async def test_the_doctor_tells_of_unseen_codes(served: Served, shop: Client) -> None:
    await declined_with(shop, "zz_unseen_2")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "recoup", "doctor"),
        cwd=Path(served.folder).parent,
        env=served.environment,
        stdout=asyncio.subprocess.PIPE,
    )
    said, _ = await process.communicate()
    assert process.returncode == 0
    assert "alpha sent the code zz_unseen_2 (network: XX) 1 times" in said.decode()
