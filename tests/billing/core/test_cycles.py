"""Laws of cycles and changes: each period is billed once, for as many days as it has, whatever happens between."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.billing.cases import START, day, named, new, running, turned, worked

from recoup.billing.core import changes, settling
from recoup.billing.core.amounts import LineKind
from recoup.billing.core.changes import Billing, Proration
from recoup.billing.core.cycles import began
from recoup.billing.core.machine import (
    INVOICE_MOVES,
    MOVES,
    IllegalMove,
    InvoiceNews,
    InvoiceStatus,
    News,
    Status,
    invoice_moved,
    moved,
)
from recoup.billing.core.periods import Interval, Unit, period
from recoup.billing.core.records import Failing, Item, Off, Terms
from recoup.kit.refusals import Refusal

BILLING = Billing(new_id=lambda: named("new"), balance=0)


def terms(amount: int, quantity: int = 1) -> Terms:
    return Terms(plan_id=named("other"), name="Other", amount=amount, quantity=quantity, since=START)


def test_what_no_table_lists_cannot_happen() -> None:
    for status in Status:
        for news in set(News) - set(MOVES[status]):
            with pytest.raises(IllegalMove):
                moved(status, news)
    for standing in InvoiceStatus:
        for told in set(InvoiceNews) - set(INVOICE_MOVES[standing]):
            with pytest.raises(IllegalMove):
                invoice_moved(standing, told)


@settings(max_examples=60)
@given(
    months=st.integers(1, 4),
    gaps=st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=4),
    trial=st.sampled_from([0, 1, 14]),
    total=st.sampled_from([None, 1, 7]),
)
def test_every_period_is_billed_once_whatever_pauses_come_between(
    months: int, gaps: list[tuple[int, int]], trial: int, total: int | None
) -> None:
    """A pause bills nothing while it lasts; what is billed never overlaps, and is never more than was agreed."""
    interval = Interval(Unit.MONTH, months)
    subscription, at = began(new(interval=interval, trial_days=trial, payments_total=total), now=START), START
    bills = []
    paused: list[tuple[date, date]] = []
    for before, lasting in gaps:
        at += day(before)
        subscription, more = worked(subscription, until=at)
        bills += more
        if subscription.has_ended:
            break
        held = changes.paused(subscription, now=at).subscription
        assert held is not None and worked(held, until=at + day(lasting))[1] == []
        paused.append((at.date(), (at + day(lasting)).date()))
        at += day(lasting)
        resumed = changes.resumed(held, now=at).subscription
        assert resumed is not None
        subscription = resumed
    subscription, more = worked(subscription, until=at + day(1100))
    bills += more
    numbers = [bill.period.number for bill in bills if bill.period is not None]
    assert numbers == sorted(set(numbers)), "no period is billed twice"
    assert total is None or (len(bills) == total and subscription.status is Status.COMPLETED)
    spans = [(line.start, line.end) for bill in bills for line in bill.lines]
    for (_, end), (start, _) in pairwise(spans):
        assert end is not None and start is not None and end <= start
    for start, end in paused:
        assert not any(start < first < end for first, _ in spans if first is not None)


def test_month_ends_are_those_of_the_anchor_and_the_number_of_payments_ends_it() -> None:
    subscription, bills = worked(began(new(payments_total=4), now=START), until=START + day(200))
    assert [bill.period.start.day for bill in bills if bill.period is not None] == [31, 28, 31, 30]
    assert [bill.due_at for bill in bills][1] == START.replace(month=2, day=28, hour=9)
    assert (subscription.status, subscription.opened, subscription.next_at) == (Status.COMPLETED, 4, None)
    assert subscription.ended_at == START.replace(month=5, day=31, hour=9)


@settings(max_examples=60)
@given(
    moves=st.lists(
        st.tuples(st.integers(0, 20), st.integers(0, 50_000), st.integers(1, 9)), min_size=1, max_size=6
    )
)
def test_changes_within_a_period_cost_what_its_days_cost(moves: list[tuple[int, int, int]]) -> None:
    """Walked day by day: what each day's share of the price that held on it comes to, within a cent a change."""
    subscription, at = running(), START
    spell = period(subscription.phases, subscription.number)
    paid, prices = 3000, {START.date(): 3000}
    for days, amount, quantity in moves:
        at = min(at + day(days), START + day(spell.days - 1))
        step = changes.changed_terms(
            subscription,
            terms(amount, quantity),
            Interval(Unit.MONTH, 1),
            proration=Proration.CREATE,
            billing=BILLING,
            now=at,
        )
        assert step.subscription is not None
        subscription = step.subscription
        prices[at.date()] = amount * quantity
    paid += sum(item.amount for item in subscription.items)
    exact, price = 0, 0
    for place in range(spell.days):
        price = prices.get(spell.start + timedelta(days=place), price)
        exact += price
    assert abs(paid * spell.days - exact) <= spell.days * (len(prices) + 1)


def test_another_interval_begins_a_new_period_today_and_gives_back_what_is_left() -> None:
    yearly = Interval(Unit.YEAR, 1)
    step = changes.changed_terms(
        running(), terms(36_500), yearly, proration=Proration.CREATE, billing=BILLING, now=START + day(14)
    )
    assert step.subscription is not None and [item.amount for item in step.subscription.items] == [-1500]
    after, bills = worked(step.subscription, until=START + day(15))
    assert [bill.amount_due for bill in bills] == [35_000] and after.number == 2
    same_day = changes.changed_terms(
        running(), terms(36_500), yearly, proration=Proration.INVOICE, billing=BILLING, now=START
    )
    assert [bill.amount_due for bill in same_day.invoices] == [33_500]
    assert same_day.subscription is not None and same_day.subscription.next_at is not None
    assert same_day.subscription.next_at.year == START.year + 1, (
        "the period that is billed goes on for a year"
    )


def test_a_discount_is_off_as_many_invoices_as_was_agreed() -> None:
    """Those of a change count, where it took anything off them."""
    off = (Off(id="half", percent=5_000, times=2),)
    waiting = Item(id=named("item"), kind=LineKind.ITEM, description="Setup", amount=1000)
    for items, left in (((waiting,), 0), ((), 1)):
        step = changes.changed_terms(
            replace(running(discounts=off), items=items),
            terms(6000),
            Interval(Unit.MONTH, 1),
            proration=Proration.INVOICE,
            billing=BILLING,
            now=START,
        )
        assert [one.subtotal - one.discount for one in step.invoices] == [1500 + len(items) * 500]
        assert step.subscription is not None
        _, bills = worked(step.subscription, until=START + day(70))
        assert [one.discount for one in bills] == [3000] * left + [0] * (2 - left)


def test_what_is_refused_falls_behind_until_the_last_of_it_is_paid() -> None:
    """Two invoices are refused; the first one paid changes nothing, the second catches up. Late news change nothing."""
    subscription, bills = worked(running(), until=START + day(70))
    failing = Failing("insufficient_funds", "no money", 1, START)
    facts: list[str] = []
    invoices = []
    for bill in bills:
        step = settling.refused(bill, subscription, failing, now=START, version=1)
        assert step is not None and step.subscription is not None
        assert settling.refused(step.invoices[0], step.subscription, failing, now=START, version=1) is None
        subscription = step.subscription
        invoices.append(step.invoices[0])
        facts += [fact for fact, _ in step.happened]
    assert facts.count("subscription.past_due") == 1 and subscription.status is Status.PAST_DUE
    for bill in invoices:
        step = settling.paid(bill, subscription, at=START, now=START)
        assert step is not None and step.subscription is not None
        subscription = step.subscription
        facts += [fact for fact, _ in step.happened]
    assert facts[-1] == "subscription.recovered" and subscription.status is Status.ACTIVE
    assert subscription.owing == ()
    assert step is not None
    back = settling.refused(step.invoices[0], subscription, failing, now=START)
    assert back is not None and back.invoices[0].status is InvoiceStatus.OPEN, "what came back is owed again"


def test_an_end_is_final_and_gives_back_what_is_left_where_it_is_asked_to() -> None:
    step = changes.canceled(running(), prorate=True, billing=BILLING, now=START + day(14))
    assert step.subscription is not None and step.subscription.status is Status.CANCELED
    assert [(one.amount, one.currency) for one in step.credits] == [(1500, "USD")]
    at_end = changes.updated(running(), {"cancel_at_period_end": True}, now=START).subscription
    assert at_end is not None and at_end.next_at is not None
    assert turned(at_end, now=at_end.next_at - timedelta(seconds=1)) is None
    ended, bills = worked(at_end, until=START + day(90))
    assert ended.status is Status.CANCELED and bills == []
    for refused in (changes.paused, changes.resumed):
        with pytest.raises(Refusal):
            refused(ended, now=START)


def test_what_is_billed_at_once_is_due_at_once() -> None:
    made = began(new(), now=START)
    assert made.next_at == START, "the first period begins with the subscription"
    trial = began(new(trial_days=14), now=START)
    assert (trial.status, trial.number) == (Status.TRIALING, 1)
    assert trial.next_at == (START + day(14)).replace(hour=9)
