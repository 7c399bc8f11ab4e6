"""Failures from elsewhere over HTTP: the how-to page does what it says, from the failure to its end."""

from __future__ import annotations

import asyncio
import re
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import msgspec
from tests.acceptance.asking import APPROVED, NO_FUNDS, NOBODYS, card, reference, refused, stored
from tests.whole.served import Client, Served

PAGE: Final = (
    Path(__file__).parents[2] / "docs" / "how-to" / "recover-failures-from-elsewhere.md"
).read_text("utf-8")
ACT, PAID, ADVISE, RESULT = (
    msgspec.json.decode(one) for one in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
)


async def now_of(shop: Client) -> datetime:
    """The merchant's present."""
    return datetime.fromisoformat((await shop.get("/v1/test_clock"))["now"])


async def failed(shop: Client, body: Any, **more: Any) -> dict[str, Any]:
    """A failure of an hour ago that nobody brought yet."""
    at = await now_of(shop) - timedelta(hours=1)
    return {**body, "external_id": reference(), "failed_at": at.isoformat(), **more}


async def until(shop: Client, moment: str) -> None:
    """Move on to a moment, and a little further."""
    to = max(datetime.fromisoformat(moment), await now_of(shop)) + timedelta(minutes=1)
    await shop.post("/v1/test_clock/advance", {"to": to.isoformat()})


async def told(shop: Client, about: str) -> list[str]:
    """The types of the events of an object."""
    return [one["type"] for one in await shop.events() if one["data"]["object"]["id"] == about]


async def test_where_we_act_the_first_try_is_the_recoverys(shop: Client) -> None:
    owner, method = await stored(shop, country="US")
    body = await failed(shop, ACT, payment_method=method)
    both = await asyncio.gather(*[shop.send("POST", "/v1/recoveries", body) for _ in range(2)])
    assert sorted(one.status for one in both) == [200, 201], "of two at once one is the first"
    recovery, again = (one.json for one in both)
    assert recovery == again and (recovery["mode"], recovery["status"]) == ("act", "scheduled")
    other = await shop.send("POST", "/v1/recoveries", body | {"amount": 5000})
    assert refused(other)[:3] == (409, "conflict", "external_id_reused")
    waiting = await shop.get(f"/v1/payments/{recovery['payment']}")
    assert (waiting["status"], waiting["attempts"]) == ("requires_payment_method", [])
    assert (waiting["customer"], waiting["merchant_reference"]) == (owner, body["external_id"])
    found = await shop.get(f"/v1/recoveries?external_id={body['external_id']}")
    assert [one["id"] for one in found["data"]] == [recovery["id"]]

    await until(shop, recovery["next_retry_at"])
    paid = await shop.get(f"/v1/payments/{recovery['payment']}")
    assert (paid["status"], [one["reason"] for one in paid["attempts"]]) == ("captured", ["recovery"])
    assert paid["initiator"] == "merchant"
    assert (await shop.get(f"/v1/recoveries/{recovery['id']}"))["status"] == "recovered"
    expected = ["recovery.opened", "recovery.retry_scheduled", "recovery.recovered"]
    assert await told(shop, recovery["id"]) == expected


async def test_a_new_card_is_declined_planned_again_and_let_go_of_once_paid_elsewhere(shop: Client) -> None:
    data = card(NO_FUNDS) | {"network_transaction_id": "016150703802094"}
    body = await failed(shop, ACT, payment_method_data=data)
    del body["payment_method"]
    recovery = await shop.post("/v1/recoveries", body)
    await until(shop, recovery["next_retry_at"])
    tried = await shop.get(f"/v1/recoveries/{recovery['id']}")
    assert (tried["status"], tried["tries_made"]) == ("scheduled", 1)
    seen = tried["plan"]["facts"]["known"]["seen"]
    assert datetime.fromisoformat(body["failed_at"]) - datetime.fromisoformat(seen[0][0]) < timedelta(
        seconds=1
    )
    assert seen[0][1:4] == [False, "funds", True], "what failed elsewhere is part of the record"
    reported = await shop.post(f"/v1/recoveries/{recovery['id']}/reported", PAID)
    assert (reported["status"], reported["end_reason"]) == ("stopped", "paid_elsewhere")
    assert reported["paid_elsewhere_at"] is not None
    payment = await shop.get(f"/v1/payments/{recovery['payment']}")
    assert (payment["status"], len(payment["attempts"])) == ("canceled", 1)
    assert (await shop.post(f"/v1/recoveries/{recovery['id']}/reported", PAID)) == reported
    late = await shop.send("POST", f"/v1/payments/{recovery['payment']}/confirm", {})
    assert refused(late)[:2] == (409, "conflict")


async def test_where_we_advise_results_lead_to_the_next_plan(shop: Client) -> None:
    before = (await now_of(shop) - timedelta(days=3)).isoformat()
    body = await failed(shop, ADVISE, tries=[{"at": before, "decline": {"code": "do_not_honor"}}])
    recovery = await shop.post("/v1/recoveries", body)
    plan = recovery["plan"]
    assert (recovery["payment"], plan["action"], plan["processor_accounts"]) == (None, "retry", ["elsewhere"])
    assert plan["facts"]["payday"] == {"cycle": "monthly", "day_of_month": 1}
    path = f"/v1/recoveries/{recovery['id']}"
    shown = await shop.get(f"{path}/failure")
    assert [one["code"] for one in shown["tries"]] == ["do_not_honor", "insufficient_funds"]
    assert (await shop.post(f"{path}/pause", {}))["status"] == "paused"
    assert (await shop.post(f"{path}/resume", {}))["status"] == "scheduled"

    await until(shop, recovery["next_retry_at"])
    assert (await shop.get(path))["status"] == "running"
    assert "recovery.retry_due" in await told(shop, recovery["id"])
    result = RESULT | {"at": recovery["next_retry_at"]}
    after = await shop.post(f"{path}/results", result)
    assert (after["status"], after["tries_made"]) == ("scheduled", 1)
    assert after["next_retry_at"] > recovery["next_retry_at"] and after["decision"] != recovery["decision"]
    assert await shop.post(f"{path}/results", result) == after, "the very same again changes nothing"
    other = await shop.send("POST", f"{path}/results", result | {"approved": True, "decline": None})
    assert refused(other)[2] == "result_conflict"
    early = await shop.send("POST", f"{path}/results", {"at": before, "approved": True})
    assert early.status == 409 or refused(early)[2:] == ("invalid_time", "at")

    approved = {"at": (await now_of(shop)).isoformat(), "approved": True}
    paid = await shop.post(f"{path}/results", approved)
    assert (paid["status"], paid["end_reason"]) == ("recovered", "paid")
    assert await shop.post(f"{path}/results", approved) == paid


async def test_what_nothing_helps_is_told_at_once(shop: Client) -> None:
    body = await failed(shop, ADVISE, decline={"code": "revocation_of_all_authorizations"})
    recovery = await shop.post("/v1/recoveries", body)
    assert (recovery["status"], recovery["plan"]["action"]) == ("exhausted", "give_up")
    assert recovery["plan"]["why"]


async def test_what_was_reported_is_in_the_customers_record(shop: Client) -> None:
    """Of another failure of the same customer, whatever card it was."""
    who = {"reference": reference(), "country": "US"}
    first = await shop.post("/v1/recoveries", await failed(shop, ADVISE, customer_details=who))
    paid = {"at": (await now_of(shop)).isoformat(), "approved": True}
    await shop.post(f"/v1/recoveries/{first['id']}/results", paid)
    second = await shop.post("/v1/recoveries", await failed(shop, ADVISE, customer_details=who))
    seen = second["plan"]["facts"]["known"]["seen"]
    assert [one[1] for one in seen] == [False, True], seen


async def test_what_cannot_be_is_refused_by_its_field(shop: Client) -> None:
    _, method = await stored(shop, APPROVED)
    good = await failed(shop, ACT, payment_method=method)
    advice = await failed(shop, ADVISE)
    ahead = (await now_of(shop) + timedelta(days=2)).isoformat()
    cases: list[tuple[Any, str | None]] = [
        (good | {"payment_method": None}, "payment_method"),
        (good | {"payment_method_data": card()}, "payment_method"),
        (good | {"card": {"brand": "visa"}}, "card"),
        (good | {"currency": "XXQ"}, "currency"),
        (good | {"failed_at": ahead}, "failed_at"),
        (good | {"deadline": good["failed_at"]}, "deadline"),
        (good | {"tries": [{"at": ahead}]}, "tries"),
        (good | {"decline": {"code": "no_such_code"}}, "decline.code"),
        (good | {"decline": {"connector": "nobody", "code": "1"}}, "decline.connector"),
        (good | {"decline": {}}, "decline.code"),
        (good | {"processor_account": f"pa_{NOBODYS}"}, "processor_account"),
        (good | {"customer": f"cus_{NOBODYS}"}, "customer"),
        (advice | {"payment_method_data": card()}, "payment_method_data"),
        (advice | {"customer_details": {"time_zone": "Mars"}}, "customer_details.time_zone"),
    ]
    for body, param in cases:
        answer = await shop.send("POST", "/v1/recoveries", body)
        assert answer.status in (400, 404) and refused(answer)[3] == param, (param, answer.body)
    recovery = await shop.post("/v1/recoveries", good)
    result = await shop.send(
        "POST", f"/v1/recoveries/{recovery['id']}/results", RESULT | {"at": good["failed_at"]}
    )
    assert refused(result)[2] == "recovery_not_advised"
    future = await shop.send("POST", f"/v1/recoveries/{recovery['id']}/reported", PAID | {"at": ahead})
    assert refused(future)[2:] == ("time_in_future", "at")


async def recoup(served: Served, *words: str) -> tuple[int, str]:
    """Run a command beside the server: its exit code, and what it printed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "recoup",
        *words,
        env=served.environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    return process.returncode or 0, said.decode()


async def test_an_imported_history_is_the_customers_record(
    shop: Client, served: Served, tmp_path: Path
) -> None:
    """With the mapping of the page; the same file again adds nothing, and what cannot be read is told by its place."""
    (mapping,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    how, file, who = tmp_path / "how.toml", tmp_path / "history.csv", reference()
    how.write_text(mapping, "utf-8")
    at = (await now_of(shop) - timedelta(days=40)).strftime("%Y-%m-%d %H:%M")
    lines = [
        "Transaction;Invoice;Customer;Date;Total;Result;Reason",
        f"t-1;in-1;{who};{at};49,99;refused;insufficient_funds",
        f"t-2;in-1;{who};{at};49,99;ok;",
        f"t-3;in-2;{who};{at};49,99;perhaps;",
    ]
    file.write_text("\n".join(lines), "utf-8")
    words = ("import", str(file), "--mapping", str(how), "--merchant", "Sandbox")
    code, said = await recoup(served, *words)
    assert code == 1 and "line 4, column Result" in said and "Nothing was taken in" in said, said
    code, said = await recoup(served, *words, "--skip-errors")
    assert code == 0 and "2 tries taken in, 0 were there already" in said, said
    code, said = await recoup(served, *words, "--dry-run", "--skip-errors")
    assert "2 are there already" in said, said

    body = await failed(shop, ADVISE, currency="EUR", customer_details={"reference": who})
    recovery = await shop.post("/v1/recoveries", body)
    seen = recovery["plan"]["facts"]["known"]["seen"]
    assert sorted(one[1:3] for one in seen) == [[False, "funds"], [True, ""]], seen
    assert "history.imported" in [one["type"] for one in await shop.events()]
