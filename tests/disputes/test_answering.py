"""A merchant answers: nothing is sent that is not committed, nothing is said to have arrived that nobody knows of."""

from __future__ import annotations

import asyncio
import contextlib
from base64 import b64encode
from datetime import timedelta
from typing import Any

import pytest
from tests.disputes.desk import Desk, desk_at
from tests.payments.bank import Died, Dies, Gate, Lost

from recoup.connectors.base import (
    AcceptDispute,
    DisputeVerb,
    DocumentPurpose,
    EvidenceField,
    EvidenceFile,
    SubmitEvidence,
)
from recoup.connectors.base import DisputeState as News
from recoup.db import Database
from recoup.disputes.core.evidence import FILES_BYTES_MAX
from recoup.disputes.core.machine import Status
from recoup.disputes.core.records import AnswerState, Dispute
from recoup.disputes.flow.answering import TRIES_MAX
from recoup.disputes.flow.writing import ANSWER
from recoup.kit.money import Money
from recoup.kit.refusals import Refusal
from recoup.ledger.core import AccountKind
from recoup.outcomes.core import Pending, Refused, Unprocessed

PDF = EvidenceFile("receipt.pdf", "application/pdf", b"%PDF-1.4 zebra", DocumentPurpose.RECEIPT)


async def opened(desk: Desk, state: News = News.OPENED) -> Dispute:
    """A dispute with evidence, which nobody has sent."""
    paid = await desk.paid()
    dispute = await desk.told(state, paid=paid, reason="13.1", network="visa")
    return await desk.gathers(dispute, files=[PDF])


def state_of(dispute: Dispute) -> tuple[Status, AnswerState | None]:
    return dispute.status, None if dispute.answer is None else dispute.answer.state


async def refused(awaitable: Any) -> str:
    with pytest.raises(Refusal) as caught:
        await awaitable
    return caught.value.code


async def test_what_was_gathered_is_handed_in_once(desk: Desk) -> None:
    dispute = await opened(desk)
    done = await desk.submits(dispute)
    assert state_of(done) == (Status.UNDER_REVIEW, AnswerState.DONE)
    (asked,) = desk.court.taken
    assert isinstance(asked, SubmitEvidence)
    assert asked.evidence.fields == {EvidenceField.UNCATEGORIZED_TEXT: "It was delivered."}
    assert (asked.evidence.files, asked.dispute_reference) == ((PDF,), "du_1")
    assert (await desk.events(dispute))[-2:] == ["dispute.updated", "dispute.submitted"]
    assert await refused(desk.submits(dispute)) == "dispute_unexpected_state"
    assert (ANSWER, dispute.id) not in await desk.house.dues(desk.merchant)
    later = await desk.told(News.SUBMITTED, hours=5)
    assert later.status is Status.UNDER_REVIEW
    assert (await desk.told(News.WON, hours=9)).status is Status.WON


async def test_evidence_may_be_as_large_as_processors_take_it_in_one_request(desk: Desk) -> None:
    dispute = await desk.told(News.OPENED)
    key, path = await desk.house.key_of(desk.merchant), f"/v1/disputes/{desk.shown(dispute)}/evidence"
    scan = b64encode(b"%PDF-" + bytes(3_900_000)).decode()
    file = {"name": "scan.pdf", "type": "application/pdf", "content": scan}
    body = {"files": [file]}
    kept = await desk.house.call("POST", path, body, key=key)
    assert (kept.status, kept.json["evidence"]["files"][0]["size"]) == (200, 3_900_005)
    body["files"].append(file | {"name": "more.pdf"})
    assert (await desk.house.call("POST", path, body, key=key)).status == 413


async def test_a_dispute_that_is_given_up_is_lost_in_the_books(desk: Desk) -> None:
    dispute = await opened(desk)
    done = await desk.accepts(dispute)
    assert state_of(done) == (Status.ACCEPTED, AnswerState.DONE)
    assert isinstance(desk.court.taken[0], AcceptDispute)
    assert await desk.balances(AccountKind.DISPUTED, AccountKind.DISPUTE_LOSSES) == [0, 1000]
    await desk.told(News.LOST, hours=2)
    assert await desk.balances(AccountKind.DISPUTED, AccountKind.DISPUTE_LOSSES) == [0, 1000]
    assert (await desk.events(dispute))[-1] == "dispute.accepted"


async def test_that_it_is_being_sent_is_committed_before_it_is_sent(desk: Desk) -> None:
    dispute = await opened(desk)
    seen: list[Any] = []

    async def look() -> Any:
        seen.append(state_of(await desk.named()))
        return Pending("p")

    desk.court.takes(look)
    after = await desk.submits(dispute)
    assert seen == [(Status.NEEDS_RESPONSE, AnswerState.SENDING)]
    assert state_of(after) == (Status.NEEDS_RESPONSE, AnswerState.PENDING)
    assert await refused(desk.submits(dispute)) == "dispute_answered"
    assert state_of(await desk.told(News.SUBMITTED, hours=1)) == (Status.UNDER_REVIEW, AnswerState.DONE)


async def test_of_what_nobody_heard_nothing_is_said_until_news_tell(desk: Desk) -> None:
    dispute = await opened(desk)
    desk.court.takes(Lost())
    after = await desk.submits(dispute)
    assert state_of(after) == (Status.NEEDS_RESPONSE, AnswerState.UNKNOWN)
    assert await refused(desk.submits(dispute)) == "dispute_answer_unknown"
    assert await refused(desk.accepts(dispute)) == "dispute_answer_unknown"
    assert await refused(desk.gathers(dispute)) == "dispute_answer_under_way"
    await desk.house.wait(days=2)
    await desk.house.work()
    assert len(desk.court.taken) == 1, "this processor might take it twice"
    assert state_of(await desk.told(News.SUBMITTED, hours=1)) == (Status.UNDER_REVIEW, AnswerState.DONE)


async def test_where_the_processor_knows_the_key_again_it_is_sent_again_by_itself(keyed: Desk) -> None:
    dispute = await opened(keyed)
    keyed.court.takes(Lost(), Lost())
    await keyed.submits(dispute)
    for _ in range(3):
        await keyed.house.wait(hours=6)
        await keyed.house.work()
    assert state_of(await keyed.named()) == (Status.UNDER_REVIEW, AnswerState.DONE)
    assert len(keyed.court.taken) == 3
    assert len({one.key for one in keyed.court.taken}) == 1
    assert len({one.evidence.files for one in keyed.court.taken if isinstance(one, SubmitEvidence)}) == 1


async def test_it_is_not_sent_again_without_end(keyed: Desk) -> None:
    dispute = await opened(keyed)
    keyed.court.takes(*[Lost()] * 50)
    await keyed.submits(dispute)
    for _ in range(TRIES_MAX + 5):
        await keyed.house.wait(hours=7)
        await keyed.house.work()
    assert len(keyed.court.taken) == TRIES_MAX
    assert state_of(await keyed.named()) == (Status.NEEDS_RESPONSE, AnswerState.UNKNOWN)


async def test_that_it_is_refused_when_it_is_sent_again_does_not_say_that_it_never_arrived(
    keyed: Desk,
) -> None:
    """Most processors take an answer once, by the dispute and not by our key: they refuse what has arrived before."""
    dispute = await opened(keyed)
    keyed.court.takes(Lost(), Refused("already", "It has been defended."), Refused("already", "It has been."))
    await keyed.submits(dispute)
    for _ in range(4):
        await keyed.house.wait(hours=6)
        await keyed.house.work()
    after = await keyed.named()
    assert state_of(after) == (Status.NEEDS_RESPONSE, AnswerState.UNKNOWN)
    assert after.answer is not None and "It has been defended." in str(after.answer.why)
    assert len(keyed.court.taken) == 2, "it is not sent again and again to be refused"
    assert await refused(keyed.accepts(dispute)) == "dispute_answer_unknown"
    assert state_of(await keyed.told(News.SUBMITTED, hours=1)) == (Status.UNDER_REVIEW, AnswerState.DONE)


async def test_what_happened_before_the_answer_and_is_told_after_it_takes_nothing_back(desk: Desk) -> None:
    """Such as that the money was taken, told again hours later because nobody had answered the webhook."""
    dispute = await opened(desk)
    await desk.house.wait(hours=3)
    await desk.submits(dispute)
    late = await desk.told(News.OPENED, hours=-1, withdrawn=True)
    assert state_of(late) == (Status.UNDER_REVIEW, AnswerState.DONE)
    assert await refused(desk.submits(dispute)) == "dispute_unexpected_state"


async def test_what_was_taken_again_is_under_review_once_it_is_answered_again(desk: Desk) -> None:
    paid = await desk.paid()
    for hours, state in enumerate((News.OPENED, News.WON, News.REVERSED)):
        dispute = await desk.told(state, paid=paid, hours=hours)
    done = await desk.submits(await desk.gathers(dispute))
    assert state_of(done) == (Status.UNDER_REVIEW, AnswerState.DONE)


async def test_long_evidence_is_left_to_who_sends_it(keyed: Desk) -> None:
    """Documents take longer than any other exchange: meanwhile nobody says that they are lost, or sends them too."""
    dispute = await opened(keyed)

    async def slow() -> Any:
        await keyed.house.wait(minutes=3)
        await keyed.house.work()
        assert state_of(await keyed.named()) == (Status.NEEDS_RESPONSE, AnswerState.SENDING)
        return Pending("p")

    keyed.court.takes(slow)
    assert state_of(await keyed.submits(dispute))[1] is AnswerState.PENDING
    assert len(keyed.court.taken) == 1


async def test_a_merchant_may_send_again_what_nobody_heard_of(keyed: Desk) -> None:
    dispute = await opened(keyed)
    keyed.court.takes(Lost())
    await keyed.submits(dispute)
    assert await refused(keyed.accepts(dispute)) == "dispute_answer_unknown"
    assert state_of(await keyed.submits(dispute)) == (Status.UNDER_REVIEW, AnswerState.DONE)
    assert len({one.key for one in keyed.court.taken}) == 1


async def test_a_death_while_sending_leaves_it_unknown(desk: Desk) -> None:
    dispute = await opened(desk)
    desk.court.takes(Dies())
    with contextlib.suppress(Died):
        await desk.submits(dispute)
    assert state_of(await desk.named()) == (Status.NEEDS_RESPONSE, AnswerState.SENDING)
    assert await refused(desk.submits(dispute)) == "dispute_answer_under_way"
    await desk.house.wait(minutes=5)
    await desk.house.work()
    assert state_of(await desk.named()) == (Status.NEEDS_RESPONSE, AnswerState.UNKNOWN)
    assert len(desk.court.taken) == 1


async def test_what_never_left_and_what_was_refused_can_be_mended(desk: Desk) -> None:
    dispute = await opened(desk)
    desk.court.takes(Unprocessed("not sent: no connection"), Refused("too_late", "It is too late."))
    assert state_of(await desk.submits(dispute))[1] is AnswerState.UNSENT
    again = await desk.submits(dispute)
    assert state_of(again) == (Status.NEEDS_RESPONSE, AnswerState.REFUSED)
    assert again.answer is not None and again.answer.why == "It is too late."
    assert len({one.key for one in desk.court.taken}) == 2
    assert state_of(await desk.accepts(dispute)) == (Status.ACCEPTED, AnswerState.DONE)


async def test_news_that_come_while_it_is_sent_are_not_undone(desk: Desk) -> None:
    dispute = await opened(desk)

    async def meanwhile() -> Any:
        await desk.told(News.WON, hours=1)
        return Lost()

    desk.court.takes(meanwhile)
    after = await desk.submits(dispute)
    assert after.status is Status.WON
    assert await desk.balances(AccountKind.RECEIVABLE) == [1000]


async def test_one_at_a_time(desk: Desk) -> None:
    dispute = await opened(desk)
    gate = Gate()

    async def wait() -> Any:
        gate.entered.set()
        await gate.opened.wait()
        return Pending("p")

    desk.court.takes(wait)
    first = asyncio.create_task(desk.submits(dispute))
    await gate.entered.wait()
    assert await refused(desk.accepts(dispute)) == "dispute_answer_under_way"
    assert await refused(desk.gathers(dispute, "other")) == "dispute_answer_under_way"
    gate.opened.set()
    await first
    assert len(desk.court.taken) == 1


async def test_an_inquiry_that_becomes_a_chargeback_can_be_answered_anew(desk: Desk) -> None:
    dispute = await opened(desk, News.INQUIRY)
    assert state_of(await desk.submits(dispute)) == (Status.UNDER_REVIEW, AnswerState.DONE)
    assert await desk.balances(AccountKind.DISPUTED) == [0]
    charged_back = await desk.told(News.OPENED, hours=5)
    assert state_of(charged_back) == (Status.NEEDS_RESPONSE, None)
    assert await desk.balances(AccountKind.DISPUTED) == [1000]
    assert state_of(await desk.submits(charged_back)) == (Status.UNDER_REVIEW, AnswerState.DONE)


async def test_a_chargeback_that_is_booked_after_it_was_answered_is_not_asked_for_again(desk: Desk) -> None:
    """Announced, answered, then booked: the money is out, and what was handed in stands."""
    paid = await desk.paid()
    dispute = await desk.gathers(await desk.told(News.OPENED, paid=paid, withdrawn=False))
    await desk.submits(dispute)
    assert await desk.balances(AccountKind.DISPUTED, AccountKind.DISPUTE_FEES) == [0, 0]
    booked = await desk.told(News.OPENED, hours=5, withdrawn=True, fee=Money(1500, "USD"))
    assert state_of(booked) == (Status.UNDER_REVIEW, AnswerState.DONE)
    assert await desk.balances(AccountKind.DISPUTED, AccountKind.DISPUTE_FEES) == [1000, 1500]
    assert await refused(desk.submits(booked)) == "dispute_unexpected_state"


async def test_a_processor_that_takes_no_answer_is_not_asked(database: Database) -> None:
    desk = await desk_at(database, verbs=frozenset({DisputeVerb.ACCEPT}))
    dispute = await opened(desk)
    assert await refused(desk.submits(dispute)) == "dispute_answered_at_processor"
    assert desk.court.taken == []
    assert state_of(await desk.accepts(dispute)) == (Status.ACCEPTED, AnswerState.DONE)
    await desk.house.close()


async def test_nothing_is_handed_in_without_evidence(desk: Desk) -> None:
    paid = await desk.paid()
    dispute = await desk.told(News.OPENED, paid=paid)
    assert await refused(desk.submits(dispute)) == "dispute_evidence_missing"
    await desk.gathers(dispute, "   ")
    assert await refused(desk.submits(dispute)) == "dispute_evidence_missing"
    assert state_of(await desk.named()) == (Status.NEEDS_RESPONSE, None)


async def test_evidence_is_sealed_counted_and_can_be_taken_away(desk: Desk) -> None:
    dispute = await opened(desk)
    rows = await desk.house.database.fetch_all(
        "select sealed from dispute_evidence where merchant_id = %(merchant_id)s",
        {"merchant_id": desk.merchant.id},
    )
    (row,) = rows
    assert b"zebra" not in bytes(row["sealed"]) and b"delivered" not in bytes(row["sealed"])
    more = await desk.gathers(dispute, "New text.", files=[EvidenceFile("a.png", "image/png", b"\x89PNG")])
    assert [one.name for one in more.evidence.files] == ["receipt.pdf", "a.png"]
    less = await desk.gathers(dispute, "New text.", without=["receipt.pdf"])
    assert [one.name for one in less.evidence.files] == ["a.png"]
    large = EvidenceFile("b.pdf", "application/pdf", b"x" * (FILES_BYTES_MAX + 1))
    assert await refused(desk.gathers(dispute, files=[large])) == "evidence_too_large"
    many = [EvidenceFile(f"{n}.png", "image/png", b"x") for n in range(9)]
    assert await refused(desk.gathers(dispute, files=many)) == "evidence_too_large"
    assert [one.name for one in (await desk.named()).evidence.files] == ["a.png"]


async def test_an_idempotency_key_answers_once(desk: Desk) -> None:
    dispute = await opened(desk)
    key = await desk.house.key_of(desk.merchant)
    path = f"/v1/disputes/{desk.shown(dispute)}/submit"
    first = await desk.house.call("POST", path, key=key, once="s-1")
    again = await desk.house.call("POST", path, key=key, once="s-1")
    assert (first.status, first.json["status"]) == (200, "under_review")
    assert (again.status, again.raw) == (200, first.raw)
    assert len(desk.court.taken) == 1
    other = await desk.house.call("POST", path, key=key, once="s-2")
    assert (other.status, other.json["error"]["code"]) == (409, "dispute_unexpected_state")


async def test_a_repeated_request_after_a_death_is_told_what_is_known(desk: Desk) -> None:
    dispute = await opened(desk)
    key = await desk.house.key_of(desk.merchant)
    path = f"/v1/disputes/{desk.shown(dispute)}/submit"
    desk.court.takes(Dies())
    with contextlib.suppress(Died):
        await desk.house.call("POST", path, key=key, once="s-1")
    early = await desk.house.call("POST", path, key=key, once="s-1")
    assert (early.status, early.json["error"]["code"]) == (409, "idempotency_key_in_use")
    await desk.house.wait(minutes=5)
    await desk.house.work()
    later = await desk.house.call("POST", path, key=key, once="s-1")
    assert (later.status, later.json["answer"]["state"]) == (200, "unknown")
    assert len(desk.court.taken) == 1


async def test_a_merchant_is_reminded_of_the_day(desk: Desk) -> None:
    due = desk.house.now + timedelta(days=10)
    paid = await desk.paid()
    dispute = await desk.told(News.OPENED, paid=paid, evidence_due=due)
    for _ in range(11):
        await desk.house.wait(days=1)
        await desk.house.work()
    assert (await desk.events(dispute)) == ["dispute.opened", *["dispute.evidence_due"] * 3]
    assert (await desk.named()).status is Status.NEEDS_RESPONSE, "only the processor says that it is too late"


async def test_who_has_answered_is_reminded_no_more(desk: Desk) -> None:
    due = desk.house.now + timedelta(days=8)
    paid = await desk.paid()
    dispute = await desk.told(News.OPENED, paid=paid, evidence_due=due)
    await desk.house.wait(days=1)
    await desk.house.work()
    await desk.submits(await desk.gathers(dispute))
    await desk.house.wait(days=9)
    await desk.house.work()
    assert (await desk.events(dispute)).count("dispute.evidence_due") == 1
