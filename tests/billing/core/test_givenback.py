"""What is given back of a period: never more than was paid for its days, whatever became of its invoices."""

from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.billing.cases import day, named, new, worked
from tests.billing.core.test_cycles import terms

from recoup.billing.core import changes
from recoup.billing.core.changes import Billing, Proration
from recoup.billing.core.cycles import began
from recoup.billing.core.machine import InvoiceStatus
from recoup.billing.core.periods import Interval, Unit
from recoup.billing.core.records import Invoice, Subscription

MONTH = Interval(Unit.MONTH, 1)
APRIL = datetime.fromisoformat("2027-04-01T12:00:00Z")


def billed() -> tuple[Subscription, Invoice]:
    """30.00 for April."""
    subscription, (bill,) = worked(began(new(starts_on=APRIL.date()), now=APRIL), until=APRIL)
    return subscription, bill


def without(bill: Invoice, how: str) -> Invoice:
    """The invoice, of which nothing is to be hoped for."""
    if how == "by hand":
        return replace(bill, collecting=False, payment_id=None)
    return replace(bill, status=InvoiceStatus(how))


def change(
    subscription: Subscription,
    amount: int,
    unpaid: tuple[Invoice, ...],
    *,
    at: int,
    interval: Interval = MONTH,
) -> tuple[Subscription, list[Invoice], int]:
    """Another price on a later day, billed at once: what it comes to."""
    billing = Billing(new_id=lambda: named(f"item {at}"), balance=0, unpaid=unpaid)
    step = changes.changed_terms(
        subscription,
        terms(amount),
        interval,
        proration=Proration.INVOICE,
        billing=billing,
        now=APRIL + day(at),
    )
    assert step.subscription is not None
    return step.subscription, list(step.invoices), sum(one.subtotal for one in step.invoices)


def given_back(subscription: Subscription, unpaid: tuple[Invoice, ...], *, at: int) -> int:
    """What a cancellation gives back."""
    billing = Billing(new_id=lambda: named("last"), balance=0, unpaid=unpaid)
    step = changes.canceled(subscription, prorate=True, billing=billing, now=APRIL + day(at))
    return sum(one.amount for one in step.credits)


@pytest.mark.parametrize("how", ["void", "uncollectible", "by hand"])
def test_what_nobody_paid_is_not_given_back(how: str) -> None:
    subscription, bill = billed()
    nothing = (without(bill, how),)
    assert given_back(subscription, nothing, at=10) == 0
    assert change(subscription, 1000, nothing, at=10)[2] == 0, "nor taken off what is charged"
    assert change(subscription, 5000, nothing, at=10)[2] == 1333, (
        "but no more than the difference is asked for"
    )
    yearly = Interval(Unit.YEAR, 1)
    assert change(subscription, 36_500, nothing, at=0, interval=yearly)[2] == 36_500
    assert change(subscription, 36_500, nothing, at=10, interval=yearly)[2] == 0, "its cycle bills the year"
    half = (replace(nothing[0], credit=1500, amount_due=1500),)
    assert given_back(subscription, half, at=15) == (0 if how == "void" else 750), (
        "what their balance paid is theirs"
    )


def test_what_is_collected_counts_as_paid() -> None:
    subscription, bill = billed()
    for one in (bill, replace(bill, collecting=False, payment_id=named("under way"))):
        assert given_back(subscription, (one,), at=10) == 2000
        assert change(subscription, 1000, (one,), at=10)[2] == -1333


@settings(max_examples=50)
@given(
    amount=st.integers(0, 20_000),
    then=st.integers(0, 20_000),
    days=st.tuples(st.integers(0, 29), st.integers(0, 29)).map(sorted),
    how=st.sampled_from(["void", "uncollectible", "by hand"]),
    lost=st.sampled_from(["first", "change", "both"]),
)
def test_no_sequence_gives_back_more_than_came_in(
    amount: int, then: int, days: list[int], how: str, lost: str
) -> None:
    """April at 30.00, changed, changed once more, and ended that day: whichever of the invoices brought nothing."""
    subscription, bill = billed()
    changed, more, _ = change(subscription, amount, (), at=days[0])
    lapsed = [without(bill, how)] if lost != "change" else []
    paid = 3000 if lost == "change" else 0
    for one in more:
        if lost == "first" or one.status is InvoiceStatus.PAID:
            paid += one.subtotal
        else:
            lapsed.append(without(one, how))
    last, bills, asked = change(changed, then, tuple(lapsed), at=days[1])
    back = given_back(last, tuple(lapsed), at=days[1])
    cents = 3 * len(bills) + 3
    assert back - asked <= max(paid, 0) + cents
