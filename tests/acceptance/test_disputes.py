"""Disputes over HTTP, as the simulated processors tell of them: the how-to page does what it says, from news to end."""

from __future__ import annotations

import asyncio
import re
from base64 import b64encode
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest
from tests.acceptance.asking import NOBODYS, payment, refused, stored
from tests.whole.served import ANSWER_S, RETRY_S, Client

from recoup.disputes.core.machine import Status
from recoup.disputes.core.records import AnswerState

PAGE: Final = (Path(__file__).parents[2] / "docs" / "how-to" / "answer-a-dispute.md").read_text("utf-8")
BLOCKS: Final = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)


def block(place: int) -> Any:
    """A body on the page."""
    return msgspec.json.decode(BLOCKS[place])


async def until(shop: Client, path: str, status: str) -> Any:
    """The dispute when it stands there."""
    async with asyncio.timeout(ANSWER_S):
        while (found := await shop.get(path))["status"] != status:  # noqa: ASYNC110 - over the API
            await asyncio.sleep(RETRY_S)
    return found


async def told_of(shop: Client, paid: Any, status: str = "") -> Any:
    """The dispute of a payment, when its processor has told of it."""
    path = f"/v1/disputes?payment={paid['id']}" + (f"&status={status}" if status else "")
    async with asyncio.timeout(ANSWER_S):
        while not (listed := (await shop.get(path))["data"]):  # noqa: ASYNC110 - over the API
            await asyncio.sleep(RETRY_S)
    return listed[0]


async def disputed(shop: Client, paid: Any, **how: Any) -> Any:
    """A payment's dispute, made and told of."""
    await shop.post("/v1/test/disputes", {"payment": paid["id"], "reason": "product_not_received"} | how)
    return await told_of(shop, paid)


async def balance(shop: Client, kind: str) -> int:
    """What all accounts of a kind hold."""
    return sum(one["balance"] for one in await shop.every("/v1/ledger/accounts") if one["kind"] == kind)


async def test_the_how_to_page_does_what_it_says(shop: Client) -> None:
    paid = await shop.post("/v1/payments", payment())
    body = block(1) | {"payment": paid["id"]}
    assert block(1)["payment"] == "PAYMENT"
    await shop.post("/v1/test/disputes", body)
    dispute = await told_of(shop, paid)
    path = f"/v1/disputes/{dispute['id']}"
    assert (dispute["status"], dispute["category"]) == ("needs_response", "product_not_received")
    assert (dispute["amount"], dispute["currency"], dispute["funds_withdrawn"]) == (4999, "USD", True)
    assert dispute["stops_recoveries"] and dispute["payment"] == paid["id"]
    held = await shop.post(f"{path}/evidence", block(0))
    assert held["evidence"]["fields"] == sorted(block(0)["fields"])
    assert [one["name"] for one in held["evidence"]["files"]] == ["receipt.pdf"]
    assert "A desk lamp" not in msgspec.json.encode(held).decode()
    await shop.post(f"{path}/evidence", {"fields": {"uncategorized_text": "winning_evidence"}})
    done = await shop.post(f"{path}/submit", None, once="submit-1")
    assert (done["status"], done["answer"]["state"]) == ("under_review", "done")
    again = await shop.send("POST", f"{path}/submit", once="submit-1")
    assert again.replayed and again.json["answer"]["state"] == "done"
    won = await until(shop, path, "won")
    assert not won["stops_recoveries"] and won["ended_at"] is not None
    told = [one["type"] for one in await shop.events() if one["data"]["object"]["id"] == won["id"]]
    assert (told[0], told[-1]) == ("dispute.opened", "dispute.won")
    assert {"dispute.updated", "dispute.submitted"} <= set(told)


async def test_a_dispute_that_is_given_up_is_lost_in_the_books(shop: Client) -> None:
    paid = await shop.post("/v1/payments", payment())
    lost = await balance(shop, "dispute_losses")
    dispute = await disputed(shop, paid)
    assert await balance(shop, "disputed") >= 4999
    done = await shop.post(f"/v1/disputes/{dispute['id']}/accept", None)
    assert done["status"] == "accepted"
    assert await balance(shop, "dispute_losses") == lost + 4999
    late = await shop.send("POST", f"/v1/disputes/{dispute['id']}/submit")
    assert refused(late)[:3] == (409, "conflict", "dispute_unexpected_state")


async def test_a_warning_is_kept_as_such_and_moves_no_money(shop: Client) -> None:
    paid = await shop.post("/v1/payments", payment())
    before = await balance(shop, "disputed")
    dispute = await disputed(shop, paid, kind="warning", reason="fraudulent")
    assert (dispute["status"], dispute["funds_withdrawn"]) == ("warning", False)
    assert dispute["stops_recoveries"]
    assert await balance(shop, "disputed") == before
    await shop.post("/v1/test/disputes", {"payment": paid["id"], "reason": "fraudulent"})
    chargeback = await told_of(shop, paid, "needs_response")
    assert chargeback["charge_reference"] == dispute["charge_reference"]


async def test_a_disputed_card_is_not_tried_to_recover_a_payment(shop: Client) -> None:
    """An open recovery of the same payment method ends, and says why; a new one does not open."""
    customer, method = await stored(shop)
    charge = {"payment_method": method, "customer": customer, "initiator": "merchant"}
    paid = await shop.post("/v1/payments", payment(None, **charge))
    assert paid["status"] == "captured"
    decline = {"kind": "decline", "decline_code": "insufficient_funds", "times": 1}
    await shop.post("/v1/test/faults", decline)
    declined = await shop.post("/v1/payments", payment(None, **charge))
    assert declined["status"] == "declined" and declined["recovery"]
    recovery = f"/v1/recoveries/{declined['recovery']}"
    assert (await shop.get(recovery))["status"] == "scheduled"
    dispute = await disputed(shop, paid, reason="fraudulent")
    ended = await until(shop, recovery, "stopped")
    assert ended["end_reason"] == "disputed" and dispute["id"] in ended["plan"]["why"]
    stopped = [one["type"] for one in await shop.events() if one["data"]["object"]["id"] == ended["id"]]
    assert stopped[-1] == "recovery.stopped"
    await shop.post("/v1/test/faults", decline)
    again = await shop.post("/v1/payments", payment(None, **charge))
    assert (again["status"], again["recovery"]) == ("declined", None)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (
            {"files": [{"name": "a.pdf", "type": "application/pdf", "content": "AAAA"}]},
            "evidence_file_unreadable",
        ),
        (
            {"files": [{"name": "a.exe", "type": "application/x", "content": "AAAA"}]},
            "evidence_file_unreadable",
        ),
        ({"fields": {"shoe_size": "44"}}, None),
        ({"files": [{"name": "a/b.pdf", "type": "application/pdf", "content": "AAAA"}]}, None),
    ],
)
async def test_evidence_that_cannot_be_is_refused(shop: Client, body: Any, code: str | None) -> None:
    paid = await shop.post("/v1/payments", payment())
    dispute = await disputed(shop, paid)
    answer = await shop.send("POST", f"/v1/disputes/{dispute['id']}/evidence", body)
    assert answer.status == 400
    assert code is None or answer.code == code


async def test_a_document_is_taken_as_it_is(shop: Client) -> None:
    paid = await shop.post("/v1/payments", payment())
    path = f"/v1/disputes/{(await disputed(shop, paid))['id']}"
    content = b64encode(b"%PDF-1.4\n" + bytes(150_000)).decode()
    file = {"name": "letter.pdf", "type": "application/pdf", "content": content, "purpose": "receipt"}
    held = await shop.post(f"{path}/evidence", {"files": [file]})
    assert held["evidence"]["files"] == [
        {"name": "letter.pdf", "type": "application/pdf", "purpose": "receipt", "size": 150_009}
    ]
    less = await shop.post(f"{path}/evidence", {"remove_files": ["letter.pdf"]})
    assert less["evidence"]["files"] == []
    empty = await shop.send("POST", f"{path}/submit")
    assert refused(empty)[:3] == (400, "invalid_request", "dispute_evidence_missing")


async def test_what_is_not_there_is_not_found(shop: Client) -> None:
    assert (await shop.send("GET", f"/v1/disputes/dsp_{NOBODYS}")).status == 404
    assert (await shop.send("POST", f"/v1/disputes/dsp_{NOBODYS}/accept")).status == 404
    assert (await shop.send("GET", "/v1/disputes?due_before=soon")).status == 400


def test_the_page_names_every_status_and_every_state_of_an_answer() -> None:
    rows = {found.strip(" `") for found in re.findall(r"^\| (.*?) \|", PAGE, re.MULTILINE)}
    assert {*Status, *AnswerState} <= rows
