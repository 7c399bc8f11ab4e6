"""Charges: each answer, what is written of it, and who is asked next."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from psycopg.errors import UniqueViolation
from tests.payments.bank import Gate, Lost, decline, lost_card, no_funds
from tests.payments.house import House

from recoup.kit.ids import made_at
from recoup.kit.refusals import Refusal
from recoup.merchants.core import Merchant
from recoup.outcomes.core import (
    ActionRequired,
    AdviceAction,
    Approved,
    Category,
    Hardness,
    Pending,
    Unprocessed,
)
from recoup.payments.core import AttemptState, Reason, Status
from recoup.payments.core.records import ATTEMPTS_MAX
from recoup.payments.writes import SETTLE


async def test_an_approved_payment_is_captured(house: House, merchant: Merchant) -> None:
    paid = await house.pay(merchant)
    assert (paid.payment.status, paid.payment.captured) == (Status.CAPTURED, 1000)
    assert paid == await house.snapshot(merchant, paid.payment.id)
    assert await house.events(merchant, paid.payment.id) == ["payment.created", "payment.captured"]
    assert await house.dues(merchant) == {}


async def test_a_new_card_is_stored_with_its_network_transaction_id(house: House, merchant: Merchant) -> None:
    paid = await house.pay(merchant)
    method_id = paid.payment.payment_method_id
    assert method_id is not None
    method = await house.methods.get(merchant.id, method_id)
    assert method.network_transaction_id == "ntid-1"
    assert await house.events(merchant, method_id) == ["payment_method.created"]


async def test_money_is_held_where_capture_is_manual(house: House, merchant: Merchant) -> None:
    held = await house.pay(merchant, capture="manual")
    assert (held.payment.status, held.payment.amounts.capturable) == (Status.AUTHORIZED, 1000)
    assert not next(iter(house.bank.charges.values())).capture


async def test_the_attempt_is_committed_before_it_is_sent_and_its_id_is_the_key(
    house: House, merchant: Merchant
) -> None:
    gate = Gate()
    house.bank.will("charge", gate)
    paying = asyncio.create_task(house.pay(merchant))
    await gate.entered.wait()
    row = await house.database.fetch_one(
        "select state, id from attempts where merchant_id = %(m)s", {"m": merchant.id}
    )
    assert row is not None and row["state"] == "started"
    (due,) = (await house.dues(merchant)).values()
    assert due["due_at"] == house.now + house.payments._tools.patience
    gate.opened.set()
    paid = await paying
    assert house.bank.keys("charge") == [f"att_{_letters(paid.attempts[0].id)}"]


def _letters(id_: Any) -> str:
    from recoup.kit.ids import Kind, render

    return render(Kind.ATTEMPT, id_).split("_")[1]


async def test_a_decline_that_stands_is_an_answer(house: House, merchant: Merchant) -> None:
    house.bank.will("charge", no_funds())
    refused = await house.pay(merchant)
    assert refused.payment.status is Status.DECLINED
    assert refused.payment.decline is not None and refused.payment.decline.at == house.now
    assert refused == await house.snapshot(merchant, refused.payment.id)
    assert await house.events(merchant, refused.payment.id) == ["payment.created", "payment.declined"]
    assert [one.processor for one in house.bank.asked] == ["north"]


@pytest.mark.parametrize(
    "first", [decline(), Unprocessed("the connection was refused")], ids=["declined", "unsent"]
)
async def test_where_another_processor_helps_it_is_asked(
    house: House, merchant: Merchant, first: Any
) -> None:
    house.bank.will("charge", first)
    paid = await house.pay(merchant)
    assert paid.payment.status is Status.CAPTURED
    assert [one.processor for one in house.bank.asked] == ["north", "south"]
    assert [one.reason for one in paid.attempts] == [Reason.INITIAL, Reason.FAILOVER]
    assert [one.decision_id for one in paid.attempts] == [
        one.decision_id for one in (await house.snapshot(merchant, paid.payment.id)).attempts
    ]
    assert paid == await house.snapshot(merchant, paid.payment.id)
    assert await house.events(merchant, paid.payment.id) == [
        "payment.created",
        "payment.failed_over",
        "payment.captured",
    ]


async def test_every_decision_is_stored_with_its_candidates(house: House) -> None:
    merchant = await house.merchant("north", "south")
    house.bank.will("charge", decline())
    paid = await house.pay(merchant)
    first, second = [await house.payments.decision(merchant, one.decision_id) for one in paid.attempts]
    assert first.object_id == second.object_id == paid.payment.id
    assert [one["label"] for one in first.data["candidates"]] == ["North", "South"]
    assert (first.data["chosen"], second.data["chosen"]) == tuple(
        one["processor_account"] for one in first.data["candidates"]
    )
    assert first.data["facts"]["attempt_number"] == 1
    assert "another processor" in second.data["why"]


async def test_no_more_processors_are_asked_than_one_call_may(house: House) -> None:
    merchant = await house.merchant("north", "south", "east", "north", "south")
    house.bank.will("charge", *[decline() for _ in range(5)])
    refused = await house.pay(merchant)
    assert refused.payment.status is Status.DECLINED
    assert len(house.bank.asked) == house.settings.attempts_per_call_max == 3


async def test_when_nobody_processes_it_it_failed_and_nothing_was_charged(
    house: House, merchant: Merchant
) -> None:
    house.bank.will("charge", Unprocessed("refused"), Unprocessed("reset before the request"))
    failed = await house.pay(merchant)
    assert failed.payment.status is Status.FAILED
    assert failed.payment.failure == "reset before the request"


async def test_after_an_unknown_outcome_nobody_else_is_asked(house: House, merchant: Merchant) -> None:
    house.bank.will("charge", Lost(None))
    lost = await house.pay(merchant)
    assert lost.payment.status is Status.UNRESOLVED
    assert house.bank.verbs() == ["charge"]
    assert await house.events(merchant, lost.payment.id) == ["payment.created", "payment.unresolved"]
    row = (await house.dues(merchant))[SETTLE, lost.payment.id]
    assert row["due_at"] > house.now
    house.bank.will("lookup", Lost())
    house.bank.will("withdraw", Lost())
    for act in (house.confirm, house.cancel, house.capture, house.refund):
        with pytest.raises(Refusal) as refused:
            await act(merchant, lost.payment.id)
        assert refused.value.code == "payment_unexpected_state"
        assert len(house.bank.asked) == 1
    assert (await house.snapshot(merchant, lost.payment.id)) == lost


async def test_a_processor_that_answers_later_leaves_the_payment_processing(
    house: House, merchant: Merchant
) -> None:
    house.bank.will("charge", Pending("ref-1"))
    waiting = await house.pay(merchant)
    assert (waiting.payment.status, waiting.attempts[0].state) == (Status.PROCESSING, AttemptState.PENDING)
    assert waiting.attempts[0].reference == "ref-1"
    with pytest.raises(Refusal) as refused:
        await house.cancel(merchant, waiting.payment.id)
    assert "being processed" in refused.value.message


async def test_a_customer_who_must_act_is_sent_on(house: House, merchant: Merchant) -> None:
    house.bank.will("charge", ActionRequired("ref-1", "https://bank.example/3ds"))
    asked = await house.pay(merchant, return_url="https://shop.example")
    assert asked.payment.status is Status.REQUIRES_ACTION
    assert asked.payment.next_action is not None
    assert asked.payment.next_action.url == "https://bank.example/3ds"
    assert asked == await house.snapshot(merchant, asked.payment.id)


async def test_a_payment_without_means_waits_and_is_charged_when_confirmed(
    house: House, merchant: Merchant
) -> None:
    opened = await house.payments.create(
        merchant, house.new_payment(merchant), None, claim=None, now=house.now
    )
    assert opened.payment.status is Status.REQUIRES_PAYMENT_METHOD
    with pytest.raises(Refusal) as refused:
        await house.confirm(merchant, opened.payment.id)
    assert refused.value.param == "payment_method"
    means = await house.means(merchant)
    paid = await house.confirm(merchant, opened.payment.id, means)
    assert paid.payment.status is Status.CAPTURED
    assert paid.attempts[0].reason is Reason.INITIAL


async def test_a_declined_payment_is_tried_again_by_hand(house: House, merchant: Merchant) -> None:
    house.bank.will("charge", no_funds())
    refused = await house.pay(merchant)
    paid = await house.confirm(merchant, refused.payment.id)
    assert (paid.payment.status, paid.payment.decline) == (Status.CAPTURED, None)
    assert [one.reason for one in paid.attempts] == [Reason.INITIAL, Reason.MANUAL]


async def test_after_a_hard_decline_only_another_method_may_be_tried(
    house: House, merchant: Merchant
) -> None:
    house.bank.will("charge", lost_card())
    refused = await house.pay(merchant)
    with pytest.raises(Refusal) as hopeless:
        await house.confirm(merchant, refused.payment.id)
    assert hopeless.value.code == "payment_method_declined_for_good"
    another = await house.means(merchant, "5555555555554444")
    assert (await house.confirm(merchant, refused.payment.id, another)).payment.status is Status.CAPTURED


async def test_a_stop_holds_for_the_card_however_it_is_given(house: House, merchant: Merchant) -> None:
    house.bank.will("charge", lost_card())
    refused = await house.pay(merchant)
    with pytest.raises(Refusal) as hopeless:
        await house.confirm(merchant, refused.payment.id, await house.means(merchant))
    assert hopeless.value.code == "payment_method_declined_for_good"
    assert len(house.bank.asked) == 1


async def test_a_card_that_was_typed_wrong_may_be_given_anew(house: House, merchant: Merchant) -> None:
    wrong = decline(
        "incorrect_cvc", Category.CREDENTIAL, hardness=Hardness.HARD, action=AdviceAction.FIX_DATA
    )
    house.bank.will("charge", wrong)
    refused = await house.pay(merchant)
    paid = await house.confirm(merchant, refused.payment.id, await house.means(merchant))
    assert paid.payment.status is Status.CAPTURED


async def test_a_hard_decline_is_not_forgotten_over_a_later_failure(house: House, merchant: Merchant) -> None:
    """Another card that could not be sent leaves a payment without a decline; the first card stays stopped."""
    house.bank.will("charge", lost_card(), Unprocessed("not sent"), Unprocessed("not sent"))
    refused = await house.pay(merchant)
    first = await house.payments.stored_means(merchant, refused.attempts[0].payment_method_id)
    another = await house.means(merchant, "5555555555554444")
    failed = await house.confirm(merchant, refused.payment.id, another)
    assert (failed.payment.status, failed.payment.decline) == (Status.FAILED, None)
    with pytest.raises(Refusal) as hopeless:
        await house.confirm(merchant, refused.payment.id, first[0])
    assert hopeless.value.code == "payment_method_declined_for_good"
    assert (await house.confirm(merchant, refused.payment.id)).payment.status is Status.CAPTURED


async def test_a_later_subject_cannot_try_what_was_declined_for_good(
    house: House, merchant: Merchant
) -> None:
    """Its gate looked before somebody else was declined; the last look is on the version that is written."""
    house.bank.will("charge", lost_card())
    refused = await house.pay(merchant)
    with pytest.raises(Refusal) as hopeless:
        await house.payments.retry(
            merchant, refused.payment.id, reason=Reason.RECOVERY, accounts=None, now=house.now
        )
    assert hopeless.value.code == "payment_method_declined_for_good"
    assert len(house.bank.asked) == 1


async def test_of_two_confirmations_at_once_the_second_sees_what_the_first_learnt(
    house: House, merchant: Merchant
) -> None:
    """Both read a soft decline; while one waits to be written, the other is declined for good."""
    house.bank.will("charge", no_funds())
    refused = await house.pay(merchant)
    stale = await house.snapshot(merchant, refused.payment.id)
    house.bank.will("charge", lost_card())
    await house.confirm(merchant, refused.payment.id)
    means, _ = await house.payments.stored_means(merchant, refused.attempts[0].payment_method_id)
    with pytest.raises(Refusal) as hopeless:
        await house.payments._charging.confirm(merchant, stale, means, claim=None, now=house.now)
    assert hopeless.value.code == "payment_method_declined_for_good"
    assert len(house.bank.asked) == 2


async def test_the_last_attempt_keeps_its_answer_where_another_would_be_next(
    house: House, merchant: Merchant
) -> None:
    """Even a decline that another processor could help with must be written when no attempt is left for it."""
    house.bank.will("charge", *[no_funds() for _ in range(ATTEMPTS_MAX - 1)], decline())
    payment_id = (await house.pay(merchant)).payment.id
    for _ in range(ATTEMPTS_MAX - 1):
        await house.wait(days=31)  # or the card's network would allow no further try
        last = await house.confirm(merchant, payment_id)
    assert (last.payment.status, last.payment.attempts_count) == (Status.DECLINED, ATTEMPTS_MAX)
    assert last.payment.decline is not None and last.payment.decline.decline.code == "processing_error"
    with pytest.raises(Refusal) as refused:
        await house.confirm(merchant, payment_id)
    assert refused.value.code == "attempts_exhausted"


async def test_an_answer_counts_although_the_payment_was_written_meanwhile(
    house: House, merchant: Merchant
) -> None:
    """Naming the recovery of a payment under way must not cost it the next processor."""
    gate = Gate(decline())
    house.bank.will("charge", gate)
    paying = asyncio.create_task(house.pay(merchant))
    await gate.entered.wait()
    (under_way,) = await house.payments_of(merchant)
    await house.payments.attach_recovery(merchant, under_way.payment.id, house.new_id())
    gate.opened.set()
    paid = await paying
    assert paid.payment.status is Status.CAPTURED and paid.payment.recovery_id is not None
    assert [one.processor for one in house.bank.asked] == ["north", "south"]


async def test_naming_a_recovery_keeps_the_question_that_is_due(house: House, merchant: Merchant) -> None:
    house.bank.will("charge", no_funds(), Lost())
    payment_id = (await house.pay(merchant)).payment.id
    await house.confirm(merchant, payment_id)
    await house.payments.attach_recovery(merchant, payment_id, house.new_id())
    assert (SETTLE, payment_id) in await house.dues(merchant)


async def test_a_refused_route_writes_nothing(house: House) -> None:
    merchant = await house.merchant("east")
    with pytest.raises(Refusal) as refused:
        await house.pay(merchant, routing=(house.new_id(),), key="k")
    assert (refused.value.code, refused.value.param) == ("resource_missing", "routing.processor_accounts")
    assert await house.payments_of(merchant) == []
    assert await house.stored_key(merchant, "k") is None


async def test_text_that_no_column_holds_is_mended(house: House, merchant: Merchant) -> None:
    """A processor's reference with a NUL must not keep its approval from being written."""
    house.bank.will("charge", Approved("ch\x00\\u0000", captured=True))
    paid = await house.pay(merchant)
    assert paid.payment.status is Status.CAPTURED
    kept = (await house.snapshot(merchant, paid.payment.id)).attempts[0].reference
    assert kept == "ch\ufffd\\u0000"


async def test_a_processor_that_breaks_us_leaves_the_attempt_to_be_asked_about(
    house: House, merchant: Merchant
) -> None:
    house.bank.will("charge", RuntimeError("as if the process had died"))
    with pytest.raises(RuntimeError):
        await house.pay(merchant)
    (left,) = await house.payments_of(merchant)
    assert left.attempts[0].state is AttemptState.STARTED
    assert made_at(left.attempts[0].id) == house.now
    await house.wait(seconds=41)
    await house.work()
    assert (await house.snapshot(merchant, left.payment.id)).payment.status is Status.FAILED


INSERT = """
    insert into attempts (
        merchant_id, id, payment_id, number, reason, state, processor_account_id, payment_method_id, fingerprint,
        brand, amount, decision_id, started_at)
    select merchant_id, %(id)s, payment_id, %(number)s, reason, %(state)s, processor_account_id, payment_method_id,
        fingerprint, brand, amount, decision_id, started_at
    from attempts where merchant_id = %(merchant_id)s and number = 1
"""
"""A copy of the first attempt, by hand."""


@pytest.mark.parametrize("state", ["started", "pending", "requires_action", "unknown", "approved"])
async def test_the_database_itself_allows_one_attempt_that_may_hold_money(
    house: House, merchant: Merchant, state: str
) -> None:
    await house.pay(merchant)
    row = {"merchant_id": merchant.id, "id": house.new_id(), "number": 2, "state": state}
    with pytest.raises(UniqueViolation, match="attempts_one_may_hold_money"):
        await house.database.execute(INSERT, row)
