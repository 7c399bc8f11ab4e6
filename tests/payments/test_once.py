"""Once is once: keys, races and crashes, with two processes on the same rows."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.payments.bank import Gate, Lost, no_funds
from tests.payments.house import House

from recoup.db import Database
from recoup.kit.ids import Kind, parse, render
from recoup.kit.refusals import Refusal, conflict
from recoup.merchants.core import Merchant
from recoup.outcomes.core import ActionRequired, Approved
from recoup.payments.core import OperationState, Status
from recoup.payments.flow import Taken

CARD = {"type": "card", "card": {"number": "4242424242424242", "exp_month": 12, "exp_year": 2030}}
PAYMENT = {"amount": 1000, "currency": "USD", "payment_method_data": CARD}


@pytest.fixture
async def other(house: House, database_url: str) -> AsyncIterator[House]:
    """A second process, with connections of its own."""
    async with await Database.open(database_url, connections_max=5) as database:
        second = house.another_process(database)
        yield second
        await second.close()


async def gathered(*work: Any) -> tuple[list[Any], list[str]]:
    """What came back, and the codes of what was refused."""
    results = await asyncio.gather(*work, return_exceptions=True)
    bugs = [one for one in results if isinstance(one, BaseException) and not isinstance(one, Refusal | Taken)]
    assert bugs == []
    codes = [
        one.code if isinstance(one, Refusal) else "taken" for one in results if isinstance(one, Exception)
    ]
    return [one for one in results if not isinstance(one, Exception)], codes


async def test_many_payments_of_one_merchant_at_once_are_all_right(
    house: House, other: House, merchant: Merchant
) -> None:
    house.bank.will("charge", *[no_funds(), Lost(), Approved("x")] * 20)
    paid = await asyncio.gather(*(one.pay(merchant) for one in (house, other) for _ in range(100)))
    counts = Counter(one.payment.status for one in paid)
    assert counts == {
        Status.CAPTURED: 140,
        Status.DECLINED: 20,
        Status.UNRESOLVED: 20,
        Status.AUTHORIZED: 20,
    }
    stored = {one.payment.id: one for one in await house.payments_of(merchant)}
    assert all(stored[one.payment.id] == one for one in paid)
    told = [type_ for type_ in await house.events(merchant) if not type_.startswith("processor.")]
    assert len(told) == 600


async def test_one_key_makes_one_payment(house: House, other: House, merchant: Merchant) -> None:
    made, codes = await gathered(*(one.pay(merchant, key="k") for one in (house, other) for _ in range(10)))
    assert len(made) == 1 and codes == ["taken"] * 19
    assert len(await house.payments_of(merchant)) == 1 and house.bank.verbs() == ["charge"]


async def test_one_key_makes_one_capture_even_in_one_group(house: House, merchant: Merchant) -> None:
    """All of them are planned from one version and name the same payment: nothing but the row tells them apart."""
    payment_id = await house.authorized(merchant)
    made, codes = await gathered(*(house.capture(merchant, payment_id, 100, key="k") for _ in range(10)))
    assert len(made) == 1
    assert set(codes) <= {"taken", "operation_under_way"}
    assert house.bank.verbs() == ["charge", "capture"]
    with pytest.raises(Taken):
        await house.capture(merchant, payment_id, 100, key="k")
    assert (await house.snapshot(merchant, payment_id)).payment.captured == 100


@pytest.mark.parametrize("verb", ["capture", "refund", "cancel"])
async def test_two_processes_never_overdraw(
    house: House, other: House, merchant: Merchant, verb: str
) -> None:
    """Each asks for 300 of 1000, many times at once; the bank and the database both count."""
    manual = verb != "refund"
    payment_id = (await house.pay(merchant, capture="manual" if manual else "automatic")).payment.id
    amount = () if verb == "cancel" else (300,)
    work = [getattr(one, verb)(merchant, payment_id, *amount) for one in (house, other) for _ in range(8)]
    done, codes = await gathered(*work)
    ended = (await house.snapshot(merchant, payment_id)).payment
    allowed = {"operation_under_way", "amount_too_large", "payment_unexpected_state"}
    assert len(done) + len(codes) == 16 and set(codes) <= allowed
    if verb == "refund":
        assert (len(done), ended.refunded) == (3, 900)
    if verb == "capture":
        assert 1 <= len(done) <= 3 and ended.captured == 300 * len(done)
    if verb == "cancel":
        assert (len(done), ended.status) == (1, Status.CANCELED)


async def test_captures_refunds_and_cancellations_mixed_never_overdraw(
    house: House, other: House, merchant: Merchant
) -> None:
    payment_id = await house.authorized(merchant)
    await house.capture(merchant, payment_id, 400)
    processes = (house, other)
    work = [
        *(one.capture(merchant, payment_id, 350) for one in processes for _ in range(3)),
        *(one.refund(merchant, payment_id, 150) for one in processes for _ in range(3)),
        *(one.cancel(merchant, payment_id) for one in processes),
    ]
    await gathered(*work)
    assert house.bank.overdrawn() == []


async def test_everyone_who_may_refund_does_however_many_come_at_once(
    house: House, other: House, merchant: Merchant
) -> None:
    """Each write makes the others plan again: none may give up, least of all with the money given back already."""
    payment_id = (await house.pay(merchant)).payment.id
    refunds = await asyncio.gather(
        *(one.refund(merchant, payment_id, 10) for one in (house, other) for _ in range(25))
    )
    assert {one.state for one in refunds} == {OperationState.SUCCEEDED}
    assert (await house.snapshot(merchant, payment_id)).payment.refunded == 500


async def test_two_confirmations_at_once_make_one_attempt(
    house: House, other: House, merchant: Merchant
) -> None:
    house.bank.will("charge", no_funds())
    payment_id = (await house.pay(merchant)).payment.id
    done, codes = await gathered(*(one.confirm(merchant, payment_id) for one in (house, other)))
    assert len(done) == 1 and codes == ["payment_unexpected_state"]
    assert len((await house.snapshot(merchant, payment_id)).attempts) == 2


async def test_a_request_that_comes_again_gets_the_first_answer(house: House, merchant: Merchant) -> None:
    key = await house.key_of(merchant)
    first = await house.call("POST", "/v1/payments", PAYMENT, key=key, once="k")
    again = await house.call("POST", "/v1/payments", PAYMENT, key=key, once="k")
    assert (first.status, again.status, first.raw) == (201, 201, again.raw)
    assert again.headers["idempotent-replayed"] == "true"
    changed = await house.call("POST", "/v1/payments", PAYMENT | {"amount": 1}, key=key, once="k")
    assert (changed.status, changed.error["code"]) == (422, "idempotency_key_reused")
    assert house.bank.verbs() == ["charge"]


async def test_what_was_done_is_not_refused_when_it_comes_again(house: House, merchant: Merchant) -> None:
    """A capture of a captured payment is refused, but not the one that captured it."""
    key = await house.key_of(merchant)
    held = await house.call("POST", "/v1/payments", PAYMENT | {"capture": "manual"}, key=key)
    path = f"/v1/payments/{held.json['id']}"
    refund = {"payment": held.json["id"], "amount": 400}
    steps: list[tuple[str, str, Any]] = [
        ("a", f"{path}/capture", {"amount": 600}),
        ("b", f"{path}/cancel", {}),
        ("c", "/v1/refunds", refund),
        ("d", f"{path}/sync", {}),
    ]
    first = [await house.call("POST", path, body, key=key, once=once) for once, path, body in steps]
    assert [one.status for one in first] == [200, 200, 201, 200]
    again = [await house.call("POST", path, body, key=key, once=once) for once, path, body in steps]
    assert [one.raw for one in again] == [one.raw for one in first]
    assert all(one.headers["idempotent-replayed"] == "true" for one in again)
    refused = await house.call("POST", f"{path}/capture", {"amount": 600}, key=key, once="e")
    assert (refused.status, refused.error["code"]) == (409, "payment_unexpected_state")
    asked = ["lookup", *["lookup_change"] * 3]
    assert house.bank.verbs() == ["charge", "capture", "cancel", "refund", *asked], "each of them once"


async def test_a_refused_request_keeps_no_key(house: House, merchant: Merchant) -> None:
    key = await house.key_of(merchant)
    opened = {"amount": 1000, "currency": "USD"}
    payment = await house.call("POST", "/v1/payments", opened, key=key, once="k")
    path = f"/v1/payments/{payment.json['id']}/capture"
    for _ in range(2):
        refused = await house.call("POST", path, {}, key=key, once="c")
        assert refused.status == 409 and "idempotent-replayed" not in refused.headers
    assert await house.stored_key(merchant, "c") is None
    assert (await house.stored_key(merchant, "k"))["status"] == 201


@pytest.mark.parametrize("truth", ["approved", "nothing"])
async def test_a_request_whose_server_died_is_answered_when_its_end_is_known(
    house: House, merchant: Merchant, truth: str
) -> None:
    key = await house.key_of(merchant)
    gate = Gate()
    house.bank.will("charge", gate)
    first = asyncio.create_task(house.call("POST", "/v1/payments", PAYMENT, key=key, once="k"))
    await gate.entered.wait()
    for running in house._edge._running if house._edge else ():
        running.cancel()
    await asyncio.wait([first])
    restarted = house.another_process()
    early = await restarted.call("POST", "/v1/payments", PAYMENT, key=key, once="k")
    assert (early.status, early.headers["retry-after"]) == (409, "1")
    (left,) = await house.payments_of(merchant)
    if truth == "approved":
        attempt_key = render(Kind.ATTEMPT, left.attempts[0].id)
        house.bank.settle(attempt_key, Approved("ch-1", captured=True))
    await house.wait(seconds=41)
    await restarted.work()
    answers = [await restarted.call("POST", "/v1/payments", PAYMENT, key=key, once="k") for _ in range(2)]
    assert [one.status for one in answers] == [201, 201] and answers[0].raw == answers[1].raw
    assert parse(Kind.PAYMENT, answers[0].json["id"]) == left.payment.id
    assert answers[0].json["status"] == ("captured" if truth == "approved" else "failed")


@pytest.mark.parametrize("verb", ["capture", "refund", "cancel"])
async def test_an_operation_whose_server_died_is_answered_when_its_end_is_known(
    house: House, merchant: Merchant, verb: str
) -> None:
    key = await house.key_of(merchant)
    capture = "automatic" if verb == "refund" else "manual"
    made = await house.call("POST", "/v1/payments", PAYMENT | {"capture": capture}, key=key)
    id_ = made.json["id"]
    path, body = f"/v1/payments/{id_}/{verb}", {}
    if verb == "refund":
        path, body = "/v1/refunds", {"payment": id_}
    gate = Gate()
    house.bank.will(verb, gate)
    first = asyncio.create_task(house.call("POST", path, body, key=key, once="k"))
    await gate.entered.wait()
    for running in house._edge._running if house._edge else ():
        running.cancel()
    await asyncio.wait([first])
    assert (await house.call("POST", path, body, key=key, once="k")).status == 409
    await house.wait(seconds=41)
    await house.work()
    answers = [await house.call("POST", path, body, key=key, once="k") for _ in range(2)]
    assert [one.status for one in answers] == [201 if verb == "refund" else 200] * 2
    assert answers[0].raw == answers[1].raw
    assert answers[0].json["status"] == ("failed" if verb == "refund" else "authorized")


async def test_while_the_first_is_under_way_the_second_waits(house: House, merchant: Merchant) -> None:
    key = await house.key_of(merchant)
    gate = Gate()
    house.bank.will("charge", gate)
    first = asyncio.create_task(house.call("POST", "/v1/payments", PAYMENT, key=key, once="k"))
    await gate.entered.wait()
    second = await house.call("POST", "/v1/payments", PAYMENT, key=key, once="k")
    assert (second.status, second.error["code"]) == (409, "idempotency_key_in_use")
    gate.opened.set()
    assert (await first).status == 201
    assert (await house.call("POST", "/v1/payments", PAYMENT, key=key, once="k")).raw == (await first).raw


async def test_a_sync_that_was_refused_keeps_no_key(house: House, merchant: Merchant) -> None:
    house.bank.will("charge", ActionRequired("ref-1", "https://bank.example"))
    waiting = await house.pay(merchant)
    house.bank.will("lookup", conflict("payment_busy", "As if others kept writing."))
    claim = house.claim("k", "payment_change", waiting.payment.id)
    with pytest.raises(Refusal):
        await house.payments.sync(merchant, waiting.payment.id, claim=claim)
    assert await house.stored_key(merchant, "k") is None
