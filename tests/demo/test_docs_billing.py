"""The page about billing does what it says, from a plan to a paid invoice and its end."""

from __future__ import annotations

import json
from typing import Final

from tests.demo.test_docs_code import TUTORIAL, blocks, ran, shell

from recoup.sandboxed import Ready

PAGE: Final = "docs/how-to/bill-subscriptions.md"


async def test_a_subscription_is_billed_as_the_page_says(serving: Ready) -> None:
    commands = next(code for code in blocks(TUTORIAL, "bash") if "post()" in code)
    code = "\n".join([commands, *blocks(PAGE, "bash")])
    said = await ran("bash", "-euo", "pipefail", "-c", code, **shell(serving))
    answers = [json.loads(line) for line in said.splitlines() if line]
    assert not [answer["error"] for answer in answers if "error" in answer]
    stands = [answer["status"] for answer in answers if answer.get("object") in {"subscription", "invoice"}]
    begun = ["trialing", "open"]  # the second is a preview
    renewed = ["paid"]
    refused = ["open", "past_due", "paid"]
    changed = ["open", "active", "active", "paused", "active", "active"]
    assert stands == [*begun, *renewed, *refused, *changed]
    bills = [answer for answer in answers if answer.get("object") == "invoice"]
    assert bills[0]["charge_reason"] == bills[1]["charge_reason"], "as it was foretold"
    assert bills[2]["payment_failure"]["code"] == "insufficient_funds"
    assert answers[-1]["cancel_at_period_end"]
