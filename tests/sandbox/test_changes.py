"""Captures, cancellations and refunds: what the processors allow, and what the accounts get back."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st
from tests.sandbox.town import START, Shop, new_key

from recoup.outcomes.core import Approved, Done, Refused, Unknown, Unprocessed
from recoup.sandbox.core import operations
from recoup.sandbox.core.operations import Operation, OperationKind, OperationState, book
from recoup.sandbox.core.processors import ALPHA, ProcessorName

KINDS = (OperationKind.CAPTURE, OperationKind.CANCELLATION, OperationKind.REFUND)


def operation(kind: OperationKind, amount: int, state: OperationState, *, capture: bool = False) -> Operation:
    return Operation(
        processor=ProcessorName.ALPHA,
        key="k",
        epoch=1,
        kind=kind,
        state=state,
        reference="r",
        created_at=START,
        amount=amount,
        currency="USD",
        capture=capture,
    )


@given(
    authorized=st.integers(1, 1000),
    at_once=st.booleans(),
    wishes=st.lists(st.tuples(st.sampled_from(KINDS), st.integers(1, 1000)), max_size=20),
)
def test_no_sequence_of_changes_breaks_the_book(
    authorized: int, at_once: bool, wishes: list[tuple[OperationKind, int]]
) -> None:
    charge = operation(OperationKind.CHARGE, authorized, OperationState.APPROVED, capture=at_once)
    done: list[Operation] = []
    for kind, amount in wishes:
        held = book(charge, done, now=START)
        allowed = {
            OperationKind.CAPTURE: lambda held, amount: operations.capture(held, amount, ALPHA),
            OperationKind.CANCELLATION: lambda held, amount: operations.cancellation(held),
            OperationKind.REFUND: operations.refund,
        }[kind]
        if allowed(held, amount) is None:
            taken = held.capturable if kind is OperationKind.CANCELLATION else amount
            done.append(operation(kind, taken, OperationState.DONE))
        after = book(charge, done, now=START)
        assert 0 <= after.captured + after.released <= authorized
        assert 0 <= after.refunded <= after.captured


async def test_several_captures_and_refunds(shop: Shop) -> None:
    key = new_key()
    outcome = await shop.charge(key=key, capture=False)
    assert isinstance(outcome, Approved)
    assert not outcome.captured
    for amount in (300, 200):
        assert isinstance(await shop.change("capture", key, amount), Done)
    too_much = await shop.change("capture", key, 501)
    assert isinstance(too_much, Refused)
    assert too_much.code == "amount_too_large"
    assert isinstance(await shop.change("cancel", key), Done)
    assert isinstance(await shop.change("cancel", key), Refused)
    for amount in (400, 100):
        assert isinstance(await shop.change("refund", key, amount), Done)
    assert isinstance(await shop.change("refund", key, 1), Refused)
    counts = (await shop.summary()).counts
    assert (counts.captured, counts.released, counts.refunded) == ({"USD": 500}, {"USD": 500}, {"USD": 500})


async def test_charlie_captures_once(shop: Shop) -> None:
    key = new_key()
    await shop.charge("4000002760000016", key=key, capture=False, currency="EUR", processor="charlie")
    assert isinstance(await shop.change("capture", key, 300, processor="charlie"), Done)
    again = await shop.change("capture", key, 300, processor="charlie")
    assert isinstance(again, Refused)
    assert again.code == "already_captured"


async def test_captures_at_the_same_time_take_no_more_than_is_held(shop: Shop) -> None:
    key = new_key()
    await shop.charge(key=key, capture=False)
    outcomes = await asyncio.gather(*(shop.change("capture", key, 400) for _ in range(6)))
    assert sum(isinstance(each, Done) for each in outcomes) == 2
    assert (await shop.summary()).counts.captured == {"USD": 800}


async def test_the_account_gets_back_what_is_let_go_and_refunded(shop: Shop) -> None:
    holder = await shop.holder(predictable=True, currency="USD", balance_min=50_000)
    key = new_key()
    await shop.charge(holder, key=key, capture=False)
    assert (await shop.again(holder)).balance == holder.balance - 1000
    await shop.change("capture", key, 600)
    assert (await shop.again(holder)).balance == holder.balance - 1000
    await shop.change("cancel", key)
    assert (await shop.again(holder)).balance == holder.balance - 600
    await shop.change("refund", key, 250)
    assert (await shop.again(holder)).balance == holder.balance - 350


async def test_a_declined_charge_cannot_be_changed(shop: Shop) -> None:
    key = new_key()
    await shop.charge("4000000000000002", key=key)
    for verb in ("capture", "cancel", "refund"):
        refused = await shop.change(verb, key)
        assert isinstance(refused, Refused)
        assert refused.code == "not_approved"


async def test_a_charge_that_is_not_there_cannot_be_changed(shop: Shop) -> None:
    shop.references["nothing"] = "ch_nothing"
    assert isinstance(await shop.change("refund", "nothing"), Unprocessed)
    charge = new_key()
    await shop.charge(key=charge)
    assert isinstance(await shop.change("refund", charge, processor="bravo"), Unprocessed), (
        "another processor's"
    )
    other = await shop.town.shop()
    other.references[charge] = shop.references[charge]
    assert isinstance(await other.change("refund", charge), Unprocessed), "another world's"


async def test_the_number_of_changes_is_bounded(shop: Shop) -> None:
    key = new_key()
    await shop.charge(key=key, amount=10_000)
    outcomes = await asyncio.gather(*(shop.change("refund", key, 1) for _ in range(operations.CHANGES_MAX)))
    assert all(isinstance(each, Done) for each in outcomes)
    refused = await shop.change("refund", key, 1)
    assert isinstance(refused, Refused)
    assert refused.code == "too_many_changes"


async def test_letting_go_of_a_second_charge_takes_the_double_back(shop: Shop) -> None:
    first, second = new_key(), new_key()
    await shop.charge(key=first, payment="pay_9", capture=False)
    await shop.charge(key=second, payment="pay_9", capture=False, processor="bravo")
    assert await shop.counts() == (2, 2, 1)
    await shop.change("cancel", second, processor="bravo")
    assert await shop.counts() == (2, 2, 0)
    assert isinstance(await shop.ask("lookup", new_key()), Unknown)
