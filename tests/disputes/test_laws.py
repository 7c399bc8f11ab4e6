"""What holds of disputes whatever is told of them, in any order and however often."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from itertools import permutations
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.disputes.tidings import NOW, amounts, nothing_yet, stories, told

from recoup.connectors.base import DisputeState as News
from recoup.disputes.codes.words import Category
from recoup.disputes.core.concluding import About, concluded, happened, next_reminder, stops
from recoup.disputes.core.folding import folded
from recoup.disputes.core.machine import (
    BEGINNINGS,
    CONTRADICTIONS,
    GIVEN_UP,
    MOVES,
    OPEN,
    RANK,
    Status,
    moved,
)
from recoup.disputes.core.postings import booked, transfers
from recoup.disputes.core.records import Booked, Dispute, Tidings
from recoup.kit.money import Money
from recoup.ledger.core import AccountKind

REMINDERS: Final = (timedelta(hours=1), timedelta(hours=2))


@given(stories, st.randoms(use_true_random=False))
def test_any_order_and_any_doubling_comes_to_the_same(story: list[Tidings], chance: object) -> None:
    """Processors send what happened doubled, late and out of order: the dispute is the same in the end."""
    shuffled = [*story, *story[::2]]
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    assert folded(shuffled) == folded(story)


@given(stories, st.randoms(use_true_random=False))
def test_hearing_one_by_one_comes_to_the_same_as_hearing_all_at_once(
    story: list[Tidings], chance: object
) -> None:
    """And so do its money and whether its card is left alone, which are written at each step."""
    shuffled = [*story]
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    ends = []
    for order in (story, shuffled):
        now, heard = nothing_yet(), list[Tidings]()
        for one in order:
            heard.append(one)
            now, _ = concluded(now, heard, About(), now=NOW, reminders=REMINDERS)
        ends.append(replace(now, reminder_at=None))
    assert ends[0] == ends[1]


@given(stories)
def test_the_ledger_has_what_the_dispute_says_however_it_came_there(story: list[Tidings]) -> None:
    """Each step posts a difference; their sum is what the last state asks for, and no kind is posted twice."""
    sums: Counter[tuple[AccountKind, str]] = Counter()
    before, heard = nothing_yet(), list[Tidings]()
    causes = set()
    for version, one in enumerate(story, start=1):
        heard.append(one)
        after, _ = concluded(before, heard, About(), now=NOW, reminders=REMINDERS)
        after = replace(after, version=version)
        for posted in transfers(before.booked, after, NOW):
            assert (posted.cause.id, posted.kind) not in causes
            causes.add((posted.cause.id, posted.kind))
            sums[posted.debit.kind, posted.currency] += posted.amount
            sums[posted.credit.kind, posted.currency] -= posted.amount
        before = after
    wanted = booked(before)
    for kind, money in (
        (AccountKind.DISPUTED, wanted.disputed),
        (AccountKind.DISPUTE_LOSSES, wanted.lost),
        (AccountKind.DISPUTE_FEES, wanted.fee),
    ):
        for currency in ("USD", "EUR"):
            expected = money.minor if money is not None and money.currency == currency else 0
            assert sums[kind, currency] == expected
    receivable = {currency: sums[AccountKind.RECEIVABLE, currency] for currency in ("USD", "EUR")}
    held = [one for one in (wanted.disputed, wanted.lost, wanted.fee) if one is not None]
    assert all(
        receivable[currency] == -sum(one.minor for one in held if one.currency == currency)
        for currency in receivable
    )


@given(stories)
def test_money_is_lost_only_where_the_dispute_is(story: list[Tidings]) -> None:
    after, _ = concluded(nothing_yet(), story, About(), now=NOW, reminders=REMINDERS)
    assert after.booked.disputed is None or after.booked.lost is None
    assert after.booked.lost is None or after.status in GIVEN_UP
    if after.status is Status.WARNING and all(one.withdrawn is None for one in story):
        assert after.booked.disputed is None and after.booked.lost is None


@given(stories)
def test_an_open_dispute_stops_recoveries_and_one_that_was_won_does_not(story: list[Tidings]) -> None:
    after, _ = concluded(nothing_yet(), story, About(), now=NOW, reminders=REMINDERS)
    assert after.stops == stops(after)
    assert after.stops or after.status not in OPEN
    assert not (after.stops and after.status is Status.WON)
    assert (after.ended_at is None) == (after.status in OPEN | {Status.WARNING})


def test_late_news_never_move_a_dispute_backwards() -> None:
    """An end is left only by another end, or where what was won is taken again."""
    for status in (Status.WON, Status.LOST, Status.ACCEPTED):
        for news in (News.WARNING, News.INQUIRY, News.OPENED, News.SUBMITTED, News.EXPIRED, News.CLOSED):
            assert moved(status, news) is status


def test_every_news_begins_a_dispute_and_has_its_rank() -> None:
    assert set(BEGINNINGS) == set(RANK) == set(News)
    assert set(MOVES) == set(Status)
    for status, news in CONTRADICTIONS:
        assert news in MOVES[status], "the newer of two ends counts"


STORIES: Final = {
    "lost after evidence": ([News.OPENED, News.SUBMITTED, News.LOST], Status.LOST),
    "won after evidence": ([News.OPENED, News.SUBMITTED, News.WON], Status.WON),
    "an inquiry that became a chargeback": (
        [News.INQUIRY, News.SUBMITTED, News.OPENED],
        Status.NEEDS_RESPONSE,
    ),
    "an inquiry that became a chargeback, both answered": (
        [News.INQUIRY, News.SUBMITTED, News.OPENED, News.SUBMITTED, News.OPENED],
        Status.UNDER_REVIEW,
    ),
    "booked after it was answered": ([News.OPENED, News.SUBMITTED, News.OPENED], Status.UNDER_REVIEW),
    "booked after what was taken again was answered": (
        [News.OPENED, News.WON, News.REVERSED, News.SUBMITTED, News.OPENED],
        Status.UNDER_REVIEW,
    ),
    "answered after its day, then booked": (
        [News.OPENED, News.EXPIRED, News.SUBMITTED, News.OPENED],
        Status.UNDER_REVIEW,
    ),
    "of whose question nothing was heard": ([News.SUBMITTED, News.OPENED], Status.NEEDS_RESPONSE),
    "a warning that became a chargeback": ([News.WARNING, News.OPENED], Status.NEEDS_RESPONSE),
    "a warning that was refunded": ([News.WARNING, News.RESOLVED_EARLY], Status.CLOSED),
    "an inquiry that was let go": ([News.INQUIRY, News.CLOSED], Status.CLOSED),
    "nobody answered": ([News.OPENED, News.EXPIRED], Status.EXPIRED),
    "won, and taken again": ([News.OPENED, News.WON, News.REVERSED], Status.REVERSED),
    "won again": ([News.OPENED, News.WON, News.REVERSED, News.WON], Status.WON),
    "given up": ([News.OPENED, News.ACCEPTED, News.LOST], Status.ACCEPTED),
}


@pytest.mark.parametrize("name", STORIES)
def test_a_story_has_its_end(name: str) -> None:
    states, end = STORIES[name]
    seen = folded(told(state, hours) for hours, state in enumerate(states))
    assert (seen.status, seen.contradicts) == (end, None)


@pytest.mark.parametrize("announced", [None, False])
def test_a_booking_after_the_answer_brings_its_money_and_asks_nothing(announced: bool | None) -> None:
    """In whatever order they are told: the money, the fee and the day are those of the booking."""
    usd, fee, due = Money(4999, "USD"), Money(1500, "USD"), NOW + timedelta(days=9)
    story = [
        told(News.OPENED, 0, withdrawn=announced),
        told(News.SUBMITTED, 1, own=True),
        told(News.OPENED, 2, amount=usd, fee=fee, evidence_due=due),
    ]
    for order in permutations([*story, story[2]]):
        seen = folded(order)
        assert (seen.status, seen.withdrawn) == (Status.UNDER_REVIEW, True)
        assert (seen.amount, seen.fee, seen.evidence_due_by) == (usd, fee, due)


def test_of_two_ends_the_newer_counts_and_a_person_is_told() -> None:
    won, lost = told(News.WON, 3), told(News.LOST, 2)
    seen = folded([won, told(News.OPENED, 1), lost])
    assert (seen.status, seen.contradicts) == (Status.WON, (Status.LOST, Status.WON))


def test_what_a_dispute_posts() -> None:
    """Taken and the fee at first; then lost, or given back without the fee."""
    usd = Money(4999, "USD")
    opened = told(News.OPENED, 1, amount=usd, fee=Money(1500, "USD"))
    lost, won, again = told(News.LOST, 2), told(News.WON, 2), told(News.REVERSED, 3)

    def after(*news: Tidings) -> Booked:
        return concluded(nothing_yet(), news, About(), now=NOW, reminders=())[0].booked

    fee = Money(1500, "USD")
    assert after(opened) == Booked(usd, None, fee)
    assert after(opened, lost) == Booked(None, usd, fee)
    assert after(opened, won) == Booked(None, None, fee)
    assert after(opened, won, again) == Booked(None, usd, fee)
    assert after(told(News.WARNING, 1, amount=usd)) == Booked()
    assert after(told(News.INQUIRY, 1, amount=usd)) == Booked()
    assert after(told(News.OPENED, 1, amount=usd, withdrawn=False)) == Booked()


def test_what_stops_recoveries() -> None:
    """Open ones; and for good what ended as fraud, or was only announced as fraud."""

    def of(*news: Tidings) -> Dispute:
        return concluded(nothing_yet(), news, About(), now=NOW, reminders=())[0]

    fraud, goods = {"reason": "10.4", "network": "visa"}, {"reason": "13.1", "network": "visa"}
    assert of(told(News.WARNING, 1)).stops
    assert of(told(News.OPENED, 1, **goods)).stops
    assert of(told(News.OPENED, 1, **goods), told(News.SUBMITTED, 2)).stops
    assert not of(told(News.OPENED, 1, **goods), told(News.LOST, 2)).stops
    assert of(told(News.OPENED, 1, **fraud), told(News.LOST, 2)).stops
    assert of(told(News.OPENED, 1, **fraud), told(News.ACCEPTED, 2)).stops
    assert not of(told(News.OPENED, 1, **fraud), told(News.WON, 2)).stops
    assert of(told(News.OPENED, 1, **fraud)).category is Category.FRAUDULENT


def test_a_merchant_is_reminded_while_there_is_something_to_answer() -> None:
    due = NOW + timedelta(days=10)
    days = tuple(timedelta(days=one) for one in (1, 3, 7))
    opened, _ = concluded(
        nothing_yet(), [told(News.OPENED, 0, evidence_due=due)], About(), now=NOW, reminders=days
    )
    assert opened.reminder_at == due - timedelta(days=7)
    assert next_reminder(opened, due - timedelta(days=7), days) == due - timedelta(days=3)
    assert next_reminder(opened, due - timedelta(hours=1), days) is None
    won, _ = concluded(
        opened,
        [told(News.OPENED, 0, evidence_due=due), told(News.WON, 1)],
        About(),
        now=NOW,
        reminders=days,
    )
    assert won.reminder_at is None


@given(stories)
def test_the_first_that_is_heard_is_always_told_of(story: list[Tidings]) -> None:
    after, _ = concluded(nothing_yet(), story, About(), now=NOW, reminders=())
    assert happened(nothing_yet(), after) != ()
    known = replace(after, events_count=1)
    assert happened(known, known) == ()


@given(amounts, amounts)
def test_a_change_of_currency_is_taken_back_in_one_and_posted_in_the_other(one: Money, other: Money) -> None:
    opened = concluded(nothing_yet(), [told(News.OPENED, 0, amount=one)], About(), now=NOW, reminders=())[0]
    corrected, _ = concluded(
        opened,
        [told(News.OPENED, 0, amount=one), told(News.OPENED, 1, amount=other)],
        About(),
        now=NOW,
        reminders=(),
    )
    moved_by = Counter[str]()
    for posted in transfers(opened.booked, replace(corrected, version=2), NOW):
        sign = 1 if posted.debit.kind is AccountKind.DISPUTED else -1
        moved_by[posted.currency] += sign * posted.amount
    expected = Counter({other.currency: other.minor})
    expected[one.currency] -= one.minor
    assert {name: n for name, n in moved_by.items() if n} == {name: n for name, n in expected.items() if n}
