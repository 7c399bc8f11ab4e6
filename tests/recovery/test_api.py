"""Recoveries over the API: seen, paused, resumed, stopped and hastened by their own merchant only."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from tests.recovery.cases import FIRST, NOW, days, decline, payment
from tests.recovery.office import PAID_MONTHLY, Answer, Office

from recoup.kit.ids import Kind, render
from recoup.outcomes.core import AdviceAction, Category
from recoup.payments.core import Status as PaymentStatus
from recoup.recovery.core import Recovery, Status


def _path(recovery: Recovery, verb: str = "") -> str:
    return f"/v1/recoveries/{render(Kind.RECOVERY, recovery.id)}" + (f"/{verb}" if verb else "")


async def _act(office: Office, recovery: Recovery, verb: str, **kwargs: Any) -> Any:
    key = await office.key(office.pair)
    return await office.call("POST", _path(recovery, verb), key=key, **kwargs)


async def test_a_recovery_says_what_is_next_and_why(office: Office) -> None:
    recovery = await office.opened()
    answer = await office.call("GET", _path(recovery), key=await office.key(office.pair))
    assert answer.status == 200
    assert answer.json == {
        "id": render(Kind.RECOVERY, recovery.id),
        "object": "recovery",
        "payment": render(Kind.PAYMENT, recovery.payment_id),
        "mode": "own",
        "external_id": None,
        "paid_elsewhere_at": None,
        "status": "scheduled",
        "amount": 4999,
        "amount_received": 0,
        "amount_remaining": 4999,
        "currency": "USD",
        "policy": "default",
        "policy_version": None,
        "experiment": None,
        "deadline": "2026-12-20T15:00:00.000Z",
        "tries_made": 0,
        "tries_max": 4,
        "next_retry_at": "2026-11-25T11:00:00.000Z",
        "plan": answer.json["plan"],
        "decision": answer.json["decision"],
        "end_reason": None,
        "opened_at": "2026-11-22T15:00:00.000Z",
        "ended_at": None,
        "livemode": False,
    }
    plan = answer.json["plan"]
    assert plan["action"] == "retry"
    assert plan["at"] == "2026-11-25T11:00:00.000Z"
    assert plan["why"].startswith("there was not enough money; tried again on 2026-11-25")
    assert all(one.startswith("pa_") for one in plan["processor_accounts"])
    assert plan["facts"]["decline"]["code"] == "insufficient_funds"
    assert answer.json["decision"].startswith("dec_")


async def test_lists_are_filtered_and_paged_newest_first(office: Office) -> None:
    key = await office.key(office.pair)
    made = []
    for _ in range(4):
        office.clock.advance(timedelta(milliseconds=5))
        made.append(render(Kind.RECOVERY, (await office.opened()).id))
    made.reverse()

    async def page(query: str) -> tuple[list[str], bool]:
        answer = await office.call("GET", f"/v1/recoveries?{query}", key=key)
        assert answer.status == 200, answer.raw
        return [one["id"] for one in answer.json["data"]], answer.json["has_more"]

    assert await page("limit=3") == (made[:3], True)
    assert await page(f"starting_after={made[1]}") == (made[2:], False)
    assert await page(f"ending_before={made[2]}&limit=1") == ([made[1]], True)
    assert await page("status=recovered") == ([], False)
    assert await page("status=scheduled") == (made, False)
    one = (await office.call("GET", f"/v1/recoveries/{made[2]}", key=key)).json
    assert await page(f"payment={one['payment']}") == ([made[2]], False)
    for wrong in ("status=nonsense", "payment=nonsense", "limit=0", "starting_after=pay_1"):
        assert (await office.call("GET", f"/v1/recoveries?{wrong}", key=key)).status in {400, 404}


async def test_pause_and_resume(office: Office) -> None:
    recovery = await office.opened()
    paused = await _act(office, recovery, "pause")
    assert (paused.status, paused.json["status"], paused.json["next_retry_at"]) == (200, "paused", None)
    again = await _act(office, recovery, "pause")
    assert (again.status, again.error["code"]) == (409, "recovery_unexpected_state")
    await office.runs_until(FIRST + days(3))
    assert office.payments.tries == []
    resumed = await _act(office, recovery, "resume")
    assert (resumed.status, resumed.json["status"]) == (200, "scheduled")
    twice = await _act(office, recovery, "resume")
    assert (twice.status, twice.error["code"]) == (409, "recovery_unexpected_state")
    office.payments.answers.append(Answer(PaymentStatus.CAPTURED))
    await office.runs_until(FIRST + days(3.1))
    assert (await office.again(recovery)).status is Status.RECOVERED
    told = await office.told(recovery)
    assert told[2:] == ["recovery.paused", "recovery.resumed", "recovery.recovered"]


async def test_stop_means_stop(office: Office) -> None:
    recovery = await office.opened()
    stopped = await _act(office, recovery, "stop")
    assert (stopped.json["status"], stopped.json["end_reason"]) == ("stopped", "requested")
    assert stopped.json["plan"] is None
    await office.runs_until(NOW + days(40))
    assert office.payments.tries == []
    for verb in ("stop", "pause", "resume", "retry"):
        answer = await _act(office, recovery, verb)
        assert (answer.status, answer.error["code"]) == (409, "recovery_ended")


async def test_a_try_can_be_hastened(office: Office) -> None:
    customer_id = office.new_id()
    office.customers_known.known[customer_id] = PAID_MONTHLY
    recovery = await office.opened(payment(customer_id=customer_id))
    answer = await _act(office, recovery, "retry")
    assert (answer.status, answer.json["status"]) == (200, "scheduled")
    assert "by hand" in answer.json["plan"]["why"]
    office.payments.answers.append(Answer(PaymentStatus.CAPTURED))
    await office.runs_until(NOW + days(0.1))
    assert (await office.again(recovery)).status is Status.RECOVERED


async def test_advice_cannot_be_hastened(office: Office) -> None:
    """And the answer says until when."""
    recovery = await office.opened(payment(decline(wait=days(4))))
    answer = await _act(office, recovery, "retry")
    assert (answer.status, answer.error["code"]) == (409, "retry_too_early")
    assert "2026-11-26T15:00:00.000Z" in answer.error["message"]
    assert await office.again(recovery) == recovery


@pytest.mark.parametrize("verb", ["pause", "retry"])
async def test_only_a_scheduled_try_can_be_hastened(office: Office, verb: str) -> None:
    refusal = decline(Category.AUTHENTICATION, action=AdviceAction.AUTHENTICATE)
    recovery = await office.opened(payment(refusal))
    if verb == "pause":
        await _act(office, recovery, "pause")
    answer = await _act(office, recovery, "retry")
    assert (answer.status, answer.error["code"]) == (409, "recovery_unexpected_state")


async def test_while_a_try_runs_another_cannot_be_asked_for(office: Office) -> None:
    recovery = await office.opened()
    office.payments.answers.append(Answer(PaymentStatus.UNRESOLVED))
    await office.runs_until(FIRST + timedelta(minutes=1))
    answer = await _act(office, recovery, "retry")
    assert (answer.status, answer.error["code"]) == (409, "recovery_running")
    assert answer.headers["retry-after"] == "1"
    assert (await _act(office, recovery, "pause")).json["status"] == "paused"


async def test_the_same_request_again_gives_the_first_answer(office: Office) -> None:
    recovery = await office.opened()
    first = await _act(office, recovery, "pause", idempotency_key="one")
    again = await _act(office, recovery, "pause", idempotency_key="one")
    assert (again.status, again.raw) == (200, first.raw)
    assert again.headers["idempotent-replayed"] == "true"


async def test_a_strangers_recovery_does_not_exist(office: Office) -> None:
    recovery = await office.opened()
    stranger = await office.merchant()
    for key in (await office.key(office.pair, livemode=True), await office.key(stranger)):
        assert (await office.call("GET", "/v1/recoveries", key=key)).json["data"] == []
        of_payment = f"/v1/recoveries?payment={render(Kind.PAYMENT, recovery.payment_id)}"
        assert (await office.call("GET", of_payment, key=key)).json["data"] == []
        assert (await office.call("GET", _path(recovery), key=key)).status == 404
        for verb in ("retry", "pause", "resume", "stop"):
            answer = await office.call("POST", _path(recovery, verb), key=key)
            assert (answer.status, answer.error["code"]) == (404, "resource_missing")
    assert await office.again(recovery) == recovery


@pytest.mark.parametrize("id_", ["rec_1", "pay_01kaq3v8e7f0t9m2c4x6z8b1d5", "x"])
async def test_what_is_no_id_names_nothing(office: Office, id_: str) -> None:
    answer = await office.call("GET", f"/v1/recoveries/{id_}", key=await office.key(office.pair))
    assert (answer.status, answer.error["code"]) == (404, "resource_missing")


async def test_a_hypothetical_decline_is_explained(office: Office) -> None:
    """When, where and why, without anything being stored."""
    asked = "code=insufficient_funds&country=US&payday_cycle=monthly&day_of_month=1"
    answer = await office.call("GET", f"/v1/recovery/explain?{asked}", key=await office.key(office.pair))
    assert answer.status == 200
    assert answer.json["decline"]["category"] == "funds"
    assert answer.json["plan"]["action"] == "retry"
    weighed = answer.json["weighed"]
    assert weighed["tries"][0]["at"] == "2026-12-01T11:00:00.000Z"
    assert weighed["paydays"][0]["payday"] == {"cycle": "monthly", "day_of_month": 1}
    assert 0.5 < weighed["causes"]["funds"] < 1
    assert weighed["candidates"][0]["expected_value"] > 0
    assert "less than the plan" in weighed["now"]["why"]


async def test_a_stop_is_explained_too(office: Office) -> None:
    asked = "connector=visa&code=57"
    answer = await office.call("GET", f"/v1/recovery/explain?{asked}", key=await office.key(office.pair))
    assert (answer.status, answer.json["plan"]["action"], answer.json["weighed"]) == (200, "give_up", None)


@pytest.mark.parametrize(
    "asked",
    [
        "code=no_such_code",
        "code=insufficient_funds&currency=ABC",
        "code=insufficient_funds&country=XX",
        "code=insufficient_funds&time_zone=Mars",
        "code=insufficient_funds&payday_cycle=monthly",
    ],
)
async def test_what_cannot_be_is_not_explained(office: Office, asked: str) -> None:
    answer = await office.call("GET", f"/v1/recovery/explain?{asked}", key=await office.key(office.pair))
    assert answer.status == 400
