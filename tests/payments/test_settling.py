"""What became of it: only evidence moves a payment whose outcome is unknown, and whoever still works is left alone."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs
from tests.payments.bank import Gate, Lost, decline, no_funds
from tests.payments.house import House

from recoup.kit.refusals import Refusal
from recoup.merchants.core import Merchant
from recoup.outcomes.core import ActionRequired, Approved, Done, Pending, Refused, Unknown, Unprocessed
from recoup.payments.core import AttemptState, OperationState, Status
from recoup.payments.writes import SETTLE

TAKEN = Approved("ch-1", captured=True)
AUTHENTICATE = ActionRequired("ref-1", "https://bank.example/3ds")
WAITS = [2, 5, 10, 20, 40, 60, 120, 300, 600, 1800, 3600, 7200, 14400, 43200, 86400, 86400, 86400]


@pytest.mark.parametrize(
    ("happened", "status"),
    [
        (TAKEN, Status.CAPTURED),
        (Approved("ch-1", captured=False), Status.AUTHORIZED),
        (no_funds(), Status.DECLINED),
        (decline(), Status.DECLINED),
        (AUTHENTICATE, Status.REQUIRES_ACTION),
        (Pending("ref-1"), Status.PROCESSING),
        (None, Status.FAILED),
    ],
    ids=["taken", "held", "declined", "declined by the processor", "action", "pending", "withdrawn"],
)
async def test_evidence_settles_an_unknown_outcome(
    house: House, merchant: Merchant, happened: Any, status: Status
) -> None:
    house.bank.will("charge", Lost(happened))
    payment_id = (await house.pay(merchant)).payment.id
    await house.wait(seconds=2)
    await house.work()
    settled = await house.snapshot(merchant, payment_id)
    assert settled.payment.status is status
    assert house.bank.verbs() == ["charge", "lookup"] + (["withdraw"] if happened is None else [])
    assert (await house.events(merchant, payment_id))[-1] == f"payment.{status}"


async def test_not_found_is_no_evidence_where_nothing_can_be_withdrawn(house: House) -> None:
    """What we sent may still be on its way: such a payment is asked about for ever, ever more slowly."""
    merchant = await house.merchant("east")
    house.bank.will("charge", Lost())
    payment_id = (await house.pay(merchant)).payment.id
    for waited in WAITS:
        due_at = (await house.dues(merchant))[SETTLE, payment_id]["due_at"]
        assert due_at == house.now + timedelta(seconds=waited)
        await house.wait(seconds=waited - 1)
        assert await house.work() == 0
        await house.wait(seconds=1)
        assert await house.work() == 1
    assert house.bank.verbs() == ["charge"] + ["lookup"] * len(WAITS)
    assert (await house.snapshot(merchant, payment_id)).payment.status is Status.UNRESOLVED
    await house.wait(days=400)
    house.bank.will("lookup", TAKEN)
    await house.work()
    assert (await house.snapshot(merchant, payment_id)).payment.status is Status.CAPTURED


async def test_a_question_without_an_answer_changes_nothing(house: House, merchant: Merchant) -> None:
    house.bank.will("charge", Lost(TAKEN))
    lost = await house.pay(merchant)
    house.bank.will("lookup", Unknown("HTTP 500"))
    house.bank.will("withdraw", Unknown("HTTP 500"))
    await house.settle(merchant, lost.payment.id)
    after = await house.snapshot(merchant, lost.payment.id)
    assert after.attempts[0].asked == 1
    assert await house.events(merchant, lost.payment.id) == ["payment.created", "payment.unresolved"]


@pytest.mark.parametrize(
    ("first", "later", "status"),
    [
        (Pending("ref-1"), TAKEN, Status.CAPTURED),
        (Pending("ref-1"), no_funds(), Status.DECLINED),
        (AUTHENTICATE, TAKEN, Status.CAPTURED),
        (AUTHENTICATE, no_funds(), Status.DECLINED),
    ],
    ids=["late approval", "late decline", "authenticated", "not authenticated"],
)
async def test_a_late_answer_is_found(
    house: House, merchant: Merchant, first: Any, later: Any, status: Status
) -> None:
    house.bank.will("charge", first)
    waiting = await house.pay(merchant)
    await house.wait(seconds=2)
    await house.work()
    assert (await house.snapshot(merchant, waiting.payment.id)).payment.status is waiting.payment.status
    house.bank.settle(house.bank.keys("charge")[0], later)
    await house.wait(seconds=5)
    await house.work()
    assert (await house.snapshot(merchant, waiting.payment.id)).payment.status is status
    assert "withdraw" not in house.bank.verbs(), "what the processor knows is not taken from it"


async def test_a_confirmation_after_the_customer_acted_asks_the_processor(
    house: House, merchant: Merchant
) -> None:
    house.bank.will("charge", AUTHENTICATE)
    waiting = await house.pay(merchant)
    same = await house.confirm(merchant, waiting.payment.id, key="early")
    assert same.payment.status is Status.REQUIRES_ACTION
    house.bank.settle(house.bank.keys("charge")[0], TAKEN)
    paid = await house.confirm(merchant, waiting.payment.id, key="late")
    assert paid.payment.status is Status.CAPTURED
    assert house.bank.verbs() == ["charge", "lookup", "lookup"]
    assert (await house.stored_key(merchant, "late"))["status"] == 200


async def test_a_payment_that_awaits_its_customer_takes_no_other_method(
    house: House, merchant: Merchant
) -> None:
    house.bank.will("charge", AUTHENTICATE)
    waiting = await house.pay(merchant)
    with pytest.raises(Refusal) as refused:
        await house.confirm(merchant, waiting.payment.id, await house.means(merchant), key="k")
    assert refused.value.code == "payment_unexpected_state"
    assert await house.stored_key(merchant, "k") is None
    same, _ = await house.payments.stored_means(merchant, waiting.attempts[0].payment_method_id)
    assert (await house.confirm(merchant, waiting.payment.id, same)).payment.status is Status.REQUIRES_ACTION


async def test_what_its_maker_works_on_is_left_alone(house: House, merchant: Merchant) -> None:
    gate = Gate()
    house.bank.will("charge", gate)
    paying = asyncio.create_task(house.pay(merchant))
    await gate.entered.wait()
    (under_way,) = await house.payments_of(merchant)
    payment_id, other = under_way.payment.id, house.another_process()
    patience = house.payments._tools.patience
    assert await other.settle(merchant, payment_id) == house.now + patience
    with pytest.raises(Refusal) as refused:
        await other.payments.sync(merchant, payment_id, claim=house.claim("k", "payment_change", payment_id))
    assert (refused.value.code, refused.value.retry_after_s) == ("payment_under_way", 1)
    assert await house.stored_key(merchant, "k") is None
    house.clock.advance(patience - timedelta(seconds=1))
    assert await other.settle(merchant, payment_id) == house.now + timedelta(seconds=1)
    assert house.bank.verbs() == ["charge"]
    gate.opened.set()
    assert (await paying).payment.status is Status.CAPTURED


@pytest.mark.parametrize(
    ("answer", "status", "state"),
    [
        (TAKEN, Status.CAPTURED, AttemptState.APPROVED),
        (decline(), Status.DECLINED, AttemptState.DECLINED),
        (Unprocessed("never left"), Status.FAILED, AttemptState.UNPROCESSED),
        (Lost(), Status.UNRESOLVED, AttemptState.UNKNOWN),
    ],
    ids=["approved", "declined", "unprocessed", "unknown"],
)
async def test_an_answer_that_comes_after_patience_is_applied_and_recorded(
    house: House, answer: Any, status: Status, state: AttemptState
) -> None:
    """Others gave the attempt up for lost and look into it: nobody else is asked then, whatever the answer."""
    merchant = await house.merchant("east", "north")
    gate = Gate(answer)
    house.bank.will("charge", gate)
    paying = asyncio.create_task(house.pay(merchant, key="k"))
    await gate.entered.wait()
    (under_way,) = await house.payments_of(merchant)
    await house.wait(seconds=41)
    await house.another_process().settle(merchant, under_way.payment.id)
    unresolved = await house.snapshot(merchant, under_way.payment.id)
    assert unresolved.attempts[0].state is AttemptState.UNKNOWN
    gate.opened.set()
    answered = await paying
    assert answered == await house.snapshot(merchant, under_way.payment.id)
    assert (answered.payment.status, answered.attempts[0].state) == (status, state)
    assert house.bank.keys("charge") == [house.bank.asked[0].key]
    kept = await house.stored_key(merchant, "k")
    assert (kept["status"], kept["body"].encode()) == (201, house.objects.payment(answered, livemode=False))


async def test_an_answer_after_a_promise_that_nothing_happened_moves_nothing(
    house: House, merchant: Merchant
) -> None:
    """The processor burnt the key and then approved: it broke its promise. A person must look."""
    gate = Gate(TAKEN)
    house.bank.will("charge", gate)
    paying = asyncio.create_task(house.pay(merchant))
    await gate.entered.wait()
    (under_way,) = await house.payments_of(merchant)
    await house.wait(seconds=41)
    await house.settle(merchant, under_way.payment.id)
    house.bank.burnt.clear()
    gate.opened.set()
    with capture_logs() as logs:
        assert (await paying).payment.status is Status.FAILED
    (alarm,) = [one for one in logs if one["event"] == "payments.contradiction"]
    assert (alarm["about"], alarm["known"], alarm["told"]) == (
        house.bank.keys("charge")[0],
        "unprocessed",
        "approved",
    )


async def test_after_a_restart_that_is_alone_nobody_is_waited_for(house: House, merchant: Merchant) -> None:
    gate = Gate()
    house.bank.will("charge", gate)
    paying = asyncio.create_task(house.pay(merchant))
    await gate.entered.wait()
    paying.cancel()
    (left,) = await house.payments_of(merchant)
    await house.wait(seconds=1)
    restarted = house.another_process(alone_since=house.now)
    await restarted.settle(merchant, left.payment.id)
    settled = await house.snapshot(merchant, left.payment.id)
    assert settled.payment.status is Status.FAILED
    assert await house.events(merchant, left.payment.id) == [
        "payment.created",
        "payment.unresolved",
        "payment.failed",
    ]
    assert (await restarted.pay(merchant)).payment.status is Status.CAPTURED


async def test_a_start_that_is_alone_still_waits_for_what_it_has_begun_itself(
    house: House, merchant: Merchant
) -> None:
    restarted = house.another_process(alone_since=house.now)
    gate = Gate()
    house.bank.will("charge", gate)
    paying = asyncio.create_task(restarted.pay(merchant))
    await gate.entered.wait()
    (under_way,) = await house.payments_of(merchant)
    assert await restarted.settle(merchant, under_way.payment.id) is not None
    gate.opened.set()
    await paying


async def test_an_attempt_begun_while_others_look_is_not_taken_for_theirs(
    house: House, merchant: Merchant
) -> None:
    """The worker reads an attempt without a maker; before it writes, that one is settled and another has begun."""
    gate, live = Gate(), Gate()
    house.bank.will("charge", gate, live)
    house.bank.will("lookup", no_funds())
    paying = asyncio.create_task(house.pay(merchant))
    await gate.entered.wait()
    (seen,) = await house.payments_of(merchant)
    paying.cancel()
    await house.wait(seconds=41)
    await house.settle(merchant, seen.payment.id)
    confirming = asyncio.create_task(house.confirm(merchant, seen.payment.id))
    await live.entered.wait()
    await house.payments._settling.ask(merchant, seen)
    second = (await house.snapshot(merchant, seen.payment.id)).attempts[1]
    assert second.state is AttemptState.STARTED
    live.opened.set()
    assert (await confirming).payment.status is Status.CAPTURED


async def test_asking_about_a_payment_with_nothing_open_changes_nothing(
    house: House, merchant: Merchant
) -> None:
    paid = await house.pay(merchant)
    seen = await house.payments.sync(merchant, paid.payment.id, claim=None)
    assert seen == paid == await house.snapshot(merchant, paid.payment.id)
    assert house.bank.verbs() == ["charge", "lookup"]


async def test_a_sync_settles_at_once_and_records_its_answer(house: House, merchant: Merchant) -> None:
    house.bank.will("charge", Lost(TAKEN))
    lost = await house.pay(merchant)
    claim = house.claim("k", "payment_change", lost.payment.id)
    seen = await house.payments.sync(merchant, lost.payment.id, claim=claim)
    assert seen.payment.status is Status.CAPTURED
    assert (await house.stored_key(merchant, "k"))["status"] == 200
    assert await house.dues(merchant) == {}


@pytest.mark.parametrize("verb", ["capture", "cancel", "refund"])
@pytest.mark.parametrize(
    ("happened", "state"),
    [
        (Done("done-1"), OperationState.SUCCEEDED),
        (Refused("too_late", "Too late."), OperationState.FAILED),
        (None, OperationState.FAILED),
        (Pending("ref-1"), OperationState.PENDING),
    ],
    ids=["done", "refused", "withdrawn", "pending"],
)
async def test_evidence_settles_an_operation(
    house: House, merchant: Merchant, verb: str, happened: Any, state: OperationState
) -> None:
    paid = await house.pay(merchant, capture="automatic" if verb == "refund" else "manual")
    payment_id = paid.payment.id
    house.bank.will(verb, Lost(happened))
    await getattr(house, verb)(merchant, payment_id)
    lost = await house.snapshot(merchant, payment_id)
    assert lost.operations[0].state is OperationState.UNKNOWN
    assert lost.payment.capture_pending + lost.payment.refund_pending == (0 if verb == "cancel" else 1000)
    await house.wait(seconds=2)
    await house.work()
    settled = await house.snapshot(merchant, payment_id)
    assert settled.operations[0].state is state
    expected = ["lookup_change"] + (["withdraw_change"] if happened is None else [])
    assert house.bank.verbs()[2:] == expected
    if state is OperationState.PENDING:
        house.bank.settle(house.bank.keys(verb)[0], Done("done-1"))
        await house.wait(seconds=5)
        await house.work()
        settled = await house.snapshot(merchant, payment_id)
        assert settled.operations[0].state is OperationState.SUCCEEDED


async def test_an_operation_without_a_maker_is_asked_about(house: House, merchant: Merchant) -> None:
    payment_id = await house.authorized(merchant)
    gate = Gate()
    house.bank.will("capture", gate)
    capturing = asyncio.create_task(house.capture(merchant, payment_id, 300))
    await gate.entered.wait()
    assert await house.settle(merchant, payment_id) == house.now + house.payments._tools.patience
    capturing.cancel()
    await house.wait(seconds=41)
    await house.work()
    settled = await house.snapshot(merchant, payment_id)
    assert settled.operations[0].state is OperationState.FAILED
    assert (settled.payment.capture_pending, settled.payment.captured) == (0, 0)
    assert house.bank.verbs() == ["charge", "capture", "lookup_change", "withdraw_change"]
    assert (await house.capture(merchant, payment_id)).payment.status is Status.CAPTURED


async def test_an_operation_begun_while_others_look_is_left_alone(house: House, merchant: Merchant) -> None:
    paid = await house.pay(merchant)
    payment_id = paid.payment.id
    house.bank.will("refund", Lost())
    await house.refund(merchant, payment_id, 100)
    gate, live = Gate(), Gate()
    house.bank.will("lookup_change", gate)
    house.bank.will("refund", live)
    settling = asyncio.create_task(house.settle(merchant, payment_id))
    await gate.entered.wait()
    refunding = asyncio.create_task(house.refund(merchant, payment_id, 200))
    await live.entered.wait()
    gate.opened.set()
    await settling
    states = [one.state for one in (await house.snapshot(merchant, payment_id)).operations]
    assert sorted(states) == [OperationState.FAILED, OperationState.STARTED]
    live.opened.set()
    assert (await refunding).state is OperationState.SUCCEEDED


async def test_several_open_operations_are_each_asked_about(house: House, merchant: Merchant) -> None:
    payment_id = (await house.pay(merchant)).payment.id
    house.bank.will("refund", Lost(Done("done-1")), Lost(), Pending("ref-1"))
    for amount in (100, 200, 300):
        await house.refund(merchant, payment_id, amount)
    await house.wait(minutes=1)
    await house.settle(merchant, payment_id)
    settled = await house.snapshot(merchant, payment_id)
    assert (settled.payment.refunded, settled.payment.refund_pending) == (100, 300)
    assert (SETTLE, payment_id) in await house.dues(merchant)


async def test_a_late_refusal_to_be_done_does_not_undo_what_the_processor_confirmed(
    house: House, merchant: Merchant
) -> None:
    """Our call says it never left, the processor says the refund waits: its word stands, and it is asked again."""
    payment_id = (await house.pay(merchant)).payment.id
    gate = Gate(Unprocessed("never left"))
    house.bank.will("refund", gate)
    house.bank.will("lookup_change", Pending("ref-1"))
    refunding = asyncio.create_task(house.refund(merchant, payment_id, 100, key="k"))
    await gate.entered.wait()
    await house.wait(seconds=41)
    await house.settle(merchant, payment_id)
    gate.opened.set()
    assert (await refunding).state is OperationState.PENDING
    assert (await house.stored_key(merchant, "k"))["status"] == 201
