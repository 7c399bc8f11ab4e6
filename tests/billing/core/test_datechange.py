"""Laws of billing dates that move: each day is billed once, at what it costs, however often the date moves and back."""

from __future__ import annotations

from datetime import date, datetime
from fractions import Fraction
from itertools import pairwise, product
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.billing.cases import START, day, named, running, worked
from tests.billing.core.drawn import ZONES, intervals

from recoup.billing.core import measured
from recoup.billing.core.datechange import (
    MOVES,
    Act,
    Belief,
    DateChange,
    Effective,
    How,
    News,
    Offer,
    Status,
    Target,
    moved,
    refuse_unless,
)
from recoup.billing.core.datechoice import believed, best_of, chances
from recoup.billing.core.dateoffer import (
    applied,
    first_of,
    offered,
    on_dates,
    refuse_far,
    targets,
    undoing,
)
from recoup.billing.core.machine import IllegalMove
from recoup.billing.core.periods import Interval, Unit, period, whole_of
from recoup.billing.core.records import Invoice, Off, Subscription
from recoup.billing.flow.moments import charging_of
from recoup.kit.refusals import Refusal
from recoup.paydays.core import Monthly

MONTHLY: Final = Interval(Unit.MONTH)


def changed(subscription: Subscription, offer: Offer, *, now: datetime) -> Subscription:
    """The subscription after a change."""
    step = applied(subscription, offer, new_id=lambda: named(subscription.version), now=now)
    assert step.subscription is not None
    return step.subscription


@st.composite
def acts(draw: st.DrawFn) -> list[tuple[str, Any, Effective]]:
    """Days that pass, dates that are proposed and agreed to, and changes that are put back."""
    one = st.one_of(
        st.tuples(st.just("pass"), st.integers(1, 70), st.just(Effective.NOW)),
        st.tuples(st.just("day"), st.integers(1, 31), st.sampled_from(Effective)),
        st.tuples(st.just("date"), st.integers(0, 40), st.sampled_from(Effective)),
        st.tuples(st.just("undo"), st.just(0), st.just(Effective.NOW)),
    )
    return draw(st.lists(one, min_size=1, max_size=8))


def agreed(
    subscription: Subscription, wished: tuple[str, Any, Effective], done: list[Offer], *, now: datetime
) -> tuple[Subscription, Offer] | None:
    """What is agreed to and to what it is applied; None where it is refused."""
    verb, value, effective = wished
    try:
        if verb == "undo":
            return undoing(subscription, done.pop(), now=now) if done else None
        target = Target(day=value) if verb == "day" else Target(on=now.date() + day(value))
        return subscription, offered(subscription, target, effective, now=now)
    except Refusal:
        return None


def played(
    subscription: Subscription, doing: list[tuple[str, Any, Effective]]
) -> tuple[Subscription, list[Invoice], int]:
    """What becomes of it, what it billed since, and how often something was cut or bridged."""
    at, bills, done, cuts = START + day(1), list[Invoice](), list[Offer](), 0
    for one in doing:
        if one[0] == "pass":
            at += day(one[1])
            subscription, some = worked(subscription, until=at)
            bills += some
        elif (found := agreed(subscription, one, done, now=at)) is not None:
            held, offer = found
            subscription = changed(held, offer, now=at)
            done += [] if one[0] == "undo" else [offer]
            cuts += 2
    subscription, some = worked(subscription, until=at + day(800))
    return subscription, bills + some, cuts


@settings(max_examples=80, deadline=None)
@given(acts(), intervals, st.sampled_from(ZONES), st.integers(0, 23))
def test_whatever_is_moved_and_put_back_each_day_is_billed_once_and_adds_up(
    doing: list[tuple[str, Any, Effective]], interval: Interval, zone: str, hour: int
) -> None:
    """Periods follow each other without a gap; what was charged less what was given back is what their days cost."""
    begun = running(interval=interval, zone=zone, hour=hour)
    first = period(begun.phases, 1)
    after, bills, cuts = played(begun, doing)
    spells = [bill.period for bill in bills if bill.period is not None]
    assert [spell.number for spell in spells] == list(range(2, after.number + 1)), "each once, none left out"
    ends = [period(after.phases, number) for number in range(1, after.number + 1)]
    assert all(one.end == two.start for one, two in pairwise(ends)) and ends[0].start == first.start
    paid = 3000 + sum(bill.subtotal for bill in bills) + sum(item.amount for item in after.items)
    exact = sum(
        (Fraction(3000 * one.days, whole_of(after.phases, one.number).days) for one in ends), Fraction(0)
    )
    assert abs(paid - exact) <= 2 * cuts, "a cent at each end of what was cut"
    due = [bill.due_at for bill in bills if bill.due_at is not None]
    assert due == sorted(due)


@settings(max_examples=80, deadline=None)
@given(st.integers(1, 31), intervals, st.integers(1, 400), st.sampled_from(Effective), st.booleans())
def test_what_was_offered_is_what_comes(
    wished: int, interval: Interval, passed: int, effective: Effective, discounted: bool
) -> None:
    """Dates and amounts of the next invoices, the days between, and what is charged now, to the cent."""
    off = (Off(id="discount-1", percent=1250, times=3),) if discounted else ()
    at = START + day(passed)
    subscription, _ = worked(running(interval=interval, discounts=off), until=at)
    target = Target(day=wished) if interval.unit in (Unit.MONTH, Unit.YEAR) else Target(on=at.date())
    try:
        offer = offered(subscription, target, effective, now=at)
    except Refusal:
        return
    assert offer == offered(subscription, target, effective, now=at) and len(offer.digest) == 32
    _, old = worked(subscription, until=offer.before[-1].due_at)
    after = changed(subscription, offer, now=at)
    _, new = worked(after, until=offer.after[-1].due_at)
    for shown, bills in ((offer.before, old), (offer.after, new)):
        told = [(one.number, one.start, one.end, one.due_at, one.total) for one in shown]
        came = [
            (bill.period.number, bill.period.start, bill.period.end, bill.due_at, bill.total)
            for bill in bills
            if bill.period is not None
        ]
        assert told == came
    if effective is Effective.AFTER_PAID:
        assert (offer.now, offer.credit, offer.on) == (0, 0, period(subscription.phases, offer.last).end)
    if offer.bridge is not None:
        whole = whole_of(after.phases, offer.bridge.number)
        assert 0 < offer.bridge.days < whole.days and offer.bridge.amount <= subscription.price.amount
    if interval == MONTHLY:
        starts = [period(after.phases, offer.first + n).start for n in range(24)]
        assert any(one.day == wished for one in starts)
        assert all(one.day == wished or (one + day(1)).day == 1 for one in starts), (
            "a month's last where it lacks it"
        )


def test_putting_back_before_anything_was_billed_leaves_every_date_as_it_was() -> None:
    """And an agreed number of payments: the days between are no payment beside it any more."""
    begun, at = running(payments_total=5), START + day(3)
    offer = offered(begun, Target(day=15), Effective.AFTER_PAID, now=at)
    assert offer.bridge is not None and (offer.bridge.days, offer.bridge.amount) == (15, 1607)
    after = changed(begun, offer, now=at)
    assert after.payments_total == 6
    held, back = undoing(after, offer, now=at)
    again = changed(held, back, now=at)
    assert (again.payments_total, back.bridge) == (5, None)
    bills = [worked(one, until=START + day(400))[1] for one in (begun, again)]
    assert [bill.period for bill in bills[0]] == [bill.period for bill in bills[1]]
    for other in (Effective.NOW, Effective.AFTER_PAID):
        with pytest.raises(Refusal) as refused:
            offered(after, Target(day=20), other, now=at)
        assert refused.value.code == "subscription_unexpected_state"
    last, _ = worked(begun, until=START + day(140))
    with pytest.raises(Refusal) as refused:
        offered(last, Target(day=15), Effective.AFTER_PAID, now=START + day(140))
    assert refused.value.code == "no_upcoming_invoice", "nothing is billed beside what was agreed"
    ended, all_bills = worked(after, until=START + day(400))
    assert ended.opened == 6 and [bill.total for bill in all_bills] == [1607, 3000, 3000, 3000, 3000]


def test_from_today_the_rest_is_given_back_and_the_days_until_the_new_date_are_billed() -> None:
    begun, at = running(starts_on=date(2027, 1, 31)), START + day(9)
    offer = offered(begun, Target(day=20), Effective.NOW, now=at)
    assert offer.bridge is not None and (offer.bridge.start, offer.bridge.end) == (
        at.date(),
        date(2027, 2, 20),
    )
    assert (offer.credit, offer.bridge.amount, offer.now) == (2036, 1065, 0), (
        "more is given back than is billed"
    )
    after = changed(begun, offer, now=at)
    assert after.next_at == at and [item.amount for item in after.items] == [-2036]
    with pytest.raises(Refusal) as refused:
        offered(running(), Target(day=20), Effective.NOW, now=START)
    assert refused.value.code == "period_began_today"


@settings(max_examples=40, deadline=None)
@given(intervals, st.integers(0, 60))
def test_a_date_is_the_first_of_its_period_or_refused(interval: Interval, ahead: int) -> None:
    begun, at = running(interval=interval), START + day(1) / 2
    on = period(begun.phases, 1).end + day(ahead)
    offer = offered(begun, Target(on=on), Effective.AFTER_PAID, now=at)
    if first_of(offer) == on:
        refuse_far(Target(on=on), offer)
        assert period(changed(begun, offer, now=at).phases, offer.first).start == on
    else:
        with pytest.raises(Refusal):
            refuse_far(Target(on=on), offer)


def test_who_told_their_payday_is_offered_that_day() -> None:
    """Of all days of the month, the one on which the money is there; and nobody is moved for nothing."""
    begun, at = running(country="DE", zone="Europe/Berlin"), START + day(3)
    pay = Monthly(15)

    def charged(target: Target) -> list[Any]:
        held, turns = on_dates(begun, target, Effective.AFTER_PAID, now=at)
        return [charging_of(held, turn, pay=pay, now=at) for turn in turns]

    wished = targets(begun, Effective.AFTER_PAID, now=at)
    found = chances([charged(one) for one in wished])
    place = best_of(0.9, found)
    assert place is not None and wished[place] == Target(day=15, payday=True)
    old, new = charged(Target(day=31)), charged(wished[place])
    belief = believed(old, new)
    assert belief.after > belief.before and belief.why == "stated_payday"
    assert "by the payday that the customer told" in belief.words
    assert best_of(max(found), found) is None


def test_the_moves_of_a_change_are_those_of_its_table() -> None:
    begun = running()
    offer = offered(begun, Target(day=15), Effective.AFTER_PAID, now=START + day(1))
    change = DateChange(
        merchant_id=named("merchant"),
        id=named("change"),
        subscription_id=begun.id,
        customer_id=begun.customer_id,
        currency="USD",
        status=Status.PROPOSED,
        version=1,
        events_count=1,
        target=Target(day=15),
        offer=offer,
        believed=Belief(before=0.9, after=0.95, why="usual_payday", words=""),
        expires_at=START + day(14),
        trail=(),
        created_at=START,
        updated_at=START,
    )
    act = Act(did="x", by="merchant", how=How.API, at=START, recorded_at=START)
    for status, news in product(Status, News):
        one = replace(change, status=status)
        if news in MOVES[status]:
            assert moved(one, news, act, now=START).status is MOVES[status][news]
        else:
            with pytest.raises(IllegalMove):
                moved(one, news, act, now=START)
    with pytest.raises(Refusal) as refused:
        refuse_unless(change, News.ACCEPTED, now=change.expires_at)
    assert refused.value.code == "billing_date_change_expired"


@given(st.integers(0, 60), st.integers(0, 60), st.integers(0, 60), st.integers(0, 60))
def test_an_interval_holds_its_share_and_few_never_tell(a: int, b: int, c: int, d: int) -> None:
    before, after = (measured.share_of([True] * hits + [False] * rest) for hits, rest in ((a, b), (c, d)))
    for one in (before, after):
        assert 0 <= one.low <= (one.share or 0.0) <= one.high <= 1 or one.tried == 0
    found = measured.compared(before, after)
    assert -1 - 1e-9 <= found.low <= (after.share or 0) - (before.share or 0) + 1e-9 or not (a + b and c + d)
    if min(before.tried, after.tried) < measured.TRIED_MIN:
        assert found.verdict is measured.Verdict.TOO_FEW
    if found.verdict is measured.Verdict.FEWER:
        assert (after.share or 0) < (before.share or 0)
    assert measured.wilson(1, 10) == pytest.approx((0.01788, 0.40415), abs=1e-4)
