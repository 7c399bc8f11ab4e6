"""The inbox as processors and merchants meet it: what is taken, what is refused, what comes of it."""

from __future__ import annotations

from typing import Any

import pytest
from tests.payments.bank import Lost, decline
from tests.payments.house import House
from tests.webhooks.telling import (
    ASKS,
    account_of,
    cases,
    results,
    rows,
    saying,
    send,
    signed,
    telling,
)

from recoup.gateway.calls import Timed
from recoup.kit.ids import Kind, render
from recoup.merchants.core import Merchant
from recoup.outcomes.core import Approved
from recoup.payments.core import Snapshot, Status
from recoup.webhooks.core.inbox import FAILURES_MAX
from recoup.webhooks.flow.inbox import READ, UNPROVED_BYTES_MAX, UNPROVED_MAX


@pytest.fixture
async def teller(house: House) -> Merchant:
    """A merchant whose processor tells, and can be asked."""
    telling(house, "north", "teller")
    return await house.merchant("teller")


async def unresolved(house: House, merchant: Merchant, truth: Any) -> Snapshot:
    """A payment whose answer got lost; `truth` is what happened."""
    house.bank.will("charge", Lost(truth))
    return await house.pay(merchant)


def key_of(snapshot: Snapshot) -> str:
    return render(Kind.ATTEMPT, snapshot.attempts[0].id)


async def test_a_delivery_is_stored_answered_and_nothing_else(house: House, teller: Merchant) -> None:
    """Whatever it says, it is only written down: the processor waits no longer than for one insert."""
    paid = await unresolved(house, teller, Approved("ch-1", captured=True))
    asked = list(house.bank.asked)
    account = await account_of(house, teller)
    answer = await send(
        house, account, saying("e-1", {"says": "approved", "key": key_of(paid), "minor": 1000})
    )
    assert (answer.status, answer.raw) == (200, b"[heard]")
    (row,) = await rows(house, teller)
    assert (row["result"], row["verified"], row["delivery_id"]) == (None, True, "e-1")
    assert b"approved" not in bytes(row["sealed"]), "what came is not readable in the database"
    assert (await house.snapshot(teller, paid.payment.id)).payment.status is Status.UNRESOLVED
    assert house.bank.asked == asked
    await house.wait(minutes=5)
    await house.work()
    assert await results(house, teller) in (["applied"], ["known"])
    assert (await house.snapshot(teller, paid.payment.id)).payment.status is Status.CAPTURED
    await house.check_rows()


async def test_what_payments_learn_from_a_delivery_is_on_its_row(house: House, teller: Merchant) -> None:
    paid = await unresolved(house, teller, Approved("ch-1", captured=True))
    body = saying("e-1", {"says": "approved", "key": key_of(paid), "minor": 1000})
    await send(house, await account_of(house, teller), body)
    await house.wait(minutes=1)
    (row,) = await rows(house, teller)
    while (again := await house.inbound.reader.read(teller, row["id"], house.now)) is not None:
        house.clock.advance(again - house.now)
    shown = await seen(house, teller, row["id"])
    (notice,) = shown["notices"]
    assert (shown["result"], notice["result"]) == ("applied", "applied")
    assert notice["payment"] == render(Kind.PAYMENT, paid.payment.id)
    assert "payment.captured" in notice["events"]
    await house.work()


async def seen(house: House, merchant: Merchant, inbound_id: Any) -> Any:
    path = f"/v1/inbound/{render(Kind.INBOUND, inbound_id)}"
    answer = await house.call("GET", path, key=await house.key_of(merchant))
    assert answer.status == 200
    return answer.json


async def test_the_same_twice_is_one_row_and_one_effect(house: House, teller: Merchant) -> None:
    paid = await unresolved(house, teller, Approved("ch-1", captured=True))
    body = saying("e-1", {"says": "approved", "key": key_of(paid), "minor": 1000})
    account = await account_of(house, teller)
    for _ in range(3):
        assert (await send(house, account, body)).status == 200
    await house.wait(minutes=5)
    await house.work()
    assert len(await rows(house, teller)) == 1
    assert (await house.events(teller)).count("payment.captured") == 1
    assert (await send(house, account, body)).status == 200
    assert len(await rows(house, teller)) == 1
    assert (READ, (await rows(house, teller))[0]["id"]) not in await house.dues(teller)


@pytest.mark.parametrize(
    ("account", "status", "code"),
    [
        ("pa_" + "0" * 26, 404, "resource_missing"),
        ("nothing", 404, "resource_missing"),
        (None, 400, "webhook_not_genuine"),
    ],
)
async def test_a_forgery_leaves_nothing_behind(
    house: House, teller: Merchant, account: str | None, status: int, code: str
) -> None:
    where = account or await account_of(house, teller)
    body = saying("e-1", {"says": "approved"})
    answer = await send(house, where, body, {"x-signature": "00"})
    assert (answer.status, answer.json["error"]["code"]) == (status, code)
    assert await rows(house, teller) == []


async def test_no_more_is_taken_than_a_webhook_needs(house: House, teller: Merchant) -> None:
    answer = await send(house, await account_of(house, teller), b"x" * (512 * 1024 + 1))
    assert answer.status == 413


async def test_another_merchants_signature_changes_nothing_here(house: House, teller: Merchant) -> None:
    """The address names the account, and with it whose payments may be found."""
    paid = await unresolved(house, teller, Approved("ch-1", captured=True))
    stranger = await house.merchant("teller")
    body = saying("e-1", {"says": "approved", "key": key_of(paid), "minor": 1000, "reference": "ch-1"})
    await send(house, await account_of(house, stranger), body)
    before = await house.events(teller)
    (row,) = await rows(house, stranger)
    await house.inbound.reader.read(stranger, row["id"], house.now)
    assert await results(house, stranger) == ["foreign"]
    assert await rows(house, teller) == []
    assert await house.events(teller) == before


async def test_one_name_with_two_contents_opens_a_case(house: House, teller: Merchant) -> None:
    """The first was heard; the second is kept beside it, and a person is told."""
    account = await account_of(house, teller)
    for says in ("done", "refused"):
        await send(house, account, saying("e-1", {"says": says, "about": "refund", "reference": "r-1"}))
    await house.work()
    assert await results(house, teller) == ["foreign", "conflict"]
    shown = render(Kind.PROCESSOR_ACCOUNT, account)
    assert await cases(house, teller) == [("webhook_conflict", f"{shown}:e-1")]
    assert "audit.case_opened" in await house.events(teller)


async def test_other_bytes_that_say_the_same_are_no_conflict(house: House, teller: Merchant) -> None:
    """Some processors count in a delivery how often they have tried."""
    account = await account_of(house, teller)
    for attempt in (1, 2):
        notice = {"says": "done", "about": "refund", "reference": "r-1"}
        await send(house, account, saying("e-1", notice, attempt=attempt))
    await house.work()
    assert await results(house, teller) == ["foreign", "foreign"]
    assert await cases(house, teller) == []


async def test_evidence_against_what_is_closed_opens_a_case_with_a_remedy(
    house: House, teller: Merchant
) -> None:
    house.bank.will("charge", decline())
    declined = await house.pay(teller)
    key = key_of(declined)
    house.bank.settle(key, Approved("ch-9", captured=True))
    await house.wait(minutes=5)
    body = saying("e-1", {"says": "approved", "key": key, "minor": 1000, "at": house.now.isoformat()})
    await send(house, await account_of(house, teller), body)
    await house.work()
    assert await results(house, teller) == ["contradiction"]
    ((kind, subject),) = await cases(house, teller)
    assert (kind, subject.split(":")[0]) == ("contradiction", key)
    listed = await house.call("GET", "/v1/audit/cases", key=await house.key_of(teller))
    (case,) = listed.json["data"]
    assert case["payment"] == render(Kind.PAYMENT, declined.payment.id)
    assert "void" in case["remedy"] and case["details"]["told"] == "approved"
    assert (await house.snapshot(teller, declined.payment.id)).payment.status is Status.DECLINED


async def test_a_dispute_that_a_processor_tells_of_is_kept(house: House, teller: Merchant) -> None:
    paid = await house.pay(teller)
    await house.wait(minutes=5)
    notice = {"says": "dispute", "about": "dispute", "key": key_of(paid), "reference": "dp-1"}
    await send(house, await account_of(house, teller), saying("e-1", notice))
    await house.work()
    (row,) = await rows(house, teller)
    (told,) = (await seen(house, teller, row["id"]))["notices"]
    assert (told["result"], told["about"], told["events"]) == ("applied", "dispute", ["dispute.opened"])
    assert told["payment"] == render(Kind.PAYMENT, paid.payment.id)
    again = saying("e-2", notice)
    await send(house, await account_of(house, teller), again)
    await house.work()
    assert await results(house, teller) == ["applied", "known"]


async def test_two_ends_of_a_dispute_open_a_case(house: House, teller: Merchant) -> None:
    account = await account_of(house, teller)
    for day, says in ((1, "dispute"), (3, "dispute_lost"), (2, "dispute_won")):
        at = f"2026-11-{day:02}T00:00:00+00:00"
        await send(house, account, saying(f"e-{day}", {"says": says, "about": "dispute", "at": at}))
        await house.work()
    assert await results(house, teller) == ["applied", "applied", "contradiction"]
    ((kind, subject),) = await cases(house, teller)
    assert kind == "contradiction" and subject.startswith("dsp_") and subject.endswith(":lost:won")


async def test_news_that_nothing_is_done_with_is_kept(house: House, teller: Merchant) -> None:
    await send(house, await account_of(house, teller), saying("e-1", {"says": "card", "about": "credential"}))
    await house.work()
    (row,) = await rows(house, teller)
    shown = await seen(house, teller, row["id"])
    assert (shown["result"], shown["notices"][0]["about"]) == ("unused", "credential")


async def test_what_is_not_understood_is_kept(house: House, teller: Merchant) -> None:
    await send(house, await account_of(house, teller), saying("e-1"))
    await house.work()
    assert await results(house, teller) == ["unreadable"]


async def test_what_cannot_be_read_is_read_again_and_in_the_end_left_to_a_person(
    house: House, teller: Merchant
) -> None:
    """And once it is mended, it can be replayed."""
    body = saying("e-1", {"says": "done", "about": "refund", "reference": "r-1"}, breaks=False)
    await send(house, await account_of(house, teller), body)
    (row,) = await rows(house, teller)
    connector: Any = house.around.connectors["teller"]
    mended = connector.notices
    connector.notices = lambda account, delivery: 1 / 0
    again = await house.inbound.reader.read(teller, row["id"], house.now)
    assert again is not None and again > house.now
    await house.database.execute(
        "update inbound set tries = %(tries)s where merchant_id = %(merchant_id)s",
        {"merchant_id": teller.id, "tries": FAILURES_MAX - 1},
    )
    await house.work()
    assert await results(house, teller) == ["failed"]
    assert [kind for kind, _ in await cases(house, teller)] == ["webhook_failed"]
    connector.notices = mended
    await replayed(house, teller, row["id"])
    assert await results(house, teller) == ["foreign"]


async def replayed(house: House, merchant: Merchant, inbound_id: Any) -> None:
    path = f"/v1/inbound/{render(Kind.INBOUND, inbound_id)}/replay"
    answer = await house.call("POST", path, {}, key=await house.key_of(merchant))
    assert (answer.status, answer.json["result"]) == (200, None)
    await house.work()


async def test_a_span_of_time_is_replayed_without_effect_on_what_is_known(
    house: House, teller: Merchant
) -> None:
    paid = await unresolved(house, teller, Approved("ch-1", captured=True))
    account = await account_of(house, teller)
    begun = house.now
    notice = {"says": "approved", "key": key_of(paid), "minor": 1000}
    await send(house, account, saying("e-1", notice))
    await send(house, account, saying("e-2", {"says": "nothing", "about": "other"}))
    await house.wait(minutes=5)
    await house.work()
    before = await house.events(teller)
    asked = {"account": render(Kind.PROCESSOR_ACCOUNT, account), "since": begun.isoformat()}
    answer = await house.call("POST", "/v1/inbound/replay", asked, key=await house.key_of(teller))
    assert (answer.status, answer.json["replayed"], answer.json["has_more"]) == (200, 2, False)
    await house.work()
    assert await results(house, teller) == ["known", "unused"]
    assert await house.events(teller) == before


async def test_the_journal_is_listed_by_account_and_result(house: House, teller: Merchant) -> None:
    account = await account_of(house, teller)
    for number in range(3):
        await send(
            house, account, saying(f"e-{number}", {"says": "done", "about": "refund", "reference": "r"})
        )
    await send(house, account, saying("e-9"))
    await house.work()
    key, shown = await house.key_of(teller), render(Kind.PROCESSOR_ACCOUNT, account)

    async def listed(query: str) -> list[str]:
        answer = await house.call("GET", f"/v1/inbound?{query}", key=key)
        assert answer.status == 200
        return [one["delivery"] for one in answer.json["data"]]

    assert await listed(f"account={shown}") == ["e-9", "e-2", "e-1", "e-0"]
    assert await listed("result=foreign&limit=2") == ["e-2", "e-1"]
    assert await listed("result=known") == []
    assert await listed(f"account=pa_{'0' * 26}") == []


async def test_what_only_the_processor_can_vouch_for_waits_for_its_word(
    house: House, teller: Merchant
) -> None:
    account = await account_of(house, teller)
    good, bad = saying("e-1", {"says": "nothing"}), saying("e-2", {"says": "nothing"})
    await send(house, account, good, signed(good) | {ASKS: "yes"})
    await send(house, account, bad, {"x-signature": "00", ASKS: "yes"})
    assert [row["verified"] for row in await rows(house, teller)] == [False, False]
    house.inbound.reader._gateway = Vouching()  # type: ignore[assignment]
    await house.work()
    assert [(row["delivery_id"], row["verified"]) for row in await rows(house, teller)] == [("e-1", True)]
    await send(house, account, good, signed(good) | {ASKS: "yes"})
    await house.work()
    assert await results(house, teller) == ["unused", "known"]


class Vouching:
    """A gateway whose processor says what the connector would say."""

    async def authenticate(self, connector: Any, account: Any, delivery: Any, *, account_id: Any) -> Any:
        exchange = connector.authenticate(account, delivery)
        next(exchange)
        try:
            exchange.send(None)
        except StopIteration as end:
            return Timed(end.value, 1)
        raise AssertionError("it asks once")


async def test_so_many_and_no_more_are_taken_that_nobody_vouches_for(house: House, teller: Merchant) -> None:
    """Each of them costs a question to the processor."""
    account = await account_of(house, teller)
    house.inbound.inbox._unproved._gone[account] = UNPROVED_MAX - 1
    body = saying("e-1", {"says": "nothing"})
    headers = {"x-signature": "00", ASKS: "yes"}
    assert (await send(house, account, body, headers)).status == 200
    refused = await send(house, account, body, headers)
    assert (refused.status, refused.headers["retry-after"]) == (429, "60")


async def test_what_nobody_vouches_for_takes_little_room(house: House, teller: Merchant) -> None:
    """It is kept until the processor could be asked, which may be hours."""
    account = await account_of(house, teller)
    headers = {"x-signature": "00", ASKS: "yes"}
    body = saying("e-1", text="x" * (400 << 10))
    taken = 0
    while (await send(house, account, body, headers)).status == 200:
        taken += 1
        assert taken * len(body) <= UNPROVED_BYTES_MAX
    assert taken
    assert (await send(house, account, body)).status == 200, "what is signed has no part in it"


async def test_what_is_genuine_is_kept_whatever_goes_wrong_in_reading_it(
    house: House, teller: Merchant
) -> None:
    """A processor that is told of an error again and again sends nothing more in the end."""
    account = await account_of(house, teller)
    assert (await send(house, account, saying("e-1", breaks=True))).status == 200
    assert [row["delivery_id"] for row in await rows(house, teller)] == ["e-1"]
    assert await results(house, teller) == [None]


async def test_what_is_old_is_thrown_away(house: House, teller: Merchant) -> None:
    await send(house, await account_of(house, teller), saying("e-1"))
    await house.work()
    await house.wait(days=89)
    await house.inbound.journal.forget_old()
    assert len(await rows(house, teller)) == 1
    await house.wait(days=2)
    await send(house, await account_of(house, teller), saying("e-2"))
    await house.inbound.journal.forget_old()
    assert [row["delivery_id"] for row in await rows(house, teller)] == ["e-2"]
    await house.wait(days=91)
    await house.inbound.journal.forget_old()
    assert await results(house, teller) == [None], "what nobody has read yet is not thrown away"


async def test_a_crash_between_effect_and_record_changes_nothing_twice(
    house: House, teller: Merchant
) -> None:
    paid = await unresolved(house, teller, Approved("ch-1", captured=True))
    body = saying("e-1", {"says": "approved", "key": key_of(paid), "minor": 1000})
    await send(house, await account_of(house, teller), body)
    await house.wait(minutes=5)
    (row,) = await rows(house, teller)
    reader = house.inbound.reader

    async def dies(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    reader._write_down = dies  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        await reader.read(teller, row["id"], house.now)
    other = house.another_process()
    telling(other, "teller")
    await other.work()
    assert await results(house, teller) == ["known"]
    assert (await house.events(teller)).count("payment.captured") == 1
    await other.close()
