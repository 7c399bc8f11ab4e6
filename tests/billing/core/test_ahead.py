"""The look ahead: it goes where the next charge goes, says what that will meet, and says it once."""

from __future__ import annotations

from dataclasses import replace as with_
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.billing.cases import START, day, named, new, running

from recoup.billing.core import changes, settling
from recoup.billing.core.ahead import (
    AHEAD,
    CLOSE,
    LAST_LOOK,
    UPCOMING,
    coming,
    current,
    first_look,
    found_ahead,
    looked,
    making_of,
    next_look,
    preview,
    rows_ahead,
)
from recoup.billing.core.bills import Charge
from recoup.billing.core.cycles import began
from recoup.billing.core.machine import Status
from recoup.billing.core.notices import Upcoming
from recoup.billing.core.periods import Interval, Unit
from recoup.billing.core.records import ManagedBy, Subscription, Window
from recoup.billing.core.risks import Ahead, Risk
from recoup.billing.core.step import CYCLE, Step, cycle_row
from recoup.vault.core import BillingDetails, Funding, PaymentMethod, check_known

CARD: Final = PaymentMethod(
    id=named("card"),
    customer_id=named("customer"),
    fingerprint=b"f",
    brand="visa",
    bin="424242",
    last4="4242",
    exp_month=12,
    exp_year=2030,
    funding=Funding.CREDIT,
    issuer_country="US",
    data_key_id=named("key"),
    ciphertext=b"c",
    billing=BillingDetails(),
    network_transaction_id="1234",
    metadata={},
    created_at=START,
    updated_at=START,
)
RENEWS: Final = datetime(2027, 2, 28, 9, tzinfo=UTC)
LOOK: Final = RENEWS - CLOSE


def look(
    subscription: Subscription, method: PaymentMethod | None = CARD, *, at: datetime = LOOK, **more: Any
) -> tuple[Subscription, Step | None, Ahead]:
    """The subscription after a look, what followed, and what was found."""
    one = coming(subscription, now=at)
    assert one is not None
    ahead, notices = found_ahead(one, method, hour=None, now=at, **more)
    invoice = preview(one, making_of(one, Charge(one.turn.due), balance=0, now=at))
    step = looked(one, ahead, invoice, notices, now=at)
    after = subscription if step is None or step.subscription is None else step.subscription
    return after, step, ahead


def facts(step: Step | None) -> list[str]:
    return [] if step is None else [fact for fact, _ in step.happened]


def test_a_good_card_is_told_of_once_with_the_invoice_that_comes() -> None:
    after, step, _ = look(running())
    assert facts(step) == [UPCOMING] and step is not None
    [(_, told)] = step.happened
    assert isinstance(told, Upcoming) and told.id == after.id and not told.notices
    assert (told.invoice.amount_due, told.invoice.due_at, told.invoice.number) == (3000, RENEWS, None)
    assert after.events_count == running().events_count + 1 and after.version == running().version + 1
    assert look(after, at=LOOK + day(1))[1] is None, "nothing is new"


def test_each_risk_is_told_when_it_is_found_and_no_longer_shown_when_it_is_mended() -> None:
    expires = with_(CARD, exp_year=2027, exp_month=1)
    for method, risk, fact in (
        (expires, Risk.EXPIRES, "subscription.payment_method_expiring"),
        (with_(CARD, network_transaction_id=None), Risk.NO_TRANSACTION_ID, "subscription.at_risk"),
        (with_(CARD, closed_at=START), Risk.CLOSED, "subscription.at_risk"),
        (with_(CARD, detached_at=START), Risk.CLOSED, "subscription.at_risk"),
        (None, Risk.NO_METHOD, "subscription.at_risk"),
    ):
        after, step, ahead = look(running(), method)
        assert facts(step) == [fact, UPCOMING] and ahead.risks == (risk,)
        assert look(after, method, at=LOOK + day(2))[1] is None, "it is not told again"
        known = current(after)
        assert known is not None and known.risks == (risk,)
        mended, step, _ = look(after, CARD, at=LOOK + day(2))
        known = current(mended)
        assert facts(step) == [] and known is not None and known.risks == ()
    both = with_(expires, network_transaction_id=None)
    assert look(running(), both)[2].risks == (Risk.EXPIRES, Risk.NO_TRANSACTION_ID)


def test_what_costs_nothing_meets_nothing() -> None:
    """It is told of; but nothing is charged that might be refused. Once it costs something, that is told."""
    free = replace(running(), terms=(replace(running().price, amount=0),))
    after, step, _ = look(free, None)
    known = current(after)
    assert facts(step) == [UPCOMING] and known is not None and known.risks == ()
    assert look(after, None, at=LOOK + day(1))[1] is None
    dearer = replace(after, terms=running().terms)
    assert facts(look(dearer, None, at=LOOK + day(1))[1]) == ["subscription.at_risk", UPCOMING]


def test_a_card_is_good_to_the_end_of_its_month_and_for_as_long_as_it_may_be_charged() -> None:
    last = with_(CARD, exp_year=2027, exp_month=2)
    assert look(running(), last)[2].risks == ()
    window = Window(after_days=5, before_days=0, agreed_at=START)
    assert look(running(window=window), last)[2].risks == (Risk.EXPIRES,), "it may be charged in March"


def test_what_was_found_is_of_one_charge_and_one_card() -> None:
    after, _, _ = look(running(), None)
    assert current(after) is not None
    assert current(replace(after, number=after.number + 1)) is None
    assert current(replace(after, payment_method_id=named("another"))) is None


def test_another_amount_or_another_day_is_told_anew() -> None:
    after, _, _ = look(running())
    dearer = replace(after, terms=(replace(after.price, amount=4000),))
    assert facts(look(dearer, at=LOOK + day(1))[1]) == [UPCOMING]
    later = replace(after, next_at=RENEWS.replace(hour=10), hour=10)
    assert facts(look(later, at=LOOK + day(1))[1]) == [UPCOMING]


def test_a_notice_that_can_no_longer_be_in_time_is_told_and_a_timely_one_is_not_held_late_after() -> None:
    """A trial of three days ends sooner than Visa's seven days: it is told at once, and charged all the same."""
    short = began(new(trial_days=3), now=START)
    after, step, ahead = look(short, at=START)
    assert Risk.NOTICE_LATE in ahead.risks and facts(step) == ["subscription.at_risk", UPCOMING]
    assert step is not None
    told = step.happened[-1][1]
    assert isinstance(told, Upcoming)
    assert [(one.rule.id, one.in_time) for one in told.notices] == [("visa_trial", False)]
    assert first_look(short, now=START) == START and after.next_at == short.next_at

    long = began(new(trial_days=30), now=START)
    first = first_look(long, now=START)
    assert first is not None and long.next_at is not None and first <= long.next_at - day(10)
    after, _, ahead = look(long, at=first)
    assert ahead.risks == ()
    assert look(after, at=long.next_at - day(6))[2].risks == (), "it was told in time"
    other = with_(CARD, brand="mastercard")
    _, step, ahead = look(after, other, at=long.next_at - day(2))
    assert ahead.risks == (Risk.NOTICE_LATE,) and facts(step) == ["subscription.at_risk", UPCOMING]


def test_a_mandate_to_debit_a_bank_account_is_announced_two_weeks_ahead() -> None:
    """By the brand that a merchant says of a processor's token; what nobody said is no SEPA debit."""
    mandate = with_(CARD, brand="sepa_debit", bin=None, data_key_id=None, ciphertext=None)
    check_known(brand=mandate.brand, exp_month=None, exp_year=None, country=None, param="card")
    monthly = running(currency="EUR")
    assert monthly.next_at is not None
    first = first_look(monthly, now=START)
    assert first == monthly.next_at - day(17), "the notice can be in time"
    assert look(monthly, mandate, at=first)[2].rules == ("sepa_pre_notification",)
    assert look(monthly, with_(mandate, brand="unknown"), at=first)[2].rules == ()


def test_a_year_is_looked_at_early_and_again_a_week_before() -> None:
    yearly = running(interval=Interval(Unit.YEAR), country="US")
    assert yearly.next_at is not None
    first = first_look(yearly, now=START)
    assert first == yearly.next_at - day(33)
    one = coming(yearly, now=first)
    assert one is not None
    _, _, ahead = look(yearly, at=first)
    assert next_look(one, ahead, now=first) == yearly.next_at - CLOSE
    assert next_look(one, ahead, now=yearly.next_at - CLOSE) is None
    expiring = replace(ahead, risks=(Risk.EXPIRES,))
    again = next_look(one, expiring, now=yearly.next_at - CLOSE)
    assert again is not None and again < yearly.next_at - LAST_LOOK, "the card may be renewed by then"
    assert next_look(one, expiring, now=yearly.next_at - day(1)) is None


@given(
    st.sampled_from([Interval(Unit.DAY), Interval(Unit.WEEK), Interval(Unit.MONTH), Interval(Unit.YEAR)]),
    st.sampled_from([0, 1, 7, 30]),
    st.integers(0, 40),
    st.sampled_from(list(ManagedBy)),
    st.sampled_from(["nothing", "pause", "resume", "cancel", "cancel at end", "quantity"]),
)
def test_the_look_ahead_follows_the_next_cycle_wherever_that_goes(
    interval: Interval, trial_days: int, waited: int, managed_by: ManagedBy, done: str
) -> None:
    """Each step that sets or drops the row of the next cycle sets or drops that of the look: before the charge, never
    before now, and none where nothing is charged by itself."""
    subscription = began(new(interval=interval, trial_days=trial_days, managed_by=managed_by), now=START)
    subscription = (
        running(interval=interval, trial_days=trial_days) if managed_by is ManagedBy.RECOUP else subscription
    )
    now = START + day(waited)
    step = Step(subscription, dues=(cycle_row(subscription),))
    if done in ("pause", "resume"):
        step = changes.paused(subscription, now=now)
    if done == "resume" and step.subscription is not None:
        step = changes.resumed(step.subscription, now=now)
    if done == "cancel at end":
        step = changes.updated(subscription, {"cancel_at_period_end": True}, now=now)
    if done == "cancel":
        billing = changes.Billing(new_id=lambda: named("item"), balance=0)
        step = changes.canceled(subscription, prorate=False, billing=billing, now=now)
    after = step.subscription
    assert after is not None
    [row] = rows_ahead(step, now=now)
    assert (row.kind, row.object_id) == (AHEAD, after.id)
    charged = after.managed_by is ManagedBy.RECOUP and not after.cancel_at_period_end
    if charged and after.next_at is not None and after.next_at > now:
        assert row.at is not None and now <= row.at < after.next_at
        assert row.at == now or row.at <= after.next_at - CLOSE
    else:
        assert row.at is None
    assert rows_ahead(Step(after), now=now) == (), "what does not move the cycle does not move the look"


def test_what_was_unpaid_and_is_charged_again_is_looked_at_again() -> None:
    one = coming(running(), now=LOOK)
    assert one is not None
    invoice = preview(one, making_of(one, Charge(None), balance=0, now=LOOK))
    unpaid = replace(running(), status=Status.UNPAID, owing=(invoice.id,))
    assert first_look(unpaid, now=START) is None
    step = settling.paid(invoice, unpaid, at=START, now=START)
    assert step is not None and step.subscription is not None
    assert step.subscription.status is Status.ACTIVE
    assert [row.at for row in rows_ahead(step, now=START)] == [LOOK]
    assert [due.at for due in step.dues if due.kind == CYCLE] == [RENEWS]


def test_it_is_never_in_the_way_of_what_is_due_already() -> None:
    late = running()
    assert late.next_at is not None
    assert first_look(late, now=late.next_at) is None and coming(late, now=late.next_at) is None
    assert late.next_at.date() == date(2027, 2, 28)
    assert first_look(late, now=late.next_at - timedelta(hours=1)) == late.next_at - timedelta(hours=1)
