"""What an invoice comes to: its lines, discounts, the customer's credit balance, and what is left to be paid.

Everything is exact. A discount is taken off line by line, so that each line knows what was really paid for it, and
a change in the middle of the period credits no more than that. What is owed to the customer in the end (credits
beyond the charges) goes to their balance, and so does, as a debt, what is too little to be charged at all; both come
into the next invoice. Nothing is lost between the two: due = lines - balance before + balance after.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from typing import Final, assert_never

from recoup.billing.core.proration import Change
from recoup.kit.money import Money

PERCENT: Final = 10_000
"""The whole, in hundredths of a percent."""
DISCOUNTS_MAX: Final = 20
"""How many discounts one subscription may have."""
LINES_MAX: Final = 250
"""How many lines an invoice may have."""


class LineKind(StrEnum):
    """What a line is for."""

    SUBSCRIPTION = "subscription"
    ITEM = "item"
    PRORATION = "proration"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of an invoice: `amount` before discounts, for all of `quantity`; negative where something is credited.

    `start`, `end`: the local days it is for, to the day before `end`; None where it is for no days.
    Lines that are not `discountable` are left alone by discounts: prorations are, for they were made from what was
    really paid.
    """

    kind: LineKind
    description: str
    amount: Money
    quantity: int = 1
    start: date | None = None
    end: date | None = None
    discountable: bool = True


@dataclass(frozen=True, slots=True)
class PercentOff:
    """A share off, in hundredths of a percent: 12.5 % is `PercentOff(1250)`."""

    hundredths: int

    def __post_init__(self) -> None:
        assert 0 < self.hundredths <= PERCENT, "a discount takes more than nothing and no more than all"


@dataclass(frozen=True, slots=True)
class AmountOff:
    """An amount off the whole invoice."""

    amount: Money

    def __post_init__(self) -> None:
        assert self.amount.minor > 0, "a discount takes more than nothing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Discount:
    """What is taken off, and from how many invoices: `times` 1 is once, None forever; `used` counts them."""

    id: str
    off: PercentOff | AmountOff
    times: int | None = None
    used: int = 0

    @property
    def left(self) -> bool:
        """Whether it still takes anything off."""
        return self.times is None or self.used < self.times


@dataclass(frozen=True, slots=True)
class Taken:
    """What one discount took off one line; positive."""

    discount: str
    amount: Money


@dataclass(frozen=True, slots=True)
class PricedLine:
    """A line and what discounts took off it."""

    line: Line
    taken: tuple[Taken, ...] = ()

    @property
    def net(self) -> Money:
        """What is really paid for it."""
        return Money(
            self.line.amount.minor - sum(one.amount.minor for one in self.taken), self.line.amount.currency
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """What an invoice comes to.

    `subtotal`: its lines. `discount`: what was taken off. `total`: the rest, never below zero. `amount_due`: what is
    to be paid, when the balance came in. `discounts`: as they are once the invoice is open; one that took nothing is
    not used.
    """

    lines: tuple[PricedLine, ...]
    subtotal: Money
    discount: Money
    total: Money
    balance_before: Money
    balance_after: Money
    amount_due: Money
    discounts: tuple[Discount, ...]


def priced(unit_amount: Money, quantity: int) -> Money:
    """The price of so many."""
    assert quantity >= 0, "a quantity is not negative"
    return Money(unit_amount.minor * quantity, unit_amount.currency)


def proration_lines(change: Change, *, old: str, new: str) -> tuple[Line, ...]:
    """The lines of a change: credit, then charge, described by the merchant's words for both. None for nothing."""
    shares = ((f"Unused time: {old}", change.credit), (f"Remaining time: {new}", change.charge))
    return tuple(
        Line(
            kind=LineKind.PRORATION,
            description=words,
            amount=share.amount,
            start=share.start,
            end=share.end,
            discountable=False,
        )
        for words, share in shares
        if share.amount.minor
    )


def discounted(amount: Money, discounts: Sequence[Discount]) -> Money:
    """What is really paid for an amount that stands alone: what a change in mid-period is made from."""
    line = Line(kind=LineKind.SUBSCRIPTION, description="", amount=amount)
    return invoiced([line], currency=amount.currency, discounts=discounts).lines[0].net


def invoiced(
    lines: Sequence[Line],
    *,
    currency: str,
    discounts: Sequence[Discount] = (),
    balance: Money | None = None,
    least: int = 0,
) -> Totals:
    """What these lines come to.

    Discounts are taken in their order, each off what those before it left. `balance`: positive, what the merchant owes
    the customer; negative, what they owe from before. `least` (minor units): less is not charged but carried over.
    """
    assert len(lines) <= LINES_MAX and len(discounts) <= DISCOUNTS_MAX, "an invoice has an end"
    before = balance or Money(0, currency)
    assert {before.currency, *(line.amount.currency for line in lines)} == {currency}, (
        "an invoice has one currency"
    )
    taken, after = _all_taken(lines, discounts, currency=currency)
    rows = tuple(PricedLine(line, tuple(cuts)) for line, cuts in zip(lines, taken, strict=True))
    subtotal = sum(line.amount.minor for line in lines)
    net = sum(row.net.minor for row in rows)
    wanted = net - before.minor
    due = wanted if wanted >= max(least, 1) else 0
    return Totals(
        lines=rows,
        subtotal=Money(subtotal, currency),
        discount=Money(subtotal - net, currency),
        total=Money(max(net, 0), currency),
        balance_before=before,
        balance_after=Money(due - wanted, currency),
        amount_due=Money(due, currency),
        discounts=after,
    )


def _all_taken(
    lines: Sequence[Line], discounts: Sequence[Discount], *, currency: str
) -> tuple[list[list[Taken]], tuple[Discount, ...]]:
    """What every discount takes off every line, and the discounts as they are afterwards."""
    rest = [line.amount.minor if line.discountable else 0 for line in lines]
    taken: list[list[Taken]] = [[] for _ in lines]
    after = []
    for discount in discounts:
        cuts = _cuts(discount, rest, currency=currency)
        for place, cut in enumerate(cuts):
            if cut:
                taken[place].append(Taken(discount.id, Money(cut, currency)))
                rest[place] -= cut
        after.append(replace(discount, used=discount.used + 1) if any(cuts) else discount)
    return taken, tuple(after)


def _cuts(discount: Discount, rest: Sequence[int], *, currency: str) -> list[int]:
    """What a discount takes off each line: from those that cost something, in proportion to what they still cost."""
    weights = [max(minor, 0) for minor in rest]
    whole = min(sum(weights), max(sum(rest), 0))
    if not whole or not discount.left:
        return [0] * len(rest)
    off = Money(_off(discount.off, whole), currency)
    return [share.minor for share in off.split(weights)]


def _off(off: PercentOff | AmountOff, whole: int) -> int:
    """What is taken off so much, rounded half up."""
    match off:
        case PercentOff(hundredths):
            return (2 * whole * hundredths + PERCENT) // (2 * PERCENT)
        case AmountOff(amount):
            return min(amount.minor, whole)
        case _:
            assert_never(off)
