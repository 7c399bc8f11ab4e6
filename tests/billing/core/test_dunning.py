"""Laws of dunning: in whatever order money is refused, paid and waited for, it is given up once, never too early."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.billing.cases import MERCHANT, START, day, named, running, worked

from recoup.billing.core import changes, giving_up, settling
from recoup.billing.core.amounts import LineKind
from recoup.billing.core.changes import Billing
from recoup.billing.core.dunning import (
    EndGrace,
    FinalAction,
    GiveUp,
    Hope,
    OpenInvoices,
    Outlook,
    Rest,
    Rules,
    Ruling,
    next_step,
)
from recoup.billing.core.machine import InvoiceStatus, Status
from recoup.billing.core.periods import Interval, Unit
from recoup.billing.core.records import Failing, Invoice, Item, ManagedBy, Subscription
from recoup.billing.core.step import Step
from recoup.kit.money import Money
from recoup.payments.core import NewPayment, Payment, steps
from recoup.payments.core import Status as PaymentStatus

BILLING: Final = Billing(new_id=lambda: named("new"), balance=0)
FINAL: Final = {
    FinalAction.CANCEL: (Status.CANCELED, "subscription.canceled"),
    FinalAction.PAUSE: (Status.PAUSED, "subscription.paused"),
    FinalAction.MARK_UNPAID: (Status.UNPAID, "subscription.unpaid"),
    FinalAction.KEEP: (Status.PAST_DUE, "subscription.updated"),
}
rules = st.builds(
    Rules,
    grace_days=st.sampled_from([0, 1, 10]),
    final_action=st.sampled_from(FinalAction),
    open_invoices=st.sampled_from(OpenInvoices),
).filter(lambda said: not said.contradicts)
moves = st.lists(
    st.one_of(
        st.tuples(st.just("wait"), st.integers(1, 20)),
        st.tuples(st.just("recovery_ends"), st.integers(0, 5)),
        st.tuples(
            st.sampled_from(["refuse", "return", "pay", "resume", "pause", "cancel"]), st.integers(0, 5)
        ),
    ),
    min_size=6,
    max_size=20,
)


class Walk:
    """A weekly subscription that is walked through time, with whatever is due of it done when it is due."""

    def __init__(self, rules: Rules) -> None:
        self.ruling = Ruling(named("policy"), rules)
        self.now = START
        self.subscription = running(interval=Interval(Unit.WEEK, 1))
        self.invoices: dict[Any, Invoice] = {}
        self.hopeless: set[Any] = set()
        self.behind_at: datetime | None = None
        self.given_up = 0
        self.tries = 0

    def write(self, step: Step | None) -> list[str]:
        """Take a step over; what it told."""
        if step is None:
            return []
        before, after = self.subscription, step.subscription or self.subscription
        assert after.version >= before.version
        told = [fact for fact, one in step.happened if one.id == after.id]
        assert after.events_count == before.events_count + len(told), "each event has its number"
        keys = [(due.kind, due.object_id) for due in step.dues if due.at is not None]
        assert len(keys) == len(set(keys)), "a row is put once"
        self.invoices |= {one.id: one for one in step.invoices}
        self.subscription = after
        if before.dunning is None and after.dunning is not None:
            self.behind_at = self.now
        return told

    def waits(self, days: int) -> None:
        """Time goes on by a day at a time, as its worker would see it."""
        for _ in range(days):
            self.now += day(1)
            self.cycles()
            self.looks()

    def cycles(self) -> None:
        """Open what is due."""
        while self.subscription.next_at is not None and self.subscription.next_at <= self.now:
            status = self.subscription.status
            self.subscription, bills = worked(self.subscription, until=self.subscription.next_at)
            for bill in bills:
                assert bill.collecting == (status is not Status.UNPAID), "unpaid charges nothing more"
                assert (bill.charge_at is None) == (status is Status.UNPAID)
            self.invoices |= {bill.id: bill for bill in bills}

    def looks(self) -> None:
        """What the worker does of dunning."""
        for _ in range(5):
            held = self.subscription
            if not giving_up.is_watched(held):
                return
            assert held.dunning is not None
            outlooks = [self.outlook(one) for one in held.owing]
            match next_step(held.dunning, outlooks, now=self.now):
                case Rest(until=until):
                    assert until > self.now
                    return
                case EndGrace():
                    assert self.write(giving_up.grace_ended(held, now=self.now)) == [giving_up.GRACE_ENDED]
                case GiveUp():
                    self.gives_up(held)
        raise AssertionError("it comes to rest")

    def outlook(self, one: Any) -> Outlook:
        hope = Hope.GONE if one in self.hopeless else Hope.LIVES
        return Outlook(hope, self.now + day(1))

    def gives_up(self, held: Subscription) -> None:
        assert held.dunning is not None and self.behind_at is not None
        assert self.now >= self.behind_at + day(held.dunning.rules.grace_days), "access is kept that long"
        assert self.hopeless.intersection(held.owing), "something is tried as long as it may help"
        open_ = [one for one in self.invoices.values() if one.status is InvoiceStatus.OPEN]
        touched = giving_up.touched(held, open_)
        told = self.write(giving_up.given_up(held, touched, billing=BILLING, now=self.now))
        self.given_up += 1
        status, fact = FINAL[held.dunning.rules.final_action]
        forgives = held.dunning.rules.open_invoices is OpenInvoices.UNCOLLECTIBLE
        if forgives and status is Status.PAST_DUE:
            status = Status.ACTIVE
        assert self.subscription.status is status and fact in told
        assert not forgives or not set(self.subscription.owing) & set(held.owing)
        mine = [one for one in self.invoices.values() if one.status is InvoiceStatus.OPEN]
        stays = held.dunning.rules.final_action is FinalAction.KEEP
        assert stays or not any(one.collecting for one in mine), "nothing that it owes is collected any more"

    def acts(self, kind: str, place: int) -> None:
        """Somebody does something, where it can be done."""
        now, held = self.now, self.subscription
        match kind:
            case "wait":
                self.waits(place)
            case "refuse" if one := self.nth(place, InvoiceStatus.OPEN):
                self.refuse(one)
            case "return" if one := self.nth(place, InvoiceStatus.PAID):
                self.refuse(one)
            case "pay" if one := self.nth(place, InvoiceStatus.OPEN, InvoiceStatus.UNCOLLECTIBLE):
                was, owing = held.status, held.owing
                told = self.write(settling.paid(one, held, at=now, now=now))
                self.hopeless.discard(one.id)
                recovers = owing == (one.id,) and was in (Status.PAST_DUE, Status.UNPAID)
                assert told == (["subscription.recovered"] if recovers else [])
            case "recovery_ends" if held.owing:
                self.hopeless.add(held.owing[place % len(held.owing)])
            case "pause" if not held.has_ended and held.status is not Status.PAUSED:
                self.write(changes.paused(held, now=now))
            case "resume" if held.status is Status.PAUSED:
                self.write(changes.resumed(held, now=now, ruling=self.ruling))
                if self.subscription.dunning not in (None, held.dunning):
                    self.behind_at = now
            case "cancel" if not held.has_ended:
                self.write(changes.canceled(held, prorate=False, billing=BILLING, now=now))
        self.cycles()
        self.looks()

    def nth(self, place: int, *statuses: InvoiceStatus) -> Invoice | None:
        found = sorted(
            (one for one in self.invoices.values() if one.status in statuses), key=lambda one: str(one.id)
        )
        return found[place % len(found)] if found else None

    def refuse(self, one: Invoice) -> None:
        self.tries += 1
        failing = Failing("insufficient_funds", "no money", self.tries, self.now)
        self.write(settling.refused(one, self.subscription, failing, now=self.now, ruling=self.ruling))

    def holds(self) -> None:
        """What is true at all times."""
        held = self.subscription
        assert (held.dunning is None) == (held.owing == ()) or held.status is not Status.PAST_DUE
        if held.status in (Status.ACTIVE, Status.TRIALING):
            assert held.is_entitled
        elif held.status is Status.PAST_DUE:
            assert held.dunning is not None
            assert held.is_entitled == (self.now < held.dunning.grace_until)
        else:
            assert not held.is_entitled


@settings(max_examples=150)
@given(said=rules, moves=moves)
def test_whatever_comes_it_is_given_up_once_and_entitled_as_long_as_it_should_be(
    said: Rules, moves: list[tuple[str, int]]
) -> None:
    """After each move: the final action came at most once for each time it fell behind, not before grace and hope were
    over, and who is entitled is so exactly through the grace."""
    walk = Walk(said)
    for kind, place in (("wait", 8), ("refuse", 0), *moves):
        before, acted = walk.given_up, walk.subscription.dunning
        walk.acts(kind, place)
        walk.holds()
        if acted is not None and acted.acted_at is not None and walk.subscription.dunning == acted:
            assert walk.given_up == before, "what was given up is not given up again"


@given(said=rules)
def test_nothing_that_is_owed_for_ever_is_forgotten(said: Rules) -> None:
    """Refused, its recovery over: a day after its grace the final action is done; paying later undoes what can be."""
    walk = Walk(said)
    walk.waits(8)
    walk.acts("refuse", 0)
    walk.acts("recovery_ends", 0)
    walk.waits(said.grace_days + 1)
    assert walk.given_up == 1
    for _ in range(30):
        walk.acts("pay", 0)
    if said.final_action in (FinalAction.MARK_UNPAID, FinalAction.KEEP):
        assert walk.subscription.status is Status.ACTIVE and walk.subscription.is_entitled


def fallen(said: Rules, **more: Any) -> tuple[Subscription, Invoice]:
    """A subscription that is behind with one invoice, and that."""
    subscription, bills = worked(running(**more), until=START + day(40))
    failing = Failing("insufficient_funds", "no money", 1, START)
    step = settling.refused(bills[0], subscription, failing, now=START + day(40), ruling=Ruling(None, said))
    assert step is not None and step.subscription is not None
    return step.subscription, step.invoices[0]


def test_while_somebody_is_paying_it_waits_and_an_edit_moves_nothing() -> None:
    subscription, _ = fallen(Rules(grace_days=0))
    assert subscription.dunning is not None and not subscription.is_entitled
    now = START + day(41)
    paying, gone = Outlook(Hope.UNDER_WAY, now + timedelta(hours=1)), Outlook(Hope.GONE, now)
    assert next_step(subscription.dunning, [gone, paying], now=now) == Rest(now + timedelta(hours=1))
    assert next_step(subscription.dunning, [gone], now=now) == GiveUp()
    again = settling.refused(
        replace_id(fallen(Rules())[1]),
        subscription,
        Failing("x", "x", 1, now),
        now=now,
        ruling=Ruling(None, Rules(grace_days=99)),
    )
    assert again is not None and again.subscription is not None
    assert again.subscription.dunning == subscription.dunning, "what holds was fixed when it fell behind"


def replace_id(invoice: Invoice) -> Invoice:
    return replace(invoice, id=named("another"), failing=None)


def test_an_end_bills_what_waited_and_charges_nothing() -> None:
    item = Item(id=named("item"), kind=LineKind.ITEM, description="Seats", amount=500)
    subscription, owed = fallen(Rules(grace_days=0, final_action=FinalAction.CANCEL))
    subscription = replace(subscription, items=(item,))
    charged = replace(owed, id=named("another"), failing=None, charge_at=START + day(44))
    step = giving_up.given_up(subscription, [owed, charged], billing=BILLING, now=START + day(42))
    assert [one.amount_due for one in step.invoices] == [500, 3000, 3000]
    assert {(one.status, one.collecting, one.charge_at) for one in step.invoices} == {
        (InvoiceStatus.OPEN, False, None)
    }
    assert all(due.at is None for due in step.dues), "nothing is due any more"


def test_who_bills_outside_is_told_of_the_grace_and_decides_alone() -> None:
    subscription, invoice = fallen(Rules(grace_days=3))
    subscription = replace(subscription, managed_by=ManagedBy.OUTSIDE)
    now = START + day(50)
    outlook = giving_up.outlook(replace(invoice, managed_by=ManagedBy.OUTSIDE), None, None, now=now)
    assert giving_up.is_watched(subscription) and subscription.dunning is not None and outlook is not None
    assert next_step(subscription.dunning, [outlook], now=now) == EndGrace()
    ended = giving_up.grace_ended(subscription, now=now).subscription
    assert ended is not None and not giving_up.is_watched(ended) and not ended.is_entitled


def payment(status: PaymentStatus, *, policy: str | None = None) -> Payment:
    """A payment that came to stand there at the start."""
    new = NewPayment(
        id=named("payment"),
        merchant_id=MERCHANT,
        money=Money(3000, "USD"),
        capture="automatic",
        initiator="merchant",
        customer_id=None,
        merchant_reference=None,
        return_url=None,
        routing=None,
        recovery_policy=policy,
        metadata={},
    )
    opened = steps.opened(new, payment_method_id=named("card"), now=START).payment
    return replace(opened, status=status)


def test_hope_is_gone_once_nothing_is_tried_by_itself_and_nobody_is_paying() -> None:
    _, invoice = fallen(Rules())
    hour = timedelta(hours=1)
    declined = payment(PaymentStatus.DECLINED)
    for seen, after, hope in (
        (None, 0 * hour, Hope.GONE),
        (payment(PaymentStatus.REQUIRES_PAYMENT_METHOD), 0 * hour, Hope.GONE),
        (declined, hour / 2, Hope.LIVES),
        (declined, hour, Hope.GONE),
        (payment(PaymentStatus.FAILED, policy="none"), 0 * hour, Hope.GONE),
        (payment(PaymentStatus.UNRESOLVED), 900 * hour, Hope.UNDER_WAY),
        (payment(PaymentStatus.REQUIRES_ACTION), 23 * hour, Hope.UNDER_WAY),
        (payment(PaymentStatus.REQUIRES_ACTION), 24 * hour, Hope.GONE),
    ):
        found = giving_up.outlook(invoice, seen, None, now=START + after)
        assert found is not None and found.hope is hope, (seen, after)
        assert found.until >= START + after
    for known in (PaymentStatus.CAPTURED, PaymentStatus.CANCELED):
        assert giving_up.outlook(invoice, payment(known), None, now=START) is None, "hear it first"


def test_unpaid_with_nothing_to_pay_cannot_be_meant() -> None:
    assert Rules(open_invoices=OpenInvoices.UNCOLLECTIBLE).contradicts
    with pytest.raises(AssertionError):
        giving_up.given_up(running(), [], billing=BILLING, now=START)
