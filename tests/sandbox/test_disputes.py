"""Disputes in the simulated world: where one stands follows from its times, and it is answered once."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.sandbox.town import START, Shop, new_key

from recoup.kit.money import Money
from recoup.kit.refusals import Refusal
from recoup.outcomes.core import Approved
from recoup.sandbox import store
from recoup.sandbox.core.disputes import (
    ANSWERED_WITHIN,
    VERDICT_TAKES,
    Answered,
    Course,
    Dispute,
    DisputeKind,
    DisputeState,
    Verdict,
    accepted,
    course_of,
    not_answerable,
    refunded,
    submitted,
)
from recoup.sandbox.core.faults import FaultKind, Verb
from recoup.sandbox.core.processors import ProcessorName
from recoup.sandbox.worlds.disputes import Disputes, Seen, Wanted

WEEK: Final = timedelta(days=7)
DISPUTED: Final = "4000000000000259"
WARNED: Final = "4000000000005423"
BLANK: Final = Dispute(
    processor=ProcessorName.ALPHA,
    reference="dp_1",
    epoch=1,
    charge_key="att_1",
    charge_reference="ch_1",
    order_key="pay_1",
    kind=DisputeKind.CHARGEBACK,
    reason="",
    network="visa",
    amount=0,
    currency="",
    fee=0,
    opens_at=START,
    created_at=START,
)
ENDS: Final = {DisputeState(word) for word in ("won", "lost", "closed", "reversed", "resolved_early")}


def a_dispute(
    kind: DisputeKind = DisputeKind.CHARGEBACK, then: Verdict | None = None, then_after: timedelta = WEEK
) -> Dispute:
    course = Course(kind, "fraudulent", opens_at=START, then=then, then_after=then_after)
    return course_of(BLANK, course, Money(1000, "USD"))


spans = st.timedeltas(min_value=timedelta(seconds=1), max_value=timedelta(days=60))
courses = st.builds(
    a_dispute,
    st.sampled_from([DisputeKind.INQUIRY, DisputeKind.CHARGEBACK]),
    st.none() | st.sampled_from(Verdict),
    spans,
)


@given(courses, st.none() | st.sampled_from(["", "winning_evidence", "losing_evidence"]), spans)
def test_what_is_told_is_what_stands_at_that_moment(
    dispute: Dispute, evidence: str | None, after: timedelta
) -> None:
    """And between two moments nothing changes, so that news alone rebuild a dispute."""
    now = START + after
    if not_answerable(dispute, now=now) is None:
        said = {"uncategorized_text": evidence or ""}
        dispute = accepted(dispute, now=now) if evidence is None else submitted(dispute, said, now=now)
    told = [(at, state) for at, state in dispute.moments() if at >= (dispute.answered_at or START)]
    for (at, state), (until, _) in zip(told, [*told[1:], (START + timedelta(days=400), None)], strict=True):
        assert dispute.state_at(at) is state
        assert dispute.state_at(until - timedelta(microseconds=1)) is state or until == at


@given(courses)
def test_without_an_answer_every_dispute_ends(dispute: Dispute) -> None:
    assert dispute.state_at(START + timedelta(days=400)) in ENDS


def test_an_alert_is_settled_by_its_network_or_by_a_refund_and_only_the_first_takes_the_money() -> None:
    alert = a_dispute(DisputeKind.RAPID_RESOLUTION, Verdict.RESOLVED)
    assert alert.state_at(START) is DisputeState.WARNING and not alert.withdrawn_at(START)
    assert alert.state_at(START + WEEK) is DisputeState.RESOLVED_EARLY
    assert alert.withdrawn_at(START + WEEK)
    assert not refunded(alert, START).withdrawn_at(START + WEEK)
    waiting = a_dispute(DisputeKind.RAPID_RESOLUTION)
    assert waiting.state_at(START + 20 * WEEK) is DisputeState.WARNING


def test_who_does_not_answer_in_time_loses() -> None:
    dispute = a_dispute()
    assert dispute.state_at(START) is DisputeState.OPENED
    assert dispute.state_at(START + ANSWERED_WITHIN) is DisputeState.LOST


def test_evidence_stops_the_deadline_and_waits_for_the_verdict() -> None:
    open_ended = submitted(a_dispute(), {"uncategorized_text": "signed"}, now=START + WEEK)
    assert open_ended.state_at(START + timedelta(days=300)) is DisputeState.SUBMITTED
    decided = submitted(
        a_dispute(then=Verdict.WON, then_after=2 * WEEK - timedelta(days=1)), {}, now=START + WEEK
    )
    assert decided.state_at(START + 3 * WEEK) is DisputeState.WON


@pytest.mark.parametrize(
    ("said", "state"), [("winning_evidence", DisputeState.WON), ("losing_evidence", DisputeState.LOST)]
)
def test_magic_words_decide(said: str, state: DisputeState) -> None:
    dispute = submitted(a_dispute(), {"uncategorized_text": f"see {said}"}, now=START)
    assert dispute.state_at(START) is DisputeState.SUBMITTED
    assert dispute.state_at(START + VERDICT_TAKES) is state


def test_what_was_won_may_be_taken_again() -> None:
    dispute = a_dispute(then=Verdict.REVERSED)
    states = [dispute.state_at(START + days * WEEK) for days in range(3)]
    assert states == [DisputeState.OPENED, DisputeState.WON, DisputeState.REVERSED]
    assert [dispute.withdrawn_at(START + days * WEEK) for days in range(3)] == [True, False, True]


def test_an_inquiry_takes_money_only_when_it_is_lost() -> None:
    dispute = a_dispute(DisputeKind.INQUIRY, Verdict.LOST)
    assert (dispute.withdrawn_at(START), dispute.fee_at(START)) == (False, 0)
    assert (dispute.withdrawn_at(START + WEEK), dispute.fee_at(START + WEEK)) == (True, 1500)


def test_the_fee_follows_the_currency() -> None:
    yen = course_of(BLANK, Course(DisputeKind.CHARGEBACK, "fraudulent", START), Money(1000, "JPY"))
    assert yen.fee == 15


def test_given_up_is_given_up() -> None:
    dispute = accepted(a_dispute(then=Verdict.WON), now=START)
    assert dispute.answer is Answered.ACCEPTANCE
    assert dispute.state_at(START + 52 * WEEK) is DisputeState.ACCEPTED
    assert not_answerable(dispute, now=START) is not None


def disputes(shop: Shop) -> Disputes:
    return Disputes(shop.town.database, shop.town.clock)


async def contested(shop: Shop, **given: Any) -> Seen:
    """Have the shop's payment `pay_1` disputed."""
    words: dict[str, Any] = {
        "order": "pay_1",
        "kind": DisputeKind.CHARGEBACK,
        "reason": "fraudulent",
        "amount": None,
        "after": timedelta(0),
        "then": None,
        "then_after": WEEK,
    }
    async with shop.town.database.transaction() as connection:
        return await disputes(shop).open(connection, shop.merchant_id, Wanted(**words | given))


async def listed(shop: Shop, **given: Any) -> list[tuple[DisputeState, int]]:
    words: dict[str, Any] = {"order": None, "after": None, "limit": 100}
    found = await disputes(shop).page(shop.merchant_id, **words | given)
    return [(seen.dispute.state_at(seen.now), seen.dispute.amount) for seen in found]


async def answers(shop: Shop, seen: Seen, answer: str, body: Any, *, key: str) -> Any:
    path = f"/alpha/disputes/{seen.dispute.reference}/{answer}"
    return await shop.http("POST", path, body, key=key)


async def waiting(shop: Shop) -> int:
    return await store.count_untold(shop.town.database, world_id=shop.merchant_id, limit=100)


async def test_a_charge_is_disputed_for_what_was_captured(shop: Shop) -> None:
    await shop.charge(amount=1000)
    seen = await contested(shop)
    assert await listed(shop) == [(DisputeState.OPENED, 1000)]
    assert seen.dispute.evidence_due_at == seen.now + ANSWERED_WITHIN
    assert await waiting(shop) == 2, "that it opened, and that it will be lost without an answer"


async def test_an_answer_is_taken_once_and_given_again(shop: Shop) -> None:
    """Who did not read the reply may ask again under the same key, and nothing is done twice."""
    await shop.charge()
    seen = await contested(shop, then=Verdict.LOST)
    key, said = new_key(), {"fields": {"uncategorized_text": "winning_evidence"}}
    first = await answers(shop, seen, "evidence", said, key=key)
    again = await answers(shop, seen, "evidence", said, key=key)
    assert (first.status, first.json["state"]) == (200, "done")
    assert again.json == first.json
    other = await answers(shop, seen, "evidence", {}, key=key)
    assert (other.status, other.json["error"]["code"]) == (409, "key_reused")
    late = await answers(shop, seen, "acceptance", {}, key=new_key())
    assert (late.json["state"], late.json["code"]) == ("refused", "answered_already")
    await shop.wait(VERDICT_TAKES)
    assert await listed(shop) == [(DisputeState.WON, 1000)]


async def test_what_an_answer_changed_is_not_told_any_more(shop: Shop) -> None:
    await shop.charge()
    seen = await contested(shop, then=Verdict.WON)
    before = await waiting(shop)
    await answers(shop, seen, "acceptance", {}, key=new_key())
    assert (before, await waiting(shop)) == (2, 2), "opened and won; opened and accepted"


async def test_an_answer_that_times_out_after_success_is_found_by_its_key(shop: Shop) -> None:
    await shop.charge()
    seen = await contested(shop)
    await shop.fault(FaultKind.RESET_AFTER, on=Verb.ACCEPT_DISPUTE)
    key = new_key()
    with pytest.raises(Exception, match=r"(?i)disconnect|reset|closed"):
        await answers(shop, seen, "acceptance", {}, key=key)
    assert (await answers(shop, seen, "acceptance", {}, key=key)).json["state"] == "done"
    assert await listed(shop) == [(DisputeState.ACCEPTED, 1000)]


@pytest.mark.parametrize(
    ("number", "kind", "capture"),
    [
        (DISPUTED, DisputeKind.CHARGEBACK, True),
        (DISPUTED, DisputeKind.CHARGEBACK, False),
        (WARNED, DisputeKind.WARNING, True),
    ],
)
async def test_a_card_that_is_known_for_it_is_disputed_by_itself(
    shop: Shop, number: str, kind: DisputeKind, *, capture: bool
) -> None:
    """Once, when its money was taken: a capture of a part is disputed for that part."""
    key = new_key()
    assert isinstance(await shop.charge(number, capture=capture, key=key), Approved)
    if not capture:
        assert await listed(shop) == []
        await shop.change("capture", key, 300)
        await shop.change("capture", key, 200)
    await shop.wait(timedelta(seconds=2))
    (found,) = await disputes(shop).page(shop.merchant_id, order="pay_1", after=None, limit=9)
    assert (found.dispute.kind, found.dispute.amount) == (kind, 1000 if capture else 300)


async def test_a_dispute_is_unknown_to_everybody_until_it_opens(shop: Shop) -> None:
    await shop.charge()
    seen = await contested(shop, after=WEEK)
    refused = await answers(shop, seen, "acceptance", {}, key=new_key())
    assert (refused.status, refused.json["error"]["code"]) == (422, "no_such_dispute")
    assert refused.json["processed"] is False


async def test_what_cannot_be_disputed_is_refused(shop: Shop) -> None:
    await shop.charge(capture=False)
    for words, code in (
        ({}, "nothing_captured"),
        ({"order": "pay_2"}, "resource_missing"),
        ({"kind": DisputeKind.WARNING, "then": Verdict.WON}, "warning_has_no_end"),
    ):
        with pytest.raises(Refusal) as refused:
            await contested(shop, **words)
        assert refused.value.code == code
    await shop.charge()
    with pytest.raises(Refusal) as refused:
        await contested(shop, amount=1001)
    assert refused.value.code == "amount_too_large"


async def test_one_world_s_disputes_are_nobody_else_s(shop: Shop) -> None:
    await shop.charge()
    seen = await contested(shop)
    other = await shop.town.shop()
    stranger = await answers(replace(other), seen, "acceptance", {}, key=new_key())
    assert stranger.json["error"]["code"] == "no_such_dispute"
    assert await listed(other) == []
