"""Captures, cancellations and refunds: parts, sums, refusals, and what each state allows."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest
from tests.payments.bank import Gate, Lost, no_funds
from tests.payments.house import House

from recoup.kit.refusals import Refusal
from recoup.merchants.core import Merchant
from recoup.outcomes.core import (
    ActionRequired,
    Approved,
    Pending,
    Refused,
    Unknown,
    Unprocessed,
    Withdrawn,
)
from recoup.payments.core import AttemptState, OperationState, Status
from recoup.payments.core.records import OPERATIONS_MAX

AUTHENTICATE = ActionRequired("ref-1", "https://bank.example/3ds")


async def refusal(work: Any) -> Refusal:
    with pytest.raises(Refusal) as refused:
        await work
    return refused.value


async def test_held_money_is_captured_whole(house: House, merchant: Merchant) -> None:
    payment_id = await house.authorized(merchant)
    taken = await house.capture(merchant, payment_id)
    assert (taken.payment.status, taken.payment.captured) == (Status.CAPTURED, 1000)
    assert taken == await house.snapshot(merchant, payment_id)
    assert (await house.events(merchant, payment_id))[-2:] == ["payment.authorized", "payment.captured"]


async def test_held_money_is_captured_in_parts(house: House, merchant: Merchant) -> None:
    payment_id = await house.authorized(merchant)
    first = await house.capture(merchant, payment_id, 300)
    assert (first.payment.status, first.payment.amounts.capturable) == (Status.PARTIALLY_CAPTURED, 700)
    assert (await refusal(house.capture(merchant, payment_id, 701))).code == "amount_too_large"
    second = await house.capture(merchant, payment_id, 700)
    assert (second.payment.status, second.payment.captured) == (Status.CAPTURED, 1000)
    assert (await refusal(house.capture(merchant, payment_id, 1))).code == "payment_unexpected_state"
    assert [one.amount for one in house.bank.asked[1:]] == [300, 700]


async def test_a_final_capture_lets_go_of_the_rest(house: House, merchant: Merchant) -> None:
    payment_id = await house.authorized(merchant)
    taken = await house.capture(merchant, payment_id, 300, final=True)
    amounts = taken.payment.amounts
    assert (taken.payment.status, amounts.captured, amounts.released) == (Status.CAPTURED, 300, 700)


async def test_a_processor_that_captures_once_lets_go_of_the_rest(house: House) -> None:
    merchant = await house.merchant("east")
    payment_id = await house.authorized(merchant)
    taken = await house.capture(merchant, payment_id, 300)
    assert (taken.payment.status, taken.payment.released) == (Status.CAPTURED, 700)


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        (Refused("expired", "The hold expired."), OperationState.FAILED),
        (Unprocessed("refused"), OperationState.FAILED),
        (Lost(), OperationState.UNKNOWN),
        (Pending("ref-1"), OperationState.PENDING),
    ],
    ids=["refused", "unsent", "unknown", "pending"],
)
@pytest.mark.parametrize("verb", ["capture", "cancel", "refund"])
async def test_what_the_processor_does_not_do_changes_no_sum(
    house: House, merchant: Merchant, verb: str, answer: Any, state: OperationState
) -> None:
    payment_id = (await house.pay(merchant, capture="automatic" if verb == "refund" else "manual")).payment.id
    before = await house.snapshot(merchant, payment_id)
    house.bank.will(verb, answer)
    await getattr(house, verb)(merchant, payment_id)
    after = await house.snapshot(merchant, payment_id)
    assert after.operations[0].state is state
    assert after.payment.status is before.payment.status
    assert (after.payment.captured, after.payment.refunded, after.payment.released) == (
        before.payment.captured,
        0,
        0,
    )
    told = {"capture": "payment.capture_failed", "cancel": "payment.cancel_failed", "refund": "refund.failed"}
    failed = state is OperationState.FAILED
    shown = msgspec.json.decode(house.objects.payment(after, livemode=False))
    assert ("did not happen" in (shown["explanation"] or "")) == (failed and verb != "refund")
    assert ((await house.events(merchant))[-1] == told[verb]) == failed
    if failed:
        await getattr(house, verb)(merchant, payment_id)
        ended = await house.snapshot(merchant, payment_id)
        assert ended.operations[-1].state is OperationState.SUCCEEDED or ended.operations[0].state is (
            OperationState.SUCCEEDED
        )


@pytest.mark.parametrize("first", ["capture", "cancel"])
@pytest.mark.parametrize("second", ["capture", "cancel"])
async def test_captures_and_cancellations_go_one_at_a_time(
    house: House, merchant: Merchant, first: str, second: str
) -> None:
    payment_id = await house.authorized(merchant)
    house.bank.will(first, Lost())
    await getattr(house, first)(merchant, payment_id)
    refused = await refusal(getattr(house, second)(merchant, payment_id))
    assert (refused.code, refused.retry_after_s) == ("operation_under_way", 1)
    assert first in refused.message


async def test_canceling_lets_go_of_what_is_held(house: House, merchant: Merchant) -> None:
    payment_id = await house.authorized(merchant)
    canceled = await house.cancel(merchant, payment_id)
    assert (canceled.payment.status, canceled.payment.released) == (Status.CANCELED, 1000)
    assert (await house.events(merchant, payment_id))[-1] == "payment.canceled"
    for act in (house.cancel, house.capture, house.refund, house.confirm):
        assert (await refusal(act(merchant, payment_id))).code == "payment_unexpected_state"


async def test_canceling_after_a_part_was_captured_lets_go_of_the_rest(
    house: House, merchant: Merchant
) -> None:
    payment_id = await house.authorized(merchant)
    await house.capture(merchant, payment_id, 300)
    ended = await house.cancel(merchant, payment_id)
    assert (ended.payment.status, ended.payment.captured, ended.payment.released) == (
        Status.CAPTURED,
        300,
        700,
    )
    assert (await house.refund(merchant, payment_id)).amount == 300


async def test_a_payment_that_holds_no_money_is_canceled_at_once(house: House, merchant: Merchant) -> None:
    house.bank.will("charge", no_funds(), Unprocessed("refused"), Unprocessed("refused"))
    declined, failed = await house.pay(merchant), await house.pay(merchant)
    opened = await house.payments.create(
        merchant, house.new_payment(merchant), None, claim=None, now=house.now
    )
    for one in (declined, failed, opened):
        canceled = await house.cancel(merchant, one.payment.id)
        assert canceled.payment.status is Status.CANCELED
        assert canceled == await house.snapshot(merchant, one.payment.id)
    assert "cancel" not in house.bank.verbs()


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Lost(), "not known yet"),
        (Pending("ref-1"), "being processed"),
        (Approved("ch-1", captured=True), "refund it instead"),
    ],
    ids=["unresolved", "processing", "captured"],
)
async def test_what_cannot_be_canceled_says_why(
    house: House, merchant: Merchant, answer: Any, words: str
) -> None:
    house.bank.will("charge", answer)
    payment_id = (await house.pay(merchant)).payment.id
    refused = await refusal(house.cancel(merchant, payment_id, key="k"))
    assert refused.code == "payment_unexpected_state" and words in refused.message
    assert await house.stored_key(merchant, "k") is None


async def test_a_payment_that_awaits_its_customer_is_canceled_when_the_processor_forgets_it(
    house: House, merchant: Merchant
) -> None:
    house.bank.will("charge", AUTHENTICATE)
    waiting = await house.pay(merchant)
    house.bank.truth.clear()
    canceled = await house.cancel(merchant, waiting.payment.id, key="k")
    assert (canceled.payment.status, canceled.payment.next_action) == (Status.CANCELED, None)
    assert canceled.attempts[0].state is AttemptState.UNPROCESSED
    assert canceled == await house.snapshot(merchant, waiting.payment.id)
    assert (await house.stored_key(merchant, "k"))["status"] == 200


@pytest.mark.parametrize(
    ("said", "status", "code"),
    [
        (AUTHENTICATE, Status.REQUIRES_ACTION, "payment_unexpected_state"),
        (Unknown("HTTP 500"), Status.REQUIRES_ACTION, "processor_unsure"),
        (Approved("ch-1", captured=True), Status.CAPTURED, "payment_unexpected_state"),
        (Approved("ch-1"), Status.AUTHORIZED, "payment_unexpected_state"),
        (Pending("ref-1"), Status.PROCESSING, "payment_unexpected_state"),
    ],
    ids=["still waiting", "unknown", "completed", "held", "pending"],
)
async def test_a_cancellation_that_the_processor_does_not_promise_is_refused(
    house: House, merchant: Merchant, said: Any, status: Status, code: str
) -> None:
    """And keeps no key: what the processor said instead is written, and the request may be made again."""
    house.bank.will("charge", AUTHENTICATE)
    waiting = await house.pay(merchant)
    house.bank.will("withdraw", said)
    assert (await refusal(house.cancel(merchant, waiting.payment.id, key="k"))).code == code
    assert (await house.snapshot(merchant, waiting.payment.id)).payment.status is status
    assert await house.stored_key(merchant, "k") is None


async def test_a_payment_whose_customer_failed_meanwhile_is_canceled(
    house: House, merchant: Merchant
) -> None:
    house.bank.will("charge", AUTHENTICATE)
    waiting = await house.pay(merchant)
    house.bank.settle(house.bank.keys("charge")[0], no_funds())
    canceled = await house.cancel(merchant, waiting.payment.id)
    assert canceled.payment.status is Status.CANCELED
    assert (await house.events(merchant, waiting.payment.id))[-2:] == ["payment.declined", "payment.canceled"]


async def test_a_processor_without_withdrawal_cannot_forget(house: House) -> None:
    merchant = await house.merchant("east")
    house.bank.will("charge", AUTHENTICATE)
    waiting = await house.pay(merchant)
    refused = await refusal(house.cancel(merchant, waiting.payment.id))
    assert refused.code == "cannot_be_withdrawn"


async def test_of_two_cancellations_at_once_one_is_refused_in_words(house: House, merchant: Merchant) -> None:
    house.bank.will("charge", AUTHENTICATE)
    waiting = await house.pay(merchant)
    house.bank.truth.clear()
    gates, both = [Gate(), Gate()], []
    house.bank.will("withdraw", *gates)
    for one, gate in zip((house, house.another_process()), gates, strict=True):
        both.append(asyncio.create_task(one.cancel(merchant, waiting.payment.id)))
        await gate.entered.wait()
        await house.wait(seconds=1)
    for gate in gates:
        gate.opened.set()
    results = await asyncio.gather(*both, return_exceptions=True)
    (refused,) = [one for one in results if isinstance(one, Refusal)]
    assert refused.code == "payment_unexpected_state"
    events = await house.events(merchant, waiting.payment.id)
    assert events.count("payment.canceled") == 1


async def test_a_promise_about_one_attempt_says_nothing_of_the_next(house: House, merchant: Merchant) -> None:
    """While a cancellation asks, the attempt fails and another begins: its customer can still pay at the bank."""
    house.bank.will("charge", AUTHENTICATE, AUTHENTICATE)
    payment_id = (await house.pay(merchant)).payment.id
    asked = Gate(Withdrawn("forgotten"))
    house.bank.will("withdraw", asked)
    cancelling = asyncio.create_task(house.cancel(merchant, payment_id, key="k"))
    await asked.entered.wait()
    house.bank.settle(house.bank.keys("charge")[0], no_funds())
    await house.wait(seconds=2)
    other = house.another_process()
    await other.settle(merchant, payment_id)
    again = await other.confirm(merchant, payment_id, await house.means(merchant, "5555555555554444"))
    assert again.payment.status is Status.REQUIRES_ACTION
    asked.opened.set()
    assert (await refusal(cancelling)).code == "payment_unexpected_state"
    assert (await house.snapshot(merchant, payment_id)).payment.status is Status.REQUIRES_ACTION
    assert await house.stored_key(merchant, "k") is None


async def test_captured_money_is_given_back_in_parts_and_never_more(house: House, merchant: Merchant) -> None:
    payment_id = (await house.pay(merchant)).payment.id
    first = await house.refund(merchant, payment_id, 400)
    assert (first.state, first.amount) == (OperationState.SUCCEEDED, 400)
    assert (await refusal(house.refund(merchant, payment_id, 601))).code == "amount_too_large"
    rest = await house.refund(merchant, payment_id)
    assert rest.amount == 600
    assert (await refusal(house.refund(merchant, payment_id))).code == "nothing_to_be_refunded"
    whole = await house.snapshot(merchant, payment_id)
    assert (whole.payment.status, whole.payment.refunded) == (Status.CAPTURED, 1000)
    assert (await house.events(merchant, first.id)) == ["refund.created", "refund.succeeded"]
    assert (await house.events(merchant, payment_id))[-2:] == ["payment.refunded", "payment.refunded"]


async def test_a_refund_under_way_is_not_promised_twice(house: House, merchant: Merchant) -> None:
    payment_id = (await house.pay(merchant)).payment.id
    house.bank.will("refund", Lost())
    await house.refund(merchant, payment_id, 700)
    refused = await refusal(house.refund(merchant, payment_id, 301))
    assert (refused.code, "At most 300" in refused.message) == ("amount_too_large", True)


async def test_a_processor_that_refunds_only_whole_takes_no_part(house: House) -> None:
    merchant = await house.merchant("east")
    payment_id = (await house.pay(merchant)).payment.id
    refused = await refusal(house.refund(merchant, payment_id, 400))
    assert (refused.code, refused.param) == ("partial_refund_unsupported", "amount")
    assert (await house.refund(merchant, payment_id, 1000)).state is OperationState.SUCCEEDED


@pytest.mark.parametrize("status", ["authorized", "declined"])
async def test_what_was_not_captured_is_not_refunded(house: House, merchant: Merchant, status: str) -> None:
    if status == "declined":
        house.bank.will("charge", no_funds())
    payment_id = await house.authorized(merchant)
    refused = await refusal(house.refund(merchant, payment_id))
    assert refused.code == "payment_unexpected_state" and status in refused.message


async def test_a_payment_takes_a_limited_number_of_operations(house: House, merchant: Merchant) -> None:
    payment_id = (await house.pay(merchant)).payment.id
    for _ in range(OPERATIONS_MAX):
        await house.refund(merchant, payment_id, 1)
    assert (await refusal(house.refund(merchant, payment_id, 1))).code == "operations_exhausted"


async def test_the_key_of_an_operation_is_its_id_and_names_the_charge(
    house: House, merchant: Merchant
) -> None:
    payment_id = await house.authorized(merchant)
    await house.capture(merchant, payment_id, 500)
    await house.refund(merchant, payment_id, 100)
    await house.cancel(merchant, payment_id)
    charge_key = house.bank.keys("charge")[0]
    assert [key.split("_")[0] for key in house.bank.changes] == ["cap", "ref", "can"]
    for _, change in house.bank.changes.values():
        assert (change.charge_key, change.charge_reference) == (charge_key, f"ch-{charge_key}")
