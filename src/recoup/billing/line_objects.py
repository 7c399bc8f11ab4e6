"""What bills are made of as the API shows it: periods, lines, discounts, and what waits for the next invoice."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

from msgspec import Meta, Struct

from recoup.billing.core.amounts import LineKind
from recoup.billing.core.periods import Period
from recoup.billing.core.records import InvoiceLine, Item, Off
from recoup.kit.clock import rfc3339
from recoup.kit.ids import Kind, render

Minor = Annotated[int, Meta(description="In the smallest unit of the currency.")]


class PeriodObject(Struct, kw_only=True, frozen=True):
    """The local days from `start` to the day before `end`."""

    number: Annotated[int, Meta(description="Counts the periods of the subscription, the trial too.")]
    start: str
    end: str


class DiscountObject(Struct, kw_only=True, frozen=True):
    """What is taken off, and off how many invoices more."""

    id: str
    percent_off: Annotated[float | None, Meta(description="Percent, to hundredths.")]
    amount_off: Minor | None
    times: Annotated[int | None, Meta(description="Off so many invoices; null: off all of them.")]
    used: int


class ItemObject(Struct, kw_only=True, frozen=True):
    """What the next invoice takes in beside its period."""

    id: str
    kind: LineKind
    description: str
    amount: Minor
    quantity: int
    period_start: str | None
    period_end: str | None


class LineDiscountObject(Struct, kw_only=True, frozen=True):
    """What one discount took off a line."""

    discount: str
    amount: Minor


class InvoiceLineObject(Struct, kw_only=True, frozen=True):
    """One line: `amount` before discounts, for all of `quantity`."""

    kind: LineKind
    description: str
    amount: Minor
    quantity: int
    period_start: str | None
    period_end: str | None
    discounts: list[LineDiscountObject]
    item: str | None


def item_object(item: Item) -> ItemObject:
    """Something that waits for an invoice."""
    return ItemObject(
        id=render(Kind.INVOICE_ITEM, item.id),
        kind=item.kind,
        description=item.description,
        amount=item.amount,
        quantity=item.quantity,
        period_start=day_of(item.start),
        period_end=day_of(item.end),
    )


def line_object(line: InvoiceLine) -> InvoiceLineObject:
    """A line as it is kept."""
    return InvoiceLineObject(
        kind=line.kind,
        description=line.description,
        amount=line.amount,
        quantity=line.quantity,
        period_start=day_of(line.start),
        period_end=day_of(line.end),
        discounts=[LineDiscountObject(discount=cut.discount, amount=cut.amount) for cut in line.cuts],
        item=None if line.item_id is None else render(Kind.INVOICE_ITEM, line.item_id),
    )


def discount_object(off: Off) -> DiscountObject:
    """A discount as it is now."""
    return DiscountObject(
        id=off.id,
        percent_off=None if off.percent is None else off.percent / 100,
        amount_off=off.amount,
        times=off.times,
        used=off.used,
    )


def period_object(spell: Period) -> PeriodObject:
    """A period as the API shows it."""
    return PeriodObject(number=spell.number, start=spell.start.isoformat(), end=spell.end.isoformat())


def moment(at: datetime | None) -> str | None:
    """A time, where there is one."""
    return None if at is None else rfc3339(at)


def day_of(local: date | None) -> str | None:
    """A day, where there is one."""
    return None if local is None else local.isoformat()
